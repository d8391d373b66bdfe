//! The report of a changed field.

use serde::Serialize;
use serde_json::Value;

use crate::command::output::{FAINT, GOOD, Report, styled};
use crate::command::reload::{self, Effect};

/// A field that was changed in a file.
#[derive(Serialize)]
pub struct FileChange {
    pub file: String,
    /// The field: `weights`, `ramp.rolled_back` or `ramp.restart`.
    pub field: &'static str,
    pub before: Value,
    pub after: Value,
    /// Whether the file has the new value.
    pub written: bool,
    /// The effects of the reload.
    pub reload: Vec<Effect>,
    /// What to do next, as text.
    #[serde(skip)]
    pub next: Option<String>,
}

// === impl FileChange ===

impl FileChange {
    /// Whether the file has the value already, so that nothing changes.
    pub fn is_in_file_already(&self) -> bool {
        self.before == self.after
    }
}

impl Report for FileChange {
    fn text(&self) -> String {
        let Self { file, before, after, field, .. } = self;
        let effects = reload::text(&self.reload);
        let [from, to] = [before, after].map(short);
        let done = if self.is_in_file_already() {
            let verb = if field.ends_with('s') { "are" } else { "is" };
            let name = if *field == "weights" { "the weights" } else { field };
            format!("{} {file}: {name} {verb} {to} already\n", styled(GOOD, "fine:"))
        } else if self.written {
            format!("{} {file}: {field} {from} -> {to}\n", styled(GOOD, "written:"))
        } else {
            format!("{file}: {field} {from} -> {to} would be written\n")
        };
        let next = self.next.as_ref().map(|it| styled(FAINT, it) + "\n").unwrap_or_default();
        effects + &done + &next
    }
}

/// A value as short text: weights as `95/5`, all others as JSON.
fn short(value: &Value) -> String {
    match (value.get("blue"), value.get("green")) {
        (Some(blue), Some(green)) => format!("{blue}/{green}"),
        _ => value.to_string(),
    }
}
