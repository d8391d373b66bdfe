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
    reported: Vec<Reported>,
    steps: Vec<Step>,
}

/// The place of a string, without its quotes, or of a number.
#[derive(Clone, Copy, Debug, Default)]
struct Value {
    start: u16,
    end: u16,
    is_string: bool,
}

/// A value that a step reports.
#[derive(Clone, Copy, Debug)]
struct Reported {
    value: Value,
    /// Where it is in the event that was compared last.
    found: (usize, usize),
}

/// What a value of an event is, as far as its path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventPart {
    /// Reading it again would change nothing.
    Settled,
    /// Reading the same text again would change nothing; with another text, an event has another shape.
    Fixed,
    /// If an object, a choice of OpenAI's Chat format.
    Choice,
    /// If a number, the index of a choice of OpenAI's Chat format.
    ChoiceIndex,
    /// If a text, a piece of the answer's text.
    Text,
    /// To be read by its path.
    Other,
}

/// What the scanner reports.
#[derive(Clone, Copy, Debug)]
struct Step {
    part: EventPart,
    path: [AnswerKey; EventTemplate::MAX_DEPTH],
    depth: u8,
    token: StepToken,
    /// Which of the reported values a string, text or number is.
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
    ///
    /// `part_at` says what a value at a path is. Settled values are not reported again.
    pub fn new(event: &[u8], part_at: impl Fn(&[AnswerKey]) -> EventPart) -> Option<Self> {
        let data = data_start(event)?;
        if event.len() > Self::MAX_BYTES {
            return None;
        }
        let mut builder = Builder::new(part_at);
        let end = builder.read(event, data)?;
        let Builder { values, reported, steps, .. } = builder;
        let template = Self { bytes: event.to_vec(), values, reported, steps };
        (event.get(end..) == Some(b"\n\n")).then_some(template)
    }

    /// The length of the event with which `bytes` begin if it has this shape. Finds the places of its
    /// values.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        // How far both are equal, apart from values.
        let (mut known, mut new) = (0, 0);
        let mut values = self.values.iter();
        let mut reported = self.reported.iter_mut();
        let mut next = reported.next();
        loop {
            let equal = equal_bytes(self.bytes.get(known..)?, bytes.get(new..)?);
            let differs_at = known + equal;
            while let Some(Reported { value, found }) =
                next.take_if(|it| it.value.end() < differs_at)
            {
                *found = (value.start() - known + new, value.end() - known + new);
                next = reported.next();
            }
            if differs_at == self.bytes.len() {
                return Some(new + equal);
            }
            let value = values.find(|value| value.end() >= differs_at)?;
            if differs_at < value.start() {
                return None;
            }
            let start = value.start() - known + new;
            let end = start + value.length_in(bytes.get(start..)?)?;
            if let Some(it) = next.take_if(|it| it.value.start == value.start) {
                it.found = (start, end);
                next = reported.next();
            }
            (known, new) = (value.end(), end);
        }
    }

    /// If `bytes` begin with an event of this shape, gives `sink` what the scanner would report of it, and
    /// returns its length.
    #[inline(never)]
    pub fn replay(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(EventPart, &[AnswerKey], Token<'_>),
    ) -> Option<usize> {
        let length = self.find(bytes)?;
        for step in &self.steps {
            let value = self.reported.get(usize::from(step.value));
            let text = || {
                let (start, end) = value.map(|it| it.found).unwrap_or_default();
                bytes.get(start..end).unwrap_or_default()
            };
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
            let path = step.path.get(..usize::from(step.depth)).unwrap_or_default();
            sink(step.part, path, token);
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
    let length = one.len().min(other.len());
    let [one, other] = [one, other].map(|it| it.get(..length).unwrap_or_default());
    // Blocks of four words, because V8 looks for an interrupt in each round of a loop.
    let [blocks, other_blocks] = [one, other].map(|it| it.as_chunks::<8>().0.as_chunks::<4>().0);
    let blocks = blocks.iter().zip(other_blocks);
    let mut equal = 32 * blocks.take_while(|(block, other)| block == other).count();
    let [one, other] = [one, other].map(|it| it.get(equal..).unwrap_or_default().as_chunks::<8>());
    for (word, other) in one.0.iter().zip(other.0) {
        let difference = u64::from_le_bytes(*word) ^ u64::from_le_bytes(*other);
        if difference != 0 {
            return equal + (difference.trailing_zeros() / 8) as usize;
        }
        equal += 8;
    }
    equal + one.1.iter().zip(other.1).take_while(|(byte, other)| byte == other).count()
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
struct Builder<F> {
    part_at: F,
    path: [AnswerKey; EventTemplate::MAX_DEPTH],
    depth: usize,
    values: Vec<Value>,
    reported: Vec<Reported>,
    steps: Vec<Step>,
}

// === impl Builder ===

impl<F: Fn(&[AnswerKey]) -> EventPart> Builder<F> {
    fn new(part_at: F) -> Self {
        Self {
            part_at,
            path: [AnswerKey::IGNORED; EventTemplate::MAX_DEPTH],
            depth: 0,
            values: Vec::with_capacity(EventTemplate::MAX_VALUES),
            reported: Vec::with_capacity(EventTemplate::MAX_VALUES),
            steps: Vec::with_capacity(EventTemplate::MAX_STEPS),
        }
    }

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
        if (self.part_at)(self.current_path()) == EventPart::Fixed {
            return Some(());
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
        let path = self.current_path();
        let part = (self.part_at)(path);
        let is_settled = part == EventPart::Settled && token != StepToken::End;
        if is_settled || path.contains(&AnswerKey::IGNORED) {
            return Some(());
        }
        let value = u8::try_from(self.reported.len()).ok()?;
        if matches!(token, StepToken::String | StepToken::Text | StepToken::Number) {
            self.reported.push(Reported { value: *self.values.last()?, found: (0, 0) });
        }
        let depth = u8::try_from(self.depth).ok()?;
        self.steps.push(Step { part, path: self.path, depth, token, value });
        (self.steps.len() <= EventTemplate::MAX_STEPS).then_some(())
    }
}
