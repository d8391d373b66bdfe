//! Units in cookies, over HTTP/1.1 and HTTP/2.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::envoy::Envoy;
use crate::envoy::process::{TIMEOUT, wait_for};
use crate::proxy::{Proxy as _, config, counter};

fn connect(envoy: &Envoy) -> TcpStream {
    let stream = TcpStream::connect(envoy.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// An HTTP/2 frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let size = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![0, size[0], size[1], kind, flags, 0, 0, 0, stream];
    frame.extend(payload);
    frame
}

/// An HPACK literal header field without indexing (RFC 7541, section 6.2.2).
fn field((name, value): (&str, &str)) -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = vec![u8::try_from(text.len()).unwrap()];
        bytes.extend(text.as_bytes());
        bytes
    };
    [vec![0], text(name), text(value)].concat()
}

#[test]
fn a_cookie_in_any_cookie_header_can_be_the_unit() {
    let mut envoy = Envoy::start(&config(json!({
        "unit": {"cookie": "uid"},
        "pins": {"green": ["ada"]},
        "weights": {"blue": 1, "green": 0},
    })));
    let line_sets: [&[&str]; 4] = [
        &["uid=ada"],
        &["theme=dark", "uid=ada"],
        &["a=1; b=2", "c=3", "uid=ada; d=4"],
        &["theme=dark", "x=1", "uid=ada", "uid=bo"],
    ];
    for lines in line_sets {
        let cookies: String = lines.iter().map(|line| format!("Cookie: {line}\r\n")).collect();
        let request = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{cookies}\r\n");
        let mut stream = connect(&envoy);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("x-verdigris-version: green"), "{lines:?}: {answer}");
    }
    // An HTTP/2 client may send one field for each cookie. Envoy joins them.
    let pinned = counter("green", "decisions_pinned");
    for lines in line_sets {
        let before = envoy.stat(&pinned).unwrap();
        let pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
        let cookies = lines.iter().flat_map(|line| line.split("; "));
        let fields = pseudo.into_iter().chain(cookies.map(|cookie| ("cookie", cookie)));
        let fields: Vec<u8> = fields.flat_map(field).collect();
        let mut stream = connect(&envoy);
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let (settings, headers) = (frame(4, 0, 0, &[]), frame(1, 0b101, 1, &fields));
        stream.write_all(&[preface, settings, headers].concat()).unwrap();
        wait_for("the decision", || (envoy.read_stat(&pinned)? > before).then_some(()));
    }
}
