//! The shipped envoy.yaml and filter.yaml, adapted for a test.

use serde_json::Value;

use super::upstream::Upstream;
use crate::artifacts;

/// The offset of the release listener in the bootstrap. The console's listener comes before it.
pub fn release_listener_offset(bootstrap: &str) -> usize {
    bootstrap.find("  - name: llm\n").unwrap()
}

/// The shipped bootstrap on free ports, with a third cluster for the release after green.
pub(super) fn on_free_ports(upstreams: &[Upstream; 3]) -> String {
    let shipped = std::fs::read_to_string(artifacts::shipped("envoy.yaml")).unwrap();
    let (_, green) = shipped.split_once("  - name: llm-green\n    type").unwrap();
    let (green, _) = green.split_once("  # Green first").unwrap();
    let green = format!("  - name: llm-green\n    type{green}");
    let next = green.replace("llm-green", "llm-next").replace("4021", "4022");
    let mut bootstrap = shipped.clone() + &next;
    let [blue, green, next] = upstreams.each_ref().map(|upstream| upstream.port);
    for (shipped, free) in
        [(9901, 0), (9902, 0), (10000, 0), (4020, blue), (4021, green), (4022, next)]
    {
        let ports = format!("port_value: {shipped}}}");
        assert_eq!(bootstrap.matches(&ports).count(), 1, "{ports}");
        bootstrap = bootstrap.replace(&ports, &format!("port_value: {free}}}"));
    }
    bootstrap
}

/// The shipped filter.yaml with another plugin configuration.
pub fn filter_yaml(config: &Value) -> String {
    filter_yaml_from_text(&config.to_string())
}

/// The shipped filter.yaml with `text` as plugin configuration, which need not be JSON.
pub fn filter_yaml_from_text(text: &str) -> String {
    let shipped = std::fs::read_to_string(artifacts::shipped("filter.yaml")).unwrap();
    let (head, _) = shipped.split_once("value: |").unwrap();
    // A JSON string is a valid YAML string.
    format!("{head}value: {}\n", Value::from(text))
}
