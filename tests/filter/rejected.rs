//! Notes of rejected configurations in the console. On the host emulator.

use serde_json::Value;
use verdigris::console::View;

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::weights;

const CONSOLE: u32 = 50;

/// `/state.json` of the console's VM.
fn console_view(console: &mut Vm) -> View {
    let headers = [(":method", "GET"), (":path", "/state.json"), (":authority", "localhost")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let stream = Stream { headers: headers.into(), ..Stream::default() };
    let (status, text) = console.run_stream(100, CONSOLE, stream).reply.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_note_of_a_rejected_configuration_outlives_the_vm_that_rejected_it() {
    let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
    let process = Process::default();
    let new_vm = || Vm::start(&wasm, &process);
    let configure = |vm: &mut Vm, root, config: &Value| {
        vm.configure_plugin("verdigris", root, config.to_string().as_bytes())
    };
    let (mut worker, mut late_worker) = (new_vm(), new_vm());
    worker.configure_plugin("page", CONSOLE, br#"{"role": "console"}"#).unwrap();
    configure(&mut worker, 1, &weights(50, 50)).unwrap();
    configure(&mut new_vm(), 1, &weights(0, 0)).unwrap_err();
    let noted = console_view(&mut worker);
    let problems = &noted.rollouts[0].problems;
    assert!(
        problems
            .iter()
            .any(|problem| problem.what.contains("weights: {\"blue\":0,\"green\":0}: make"))
    );
    assert!(noted.problems.is_empty());

    // Another worker accepts the configuration in force; the note stays.
    configure(&mut late_worker, 1, &weights(50, 50)).unwrap();
    assert_eq!(console_view(&mut worker).rollouts[0].problems, *problems);

    // Values that another version of the filter may have written are ignored.
    let key = "verdigris.rejections";
    let before = process.shared.lock().unwrap().data[key].clone();
    for text in ["", "{", "[1]", r#"{"rejected": [{"plugin": 1}]}"#, "\u{0}"] {
        let value = (text.as_bytes().to_vec(), 1);
        process.shared.lock().unwrap().data.insert(key.to_owned(), value);
        let view = console_view(&mut worker);
        assert!(view.problems.is_empty() && view.rollouts[0].problems.len() < problems.len());
    }
    process.shared.lock().unwrap().data.insert(key.to_owned(), before);

    configure(&mut new_vm(), 1, &weights(51, 49)).unwrap();
    let resolved = console_view(&mut worker);
    assert_eq!(resolved.rollouts[0].problems.len(), problems.len() - 1, "{resolved:?}");

    // A plugin without an accepted configuration has no rollout; its note is a general one.
    let other = br#"{"rollout": "x"}"#;
    new_vm().configure_plugin("other", 1, other).unwrap_err();
    let noted = console_view(&mut worker);
    assert!(noted.problems[0].what.contains("of rollout x was rejected"), "{noted:?}");
    assert_eq!(noted.rollouts[0].problems, resolved.rollouts[0].problems);
}

/// The filter accepts and rejects configurations in the same way.
#[test]
fn without_shared_data_only_the_note_is_lost() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data", "proxy_get_property"] {
        let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
        let mut vm = Vm::start(&wasm, &Process::default());
        vm.refuse(call, 10);
        vm.configure(1, weights(1, 1).to_string().as_bytes()).unwrap();
        vm.configure(2, weights(0, 0).to_string().as_bytes()).unwrap_err();
    }
}
