//! Host calls that the host refuses. Envoy does so where `capability_restriction_config` leaves a call
//! out, and the SDK's own calls panic then.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::artifacts::{filter_wasm, project};
use crate::host::{Process, Response, Stream, Vm};
use crate::proxy::config;

/// The host calls that the filter makes. The module imports more: the SDK's types refer to all calls.
const CALLS: [&str; 23] = [
    "proxy_add_header_map_value",
    "proxy_define_metric",
    "proxy_dequeue_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_log_level",
    "proxy_get_metric",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_record_metric",
    "proxy_register_shared_queue",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_send_local_response",
    "proxy_set_buffer_bytes",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
];

/// Those that only a command to a fleet makes.
const CALLS_OF_FLEETS: [&str; 2] = ["proxy_continue_stream", "proxy_set_effective_context"];

/// Two statuses of the ABI, one that Envoy answers for a call that is left out, and one of no ABI.
const STATUSES: [u32; 4] = [1, 8, 10, u32::MAX];

const ROOT: u32 = 1;
const CONSOLE: u32 = 2;
const RAMP: u32 = 3;

/// A configuration that makes the filter use nearly every call.
fn release() -> Value {
    config(json!({
        "ramp": {"steps": [50, 100], "bake": "1s", "warmup": "500ms"},
        "answers": {},
        "feedback": {"path": "/feedback", "thumb": "/thumb"},
        "conversation": {
            "id": [{"header": "x-conversation-id"}, {"pointer": "/user"}],
            "marker": {"cookie": "began"},
        },
        "force_header": "x-force",
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {
                "headers": {"set": {"x-a": "b"}, "remove": ["x-c"]},
                "model": "new",
            }},
        },
    }))
}

fn request(method: &str, path: &str, body: Option<&str>) -> Stream {
    let mut headers = vec![
        (":method".to_owned(), method.into()),
        (":path".to_owned(), path.into()),
        (":authority".to_owned(), "127.0.0.1".into()),
        ("content-type".to_owned(), "application/json".into()),
        ("x-user-id".to_owned(), "ada".into()),
    ];
    if let Some(body) = body {
        headers.push(("content-length".to_owned(), body.len().to_string().into()));
    }
    let response = Response {
        headers: vec![
            (":status".to_owned(), "200".into()),
            ("content-type".to_owned(), "application/json".into()),
        ],
        pieces: vec![br#"{"choices":[]}"#.to_vec()],
        ..Response::default()
    };
    Stream { headers, body: body.map(|body| body.into()), response, ..Stream::default() }
}

fn forced(mut stream: Stream) -> Stream {
    stream.replace("x-force", b"green");
    stream
}

/// Runs requests of each kind, and ticks.
fn use_vm(vm: &mut Vm) {
    let chat = r#"{"model":"old","user":"c-1","messages":[]}"#;
    let streams = [
        (ROOT, request("GET", "/v1/models", None)),
        (ROOT, request("POST", "/v1/chat/completions", Some(chat))),
        (ROOT, request("POST", "/v1/chat/completions", Some(&chat.replace("c-1", "c-2")))),
        (ROOT, request("POST", "/feedback", Some(r#"{"user":"c-1","thumb":"up"}"#))),
        (
            ROOT,
            Stream { role: Some("green"), ..request("POST", "/v1/chat/completions", Some(chat)) },
        ),
        (ROOT, forced(request("POST", "/v1/chat/completions", Some(chat)))),
        (RAMP, request("POST", "/v1/chat/completions", Some(chat))),
        (CONSOLE, request("GET", "/", None)),
        (CONSOLE, request("GET", "/state.json", None)),
        (CONSOLE, request("POST", "/pause", Some(""))),
    ];
    for (at, (root, stream)) in streams.into_iter().enumerate() {
        vm.run_stream(10 + u32::try_from(at).unwrap(), root, stream);
        vm.tick(ROOT);
        vm.tick(RAMP);
    }
}

fn configure(vm: &mut Vm) {
    // What is refused here is tested elsewhere; here nothing must trap.
    let _ = vm.configure(ROOT, release().to_string().as_bytes());
    let ramp = config(json!({"rollout": "other", "ramp": {}, "answers": {}}));
    let _ = vm.configure(RAMP, ramp.to_string().as_bytes());
    let _ = vm.configure_plugin("console", CONSOLE, br#"{"role": "console"}"#);
}

#[test]
fn the_list_has_every_call_that_the_filter_makes() {
    // Those of `callout` are made only with a fleet; `callouts` tests them.
    let sources = ["src/filter/hostcalls.rs", "src/filter/store/hostcalls.rs"]
        .map(|path| std::fs::read_to_string(project().join(path)).unwrap());
    let source = sources.concat();
    let declared = source.split("pub fn proxy_").skip(1);
    let declared = declared.filter_map(|rest| Some(format!("proxy_{}", rest.split_once('(')?.0)));
    let listed = CALLS.iter().chain(&CALLS_OF_FLEETS).map(|it| (*it).to_owned());
    assert_eq!(declared.collect::<BTreeSet<_>>(), listed.collect());
}

#[test]
fn no_status_of_any_call_traps_the_filter() {
    let wasm = std::fs::read(filter_wasm()).unwrap();
    for status in STATUSES {
        for call in CALLS {
            let mut vm = Vm::start(&wasm, &Process::default());
            vm.refuse(call, status);
            configure(&mut vm);
            use_vm(&mut vm);
            vm.end(ROOT);
        }
    }
}

#[test]
fn no_status_of_any_call_traps_a_filter_that_is_configured() {
    let wasm = std::fs::read(filter_wasm()).unwrap();
    for status in STATUSES {
        for refused in CALLS.chunks(1).chain([&CALLS[..]]) {
            let mut vm = Vm::start(&wasm, &Process::default());
            configure(&mut vm);
            refused.iter().for_each(|call| vm.refuse(call, status));
            use_vm(&mut vm);
            vm.end(CONSOLE);
            vm.end(RAMP);
            vm.end(ROOT);
        }
    }
}

#[test]
fn the_requests_of_this_test_make_every_call() {
    let wasm = std::fs::read(filter_wasm()).unwrap();
    let mut vm = Vm::start(&wasm, &Process::default());
    configure(&mut vm);
    use_vm(&mut vm);
    let calls: BTreeSet<_> = vm.take_calls().into_iter().collect();
    let missing: Vec<_> = CALLS.iter().filter(|call| !calls.contains(*call)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "{}", vm.log_text());
}
