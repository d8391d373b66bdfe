//! A YAML document of a file, and its position there.

use std::rc::Rc;

use crate::command::position::Position;
use crate::command::yaml::YamlNode;

/// A YAML document that is no plugin configuration.
#[derive(Clone, Debug)]
pub struct Document {
    pub root: Rc<YamlNode>,
    pub placement: Placement,
    /// The name of the file that Envoy reads. A key of a ConfigMap is such a file.
    pub file_name: String,
}

/// Where a text is in the file that contains it.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// The position of the text's first character.
    pub start: Position,
    /// Whether each line of the text is a line of the file, indented as the first one is. Otherwise
    /// only the start is known.
    pub has_lines: bool,
}

// === impl Placement ===

impl Placement {
    /// The placement of the file's own text.
    pub const WHOLE: Self = Self { start: Position::START, has_lines: true };

    /// The placement of a text whose first character that is no white space is at `start`.
    pub fn new(start: Position, text: &str, has_lines: bool) -> Self {
        let spaces = text.len() - text.trim_start().len();
        let first = Position::in_text(text, spaces);
        let columns = start.column.zip(first.column);
        let start = Position {
            line: (start.line + 1).saturating_sub(first.line),
            column: columns.map(|(start, first)| (start + 1).saturating_sub(first)),
        };
        Self { start, has_lines }
    }

    /// The file's position for a position in the text.
    pub fn position(self, inner: Position) -> Position {
        if !self.has_lines {
            return self.start;
        }
        let columns = self.start.column.zip(inner.column);
        Position {
            line: self.start.line + inner.line.saturating_sub(1),
            column: columns.map(|(start, column)| start + column - 1),
        }
    }
}
