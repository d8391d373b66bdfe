//! The console at a path of the release's listener, on the host emulator.

use serde_json::{Value, json};

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::config;

const ROOT: u32 = 1;
pub const TOKEN: &str = "a-secret-of-sixteen";

/// A release with a console at `/ops`.
pub fn release(fields: Value) -> Value {
    let mut release =
        config(json!({"console": {"path": "/ops"}, "weights": {"blue": 1, "green": 0}}));
    crate::proxy::set_fields(&mut release, &fields);
    release
}

fn start(environment: &[String]) -> Vm {
    let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
    let process = Process::default();
    process.shared.lock().unwrap().environment = environment.to_vec();
    let mut vm = Vm::start(&wasm, &process);
    vm.configure(ROOT, release(json!({})).to_string().as_bytes()).unwrap();
    vm
}

#[test]
fn a_command_needs_no_body() {
    let mut vm = start(&[format!("VERDIGRIS_CONSOLE_TOKEN={TOKEN}")]);
    let bearer = format!("Bearer {TOKEN}");
    let authorization = ("authorization", bearer.as_str());
    let command = json!({"reason": "as asked", "weights": {"blue": 0, "green": 1}}).to_string();
    let mut reply = |method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>| {
        let mut stream = Stream::request(method, path, headers);
        stream.body = body.map(|body| body.as_bytes().to_vec());
        vm.run_stream(100, ROOT, stream).reply
    };
    let status = |reply: Option<(u16, String)>| reply.map(|(status, _)| status);
    assert_eq!(status(reply("GET", "/ops/", &[], None)), Some(401));
    assert_eq!(status(reply("GET", "/ops/", &[authorization], None)), Some(200));
    let with_command = [authorization, ("x-verdigris-command", command.as_str())];
    // It is answered at its headers, with a body or without.
    for body in [None, Some("{}")] {
        let (status, text) = reply("POST", "/ops/weights", &with_command, body).unwrap();
        assert_eq!((status, text.contains("as asked")), (200, true), "{text}");
    }
    let (code, text) = reply("POST", "/ops/weights", &[authorization], Some(&command)).unwrap();
    assert_eq!((code, text.contains("reason")), (400, true), "{text}");
    let long = format!(r#"{{"reason": "{}"}}"#, "x".repeat(5000));
    let too_long = [authorization, ("x-verdigris-command", long.as_str())];
    assert_eq!(status(reply("POST", "/ops/pause", &too_long, None)), Some(413));
    // The release is not affected, and green's share is the commanded one.
    assert_eq!(status(reply("GET", "/ops-manual", &[("x-user-id", "ada")], None)), None);
    let sent = vm.run_stream(101, ROOT, Stream::request("GET", "/v1", &[("x-user-id", "ada")]));
    assert_eq!(sent.get("x-verdigris-cluster"), Some(&b"llm-green"[..]));
}

#[test]
fn without_a_token_there_is_no_console() {
    let mut vm = start(&[]);
    for path in ["/ops", "/ops/", "/ops/state.json", "/ops/pause"] {
        let reply = vm.run_stream(100, ROOT, Stream::request("GET", path, &[])).reply;
        assert_eq!(reply.unwrap().0, 404, "{path}");
    }
}

/// The upstream that gets the request does not get the token.
#[test]
fn if_the_host_refuses_the_answer_the_token_is_removed() {
    let mut vm = start(&[format!("VERDIGRIS_CONSOLE_TOKEN={TOKEN}")]);
    vm.refuse("proxy_send_local_response", 10);
    let bearer = format!("Bearer {TOKEN}");
    let sent =
        vm.run_stream(100, ROOT, Stream::request("GET", "/ops/", &[("authorization", &bearer)]));
    assert_eq!((sent.reply.is_none(), sent.get("authorization")), (true, None));
}
