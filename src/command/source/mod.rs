//! The plugin configurations in files: as plain JSON, or within an Envoy configuration or a
//! Kubernetes object, as YAML or JSON.
//!
//! | file | concept |
//! |---|---|
//! | `file` | a file and its configurations |
//! | `document` | a YAML document and its position |
//! | `plugin_config` | the text of a plugin configuration, and the filter around it |
//! | `wasm` | Envoy's Wasm filters |
//! | `kubernetes` | ConfigMap, WasmPlugin, TrafficExtension, EnvoyExtensionPolicy |
//! | `ignored` | what is valid YAML, but is ignored or rejected by its reader |
//! | `yaml_json` | YAML as JSON text |
//! | `finding` | a finding at a position |
//! | `field_finding`, `suggestion` | an error of the configuration's parser as a finding |
//! | `excerpt` | the line of a finding, as text |

mod document;
mod excerpt;
mod field_finding;
mod file;
mod finding;
mod ignored;
mod kubernetes;
mod plugin_config;
mod suggestion;
mod wasm;
mod yaml_json;

pub use document::Document;
pub use file::Source;
pub use finding::Finding;
pub use plugin_config::{Located, PluginConfigText, Quoting, Wrapper};
pub use wasm::{WASM, filter_config, is_misspelt_wasm_type};
