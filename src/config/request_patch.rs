//! The `request` section of a version: the changes that it makes to its requests.

use serde_json::{Map, Value, json};

use super::FieldError;
use super::checks::{as_written, check_header_name};
use super::diagnostics::Diagnostics;
use super::raw::sections::{RawHeaders, RawRequest, RawSystem, UnpatchablePolicy};
use crate::names::HeaderName;
use crate::patch::{BodyPatch, HeaderPatch, Placement, RequestPatch, System};

/// Checks the `request` section at `field`. `reserved` are the headers that the filter itself
/// reads or writes. `include_usage` is `answers.include_usage`, and `max_request_body` is `None` if it is
/// wrong.
pub(super) fn check_request_patch(
    field: &str,
    raw: RawRequest,
    reserved: &[&HeaderName],
    include_usage: bool,
    max_request_body: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> RequestPatch {
    let headers = check_header_patch(field, raw.headers, reserved, diagnostics);
    let system = raw.system.and_then(|it| check_system(field, it, diagnostics));
    if raw.model.as_ref().is_some_and(|model| model.trim() != model || model.is_empty()) {
        let fix = "name a model, such as \"gpt-5-mini\": not empty, without surrounding whitespace";
        diagnostics.push(FieldError::new(format!("{field}.model"), &json!(raw.model), fix));
    }
    let merge = raw.merge.unwrap_or_default();
    reject_overlap(field, &merge, raw.model.is_some(), system.is_some(), diagnostics);
    let model = raw.model.map(Into::into);
    let body = BodyPatch { model, system, merge, asks_for_usage: include_usage };
    let max_growth = body.max_growth();
    let passes_unpatchable = raw.unpatchable == UnpatchablePolicy::Pass;
    let patch = RequestPatch { headers, body, passes_unpatchable, max_growth };
    let is_applied = |max: usize| patch.largest_body(max).is_some_and(|largest| largest > 0);
    if let Some(max) = max_request_body.filter(|max| patch.body.is_required() && !is_applied(*max))
    {
        let fix = format!(
            "{field} can add {max_growth} bytes to a body, so that no request can be patched; write a \
             larger number of bytes"
        );
        diagnostics.push(FieldError::new("max_request_body", &json!(max), fix));
    }
    patch
}

fn check_header_patch(
    field: &str,
    raw: RawHeaders,
    reserved: &[&HeaderName],
    diagnostics: &mut Diagnostics,
) -> HeaderPatch {
    let mut patch = HeaderPatch::default();
    let check_name = |field: &str, name: &str, diagnostics: &mut Diagnostics| {
        let name = diagnostics.checked(field, name, check_header_name)?;
        if reserved.contains(&&name) || name.is_framing() {
            let fix = "the filter or Envoy needs this header unchanged; remove it";
            diagnostics.push(FieldError::new(field, &json!(name.as_str()), fix));
            return None;
        }
        Some(name)
    };
    for (index, name) in raw.remove.iter().enumerate() {
        let field = format!("{field}.headers.remove[{index}]");
        patch.remove.extend(check_name(&field, name, diagnostics));
    }
    for (name, value) in &raw.set {
        let field = format!("{field}.headers.set");
        let Some(name) = check_name(&field, name, diagnostics) else { continue };
        if value.trim() != value || value.contains(char::is_control) {
            let fix = "write a value without surrounding whitespace and control characters";
            diagnostics.push(FieldError::new(field, &json!({name.as_str(): value}), fix));
        } else if patch.remove.contains(&name) {
            let fix = "is also removed; keep only set, which replaces an existing value";
            diagnostics.push(FieldError::new(field, &json!(name.as_str()), fix));
        } else if patch.set.iter().any(|(other, _)| *other == name) {
            let fix = "is set twice, since the names of headers have no case; keep one";
            diagnostics.push(FieldError::new(field, &json!(name.as_str()), fix));
        } else {
            patch.set.push((name, value.as_str().into()));
        }
    }
    patch
}

fn check_system(field: &str, raw: RawSystem, diagnostics: &mut Diagnostics) -> Option<System> {
    let field = format!("{field}.system");
    let value = as_written(json!({
        "replace": raw.replace, "prepend": raw.prepend, "append": raw.append,
    }));
    let (placement, text) = match (raw.replace, raw.prepend, raw.append) {
        (Some(text), None, None) => (Placement::Replace, text),
        (None, Some(text), None) => (Placement::Prepend, text),
        (None, None, Some(text)) => (Placement::Append, text),
        _ => {
            let fix = r#"write one of {"replace": "…"}, {"prepend": "…"} and {"append": "…"}"#;
            diagnostics.push(FieldError::new(field, &value, fix));
            return None;
        }
    };
    if text.is_empty() && placement != Placement::Replace {
        let fix = "adds nothing; write a text or remove it";
        diagnostics.push(FieldError::new(field, &value, fix));
        return None;
    }
    Some(System { placement, text: text.into() })
}

/// Adds an error for each field of `merge` that `model` or `system` changes too.
fn reject_overlap(
    field: &str,
    merge: &Map<String, Value>,
    has_model: bool,
    has_system: bool,
    diagnostics: &mut Diagnostics,
) {
    let system_fields =
        ["messages", "instructions", "system", "systemInstruction", "system_instruction"];
    for name in merge.keys() {
        let other = match name.as_str() {
            "model" if has_model => "model",
            name if has_system && system_fields.contains(&name) => "system",
            _ => continue,
        };
        let fix = format!("{other} changes the same field; keep only one of them");
        diagnostics.push(FieldError::new(format!("{field}.merge"), &json!(name), fix));
    }
}
