//! The class of an exchange, row by row. `tests/filter/envoy_only/classification` sends the
//! same rows through Envoy, with real clients and upstreams.

use verdigris::response::{
    Answer, Class, LimitPolicy, Method, Outcome, Protocol, ResponseFlags, StreamEnd, UnreadReason,
};

/// A complete answer with status 200.
fn answered() -> Outcome {
    let (finished, has_answer, has_content) = (true, true, true);
    let answer = Answer { finished, has_answer, has_content, ..Answer::default() };
    Outcome { is_model_path: true, answer: Some(Ok(answer)), ..status(200) }
}

fn status(status: u16) -> Outcome {
    Outcome { status: Some(status), has_body: true, ..Outcome::default() }
}

fn with_answer(change: impl FnOnce(&mut Answer)) -> Outcome {
    let mut outcome = answered();
    change(outcome.answer.as_mut().unwrap().as_mut().unwrap());
    outcome
}

fn flags(bits: &[u32]) -> ResponseFlags {
    ResponseFlags(bits.iter().fold(0, |all, bit| all | 1 << bit))
}

fn grpc(code: Option<u32>) -> Outcome {
    Outcome { protocol: Protocol::Grpc, grpc_status: code, ..status(200) }
}

/// A response with this status at a model's path.
fn at_model_path(code: u16) -> Outcome {
    Outcome { is_model_path: true, ..status(code) }
}

/// A response with this status to a request for an upgrade.
fn upgrade(code: u16) -> Outcome {
    let protocol = if code == 101 { Protocol::Tunnel } else { Protocol::Http };
    Outcome { protocol, method: Method::Upgrade, ..status(code) }
}

#[test]
fn each_row_has_its_class() {
    use Class::{
        Aborted, AnswerMissing, ClientError, Error, Limited, Neutral, NoAnswerExpected, Success,
    };
    let cut = |ending, outcome| Outcome { ending, ..outcome };
    let bodyless = |outcome| Outcome { has_body: false, answer: None, ..outcome };
    let options = Outcome { method: Method::Bodyless, ..answered() };
    let none = Outcome { status: None, answer: None, ..answered() };
    let flagged = |bits: &[u32], outcome| Outcome { flags: flags(bits), ..outcome };
    let table = [
        ("an answer", answered(), Success),
        ("not a model's path", status(200), Success),
        ("failed over", Outcome { has_failed_over: true, ..answered() }, Error),
        ("denied by Envoy", flagged(&[12], status(403)), Neutral),
        ("a client that breaks the protocol", flagged(&[18], status(400)), Aborted),
        (
            "a client that does not end its request",
            Outcome { is_request_overdue: true, ..status(408) },
            Aborted,
        ),
        ("408 by the upstream", status(408), ClientError),
        ("no response, the client left", cut(StreamEnd::Aborted, none.clone()), Aborted),
        ("no response", cut(StreamEnd::Cut, none.clone()), Error),
        ("a response whose status is not known", none, NoAnswerExpected),
        ("429", status(429), Limited),
        ("503 by a circuit breaker", flagged(&[7], status(503)), Limited),
        ("503 by the overload manager", flagged(&[25], status(503)), Limited),
        ("503", status(503), Error),
        ("500", status(500), Error),
        ("400", status(400), ClientError),
        ("401", status(401), ClientError),
        ("404", status(404), ClientError),
        ("101", upgrade(101), Success),
        ("101, closed by the server first", cut(StreamEnd::Cut, upgrade(101)), Success),
        ("an upgrade that is answered with 200", upgrade(200), ClientError),
        ("an upgrade that is answered with 302", upgrade(302), ClientError),
        ("an upgrade that is answered with 404", upgrade(404), ClientError),
        ("an upgrade that is answered with 403", upgrade(403), ClientError),
        ("an upgrade that is answered with 503", upgrade(503), Error),
        ("an error in the answer", with_answer(|it| it.error = true), Error),
        (
            "an error in the answer, and the client left",
            cut(StreamEnd::Aborted, with_answer(|it| it.error = true)),
            Error,
        ),
        ("the client left", cut(StreamEnd::Aborted, answered()), Aborted),
        ("the upstream broke the stream", cut(StreamEnd::Cut, answered()), Error),
        ("no end", with_answer(|it| it.finished = false), Error),
        (
            "a body without an answer",
            with_answer(|it| (it.has_answer, it.has_content) = (false, false)),
            AnswerMissing,
        ),
        ("an empty answer", with_answer(|it| it.has_content = false), Success),
        ("queued", with_answer(|it| it.is_pending = true), NoAnswerExpected),
        ("not JSON", with_answer(|it| it.malformed = true), Class::Unread),
        (
            "compressed",
            Outcome { answer: Some(Err(UnreadReason::Encoded)), ..answered() },
            Class::Unread,
        ),
        ("OPTIONS", options.clone(), NoAnswerExpected),
        ("OPTIONS that fails", Outcome { status: Some(500), ..options }, Error),
        ("an empty body", bodyless(at_model_path(200)), NoAnswerExpected),
        (
            "an empty body where an answer was due",
            Outcome { has_body: false, ..with_answer(|it| *it = Answer::default()) },
            Error,
        ),
        ("202", at_model_path(202), NoAnswerExpected),
        ("204", bodyless(at_model_path(204)), NoAnswerExpected),
        ("205", bodyless(at_model_path(205)), NoAnswerExpected),
        ("302", at_model_path(302), NoAnswerExpected),
        ("304", bodyless(at_model_path(304)), NoAnswerExpected),
        ("204 at another path", bodyless(status(204)), Success),
        (
            "OPTIONS at another path",
            Outcome { method: Method::Bodyless, ..status(204) },
            NoAnswerExpected,
        ),
        ("gRPC: 0", grpc(Some(0)), Success),
        ("gRPC: 3, invalid argument", grpc(Some(3)), ClientError),
        ("gRPC: 8, resource exhausted", grpc(Some(8)), Limited),
        ("gRPC: 14, unavailable", grpc(Some(14)), Error),
        ("gRPC: 14 by Envoy's rate limit", flagged(&[11], grpc(Some(14))), Limited),
        ("gRPC: no status", grpc(None), Error),
        ("gRPC: no status, the client left", cut(StreamEnd::Aborted, grpc(None)), Aborted),
        ("gRPC: HTTP 503", Outcome { status: Some(503), ..grpc(None) }, Error),
    ];
    for (name, outcome, class) in table {
        assert_eq!(outcome.class(LimitPolicy::Compare), class, "{name}");
    }
}

#[test]
fn limits_count_as_the_policy_says() {
    let limited = Outcome { flags: flags(&[7]), ..status(503) };
    let table = [
        (LimitPolicy::Compare, Class::Limited),
        (LimitPolicy::Error, Class::Error),
        (LimitPolicy::Neutral, Class::Neutral),
    ];
    for (policy, class) in table {
        assert_eq!(status(429).class(policy), class, "{policy:?}");
        assert_eq!(limited.class(policy), class, "{policy:?}");
        assert_eq!(status(503).class(policy), Class::Error, "{policy:?}");
    }
}
