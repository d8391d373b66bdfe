//! The tree of a YAML text.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, Span, Tag};

use super::json::{with_pairs, without_pairs};
use super::{Fields, NodeKind, YamlNode, snake};
use crate::command::position::Position;

/// The documents of a text.
#[derive(Debug, Default)]
pub struct Documents {
    pub roots: Vec<Rc<YamlNode>>,
    pub duplicates: Vec<DuplicateField>,
}

/// A field that occurs again in the same map.
#[derive(Clone, Debug)]
pub struct DuplicateField {
    /// The index of its document.
    pub document: usize,
    pub position: Position,
    pub name: String,
    /// Whether the same name occurs again, and not only the same field of a protobuf message, such as
    /// `logLevel` beside `log_level`.
    pub is_same_name: bool,
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
    parse_with(text, false)
}

/// As [`parse`], for a text that is read as JSON.
///
/// # Errors
/// As [`parse`].
pub fn parse_json(text: &str) -> Result<Documents, InvalidYaml> {
    match without_pairs(text) {
        Some(text) => parse_with(&text, true),
        None => parse(text),
    }
}

fn parse_with(text: &str, has_pairs: bool) -> Result<Documents, InvalidYaml> {
    // A byte order mark is no part of the text.
    let begin = text.len() - without_mark(text).len();
    let characters = text.char_indices().map(|(at, _)| at).filter(|at| *at >= begin);
    let mut reader = YamlReader {
        events: Parser::new_from_str(without_mark(text)),
        text,
        has_pairs,
        bytes: characters.chain([text.len()]).collect(),
        anchors: HashMap::new(),
        document: 0,
        duplicates: Vec::new(),
    };
    let mut roots = Vec::new();
    while let Some((event, span)) = reader.next()? {
        if let Some(node) = reader.node(event, span, 0)? {
            roots.push(node);
            reader.document = roots.len();
        }
    }
    Ok(Documents { roots, duplicates: reader.duplicates })
}

/// The deepest accepted nesting, which bounds the recursion.
const MAX_DEPTH: usize = 200;

struct YamlReader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    text: &'a str,
    /// Whether the text has stand-ins for surrogates.
    has_pairs: bool,
    /// The byte offset of each character: the parser counts characters.
    bytes: Vec<usize>,
    anchors: HashMap<usize, Rc<YamlNode>>,
    /// The index of the document that is read.
    document: usize,
    duplicates: Vec<DuplicateField>,
}

/// Where a node begins, as a byte offset and as a position.
struct NodeStart {
    at: usize,
    position: Position,
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
        let NodeStart { at: start, position } = self.content_start(span);
        let too_deep = || InvalidYaml { position, why: "is nested too deeply".to_owned() };
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let (kind, anchor, tag, end) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = if self.has_pairs { with_pairs(text) } else { text };
                let kind = NodeKind::Scalar(Cow::into_owned(text), style);
                (kind, anchor, tag, self.byte(span.end.index()))
            }
            Event::SequenceStart(anchor, tag) => {
                let (items, end) = self.items(start, depth)?;
                (NodeKind::List(items), anchor, tag, end)
            }
            Event::MappingStart(anchor, tag) => {
                let (fields, end) = self.fields(start, depth)?;
                (NodeKind::Map(fields), anchor, tag, end)
            }
            Event::Alias(anchor) => {
                let why = "an alias refers to a node that contains it".to_owned();
                let known = self.anchors.get(&anchor).ok_or(InvalidYaml { position, why })?;
                // Aliases of aliases nest as deeply as if they were written out.
                return match depth + known.height > MAX_DEPTH {
                    true => Err(too_deep()),
                    false => Ok(Some(Rc::clone(known))),
                };
            }
            _ => return Ok(None),
        };
        let tag = tag.map(|it| {
            let Tag { handle, suffix } = it.as_ref();
            format!("{handle}{suffix}")
        });
        let node = Rc::new(YamlNode::new(kind, position, start..end, tag));
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(Some(node))
    }

    /// The items of a list, and the offset of its end.
    fn items(
        &mut self,
        start: usize,
        depth: usize,
    ) -> Result<(Vec<Rc<YamlNode>>, usize), InvalidYaml> {
        let (mut items, mut end) = (Vec::new(), start);
        while let Some((event, span)) = self.next()? {
            end = self.byte(span.end.index());
            let Some(item) = self.node(event, span, depth + 1)? else { break };
            end = item.span.end;
            items.push(item);
        }
        Ok((items, end))
    }

    /// The fields of a map, and the offset of its end.
    fn fields(&mut self, start: usize, depth: usize) -> Result<(Fields, usize), InvalidYaml> {
        let (mut fields, mut end) = (Vec::new(), start);
        let (mut protobuf_names, mut names) = (HashSet::new(), HashSet::new());
        while let Some((event, span)) = self.next()? {
            end = self.byte(span.end.index());
            let Some(name) = self.node(event, span, depth + 1)? else { break };
            let Some((event, span)) = self.next()? else { break };
            let Some(value) = self.node(event, span, depth + 1)? else { break };
            end = value.span.end;
            // Envoy leaves these out (`parseYamlNode` in its `yaml_utility.cc`). They have the anchors
            // of other fields.
            if name.tag.as_deref() == Some("!ignore") {
                continue;
            }
            if let Some(text) = name.text() {
                let is_same_name = !names.insert(text.to_owned());
                if !protobuf_names.insert(snake(text).into_owned()) {
                    self.duplicates.push(DuplicateField {
                        document: self.document,
                        position: name.position,
                        name: text.to_owned(),
                        is_same_name,
                    });
                }
            }
            fields.push((name, value));
        }
        Ok((fields, end))
    }

    /// Where a node itself begins. Its span begins with its anchor and its tag, and has the header of
    /// a block scalar only after these.
    fn content_start(&self, span: Span) -> NodeStart {
        let (begin, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
        let first = NodeStart { at: begin, position: position(span.start) };
        let text = self.text.get(begin..).unwrap_or_default();
        let content = without_properties(text);
        if content.len() == text.len() {
            return first;
        }
        let at = begin + text.len() - content.len();
        // A node without content ends with its properties.
        if at > end || content.is_empty() {
            return first;
        }
        let skipped = text.get(..at - begin).unwrap_or_default();
        let Position { line, column } = Position::in_text(skipped, skipped.len());
        let before = if line == 1 { span.start.col() } else { 0 };
        let position = Position {
            line: span.start.line() + line - 1,
            column: column.map(|column| before + column),
        };
        NodeStart { at, position }
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes.get(character).or(self.bytes.last()).copied().unwrap_or_default()
    }
}

/// The text of a node without its anchor and tag, and then without the header of a block scalar.
fn without_properties(node: &str) -> &str {
    let mut rest = node;
    while rest.starts_with(['&', '!']) {
        let end = rest.find(|it: char| it.is_whitespace() || ",[]{}".contains(it));
        rest = without_space(rest.get(end.unwrap_or(rest.len())..).unwrap_or_default());
    }
    match rest.strip_prefix(['|', '>']) {
        Some(header) if rest.len() < node.len() => {
            header.split_once('\n').map_or(rest, |(_, text)| text.trim_start())
        }
        _ => rest,
    }
}

/// The text without white space and comments at its start.
fn without_space(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with('#') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    rest
}

/// The text without a byte order mark at its start.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The parser counts lines from 1 and columns from 0.
fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: Some(1 + marker.col()) }
}
