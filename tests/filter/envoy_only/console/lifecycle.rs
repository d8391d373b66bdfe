//! The console's listener and configuration are removed and restored while Envoy runs.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::blocking::Client;
use serde_json::json;
use verdigris::console::View;

use super::super::ramp_fixture::{RAMP_TIMEOUT, with_clients};
use super::{TOKEN, console_url, send_command, start};
use crate::artifacts;
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, weights};

/// Moves the console's listener from the bootstrap to a separate file that Envoy watches.
/// Returns the bootstrap and the text of the file.
fn with_console_listener_in_own_file(
    bootstrap: &str,
    folder: &std::path::Path,
) -> (String, String) {
    let (before, rest) = bootstrap.split_once("  - name: console\n").unwrap();
    let (listener, after) = rest.split_once("\n  - name: llm\n").unwrap();
    let comments = before.rfind("\n  # The operator's page").unwrap();
    let dynamic = format!(
        "dynamic_resources:\n  lds_config:\n    path_config_source:\n      path: {0}/lds.yaml\n      \
         watched_directory: {{path: {0}}}\n\n",
        folder.display()
    );
    let bootstrap = format!("{}\n  - name: llm\n{after}", &before[..comments]);
    let bootstrap =
        bootstrap.replace("static_resources:\n", &format!("{dynamic}static_resources:\n"));
    let kind = "\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener";
    (bootstrap, format!("resources:\n  - {kind}\n    name: console\n{listener}\n"))
}

#[test]
fn removing_the_console_does_not_affect_requests() {
    let folder = tempfile::TempDir::with_prefix("verdigris-lds-").unwrap();
    let lds = folder.path().join("lds.yaml");
    let write = |text: &str| {
        let new = folder.path().join("new.yaml");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &lds).unwrap();
    };
    let console_listener = std::cell::RefCell::new(String::new());
    let change = |bootstrap: String, _: &_| {
        let (bootstrap, listener) = with_console_listener_in_own_file(&bootstrap, folder.path());
        write(&listener);
        console_listener.replace(listener);
        bootstrap
    };
    let filter = filter_yaml(&weights(50, 50));
    let setup = Setup {
        filter: Some(&filter),
        token: Some(TOKEN),
        edit_bootstrap: &change,
        ..Setup::default()
    };
    let envoy = Envoy::start_with(&setup);
    let sent = AtomicU64::new(0);
    let send = |client: &Client, user: String| {
        let answer = client.get(&envoy.url).header("x-user-id", user).send().unwrap();
        assert_eq!(answer.status(), 200);
        sent.fetch_add(1, Ordering::Relaxed);
    };
    let wait_for_200_requests = || {
        let before = sent.load(Ordering::Relaxed);
        wait_for("more requests", || (sent.load(Ordering::Relaxed) > before + 200).then_some(()));
    };
    let console_answers =
        || envoy.unpooled_client.get(console_url(&envoy, "/state.json")).send().is_ok();
    with_clients(send, || {
        wait_for_200_requests();
        assert!(console_answers(), "{}", envoy.log());
        // The listener is removed, restored and removed again.
        for text in ["resources: []", &console_listener.borrow(), "resources: []"] {
            write(text);
            let listens = text.contains("console");
            wait_for("the listener to come and go", || {
                let listeners = envoy.admin("/listeners");
                (listeners.contains("console::") == listens).then_some(())
            });
            wait_for_200_requests();
        }
        wait_for("the console to be removed", || (!console_answers()).then_some(()));
        envoy.write_filter(&filter_yaml(&weights(0, 1))).unwrap();
        wait_for_200_requests();
    });
    let requests = |version| envoy.read_stat(&crate::proxy::counter(version, "requests")).unwrap();
    assert_eq!(requests("blue") + requests("green"), sent.load(Ordering::Relaxed));
}

#[test]
fn a_console_that_cannot_be_loaded_answers_503_until_its_file_is_valid() {
    let mut envoy = start(&weights(50, 50), None, 2);
    let shipped = std::fs::read_to_string(artifacts::shipped("config/console.yaml")).unwrap();
    let file = envoy.folder.path().join("config/console.yaml");
    let invalid = shipped.replace("\"console\"}", "\"console\", \"tokens\": 1}");
    assert_ne!(shipped, invalid);
    for text in [None, Some("resources: []"), Some(&*invalid), Some("resources: [")] {
        std::fs::remove_file(&file).unwrap();
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        envoy.restart();
        let status = || envoy.client.get(console_url(&envoy, "/")).send().unwrap().status();
        assert_eq!(status(), 503, "{text:?}");
        assert_eq!(envoy.client.get(&envoy.url).send().unwrap().status(), 200, "{text:?}");
        let new = envoy.folder.path().join("console.new");
        std::fs::write(&new, &shipped).unwrap();
        std::fs::rename(&new, &file).unwrap();
        wait_for("the console", || (status() == 200).then_some(()));
    }
    assert!(envoy.log().contains("tokens: 1: unknown field"), "{}", envoy.log());
}

#[test]
fn the_console_works_again_after_a_trap() {
    let filter = filter_yaml(&weights(0, 1));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        wasm: artifacts::trapping_wasm(),
        token: Some(TOKEN),
        ..Setup::default()
    });
    envoy.wait_until_vms_can_be_replaced();
    let marked = Request::from_user("ada").header("x-verdigris-trap", "1");
    assert_eq!(envoy.send_to("/", &marked).unwrap().status(), 503);
    wait_at_most(RAMP_TIMEOUT, "all workers to show the rollout", || {
        let shows = |_| {
            envoy.send_on_new_connection();
            let answer =
                envoy.unpooled_client.get(console_url(&envoy, "/state.json")).send().unwrap();
            let view = serde_json::from_slice::<View>(&answer.bytes().unwrap());
            view.is_ok_and(|view| view.rollouts.len() == 1)
        };
        (0..24).all(shows).then_some(())
    });
    let body = json!({"reason": "to see", "weights": {"blue": 1, "green": 0}});
    assert_eq!(send_command(&envoy, "weights", &body).status(), 200);
    wait_for("all workers to apply the command", || {
        let answers = (0..24).map(|_| envoy.send_on_new_connection());
        answers.into_iter().all(|answer| answer.cluster == "llm-blue").then_some(())
    });
}
