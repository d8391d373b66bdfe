//! The response to an HTTP call, as the host passes it.

use super::hostcalls;
pub use crate::callout::{HttpError, HttpResponse};

/// Reads the response that the host passes in a callback.
///
/// # Errors
/// That it was cut short, or the host does not return it.
pub(super) fn receive(header_count: usize, body_size: usize) -> Result<HttpResponse, HttpError> {
    // Then there are no headers to read, and no body.
    if header_count == 0 {
        return Err(HttpError::CutShort);
    }
    let status = number(":status");
    let status = status.ok_or_else(|| HttpError::Unreadable("it has no status".to_owned()))?;
    let body = hostcalls::http_response_body(body_size)
        .map_err(|error| HttpError::Unreadable(error.to_string()))?;
    Ok(HttpResponse { status, retry_after_s: number("retry-after"), body })
}

/// The number in a header of the response.
fn number<T: std::str::FromStr>(header: &str) -> Option<T> {
    let value = hostcalls::http_response_header(header)?;
    str::from_utf8(&value).ok()?.parse().ok()
}
