//! A request whose body has not arrived, and what the body is needed for.

use std::rc::Rc;

use super::hostcalls;
use super::routed_patch::RoutedPatch;
use super::routing::RoutedRequest;
use super::waiting_streams::WaitingStream;
use crate::patch::RequestHead;

/// A request whose body has not arrived.
pub struct PendingBody {
    pub head: RequestHead,
    pub purpose: BodyPurpose,
    /// Set where the headers wait, and may have to continue without the body.
    pub wait: Option<Rc<WaitingStream>>,
    /// How much of it has come, in bytes.
    pub received: usize,
}

/// What a body is needed for.
pub enum BodyPurpose {
    /// It has the conversation's id; the unit is known.
    ConversationId(Option<Vec<u8>>),
    /// The patch changes it, and the headers wait for it.
    Patch(RoutedRequest),
    /// The patch changes it, and the headers have continued.
    RoutedPatch(RoutedPatch),
    /// It is feedback.
    Feedback,
}

// === impl PendingBody ===

impl PendingBody {
    /// A request of whose body nothing has come.
    pub fn new(head: RequestHead, purpose: BodyPurpose, wait: Option<Rc<WaitingStream>>) -> Self {
        Self { head, purpose, wait, received: 0 }
    }
}

/// What the headers of the request at hand say about its body.
pub fn request_head(has_body: bool) -> Option<RequestHead> {
    Some(RequestHead::from_headers(hostcalls::request_headers().ok()?.iter(), has_body))
}
