//! What a version changes in its requests.

use serde_json::{Map, Value};

use super::merge;
use super::model::{is_in_path, names_managed_prompt, path_with_model};
use super::system_prompt::System;
use super::usage_option::{STREAM_OPTIONS, request_usage};
use crate::json::splice::{Change, Object, quoted};
use crate::names::HeaderName;
use crate::response::Format;
use crate::response::known_path::is_certain;

/// What a version changes in its requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestPatch {
    /// The changes of the headers.
    pub headers: HeaderPatch,
    /// The changes of the body, and of a path that names the model.
    pub body: BodyPatch,
    /// Whether a request that cannot be patched is sent to this version unchanged. Otherwise
    /// it is sent to blue.
    pub passes_unpatchable: bool,
    /// How many bytes the patch adds to a body at most: [`BodyPatch::max_growth`].
    pub max_growth: usize,
}

/// The changes of the headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderPatch {
    /// The headers to remove.
    pub remove: Vec<HeaderName>,
    /// The headers to set, which replace existing ones.
    pub set: Vec<(HeaderName, Box<str>)>,
}

/// The changes of the body, and of a path that names the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BodyPatch {
    /// The model.
    pub model: Option<Box<str>>,
    /// The change of the system prompt.
    pub system: Option<System>,
    /// A merge patch of all other members. It has none of the members that the fields above
    /// change.
    pub merge: Map<String, Value>,
    /// Whether streams are asked for their token counts.
    pub asks_for_usage: bool,
}

/// By how many bytes a patched body may exceed `max_request_body`: as many as the default of 1,000,000 is
/// below Envoy's default buffer of 1 MiB.
pub const PATCH_ROOM: usize = (1 << 20) - 1_000_000;

/// The error of a patch that cannot be applied to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPatchable;

// === impl RequestPatch ===

impl RequestPatch {
    /// The size of the largest body that the patch is applied to, where `max_request_body` is `max_bytes`;
    /// `None` where it is applied to none.
    pub fn largest_body(&self, max_bytes: usize) -> Option<usize> {
        max_bytes.checked_sub(self.max_growth.saturating_sub(PATCH_ROOM))
    }
}

// === impl BodyPatch ===

impl BodyPatch {
    /// Whether the patch defines the version. Asking for token counts alone does not.
    pub fn is_required(&self) -> bool {
        self.model.is_some() || self.system.is_some() || !self.merge.is_empty()
    }

    /// Whether the patch changes the body of a request in this format to this path.
    pub fn needs_body(&self, format: Format, path: &str) -> bool {
        let model_in_body = self.model.is_some() && !is_in_path(format, path);
        let usage = self.asks_for_usage && format == Format::Chat;
        model_in_body || self.system.is_some() || !self.merge.is_empty() || usage
    }

    /// How many bytes a body can grow at most.
    pub fn max_growth(&self) -> usize {
        let member = |name: &str, value: usize| value + name.len() + r#","":"#.len();
        let model = self.model.as_ref().map_or(0, |it| member("model", quoted(it).len()));
        let system =
            self.system.as_ref().map_or(0, |it| quoted(&it.text).len() + System::MAX_FRAME);
        let merge = match self.merge.is_empty() {
            true => 0,
            false => Value::from(self.merge.clone()).to_string().len(),
        };
        let usage = r#"{"include_usage":true}"#.len();
        let usage = if self.asks_for_usage { member(STREAM_OPTIONS, usage) } else { 0 };
        model + system + merge + usage
    }

    /// The patched path; `None` where it does not change.
    ///
    /// # Errors
    /// [`NotPatchable`] where the format has the model in the path and this path has none, or a managed
    /// prompt.
    pub fn path(&self, path: &str, format: Format) -> Result<Option<String>, NotPatchable> {
        let Some(model) = &self.model else { return Ok(None) };
        if names_managed_prompt(format, path) {
            return Err(NotPatchable);
        }
        match path_with_model(path, model, format) {
            None if is_in_path(format, path) => Err(NotPatchable),
            new_path => Ok(new_path),
        }
    }

    /// The patched body of a request to this path.
    ///
    /// # Errors
    /// [`NotPatchable`] where the body is not the JSON of a request in this format.
    pub fn body(&self, body: &[u8], format: Format, path: &str) -> Result<String, NotPatchable> {
        let body = str::from_utf8(body).map_err(|_| NotPatchable)?;
        let request = Object::parse(body).ok_or(NotPatchable)?;
        // An application's own request may have a path like this one.
        if !is_in_format(&request, format) && is_guessed(format, path.as_bytes()) {
            return Err(NotPatchable);
        }
        let mut changes = merge::changes(&request, &self.merge);
        if let Some(model) = self.model.as_ref().filter(|_| !is_in_path(format, path)) {
            changes.push(("model", Change::Set(quoted(model))));
        }
        if let Some(system) = &self.system {
            if names_managed_prompt(format, path) {
                return Err(NotPatchable);
            }
            changes.extend(system.changes(&request, format).ok_or(NotPatchable)?);
        }
        if self.asks_for_usage && format == Format::Chat {
            let usage = request_usage(&request, &changes);
            changes.extend(usage.map(|change| (STREAM_OPTIONS, change)));
        }
        Ok(request.with_members(&changes))
    }
}

/// Whether only the path says that requests have this format, and may be an application's own.
fn is_guessed(format: Format, path: &[u8]) -> bool {
    !is_certain(path) && Format::of_requests_at(path) == Some(format)
}

/// Whether the request has what each one in this format has.
fn is_in_format(request: &Object<'_>, format: Format) -> bool {
    let marks: &[&str] = match format {
        Format::Chat | Format::Ollama | Format::Bedrock => &["messages", "prompt"],
        Format::Responses => &["input", "prompt", "previous_response_id", "conversation"],
        Format::Anthropic | Format::Cohere => &["messages"],
        Format::Gemini => &["contents"],
    };
    marks.iter().any(|name| request.get(name).is_some())
}
