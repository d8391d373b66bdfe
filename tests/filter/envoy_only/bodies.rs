//! Requests' bodies of any size, whichever way they come.

use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpStream;

use reqwest::blocking::Body;
use serde_json::json;

use crate::envoy::{Envoy, answer};
use crate::proxy::{Answer, Proxy as _, config};

/// A Chat request of so many bytes.
fn chat(size: usize) -> Vec<u8> {
    let (start, end) = (r#"{"model":"a","messages":[{"role":"user","content":""#, r#""}]}"#);
    let text = "x".repeat(size - start.len() - end.len());
    [start, &text, end].concat().into_bytes()
}

fn ask(envoy: &Envoy, body: impl Into<Body>) -> Answer {
    let request = envoy.client.post(format!("{}/v1/chat/completions", envoy.url));
    let request = request.header("x-user-id", "ada").header("content-type", "application/json");
    answer(request.body(body).send().unwrap())
}

#[test]
fn no_size_of_a_body_costs_its_request() {
    let envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {"model": "release-model"}},
        },
    })));
    for size in [1_000, 1_000_000, 1_000_001, 3_000_000] {
        let body = chat(size);
        let patched = String::from_utf8(body.clone()).unwrap();
        let patched = patched.replacen(r#""model":"a""#, r#""model":"release-model""#, 1);
        let by_length = ask(&envoy, body.clone());
        // Without its length nobody knows whether Envoy could hold it back.
        let in_chunks = ask(&envoy, Body::new(Cursor::new(body.clone())));
        for (answer, is_patched) in [(by_length, size <= 1_000_000), (in_chunks, false)] {
            let (version, expected) =
                if is_patched { ("green", patched.as_bytes()) } else { ("blue", &body[..]) };
            assert_eq!((answer.status, answer.version.as_str()), (200, version), "{size}");
            assert!(answer.body == expected, "{size}: {} bytes", answer.body.len());
        }
    }
}

/// More at once than Envoy would hold back, after what it could have.
#[test]
fn a_burst_of_unknown_length_is_not_refused() {
    let envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {"model": "release-model"}},
        },
        "conversation": {"id": {"pointer": "/conversation"}},
    })));
    let body = chat(2_100_000);
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
