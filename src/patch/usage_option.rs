//! The option that asks a stream for its token counts.

use crate::json::splice::{Change, Object};

/// The member of a Chat request that has the options of a stream.
pub const STREAM_OPTIONS: &str = "stream_options";

/// The change of the stream options that asks for token counts; `None` where the request, with the
/// other changes, does not ask for a stream, or sets the option itself. The options are an error
/// without a stream, and at Azure beside `data_sources`.
///
/// Sources: OpenAI's API reference, Chat Completions, `stream_options`; issue 2296 of openai-python.
pub fn request_usage(request: &Object<'_>, others: &[(&str, Change)]) -> Option<Change> {
    let stream = match others.iter().find(|(name, _)| *name == "stream") {
        Some((_, Change::Set(json))) => Some(json.as_str()),
        Some((_, Change::Remove)) => None,
        None => request.get("stream"),
    };
    let has_data_sources =
        ["data_sources", "dataSources"].iter().any(|name| request.get(name).is_some());
    if stream != Some("true")
        || has_data_sources
        || others.iter().any(|(name, _)| *name == STREAM_OPTIONS)
    {
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
