//! What is valid YAML, but is ignored or rejected by what reads the file.

use std::rc::Rc;

use super::file::{Source, is_kubernetes_object};
use super::plugin_config::PluginConfigText;
use crate::command::position::Position;
use crate::command::yaml::{DuplicateField, YamlNode, is_merge_key};

impl Source {
    /// Reports duplicate fields, merges in Envoy's files, and documents after the first one.
    pub(super) fn report_ignored(&mut self, roots: &[Rc<YamlNode>], duplicates: &[DuplicateField]) {
        // In a plugin configuration, its parser reports these.
        let plugins = self.plugins.iter().map(PluginConfigText::yaml_lines).collect::<Vec<_>>();
        let is_outside = |it: Position| !plugins.iter().any(|lines| lines.contains(&it.line));
        for DuplicateField { document, position, name, is_same_name } in duplicates {
            let reader = match roots.get(*document).is_some_and(is_kubernetes_object) {
                // Several maps may be merged.
                true if name == "<<" => continue,
                // To Kubernetes these are two names.
                true if !is_same_name => continue,
                true => "Kubernetes",
                false => "Envoy",
            };
            if is_outside(*position) {
                let fix = format!(
                    "occurs twice in a map, of which {reader} uses the last: write it once"
                );
                self.add_problem(*position, name, fix);
            }
        }
        for root in roots.iter().filter(|it| !is_kubernetes_object(it)) {
            let mut merges = Vec::new();
            root.walk(&mut |node| {
                let names = node.fields().iter().map(|(name, _)| name);
                merges.extend(names.filter(|it| is_merge_key(it)).map(|it| it.position));
            });
            for position in merges.into_iter().filter(|it| is_outside(*it)) {
                let fix = "merges nothing in Envoy, for which it is a field of that name: write the \
                           fields of the other map here, or give the whole map by an alias";
                self.add_problem(position, "<<", fix);
            }
        }
        if !roots.iter().any(is_kubernetes_object) {
            self.report_second_document(roots);
        }
    }

    fn report_second_document(&mut self, roots: &[Rc<YamlNode>]) {
        let is_empty = |it: &Rc<YamlNode>| it.text().is_some_and(|it| it.is_empty() || it == "~");
        for root in roots.iter().skip(1).filter(|it| !is_empty(it)) {
            let fix = "begins a second document, but Envoy reads only the first one of a file: write \
                       it to a file of its own";
            self.add_problem(root.position, "YAML", fix);
        }
    }

    /// Reports YAML in a file that Envoy reads as JSON, by its name. Its parser, protobuf's, also
    /// accepts other quotes and a comma after the last item, but no comments.
    pub(super) fn report_no_json(&mut self) {
        if serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok() {
            return;
        }
        let spaces = self.text.len() - self.text.trim_start().len();
        let offset = match self.text.trim_start().starts_with('{') {
            true => first_comment(&self.text),
            false => Some(spaces),
        };
        if let Some(offset) = offset {
            let position = Position::in_text(&self.text, offset);
            let fix = "is YAML, but Envoy reads a file as JSON unless its name ends with .yaml or .yml: \
                       rename it";
            self.add_problem(position, "file", fix);
        }
    }
}

/// The offset of the first comment of YAML, outside of quotes.
fn first_comment(text: &str) -> Option<usize> {
    let (mut quote, mut is_escaped) = (None, false);
    for (at, character) in text.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some('"') if character == '\\' => is_escaped = true,
            Some(it) if it == character => quote = None,
            Some(_) => {}
            None if character == '#' => return Some(at),
            None => quote = Some(character).filter(|it| matches!(it, '"' | '\'')),
        }
    }
    None
}
