//! The text of a plugin configuration in a file, and the Envoy configuration around it.

use std::ops::Range;
use std::rc::Rc;

use super::document::Placement;
use super::finding::Finding;
use super::yaml_json::{JsonOfYaml, YamlReader, json_text};
use crate::command::json_span;
use crate::command::position::Position;
use crate::command::yaml::YamlNode;

/// The text of a plugin configuration in a file.
#[derive(Debug)]
pub struct PluginConfigText {
    /// The JSON text.
    pub json: String,
    pub location: ConfigLocation,
    /// The YAML that the JSON text is made from; `None` if it is JSON text in the file.
    pub yaml: Option<YamlConfig>,
    /// The filter's configuration in Envoy; `None` for a file with the JSON text alone.
    pub surrounding: Option<SurroundingConfig>,
}

/// A plugin configuration that is written as YAML.
#[derive(Debug)]
pub struct YamlConfig {
    pub node: Rc<YamlNode>,
    /// The offset of each name and value in the JSON text, in ascending order, and its position in
    /// the file.
    pub positions: Vec<(usize, Position)>,
}

/// The configuration of the Wasm filter that contains a plugin configuration.
#[derive(Clone, Debug)]
pub struct SurroundingConfig {
    pub wrapper: Wrapper,
    /// The filter's `config` in Envoy, which identifies it; `None` where a control plane writes it.
    pub config: Option<Rc<YamlNode>>,
    /// `allow_on_headers_stop_iteration`, without which the filter cannot wait for a body; its
    /// position, or that of what should have it.
    pub allows_waiting: Located<bool>,
    /// `vm_config` in canonical form: filters with the same one share a VM. `None` where a control
    /// plane writes it.
    pub vm_config: Option<Located<String>>,
    /// Whether the VM has the token for operator commands.
    pub has_token: bool,
    /// The position of what should have a failure policy and has none.
    pub missing_failure_policy: Option<Position>,
    /// The path of a local `.wasm` file.
    pub wasm_path: Option<Located<String>>,
}

/// A value and its position.
#[derive(Clone, Debug)]
pub struct Located<T> {
    pub value: T,
    pub position: Position,
}

/// The kind of document that configures the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// Envoy's own Wasm filter.
    Envoy,
    /// Istio's WasmPlugin.
    WasmPlugin,
    /// Istio's TrafficExtension.
    TrafficExtension,
    /// Envoy Gateway's EnvoyExtensionPolicy.
    EnvoyExtensionPolicy,
}

/// The position of a plugin configuration in its file.
#[derive(Clone, Debug)]
pub struct ConfigLocation {
    /// The byte range; empty if the text that has the configuration is itself a scalar of the file.
    pub span: Range<usize>,
    /// The position of the first character that is no white space.
    pub start: Position,
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
    /// As YAML, from which the JSON text is made.
    Yaml,
}

// === impl PluginConfigText ===

impl PluginConfigText {
    /// A configuration that is written as YAML in `file`.
    ///
    /// # Errors
    /// The reader of the YAML rejects it.
    pub fn from_yaml(
        node: &Rc<YamlNode>,
        reader: YamlReader,
        surrounding: SurroundingConfig,
        file: &str,
    ) -> Result<Self, Finding> {
        let location = ConfigLocation {
            span: node.span.clone(),
            start: node.position,
            quoting: Quoting::Yaml,
        };
        let JsonOfYaml { text, positions } = json_text(node, reader).map_err(|it| {
            let fix = format!("{}: {} cannot read it", it.why, reader.as_str());
            Finding::new(file, it.position, "YAML", None, fix)
        })?;
        let yaml = Some(YamlConfig { node: Rc::clone(node), positions });
        Ok(Self { json: text, location, yaml, surrounding: Some(surrounding) })
    }

    /// The position of a field's value, or of the innermost object that has a part of its path.
    pub fn position_of(&self, field: &str) -> Position {
        self.position_at(json_span::offset(&self.json, field))
    }

    /// The position of a field's name, or the same as [`position_of`](Self::position_of) if it has
    /// none.
    pub fn position_of_name(&self, field: &str) -> Position {
        let value = json_span::offset(&self.json, field);
        self.position_at(json_span::name_offset(&self.json, value).unwrap_or(value))
    }

    /// The position in the file of a byte of the JSON text.
    pub fn position_at(&self, offset: usize) -> Position {
        let start = self.location.start;
        if let Some(YamlConfig { positions, .. }) = &self.yaml {
            let after = positions.partition_point(|(at, _)| *at <= offset);
            return positions.get(after.saturating_sub(1)).map_or(start, |(_, it)| *it);
        }
        let has_lines = matches!(self.location.quoting, Quoting::Whole | Quoting::Block);
        let inner = Position::in_text(&self.json, offset);
        Placement::new(start, &self.json, has_lines).position(inner)
    }

    /// The file's lines of a configuration that is written as YAML.
    pub fn yaml_lines(&self) -> Range<usize> {
        let lines = self.yaml.iter().flat_map(|it| &it.positions).map(|(_, it)| it.line);
        let first = self.location.start.line;
        first..lines.max().map_or(first, |last| last + 1)
    }

    /// Moves all positions from a text to the file that contains it.
    pub fn relocate(&mut self, placement: Placement) {
        let move_to_file = |it: &mut Position| *it = placement.position(*it);
        move_to_file(&mut self.location.start);
        if let Some(yaml) = &mut self.yaml {
            yaml.positions.iter_mut().for_each(|(_, it)| move_to_file(it));
        }
        // The byte range is of the inner text, so an edit must not use it.
        self.location.span = 0..0;
        if !placement.has_lines {
            self.location.quoting = Quoting::Escaped;
        }
        if let Some(surrounding) = &mut self.surrounding {
            move_to_file(&mut surrounding.allows_waiting.position);
            surrounding.vm_config.iter_mut().for_each(|it| move_to_file(&mut it.position));
            surrounding.missing_failure_policy.iter_mut().for_each(move_to_file);
            // The folder that Envoy runs in is not known.
            surrounding.wasm_path = None;
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
            Self::TrafficExtension => "Istio's TrafficExtension",
            Self::EnvoyExtensionPolicy => "Envoy Gateway's EnvoyExtensionPolicy",
        }
    }
}
