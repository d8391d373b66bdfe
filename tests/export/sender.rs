//! Exchanges sent to a receiver.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use verdigris::assignment::Version;
use verdigris::callout::{HttpCalls, HttpError, HttpRequest, HttpResponse};
use verdigris::export::{Exchange, SentExchanges, send_exchanges};
use verdigris::stats::names::StatScope;

use super::{sample, sample_with_text};

const BLUE: StatScope = StatScope::Of(Version::Blue);
const GREEN: StatScope = StatScope::Of(Version::Green);

/// A receiver that answers at once, each request with the next of these.
struct Receiver {
    answers: RefCell<Vec<Result<HttpResponse, HttpError>>>,
    received: RefCell<Vec<HttpRequest>>,
}

impl HttpCalls for Receiver {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.received.borrow_mut().push(request);
        self.answers.borrow_mut().remove(0)
    }
}

fn answer(status: u16, body: &str) -> Result<HttpResponse, HttpError> {
    Ok(HttpResponse { status, retry_after_s: Some(1), body: body.as_bytes().to_vec() })
}

fn of(scope: StatScope) -> Exchange {
    Exchange { scope, ..sample() }
}

/// Sends a batch, and returns the requests with what was reported.
fn send(
    batch: Vec<Exchange>,
    answers: Vec<Result<HttpResponse, HttpError>>,
) -> (Vec<HttpRequest>, Vec<SentExchanges>) {
    let receiver = Receiver { answers: RefCell::new(answers), received: RefCell::default() };
    let reports = RefCell::new(Vec::new());
    let report = |it| reports.borrow_mut().push(it);
    {
        let sending = pin!(send_exchanges(&receiver, "/v1/traces", "r", batch, report));
        let poll = sending.poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll, Poll::Ready(()));
    }
    assert!(receiver.answers.borrow().is_empty(), "each request is sent once");
    (receiver.received.into_inner(), reports.into_inner())
}

fn report(scope: StatScope, sent: u64, failed: u64, problem: Option<&str>) -> SentExchanges {
    SentExchanges { scope, sent, failed, problem: problem.map(str::to_owned) }
}

#[test]
fn each_version_has_a_request_and_a_count() {
    let batch = vec![of(GREEN), of(BLUE), of(StatScope::Shadow), of(GREEN)];
    let answers = vec![answer(200, "{}"), answer(200, ""), answer(200, "{}")];
    let (requests, reports) = send(batch, answers);
    let expected = [
        report(BLUE, 1, 0, None),
        report(GREEN, 2, 0, None),
        report(StatScope::Shadow, 1, 0, None),
    ];
    assert_eq!(reports, expected);
    for request in requests {
        assert_eq!((request.method, request.path.as_str()), ("POST", "/v1/traces"));
        assert_eq!(request.headers, [("content-type", "application/json")]);
        serde_json::from_slice::<serde_json::Value>(&request.body).unwrap();
    }
}

#[test]
fn what_the_receiver_does_not_take_is_counted_and_not_repeated() {
    let partial = |rejected: &str| {
        answer(
            200,
            &format!(
                r#"{{"partialSuccess": {{"rejectedSpans": "{rejected}", "errorMessage": "too old"}}}}"#
            ),
        )
    };
    let cases = [
        (answer(503, ""), report(GREEN, 0, 2, Some("the receiver answers 503"))),
        (answer(429, ""), report(GREEN, 0, 2, Some("the receiver answers 429"))),
        (partial("1"), report(GREEN, 1, 1, Some("the receiver has rejected 1 of 2: too old"))),
        (partial("0"), report(GREEN, 2, 0, Some("the receiver warns: too old"))),
        (partial("99"), report(GREEN, 0, 2, Some("the receiver has rejected 2 of 2: too old"))),
        (Err(HttpError::CutShort), report(GREEN, 0, 2, Some("the response ended early"))),
        (
            Err(HttpError::NotSent("BadArgument".to_owned())),
            report(GREEN, 0, 2, Some("the call was not sent: BadArgument")),
        ),
    ];
    for (answer, expected) in cases {
        let (_, reports) = send(vec![of(GREEN), of(GREEN)], vec![answer]);
        assert_eq!(reports, [expected]);
    }
}

#[test]
fn the_version_that_comes_later_is_sent_after_a_failure() {
    let answers = vec![answer(500, ""), answer(200, "{}")];
    let (_, reports) = send(vec![of(BLUE), of(GREEN)], answers);
    assert_eq!((reports[0].failed, reports[1].sent), (1, 1));
}

#[test]
fn a_large_batch_is_several_requests() {
    let large = || sample_with_text(b"{}", &vec![b'a'; 600_000]);
    let answers = vec![answer(200, "{}"), answer(200, "{}")];
    let (requests, reports) = send(vec![large(), large(), large()], answers);
    assert_eq!(requests.len(), 2);
    assert_eq!(reports, [report(GREEN, 2, 0, None), report(GREEN, 1, 0, None)]);
}

#[test]
fn an_empty_batch_sends_nothing() {
    assert_eq!(send(vec![], vec![]), (vec![], vec![]));
}
