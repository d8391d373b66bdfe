//! Signs in an answer's text that its model or its server is broken: loops, and tool calls that
//! the server has not parsed. Both are recognised in a text of any length, of which nothing is
//! kept.

use crate::json::find::find_either;

/// What a text shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextSignals {
    tool_syntax: ToolSyntax,
    repetition: Repetition,
}

/// The search for the syntax of tool calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ToolSyntax {
    /// What may be the beginning of a mark.
    candidate: [u8; Self::MAX_BYTES],
    length: u8,
    is_found: bool,
}

/// The search for a loop: a period of sentences or lines that the text repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Repetition {
    /// How many bytes the text has, as far as it is not searched.
    skipped_bytes: u32,
    /// The hashes of the last sentences; the newest one comes first.
    last: [u32; Self::MAX_PERIOD],
    hash: u32,
    sentence_bytes: u32,
    /// How many sentences the period has; 0 without one.
    period: u8,
    /// How many sentences, and bytes of them, have repeated those a period earlier.
    repeated: u16,
    repeated_bytes: u32,
    is_found: bool,
}

// === impl TextSignals ===

impl TextSignals {
    /// Reads a piece of the text.
    pub fn push(&mut self, text: &[u8]) {
        self.tool_syntax.push(text);
        self.repetition.push(text);
    }

    /// Whether the text has a tool call that should have been a part of its own.
    pub fn has_tool_syntax(&self) -> bool {
        self.tool_syntax.is_found
    }

    /// Whether the text repeats itself in a loop.
    pub fn has_loop(&self) -> bool {
        self.repetition.is_found
    }
}

// === impl ToolSyntax ===

impl ToolSyntax {
    const MAX_BYTES: usize = 16;

    /// How models write the beginning of a call: Qwen, Hermes and GLM; Claude; Llama; Mistral;
    /// DeepSeek; Kimi. Source: the tool parsers of vLLM.
    const MARKS: [&[u8]; 8] = [
        b"<tool_call>",
        b"<function_calls>",
        b"<invoke name=",
        b"<function=",
        b"<|python_tag|>",
        b"[TOOL_CALLS]",
        "<\u{ff5c}tool\u{2581}calls".as_bytes(),
        b"<|tool_calls_sec",
    ];

    fn push(&mut self, text: &[u8]) {
        let mut rest = text;
        while !self.is_found {
            if self.length == 0 {
                // Nearly no text has the first byte of a mark.
                let start = find_either(b'<', b'[', rest).unwrap_or(rest.len());
                rest = rest.get(start..).unwrap_or_default();
            }
            let Some((&byte, after)) = rest.split_first() else { return };
            self.push_byte(byte);
            rest = after;
        }
    }

    fn push_byte(&mut self, byte: u8) {
        if let Some(next) = self.candidate.get_mut(usize::from(self.length)) {
            *next = byte;
            self.length += 1;
        }
        let candidate = self.candidate.get(..usize::from(self.length)).unwrap_or_default();
        if !Self::MARKS.iter().any(|mark| mark.starts_with(candidate)) {
            // The byte may begin another mark.
            self.length = 0;
            if matches!(byte, b'<' | b'[') {
                self.candidate = [0; Self::MAX_BYTES];
                if let Some(first) = self.candidate.first_mut() {
                    *first = byte;
                }
                self.length = 1;
            }
        } else {
            self.is_found = Self::MARKS.contains(&candidate);
        }
    }
}

// === impl Repetition ===

impl Repetition {
    /// The maximum number of sentences in a period.
    const MAX_PERIOD: usize = 8;

    /// Shorter sentences, such as the lines between rows of a table, do not count.
    const MIN_SENTENCE_BYTES: u32 = 8;

    /// How often a period is repeated in a loop, and with how many bytes. No request asks for an
    /// answer that repeats 500 bytes eight times.
    const MIN_REPETITIONS: u16 = 8;
    const MIN_REPEATED_BYTES: u32 = 500;

    /// A loop ends at a token limit, if at all. So the beginning of a text, and with it most
    /// answers, need no search.
    const UNSEARCHED_BYTES: u32 = 2048;

    fn push(&mut self, text: &[u8]) {
        let skipped = (Self::UNSEARCHED_BYTES - self.skipped_bytes).min(text.len() as u32);
        self.skipped_bytes += skipped;
        if let Some(rest) = text.get(skipped as usize..).filter(|rest| !rest.is_empty()) {
            self.search(rest);
        }
    }

    #[inline(never)]
    fn search(&mut self, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() && !self.is_found {
            let end = find_either(b'\n', b'.', rest);
            let (run, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or_default();
            // FNV-1a.
            let hash = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
            self.hash = run.iter().fold(self.hash, hash);
            self.sentence_bytes = self.sentence_bytes.saturating_add(run.len() as u32);
            rest = match after.split_first() {
                Some((_, after)) => {
                    self.end_sentence();
                    after
                }
                None => after,
            };
        }
    }

    fn end_sentence(&mut self) {
        let (hash, bytes) =
            (std::mem::take(&mut self.hash), std::mem::take(&mut self.sentence_bytes));
        if bytes < Self::MIN_SENTENCE_BYTES {
            return;
        }
        let period = usize::from(self.period);
        let repeats = period > 0 && self.last.get(period - 1) == Some(&hash);
        if repeats {
            self.repeated = self.repeated.saturating_add(1);
            self.repeated_bytes = self.repeated_bytes.saturating_add(bytes);
            let periods = self.repeated / u16::from(self.period);
            self.is_found =
                periods >= Self::MIN_REPETITIONS && self.repeated_bytes >= Self::MIN_REPEATED_BYTES;
        } else {
            let place = self.last.iter().position(|last| *last == hash);
            self.period = place.map_or(0, |place| u8::try_from(place + 1).unwrap_or(0));
            self.repeated = u16::from(self.period > 0);
            self.repeated_bytes = if self.period > 0 { bytes } else { 0 };
        }
        self.last.rotate_right(1);
        if let Some(newest) = self.last.first_mut() {
            *newest = hash;
        }
    }
}
