//! An answer of the API, its failure, and whether the request may have taken effect.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::store::StoreError;
use super::object::Object;
use crate::callout::{HttpError, HttpResponse};

/// A request without a usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The object does not exist.
    NotFound,
    /// The object has another version, or exists already.
    Conflict,
    /// The API, or a proxy on the way, has refused the request before doing anything.
    Refused(String),
    /// The request may have taken effect.
    Unknown(String),
}

/// The body of a failure. Source: `Status` in `k8s.io/apimachinery/pkg/apis/meta/v1/types.go`.
#[derive(Deserialize)]
struct Status {
    kind: String,
    message: Option<String>,
    reason: Option<String>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    kind: Option<String>,
}

/// The statuses by which the API, or a proxy before it, refuses a request before it is applied. 409 has
/// a meaning of its own.
const REFUSALS: [u16; 12] = [400, 401, 403, 404, 405, 406, 410, 413, 414, 415, 422, 429];

/// How much of a failure's message is kept, in characters.
const MAX_MESSAGE: usize = 300;

// === impl Failure ===

impl Failure {
    /// The failure of a request that writes an object at its version.
    pub fn of_write(self) -> StoreError {
        match self {
            // The guarded object has been deleted.
            Self::NotFound | Self::Conflict => StoreError::Conflict,
            Self::Refused(why) => StoreError::Failed(why),
            Self::Unknown(why) => StoreError::Unknown(why),
        }
    }

    /// The failure of a request that changes nothing, or whose change matters to nothing yet.
    pub fn of_read(self) -> StoreError {
        StoreError::Failed(match self {
            Self::NotFound => "the Kubernetes API answers 404".to_owned(),
            Self::Conflict => "the Kubernetes API answers 409".to_owned(),
            Self::Refused(why) | Self::Unknown(why) => why,
        })
    }
}

/// The body of a successful answer.
///
/// # Errors
/// [`Failure`] where there is no answer, or it is a refusal.
pub fn body(answer: Result<HttpResponse, HttpError>) -> Result<Vec<u8>, Failure> {
    let HttpResponse { status, body, .. } = match answer {
        Ok(response) => response,
        Err(HttpError::NotSent(why)) => {
            return Err(Failure::Refused(format!(
                "the call to the Kubernetes API was not sent: {why}"
            )));
        }
        Err(error) => return Err(Failure::Unknown(format!("the Kubernetes API: {error}"))),
    };
    if (200..300).contains(&status) {
        return Ok(body);
    }
    let details = serde_json::from_slice::<Status>(&body).ok().filter(|it| it.kind == "Status");
    let reason = details.as_ref().and_then(|it| it.reason.as_deref());
    let kind = details.as_ref().and_then(|it| it.details.as_ref()?.kind.as_deref());
    match (status, reason, kind) {
        // A proxy, or a namespace that does not exist, answers 404 too.
        (404, Some("NotFound"), Some("configmaps")) => return Err(Failure::NotFound),
        (409, Some("Conflict" | "AlreadyExists"), _) => return Err(Failure::Conflict),
        _ => {}
    }
    let message = details.and_then(|it| it.message).unwrap_or_default();
    let message: String = message.chars().take(MAX_MESSAGE).collect();
    let text = match message.is_empty() {
        true => format!("the Kubernetes API answers {status}"),
        false => format!("the Kubernetes API answers {status}: {message}"),
    };
    Err(match REFUSALS.contains(&status) {
        true => Failure::Refused(text),
        false => Failure::Unknown(text),
    })
}

/// The object with a name that a successful answer has.
///
/// # Errors
/// [`Failure::Unknown`] where the answer is not that object.
pub fn object(body: &[u8], kind: &str, name: &str) -> Result<Object, Failure> {
    let object: Object = parse(body, kind)?;
    if object.kind.as_deref() != Some(kind) || object.metadata.name != name {
        let found = object.kind.unwrap_or_default();
        let text = format!(
            "the Kubernetes API answers with the {found} {:?} instead of the {kind} {name:?}",
            object.metadata.name
        );
        return Err(Failure::Unknown(text));
    }
    Ok(object)
}

/// The JSON of a successful answer.
///
/// # Errors
/// [`Failure::Unknown`] where it is not of this kind.
pub fn parse<T: DeserializeOwned>(body: &[u8], kind: &str) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let text = format!(
            "the answer of {} bytes is no {kind} of the Kubernetes API: {error}",
            body.len()
        );
        Failure::Unknown(text)
    })
}
