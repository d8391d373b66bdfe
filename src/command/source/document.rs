//! A YAML document of a file, and its position there.

use std::rc::Rc;

use crate::command::yaml::YamlNode;

/// A YAML document that is no plugin configuration.
#[derive(Clone, Debug)]
pub struct Document {
    pub root: Rc<YamlNode>,
    pub lines: LineOffset,
    /// The name of the file that Envoy reads. A key of a ConfigMap is such a file.
    pub file_name: String,
}

/// Maps the lines of a text to lines of the file that contains the text.
#[derive(Clone, Copy, Debug)]
pub struct LineOffset {
    /// The file's line in which the text begins, counted from 1.
    pub first: usize,
    /// Whether the whole text is in that line.
    pub is_single_line: bool,
}

// === impl LineOffset ===

impl LineOffset {
    /// The file's line for a line of the text; both are counted from 1.
    pub fn line(self, line: usize) -> usize {
        self.first + if self.is_single_line { 0 } else { line.saturating_sub(1) }
    }
}
