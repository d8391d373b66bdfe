//! The trace that a span belongs to.

use std::fmt;
use std::io::Read as _;

use serde::{Serialize, Serializer};

/// The id of a trace, as OTLP writes it: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(u128);

/// The id of a span, as OTLP writes it: 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(u64);

/// A trace, and the parent of a new span in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span above; `None` for the first span of a trace.
    pub parent: Option<SpanId>,
}

// === impl TraceContext ===

impl TraceContext {
    /// A trace without spans so far. `random` makes its id.
    pub fn root(random: u128) -> Self {
        Self { trace: TraceId::new(random), parent: None }
    }

    /// The trace of both halves of a mirrored request, of which neither names one. They have the
    /// request's id in common.
    pub fn of_pair(rollout: &str, request_id: &[u8]) -> Self {
        let bytes = &mut rollout.as_bytes().chain(request_id);
        // Reading from memory cannot fail. Seed 0 is that of the hash that samples.
        Self::root(murmur3::murmur3_x64_128(bytes, 1).unwrap_or_default())
    }

    /// Reads a `traceparent` header; `None` if it is not valid.
    ///
    /// Source: W3C Trace Context, section 3.2: two digits of the version, which is not `ff`, the ids
    /// of trace and parent, which are not zero, and flags. Digits are in lower case. Version `00`
    /// has nothing after the flags; a later one has a dash there.
    ///
    /// ```
    /// use verdigris::export::TraceContext;
    /// let header = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let context = TraceContext::parse(header).unwrap();
    /// assert_eq!(context.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    /// assert_eq!(context.parent.unwrap().to_string(), "b7ad6b7169203331");
    /// assert_eq!(TraceContext::parse(b"00-0af7651916cd43dd8448eb211c80319c"), None);
    /// ```
    pub fn parse(header: &[u8]) -> Option<Self> {
        let mut parts = header.split(|byte| *byte == b'-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let parent = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        hex(parts.next()?, 2)?;
        let is_known = version != 0xff && (version > 0 || parts.next().is_none());
        let is_valid = is_known && trace != 0 && parent != 0;
        is_valid.then_some(Self { trace: TraceId(trace), parent: Some(SpanId(parent)) })
    }
}

/// The number of `digits` hexadecimal digits in lower case.
fn hex(text: &[u8], digits: usize) -> Option<u128> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text = Some(text).filter(|text| text.len() == digits && text.iter().all(is_digit))?;
    u128::from_str_radix(str::from_utf8(text).ok()?, 16).ok()
}

// === impl TraceId ===

impl TraceId {
    /// The id with this number. Zero, which is no id, becomes one.
    pub fn new(number: u128) -> Self {
        Self(number.max(1))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

// === impl SpanId ===

impl SpanId {
    /// The id with this number. Zero, which is no id, becomes one.
    pub fn new(number: u64) -> Self {
        Self(number.max(1))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
