//! The line of a finding, as text.

use super::file::Source;
use crate::command::position::Position;
use crate::command::yaml::without_mark;

/// The longest part of a line that is shown, in characters.
const WIDTH: usize = 90;
/// The number of characters before the position that are shown of a longer line.
const BEFORE: usize = 60;

impl Source {
    /// The line at a position, with a caret below the column; empty if no column is known.
    pub fn excerpt(&self, position: Position) -> String {
        let line = without_mark(&self.text)
            .lines()
            .nth(position.line.saturating_sub(1))
            .unwrap_or_default();
        let Some(column) = position.column.filter(|_| !line.trim().is_empty()) else {
            return String::new();
        };
        let length = line.chars().count();
        let skipped = if length > WIDTH { column.saturating_sub(1 + BEFORE) } else { 0 };
        let shown: String = line.chars().skip(skipped).take(WIDTH).collect();
        let before = if skipped > 0 { "…" } else { "" };
        let after = if length > skipped + WIDTH { "…" } else { "" };
        // A tab is as wide in both lines.
        let blanks = shown.chars().take(column.saturating_sub(1 + skipped));
        let blanks: String = blanks.map(|it| if it == '\t' { it } else { ' ' }).collect();
        let blanks = format!("{}{blanks}", if skipped > 0 { " " } else { "" });
        let number = position.line;
        format!("{number:>6} | {before}{shown}{after}\n{:>6} | {blanks}^\n", "")
    }
}
