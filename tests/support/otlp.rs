//! A receiver of OTLP: OpenTelemetry's own definitions, which `clients/otlp.py` reads requests with.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The spans of each of these requests, as `clients/otlp.py` prints them. A request with any field
/// that the definitions do not have fails.
pub fn read_spans<'a>(bodies: impl IntoIterator<Item = &'a str>) -> Vec<Vec<Value>> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut python = Command::new(format!("{root}/.tools/venv/bin/python"))
        .arg(format!("{root}/tests/clients/otlp.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("no Python with OpenTelemetry's definitions: run `make tools`");
    let bodies: Vec<&str> = bodies.into_iter().collect();
    assert!(bodies.iter().all(|body| !body.contains('\n')), "a line has one request");
    let mut stdin = python.stdin.take().unwrap();
    let text = bodies.join("\n") + "\n";
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "a request is not OTLP");
    let lines = String::from_utf8(output.stdout).unwrap();
    let spans: Vec<Vec<Value>> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(spans.len(), bodies.len());
    spans
}
