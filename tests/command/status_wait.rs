//! `verdigris status` of several consoles, and `verdigris status --wait`.

use std::process::{Command, Stdio};

use serde_json::Value;
use tokio::runtime::Runtime;
use verdigris::console::view::RolloutView;

use super::fixtures;
use super::port::Port;
use super::run::verdigris;
use super::status::Console;
use super::watch::ChangingConsole;

/// The consoles, the phase, the time, the rollout, the exit code, and the end of the output.
type Waiting<'a> = (&'a [&'a str], &'a str, &'a str, &'a str, i32, &'a str);

#[test]
fn several_consoles_are_shown() {
    let console = Console::start();
    let [ramping, holding, rolled_back] =
        ["ramping", "holding", "rolled-back"].map(|it| format!("{}/{it}", console.address));
    let closed = format!("127.0.0.1:{}", Port::reserve().number);
    let cases: [(&[&str], i32); 4] = [
        (&[&ramping, &holding], 0),
        (&[&rolled_back, &holding], 1),
        (&[&closed, &rolled_back], 3),
        (&[&closed, &closed], 3),
    ];
    for (consoles, code) in cases {
        let output = verdigris(&[&["status"], consoles].concat());
        assert_eq!((output.code, output.err.as_str()), (code, ""), "{output:?}");
        let mut rest = output.out.as_str();
        for console in consoles {
            rest = rest.split_once(&format!("{console}/\n")).unwrap().1;
            let shown = if *console == closed { "unreachable: " } else { "As of " };
            assert!(rest.starts_with(shown), "{output:?}");
        }
        let output = verdigris(&[&["status", "--json"], consoles].concat());
        assert_eq!(output.code, code, "{output:?}");
        let all: Value = serde_json::from_str(&output.out).unwrap();
        for (listed, console) in all.as_array().unwrap().iter().zip(consoles) {
            assert!(listed["console"].as_str().unwrap().contains(console), "{listed}");
            assert_eq!(listed["state"]["schema"].is_null(), *console == closed, "{listed}");
            assert_eq!(listed["error"].is_string(), *console == closed, "{listed}");
        }
    }
}

#[test]
fn a_wait_ends_with_the_phase_or_without() {
    let console = Console::start();
    let url = |name: &str| format!("{}/{name}", console.address);
    let closed = format!("127.0.0.1:{}", Port::reserve().number);
    let rolled_back = RolloutView { phase: "rolled_back".into(), ..fixtures::by_hand() };
    console.server.show("weights", fixtures::view(vec![rolled_back]));
    let (now, later) = ("1ms", "1h");
    let cases: [Waiting; 10] = [
        // With weights, a command ends a rollback.
        (&["weights"], "by_hand", now, "", 1, "/ is in phase rolled_back after 0 seconds\n"),
        (&["ramping"], "ramping", later, "", 0, "reached: phase ramping\n"),
        (&["ramping", "ramping"], "ramping", later, "", 0, "reached: phase ramping\n"),
        (&["rolled-back"], "rolled_back", later, "", 0, "reached: phase rolled_back\n"),
        (&["by-hand"], "by_hand", later, "assistant-v8", 0, "reached: phase by_hand\n"),
        (&["ramping"], "promoted", now, "", 1, "/ is in phase ramping after 0 seconds\n"),
        (&["ramping", "holding"], "ramping", now, "", 1, "/holding/ is in phase holding after 0"),
        (&["by-hand"], "by_hand", now, "v9", 1, "/by-hand/ has no v9 after 0 seconds\n"),
        (&["nothing"], "ramping", now, "", 1, "/nothing/ has no rollout after 0 seconds\n"),
        // Only another configuration ends a rollback, so the command does not wait for the time.
        (
            &["ramping", "rolled-back"],
            "promoted",
            later,
            "",
            1,
            "/rolled-back/ is in phase rolled_back, which only the configuration ends\n",
        ),
    ];
    for (names, phase, timeout, rollout, code, end) in cases {
        let urls: Vec<String> = names.iter().map(|it| url(it)).collect();
        let mut arguments = vec!["status", "--wait", phase, "--timeout", timeout];
        arguments.extend(urls.iter().map(String::as_str));
        if !rollout.is_empty() {
            arguments.extend(["--rollout", rollout]);
        }
        let output = verdigris(&arguments);
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.out.contains(end), "{end}: {output:?}");
        // The states do not say how the wait ended.
        arguments.push("--json");
        let output = verdigris(&arguments);
        assert_eq!(output.code, code, "{output:?}");
        assert!(serde_json::from_str::<Value>(&output.out).is_ok(), "{output:?}");
        let result = if code == 0 { "reached: " } else { "not reached: " };
        assert!(output.err.starts_with(result) && output.err.contains(end), "{end}: {output:?}");
    }
    let output = verdigris(&["status", &closed, "--wait", "ramping", "--timeout", now]);
    assert_eq!((output.code, output.out.as_str()), (3, ""), "{output:?}");
    let usage = [
        (&["--wait", "done"][..], "possible values: ramping, holding"),
        (&["--timeout", "1h"], "--wait <PHASE>"),
        (&["--wait", "paused", "--timeout", "soon"], "write a time, such as 90s"),
    ];
    for (arguments, message) in usage {
        let output = verdigris(&[&["status", &closed], arguments].concat());
        assert!(output.code == 2 && output.err.contains(message), "{output:?}");
    }
}

/// Open streams of the release before keep its rollout in the list.
#[test]
fn a_replaced_rollout_ends_no_wait_unless_it_is_named() {
    let runtime = Runtime::new().unwrap();
    let (console, address) = ChangingConsole::start(&runtime, fixtures::ramping());
    let mut replaced = fixtures::rolled_back();
    (replaced.rollout, replaced.is_replaced) = ("assistant-v7".to_owned(), true);
    let show = |rollouts| console.show(fixtures::view(rollouts));
    let wait = |options: &[&str]| {
        let output =
            verdigris(&[&["status", &address, "--timeout", "1ms", "--wait"], options].concat());
        (output.code, output.out)
    };
    show(vec![replaced.clone(), fixtures::ramping()]);
    let (code, text) = wait(&["ramping"]);
    assert!(code == 0 && text.contains("reached: phase ramping"), "{text}");
    let (code, text) = wait(&["promoted"]);
    assert!(code == 1 && text.contains("is in phase ramping after 0 seconds"), "{text}");
    let (code, text) = wait(&["promoted", "--rollout", "assistant-v7"]);
    assert!(code == 1 && text.contains("which only the configuration ends"), "{text}");
    // Until the state is read, the phase is that of before.
    let unknown = RolloutView { is_known: false, ramp: None, ..fixtures::ramping() };
    show(vec![unknown]);
    let (code, text) = wait(&["ramping"]);
    assert!(code == 1 && text.contains("is not known after 0 seconds"), "{text}");
    show(vec![replaced]);
    let (code, text) = wait(&["rolled_back"]);
    assert!(code == 1 && text.contains("has no rollout after 0 seconds"), "{text}");
}

#[test]
fn a_wait_lasts_until_the_phase_changes() {
    let runtime = Runtime::new().unwrap();
    let (console, address) = ChangingConsole::start(&runtime, fixtures::ramping());
    let waiting = Command::new(env!("CARGO_BIN_EXE_verdigris"))
        .args(["status", &address, "--wait", "rolled_back", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It continues after the first read.
    console.wait_for_requests(3);
    console.show(fixtures::view(vec![fixtures::rolled_back()]));
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let state: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(state["rollouts"][0]["phase"], "rolled_back");
}
