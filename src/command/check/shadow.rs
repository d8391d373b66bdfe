//! The findings where a shadow's own configuration lacks what the release's has.

use super::findings::Findings;
use super::plugin::ParsedPlugin;
use crate::config::{AnswersConfig, Config, JudgeConfig, Plugin};
use crate::response::Prices;

/// Checks a shadow's configuration against the release's of the same rollout, among `all`.
pub fn check(plugin: &ParsedPlugin<'_>, all: &[ParsedPlugin<'_>], findings: &mut Findings) {
    let Plugin::Rollout(config) = &plugin.plugin else { return };
    if !config.is_shadow() {
        return;
    }
    let mut releases = all.iter().filter_map(|it| Some((it, it.release()?)));
    let release = releases.find(|(_, it)| it.rollout == config.rollout);
    let Some((other, release)) = release else { return };
    for [field, value, effect] in differences(config, release) {
        let fix = format!("{effect}; write it as in {}", other.source.name);
        findings.warnings.push(plugin.finding_at_field(field, value, fix));
    }
}

/// The sections that differ: each one's name, how it differs, and the effect.
fn differences(shadow: &Config, release: &Config) -> Vec<[&'static str; 3]> {
    let prices = |it: &Config| it.answers.as_ref().map(|it| it.prices.clone());
    let others = |it: &Config| {
        let answers = it.answers.clone();
        answers.map(|it| AnswersConfig { prices: Prices::default(), ..it })
    };
    // Its price is that of `prices`.
    let judge = |it: &Config| Some(JudgeConfig { price: None, ..it.judge.clone()? });
    let has_pairs = release.judge.as_ref().is_some_and(|it| it.mode.has_pairs());
    let how = |is_missing: bool| if is_missing { "missing" } else { "differs" };
    let (no_judge, no_samples) = (shadow.judge.is_none(), shadow.samples.is_none());
    let sections = [
        (
            others(shadow) != others(release),
            ["answers", how(false), "green's copies are read otherwise than blue's answers"],
        ),
        (
            prices(shadow) != prices(release),
            ["prices", how(false), "the cost of green's copies is missing, or another than blue's"],
        ),
        (
            has_pairs && judge(shadow) != judge(release),
            ["judge", how(no_judge), "green's half of a pair is not judged"],
        ),
        (
            release.samples.is_some() && shadow.samples != release.samples,
            ["samples", how(no_samples), "green's copies are not exported as blue's answers are"],
        ),
    ];
    sections.into_iter().filter_map(|(differs, section)| differs.then_some(section)).collect()
}
