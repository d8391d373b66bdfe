//! The model in a path.

use crate::response::Format;
use crate::response::known_path::is_invoke_model;

/// Whether a request in this format to this path has its model only in the path.
///
/// Bedrock's InvokeModel and Vertex AI's `rawPredict` take the bodies of a model's own API without its
/// `model`, and reject one that has it. Sources: "InvokeModel" in Bedrock's API reference; "Claude on
/// Vertex AI" in Anthropic's documentation.
pub fn is_in_path(format: Format, path: &str) -> bool {
    let path = before_query(path);
    matches!(format, Format::Gemini | Format::Bedrock)
        || is_invoke_model(path.as_bytes())
        || is_raw_predict(path)
}

/// Whether the path of a Bedrock request names a managed prompt instead of a model, by an ARN. Such a
/// request takes neither a model nor a system prompt. Source: "Converse" in Bedrock's API reference.
pub fn names_managed_prompt(format: Format, path: &str) -> bool {
    if format != Format::Bedrock {
        return false;
    }
    let path = before_query(path).to_ascii_lowercase();
    ["%3aprompt%2f", ":prompt%2f", ":prompt/"].iter().any(|it| path.contains(it))
}

/// Other publishers' models take a `model` in the body. The colon may be percent-encoded, and slashes may
/// follow, as where the format of a path is found.
fn is_raw_predict(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let methods = ["streamRawPredict", "rawPredict"];
    let Some(model) = methods.iter().find_map(|it| path.strip_suffix(it)) else { return false };
    path.contains("/publishers/anthropic/models/")
        && [":", "%3A", "%3a"].iter().any(|colon| model.ends_with(colon))
}

fn before_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

/// The path with another model; `None` where it names no model.
///
/// Bedrock has the model between `/model/` and `/`, Gemini between `/models/` and `:` or `%3A`, Azure
/// between `/deployments/` and `/`. Where one of these is repeated, the last one counts. A
/// character that a path cannot carry is percent-encoded (RFC 3986, section 2.1).
///
/// ```
/// use verdigris::response::Format;
/// use verdigris::patch::model::path_with_model;
/// let path = "/v1beta/models/gemini-2.5-flash:generateContent?alt=sse";
/// assert_eq!(
///     path_with_model(path, "gemini-3", Format::Gemini),
///     Some("/v1beta/models/gemini-3:generateContent?alt=sse".to_owned()),
/// );
/// assert_eq!(path_with_model("/v1/chat/completions", "gpt-5", Format::Chat), None);
/// ```
pub fn path_with_model(path: &str, model: &str, format: Format) -> Option<String> {
    let before_query = before_query(path);
    let delimiters: &[(&str, char)] =
        match format == Format::Bedrock || is_invoke_model(before_query.as_bytes()) {
            true => &[("/model/", '/')],
            false => &[("/models/", ':'), ("/deployments/", '/')],
        };
    let (start, end) = delimiters.iter().find_map(|(before, after)| {
        let start = before_query.rfind(before)? + before.len();
        let rest = before_query.get(start..)?;
        let length = match rest.find(*after) {
            // The colon before the method may be percent-encoded.
            None if *after == ':' => rest.rfind("%3A").max(rest.rfind("%3a"))?,
            found => found?,
        };
        Some((start, start + length))
    })?;
    let mut new_path = path.get(..start)?.to_owned();
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            new_path.push(char::from(byte));
        } else {
            new_path.push_str(&format!("%{byte:02X}"));
        }
    }
    new_path.push_str(path.get(end..)?);
    Some(new_path)
}
