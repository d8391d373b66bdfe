//! `console.path`: the console at a path of the release's listener.

use serde_json::json;

use super::FieldError;
use super::console_config::ConsoleConfig;
use super::diagnostics::Diagnostics;
use super::feedback::FeedbackConfig;
use super::raw::root::RawConsole;
use crate::response::format::without_query;

/// The console at a path of the release's listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsolePath {
    /// The path of the page without its last slash, such as `/verdigris`.
    pub path: Box<str>,
    /// The host names under which the page may be requested.
    pub console: ConsoleConfig,
}

/// The longest allowed path, in bytes.
const MAX_PATH: usize = 128;

const RULE: &str = r#"write a path of up to 128 bytes of A-Z, a-z, 0-9, ".", "_", "~", "-" and "/", without a last slash and without segments "." and "..", such as "/verdigris""#;

// === impl ConsolePath ===

impl ConsolePath {
    /// The rest of a request's path below the console's, without the query: empty, or with a first
    /// slash. `None` if the path is not the console's.
    ///
    /// ```
    /// use verdigris::config::{ConsoleConfig, ConsolePath};
    /// let at = ConsolePath { path: "/verdigris".into(), console: ConsoleConfig::default() };
    /// assert_eq!(at.rest(b"/verdigris/state.json?a=b"), Some(&b"/state.json"[..]));
    /// assert_eq!(at.rest(b"/verdigris"), Some(&b""[..]));
    /// assert_eq!(at.rest(b"/verdigris-old/"), None);
    /// ```
    pub fn rest<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let rest = without_query(path).strip_prefix(self.path.as_bytes())?;
        (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
    }
}

/// Checks the `console` section of a rollout. `None` without a path, `Some(None)` if it is invalid.
pub(super) fn check_console_path(
    raw: Option<RawConsole>,
    feedback: &Option<Option<FeedbackConfig>>,
    diagnostics: &mut Diagnostics,
) -> Option<Option<ConsolePath>> {
    let raw = raw?;
    let Some(path) = raw.path.as_deref() else {
        if !raw.hosts.is_empty() {
            let fix = "has no effect in a rollout's configuration without console.path; add one, such as \
                       \"/verdigris\", or remove it";
            diagnostics.push(FieldError::unneeded("console.hosts", fix));
        }
        return None;
    };
    let path = diagnostics.checked("console.path", path, |path| {
        if is_valid(path) { Ok(Box::from(path)) } else { Err(RULE) }
    });
    let console = ConsoleConfig::check(&raw, diagnostics);
    let at_path = path.map(|path| ConsolePath { path, console });
    if let (Some(at_path), Some(feedback)) = (&at_path, feedback.iter().flatten().next()) {
        reject_feedback_below(at_path, feedback, diagnostics);
    }
    Some(at_path)
}

/// Adds an error where the console would answer requests of feedback.
fn reject_feedback_below(
    console: &ConsolePath,
    feedback: &FeedbackConfig,
    diagnostics: &mut Diagnostics,
) {
    if console.rest(feedback.path.as_bytes()).is_none() {
        return;
    }
    let fix = format!(
        "the console answers all requests to console.path, {:?}, and below it, so no feedback is \
         received; write a path outside of it, or another console.path",
        console.path
    );
    diagnostics.push(FieldError::new("feedback.path", &json!(feedback.path), fix));
}

fn is_valid(path: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    let is_segment =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed);
    let segments = path.strip_prefix('/').filter(|_| path.len() <= MAX_PATH);
    segments.is_some_and(|it| it.split('/').all(is_segment))
}
