//! Sends exchanges to an OTLP receiver.

use super::exchange::Exchange;
use super::otlp::{ExportAnswer, encode_request, read_answer};
use crate::callout::{HttpCalls, HttpRequest};
use crate::stats::names::StatScope;

/// What became of exchanges of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentExchanges {
    /// The version, or the shadow.
    pub scope: StatScope,
    /// How many the receiver has taken.
    pub sent: u64,
    /// How many it has not taken. They are dropped.
    pub failed: u64,
    /// Why it has not, or what it warns of.
    pub problem: Option<String>,
}

/// Sends exchanges to the receiver at `path`, one request after the other, and calls `report` after
/// each. A request has exchanges of one version, so that those that the receiver rejects are counted
/// for it. No request is repeated, and each is sent whatever became of those before it: otherwise
/// the version that comes later would lose more.
pub async fn send_exchanges(
    calls: &impl HttpCalls,
    path: &str,
    rollout: &str,
    batch: Vec<Exchange>,
    report: impl Fn(SentExchanges),
) {
    for scope in StatScope::ALL {
        let of_scope: Vec<&Exchange> = batch.iter().filter(|it| it.scope == scope).collect();
        let mut left = &of_scope[..];
        while !left.is_empty() {
            let (body, count) = encode_request(rollout, left.iter().copied());
            left = left.get(count.max(1)..).unwrap_or_default();
            let request = HttpRequest {
                method: "POST",
                path: path.to_owned(),
                headers: vec![("content-type", "application/json")],
                body: body.into_bytes(),
            };
            let answer = calls.call(request).await;
            let answer = answer.map(|it| read_answer(it.status, &it.body));
            report(SentExchanges::new(scope, count as u64, answer.map_err(|it| it.to_string())));
        }
    }
}

// === impl SentExchanges ===

impl SentExchanges {
    fn new(scope: StatScope, count: u64, answer: Result<ExportAnswer, String>) -> Self {
        let (failed, problem) = match answer {
            Ok(ExportAnswer::Taken { rejected, message }) => {
                let rejected = rejected.min(count);
                let problem = match (rejected, message.is_empty()) {
                    (0, true) => None,
                    (0, false) => Some(format!("the receiver warns: {message}")),
                    _ => {
                        Some(format!("the receiver has rejected {rejected} of {count}: {message}"))
                    }
                };
                (rejected, problem)
            }
            Ok(ExportAnswer::Refused(status)) => {
                (count, Some(format!("the receiver answers {status}")))
            }
            Err(error) => (count, Some(error)),
        };
        Self { scope, sent: count - failed, failed, problem }
    }
}
