//! The module's memory, on the host emulator: what an open stream takes of it, and
//! that an answer takes no more the longer it gets.

use serde_json::json;

use crate::artifacts;
use crate::host::{Process, Response, Stream, Vm};
use crate::proxy::{Request, config};

const ROOT: u32 = 1;

/// A VM that reads answers and compares how they open.
fn reading() -> Vm {
    let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
    let mut vm = Vm::start(&wasm, &Process::default());
    let config = config(json!({"answers": {"refusal_phrases": ["x".repeat(128)]}}));
    vm.configure(ROOT, config.to_string().as_bytes()).unwrap();
    vm
}

fn chat_stream(user: u32) -> Stream {
    let headers = [(":status", "200"), ("content-type", "text/event-stream")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let request = Request::of(format!("user-{user}")).header(":path", "/v1/chat/completions");
    Stream {
        headers: request.headers,
        // The pieces are passed one by one.
        response: Response { headers: headers.to_vec(), is_complete: false, ..Response::default() },
        ..Stream::default()
    }
}

fn event(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

#[test]
fn an_open_stream_takes_at_most_four_kib() {
    const STREAMS: u32 = 2_000;
    let mut vm = reading();
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
    // The first one makes what all share.
    let few = {
        let mut vm = reading();
        vm.run_stream(2, ROOT, chat_stream(2));
        vm.memory_size()
    };
    let many = open_and_end(2);
    let each = (many - few) / STREAMS as usize;
    println!("an open stream takes {each} bytes of the VM");
    assert!(each <= 4096, "{each} bytes");
    assert_eq!(open_and_end(2 + STREAMS), many, "what ended streams took is used again");
}

#[test]
fn an_answer_of_100_mb_takes_no_memory() {
    const PIECE: usize = 1 << 20;
    let mut vm = reading();
    vm.begin_stream(2, ROOT, chat_stream(2));
    // Many events in a piece, and a string that goes on over pieces.
    let events = event(&"word ".repeat(2000)).repeat(PIECE / 10_000);
    let open = "data: {\"choices\":[{\"delta\":{\"content\":\"".to_owned() + &"y".repeat(PIECE);
    vm.pass_piece(2, events.as_bytes(), false);
    vm.pass_piece(2, open.as_bytes(), false);
    let before = vm.memory_size();
    let mut passed = 0;
    while passed < 100_000_000 {
        vm.pass_piece(2, &open.as_bytes()[open.len() - PIECE..], false);
        passed += PIECE;
        if passed > 50_000_000 {
            vm.pass_piece(2, b"\"}}]}\n\n", false);
            vm.pass_piece(2, events.as_bytes(), false);
            vm.pass_piece(2, open.as_bytes(), false);
            passed += events.len() + open.len();
        }
    }
    vm.end(2);
    assert_eq!(vm.memory_size(), before);
}
