//! Whether Envoy keeps the filter's stats.

use regex::RegexBuilder;

use super::envoy::Envoy;
use super::findings::Findings;
use crate::assignment::Version;
use crate::command::yaml::YamlNode;
use crate::config::Config;
use crate::stats::names::{Counter, Gauge, Histogram, StatScope, gauge_name, metric_name};

/// What Envoy puts before the names that a Wasm filter defines.
const NAMESPACE: &str = "wasmcustom.";

/// Looks at what `stats_config.stats_matcher` drops.
pub fn look(envoy: &Envoy<'_>, rollouts: &[&Config], findings: &mut Findings) {
    let names: Vec<&str> = rollouts.iter().map(|it| it.rollout.as_str()).collect();
    let names = if names.is_empty() { vec!["assistant-v8"] } else { names };
    let stats: Vec<String> = names.into_iter().flat_map(stats_of).collect();
    for scope in &envoy.scopes {
        let root = &scope.document.root;
        let Some(matcher) = root.at(&["stats_config", "stats_matcher"]) else { continue };
        let dropped: Vec<_> = stats.iter().filter(|it| drops(matcher, it)).collect();
        let Some(first) = dropped.first() else { continue };
        let way = match matcher.get("inclusion_list") {
            Some(_) => format!("add {{prefix: {NAMESPACE}verdigris.}} to inclusion_list"),
            None => format!("let it leave {NAMESPACE}verdigris. out"),
        };
        let mend = format!(
            "drops {} of {} of Verdigris' stats, such as {first}: they stay 0 on the page, in Prometheus \
             and for alerts; {way}",
            dropped.len(),
            stats.len()
        );
        findings.warnings.push(scope.remark(matcher, "stats_config.stats_matcher", None, mend));
    }
}

/// The stats that each rollout has.
fn stats_of(rollout: &str) -> Vec<String> {
    let versions = Version::ALL.map(StatScope::Of);
    let of_versions = versions.into_iter().flat_map(|account| {
        let counters = Counter::DECISIONS.into_iter().chain(Counter::OUTCOMES);
        let counters = counters.map(move |it| metric_name(rollout, account, it));
        counters.chain(Histogram::ALL.map(|it| metric_name(rollout, account, it)))
    });
    let gauges = Gauge::ALL.map(|it| gauge_name(rollout, it));
    of_versions.chain(gauges).map(|it| format!("{NAMESPACE}{it}")).collect()
}

/// Whether a matcher drops a stat. What is not understood here drops nothing.
fn drops(matcher: &YamlNode, stat: &str) -> bool {
    if matcher.get("reject_all").is_some_and(|it| it.is_true()) {
        return true;
    }
    let is_in = |list: &YamlNode, unknown: bool| {
        let patterns = list.get("patterns").map(|it| it.items()).unwrap_or_default();
        patterns.iter().any(|it| matches(it, stat).unwrap_or(unknown))
    };
    let included = matcher.get("inclusion_list").map(|it| is_in(it, true));
    let excluded = matcher.get("exclusion_list").map(|it| is_in(it, false));
    included == Some(false) || excluded == Some(true)
}

/// Whether one of Envoy's `StringMatcher`s matches; `None` for one that is of no known kind.
fn matches(pattern: &YamlNode, stat: &str) -> Option<bool> {
    let ignores_case = pattern.get("ignore_case").is_some_and(|it| it.is_true());
    if let Some(regex) = pattern.at(&["safe_regex", "regex"]).and_then(YamlNode::text) {
        // All of it must match.
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
