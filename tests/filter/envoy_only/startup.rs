//! Starting with a release that cannot be loaded: blue, until it can.

use std::path::Path;

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml, filter_yaml_of};
use crate::proxy::{Proxy as _, Request, weights};

#[test]
fn a_release_that_cannot_be_loaded_at_start_leaves_everyone_on_blue() {
    let refused = filter_yaml(&weights(0, 0));
    let not_json = filter_yaml_of("weights: 5");
    let no_text = filter_yaml_of("");
    let cut = &refused[..refused.len() / 2];
    let wasm = artifacts::filter_wasm();
    let nowhere = Path::new("/nonexistent/verdigris.wasm");
    let good = filter_yaml(&weights(0, 1));
    let cases = [
        ("no filter.yaml", None, wasm.as_path()),
        ("an empty filter.yaml", Some(""), &wasm),
        ("half of a filter.yaml", Some(cut), &wasm),
        ("a refused configuration", Some(refused.as_str()), &wasm),
        ("a configuration that is not JSON", Some(not_json.as_str()), &wasm),
        ("no configuration", Some(no_text.as_str()), &wasm),
        ("no .wasm", Some(good.as_str()), nowhere),
        ("a .wasm that is none", Some(good.as_str()), &artifacts::shipped("envoy.yaml")),
    ];
    for (what, filter, wasm) in cases {
        let mut envoy =
            Envoy::start_with(&Setup { filter, wasm: wasm.to_owned(), ..Setup::default() });
        let answer = envoy.send(&Request::of("ada").header("x-verdigris-cluster", "llm-green"));
        let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
        assert_eq!(got, (200, "llm-blue", "blue"), "{what}\n{}", envoy.log());

        // What was missing arrives, and is taken without a restart.
        let link = envoy.folder.path().join("verdigris.wasm");
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(artifacts::filter_wasm(), link).unwrap();
        envoy.push(&weights(0, 7)).unwrap();
        assert_eq!(envoy.send(&Request::of("ada")).cluster, "llm-green", "{what}");
    }
}

/// With hot restart Envoy is sent SIGTERM when its parent ends.
#[test]
fn envoy_outlives_the_shell_that_started_it() {
    let mut envoy = Envoy::start(&weights(0, 1));
    let uptime = |envoy: &Envoy| {
        let info: serde_json::Value = serde_json::from_str(&envoy.admin("/server_info")).unwrap();
        info["uptime_current_epoch"].as_str().unwrap().trim_end_matches('s').parse::<u64>().unwrap()
    };
    envoy.restart_in_background("");
    let background = envoy.close_shell();
    let closed_at = uptime(&envoy);
    // A signal arrives within milliseconds.
    wait_for("Envoy to go on", || (uptime(&envoy) >= closed_at + 2).then_some(()));
    assert!(background.is_running());
    assert_eq!(envoy.send(&Request::of("ada")).version, "green");
    drop(background);

    // Who wants hot restart has it.
    envoy.restart_in_background("--use-dynamic-base-id");
    let background = envoy.close_shell();
    wait_for("Envoy to end", || (!background.is_running()).then_some(()));
}

#[test]
fn the_shipped_bootstrap_starts_without_a_warning() {
    let envoy = Envoy::start(&weights(95, 5));
    let log = envoy.log();
    let warned = ["[warning]", "[error]", "[critical]", "deprecated"];
    let complaints: Vec<_> =
        log.lines().filter(|line| warned.iter().any(|word| line.contains(word))).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
