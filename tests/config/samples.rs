//! The `samples` section.

use serde_json::{Value, json};
use verdigris::config::{Config, SamplesConfig};
use verdigris::export::ExportedContent;

use crate::schema::assert_both_accept;
use crate::{minimal_config, parse, with_section};

fn with_samples(fields: Value, others: Value) -> Value {
    with_section("samples", json!({"cluster": "otel-collector"}), &fields, &others)
}

fn valid(fields: Value, others: Value) -> (Config, SamplesConfig) {
    let config = with_samples(fields, others);
    assert_both_accept(&config);
    let config = parse(&config).unwrap();
    let samples = config.samples.clone().unwrap();
    (config, samples)
}

#[test]
fn an_export_needs_a_cluster_only() {
    let (config, samples) = valid(json!({}), json!({}));
    assert!(config.answers.unwrap().read, "an export reads answers");
    assert_eq!((samples.cluster.as_str(), &*samples.path), ("otel-collector", "/v1/traces"));
    assert_eq!(samples.content, ExportedContent::Metadata);
    let sampler = samples.sampler;
    assert_eq!((sampler.share, sampler.max_bytes, sampler.blue_per_green.get()), (0.05, 0, 1));
    assert!(parse(&minimal_config()).unwrap().samples.is_none());
}

#[test]
fn texts_are_kept_only_where_they_are_exported() {
    let cases = [
        (json!({"content": "full"}), 32_768),
        (json!({"content": "full", "max_bytes": 1_000}), 1_000),
        (json!({"content": "full", "max_bytes": "1000000"}), 1_000_000),
        (json!({"content": "metadata"}), 0),
        (json!({"content": null, "max_bytes": null}), 0),
    ];
    for (fields, max_bytes) in cases {
        let (_, samples) = valid(fields.clone(), json!({}));
        assert_eq!(samples.sampler.max_bytes, max_bytes, "{fields}");
    }
    let (_, samples) =
        valid(json!({"sample": "2.5%", "path": "/api/public/otel/v1/traces"}), json!({}));
    assert_eq!((samples.sampler.share, &*samples.path), (0.025, "/api/public/otel/v1/traces"));
}

#[test]
fn errors_name_field_value_and_fix() {
    let cases = [
        (
            json!({"cluster": null}),
            json!({}),
            "samples.cluster: missing: write \"samples\": an object",
        ),
        (
            json!({"cluster": "llm-green"}),
            json!({}),
            "samples.cluster: \"llm-green\": is versions.green.cluster, and a model takes no spans",
        ),
        (
            json!({"cluster": "both"}),
            json!({"versions": {"blue": {"cluster": "b"},
                "green": {"cluster": "g", "failover": {"cluster": "both"}}}}),
            "samples.cluster: \"both\": is versions.green.failover.cluster",
        ),
        (json!({"path": "traces"}), json!({}), "samples.path: \"traces\": write the path"),
        (
            json!({"content": "text"}),
            json!({}),
            "samples.content: \"text\": write \"metadata\" or \"full\"",
        ),
        (json!({"sample": 0}), json!({}), "samples.sample: 0: write the share of requests"),
        (
            json!({"max_bytes": 5_000}),
            json!({}),
            "samples.max_bytes: 5000: has no effect while only metadata is exported",
        ),
        (
            json!({"content": "full", "max_bytes": 10}),
            json!({}),
            "samples.max_bytes: 10: write a number of bytes from 1000 to 1000000",
        ),
        (
            json!({}),
            json!({"answers": {"read": false}}),
            "answers.read: false: an export needs answers that are read",
        ),
        (
            json!({"claster": "c"}),
            json!({}),
            "samples.claster: \"c\": unknown field; did you mean cluster?",
        ),
    ];
    for (fields, others, expected) in cases {
        let error = parse(&with_samples(fields.clone(), others)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{fields}: {error}");
    }
}
