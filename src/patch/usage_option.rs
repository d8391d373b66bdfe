//! Asking a stream for its token counts.

use crate::json::splice::{Change, Object};

/// The member of a Chat request that says what a stream is to tell.
pub const STREAM_OPTIONS: &str = "stream_options";

/// What the options of a streaming Chat request become, so that it asks for its token
/// counts; `None` where it does not stream, or says itself what it wants.
///
/// Source: OpenAI's API reference, Chat Completions, `stream_options`.
pub fn ask_for_usage(request: &Object<'_>) -> Option<Change> {
    if request.get("stream") != Some("true") {
        return None;
    }
    let options = request.get(STREAM_OPTIONS).filter(|it| *it != "null");
    let options = match options {
        Some(options) => Object::parse(options)?,
        None => Object::EMPTY,
    };
    if options.get("include_usage").is_some() {
        return None;
    }
    let options = options.with_members(&[("include_usage", Change::Set("true".to_owned()))]);
    Some(Change::Set(options))
}
