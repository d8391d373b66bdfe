//! The table of what an exchange counts as. The same rows, made by real clients and
//! upstreams, go through Envoy in `tests/filter/envoy_only/classification`.

use proptest::prelude::*;
use verdigris::response::grpc::{WebTrailers, http_status};
use verdigris::response::{
    Answer, Class, LimitPolicy, Method, Outcome, Protocol, ResponseFlags, StreamEnd, UnreadReason,
};

/// A whole answer in a 200.
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

/// At a model's path.
fn model(code: u16) -> Outcome {
    Outcome { is_model_path: true, ..status(code) }
}

/// A handshake that was answered so.
fn upgrade(code: u16) -> Outcome {
    let protocol = if code == 101 { Protocol::Tunnel } else { Protocol::Http };
    Outcome { protocol, method: Method::Upgrade, ..status(code) }
}

#[test]
fn each_row_of_the_table_has_its_class() {
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
        ("at no model's path", status(200), Success),
        ("failed over", Outcome { has_failed_over: true, ..answered() }, Error),
        ("denied by Envoy", flagged(&[12], status(403)), Neutral),
        ("a client that breaks the protocol", flagged(&[18], status(400)), Aborted),
        ("no response, the client left", cut(StreamEnd::Aborted, none.clone()), Aborted),
        ("no response", cut(StreamEnd::Cut, none), Error),
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
        ("an upgrade that is answered like any request", upgrade(200), Error),
        ("an upgrade that is refused, 404", upgrade(404), Error),
        ("an upgrade that is refused", upgrade(403), Error),
        ("an upgrade that fails", upgrade(503), Error),
        ("an error in the answer", with_answer(|it| it.error = true), Error),
        (
            "an error in the answer, and the client left",
            cut(StreamEnd::Aborted, with_answer(|it| it.error = true)),
            Error,
        ),
        ("the client left", cut(StreamEnd::Aborted, answered()), Aborted),
        ("the upstream broke off", cut(StreamEnd::Cut, answered()), Error),
        ("no end", with_answer(|it| it.finished = false), Error),
        (
            "nothing that is an answer",
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
        ("an empty body", bodyless(model(200)), NoAnswerExpected),
        ("202", model(202), NoAnswerExpected),
        ("204", bodyless(model(204)), NoAnswerExpected),
        ("205", bodyless(model(205)), NoAnswerExpected),
        ("302", model(302), NoAnswerExpected),
        ("304", bodyless(model(304)), NoAnswerExpected),
        ("204 at no model's path", bodyless(status(204)), Success),
        (
            "OPTIONS at no model's path",
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
    for (what, outcome, class) in table {
        assert_eq!(outcome.class(LimitPolicy::Compare), class, "{what}");
    }
}

#[test]
fn limits_count_as_the_operator_says() {
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

#[test]
fn an_ending_is_read_from_what_the_proxy_says() {
    use StreamEnd::{Aborted, Complete, Cut};
    let table = [
        ("the end was seen", true, Some(flags(&[])), Complete),
        ("the client left with it", true, Some(flags(&[14])), Complete),
        ("the client's connection ended", false, Some(flags(&[14])), Aborted),
        ("the client reset the stream", false, Some(flags(&[28])), Aborted),
        ("the client broke the protocol", true, Some(flags(&[18])), Aborted),
        ("the upstream reset", false, Some(flags(&[4])), Cut),
        ("the upstream's connection ended", false, Some(flags(&[6])), Cut),
        ("nobody says why: a client on HTTP/3", false, Some(flags(&[])), Aborted),
        ("the proxy does not tell", false, None, Cut),
    ];
    for (what, is_over, flags, expected) in table {
        assert_eq!(StreamEnd::new(is_over, flags, || false), expected, "{what}");
    }
    let details: [(&[u8], StreamEnd); 3] =
        [(b"", Aborted), (b"via_upstream", Aborted), (b"max_duration_timeout", Cut)];
    for (details, expected) in details {
        let ending = StreamEnd::new(false, Some(flags(&[])), || StreamEnd::is_cause(details));
        assert_eq!(ending, expected, "{details:?}");
    }
}

#[test]
fn grpc_codes_have_the_statuses_of_google_rpc() {
    let statuses =
        [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
    for (code, status) in (0..).zip(statuses) {
        assert_eq!(http_status(code), status, "{code}");
    }
    assert_eq!(http_status(99), 500);
}

fn frame(flags: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[flags][..], &length, bytes].concat()
}

fn status_in(is_text: bool, body: &[u8], cuts: &[usize]) -> Option<u32> {
    let mut trailers = WebTrailers::new(is_text);
    let mut rest = body;
    for cut in cuts {
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        trailers.feed(piece);
        rest = after;
    }
    trailers.feed(rest);
    trailers.status()
}

proptest! {
    /// The trailer frame of gRPC-Web is found in any pieces, plain or in base64.
    #[test]
    fn a_trailer_frame_is_found(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
        code in 0..17_u32,
        has_trailer in any::<bool>(),
        cuts in prop::collection::vec(0..30_usize, 0..20),
    ) {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;

        let mut frames: Vec<Vec<u8>> = messages.iter().map(|it| frame(0, it)).collect();
        let trailer = format!("grpc-message: m\r\nGrpc-Status:{code}\r\n");
        if has_trailer {
            frames.push(frame(0x80, trailer.as_bytes()));
        }
        let expected = has_trailer.then_some(code);
        prop_assert_eq!(status_in(false, &frames.concat(), &cuts), expected);
        // Each frame may be encoded for itself, with padding in the middle of the body.
        let whole = STANDARD.encode(frames.concat());
        let each: String = frames.iter().map(|it| STANDARD.encode(it)).collect();
        for text in [whole, each] {
            prop_assert_eq!(status_in(true, text.as_bytes(), &cuts), expected);
        }
    }

    /// No bytes break it, or make it keep more than it should.
    #[test]
    fn any_bytes_are_taken(
        body in prop::collection::vec(any::<u8>(), 0..300),
        is_text in any::<bool>(),
    ) {
        let _ = status_in(is_text, &body, &[7, 11]);
    }
}
