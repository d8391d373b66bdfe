//! The module's memory: the use of an open stream, and its independence of the length of an
//! answer. On the host emulator.

use serde_json::json;

use crate::artifacts;
use crate::host::{Process, Response, Stream, Vm};
use crate::proxy::{Request, config};

const ROOT: u32 = 1;

/// A VM that reads answers and compares their beginning with refusal phrases.
fn reading_vm() -> Vm {
    let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
    let mut vm = Vm::start(&wasm, &Process::default());
    let config = config(json!({"answers": {"refusal_phrases": ["x".repeat(128)]}}));
    vm.configure(ROOT, config.to_string().as_bytes()).unwrap();
    vm
}

fn chat_stream(user: u32) -> Stream {
    let headers = [(":status", "200"), ("content-type", "text/event-stream")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let request =
        Request::from_user(format!("user-{user}")).header(":path", "/v1/chat/completions");
    Stream {
        headers: request.headers,
        // The test passes the chunks itself.
        response: Response { headers: headers.to_vec(), is_complete: false, ..Response::default() },
        ..Stream::default()
    }
}

/// A VM that copies all requests for a judge, with texts of up to 256 KiB.
fn sampling_vm() -> Vm {
    let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
    let mut vm = Vm::start(&wasm, &Process::default());
    let config = config(json!({
        "weights": {"blue": 1, "green": 1},
        "judge": {"cluster": "judge", "model": "judge-model", "sample": 100, "max_bytes": 262_144},
    }));
    vm.configure(ROOT, config.to_string().as_bytes()).unwrap();
    vm
}

/// A stream whose prompt has so many bytes, and an id by which it is sampled.
fn sampled_stream(user: u32, prompt_bytes: usize) -> Stream {
    let mut stream = chat_stream(user);
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    stream.headers.retain(|(name, _)| name != ":method");
    stream.headers.extend([
        header(":method", "POST"),
        header("content-type", "application/json"),
        header("x-request-id", &format!("7f1c2b6e-{user}")),
    ]);
    let text = "x".repeat(prompt_bytes);
    let body = json!({"messages": [{"role": "user", "content": text}]});
    Stream { body: Some(body.to_string().into_bytes()), ..stream }
}

/// Without a bound, these streams would keep 250 MiB of prompts alone.
#[test]
fn the_copied_texts_of_a_thousand_open_streams_are_bounded() {
    const STREAMS: u32 = 1_000;
    const PROMPT: usize = 250 << 10;
    /// Twice the bound of 16 MiB, since a text may take twice its length while it grows.
    const MOST: u64 = 32 << 20;
    let mut vm = sampling_vm();
    vm.begin_stream(2, ROOT, sampled_stream(2, PROMPT));
    let before = vm.memory_size();
    let piece = event(&"x".repeat(2_000));
    for context in 3..3 + STREAMS {
        vm.begin_stream(context, ROOT, sampled_stream(context, PROMPT));
        vm.pass_piece(context, piece.as_bytes(), false);
    }
    let grown = vm.memory_size() as u64 - before as u64;
    assert!(grown > 4 << 20, "texts are copied: {grown}");
    assert!(grown <= MOST, "{grown} bytes");
}

fn event(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

#[test]
fn an_open_stream_uses_at_most_four_kib() {
    const STREAMS: u32 = 2_000;
    let mut vm = reading_vm();
    let half = event(&"x".repeat(200));
    let half = &half.as_bytes()[..half.len() / 2];
    let mut open_and_end = |first: u32| {
        let contexts = first..first + STREAMS;
        for context in contexts.clone() {
            vm.begin_stream(context, ROOT, chat_stream(context));
            vm.pass_piece(context, half, false);
        }
        for context in contexts {
            vm.end(context);
        }
        vm.memory_size()
    };
    // The first stream allocates what all streams share.
    let one_stream = {
        let mut vm = reading_vm();
        vm.run_stream(2, ROOT, chat_stream(2));
        vm.memory_size()
    };
    let all_streams = open_and_end(2);
    let per_stream = (all_streams - one_stream) / STREAMS as usize;
    println!("an open stream uses {per_stream} bytes of the VM");
    assert!(per_stream <= 4096, "{per_stream} bytes");
    assert_eq!(open_and_end(2 + STREAMS), all_streams, "the memory of ended streams is reused");
}

#[test]
fn an_answer_of_100_mb_does_not_grow_the_memory() {
    const CHUNK: usize = 1 << 20;
    let mut vm = reading_vm();
    vm.begin_stream(2, ROOT, chat_stream(2));
    // Many events in one chunk, and a string that continues over many chunks.
    let events = event(&"word ".repeat(2000)).repeat(CHUNK / 10_000);
    let unfinished =
        "data: {\"choices\":[{\"delta\":{\"content\":\"".to_owned() + &"y".repeat(CHUNK);
    vm.pass_piece(2, events.as_bytes(), false);
    vm.pass_piece(2, unfinished.as_bytes(), false);
    let before = vm.memory_size();
    let mut passed = 0;
    while passed < 100_000_000 {
        vm.pass_piece(2, &unfinished.as_bytes()[unfinished.len() - CHUNK..], false);
        passed += CHUNK;
        if passed > 50_000_000 {
            vm.pass_piece(2, b"\"}}]}\n\n", false);
            vm.pass_piece(2, events.as_bytes(), false);
            vm.pass_piece(2, unfinished.as_bytes(), false);
            passed += events.len() + unfinished.len();
        }
    }
    vm.end(2);
    assert_eq!(vm.memory_size(), before);
}
