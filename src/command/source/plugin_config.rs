//! A plugin configuration in a file, and what stands around it.

use std::ops::Range;

/// A plugin configuration in a file.
#[derive(Debug)]
pub struct PluginConfigText {
    /// Its JSON text.
    pub json: String,
    pub place: ConfigLocation,
    /// What Envoy's configuration says around it; `None` where that is not at hand.
    pub around: Option<SurroundingConfig>,
}

/// What Envoy's configuration says around a plugin configuration.
#[derive(Clone, Debug)]
pub struct SurroundingConfig {
    pub wrapper: Wrapper,
    /// Whether the filter may wait for a request's body, and the line that is to say so.
    pub may_wait: (bool, usize),
    /// The line of `vm_config`, and all that it says: filters share a VM where that is the
    /// same. `None` where a control plane writes it.
    pub vm: Option<(usize, String)>,
    /// Whether the VM is given the token of who steers.
    pub can_steer: bool,
    /// Where a failure policy should be written and is not.
    pub no_failure_policy: Option<usize>,
    /// The path of the `.wasm` in a local file, and its line.
    pub wasm: Option<(String, usize)>,
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

/// Where a plugin configuration stands in its file.
#[derive(Clone, Debug)]
pub struct ConfigLocation {
    /// Its bytes.
    pub span: Range<usize>,
    /// The line in which it begins, counted from 1.
    pub line: usize,
    pub style: Quoting,
}

/// How a plugin configuration stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// It is the file.
    Whole,
    /// Line by line.
    Block,
    /// In quotes, with nothing of JSON escaped.
    Quoted,
    /// In quotes, with escapes.
    Escaped,
    /// As YAML, not as JSON text. The JSON text here has each value in the same line.
    Yaml,
}

// === impl Excerpt ===

impl PluginConfigText {
    /// Whether it says that it is a console's.
    pub fn is_console(&self) -> bool {
        let json = serde_json::from_str::<serde_json::Value>(&self.json);
        json.is_ok_and(|it| it.get("role").is_some_and(|it| it == "console"))
    }

    /// Whether anybody may be able to steer; not where Envoy's configuration has no token.
    pub fn may_be_steered(&self) -> bool {
        self.around.as_ref().is_none_or(|it| it.can_steer)
    }
}

// === impl Wrapper ===

impl Wrapper {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy's Wasm filter",
            Self::WasmPlugin => "Istio's WasmPlugin",
            Self::EnvoyExtensionPolicy => "Envoy Gateway's EnvoyExtensionPolicy",
        }
    }
}
