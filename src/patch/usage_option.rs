//! The option that asks a stream for its token counts.

use crate::json::splice::{Change, Object};

/// The member of a Chat request that has the options of a stream.
pub const STREAM_OPTIONS: &str = "stream_options";

/// The change of the stream options that asks for token counts; `None` where the request does
/// not ask for a stream, or sets the option itself.
///
/// Source: OpenAI's API reference, Chat Completions, `stream_options`.
pub fn request_usage(request: &Object<'_>) -> Option<Change> {
    if request.get("stream") != Some("true") {
        return None;
    }
    let options = request.get(STREAM_OPTIONS).filter(|json| *json != "null");
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
