//! Request bodies of any size, with `content-length` or chunked.

use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpStream;

use reqwest::blocking::Body;
use serde_json::json;

use crate::envoy::{Envoy, read_answer};
use crate::proxy::{Answer, Proxy as _, config};

/// A Chat request of `size` bytes.
fn chat_body(size: usize) -> Vec<u8> {
    let (start, end) = (r#"{"model":"a","messages":[{"role":"user","content":""#, r#""}]}"#);
    let text = "x".repeat(size - start.len() - end.len());
    [start, &text, end].concat().into_bytes()
}

fn post_body(envoy: &Envoy, body: impl Into<Body>) -> Answer {
    let request = envoy.client.post(format!("{}/v1/chat/completions", envoy.url));
    let request = request.header("x-user-id", "ada").header("content-type", "application/json");
    read_answer(request.body(body).send().unwrap())
}

#[test]
fn a_request_with_a_body_of_any_size_is_answered() {
    let envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {"model": "release-model"}},
        },
    })));
    for size in [1_000, 1_000_000, 1_000_001, 3_000_000] {
        let body = chat_body(size);
        let patched = String::from_utf8(body.clone()).unwrap();
        let patched = patched.replacen(r#""model":"a""#, r#""model":"release-model""#, 1);
        let by_length = post_body(&envoy, body.clone());
        // Without its length the filter cannot know whether Envoy can buffer the body.
        let in_chunks = post_body(&envoy, Body::new(Cursor::new(body.clone())));
        for (answer, is_patched) in [(by_length, size <= 1_000_000), (in_chunks, false)] {
            let (version, expected) =
                if is_patched { ("green", patched.as_bytes()) } else { ("blue", &body[..]) };
            assert_eq!((answer.status, answer.version.as_str()), (200, version), "{size}");
            assert!(answer.body == expected, "{size}: {} bytes", answer.body.len());
        }
    }
}

/// The first chunk fits in Envoy's buffer; the second exceeds it.
#[test]
fn a_large_chunked_body_that_arrives_at_once_is_not_refused() {
    let envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {"model": "release-model"}},
        },
        "conversation": {"id": {"pointer": "/conversation"}},
    })));
    let body = chat_body(2_100_000);
    let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    let (first, rest) = body.split_at(100_000);
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-user-id: ada\r\ncontent-type: \
                application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(envoy.url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(&[head.as_bytes(), &chunk(first)].concat()).unwrap();
    stream.write_all(&[chunk(rest), chunk(b"")].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
}
