//! HTTP calls.

use std::time::Duration;

use super::callouts::Callouts;
use super::hostcalls;
use super::http_response::{HttpError, HttpResponse};

// === impl Callouts ===

impl Callouts {
    /// Sends a request to a cluster. The headers contain `:method`, `:path` and `:authority`; a
    /// time-out of 0 means that there is no time-out.
    ///
    /// # Errors
    /// That the call was not sent, or has no response.
    pub async fn http_call(
        &self,
        cluster: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        timeout: Duration,
    ) -> Result<HttpResponse, HttpError> {
        self.check_http().map_err(|it| HttpError::NotSent(it.to_string()))?;
        let send = || {
            hostcalls::http_call(cluster, headers.to_vec(), body, timeout)
                .map_err(|it| HttpError::NotSent(it.to_string()))
        };
        let too_many = |most| HttpError::NotSent(format!("{most} calls are under way"));
        self.http_calls.send(send, too_many)?.await
    }
}
