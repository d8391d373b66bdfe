//! Several rollouts and other vendors' plugins in one VM, or in one space of shared data, as where
//! `vm_id` is empty. On the host emulator.

use serde_json::{Value, json};

use crate::artifacts;
use crate::host::{Process, Stream, Vm};
use crate::proxy::set_fields;

/// A rollout of this name.
fn rollout(name: &str, fields: Value) -> Value {
    let mut rollout = json!({
        "rollout": name,
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    });
    set_fields(&mut rollout, &fields);
    rollout
}

/// A ramp, weights, and names that are close to the prefixes of keys.
#[test]
fn rollouts_and_plugins_of_others_do_not_touch_each_other() {
    let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
    let process = Process::default();
    let foreign = ["", "verdigris", "unit_key", "assistant", "verdigrise.a.state", "10.a.state"];
    {
        let mut shared = process.shared.lock().unwrap();
        shared.environment = vec!["VERDIGRIS_CONSOLE_TOKEN=a-secret-of-sixteen".to_owned()];
        for key in foreign {
            shared.data.insert(key.to_owned(), (b"theirs".to_vec(), 7));
            shared.queues.push((key.to_owned(), [b"theirs".to_vec()].into()));
        }
    }
    let ramp = json!({"ramp": {"steps": [50, 100], "bake": "1h"}, "conversation": {}});
    let weights = |green: u32| json!({"weights": {"blue": 100 - green, "green": green}, "console": {"path": "/ops"}});
    let rollouts = [
        (1, rollout("a", ramp.clone())),
        (2, rollout("a-b", weights(0))),
        (3, rollout("10", weights(100))),
        (4, rollout("rejections", ramp)),
    ];
    let mut vm = Vm::start(&wasm, &process);
    for (root, rollout) in &rollouts {
        vm.configure(*root, rollout.to_string().as_bytes()).unwrap();
    }
    vm.configure(9, b"{}").unwrap_err();
    for round in 0..4 {
        process.shared.lock().unwrap().clock += 3_000_000_000;
        for (root, _) in &rollouts {
            vm.tick(*root);
            for user in 0..20 {
                let user = format!("user-{round}-{user}");
                vm.run_stream(100, *root, Stream::request("GET", "/v1", &[("x-user-id", &user)]));
            }
        }
    }
    // A command is for one of them.
    let command = json!({"reason": "as asked", "weights": {"blue": 0, "green": 1}}).to_string();
    let headers = [
        ("authorization", "Bearer a-secret-of-sixteen"),
        ("x-verdigris-command", command.as_str()),
    ];
    let path = "/ops/weights?rollout=a-b";
    let (status, text) =
        vm.run_stream(100, 2, Stream::request("POST", path, &headers)).reply.unwrap();
    assert_eq!(status, 200, "{text}");
    let stats = process.stats.lock().unwrap().clone();
    let stat = |rollout: &str, name: &str| stats[&format!("verdigris.{rollout}.{name}")];
    for (rollout, requests) in [("a-b", [80, 0]), ("10", [0, 80])] {
        let found = ["blue", "green"].map(|it| stat(rollout, &format!("{it}.requests")));
        assert_eq!(found, requests, "{rollout}");
    }
    assert_eq!(
        ["a", "a-b", "10", "rejections"].map(|it| stat(it, "green_bp")),
        [5000, 10_000, 10_000, 5000]
    );
    let mut shared = process.shared.lock().unwrap();
    for key in foreign {
        assert_eq!(shared.data.remove(key), Some((b"theirs".to_vec(), 7)), "{key}");
    }
    let queues = std::mem::take(&mut shared.queues);
    let (theirs, ours): (Vec<_>, Vec<_>) =
        queues.into_iter().partition(|(name, _)| foreign.contains(&name.as_str()));
    assert!(theirs.iter().all(|(_, messages)| messages.len() == 1));
    assert!(!ours.is_empty() && !shared.data.is_empty());
    let names = shared.data.keys().chain(ours.iter().map(|(name, _)| name));
    let foreign: Vec<_> = names.filter(|name| !name.starts_with("verdigris.")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(stats.keys().all(|name| name.starts_with("verdigris.")));
}
