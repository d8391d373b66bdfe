//! The findings where a shadow's own configuration lacks what the release's has.

use super::findings::Findings;
use super::plugin::ParsedPlugin;
use crate::config::{AnswersConfig, Config, JudgeConfig, Plugin, Role};
use crate::response::Prices;

/// Checks a shadow's configuration against the release's of the same rollout, among `all`.
pub fn check(plugin: &ParsedPlugin<'_>, all: &[ParsedPlugin<'_>], findings: &mut Findings) {
    let Plugin::Rollout(config) = &plugin.plugin else { return };
    if config.role != Some(Role::Shadow) {
        return;
    }
    let mut releases = all.iter().filter_map(|it| Some((it, it.release()?)));
    let release = releases.find(|(_, it)| it.rollout == config.rollout);
    let Some((other, release)) = release else { return };
    for (field, effect) in differences(config, release) {
        let is_missing = match field {
            "judge" => config.judge.is_none(),
            "samples" => config.samples.is_none(),
            _ => false,
        };
        let value = if is_missing { "missing" } else { "differs" };
        let fix = format!("{effect}; write it as in {}", other.source.name);
        findings.warnings.push(plugin.finding_at_field(field, value, fix));
    }
}

/// The sections that differ, each with its effect.
fn differences(shadow: &Config, release: &Config) -> Vec<(&'static str, &'static str)> {
    let prices = |it: &Config| it.answers.as_ref().map(|it| it.prices.clone());
    let others = |it: &Config| {
        let answers = it.answers.clone();
        answers.map(|it| AnswersConfig { prices: Prices::default(), ..it })
    };
    // Its price is that of `prices`.
    let judge = |it: &Config| Some(JudgeConfig { price: None, ..it.judge.clone()? });
    let has_pairs = release.judge.as_ref().is_some_and(|it| it.mode.has_pairs());
    let is_different = [
        ("answers", "green's copies are read otherwise than blue's answers", {
            others(shadow) != others(release)
        }),
        ("prices", "the cost of green's copies is missing, or another than blue's", {
            prices(shadow) != prices(release)
        }),
        ("judge", "green's half of a pair is not judged", {
            has_pairs && judge(shadow) != judge(release)
        }),
        ("samples", "green's copies are not exported as blue's answers are", {
            release.samples.is_some() && shadow.samples != release.samples
        }),
    ];
    let different = is_different.into_iter().filter(|(_, _, is_different)| *is_different);
    different.map(|(field, effect, _)| (field, effect)).collect()
}
