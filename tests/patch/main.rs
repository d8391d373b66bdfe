//! What a version changes in its requests, and what is done with a request.

use serde_json::{Map, Value};
use verdigris::patch::{BodyPatch, Placement, System};

#[path = "../support/mod.rs"]
mod support;

mod kept_bytes;
mod merge;
mod model;
mod plan;
mod request_head;
mod request_patch;
mod rewrite;
mod system_prompt;
mod usage_option;

/// A patch that only changes the system prompt.
fn system(placement: Placement, text: &str) -> BodyPatch {
    BodyPatch { system: Some(System { placement, text: text.into() }), ..BodyPatch::default() }
}

/// A patch that only changes the model.
fn model(name: &str) -> BodyPatch {
    BodyPatch { model: Some(name.into()), ..BodyPatch::default() }
}

/// A patch that only merges.
fn merge(patch: &Value) -> BodyPatch {
    let merge: Map<String, Value> = patch.as_object().unwrap().clone();
    BodyPatch { merge, ..BodyPatch::default() }
}
