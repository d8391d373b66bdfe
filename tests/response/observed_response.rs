//! Following one response from its headers to the end of its stream.

use std::cell::Cell;
use std::time::Duration;

use verdigris::response::{
    Class, ExpectedResponse, Format, LimitPolicy, Method, ObservedResponse, OtherApi, Outcome,
    Phrases, Protocol, ResponseFlags, ResponseHead, StreamEnd, UnreadReason,
};

const MS: u64 = 1_000_000;

const CHAT: ExpectedResponse = ExpectedResponse {
    format: Some(Format::Chat),
    is_format_guessed: false,
    is_path_certain: true,
    has_unknown_form: false,
    is_retrieval: false,
    other_api: None,
    is_model_path: true,
    method: Method::Ordinary,
    is_grpc: false,
    deadline: None,
    is_left_out: false,
};

const UNKNOWN: ExpectedResponse = ExpectedResponse { format: None, ..CHAT };

const SSE: (&str, &str) = ("content-type", "text/event-stream");

const JSON: (&str, &str) = ("content-type", "application/json");

const CHUNK: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";

/// A response with these headers whose request came at 1 ms.
fn response(expected: ExpectedResponse, headers: &[(&str, &str)]) -> ObservedResponse {
    let mut response = ObservedResponse::new(expected, MS);
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let head = ResponseHead::from_headers(headers);
    response.on_headers(Some(head), Some(&Phrases::default()), false, false);
    response
}

fn feed(response: &mut ObservedResponse, bytes: &[u8], at_ms: u64) {
    assert!(response.on_body(bytes.len(), false));
    response.read_body(bytes, || at_ms * MS);
}

/// Ends the stream at 9 ms without flags and details.
fn finish(response: ObservedResponse) -> Outcome {
    response.finish(9 * MS, || Some(ResponseFlags(0)), || false)
}

#[test]
fn times_count_from_the_headers_of_the_request() {
    let mut response = response(CHAT, &[(":status", "200"), SSE]);
    feed(&mut response, b"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n", 3);
    feed(&mut response, CHUNK, 5);
    feed(&mut response, CHUNK, 7);
    let outcome = finish(response);
    assert!(outcome.is_stream && outcome.has_body);
    assert_eq!(outcome.ttft, Some(Duration::from_millis(4)), "the first content");
    assert_eq!(outcome.duration, Duration::from_millis(8));
}

#[test]
fn only_a_stream_has_a_time_to_its_first_content() {
    let mut response = response(CHAT, &[(":status", "200"), JSON]);
    feed(&mut response, br#"{"choices": [{"message": {"content": "Hi"}}]}"#, 5);
    let outcome = finish(response);
    assert_eq!((outcome.ttft, outcome.is_stream), (None, false));
    assert!(outcome.read_answer().unwrap().has_content);
}

/// Some servers send JSON as text, or without a content type.
#[test]
fn one_document_is_no_stream_whatever_its_content_type() {
    for headers in
        [&[(":status", "200"), ("content-type", "text/plain")][..], &[(":status", "200")]]
    {
        let mut response = response(CHAT, headers);
        feed(&mut response, br#"{"choices": [{"message": {"content": "Hi"#, 5);
        feed(&mut response, br#""}, "finish_reason": "stop"}]}"#, 6);
        let outcome = finish(response);
        assert_eq!((outcome.ttft, outcome.is_stream), (None, false), "{headers:?}");
        assert!(outcome.read_answer().unwrap().has_content);
    }
    let mut response = response(CHAT, &[(":status", "200"), ("content-type", "text/plain")]);
    feed(&mut response, CHUNK, 5);
    assert!(finish(response).is_stream);
}

#[test]
fn headers_decide_whether_the_body_is_read() {
    let gzip = ("content-encoding", "gzip");
    let unread = |reason| Some(Err(reason));
    type Headers<'a> = &'a [(&'a str, &'a str)];
    type Row<'a> = (&'a str, ExpectedResponse, Headers<'a>, Option<Result<(), UnreadReason>>);
    let none = ("content-encoding", "None");
    let table: [Row<'_>; 10] = [
        ("an answer", CHAT, &[(":status", "200"), JSON], Some(Ok(()))),
        ("the encoding `none`", CHAT, &[(":status", "200"), JSON, none], Some(Ok(()))),
        ("another status of success", CHAT, &[(":status", "202"), JSON], None),
        ("a failure", CHAT, &[(":status", "503"), JSON], None),
        ("no status", CHAT, &[JSON], None),
        ("an encoded body", CHAT, &[(":status", "200"), JSON, gzip], unread(UnreadReason::Encoded)),
        ("an unknown path", UNKNOWN, &[(":status", "200"), JSON], None),
        (
            "a stream at an unknown path",
            UNKNOWN,
            &[(":status", "200"), SSE],
            unread(UnreadReason::UnknownFormat),
        ),
        (
            "Amazon's framing in another format",
            CHAT,
            &[(":status", "200"), ("content-type", "application/vnd.amazon.eventstream")],
            unread(UnreadReason::UnknownFormat),
        ),
        ("gRPC", UNKNOWN, &[(":status", "200"), ("content-type", "application/grpc")], None),
    ];
    for (name, expected, headers, answer) in table {
        let mut response = response(expected, headers);
        assert_eq!(response.on_body(1, true), answer == Some(Ok(())), "{name}");
        let outcome = finish(response);
        assert_eq!(outcome.answer.map(|it| it.map(|_| ())), answer, "{name}");
    }
}

#[test]
fn nothing_is_read_where_answers_are_not() {
    let mut response = ObservedResponse::new(CHAT, 0);
    let headers: [(&[u8], &[u8]); 1] = [(b":status", b"200")];
    let head = ResponseHead::from_headers(headers.into_iter());
    response.on_headers(Some(head), None, true, false);
    assert!(!response.on_body(5, true));
    let outcome = finish(response);
    assert!(outcome.answer.is_none() && outcome.has_body && outcome.has_failed_over);
    assert_eq!(outcome.status, Some(200));
}

/// The status, the end and the duration of an answer that is left out are known, and no byte of it.
#[test]
fn an_answer_is_left_out_where_those_of_other_units_are_read() {
    let gzip = ("content-encoding", "gzip");
    let guessed = ExpectedResponse { is_format_guessed: true, ..CHAT };
    let embeddings =
        ExpectedResponse { other_api: Some(OtherApi::Embeddings), format: None, ..CHAT };
    let table = [
        ("an answer", CHAT, vec![(":status", "200"), JSON], true),
        ("a stream", CHAT, vec![(":status", "200"), SSE], true),
        ("a compressed answer", CHAT, vec![(":status", "200"), JSON, gzip], true),
        ("embeddings", embeddings, vec![(":status", "200"), JSON], true),
        ("a stream where the format is guessed", guessed, vec![(":status", "200"), SSE], true),
        ("a document where it is guessed", guessed, vec![(":status", "200"), JSON], false),
        ("no answer", UNKNOWN, vec![(":status", "200"), JSON], false),
        ("no content", CHAT, vec![(":status", "204")], false),
    ];
    for (name, expected, headers, is_left_out) in table {
        let expected = ExpectedResponse { is_left_out: true, ..expected };
        let mut response = response(expected, &headers);
        assert!(!response.on_body(CHUNK.len(), true), "{name}");
        let outcome = finish(response);
        assert_eq!(outcome.is_left_out, is_left_out, "{name}");
        assert_eq!((outcome.unread_reason(), outcome.read_answer()), (None, None), "{name}");
        assert_eq!(outcome.duration, Duration::from_millis(8), "{name}");
    }
    let refusal = br#"{"error":{"code":"content_filter","message":"no"}}"#;
    let expected = ExpectedResponse { is_left_out: true, ..CHAT };
    let mut response = response(expected, &[(":status", "400"), JSON]);
    assert!(response.on_body(refusal.len(), true), "an error may be a refusal");
}

#[test]
fn an_answer_is_unread_where_the_host_does_not_provide_its_body() {
    let mut response = response(CHAT, &[(":status", "200"), SSE]);
    assert!(response.on_body(5, false));
    response.on_unreadable_body();
    assert!(!response.on_body(5, true));
    assert_eq!(finish(response).unread_reason(), Some(UnreadReason::Malformed));
}

#[test]
fn a_response_is_over_by_http_or_by_its_answer() {
    let done: &[u8] = b"data: [DONE]\n\n";
    let table: [(&str, &[&[u8]], bool, StreamEnd); 4] = [
        ("the end of the stream", &[CHUNK], true, StreamEnd::Complete),
        ("the end of the answer", &[CHUNK, done], false, StreamEnd::Complete),
        ("neither", &[CHUNK], false, StreamEnd::Aborted),
        ("no body", &[], false, StreamEnd::Aborted),
    ];
    for (name, pieces, is_end, expected) in table {
        let mut response = response(CHAT, &[(":status", "200"), SSE]);
        pieces.iter().for_each(|piece| feed(&mut response, piece, 2));
        response.on_body(0, is_end);
        assert_eq!(finish(response).ending, expected, "{name}");
    }
}

#[test]
fn the_host_is_called_only_where_something_may_have_gone_wrong() {
    let table = [("200", true, 0, 0), ("500", true, 1, 0), ("200", false, 1, 1)];
    for (status, is_end, flag_calls, detail_calls) in table {
        let mut response = response(CHAT, &[(":status", status), JSON]);
        response.on_body(0, is_end);
        let (flags, details) = (Cell::new(0), Cell::new(0));
        let count = |calls: &Cell<u32>| calls.set(calls.get() + 1);
        let outcome = response.finish(
            9 * MS,
            || {
                count(&flags);
                Some(ResponseFlags(0))
            },
            || {
                count(&details);
                true
            },
        );
        assert_eq!((flags.get(), details.get()), (flag_calls, detail_calls), "{status} {is_end}");
        let expected = if is_end { StreamEnd::Complete } else { StreamEnd::Cut };
        assert_eq!(outcome.ending, expected, "{status} {is_end}");
    }
}

/// A client can ask for any page: at a model's path, or where the configuration states the format.
#[test]
fn a_page_is_no_answer_without_a_mark_of_the_format() {
    let retrieval = ExpectedResponse { is_retrieval: true, is_model_path: false, ..CHAT };
    let (html, json) = (("content-type", "text/html"), JSON);
    let table = [
        ("a page", html, "<html></html>", Class::Success),
        ("another document", json, "{}", Class::Success),
        (
            "a stored answer that is deleted",
            json,
            r#"{"id": "c", "object": "chat.completion.deleted", "deleted": true}"#,
            Class::Success,
        ),
        ("an error", json, r#"{"error": {"message": "m"}}"#, Class::Error),
        ("an error with a mark", json, r#"{"object": "error", "message": "m"}"#, Class::Error),
        ("an answer without its end", json, r#"{"choices": [{"index": 0}"#, Class::Error),
        ("a stream without its end", SSE, "data: {}\n\n", Class::Error),
    ];
    for (name, content_type, body, expected) in table {
        for (request, class) in [(retrieval, expected), (CHAT, Class::Error)] {
            let mut response = response(request, &[(":status", "200"), content_type]);
            assert!(response.on_body(body.len(), true));
            response.read_body(body.as_bytes(), || MS);
            let found = finish(response).class(LimitPolicy::Compare);
            let is_error = matches!(found, Class::Error | Class::AnswerMissing | Class::Unread);
            assert_eq!(is_error, class == Class::Error, "{name}: {found:?}");
        }
    }
}

/// With a format for all paths, those of an application are read, too. Many of its answers are empty.
#[test]
fn an_empty_body_is_an_error_only_where_an_answer_was_due() {
    let other_path = ExpectedResponse { is_path_certain: false, ..CHAT };
    let of_one_version = ExpectedResponse { is_model_path: false, ..other_path };
    let guessed = ExpectedResponse { is_format_guessed: true, ..other_path };
    let left_out = ExpectedResponse { is_left_out: true, ..CHAT };
    let (text, gzip) = (("content-type", "text/plain"), ("content-encoding", "gzip"));
    let lines = ("content-type", "application/x-ndjson");
    use Class::{Error, NoAnswerExpected, Success};
    type Row<'a> = (&'a str, ExpectedResponse, &'a [(&'a str, &'a str)], Class);
    let table: [Row<'_>; 14] = [
        ("a stream", CHAT, &[(":status", "200"), SSE], Error),
        ("a document", CHAT, &[(":status", "200"), JSON], Error),
        ("no type", CHAT, &[(":status", "200")], Error),
        ("201", CHAT, &[(":status", "201"), JSON], Error),
        ("202", CHAT, &[(":status", "202"), JSON], NoAnswerExpected),
        ("204", CHAT, &[(":status", "204")], NoAnswerExpected),
        ("encoded", CHAT, &[(":status", "200"), JSON, gzip], NoAnswerExpected),
        ("left out", left_out, &[(":status", "200"), JSON], NoAnswerExpected),
        ("a stream at another path", other_path, &[(":status", "200"), SSE], Error),
        ("lines at another path", other_path, &[(":status", "200"), lines], Error),
        ("text at another path", other_path, &[(":status", "200"), text], NoAnswerExpected),
        ("no type at another path", other_path, &[(":status", "200")], NoAnswerExpected),
        ("no type, one version's format", of_one_version, &[(":status", "200")], Success),
        ("a guessed format", guessed, &[(":status", "200"), JSON], NoAnswerExpected),
    ];
    for (name, expected, headers, class) in table {
        let mut response = response(expected, headers);
        response.on_body(0, true);
        assert_eq!(finish(response).class(LimitPolicy::Compare), class, "{name}");
    }
}

/// Envoy answers 408 itself where the client has not ended its request; to gRPC, an error of its own.
#[test]
fn a_request_is_overdue_where_envoy_does_not_wait_longer_for_its_end() {
    let grpc = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "2")];
    let (idle, no_flag) = (ResponseFlags(1 << 16), ResponseFlags(0));
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let table: [(&str, Headers<'_>, bool, ResponseFlags, bool, bool); 8] = [
        ("408 by an idle timeout", &[(":status", "408")], true, idle, false, true),
        ("408 by another timeout of Envoy", &[(":status", "408")], true, no_flag, true, true),
        ("408 by the upstream", &[(":status", "408")], false, no_flag, false, false),
        ("504, the version does not answer", &[(":status", "504")], false, idle, true, false),
        ("503 during the upload", &[(":status", "503")], true, ResponseFlags(1 << 5), true, false),
        ("gRPC by an idle timeout", &grpc, true, idle, true, true),
        ("gRPC, the version does not answer", &grpc, false, idle, true, false),
        ("an error of gRPC", &grpc, true, no_flag, false, false),
    ];
    for (name, headers, is_open, flags, is_local, expected) in table {
        let mut response = response(UNKNOWN, headers);
        if is_open {
            response.await_request();
        }
        response.on_body(0, true);
        let outcome = response.finish(9 * MS, || Some(flags), || is_local);
        assert_eq!(outcome.is_request_overdue, expected, "{name}");
        assert_eq!(outcome.class(LimitPolicy::Compare) == Class::Aborted, expected, "{name}");
    }
}

/// A client of gRPC says for how long it waits, and servers give up by themselves then. A client of HTTP
/// that does not wait longer leaves.
#[test]
fn a_call_that_its_client_does_not_wait_for_longer_is_aborted() {
    let deadline = |ms| Some(Duration::from_millis(ms));
    let (none, timeout) = (ResponseFlags(0), ResponseFlags(1 << 2));
    let table = [
        ("its deadline", deadline(5), Some("4"), none, Class::Aborted),
        ("earlier than its deadline", deadline(50), Some("4"), none, Class::Error),
        ("no deadline", None, Some("4"), none, Class::Error),
        ("another error", deadline(5), Some("13"), none, Class::Error),
        ("Envoy's timeout by the deadline", deadline(5), Some("14"), timeout, Class::Aborted),
        ("Envoy's timeout in the stream", deadline(5), None, timeout, Class::Aborted),
        ("in time", deadline(5), Some("0"), none, Class::Success),
    ];
    for (name, deadline, code, flags, expected) in table {
        let expected_response = ExpectedResponse { is_grpc: true, deadline, ..UNKNOWN };
        let mut headers = vec![(":status", "200"), ("content-type", "application/grpc")];
        headers.extend(code.map(|code| ("grpc-status", code)));
        // Where answers are not read, the request's timeout is read when the response is gRPC's.
        let timeout = deadline.map(|deadline| format!("{}m", deadline.as_millis()));
        let read = response(expected_response, &headers);
        let mut unread = response(UNKNOWN, &headers);
        unread.set_deadline(timeout.as_ref().map(String::as_bytes));
        for mut response in [read, unread] {
            response.on_body(0, code.is_some());
            let outcome = response.finish(9 * MS, || Some(flags), || true);
            assert_eq!(outcome.class(LimitPolicy::Compare), expected, "{name}");
        }
    }
}

#[test]
fn an_established_tunnel_is_over_however_it_ends() {
    let method = |method| ExpectedResponse { method, ..UNKNOWN };
    let table = [
        (Method::Upgrade, "101", Protocol::Tunnel),
        (Method::Connect, "200", Protocol::Tunnel),
        (Method::Connect, "503", Protocol::Http),
        (Method::Ordinary, "200", Protocol::Http),
    ];
    for (expected, status, protocol) in table {
        let outcome = finish(response(method(expected), &[(":status", status)]));
        assert_eq!(outcome.protocol, protocol, "{status}");
        let is_complete = outcome.ending == StreamEnd::Complete;
        assert_eq!(is_complete, protocol == Protocol::Tunnel, "{status}");
    }
}

#[test]
fn the_last_grpc_status_counts() {
    let grpc = ("content-type", "application/grpc");
    let in_headers = [(":status", "200"), grpc, ("grpc-status", "5")];
    for (trailer, expected) in [(None, Some(5)), (Some(0), Some(0))] {
        let mut response = response(UNKNOWN, &in_headers);
        response.on_trailers(|| trailer);
        let outcome = finish(response);
        assert_eq!((outcome.grpc_status, outcome.protocol), (expected, Protocol::Grpc));
        assert_eq!(outcome.ending, StreamEnd::Complete);
    }
    let mut web =
        response(UNKNOWN, &[(":status", "200"), ("content-type", "application/grpc-web")]);
    feed(&mut web, b"\x80\0\0\0\x10grpc-status: 14\n", 2);
    assert_eq!(finish(web).grpc_status, Some(14));
    let mut http = response(UNKNOWN, &[(":status", "200"), JSON, ("grpc-status", "5")]);
    http.on_trailers(|| unreachable!("the response is not gRPC"));
    assert_eq!(finish(http).grpc_status, None);
}

#[test]
fn without_headers_there_is_no_status() {
    let mut response = ObservedResponse::new(CHAT, 0);
    response.on_headers(None, Some(&Phrases::default()), false, true);
    let outcome = finish(response);
    assert_eq!((outcome.status, outcome.ending), (None, StreamEnd::Complete));
}
