//! The documents say what is so.

use serde_json::Value;
use verdigris::assign::Version;
use verdigris::config::Config;
use verdigris::stats::{Counter, Gauge, Histogram, gauge_name, metric_name};

const README: &str = include_str!("../README.md");
const FILTER_YAML: &str = include_str!("../envoy/filter.yaml");
const ENVOY_YAML: &str = include_str!("../envoy/envoy.yaml");

fn json_examples() -> Vec<&'static str> {
    let fenced = README.split("```json\n").skip(1);
    fenced.map(|rest| rest.split_once("```").unwrap().0).collect()
}

#[test]
fn every_example_of_a_configuration_is_one() {
    let examples = json_examples();
    assert_eq!(examples.len(), 3);
    for example in examples {
        Config::parse(example.as_bytes()).unwrap_or_else(|refused| panic!("{example}\n{refused}"));
    }
}

#[test]
fn the_shipped_rollout_agrees_with_the_shipped_bootstrap() {
    let (_, text) = FILTER_YAML.split_once("value: |\n").unwrap();
    let config = Config::parse(text.as_bytes()).unwrap();
    let early_mutation = [
        (config.cluster_header.as_str(), config.default_cluster.as_str()),
        (config.version_header.as_str(), "blue"),
    ];
    for (key, value) in early_mutation {
        let header = format!("header: {{key: {key}, value: {value}}}");
        assert!(ENVOY_YAML.contains(&header), "{header}");
    }
    for version in Version::ALL {
        let cluster = format!("  - name: {}\n", config.cluster(version));
        assert!(ENVOY_YAML.contains(&cluster), "{cluster}");
    }
}

/// The parser itself lists its fields when it meets one that it does not know.
#[test]
fn the_reference_describes_every_field() {
    let refused = Config::parse(br#"{"no_such_field": 1}"#).unwrap_err().to_string();
    let (_, list) = refused.split_once("expected one of ").unwrap();
    let fields: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    assert!(fields.len() >= 10, "{fields:?}");
    let everything = json_examples().into_iter().max_by_key(|example| example.len()).unwrap();
    let everything: Value = serde_json::from_str(everything).unwrap();
    for field in fields {
        assert!(README.contains(&format!("\n| `{field}` | ")), "{field} has no line");
        assert!(everything.get(field).is_some(), "{field} is not in the example of everything");
    }
}

#[test]
fn the_reference_describes_every_stat() {
    let counters = Counter::DECISIONS.into_iter().chain(Counter::OUTCOMES);
    for counter in counters {
        let name = metric_name("r", Version::Blue, counter);
        let metric = name.strip_prefix("verdigris.r.blue.").unwrap();
        assert!(README.contains(&format!("\n| `{metric}` | counter")), "{metric}");
    }
    for histogram in Histogram::ALL {
        assert!(README.contains(&format!("\n| `{histogram}` | histogram")), "{histogram}");
    }
    for gauge in Gauge::ALL {
        let name = gauge_name("r", gauge);
        let metric = name.strip_prefix("verdigris.r.").unwrap();
        assert!(README.contains(&format!("\n| `{metric}` | gauge")), "{metric}");
    }
}

/// The message that the README shows is the one that the parser gives.
#[test]
fn the_example_of_a_refusal_is_real() {
    let example = json_examples()[0].replacen('{', r#"{"weights": {"blue": 0, "green": 0},"#, 1);
    let refused = Config::parse(example.as_bytes()).unwrap_err().to_string();
    assert!(
        README.contains(&format!("configuration refused, the one in force stays: {refused}\n"))
    );
}
