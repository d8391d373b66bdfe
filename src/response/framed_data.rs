//! What a framing reports of a body.

/// A part of an event. All framings report events in this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramedData<'a> {
    /// A piece of the event's data.
    Data(&'a [u8]),
    /// The data continues on another line.
    NextLine,
    /// The event's name. Events named `error` are errors.
    Name(&'a [u8]),
    /// The event ended.
    End,
}
