//! Whether a rollout agrees with the bootstrap.

use serde_json::{Value, json};

use super::{ENVOY, Setup, findings, plugin};
use crate::run::{Files, config, filter_yaml, verdigris};

#[test]
fn a_rollout_that_does_not_agree_with_the_bootstrap_is_warned_of() {
    let files = Files::new();
    let cases = [
        (
            json!({"default_cluster": "llm-green"}),
            "early header mutation sets it to \"llm-blue\", but default_cluster is \"llm-green\"",
        ),
        (
            json!({"version_header": "x-v"}),
            "version_header: \"x-v\": no early header mutation sets it to \"blue\"",
        ),
    ];
    for (fields, expected) in cases {
        let file = files.add("filter.yaml", &filter_yaml(&config(fields).to_string()));
        let output = verdigris(&["check", &file, "envoy/envoy.yaml"]);
        assert_eq!(output.code, 0, "{output:?}");
        assert!(output.out.contains("warning: ") && output.out.contains(expected), "{output:?}");
        assert_eq!(verdigris(&["check", "--strict", &file, "envoy/envoy.yaml"]).code, 1);
    }
}

#[test]
fn a_bootstrap_that_lets_clients_choose_is_warned_of() {
    let files = Files::new();
    let shipped = ENVOY;
    let appends = shipped.replacen(OVERWRITE, "", 1);
    let (before, rest) = shipped.split_once("          early_header_mutation_ext").unwrap();
    let (_, after) = rest.split_once("          route_config:").unwrap();
    let (_, unprotected) = before.split_once("  - name: llm\n").unwrap();
    let (routes, _) = after.split_once("  # Gets a copy").unwrap();
    let unprotected =
        format!("  - name: unprotected\n{unprotected}          route_config:{routes}");
    let two = shipped.replacen("  - name: llm\n", &format!("{unprotected}  - name: llm\n"), 1);
    let no_route = shipped.replace("cluster_header: x-verdigris-cluster", "cluster: llm-blue");
    let removed_first = appends.replacen(
        "              - append:",
        "              - remove: x-verdigris-cluster\n              - append:",
        1,
    );
    for (envoy, expected) in [
        (appends, "cluster_header: \"x-verdigris-cluster\": early header mutation only appends"),
        (two, "in the listener \"unprotected\", no early header mutation sets it to \"llm-blue\""),
        (no_route, "cluster_header: \"x-verdigris-cluster\": no route uses it as its"),
        (removed_first, ""),
    ] {
        let envoy = files.add("envoy.yaml", &envoy);
        let output = verdigris(&["check", "--strict", "envoy/config/filter.yaml", &envoy]);
        assert_eq!(output.code, i32::from(!expected.is_empty()), "{expected}: {output:?}");
        assert!(output.out.contains(expected), "{expected}: {output:?}");
    }
    // The order of listeners does not matter.
    let envoy = files.add("envoy.yaml", &shipped.replacen("  - name: llm\n", SHADOW, 1));
    let output = verdigris(&["check", "--strict", "envoy/config/filter.yaml", &envoy]);
    assert_eq!(output.code, 0, "{output:?}");
}

/// A missing cluster is a problem, whatever it is for. Where a CDS server may have it, a note says so.
#[test]
fn a_missing_cluster_is_a_problem_unless_a_cds_server_may_have_it() {
    let judge = json!({"cluster": "teal", "model": "judge-model"});
    for (field, fields) in [
        (
            "versions.green.cluster",
            json!({"versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "teal"}}}),
        ),
        (
            "versions.blue.cluster",
            json!({
                "versions": {"blue": {"cluster": "teal"}, "green": {"cluster": "llm-green"}},
                "default_cluster": "llm-blue",
            }),
        ),
        ("judge.cluster", json!({"weights": {"blue": 1, "green": 1}, "judge": judge})),
        ("samples.cluster", json!({"samples": {"cluster": "teal"}})),
    ] {
        let filter = plugin(fields);
        let missing = format!("{field}: \"teal\": is no cluster of the bootstrap, which has ");
        let unknown =
            format!("{field}: \"teal\": is no static cluster of the bootstrap, so its CDS");
        let ads = "ads_config: {api_type: GRPC}";
        for (dynamic, kind, text) in [
            ("", "problem", &missing),
            // ADS alone brings no clusters.
            (&*format!("dynamic_resources: {{{ads}}}\n"), "problem", &missing),
            ("dynamic_resources: {cds_config: {ads: {}}}\n", "note", &unknown),
        ] {
            let envoy = format!("{ENVOY}\n{dynamic}");
            let output = Setup { filter: filter.clone(), envoy }.check();
            let found = findings(&output);
            let [found] = found.as_slice() else { panic!("{field} {dynamic}: {found:#?}") };
            assert_eq!(found.kind, kind, "{dynamic}: {found:?}");
            assert!(found.text.starts_with(text), "{found:?}");
            assert_eq!(output.code, i32::from(kind == "problem"), "{output:?}");
        }
    }
}

const OVERWRITE: &str = "\n                  append_action: OVERWRITE_IF_EXISTS_OR_ADD";

/// A shadow's listener, and the beginning of the listener after it.
const SHADOW: &str = r#"  - name: another-shadow
    internal_listener: {}
    metadata: {filter_metadata: {verdigris: {role: shadow}}}
    filter_chains:
    - filters:
      - typed_config:
          early_header_mutation_extensions:
          - typed_config:
              mutations:
              - remove: x-verdigris-cluster
              - append: {header: {key: x-verdigris-version, value: shadow}}
  - name: llm
"#;

#[test]
fn a_shadow_needs_a_route_a_listener_and_early_header_mutation() {
    let files = Files::new();
    let shipped = ENVOY;
    let shadow = json!({"shadow": {"percent": 10}});
    let filter = files.add("filter.yaml", &filter_yaml(&config(shadow).to_string()));
    let cases = [
        (shipped.to_owned(), None),
        (
            shipped.replace("request_mirror_policies", "no_mirror_policies"),
            Some("no route with request_mirror_policies matches it"),
        ),
        (
            shipped.replace("- remove: x-verdigris-shadow", "- remove: x-other"),
            Some(
                "no early header mutation removes it, so clients can have their requests mirrored",
            ),
        ),
        (
            shipped.replace("verdigris: {role: shadow}", "verdigris: {role: release}"),
            Some("no listener has the metadata verdigris.role: shadow"),
        ),
        (
            shipped.replace("- remove: x-verdigris-cluster", "- remove: x-other"),
            Some("the shadow's listener does not remove x-verdigris-cluster early"),
        ),
    ];
    for (envoy, expected) in cases {
        let envoy = files.add("envoy.yaml", &envoy);
        let output = verdigris(&["check", &filter, &envoy, "--strict"]);
        assert_eq!(output.code, i32::from(expected.is_some()), "{output:?}");
        let expected = expected.map(|it| format!("shadow.header: \"x-verdigris-shadow\": {it}"));
        assert!(output.out.contains(&expected.unwrap_or_default()), "{output:?}");
    }
    // With a configuration of its own, the shadow's listener needs no metadata.
    let own = files.add("shadow.json", &config(json!({"role": "shadow"})).to_string());
    let envoy = shipped.replace("verdigris: {role: shadow}", "verdigris: {}");
    let envoy = files.add("envoy.yaml", &envoy);
    let output = verdigris(&["check", &filter, &own, &envoy]);
    assert!(!output.out.contains("metadata"), "{output:?}");
}

#[test]
fn a_shadow_step_needs_the_parts_of_a_shadow_and_request_ids() {
    let files = Files::new();
    let check = |ramp: Value, envoy: &str| {
        let config = config(json!({"ramp": ramp}));
        let filter = files.add("filter.yaml", &filter_yaml(&config.to_string()));
        let envoy = files.add("envoy.yaml", envoy);
        verdigris(&["check", &filter, &envoy, "--strict"])
    };
    let with_step = || json!({"steps": [{"shadow": 10}, 1, 50]});
    let without_ids = ENVOY
        .replace("stat_prefix: llm\n", "stat_prefix: llm\n          generate_request_id: false\n");
    let without_mirror = ENVOY.replace("request_mirror_policies", "no_mirror_policies");
    assert_eq!(check(with_step(), ENVOY).code, 0);
    let cases = [
        (&without_ids, "generate_request_id is false"),
        (&without_mirror, "no route with request_mirror_policies matches it"),
    ];
    for (envoy, expected) in cases {
        let output = check(with_step(), envoy);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.out.contains(expected), "{output:?}");
    }
    // Only the pairs of the step need ids.
    assert_eq!(check(json!({"steps": [1, 50]}), &without_ids).code, 0);
}
