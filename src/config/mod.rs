//! The plugin configuration, in two types.
//!
//! [`RawConfig`] is the configuration as written, as close to the JSON as a type can be.
//! [`Config`] is what the filter runs on. It is valid by construction, so that the request path
//! validates nothing. [`Config::parse`] converts one into the other, or returns errors, each with the
//! field, its value and the fix: all unknown fields and values of the wrong type, or, if there are none
//! of them, all invalid and missing values.
//!
//! ```
//! use verdigris::config::Config;
//! let invalid = Config::parse(br#"{
//!     "rollout": "Assistant V8",
//!     "unit": {"header": "x-user-id"},
//!     "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}}
//! }"#).unwrap_err();
//! assert_eq!(
//!     invalid.to_string(),
//!     r#"rollout: "Assistant V8": use 1 to 63 of a-z, 0-9 and "-", such as "assistant-v8""#,
//! );
//! ```
//!
//! | file | concept |
//! |---|---|
//! | `envoy_text` | the JSON text, from what Envoy passes |
//! | `artifact` | which configurations `verdigris-route.wasm` can run |
//! | `raw/` | the raw configuration, and the JSON reader |
//! | `build`, `diagnostics`, `invalid_config` | the conversion, and its errors |
//! | `rollout_config`, `plugin`, `role` | the valid configuration of a rollout, of a plugin, and its role |
//! | `unit`, `conversation`, `marker_cookie`, `same_site` | whom a version is assigned to |
//! | `answers`, `feedback` | what is observed |
//! | `route_by`, `read_body`, `routing`, `request_patch`, `failover`, `shadow` | what happens to requests |
//! | `judge` | a model that judges sampled answers |
//! | `samples` | where sampled requests are exported to |
//! | `called_cluster` | the checks that `judge` and `samples` share |
//! | `fleet` | the store that several Envoys share a rollout through |
//! | `ramp`, `ramp_steps`, `control`, `adjustment`, `gates`, `tripwires` | the ramp |
//! | `checks`, `ramp_checks`, `time`, `nearest`, `examples` | helpers of the checks |
//! | `console_config` | the host names of the operator's page |
//! | `console_path` | the console at a path of the release's listener |
//! | `command_request` | the operator's commands |

mod adjustment;
mod answers;
mod artifact;
mod build;
mod called_cluster;
mod checks;
mod command_request;
mod console_config;
mod console_path;
mod control;
mod conversation;
mod diagnostics;
mod envoy_text;
mod examples;
mod failover;
mod feedback;
mod fleet;
mod gates;
mod invalid_config;
mod judge;
mod marker_cookie;
pub(crate) mod nearest;
mod plugin;
mod ramp;
mod ramp_checks;
mod ramp_context;
mod ramp_metrics;
mod ramp_steps;
mod ramp_times;
mod raw;
mod read_body;
mod request_patch;
mod role;
mod rollout_config;
mod route_by;
mod routing;
mod same_site;
mod samples;
mod section;
mod shadow;
pub(crate) mod time;
mod tripwires;
mod unit;

pub use answers::AnswersConfig;
pub use artifact::Artifact;
pub use command_request::{CommandRequest, parse_command};
pub use console_config::ConsoleConfig;
pub use console_path::ConsolePath;
pub use conversation::ConversationConfig;
pub use envoy_text::text_from_envoy;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use envoy_text::yaml_decimal;
pub use feedback::FeedbackConfig;
pub use fleet::{FleetConfig, FleetStoreConfig};
pub use invalid_config::{FieldError, InvalidConfig};
pub use judge::JudgeConfig;
pub use marker_cookie::MarkerCookie;
pub use plugin::Plugin;
pub use raw::root::RawConfig;
pub use read_body::ReadBody;
pub use role::Role;
pub use rollout_config::Config;
pub use route_by::RouteBy;
pub use same_site::SameSite;
pub use samples::SamplesConfig;
pub use shadow::ShadowConfig;

/// Parses JSON. `None` if the text is invalid or an object has a duplicate key.
pub(crate) fn read_json(text: &[u8]) -> Option<serde_json::Value> {
    raw::json_text::parse_json(text).ok()
}
