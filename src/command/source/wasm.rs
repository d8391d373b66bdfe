//! The Wasm filters of Verdigris in an Envoy configuration.

use std::rc::Rc;

use saphyr_parser::ScalarStyle;

use super::finding::Finding;
use super::plugin_config::{
    ConfigLocation, Located, PluginConfigText, Quoting, SurroundingConfig, Wrapper,
};
use super::yaml_json::YamlReader;
use crate::command::position::Position;
use crate::command::yaml::{NodeKind, YamlNode};
use crate::console::TOKEN_VARIABLE;

/// The type of Envoy's HTTP Wasm filter.
pub const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
/// The file name of the built `.wasm`.
pub const BINARY: &str = "verdigris.wasm";
/// Any of these fields identifies a plugin configuration.
pub const PLUGIN_FIELDS: [&str; 4] = ["rollout", "unit", "versions", "role"];
const ROOT_ID: &str = "verdigris";
const STRING_VALUE: &str = "google.protobuf.StringValue";
const STRUCT: &str = "google.protobuf.Struct";
/// Both ways to write a plugin configuration, for messages.
const NOTATIONS: &str = "as {\"@type\": \"type.googleapis.com/google.protobuf.Struct\", \
                         \"value\": …} with YAML as the value, or as \
                         type.googleapis.com/google.protobuf.StringValue with JSON text";

/// The `config` of a Wasm filter of Verdigris, if the node is one; also in a `TypedStruct`, as
/// Istio writes it. `root_id` is only a hint: the filter ignores it.
pub fn filter_config(node: &YamlNode) -> Option<&Rc<YamlNode>> {
    let is_wasm = |field| {
        let url = node.get(field).and_then(|it| it.text());
        url.is_some_and(|it| it.ends_with(WASM) || is_misspelt_wasm_type(it))
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
        || config.at(&["configuration", "value"]).is_some_and(is_plugin_config);
    is_ours.then_some(config)
}

/// Whether a type URL is probably meant to be [`WASM`]: of API version 2, or in another case.
pub fn is_misspelt_wasm_type(url: &str) -> bool {
    let name = url.rsplit('/').next().unwrap_or(url).to_ascii_lowercase();
    let is_http_wasm = name.ends_with(".wasm") && !name.contains(".network.");
    is_http_wasm && !url.ends_with(WASM)
}

/// Whether a value is a plugin configuration of Verdigris, as JSON text or as a map.
pub fn is_plugin_config(value: &YamlNode) -> bool {
    let json = value.text().and_then(|it| serde_json::from_str::<serde_json::Value>(it).ok());
    PLUGIN_FIELDS.iter().any(|name| {
        value.get(name).is_some() || json.as_ref().is_some_and(|it| it.get(name).is_some())
    })
}

/// The plugin configuration in the `config` of a Wasm filter.
///
/// # Errors
/// It is missing, or neither JSON text in a `StringValue` nor a map in a `Struct`.
pub fn plugin_config(
    config: &Rc<YamlNode>,
    reader: YamlReader,
    file: &str,
) -> Result<PluginConfigText, Finding> {
    let Some(configuration) = config.get("configuration") else {
        let fix = format!("write the plugin configuration there, {NOTATIONS}");
        return Err(Finding::new(file, config.position, "configuration", Some("missing"), fix));
    };
    let url = configuration.get("@type").and_then(|it| it.text()).unwrap_or("missing");
    let is_struct = url.ends_with(STRUCT);
    if !is_struct && !url.ends_with(STRING_VALUE) {
        let fix = format!("write the plugin configuration {NOTATIONS}");
        let position = configuration.position;
        return Err(Finding::new(file, position, "configuration.@type", Some(url), fix));
    }
    let value = configuration.get("value");
    if let Some(value) = value.filter(|it| is_struct && matches!(it.kind, NodeKind::Map(_))) {
        return PluginConfigText::from_yaml(value, reader, surrounding(config), file);
    }
    let Some((value, NodeKind::Scalar(json, style))) =
        value.map(|it| (it, &it.kind)).filter(|_| !is_struct)
    else {
        let fix = if is_struct {
            format!(
                "write the fields of the plugin configuration below value:, for text use {STRING_VALUE}"
            )
        } else {
            format!("write JSON text, such as after value: |, or use {STRUCT} for YAML")
        };
        return Err(Finding::new(file, configuration.position, "configuration.value", None, fix));
    };
    let quoting = match style {
        ScalarStyle::Literal => Quoting::Block,
        ScalarStyle::DoubleQuoted => Quoting::Escaped,
        _ => Quoting::Quoted,
    };
    let location = ConfigLocation { span: value.span.clone(), start: value.position, quoting };
    let surrounding = Some(surrounding(config));
    Ok(PluginConfigText { json: json.clone(), location, yaml: None, surrounding })
}

fn surrounding(config: &Rc<YamlNode>) -> SurroundingConfig {
    let vm = config.get("vm_config");
    let path = config.at(&["vm_config", "code", "local", "filename"]);
    let vm_config = match vm {
        Some(vm) => Located { value: vm.flow(), position: vm.position },
        None => Located { value: String::new(), position: config.position },
    };
    SurroundingConfig {
        wrapper: Wrapper::Envoy,
        config: Some(Rc::clone(config)),
        allows_waiting: allows_waiting(config),
        vm_config: Some(vm_config),
        has_token: vm.is_some_and(|it| has_token(it)),
        missing_failure_policy: missing_failure_policy(config),
        wasm_path: path
            .and_then(|it| Some(Located { value: it.text()?.to_owned(), position: it.position })),
    }
}

/// `allow_on_headers_stop_iteration` of a filter, whose default is false.
pub fn allows_waiting(config: &YamlNode) -> Located<bool> {
    match config.get("allow_on_headers_stop_iteration") {
        Some(it) => Located { value: it.is_true(), position: it.position },
        None => Located { value: false, position: config.position },
    }
}

/// The position of what should have a failure policy, if there is none.
fn missing_failure_policy(config: &YamlNode) -> Option<Position> {
    match config.get("failure_policy") {
        None if config.get("fail_open").is_some_and(|it| it.is_true()) => None,
        None => Some(config.position),
        Some(policy) => {
            let is_unspecified = matches!(policy.text(), Some("UNSPECIFIED" | "0"));
            is_unspecified.then_some(policy.position)
        }
    }
}

/// Whether a VM's environment has the token, from Envoy's environment or by value.
fn has_token(vm: &YamlNode) -> bool {
    let Some(environment) = vm.get("environment_variables") else { return false };
    let keys = environment.get("host_env_keys").map(|it| it.items()).unwrap_or_default();
    keys.iter().any(|it| it.text() == Some(TOKEN_VARIABLE))
        || environment
            .at(&["key_values", TOKEN_VARIABLE])
            .is_some_and(|it| it.text().is_some_and(|it| !it.is_empty()))
}
