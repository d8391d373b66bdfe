//! Judges.

use serde_json::json;

use super::{ENVOY, Expected, plugin, with_envoy};

const CLUSTER: &str = "  - {name: judge, type: STATIC}\n";

#[test]
fn a_missing_cluster_is_a_problem() {
    let judge = json!({"cluster": "judge", "model": "judge-model"});
    let filter = plugin(json!({"weights": {"blue": 1, "green": 1}, "judge": judge}));
    let text =
        "judge.cluster: \"judge\": is no cluster of the bootstrap, which has verdigris-shadow, ";
    let expected = Expected { kind: "problem", file: "filter.yaml", at: "\"judge\"", text };
    with_envoy(ENVOY.to_owned()).with_filter(&filter).expect(&expected);
    let with_cluster = ENVOY.replacen("  clusters:\n", &format!("  clusters:\n{CLUSTER}"), 1);
    with_envoy(with_cluster).with_filter(&filter).expect_none();
}
