//! The plugin configurations that Kubernetes objects hold: ConfigMaps with files in them, Istio's
//! WasmPlugin and Envoy Gateway's EnvoyExtensionPolicy.

use std::rc::Rc;

use saphyr_parser::ScalarStyle;

use super::wasm::{BINARY, TOKEN, is_of_a_plugin};
use super::{
    ConfigLocation, Finding, Lines, PluginConfigText, Quoting, Source, SurroundingConfig, Wrapper,
};
use crate::command::yaml::{NodeKind, YamlNode};

/// Takes in the objects of a document, which may be a List of them.
pub fn add(document: &YamlNode, to: &mut Source) {
    let mut objects = Vec::new();
    document.walk(&mut |node| objects.extend(node.get("kind").map(|_| node)));
    for object in objects {
        match object.get("kind").and_then(|it| it.text()) {
            Some("ConfigMap") => {
                for (name, file) in object.get("data").map(|it| it.fields()).unwrap_or_default() {
                    add_file(name.text().unwrap_or_default(), file, to);
                }
            }
            Some("WasmPlugin") => object.get("spec").into_iter().for_each(|it| wasm_plugin(it, to)),
            Some("EnvoyExtensionPolicy") => {
                let wasm = object.at(&["spec", "wasm"]).map(YamlNode::items).unwrap_or_default();
                wasm.iter().for_each(|it| extension_policy(it, to));
            }
            _ => {}
        }
    }
}

/// Takes in a file that a ConfigMap holds.
fn add_file(name: &str, file: &YamlNode, to: &mut Source) {
    let Some(text) = file.text() else { return };
    let mut inner = Source::of(&to.name, text.to_owned());
    inner.keep_plugins_only();
    if inner.plugins.is_empty() && !inner.is_envoy {
        return;
    }
    let is_block = matches!(file.what, NodeKind::Scalar(_, ScalarStyle::Literal));
    let lines = Lines { first: file.line, is_one: !is_block };
    let problems = inner.problems.into_iter();
    to.problems.extend(problems.map(|it| Finding { line: lines.line(it.line), ..it }));
    to.is_envoy |= inner.is_envoy;
    to.documents.extend(inner.documents.into_iter().map(|mut document| {
        document.lines = lines;
        document.file_name = name.to_owned();
        document
    }));
    for mut plugin in inner.plugins {
        plugin.place.line = lines.line(plugin.place.line);
        // It is not to be changed in place: its bytes are those of another text.
        plugin.place.span = 0..0;
        if !is_block {
            plugin.place.style = Quoting::Escaped;
        }
        if let Some(around) = &mut plugin.around {
            around.may_wait.1 = lines.line(around.may_wait.1);
            around.vm.iter_mut().for_each(|(line, _)| *line = lines.line(*line));
            around.no_failure_policy = around.no_failure_policy.map(|it| lines.line(it));
            // Which folder Envoy runs in is not known.
            around.wasm = None;
        }
        to.plugins.push(plugin);
    }
}

/// Takes in the `spec` of Istio's WasmPlugin, if it is Verdigris'.
fn wasm_plugin(spec: &YamlNode, to: &mut Source) {
    let config = spec.get("plugin_config");
    let environment = spec.at(&["vm_config", "env"]).map(YamlNode::items).unwrap_or_default();
    let has_token =
        environment.iter().any(|it| it.at(&["name"]).and_then(YamlNode::text) == Some(TOKEN));
    let policy = spec.get("fail_strategy").is_none().then_some(spec.line);
    let around = around(Wrapper::WasmPlugin, spec, has_token, policy);
    let named = ["url", "plugin_name"];
    add_config("spec.pluginConfig", spec, config, &named, around, to);
}

/// Takes in an item of `spec.wasm` of Envoy Gateway's EnvoyExtensionPolicy, if it is Verdigris'.
fn extension_policy(wasm: &YamlNode, to: &mut Source) {
    let keys = wasm.at(&["env", "host_keys"]).map(YamlNode::items).unwrap_or_default();
    let has_token = keys.iter().any(|it| it.text() == Some(TOKEN));
    let around = around(Wrapper::EnvoyExtensionPolicy, wasm, has_token, None);
    let named = ["name", "root_id", "code"];
    add_config("spec.wasm[].config", wasm, wasm.get("config"), &named, around, to);
}

fn around(
    wrapper: Wrapper,
    node: &YamlNode,
    can_steer: bool,
    no_failure_policy: Option<usize>,
) -> SurroundingConfig {
    let may_wait = match node.get("allow_on_headers_stop_iteration") {
        Some(it) => (it.is_true(), it.line),
        None => (false, node.line),
    };
    SurroundingConfig { wrapper, may_wait, vm: None, can_steer, no_failure_policy, wasm: None }
}

fn add_config(
    field: &str,
    node: &YamlNode,
    config: Option<&Rc<YamlNode>>,
    named: &[&str],
    around: SurroundingConfig,
    to: &mut Source,
) {
    let is_named = named.iter().filter_map(|it| node.get(it)).any(|it| {
        let flow = it.flow();
        flow.contains(BINARY) || flow.contains("verdigris")
    });
    if !is_named && !config.is_some_and(|it| is_of_a_plugin(it)) {
        return;
    }
    let Some(config) = config else {
        let mend = "write the plugin configuration there, as YAML";
        to.remark(node.line, field, Some("missing"), mend.to_owned());
        return;
    };
    let mut json = Json { text: String::new(), line: config.line };
    json.add(config);
    let place = ConfigLocation { span: 0..0, line: config.line, style: Quoting::Yaml };
    to.plugins.push(PluginConfigText { json: json.text, place, around: Some(around) });
}

/// A JSON text in which each value stands in the line in which YAML has it.
struct Json {
    text: String,
    line: usize,
}

// === impl Json ===

impl Json {
    fn add(&mut self, node: &YamlNode) {
        while self.line < node.line {
            self.text.push('\n');
            self.line += 1;
        }
        match &node.what {
            NodeKind::Scalar(text, ScalarStyle::Plain) => self.text.push_str(&plain(text)),
            NodeKind::Scalar(text, _) => self.text.push_str(&quoted(text)),
            NodeKind::List(items) => {
                self.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.text.push_str(if at > 0 { ", " } else { "" });
                    self.add(item);
                }
                self.text.push(']');
            }
            NodeKind::Map(fields) => {
                self.text.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    self.text.push_str(if at > 0 { ", " } else { "" });
                    self.text.push_str(&quoted(name.text().unwrap_or_default()));
                    self.text.push_str(": ");
                    self.add(value);
                }
                self.text.push('}');
            }
        }
    }
}

/// A plain scalar as Kubernetes reads it.
fn plain(text: &str) -> String {
    match text {
        "" | "~" | "null" => "null".to_owned(),
        "true" | "false" => text.to_owned(),
        _ if serde_json::from_str::<serde_json::Number>(text).is_ok() => text.to_owned(),
        _ => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
