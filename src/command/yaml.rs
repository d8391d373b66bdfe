//! A YAML text as a tree that knows where in the text each part stands. JSON is YAML.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// A part of a YAML text.
#[derive(Debug)]
pub struct YamlNode {
    pub what: NodeKind,
    /// The line that it begins in, counted from 1.
    pub line: usize,
    /// Its bytes in the text.
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
    pub all: Vec<Rc<YamlNode>>,
    /// The fields that are written again in the same map: their lines and names.
    pub again: Vec<(usize, String)>,
}

/// Why a text is no YAML.
#[derive(Debug)]
pub struct InvalidYaml {
    pub line: usize,
    pub why: String,
}

/// Reads a text of one or more documents.
pub fn parse(text: &str) -> Result<Documents, InvalidYaml> {
    let mut reader = YamlReader {
        events: Parser::new_from_str(text),
        bytes: text.char_indices().map(|(at, _)| at).chain([text.len()]).collect(),
        anchors: HashMap::new(),
        again: Vec::new(),
    };
    let mut all = Vec::new();
    while let Some((event, span)) = reader.next()? {
        if let Some(node) = reader.node(event, span, 0)? {
            all.push(node);
        }
    }
    Ok(Documents { all, again: reader.again })
}

/// Deeper than this no configuration is nested, and the stack is not endless.
const DEEPEST: usize = 200;

/// More of a part of a text is not compared.
const LONGEST_FLOW: usize = 1 << 16;

struct YamlReader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// Where each character begins: the parser counts characters.
    bytes: Vec<usize>,
    anchors: HashMap<usize, Rc<YamlNode>>,
    again: Vec<(usize, String)>,
}

// === impl Reader ===

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, InvalidYaml> {
        self.events.next().transpose().map_err(|error| InvalidYaml {
            line: error.marker().line(),
            why: error.info().to_owned(),
        })
    }

    /// The node that an event begins; `None` for one that begins none.
    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        depth: usize,
    ) -> Result<Option<Rc<YamlNode>>, InvalidYaml> {
        let line = span.start.line();
        let start = self.byte(span.start.index());
        if depth > DEEPEST {
            return Err(InvalidYaml { line, why: "is nested too deep".to_owned() });
        }
        let (what, anchor, end) = match event {
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
                        self.again.push((name.line, text.to_owned()));
                    }
                    let Some((event, span)) = self.next()? else { break };
                    let Some(value) = self.node(event, span, depth + 1)? else { break };
                    end = value.span.end;
                    fields.push((name, value));
                }
                (NodeKind::Map(fields), anchor, end)
            }
            Event::Alias(anchor) => {
                let why = "an alias stands within what it is an alias of";
                let known = self.anchors.get(&anchor).map(Rc::clone);
                return known.map(Some).ok_or(InvalidYaml { line, why: why.to_owned() });
            }
            _ => return Ok(None),
        };
        let node = Rc::new(YamlNode { what, line, span: start..end });
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(Some(node))
    }

    fn byte(&self, character: usize) -> usize {
        self.bytes.get(character).or(self.bytes.last()).copied().unwrap_or_default()
    }
}

/// A field's name in snake_case; one that begins with a capital is no field's, and stays.
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

// === impl Node ===

impl YamlNode {
    /// The value of a field, if this is a map that has it, by its name in snake_case. As in
    /// protobuf's JSON it may be written in lowerCamelCase. Of several the last counts, as for
    /// Envoy.
    pub fn get(&self, name: &str) -> Option<&Rc<Self>> {
        let NodeKind::Map(fields) = &self.what else { return None };
        let is_named = |it: &Self| it.text().is_some_and(|it| it == name || snake(it) == name);
        fields.iter().rev().find(|(it, _)| is_named(it)).map(|(_, value)| value)
    }

    /// What is found by going from field to field.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.get(name).map(Rc::as_ref))
    }

    pub fn text(&self) -> Option<&str> {
        match &self.what {
            NodeKind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// Whether yaml-cpp, with which Envoy reads, takes it for true: `y`, `yes`, `true` or `on`,
    /// small, great or with a capital.
    pub fn is_true(&self) -> bool {
        let NodeKind::Scalar(text, style) = &self.what else { return false };
        let lower = text.to_ascii_lowercase();
        let is_of_one_case = text.get(1..).is_some_and(|rest| {
            rest == lower.get(1..).unwrap_or_default() || *text == text.to_ascii_uppercase()
        });
        match style {
            ScalarStyle::Plain => {
                is_of_one_case && ["y", "yes", "true", "on"].contains(&lower.as_str())
            }
            _ => text == "true",
        }
    }

    /// The same in one line, whatever style, order and spelling of names it is written in.
    pub fn flow(&self) -> String {
        let mut text = String::new();
        self.add_flow(&mut text);
        text
    }

    fn add_flow(&self, to: &mut String) {
        // Aliases of aliases can be without end.
        if to.len() > LONGEST_FLOW {
            return;
        }
        match &self.what {
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

    pub fn items(&self) -> &[Rc<Self>] {
        match &self.what {
            NodeKind::List(items) => items,
            _ => &[],
        }
    }

    /// The fields of a map: names and values.
    pub fn fields(&self) -> &[(Rc<Self>, Rc<Self>)] {
        match &self.what {
            NodeKind::Map(fields) => fields,
            _ => &[],
        }
    }

    /// Calls `see` with this node and all below it, each once.
    pub fn walk<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        let mut seen = HashSet::new();
        let mut rest = vec![self];
        while let Some(node) = rest.pop() {
            // An alias may be written often, and to what holds aliases itself.
            if !seen.insert(std::ptr::from_ref(node)) {
                continue;
            }
            see(node);
            match &node.what {
                NodeKind::Scalar(..) => {}
                NodeKind::List(items) => rest.extend(items.iter().rev().map(Rc::as_ref)),
                NodeKind::Map(fields) => {
                    rest.extend(fields.iter().rev().map(|(_, value)| value.as_ref()));
                }
            }
        }
    }
}
