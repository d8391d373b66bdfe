//! Several rollouts in one bootstrap.

use serde_json::{Value, json};

use super::ENVOY;
use crate::run::{CommandOutput, Files, config, filter_yaml, verdigris};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// A rollout with clusters of its own.
fn rollout(name: &str, cluster_header: &str) -> Value {
    config(json!({
        "rollout": name,
        "cluster_header": cluster_header,
        "version_header": cluster_header.replace("cluster", "version"),
        "versions": {
            "blue": {"cluster": format!("{name}-blue")},
            "green": {"cluster": format!("{name}-green")},
        },
    }))
}

/// The resource with a rollout, which a filter of this name reads.
fn resource(filter: &str, rollout: &Value) -> String {
    filter_yaml(&rollout.to_string()).replace("name: verdigris\n", &format!("name: {filter}\n"))
}

/// An HTTP filter that reads its configuration from this file.
fn filter(name: &str, file: &str) -> String {
    format!(
        "{{name: {name}, config_discovery: {{config_source: {{path_config_source: {{path: \
         config/{file}, watched_directory: {{path: config}}}}}}, default_config: {{}}, type_urls: [{WASM}]}}}}"
    )
}

/// An HTTP connection manager with these filters, and headers and a route for each rollout: the name
/// of its cluster header, and its blue cluster.
fn manager(filters: &[String], rollouts: &[(&str, &str)]) -> String {
    let mutation = |header: &str, value: &str| {
        format!(
            "{{append: {{header: {{key: {header}, value: {value}}}, append_action: \
             OVERWRITE_IF_EXISTS_OR_ADD}}}}"
        )
    };
    let mutations: Vec<String> = rollouts
        .iter()
        .flat_map(|(header, blue)| {
            [mutation(header, blue), mutation(&header.replace("cluster", "version"), "blue")]
        })
        .collect();
    let routes: Vec<String> = rollouts
        .iter()
        .map(|(header, _)| {
            format!("{{match: {{prefix: /{header}}}, route: {{cluster_header: {header}}}}}")
        })
        .collect();
    format!(
        "{{name: envoy.filters.network.http_connection_manager, typed_config: \
         {{early_header_mutation_extensions: [{{typed_config: {{mutations: [{}]}}}}], route_config: \
         {{virtual_hosts: [{{routes: [{}]}}]}}, http_filters: [{}, {{name: envoy.filters.http.router}}]}}}}",
        mutations.join(", "),
        routes.join(", "),
        filters.join(", "),
    )
}

/// A bootstrap with listeners, each of chains, each of one manager.
fn bootstrap(listeners: &[Vec<String>]) -> String {
    let chains = |managers: &[String]| {
        let all: Vec<String> = managers.iter().map(|it| format!("{{filters: [{it}]}}")).collect();
        all.join(", ")
    };
    let listeners: String = listeners
        .iter()
        .enumerate()
        .map(|(at, it)| format!("  - {{name: listener-{at}, filter_chains: [{}]}}\n", chains(it)))
        .collect();
    let clusters = ["a-blue", "a-green", "b-blue", "b-green"].map(|it| format!("{{name: {it}}}"));
    let clusters = clusters.join(", ");
    format!("static_resources:\n  listeners:\n{listeners}  clusters: [{clusters}]\n")
}

/// Checks the files with the rollouts, and a bootstrap.
fn check(a: &str, b: &str, envoy: &str) -> CommandOutput {
    let files = [("a.yaml", a), ("b.yaml", b), ("envoy.yaml", envoy)];
    let folder = Files::new();
    folder.add("verdigris.wasm", "\0asm");
    let files = files.map(|(name, text)| folder.add(name, text));
    verdigris(&["check", "--strict", &files[0], &files[1], &files[2]])
}

const SAME: &str = "x-verdigris-cluster";
const OTHER: &str = "x-b-cluster";

/// Each rollout is checked against what runs it, and against nothing else.
#[test]
fn rollouts_side_by_side_are_fine() {
    let (a, b) = (rollout("a", SAME), rollout("b", SAME));
    let of = |name: &str, file: &str, blue: &str| manager(&[filter(name, file)], &[(SAME, blue)]);
    let (of_a, of_b) = (of("verdigris", "a.yaml", "a-blue"), of("verdigris", "b.yaml", "b-blue"));
    let both = manager(
        &[filter("verdigris-a", "a.yaml"), filter("verdigris-b", "b.yaml")],
        &[(SAME, "a-blue"), (OTHER, "b-blue")],
    );
    let (same, in_one) = (("verdigris", b.clone()), ("verdigris-b", rollout("b", OTHER)));
    for (what, name_of_a, (name_of_b, b), envoy) in [
        ("two listeners", "verdigris", &same, bootstrap(&[vec![of_a.clone()], vec![of_b.clone()]])),
        ("two chains", "verdigris", &same, bootstrap(&[vec![of_a.clone(), of_b]])),
        ("one manager", "verdigris-a", &in_one, bootstrap(&[vec![both]])),
    ] {
        let (a, b) = (resource(name_of_a, &a), resource(name_of_b, b));
        let output = check(&a, &b, &envoy);
        assert_eq!(output.code, 0, "{what}: {output:?}");
        assert!(
            output.out.contains("a.yaml (a)") && output.out.contains("b.yaml (b)"),
            "{output:?}"
        );
    }
    // A mistake at one rollout is found there alone.
    let wrong = of("verdigris", "b.yaml", "a-blue");
    let (a, b) = (resource("verdigris", &a), resource("verdigris", &b));
    for envoy in
        [bootstrap(&[vec![of_a.clone()], vec![wrong.clone()]]), bootstrap(&[vec![of_a, wrong]])]
    {
        let output = check(&a, &b, &envoy);
        assert_eq!(output.code, 1, "{output:?}");
        let expected =
            "early header mutation sets it to \"a-blue\", but default_cluster is \"b-blue\"";
        assert!(output.out.contains(expected), "{output:?}");
        assert_eq!(output.out.matches("warning: ").count(), 1, "{output:?}");
    }
    // A filter after both is reported once, and one in between at the first of them.
    let (first, second) = (filter("verdigris-a", "a.yaml"), filter("verdigris-b", "b.yaml"));
    let jwt = "{name: envoy.filters.http.jwt_authn}".to_owned();
    let (a, b) = (a.replace("name: verdigris\n", "name: verdigris-a\n"), in_one);
    let b = resource(b.0, &b.1);
    for filters in [[first.clone(), second.clone(), jwt.clone()], [first, jwt, second]] {
        let manager = manager(&filters, &[(SAME, "a-blue"), (OTHER, "b-blue")]);
        let output = check(&a, &b, &bootstrap(&[vec![manager]]));
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.out.contains("authenticates after Verdigris"), "{output:?}");
        assert_eq!(output.out.matches("warning: ").count(), 1, "{output:?}");
    }
}

/// A second filter in the shipped bootstrap's chain, whose name is not its resource's.
#[test]
fn every_filter_of_a_chain_is_checked() {
    let second = filter("verdigris-b", "b.yaml");
    let router = "          - name: envoy.filters.http.router\n";
    let at = ENVOY.find("  - name: llm\n").unwrap();
    let (before, after) = ENVOY.split_at(at);
    let envoy = format!(
        "{before}{}",
        after.replacen(router, &format!("          - {second}\n{router}"), 1)
    );
    let b = resource("release", &rollout("b", OTHER));
    let a = include_str!("../../../envoy/config/filter.yaml");
    let output = check(&a.replace("filter.yaml", "a.yaml"), &b, &envoy);
    let expected = "name: \"release\": Envoy rejects it (\"Unexpected resource name\"), since the HTTP \
                    filter is named \"verdigris-b\"";
    assert!(output.out.contains(expected), "{output:?}");
}

/// Both files decide how the halves of a pair are read, judged and counted.
#[test]
fn a_shadow_s_own_file_repeats_what_the_release_s_says() {
    let versions = json!({"blue": {"cluster": "a-blue"}, "green": {"cluster": "a-green"}});
    let prices = json!({"judge-model": {"input": 1, "output": 2}});
    let judge = json!({"cluster": "judge", "model": "judge-model", "mode": "pairwise"});
    let release = config(json!({
        "versions": versions,
        "ramp": {"steps": [{"shadow": "10%"}, 5, 100]},
        "answers": {"plain": true},
        "prices": prices,
        "judge": judge,
        "samples": {"cluster": "receiver"},
    }));
    let mut shadow = config(json!({"role": "shadow", "versions": versions}));
    let warnings = |shadow: &Value| {
        let folder = Files::new();
        folder.add("verdigris.wasm", "\0asm");
        let release = folder.add("release.yaml", &filter_yaml(&release.to_string()));
        let shadow = folder.add("shadow.yaml", &filter_yaml(&shadow.to_string()));
        let output = verdigris(&["check", &release, &shadow]);
        let fields = ["answers: differs", "prices: differs", "judge: missing", "samples: missing"];
        let found: Vec<_> = fields.into_iter().filter(|it| output.out.contains(it)).collect();
        (found.len(), output)
    };
    let (count, output) = warnings(&shadow);
    assert_eq!(count, 4, "{output:?}");
    assert!(output.out.contains("write it as in "), "{output:?}");
    for field in ["answers", "prices", "judge", "samples"] {
        shadow[field] = release[field].clone();
    }
    let (count, output) = warnings(&shadow);
    assert_eq!(count, 0, "{output:?}");
    assert!(!output.out.contains("write it as in "), "{output:?}");
}
