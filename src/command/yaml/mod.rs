//! A YAML document as a tree with the position of each node. JSON is YAML.
//!
//! | file | concept |
//! |---|---|
//! | `parse` | the tree of a text |
//! | `scalar` | the types that Envoy and Kubernetes give to scalars |
//! | `merge_keys` | maps with `<<`, as Kubernetes reads them |
//! | `json` | numbers and escapes of JSON |

mod json;
mod merge_keys;
mod parse;
mod scalar;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

use saphyr_parser::ScalarStyle;
use serde_json::Value;

use super::position::Position;

pub use json::scalar_in_json;
pub use merge_keys::{is_merge_key, with_merged_maps};
pub use parse::{Documents, DuplicateField, InvalidYaml, parse, parse_json, without_mark};
pub use scalar::{Scalar, name_in_kubernetes, scalar_in_envoy, scalar_in_kubernetes};

/// A node of a YAML document.
#[derive(Debug)]
pub struct YamlNode {
    pub kind: NodeKind,
    /// The position of its first character.
    pub position: Position,
    /// Its byte range in the text.
    pub span: Range<usize>,
    /// Its tag, such as `!` or `tag:yaml.org,2002:str`, which is written `!!str`.
    pub tag: Option<String>,
    /// The number of nodes on the longest path below it, through aliases too.
    height: usize,
}

#[derive(Debug)]
pub enum NodeKind {
    Scalar(String, ScalarStyle),
    List(Vec<Rc<YamlNode>>),
    Map(Fields),
}

/// The names and values of a map.
type Fields = Vec<(Rc<YamlNode>, Rc<YamlNode>)>;

/// The longest text of [`YamlNode::flow`], in bytes.
const MAX_FLOW: usize = 1 << 16;

/// A field's name in snake_case. A name that begins with a capital letter is not a protobuf field
/// and stays as it is.
pub fn snake(name: &str) -> Cow<'_, str> {
    let is_upper = |it: char| it.is_ascii_uppercase();
    if name.starts_with(is_upper) || !name.contains(is_upper) {
        return Cow::Borrowed(name);
    }
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    Cow::Owned(snake)
}

// === impl YamlNode ===

impl YamlNode {
    fn new(kind: NodeKind, position: Position, span: Range<usize>, tag: Option<String>) -> Self {
        let below = match &kind {
            NodeKind::Scalar(..) => None,
            NodeKind::List(items) => items.iter().map(|it| it.height).max(),
            NodeKind::Map(fields) => {
                fields.iter().flat_map(|(name, value)| [name.height, value.height]).max()
            }
        };
        Self { kind, position, span, tag, height: below.map_or(0, |it| it + 1) }
    }

    /// The value of a map's field, by its name in snake_case. As in protobuf's JSON format, the
    /// field may be written in lowerCamelCase. Of duplicates the last counts, as in Envoy.
    pub fn get(&self, name: &str) -> Option<&Rc<Self>> {
        let NodeKind::Map(fields) = &self.kind else { return None };
        let is_named = |it: &Self| it.text().is_some_and(|it| it == name || snake(it) == name);
        fields.iter().rev().find(|(it, _)| is_named(it)).map(|(_, value)| value)
    }

    /// The value of a map's field of exactly this name, as Kubernetes reads its objects. Of duplicates the
    /// last counts.
    pub fn exact(&self, name: &str) -> Option<&Rc<Self>> {
        let NodeKind::Map(fields) = &self.kind else { return None };
        fields.iter().rev().find(|(it, _)| it.text() == Some(name)).map(|(_, value)| value)
    }

    /// The value at a path of exact names.
    pub fn at_exactly(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.exact(name).map(Rc::as_ref))
    }

    /// The value at a path of field names.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.get(name).map(Rc::as_ref))
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// The scalar; `None` for any other node.
    pub fn scalar(&self) -> Option<Scalar<'_>> {
        let NodeKind::Scalar(text, style) = &self.kind else { return None };
        Some(Scalar { text, style: *style, tag: self.tag.as_deref() })
    }

    /// The boolean that Envoy reads in a field of that type, for which it also takes the texts `"true"`
    /// and `"false"`.
    pub fn boolean(&self) -> Option<bool> {
        match scalar_in_envoy(self.scalar()?) {
            Value::Bool(truth) => Some(truth),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether Envoy reads it as true.
    pub fn is_true(&self) -> bool {
        self.boolean() == Some(true)
    }

    /// Whether Envoy reads it as false.
    pub fn is_false(&self) -> bool {
        self.boolean() == Some(false)
    }

    /// A canonical form in one line, which does not depend on style, order or case of names.
    pub fn flow(&self) -> String {
        let mut text = String::new();
        self.add_flow(&mut text);
        text
    }

    fn add_flow(&self, to: &mut String) {
        // Aliases of aliases can grow exponentially.
        if to.len() > MAX_FLOW {
            return;
        }
        match &self.kind {
            NodeKind::Scalar(text, _) => to.push_str(&format!("{text:?}")),
            NodeKind::List(items) => {
                to.push('[');
                for item in items {
                    item.add_flow(to);
                    to.push(',');
                }
                to.push(']');
            }
            NodeKind::Map(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_cached_key(|(name, _)| name.text().map(snake));
                to.push('{');
                for (name, value) in fields {
                    match name.text() {
                        Some(name) => to.push_str(&format!("{:?}", snake(name))),
                        None => name.add_flow(to),
                    }
                    to.push(':');
                    value.add_flow(to);
                    to.push(',');
                }
                to.push('}');
            }
        }
    }

    /// The items of a list; empty for any other node.
    pub fn items(&self) -> &[Rc<Self>] {
        match &self.kind {
            NodeKind::List(items) => items,
            _ => &[],
        }
    }

    /// The names and values of a map; empty for any other node.
    pub fn fields(&self) -> &[(Rc<Self>, Rc<Self>)] {
        match &self.kind {
            NodeKind::Map(fields) => fields,
            _ => &[],
        }
    }

    /// Calls `visit` once with this node and each node below it.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        let mut seen = HashSet::new();
        let mut rest = vec![self];
        while let Some(node) = rest.pop() {
            // Many aliases may refer to the same node.
            if !seen.insert(std::ptr::from_ref(node)) {
                continue;
            }
            visit(node);
            match &node.kind {
                NodeKind::Scalar(..) => {}
                NodeKind::List(items) => rest.extend(items.iter().rev().map(Rc::as_ref)),
                NodeKind::Map(fields) => {
                    rest.extend(fields.iter().rev().map(|(_, value)| value.as_ref()));
                }
            }
        }
    }
}
