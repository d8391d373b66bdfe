//! The response to an HTTP call.

use std::fmt;

use super::hostcalls;

/// A response as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status. It is Envoy's own where no host of the cluster has answered: 503, or 504 after the
    /// time-out.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a call has no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// The call was not sent, for this reason.
    NotSent(String),
    /// The response ended early: it was reset, the time-out passed in the body, or it is larger than
    /// 32 MiB.
    CutShort,
    /// The host does not return the response, for this reason.
    Unreadable(String),
}

// === impl HttpResponse ===

impl HttpResponse {
    /// Reads the response that the host passes in a callback.
    pub(super) fn receive(header_count: usize, body_size: usize) -> Result<Self, HttpError> {
        // Then there are no headers to read, and no body.
        if header_count == 0 {
            return Err(HttpError::CutShort);
        }
        let status = hostcalls::http_response_header(":status");
        let status = status.as_deref().and_then(|it| str::from_utf8(it).ok()?.parse().ok());
        let status = status.ok_or_else(|| HttpError::Unreadable("it has no status".to_owned()))?;
        let body = hostcalls::http_response_body(body_size)
            .map_err(|error| HttpError::Unreadable(error.to_string()))?;
        Ok(Self { status, body })
    }
}

// === impl HttpError ===

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "the call was not sent: {why}"),
            Self::CutShort => f.write_str("the response ended early"),
            Self::Unreadable(why) => write!(f, "the response cannot be read: {why}"),
        }
    }
}
