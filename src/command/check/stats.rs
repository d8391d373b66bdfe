//! Checks that Envoy keeps the filter's stats.

use regex::RegexBuilder;

use super::envoy::Envoy;
use super::findings::Findings;
use crate::assignment::Version;
use crate::command::yaml::YamlNode;
use crate::config::Config;
use crate::stats::names::{Counter, Gauge, Histogram, StatScope, gauge_name, metric_name};

/// Envoy's prefix of the stats of Wasm filters.
const NAMESPACE: &str = "wasmcustom.";

/// Checks `stats_config.stats_matcher`.
pub fn check(envoy: &Envoy<'_>, rollouts: &[&Config], findings: &mut Findings) {
    let names: Vec<&str> = rollouts.iter().map(|it| it.rollout.as_str()).collect();
    // Without a rollout, the names are of an example.
    let names = if names.is_empty() { vec!["assistant-v8"] } else { names };
    let stats: Vec<String> = names.into_iter().flat_map(stat_names).collect();
    for scope in &envoy.scopes {
        let root = &scope.document.root;
        let Some(matcher) = root.at(&["stats_config", "stats_matcher"]) else { continue };
        let dropped: Vec<_> = stats.iter().filter(|it| drops(matcher, it)).collect();
        let Some(first) = dropped.first() else { continue };
        let how = match matcher.get("inclusion_list") {
            Some(_) => format!("add {{prefix: {NAMESPACE}verdigris.}} to inclusion_list"),
            None => format!("do not exclude {NAMESPACE}verdigris."),
        };
        let fix = format!(
            "drops {} of {} of Verdigris' stats, such as {first}: they stay 0 on the page, in Prometheus \
             and for alerts; {how}",
            dropped.len(),
            stats.len()
        );
        findings.warnings.push(scope.finding(matcher, "stats_config.stats_matcher", None, fix));
    }
}

/// The names of a rollout's stats in Envoy.
fn stat_names(rollout: &str) -> Vec<String> {
    let versions = Version::ALL.map(StatScope::Of);
    let of_versions = versions.into_iter().flat_map(|scope| {
        let counters = Counter::DECISIONS.into_iter().chain(Counter::OUTCOMES);
        let counters = counters.map(move |it| metric_name(rollout, scope, it));
        counters.chain(Histogram::ALL.map(|it| metric_name(rollout, scope, it)))
    });
    let gauges = Gauge::ALL.map(|it| gauge_name(rollout, it));
    of_versions.chain(gauges).map(|it| format!("{NAMESPACE}{it}")).collect()
}

/// Whether a matcher drops a stat. Patterns of an unknown kind are assumed not to.
fn drops(matcher: &YamlNode, stat: &str) -> bool {
    if matcher.get("reject_all").is_some_and(|it| it.is_true()) {
        return true;
    }
    let any_matches = |list: &YamlNode, unknown: bool| {
        let patterns = list.get("patterns").map(|it| it.items()).unwrap_or_default();
        patterns.iter().any(|it| matches(it, stat).unwrap_or(unknown))
    };
    let included = matcher.get("inclusion_list").map(|it| any_matches(it, true));
    let excluded = matcher.get("exclusion_list").map(|it| any_matches(it, false));
    included == Some(false) || excluded == Some(true)
}

/// Whether a `StringMatcher` of Envoy matches; `None` for one of an unknown kind.
fn matches(pattern: &YamlNode, stat: &str) -> Option<bool> {
    let ignores_case = pattern.get("ignore_case").is_some_and(|it| it.is_true());
    if let Some(regex) = pattern.at(&["safe_regex", "regex"]).and_then(YamlNode::text) {
        // Envoy matches the full name.
        let regex = RegexBuilder::new(&format!("^(?:{regex})$")).build().ok()?;
        return Some(regex.is_match(stat));
    }
    let cased = |text: &str| if ignores_case { text.to_ascii_lowercase() } else { text.to_owned() };
    let stat = cased(stat);
    let text = |name: &str| Some(cased(pattern.get(name)?.text()?));
    if let Some(it) = text("exact") {
        return Some(stat == it);
    }
    if let Some(it) = text("prefix") {
        return Some(stat.starts_with(&it));
    }
    if let Some(it) = text("suffix") {
        return Some(stat.ends_with(&it));
    }
    text("contains").map(|it| stat.contains(&it))
}
