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

/// A bootstrap whose release listener routes by the version header, as a control plane writes it
/// from an HTTPRoute or a VirtualService. Without early header mutation the filter alone decides.
pub fn route_by_version(bootstrap: &str) -> String {
    let (before, listener) = bootstrap.split_at(release_listener_offset(bootstrap));
    let (head, rest) =
        listener.split_once("          early_header_mutation_extensions:\n").unwrap();
    let (_, rest) = rest.split_once("          route_config:\n").unwrap();
    let (table, rest) = rest.split_once("              routes:\n").unwrap();
    let (_, rest) = rest.split_once("          http_filters:\n").unwrap();
    let route = |matcher: &str, cluster: &str| {
        format!(
            "              - match: {{prefix: /{matcher}}}
                route: {{cluster: {cluster}, timeout: 0s}}
                response_headers_to_add:
                - header: {{key: x-verdigris-version, value: \"%REQ(x-verdigris-version)%\"}}
                  append_action: OVERWRITE_IF_EXISTS_OR_ADD
"
        )
    };
    let green = ", headers: [{name: x-verdigris-version, string_match: {exact: green}}]";
    let routes = [route(green, "llm-green"), route("", "llm-blue")].concat();
    format!(
        "{before}{head}          route_config:\n{table}              routes:\n{routes}          \
         http_filters:\n{rest}"
    )
}

/// The shipped filter.yaml with another plugin configuration.
pub fn filter_yaml(config: &Value) -> String {
    filter_yaml_from_text(&config.to_string())
}

/// The shipped filter.yaml with `text` as plugin configuration, which need not be JSON.
pub fn filter_yaml_from_text(text: &str) -> String {
    let shipped = std::fs::read_to_string(artifacts::shipped("config/filter.yaml")).unwrap();
    let (head, _) = shipped.split_once("value: |").unwrap();
    // A JSON string is a valid YAML string.
    format!("{head}value: {}\n", Value::from(text))
}
