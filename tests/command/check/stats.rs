//! Stats that Envoy drops.

use super::{ENVOY, Expected, Setup, replaced, with_envoy};

fn matcher(matcher: &str) -> Setup {
    let stats_config = format!("stats_config:\n  stats_matcher: {matcher}\n");
    with_envoy(replaced(ENVOY, "stats_config:\n", &stats_config))
}

#[test]
fn a_matcher_that_drops_stats_is_warned_of() {
    for (patterns, text) in [
        ("{reject_all: true}", "drops 90 of 90"),
        (
            "{inclusion_list: {patterns: [{prefix: cluster.}]}}",
            "drops 90 of 90 of Verdigris' stats, such as wasmcustom.verdigris.assistant-v8.blue.requests",
        ),
        ("{exclusion_list: {patterns: [{contains: WASM, ignore_case: true}]}}", "drops 90 of 90"),
        (
            "{exclusion_list: {patterns: [{suffix: _ms}]}}",
            "drops 4 of 90 of Verdigris' stats, such as wasmcustom.verdigris.assistant-v8.blue.duration_ms",
        ),
        (
            "{exclusion_list: {patterns: [{safe_regex: {regex: '.*\\.green\\..*'}}]}}",
            "drops 42 of 90",
        ),
    ] {
        let text = format!("stats_config.stats_matcher: {text}");
        let expected =
            Expected { kind: "warning", file: "envoy.yaml", at: "stats_matcher", text: &text };
        matcher(patterns).expect(&expected);
    }
}

#[test]
fn a_matcher_that_keeps_the_filter_s_stats_is_no_finding() {
    for patterns in [
        "{inclusion_list: {patterns: [{prefix: wasmcustom.}, {prefix: cluster.}]}}",
        "{inclusion_list: {patterns: [{safe_regex: {regex: '(wasmcustom|http)\\..*'}}]}}",
        "{exclusion_list: {patterns: [{prefix: cluster.}, {unheard_of: a}]}}",
    ] {
        matcher(patterns).expect_none();
    }
}
