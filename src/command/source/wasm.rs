//! The Wasm filters of Verdigris in Envoy's configuration.

use std::rc::Rc;

use saphyr_parser::ScalarStyle;

use super::{ConfigLocation, PluginConfigText, Quoting, Source, SurroundingConfig, Wrapper};
use crate::command::yaml::{NodeKind, YamlNode};

/// The type of Envoy's HTTP Wasm filter.
pub const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
/// What the `.wasm` is called as it is built.
pub const BINARY: &str = "verdigris.wasm";
/// The variable of Envoy's environment that has the token for steering.
pub const TOKEN: &str = "VERDIGRIS_CONSOLE_TOKEN";
/// The fields by one of which a plugin configuration is known.
pub const OF_A_PLUGIN: [&str; 4] = ["rollout", "unit", "versions", "role"];
const ROOT_ID: &str = "verdigris";
const STRING_VALUE: &str = "google.protobuf.StringValue";

/// The `config` of a Wasm filter of Verdigris, if the node is such a filter; also as a
/// `TypedStruct`, as Istio writes it. The filter itself does not look at `root_id`.
pub fn filter_of(node: &YamlNode) -> Option<&Rc<YamlNode>> {
    let is_wasm = |name| {
        let kind = node.get(name).and_then(|it| it.text());
        kind.is_some_and(|it| it.ends_with(WASM) || is_nearly_wasm(it))
    };
    let config = if is_wasm("@type") {
        node.get("config")
    } else if is_wasm("type_url") {
        node.get("value")?.get("config")
    } else {
        None
    }?;
    let is_ours = config.get("root_id").is_some_and(|it| it.text() == Some(ROOT_ID))
        || config.get("vm_config").is_some_and(|it| it.flow().contains(BINARY))
        || config.at(&["configuration", "value"]).is_some_and(is_of_a_plugin);
    is_ours.then_some(config)
}

/// Whether a type URL was probably meant to be that of Envoy's HTTP Wasm filter and is not: one of
/// API version 2, or with other capitals.
pub fn is_nearly_wasm(kind: &str) -> bool {
    let name = kind.rsplit('/').next().unwrap_or(kind).to_ascii_lowercase();
    let is_http_wasm = name.ends_with(".wasm") && !name.contains(".network.");
    is_http_wasm && !kind.ends_with(WASM)
}

/// Whether it is a plugin configuration of Verdigris, as text or as a map.
pub fn is_of_a_plugin(value: &YamlNode) -> bool {
    let json = value.text().and_then(|it| serde_json::from_str::<serde_json::Value>(it).ok());
    OF_A_PLUGIN.iter().any(|name| {
        value.get(name).is_some() || json.as_ref().is_some_and(|it| it.get(name).is_some())
    })
}

/// Takes in the `config` of a Wasm filter of Verdigris.
pub fn add(config: &YamlNode, to: &mut Source) {
    let Some(configuration) = config.get("configuration") else {
        let mend = format!(
            "write the plugin configuration as {{\"@type\": \
             \"type.googleapis.com/{STRING_VALUE}\", \"value\": …}}, with its JSON as the value"
        );
        to.remark(config.line, "configuration", Some("missing"), mend);
        return;
    };
    let kind = configuration.get("@type").and_then(|it| it.text()).unwrap_or("missing");
    if !kind.ends_with(STRING_VALUE) {
        let mend = format!(
            "write type.googleapis.com/{STRING_VALUE}, and the plugin configuration as JSON \
             text in value: as a Struct it would not reach the filter as it is written"
        );
        to.remark(configuration.line, "configuration.@type", Some(kind), mend);
        return;
    }
    let value = configuration.get("value");
    let Some((value, NodeKind::Scalar(json, style))) = value.map(|it| (it, &it.what)) else {
        let mend = "write the plugin configuration as JSON text, such as after value: |";
        to.remark(configuration.line, "configuration.value", None, mend.to_owned());
        return;
    };
    let style = match style {
        ScalarStyle::Literal => Quoting::Block,
        ScalarStyle::DoubleQuoted => Quoting::Escaped,
        _ => Quoting::Quoted,
    };
    let place = ConfigLocation { span: value.span.clone(), line: value.line, style };
    to.plugins.push(PluginConfigText { json: json.clone(), place, around: Some(around(config)) });
}

fn around(config: &YamlNode) -> SurroundingConfig {
    let may_wait = match config.get("allow_on_headers_stop_iteration") {
        Some(it) => (it.is_true(), it.line),
        None => (false, config.line),
    };
    let vm = config.get("vm_config");
    let policy = config.get("failure_policy");
    let is_unspecified = |it: &&Rc<YamlNode>| matches!(it.text(), Some("UNSPECIFIED" | "0"));
    let no_failure_policy = match policy {
        None if config.get("fail_open").is_some_and(|it| it.is_true()) => None,
        None => Some(config.line),
        Some(policy) => Some(policy).filter(is_unspecified).map(|it| it.line),
    };
    let path = config.at(&["vm_config", "code", "local", "filename"]);
    SurroundingConfig {
        wrapper: Wrapper::Envoy,
        may_wait,
        vm: Some(vm.map_or((config.line, String::new()), |it| (it.line, it.flow()))),
        can_steer: vm.is_some_and(|it| is_given_token(it)),
        no_failure_policy,
        wasm: path.and_then(|it| Some((it.text()?.to_owned(), it.line))),
    }
}

/// Whether a VM's environment has the token, from Envoy's own or as it is written.
fn is_given_token(vm: &YamlNode) -> bool {
    let Some(environment) = vm.get("environment_variables") else { return false };
    let hosts = environment.get("host_env_keys").map(|it| it.items()).unwrap_or_default();
    hosts.iter().any(|it| it.text() == Some(TOKEN))
        || environment.at(&["key_values", TOKEN]).is_some()
}
