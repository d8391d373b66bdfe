//! What a version changes in its requests.

use serde_json::{Map, Value};

use super::merge;
use super::model::{is_in_path, path_with_model};
use super::system_prompt::System;
use super::usage_option::{STREAM_OPTIONS, ask_for_usage};
use crate::json::splice::{Change, Object, quoted};
use crate::names::HeaderName;
use crate::response::Format;

/// What a version changes in its requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestPatch {
    /// Of the headers.
    pub headers: HeaderPatch,
    /// Of the body, and of a path that names the model.
    pub body: BodyPatch,
    /// Whether a request that it does not fit goes on to this version as it came,
    /// instead of to blue.
    pub passes_unpatchable: bool,
}

/// What is changed in the headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderPatch {
    /// What goes.
    pub remove: Vec<HeaderName>,
    /// What is set, whatever was there.
    pub set: Vec<(HeaderName, Box<str>)>,
}

/// What is changed in the body, and in a path that names the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BodyPatch {
    /// The model.
    pub model: Option<Box<str>>,
    /// The system prompt.
    pub system: Option<System>,
    /// All else; its names are none of those that the others change.
    pub merge: Map<String, Value>,
    /// Whether streams are asked for their token counts.
    pub asks_for_usage: bool,
}

// === impl BodyPatch ===

impl BodyPatch {
    /// Whether a request is not the version's without it.
    pub fn is_required(&self) -> bool {
        self.model.is_some() || self.system.is_some() || !self.merge.is_empty()
    }

    /// Whether there is something to change in the body of a request in this format.
    pub fn needs_body(&self, format: Format) -> bool {
        let model_in_body = self.model.is_some() && !is_in_path(format);
        let usage = self.asks_for_usage && format == Format::Chat;
        model_in_body || self.system.is_some() || !self.merge.is_empty() || usage
    }

    /// The path as this has it, where that is another one; an error where it should be
    /// and cannot.
    ///
    /// # Errors
    /// [`NotPatchable`] where the format has the model in the path, and the path has none.
    pub fn path(&self, path: &str, format: Format) -> Result<Option<String>, NotPatchable> {
        let Some(model) = &self.model else { return Ok(None) };
        match path_with_model(path, model, format) {
            None if is_in_path(format) => Err(NotPatchable),
            path => Ok(path),
        }
    }

    /// The body as this has it, with all that is not changed as it was.
    ///
    /// # Errors
    /// [`NotPatchable`] where the body is not the JSON of a request in this format.
    pub fn body(&self, body: &[u8], format: Format) -> Result<String, NotPatchable> {
        let body = str::from_utf8(body).map_err(|_| NotPatchable)?;
        let request = Object::parse(body).ok_or(NotPatchable)?;
        let mut changes = merge::changes(&request, &self.merge);
        if let Some(model) = self.model.as_ref().filter(|_| !is_in_path(format)) {
            changes.push(("model", Change::Set(quoted(model))));
        }
        if let Some(system) = &self.system {
            changes.push(system.change(&request, format).ok_or(NotPatchable)?);
        }
        let is_said = changes.iter().any(|(name, _)| *name == STREAM_OPTIONS);
        if self.asks_for_usage && format == Format::Chat && !is_said {
            changes.extend(ask_for_usage(&request).map(|change| (STREAM_OPTIONS, change)));
        }
        Ok(request.with_members(&changes))
    }
}

/// A request that a patch does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPatchable;
