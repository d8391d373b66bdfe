//! Verdigris ships LLM releases safely from inside Envoy.
//!
//! One filter decides which version of an LLM feature, **blue** or **green**,
//! answers a request, has Envoy route it there, and counts. The crate is a pure
//! core with a thin edge:
//!
//! | room | what is in it |
//! |---|---|
//! | [`config`] | what the operator wrote, and what the filter runs on |
//! | [`assign`] | who gets which version, and why |
//! | [`observe`] | what a response says |
//! | [`patch`] | what a version changes in its requests |
//! | [`console`] | the operator's page |
//! | [`feedback`] | what users and judges say of answers |
//! | [`judge`] | whether green is worse |
//! | [`ramp`] | the steps of green's share, and who walks them |
//! | [`steer`] | what an operator orders by hand |
//! | `simulate` | the judge against worlds whose truth is known; native only |
//! | `command` | the native command `verdigris`; native only |
//! | [`stats`] | the names of everything that is counted |
//! | `edge` | the only caller of the host; exists only in the `.wasm` |
//!
//! ```
//! use verdigris::assign::{Ask, Reason, Standing, Version, decide};
//! use verdigris::config::Config;
//!
//! let config = Config::parse(br#"{
//!     "rollout": "assistant-v8",
//!     "unit": {"header": "x-user-id"},
//!     "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
//!     "weights": {"blue": 95, "green": 5}
//! }"#)?;
//! let ask = Ask { unit: Some(b"ada"), forced: None, conversation: None };
//! let decision = decide(&config, Standing::Share(config.share), ask, || 0);
//! assert_eq!((decision.version, decision.reason), (Version::Blue, Reason::Weight));
//! # Ok::<(), verdigris::config::Refused>(())
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
        clippy::unimplemented
    )
)]

pub mod assign;
#[cfg(not(target_arch = "wasm32"))]
pub mod command;
pub mod config;
pub mod console;
pub mod feedback;
pub mod judge;
pub mod observe;
pub mod patch;
pub mod ramp;
#[cfg(not(target_arch = "wasm32"))]
pub mod simulate;
pub mod stats;
pub mod steer;

#[cfg(target_arch = "wasm32")]
mod edge;
