//! The text of a plugin configuration in a file, and the Envoy configuration around it.

use std::ops::Range;
use std::rc::Rc;

use super::yaml_json::{YamlReader, line_aligned_json};
use crate::command::yaml::YamlNode;

/// The text of a plugin configuration in a file.
#[derive(Debug)]
pub struct PluginConfigText {
    /// The JSON text.
    pub json: String,
    pub location: ConfigLocation,
    /// The node that the JSON text is made from; `None` if it is JSON text in the file.
    pub yaml: Option<Rc<YamlNode>>,
    /// The filter's configuration in Envoy; `None` for a file with the JSON text alone.
    pub surrounding: Option<SurroundingConfig>,
}

/// The configuration of the Wasm filter that contains a plugin configuration.
#[derive(Clone, Debug)]
pub struct SurroundingConfig {
    pub wrapper: Wrapper,
    /// `allow_on_headers_stop_iteration`, without which the filter cannot wait for a body; its
    /// line, or the line that should have it.
    pub allows_waiting: Located<bool>,
    /// `vm_config` in canonical form: filters with the same one share a VM. `None` where a control
    /// plane writes it.
    pub vm_config: Option<Located<String>>,
    /// Whether the VM has the token for operator commands.
    pub has_token: bool,
    /// The line that should have a failure policy and has none.
    pub missing_failure_policy: Option<usize>,
    /// The path of a local `.wasm` file.
    pub wasm_path: Option<Located<String>>,
}

/// A value and its line, counted from 1.
#[derive(Clone, Debug)]
pub struct Located<T> {
    pub value: T,
    pub line: usize,
}

/// The kind of document that configures the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// Envoy's own Wasm filter.
    Envoy,
    /// Istio's WasmPlugin.
    WasmPlugin,
    /// Envoy Gateway's EnvoyExtensionPolicy.
    EnvoyExtensionPolicy,
}

/// The position of a plugin configuration in its file.
#[derive(Clone, Debug)]
pub struct ConfigLocation {
    /// The byte range; empty if the text that has the configuration is itself a scalar of the file.
    pub span: Range<usize>,
    /// The first line, counted from 1.
    pub line: usize,
    pub quoting: Quoting,
}

/// How the JSON text is written in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// The file is the JSON text.
    Whole,
    /// As a YAML block scalar.
    Block,
    /// In quotes, without escapes.
    Quoted,
    /// In quotes, with escapes.
    Escaped,
    /// As YAML, from which the JSON text is made. Each value is in the same line of both.
    Yaml,
}

// === impl PluginConfigText ===

impl PluginConfigText {
    /// A configuration that is written as YAML.
    pub fn from_yaml(
        node: &Rc<YamlNode>,
        reader: YamlReader,
        surrounding: SurroundingConfig,
    ) -> Self {
        let location =
            ConfigLocation { span: node.span.clone(), line: node.line, quoting: Quoting::Yaml };
        let yaml = Some(Rc::clone(node));
        let json = line_aligned_json(node, reader);
        Self { json, location, yaml, surrounding: Some(surrounding) }
    }

    /// The file's lines of a configuration that is written as YAML.
    pub fn yaml_lines(&self) -> Range<usize> {
        let first = self.location.line;
        match self.location.quoting {
            Quoting::Yaml => first..first + 1 + self.json.matches('\n').count(),
            _ => first..first,
        }
    }

    /// Whether the configuration has the role `console`.
    pub fn is_console(&self) -> bool {
        let json = serde_json::from_str::<serde_json::Value>(&self.json);
        json.is_ok_and(|it| it.get("role").is_some_and(|it| it == "console"))
    }

    /// Whether operator commands are possible, as far as is known: Envoy's configuration has a
    /// token, or is not in the file.
    pub fn may_have_commands(&self) -> bool {
        self.surrounding.as_ref().is_none_or(|it| it.has_token)
    }
}

// === impl Wrapper ===

impl Wrapper {
    /// The name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy's Wasm filter",
            Self::WasmPlugin => "Istio's WasmPlugin",
            Self::EnvoyExtensionPolicy => "Envoy Gateway's EnvoyExtensionPolicy",
        }
    }
}
