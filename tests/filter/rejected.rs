//! A note of a rejected configuration outlives the VM that tried it. On the host emulator.

use serde_json::Value;
use verdigris::console::View;

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::weights;

const CONSOLE: u32 = 50;

/// What the console's VM shows.
fn shown(console: &mut Vm) -> View {
    let headers = [(":method", "GET"), (":path", "/state.json"), (":authority", "localhost")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let stream = Stream { headers: headers.into(), ..Stream::default() };
    let (status, text) = console.run_stream(100, CONSOLE, stream).reply.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_note_outlives_the_vm_that_tried_the_configuration() {
    let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
    let process = Process::default();
    let vm = || Vm::start(&wasm, &process);
    let configure = |vm: &mut Vm, root, config: &Value| {
        vm.configure_plugin("verdigris", root, config.to_string().as_bytes())
    };
    let (mut worker, mut late) = (vm(), vm());
    worker.configure_plugin("page", CONSOLE, br#"{"role": "console"}"#).unwrap();
    configure(&mut worker, 1, &weights(50, 50)).unwrap();
    configure(&mut vm(), 1, &weights(0, 0)).unwrap_err();
    let noted = shown(&mut worker);
    let problems = &noted.rollouts[0].problems;
    assert!(problems.iter().any(|it| it.what.contains("weights: {\"blue\":0,\"green\":0}: make")));
    assert!(noted.problems.is_empty());

    // What was accepted before settles nothing, however late another worker accepts it.
    configure(&mut late, 1, &weights(50, 50)).unwrap();
    assert_eq!(shown(&mut worker).rollouts[0].problems, *problems);

    // What other versions of the filter may have written does no harm.
    let key = "verdigris.rejections";
    let before = process.shared.lock().unwrap().data[key].clone();
    for text in ["", "{", "[1]", r#"{"rejected": [{"plugin": 1}]}"#, "\u{0}"] {
        let value = (text.as_bytes().to_vec(), 1);
        process.shared.lock().unwrap().data.insert(key.to_owned(), value);
        let shown = shown(&mut worker);
        assert!(shown.problems.is_empty() && shown.rollouts[0].problems.len() < problems.len());
    }
    process.shared.lock().unwrap().data.insert(key.to_owned(), before);

    configure(&mut vm(), 1, &weights(51, 49)).unwrap();
    let settled = shown(&mut worker);
    assert_eq!(settled.rollouts[0].problems.len(), problems.len() - 1, "{settled:?}");

    // One of a plugin that runs on nothing belongs to no rollout.
    let other = br#"{"rollout": "x"}"#;
    vm().configure_plugin("other", 1, other).unwrap_err();
    let noted = shown(&mut worker);
    assert!(noted.problems[0].what.contains("of rollout x was rejected"), "{noted:?}");
    assert_eq!(noted.rollouts[0].problems, settled.rollouts[0].problems);
}

/// Neither the answer to the configuration nor a stream depends on it.
#[test]
fn a_host_that_shares_nothing_loses_the_note_alone() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data", "proxy_get_property"] {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let mut vm = Vm::start(&wasm, &Process::default());
        vm.refuse(call, 10);
        vm.configure(1, weights(1, 1).to_string().as_bytes()).unwrap();
        vm.configure(2, weights(0, 0).to_string().as_bytes()).unwrap_err();
    }
}
