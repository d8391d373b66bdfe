//! An error of the configuration's parser as a finding in the file.

use serde_json::Value;

use super::file::Source;
use super::finding::Finding;
use super::plugin_config::{PluginConfigText, Quoting};
use super::suggestion;
use crate::command::position::Position;
use crate::config::FieldError;

/// A position in a JSON text, counted from 1.
struct JsonPosition {
    line: usize,
    column: usize,
}

impl Source {
    /// The finding for an error in a field of a plugin configuration.
    pub fn field_finding(&self, plugin: &PluginConfigText, mut error: FieldError) -> Finding {
        let position = match take_position(&mut error) {
            Some(at) => {
                let mut offset = at.offset(&plugin.json);
                if error.fix.contains("is written twice") {
                    // The parser is at the end of the name.
                    let before = plugin.json.get(..offset).unwrap_or_default();
                    offset = before.rfind('"').unwrap_or(offset);
                }
                let position = plugin.position_at(offset);
                self.show_line(plugin, position, &mut error);
                position
            }
            None if error.fix.starts_with("unknown field") => plugin.position_of_name(&error.field),
            None => plugin.position_of(&error.field),
        };
        suggestion::add(&mut error);
        Finding::new(&self.name, position, &error.field, Some(&error.value), error.fix)
    }

    /// Shows the line of a syntax error, instead of the begin of the text, where the text has lines.
    fn show_line(&self, plugin: &PluginConfigText, position: Position, error: &mut FieldError) {
        let has_lines = match plugin.location.quoting {
            Quoting::Whole | Quoting::Block => plugin.json.trim().contains('\n'),
            Quoting::Yaml => true,
            Quoting::Quoted | Quoting::Escaped => false,
        };
        if has_lines && let Some(line) = self.text.lines().nth(position.line.saturating_sub(1)) {
            error.value = Value::from(line.trim()).to_string();
        }
    }
}

/// Removes the position from the message of a syntax error, which names no field.
fn take_position(error: &mut FieldError) -> Option<JsonPosition> {
    if error.field != "plugin configuration" {
        return None;
    }
    let (before, position) = error.fix.rsplit_once(" at line ")?;
    let (line, rest) = position.split_once(" column ")?;
    let line = line.parse().ok()?;
    let after = rest.trim_start_matches(|it: char| it.is_ascii_digit());
    let column = rest.get(..rest.len() - after.len())?.parse().ok()?;
    error.fix = format!("{before}{after}");
    Some(JsonPosition { line, column })
}

// === impl JsonPosition ===

impl JsonPosition {
    /// The byte offset in the text. `serde_json` counts the bytes of a line.
    fn offset(&self, json: &str) -> usize {
        let lines = json.split_inclusive('\n').take(self.line.saturating_sub(1));
        lines.map(str::len).sum::<usize>() + self.column.saturating_sub(1)
    }
}
