//! HTTP calls of a host.

use std::fmt;

/// Makes HTTP calls to one server.
pub trait HttpCalls {
    /// Sends a request.
    ///
    /// # Errors
    /// That the call was not sent, or has no response.
    fn call(&self, request: HttpRequest) -> impl Future<Output = Result<HttpResponse, HttpError>>;
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: &'static str,
    /// The path with the query.
    pub path: String,
    /// Further headers, with names in lower case.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A response as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status. It is Envoy's own where no host of the cluster has answered: 503, or 504 after the
    /// time-out.
    pub status: u16,
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after_s: Option<u32>,
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
