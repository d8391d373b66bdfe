//! Starts of Envoy: releases that cannot be loaded, and starts in the background.

use std::path::Path;

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml, filter_yaml_from_text};
use crate::proxy::{Proxy as _, Request, weights};

#[test]
fn without_a_loadable_release_at_the_start_all_users_are_on_blue() {
    let refused_config = filter_yaml(&weights(0, 0));
    let not_json = filter_yaml_from_text("weights: 5");
    let no_text = filter_yaml_from_text("");
    let cut = &refused_config[..refused_config.len() / 2];
    let wasm = artifacts::filter_wasm();
    let nowhere = Path::new("/nonexistent/verdigris.wasm");
    let good = filter_yaml(&weights(0, 1));
    let cases = [
        ("no filter.yaml", None, wasm.as_path()),
        ("an empty filter.yaml", Some(""), &wasm),
        ("half of a filter.yaml", Some(cut), &wasm),
        ("a refused configuration", Some(refused_config.as_str()), &wasm),
        ("a configuration that is not JSON", Some(not_json.as_str()), &wasm),
        ("no configuration", Some(no_text.as_str()), &wasm),
        ("no .wasm", Some(good.as_str()), nowhere),
        (
            "a file that is not a .wasm module",
            Some(good.as_str()),
            &artifacts::shipped("envoy.yaml"),
        ),
    ];
    for (name, filter, wasm) in cases {
        let mut envoy =
            Envoy::start_with(&Setup { filter, wasm: wasm.to_owned(), ..Setup::default() });
        let answer =
            envoy.send(&Request::from_user("ada").header("x-verdigris-cluster", "llm-green"));
        let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
        assert_eq!(got, (200, "llm-blue", "blue"), "{name}\n{}", envoy.log());

        // A loadable release is applied without a restart.
        let link = envoy.folder.path().join("verdigris.wasm");
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(artifacts::filter_wasm(), link).unwrap();
        envoy.push(&weights(0, 7)).unwrap();
        assert_eq!(envoy.send(&Request::from_user("ada")).cluster, "llm-green", "{name}");
    }
}

/// With hot restart the kernel sends SIGTERM to Envoy when its parent ends.
#[test]
fn envoy_keeps_running_when_its_shell_ends() {
    let mut envoy = Envoy::start(&weights(0, 1));
    envoy.restart_in_background("");
    let background = envoy.close_shell();
    let closed_at = envoy.uptime_s();
    // A signal would arrive within milliseconds.
    wait_for("Envoy to keep running", || (envoy.uptime_s() >= closed_at + 2).then_some(()));
    assert!(background.is_running());
    assert_eq!(envoy.send(&Request::from_user("ada")).version, "green");
    drop(background);

    // An operator can turn on hot restart.
    envoy.restart_in_background("--use-dynamic-base-id");
    let background = envoy.close_shell();
    wait_for("Envoy to end", || (!background.is_running()).then_some(()));
}

#[test]
fn the_shipped_bootstrap_starts_without_a_warning() {
    let envoy = Envoy::start(&weights(95, 5));
    let log = envoy.log();
    let markers = ["[warning]", "[error]", "[critical]", "deprecated"];
    let warnings: Vec<_> =
        log.lines().filter(|line| markers.iter().any(|marker| line.contains(marker))).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
}
