//! A YAML document as a tree with the position of each node. JSON is YAML.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::position::Position;

/// A node of a YAML document.
#[derive(Debug)]
pub struct YamlNode {
    pub kind: NodeKind,
    /// The position of its first character.
    pub position: Position,
    /// Its byte range in the text.
    pub span: Range<usize>,
}

#[derive(Debug)]
pub enum NodeKind {
    Scalar(String, ScalarStyle),
    List(Vec<Rc<YamlNode>>),
    Map(Vec<(Rc<YamlNode>, Rc<YamlNode>)>),
}

/// The documents of a text.
#[derive(Debug, Default)]
pub struct Documents {
    pub roots: Vec<Rc<YamlNode>>,
    pub duplicates: Vec<DuplicateField>,
}

/// A field that occurs again in the same map.
#[derive(Clone, Debug)]
pub struct DuplicateField {
    pub position: Position,
    pub name: String,
}

/// Why a text is no YAML.
#[derive(Clone, Debug)]
pub struct InvalidYaml {
    pub position: Position,
    pub why: String,
}

/// Parses a text of one or more documents.
///
/// # Errors
/// The text is no YAML, is nested too deeply, or has an alias within its own anchor.
pub fn parse(text: &str) -> Result<Documents, InvalidYaml> {
    let mut reader = YamlReader {
        events: Parser::new_from_str(text),
        bytes: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect(),
        anchors: HashMap::new(),
        duplicates: Vec::new(),
    };
    let mut roots = Vec::new();
    while let Some((event, span)) = reader.next()? {
        if let Some(node) = reader.node(event, span, 0)? {
            roots.push(node);
        }
    }
    Ok(Documents { roots, duplicates: reader.duplicates })
}

/// The deepest accepted nesting, which bounds the recursion.
const MAX_DEPTH: usize = 200;

/// The longest text of [`YamlNode::flow`], in bytes.
const MAX_FLOW: usize = 1 << 16;

struct YamlReader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// The byte offset of each character: the parser counts characters.
    bytes: Vec<usize>,
    anchors: HashMap<usize, Rc<YamlNode>>,
    duplicates: Vec<DuplicateField>,
}

// === impl YamlReader ===

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, InvalidYaml> {
        self.events.next().transpose().map_err(|error| InvalidYaml {
            position: position(*error.marker()),
            why: error.info().to_owned(),
        })
    }

    /// The node that begins with an event; `None` for an event that begins no node.
    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        depth: usize,
    ) -> Result<Option<Rc<YamlNode>>, InvalidYaml> {
        let position = position(span.start);
        let start = self.byte(span.start.index());
        if depth > MAX_DEPTH {
            return Err(InvalidYaml { position, why: "is nested too deeply".to_owned() });
        }
        let (kind, anchor, end) = match event {
            Event::Scalar(text, style, anchor, _) => (
                NodeKind::Scalar(Cow::into_owned(text), style),
                anchor,
                self.byte(span.end.index()),
            ),
            Event::SequenceStart(anchor, _) => {
                let (mut items, mut end) = (Vec::new(), start);
                while let Some((event, span)) = self.next()? {
                    end = self.byte(span.end.index());
                    let Some(item) = self.node(event, span, depth + 1)? else { break };
                    end = item.span.end;
                    items.push(item);
                }
                (NodeKind::List(items), anchor, end)
            }
            Event::MappingStart(anchor, _) => {
                let (mut fields, mut end) = (Vec::new(), start);
                let mut names = HashSet::new();
                while let Some((event, span)) = self.next()? {
                    end = self.byte(span.end.index());
                    let Some(name) = self.node(event, span, depth + 1)? else { break };
                    if let Some(text) = name.text()
                        && !names.insert(snake(text).into_owned())
                    {
                        let (position, name) = (name.position, text.to_owned());
                        self.duplicates.push(DuplicateField { position, name });
                    }
                    let Some((event, span)) = self.next()? else { break };
                    let Some(value) = self.node(event, span, depth + 1)? else { break };
                    end = value.span.end;
                    fields.push((name, value));
                }
                (NodeKind::Map(fields), anchor, end)
            }
            Event::Alias(anchor) => {
                let why = "an alias refers to a node that contains it";
                let known = self.anchors.get(&anchor).map(Rc::clone);
                return known.map(Some).ok_or(InvalidYaml { position, why: why.to_owned() });
            }
            _ => return Ok(None),
        };
        let node = Rc::new(YamlNode { kind, position, span: start..end });
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(Some(node))
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes.get(character).or(self.bytes.last()).copied().unwrap_or_default()
    }
}

/// The parser counts lines from 1 and columns from 0.
fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: Some(1 + marker.col()) }
}

/// A field's name in snake_case. A name that begins with a capital letter is not a protobuf field
/// and stays as it is.
fn snake(name: &str) -> Cow<'_, str> {
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

/// A plain scalar as yaml-cpp, Envoy's parser, reads it: `y`, `yes`, `true` and `on` are true, `n`,
/// `no`, `false` and `off` are false, in lower case, in upper case or capitalized.
pub fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let is_of_one_case = text.get(1..).is_some_and(|rest| {
        rest == lower.get(1..).unwrap_or_default() || *text == text.to_ascii_uppercase()
    });
    match lower.as_str() {
        "y" | "yes" | "true" | "on" if is_of_one_case => Some(true),
        "n" | "no" | "false" | "off" if is_of_one_case => Some(false),
        _ => None,
    }
}

// === impl YamlNode ===

impl YamlNode {
    /// The value of a map's field, by its name in snake_case. As in protobuf's JSON format, the
    /// field may be written in lowerCamelCase. Of duplicates the last counts, as in Envoy.
    pub fn get(&self, name: &str) -> Option<&Rc<Self>> {
        let NodeKind::Map(fields) = &self.kind else { return None };
        let is_named = |it: &Self| it.text().is_some_and(|it| it == name || snake(it) == name);
        fields.iter().rev().find(|(it, _)| is_named(it)).map(|(_, value)| value)
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

    /// Whether Envoy reads it as true.
    pub fn is_true(&self) -> bool {
        match &self.kind {
            NodeKind::Scalar(text, ScalarStyle::Plain) => boolean(text) == Some(true),
            NodeKind::Scalar(text, _) => text == "true",
            _ => false,
        }
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
