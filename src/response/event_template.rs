//! The shape of an event of a stream, and how an event of the same shape is read without a scan.
//!
//! Most events of a stream differ from the one before in the values of a few strings and numbers. A
//! scan takes some 200 instructions for each token of JSON, a comparison less than one for each byte.
//! So an event that equals an earlier one but for values of strings and numbers is compared with it, and
//! what the scanner reported of the earlier one is reported again, with the new values.
//!
//! An event that differs in more, or whose values have escapes, is scanned. What is reported does not
//! depend on the template: each value that differs is read by the scanner's own functions, and all other
//! bytes are equal.

use super::answer_key::AnswerKey;
use crate::json::{BoundedText, PathKey, Token, number_length, parse_number, unescaped_string};

/// An event, and what the scanner reports of it.
#[derive(Clone, Debug)]
pub struct EventTemplate {
    /// The event, from the beginning of its first line to the empty line that ends it.
    bytes: Vec<u8>,
    values: Vec<Value>,
    steps: Vec<Step>,
}

/// The place of a string, without its quotes, or of a number.
#[derive(Clone, Copy, Debug, Default)]
struct Value {
    start: u16,
    end: u16,
    is_string: bool,
}

/// What the scanner reports.
#[derive(Clone, Copy, Debug)]
struct Step {
    path: [AnswerKey; EventTemplate::MAX_DEPTH],
    depth: u8,
    token: StepToken,
    /// The value of a string, text or number.
    value: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StepToken {
    Object,
    True,
    False,
    String,
    Text,
    Number,
    End,
}

/// The places of the values of an event.
type Places = [(usize, usize); EventTemplate::MAX_VALUES];

// === impl EventTemplate ===

impl EventTemplate {
    /// The longest event with a template, in bytes.
    pub const MAX_BYTES: usize = 512;
    /// How deep its JSON is at most.
    const MAX_DEPTH: usize = 6;
    /// How many strings and numbers it has at most.
    const MAX_VALUES: usize = 20;
    /// How many values are reported of it at most.
    const MAX_STEPS: usize = 24;

    /// The template of an event that the scanner has read as one document of JSON. `None` if the event is
    /// too large, is not in lines `event: …` and one line `data: {…}` that end with LF, or has escapes.
    pub fn new(event: &[u8]) -> Option<Self> {
        let data = data_start(event)?;
        if event.len() > Self::MAX_BYTES {
            return None;
        }
        let mut builder = Builder::default();
        let end = builder.read(event, data)?;
        let template = Self { bytes: event.to_vec(), values: builder.values, steps: builder.steps };
        (event.get(end..) == Some(b"\n\n")).then_some(template)
    }

    /// The length of the event with which `bytes` begin if it has this shape, and the places of its values.
    fn find(&self, bytes: &[u8]) -> Option<(usize, Places)> {
        let mut places = Places::default();
        // How far both are equal, apart from values.
        let (mut known, mut new) = (0, 0);
        let mut values = self.values.iter().zip(&mut places);
        loop {
            let equal = equal_bytes(self.bytes.get(known..)?, bytes.get(new..)?);
            let differs_at = known + equal;
            let (value, place) = loop {
                match values.next() {
                    None if differs_at == self.bytes.len() => return Some((new + equal, places)),
                    None => return None,
                    Some((value, place)) if usize::from(value.end) < differs_at => {
                        *place = (value.start() - known + new, value.end() - known + new);
                    }
                    Some(found) => break found,
                }
            };
            if differs_at < value.start() {
                return None;
            }
            let start = value.start() - known + new;
            let end = start + value.length_in(bytes.get(start..)?)?;
            *place = (start, end);
            (known, new) = (value.end(), end);
        }
    }

    /// If `bytes` begin with an event of this shape, gives `sink` what the scanner would report of it, and
    /// returns its length.
    pub fn replay(
        &self,
        bytes: &[u8],
        mut sink: impl FnMut(&[AnswerKey], Token<'_>),
    ) -> Option<usize> {
        let (length, places) = self.find(bytes)?;
        for step in &self.steps {
            let place = places.get(usize::from(step.value)).copied().unwrap_or_default();
            let text = || bytes.get(place.0..place.1).unwrap_or_default();
            let token = match step.token {
                StepToken::Object => Token::Object,
                StepToken::True => Token::True,
                StepToken::False => Token::False,
                StepToken::String => Token::String(BoundedText::new(text())),
                StepToken::Text if text().is_empty() => continue,
                StepToken::Text => Token::Text(text()),
                StepToken::Number => {
                    Token::Number(BoundedText::new(text()).complete().and_then(parse_number))
                }
                StepToken::End => Token::End,
            };
            sink(step.path.get(..usize::from(step.depth)).unwrap_or_default(), token);
        }
        Some(length)
    }
}

/// The length of the event with which `bytes` begin, with the empty line that ends it.
pub fn event_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).take(EventTemplate::MAX_BYTES).position(|it| it == b"\n\n").map(|at| at + 2)
}

/// Where the JSON of an event begins, which has lines `event: …` and then one line `data: …`.
fn data_start(event: &[u8]) -> Option<usize> {
    let mut rest = event;
    while rest.starts_with(b"event:") {
        let line = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        rest = rest.get(line..)?.strip_prefix(b"\n")?;
    }
    let data = rest.strip_prefix(b"data:")?;
    let data = data.strip_prefix(b" ").unwrap_or(data);
    data.starts_with(b"{").then_some(event.len() - data.len())
}

/// How many bytes are equal from the beginning.
fn equal_bytes(one: &[u8], other: &[u8]) -> usize {
    let (words, _) = one.as_chunks::<8>();
    let (other_words, _) = other.as_chunks::<8>();
    let words = words.iter().zip(other_words);
    let equal = words.take_while(|(one, other)| one == other).count() * 8;
    let rest = one.iter().zip(other).skip(equal);
    equal + rest.take_while(|(one, other)| one == other).count()
}

// === impl Value ===

impl Value {
    fn start(self) -> usize {
        self.start.into()
    }

    fn end(self) -> usize {
        self.end.into()
    }

    /// The length of the value of this kind with which `bytes` begin; `None` if it is cut or has escapes.
    fn length_in(self, bytes: &[u8]) -> Option<usize> {
        if !self.is_string {
            return number_length(bytes);
        }
        let (text, _) = unescaped_string(bytes)?;
        // A line break would end the data.
        let has_line_break = text.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        (!has_line_break).then_some(text.len())
    }
}

/// Reads a document that is known to be JSON.
struct Builder {
    path: [AnswerKey; EventTemplate::MAX_DEPTH],
    depth: usize,
    values: Vec<Value>,
    steps: Vec<Step>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            path: [AnswerKey::IGNORED; EventTemplate::MAX_DEPTH],
            depth: 0,
            values: Vec::with_capacity(EventTemplate::MAX_VALUES),
            steps: Vec::with_capacity(EventTemplate::MAX_STEPS),
        }
    }
}

// === impl Builder ===

impl Builder {
    /// Reads the document that begins at `at`, and returns where it ends.
    fn read(&mut self, event: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let rest = event.get(at..)?;
            let byte = *rest.first()?;
            at += 1;
            match byte {
                b'{' => {
                    self.report(StepToken::Object)?;
                    self.open(false)?;
                }
                b'[' => self.open(true)?,
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1)?;
                    if self.depth == 0 {
                        self.report(StepToken::End)?;
                        return Some(at);
                    }
                }
                b'"' => {
                    let (text, after) = unescaped_string(rest.get(1..)?)?;
                    let end = at + text.len();
                    // In a document of JSON, a string before a colon is a key.
                    let is_key = !self.is_in_array() && after.trim_ascii_start().starts_with(b":");
                    if is_key {
                        *self.path.get_mut(self.depth.checked_sub(1)?)? =
                            AnswerKey::from_name(text);
                    } else {
                        self.string(at, end)?;
                    }
                    at = end + 1;
                }
                b't' => {
                    self.report(StepToken::True)?;
                    at += "rue".len();
                }
                b'f' => {
                    self.report(StepToken::False)?;
                    at += "alse".len();
                }
                b'n' => at += "ull".len(),
                b'-' | b'0'..=b'9' => {
                    let end = at - 1 + number_length(rest)?;
                    self.value(at - 1, end, false)?;
                    self.report(StepToken::Number)?;
                    at = end;
                }
                _ => {}
            }
        }
    }

    fn open(&mut self, is_array: bool) -> Option<()> {
        *self.path.get_mut(self.depth)? =
            if is_array { AnswerKey::ITEM } else { AnswerKey::IGNORED };
        self.depth += 1;
        Some(())
    }

    fn is_in_array(&self) -> bool {
        self.current_path().last() == Some(&AnswerKey::ITEM)
    }

    fn current_path(&self) -> &[AnswerKey] {
        self.path.get(..self.depth).unwrap_or_default()
    }

    fn string(&mut self, start: usize, end: usize) -> Option<()> {
        // The text there is JSON in Base64, which is scanned as well.
        if self.current_path() == [AnswerKey::Bytes] {
            return None;
        }
        self.value(start, end, true)?;
        let is_text = self.current_path().last().is_some_and(|key| key.is_text());
        self.report(if is_text { StepToken::Text } else { StepToken::String })
    }

    fn value(&mut self, start: usize, end: usize, is_string: bool) -> Option<()> {
        let (start, end) = (u16::try_from(start).ok()?, u16::try_from(end).ok()?);
        self.values.push(Value { start, end, is_string });
        (self.values.len() <= EventTemplate::MAX_VALUES).then_some(())
    }

    /// Adds what the scanner reports here: a value below an ignored key is not reported.
    fn report(&mut self, token: StepToken) -> Option<()> {
        if self.current_path().contains(&AnswerKey::IGNORED) {
            return Some(());
        }
        let value = u8::try_from(self.values.len()).ok()?.saturating_sub(1);
        let depth = u8::try_from(self.depth).ok()?;
        self.steps.push(Step { path: self.path, depth, token, value });
        (self.steps.len() <= EventTemplate::MAX_STEPS).then_some(())
    }
}
