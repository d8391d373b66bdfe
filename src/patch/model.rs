//! The model, where the path names it.

/// The path with another model in it; `None` where it names none.
///
/// Gemini has it between `/models/` and `:`, Azure's deployments between
/// `/deployments/` and `/`. Of both the last counts. What a path cannot carry as it is
/// is percent-encoded (RFC 3986, section 2.1).
///
/// ```
/// use verdigris::patch::model::path_with_model;
/// assert_eq!(
///     path_with_model("/v1beta/models/gemini-2.5-flash:generateContent?alt=sse", "gemini-3"),
///     Some("/v1beta/models/gemini-3:generateContent?alt=sse".to_owned()),
/// );
/// assert_eq!(path_with_model("/v1/chat/completions", "gpt-5"), None);
/// ```
pub fn path_with_model(path: &str, model: &str) -> Option<String> {
    let (before_query, _) = path.split_once('?').unwrap_or((path, ""));
    let (start, end) =
        [("/models/", ':'), ("/deployments/", '/')].into_iter().find_map(|(before, after)| {
            let start = before_query.rfind(before)? + before.len();
            let length = before_query.get(start..)?.find(after)?;
            Some((start, start + length))
        })?;
    let mut new = path.get(..start)?.to_owned();
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            new.push(char::from(byte));
        } else {
            new.push_str(&format!("%{byte:02X}"));
        }
    }
    new.push_str(path.get(end..)?);
    Some(new)
}
