//! Clusters that fail over to others.

use super::{ENVOY, Expected, replaced, with_envoy};

#[test]
fn a_version_s_cluster_that_fails_over_is_warned_of() {
    for (kind, members, text) in [
        (
            "aggregate",
            "[green-1, llm-blue]",
            "answers from llm-blue, the other version's cluster, count as green's, so that a failing \
             green may be promoted; use the version's own cluster, and put a composite one into \
             versions.green.failover.cluster",
        ),
        (
            "composite",
            "[{name: green-1}, {name: spare}]",
            "answers from green-1, spare count as green's, so that a failing green may be promoted; \
             use the version's own cluster, and put the composite one into \
             versions.green.failover.cluster",
        ),
    ] {
        let cluster_type = format!(
            "cluster_type: {{name: envoy.clusters.{kind}, typed_config: {{\"@type\": \
             type.googleapis.com/envoy.extensions.clusters.{kind}.v3.ClusterConfig, clusters: {members}}}}}"
        );
        let envoy = replaced(
            ENVOY,
            "  - name: llm-green\n    type: STATIC\n",
            &format!("  - name: llm-green\n    {cluster_type}\n"),
        );
        let text = format!(
            "cluster_type {kind}: \"llm-green\": is green's cluster and fails over to others: {text}"
        );
        let expected =
            Expected { kind: "warning", file: "envoy.yaml", at: "cluster_type", text: &text };
        with_envoy(envoy).expect(&expected);
    }
}
