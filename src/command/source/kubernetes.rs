//! The plugin configurations in Kubernetes objects: ConfigMap, Istio's WasmPlugin and TrafficExtension,
//! and Envoy Gateway's EnvoyExtensionPolicy.

use std::rc::Rc;

use super::finding::Finding;
use super::plugin_config::{Located, PluginConfigText, SurroundingConfig, Wrapper};
use super::wasm::{BINARY, is_plugin_config};
use super::yaml_json::YamlReader;
use crate::command::yaml::YamlNode;
use crate::console::TOKEN_VARIABLE;

/// A configuration in a Kubernetes object.
pub enum KubernetesConfig<'a> {
    /// A file in a ConfigMap.
    File { name: &'a str, node: &'a YamlNode },
    /// A plugin configuration, or what is wrong with it.
    Plugin(Result<Box<PluginConfigText>, Finding>),
}

/// The configurations in the objects of a document, which may be a List of objects.
pub fn configs<'a>(document: &'a YamlNode, file: &str) -> Vec<KubernetesConfig<'a>> {
    let mut objects = Vec::new();
    document.walk(&mut |node| objects.extend(node.get("kind").map(|_| node)));
    let mut found = Vec::new();
    for object in objects {
        match object.get("kind").and_then(|it| it.text()) {
            Some("ConfigMap") => {
                let files = object.get("data").map(|it| it.fields()).unwrap_or_default();
                found.extend(files.iter().map(|(name, node)| KubernetesConfig::File {
                    name: name.text().unwrap_or_default(),
                    node,
                }));
            }
            Some("WasmPlugin") => {
                let plugin = object.get("spec");
                let plugin = plugin.and_then(|it| wasm_plugin(it, Wrapper::WasmPlugin, file));
                found.extend(plugin.map(KubernetesConfig::Plugin));
            }
            // Its `wasm` has the fields of a WasmPlugin (`WasmConfig` in Istio's
            // `traffic_extension.proto`).
            Some("TrafficExtension") => {
                let plugin = object.at(&["spec", "wasm"]);
                let plugin = plugin.and_then(|it| wasm_plugin(it, Wrapper::TrafficExtension, file));
                found.extend(plugin.map(KubernetesConfig::Plugin));
            }
            Some("EnvoyExtensionPolicy") => {
                let items = object.at(&["spec", "wasm"]).map(YamlNode::items).unwrap_or_default();
                let plugins = items.iter().filter_map(|it| extension_policy(it, file));
                found.extend(plugins.map(KubernetesConfig::Plugin));
            }
            _ => {}
        }
    }
    found
}

/// Where a kind of object has the plugin configuration.
struct ConfigField<'a> {
    /// The field, as messages name it.
    path: &'static str,
    /// The node that should have the field.
    parent: &'a YamlNode,
    /// Its name in the parent.
    name: &'static str,
    /// Fields of the parent whose values name the filter.
    naming_fields: &'static [&'static str],
}

/// The plugin configuration in the `spec` of a WasmPlugin, or the `spec.wasm` of a TrafficExtension;
/// `None` if it is another filter's.
fn wasm_plugin(
    spec: &YamlNode,
    wrapper: Wrapper,
    file: &str,
) -> Option<Result<Box<PluginConfigText>, Finding>> {
    let environment = spec.at_exactly(&["vmConfig", "env"]);
    let environment = environment.map(YamlNode::items).unwrap_or_default();
    // Istio's default is INLINE, with the text in `value`.
    let names_token = |it: &Rc<YamlNode>| {
        let field = |name| it.at_exactly(&[name]).and_then(YamlNode::text);
        field("name") == Some(TOKEN_VARIABLE)
            && (field("valueFrom") == Some("HOST")
                || field("value").is_some_and(|it| !it.is_empty()))
    };
    let missing_failure_policy = spec.exact("failStrategy").is_none().then_some(spec.position);
    let surrounding = SurroundingConfig {
        has_token: environment.iter().any(names_token),
        missing_failure_policy,
        ..surrounding(wrapper, spec)
    };
    let field = ConfigField {
        path: match wrapper {
            Wrapper::TrafficExtension => "spec.wasm.pluginConfig",
            _ => "spec.pluginConfig",
        },
        parent: spec,
        name: "pluginConfig",
        naming_fields: &["url", "pluginName"],
    };
    plugin_config(&field, surrounding, file)
}

/// The plugin configuration in an item of `spec.wasm` of an EnvoyExtensionPolicy; `None` if it is
/// another filter's.
fn extension_policy(item: &YamlNode, file: &str) -> Option<Result<Box<PluginConfigText>, Finding>> {
    let keys = item.at_exactly(&["env", "hostKeys"]).map(YamlNode::items).unwrap_or_default();
    let surrounding = SurroundingConfig {
        has_token: keys.iter().any(|it| it.text() == Some(TOKEN_VARIABLE)),
        ..surrounding(Wrapper::EnvoyExtensionPolicy, item)
    };
    let field = ConfigField {
        path: "spec.wasm[].config",
        parent: item,
        name: "config",
        naming_fields: &["name", "rootID", "code"],
    };
    plugin_config(&field, surrounding, file)
}

fn surrounding(wrapper: Wrapper, node: &YamlNode) -> SurroundingConfig {
    SurroundingConfig {
        wrapper,
        config: None,
        // None of these objects has the field.
        allows_waiting: Located { value: false, position: node.position },
        vm_config: None,
        has_token: false,
        missing_failure_policy: None,
        wasm_path: None,
    }
}

fn plugin_config(
    field: &ConfigField<'_>,
    surrounding: SurroundingConfig,
    file: &str,
) -> Option<Result<Box<PluginConfigText>, Finding>> {
    let ConfigField { path, parent, name, naming_fields } = *field;
    let is_named = naming_fields.iter().filter_map(|it| parent.exact(it)).any(|it| {
        let flow = it.flow();
        flow.contains(BINARY) || flow.contains("verdigris")
    });
    let (config, misspelt) = (parent.exact(name), parent.get("plugin_config"));
    if !is_named && !config.or(misspelt).is_some_and(|it| is_plugin_config(it)) {
        return None;
    }
    let Some(config) = config else {
        if let Some(node) = misspelt {
            let fix = format!(
                "is a name that Kubernetes does not know, so the filter would have no configuration: \
                 write {name}"
            );
            return Some(Err(Finding::new(file, node.position, path, Some("plugin_config"), fix)));
        }
        let fix = "write the plugin configuration there, as YAML";
        return Some(Err(Finding::new(file, parent.position, path, Some("missing"), fix)));
    };
    let plugin = PluginConfigText::from_yaml(config, YamlReader::Kubernetes, surrounding, file);
    Some(plugin.map(Box::new))
}
