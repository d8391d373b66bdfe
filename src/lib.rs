//! Verdigris ships LLM releases safely from inside Envoy.
//!
//! One filter decides which version of an LLM feature, **blue** or **green**,
//! answers a request, has Envoy route it there, and counts the outcomes of both.
//! The crate is a pure core with a thin host layer:
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | the configuration: as it is written, and as the filter runs on it |
//! | [`assignment`] | who gets which version, and why |
//! | [`response`] | what a response says |
//! | [`json`] | JSON without a document tree |
//! | [`patch`] | what a version changes in its requests |
//! | [`console`] | the operator's page |
//! | [`feedback`] | what users and judges say of answers |
//! | [`sampling`] | samples of requests with their answers |
//! | [`judge`] | a model that judges sampled answers |
//! | [`analysis`] | whether green is worse |
//! | [`rollout`] | the ramp's steps, the controller that advances it, and operator commands |
//! | [`export`] | sampled requests, exported as OpenTelemetry spans |
//! | [`callout`] | calls that the host answers later, as futures |
//! | [`fleet`] | one rollout across many Envoys |
//! | `simulate` | simulated rollouts, in worlds whose truth is known; native only |
//! | `command` | the native command `verdigris`; native only |
//! | [`stats`] | the names of everything that is counted |
//! | `filter` | the only caller of the host; exists only in the `.wasm` |
//!
//! ```
//! use verdigris::assignment::{AssignmentRequest, EffectiveShare, Reason, Version, assign};
//! use verdigris::config::Config;
//!
//! let config = Config::parse(br#"{
//!     "rollout": "assistant-v8",
//!     "unit": {"header": "x-user-id"},
//!     "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
//!     "weights": {"blue": 95, "green": 5}
//! }"#)?;
//! let request = AssignmentRequest { unit: Some(b"ada"), forced: None, conversation: None };
//! let share = EffectiveShare::Share(config.share);
//! let assignment = assign(&config.assignment_rules(), share, request, || 0);
//! assert_eq!((assignment.version, assignment.reason), (Version::Blue, Reason::Weight));
//! # Ok::<(), verdigris::config::InvalidConfig>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::missing_errors_doc,
        clippy::too_many_lines
    )
)]

pub mod analysis;
pub mod assignment;
pub mod callout;
#[cfg(not(target_arch = "wasm32"))]
pub mod command;
pub mod config;
pub mod console;
pub mod export;
pub mod feedback;
pub mod fleet;
mod hash;
pub mod json;
pub mod judge;
pub mod names;
pub mod patch;
pub mod response;
pub mod rollout;
pub mod sampling;
#[cfg(not(target_arch = "wasm32"))]
pub mod simulate;
pub mod stats;

#[cfg(target_arch = "wasm32")]
mod filter;
