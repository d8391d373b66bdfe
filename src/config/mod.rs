//! The plugin configuration, in two types.
//!
//! [`Written`] is what the operator wrote, as close to the JSON as a type can be.
//! [`Config`] is what the filter runs on: valid by construction, so that the
//! request path never validates. [`Config::parse`] goes from one to the other or
//! says everything that is wrong, each with its field, its value and the mend:
//!
//! ```
//! use verdigris::config::Config;
//! let refused = Config::parse(br#"{
//!     "rollout": "Assistant V8",
//!     "unit": {"header": "x-user-id"},
//!     "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}}
//! }"#).unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     r#"rollout: "Assistant V8": use 1 to 63 of a-z, 0-9 and "-", such as "assistant-v8""#,
//! );
//! ```

mod answers;
mod conversation;
mod failover;
mod feedback;
mod formats;
mod gates;
mod marker_cookie;
mod names;
pub(crate) mod nearest;
mod order;
mod plugin;
mod problems;
mod ramp;
mod reader;
mod refused;
mod request;
mod role;
mod shadow;
pub(crate) mod time;
mod tripwires;
mod valid;
mod written;
mod written_ramp;
mod written_release;

pub use answers::Answers;
pub use conversation::Conversations;
pub use feedback::Feedback;
pub use formats::Formats;
pub use marker_cookie::{MarkerCookie, SameSite};
pub use names::{ClusterName, CookieName, HeaderName, RolloutName};
pub use order::{Ordered, order};
pub use plugin::{Console, Plugin};
pub use refused::{Problem, Refused};
pub use role::Role;
pub use shadow::Shadow;
pub use valid::Config;
pub use written::{OnMissing, Written};

/// The JSON of a text, in which no field is written twice; `None` where it is none.
pub(crate) fn read_json(text: &[u8]) -> Option<serde_json::Value> {
    written::json_of(text).ok()
}
