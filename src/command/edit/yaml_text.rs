//! A plugin configuration as YAML in the text of a file.

use std::rc::Rc;

use super::field_edit::{FieldEdit, TextEdit, comma_before};
use crate::command::yaml::{NodeKind, YamlNode};

/// A plugin configuration as YAML in the text of a file.
pub struct YamlText<'a> {
    pub file: &'a str,
    /// The configuration in it.
    pub node: &'a YamlNode,
}

// === impl YamlText ===

impl<'a> YamlText<'a> {
    /// Replaces the value of a field, or inserts the field before all others of its map. `None` if
    /// the value or the map is not in the configuration, or an alias refers to it: an edit would
    /// change another place as well.
    pub fn edit(&self, edit: &FieldEdit) -> Option<TextEdit> {
        // JSON is YAML.
        let value = edit.value.to_string();
        let (name, parents) = edit.path.split_last()?;
        let map = parents.iter().try_fold(self.node, |map, name| self.own(map.get(name)?))?;
        if let Some(old) = map.get(name) {
            return Some(TextEdit { at: self.own(old)?.span.clone(), text: value });
        }
        let NodeKind::Map(_) = map.kind else { return None };
        let start = map.span.start;
        let after_brace = self.file.get(start..)?.strip_prefix('{');
        Some(match after_brace {
            Some(rest) => {
                let text = format!("{name}: {value}{}", comma_before(rest));
                TextEdit { at: start + 1..start + 1, text }
            }
            None => {
                let indent = " ".repeat(map.position.column?.saturating_sub(1));
                TextEdit { at: start..start, text: format!("{name}: {value}\n{indent}") }
            }
        })
    }

    /// The node, if it is written in the configuration and nowhere else.
    fn own(&self, node: &'a Rc<YamlNode>) -> Option<&'a YamlNode> {
        let is_within =
            self.node.span.start <= node.span.start && node.span.end <= self.node.span.end;
        (is_within && Rc::strong_count(node) == 1).then_some(&**node)
    }
}
