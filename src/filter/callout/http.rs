//! HTTP calls.

use std::rc::Rc;
use std::time::Duration;

use super::callouts::Callouts;
use super::hostcalls;
use super::http_response::{HttpError, HttpResponse};
use crate::callout::{HttpCalls, HttpRequest, PendingCall};

/// A cluster of Envoy that HTTP calls are made to.
pub struct HttpCluster {
    callouts: Rc<Callouts>,
    cluster: String,
    authority: String,
    timeout: Duration,
}

/// A call that was sent.
type HttpCall = PendingCall<Result<HttpResponse, HttpError>>;

// === impl HttpCluster ===

impl HttpCluster {
    /// A cluster whose calls have this `:authority`, and end after `timeout`; 0 means no time-out.
    pub fn new(callouts: Rc<Callouts>, cluster: &str, authority: &str, timeout: Duration) -> Self {
        Self { callouts, cluster: cluster.to_owned(), authority: authority.to_owned(), timeout }
    }

    fn send(&self, request: &HttpRequest) -> Result<HttpCall, HttpError> {
        let mut headers = vec![
            (":method", request.method),
            (":path", request.path.as_str()),
            (":authority", self.authority.as_str()),
            ("user-agent", "verdigris"),
        ];
        headers.extend(&request.headers);
        self.callouts.http_call(&self.cluster, &headers, &request.body, self.timeout)
    }
}

impl HttpCalls for HttpCluster {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.send(&request)?;
        // The host has a copy of it.
        drop(request);
        answer.await
    }
}

// === impl Callouts ===

impl Callouts {
    /// Sends a request to a cluster. The headers contain `:method`, `:path` and `:authority`; a
    /// time-out of 0 means that there is no time-out. The call has its response, or that there is none.
    ///
    /// # Errors
    /// That the call was not sent.
    pub fn http_call(
        &self,
        cluster: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        timeout: Duration,
    ) -> Result<HttpCall, HttpError> {
        self.check_http().map_err(|it| HttpError::NotSent(it.to_string()))?;
        let send = || {
            hostcalls::http_call(cluster, headers.to_vec(), body, timeout)
                .map_err(|it| HttpError::NotSent(it.to_string()))
        };
        let too_many = |most| HttpError::NotSent(format!("{most} calls are under way"));
        self.http_calls.send(send, too_many)
    }
}
