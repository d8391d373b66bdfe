//! What a version changes in its requests.

use serde_json::{Map, Value, json};

use super::FieldError;
use super::checks::header_name;
use super::diagnostics::Diagnostics;
use super::raw::release::{RawHeaders, RawRequest, RawSystem, UnpatchablePolicy};
use crate::names::HeaderName;
use crate::patch::{BodyPatch, HeaderPatch, Placement, RequestPatch, System};

/// What is changed in the requests of the version whose field this is; `own` are the
/// headers that the filter writes or reads itself.
pub(super) fn request_patch(
    field: &str,
    written: RawRequest,
    own: &[&HeaderName],
    asks_for_usage: bool,
    problems: &mut Diagnostics,
) -> RequestPatch {
    let headers = written.headers;
    let headers = header_patch(field, headers, own, problems);
    let system = written.system.and_then(|it| system(field, it, problems));
    if written.model.as_ref().is_some_and(|model| model.trim() != model || model.is_empty()) {
        let mend = "name a model, such as \"gpt-5-mini\": not empty, no white space around it";
        problems.push(FieldError::new(format!("{field}.model"), &json!(written.model), mend));
    }
    let merge = written.merge.unwrap_or_default();
    refuse_overlap(field, &merge, written.model.is_some(), system.is_some(), problems);
    RequestPatch {
        headers,
        body: BodyPatch { model: written.model.map(Into::into), system, merge, asks_for_usage },
        passes_unpatchable: written.unpatchable == UnpatchablePolicy::Pass,
    }
}

fn header_patch(
    field: &str,
    written: RawHeaders,
    own: &[&HeaderName],
    problems: &mut Diagnostics,
) -> HeaderPatch {
    let mut patch = HeaderPatch::default();
    let name_of = |field: &str, name: &str, problems: &mut Diagnostics| {
        let name = problems.checked(field, name, header_name)?;
        if own.contains(&&name) || name.is_framing() {
            let mend = "the filter or Envoy needs this header as it is; leave it out";
            problems.push(FieldError::new(field, &json!(name.as_str()), mend));
            return None;
        }
        Some(name)
    };
    for name in &written.remove {
        patch.remove.extend(name_of(&format!("{field}.headers.remove"), name, problems));
    }
    for (name, value) in &written.set {
        let field = format!("{field}.headers.set");
        let Some(name) = name_of(&field, name, problems) else { continue };
        if value.trim() != value || value.contains(char::is_control) {
            let mend = "a header's value has no white space around it and no control characters";
            problems.push(FieldError::new(field, &json!({name.as_str(): value}), mend));
        } else if patch.remove.contains(&name) {
            let mend =
                "is removed as well; keep one: what is set takes the place of what was there";
            problems.push(FieldError::new(field, &json!(name.as_str()), mend));
        } else {
            patch.set.push((name, value.as_str().into()));
        }
    }
    patch
}

fn system(field: &str, written: RawSystem, problems: &mut Diagnostics) -> Option<System> {
    let field = format!("{field}.system");
    let value = json!({
        "replace": written.replace, "prepend": written.prepend, "append": written.append,
    });
    let (placement, text) = match (written.replace, written.prepend, written.append) {
        (Some(text), None, None) => (Placement::Replace, text),
        (None, Some(text), None) => (Placement::Prepend, text),
        (None, None, Some(text)) => (Placement::Append, text),
        _ => {
            let mend = r#"write one of {"replace": "…"}, {"prepend": "…"} and {"append": "…"}"#;
            problems.push(FieldError::new(field, &value, mend));
            return None;
        }
    };
    if text.is_empty() && placement != Placement::Replace {
        problems.push(FieldError::new(field, &value, "adds nothing; write a text or leave it out"));
        return None;
    }
    Some(System { placement, text: text.into() })
}

/// What would change the same place twice.
fn refuse_overlap(
    field: &str,
    merge: &Map<String, Value>,
    has_model: bool,
    has_system: bool,
    problems: &mut Diagnostics,
) {
    let places = ["messages", "instructions", "system", "systemInstruction", "system_instruction"];
    for name in merge.keys() {
        let other = match name.as_str() {
            "model" if has_model => "model",
            name if has_system && places.contains(&name) => "system",
            _ => continue,
        };
        let mend = format!("{other} changes the same place; write it there or here");
        problems.push(FieldError::new(format!("{field}.merge"), &json!(name), mend));
    }
}
