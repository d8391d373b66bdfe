//! The console goes and comes, and no request notices.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::blocking::Client;
use serde_json::json;
use verdigris::console::View;

use super::super::ramp::{RAMP, while_clients};
use super::{TOKEN, console, order, start};
use crate::artifacts;
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, weights};

/// The bootstrap with the console's listener in a file of its own, which Envoy watches.
fn with_listener_apart(bootstrap: &str, folder: &std::path::Path) -> (String, String) {
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
fn the_console_going_away_leaves_traffic_alone() {
    let folder = tempfile::TempDir::with_prefix("verdigris-lds-").unwrap();
    let lds = folder.path().join("lds.yaml");
    let write = |text: &str| {
        let new = folder.path().join("new.yaml");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &lds).unwrap();
    };
    let apart = std::cell::RefCell::new(String::new());
    let change = |bootstrap: String, _: &_| {
        let (bootstrap, listener) = with_listener_apart(&bootstrap, folder.path());
        write(&listener);
        apart.replace(listener);
        bootstrap
    };
    let filter = filter_yaml(&weights(50, 50));
    let setup =
        Setup { filter: Some(&filter), token: Some(TOKEN), change: &change, ..Setup::default() };
    let envoy = Envoy::start_with(&setup);
    let sent = AtomicU64::new(0);
    let ask = |client: &Client, user: String| {
        let answer = client.get(&envoy.url).header("x-user-id", user).send().unwrap();
        assert_eq!(answer.status(), 200);
        sent.fetch_add(1, Ordering::Relaxed);
    };
    let some_more = || {
        let before = sent.load(Ordering::Relaxed);
        wait_for("more requests", || (sent.load(Ordering::Relaxed) > before + 200).then_some(()));
    };
    let is_there = || envoy.one_off.get(console(&envoy, "/state.json")).send().is_ok();
    while_clients(ask, || {
        some_more();
        assert!(is_there(), "{}", envoy.log());
        // It goes, it returns, it goes.
        for text in ["resources: []", &apart.borrow(), "resources: []"] {
            write(text);
            let listens = text.contains("console");
            wait_for("the listener to come and go", || {
                let listeners = envoy.admin("/listeners");
                (listeners.contains("console::") == listens).then_some(())
            });
            some_more();
        }
        wait_for("the console to be gone", || (!is_there()).then_some(()));
        envoy.write_filter(&filter_yaml(&weights(0, 1))).unwrap();
        some_more();
    });
    let requests = |version| envoy.read_stat(&crate::proxy::counter(version, "requests")).unwrap();
    assert_eq!(requests("blue") + requests("green"), sent.load(Ordering::Relaxed));
}

#[test]
fn a_console_that_cannot_be_loaded_says_so_and_is_taken_when_it_can() {
    let mut envoy = start(&weights(50, 50), None, 2);
    let shipped = std::fs::read_to_string(artifacts::shipped("console.yaml")).unwrap();
    let file = envoy.folder.path().join("console.yaml");
    let refused = shipped.replace("\"console\"}", "\"console\", \"tokens\": 1}");
    assert_ne!(shipped, refused);
    for text in [None, Some("resources: []"), Some(&*refused), Some("resources: [")] {
        std::fs::remove_file(&file).unwrap();
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        envoy.restart();
        let status = || envoy.client.get(console(&envoy, "/")).send().unwrap().status();
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
fn a_console_is_there_again_after_a_trap() {
    let filter = filter_yaml(&weights(0, 1));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        wasm: artifacts::trapping_wasm(),
        token: Some(TOKEN),
        ..Setup::default()
    });
    envoy.wait_until_vms_can_be_replaced();
    let marked = Request::of("ada").header("x-verdigris-trap", "1");
    assert_eq!(envoy.get("/", &marked).unwrap().status(), 503);
    wait_at_most(RAMP, "all workers to show the rollout", || {
        let shows = |_| {
            envoy.answer_on_a_new_connection();
            let answer = envoy.one_off.get(console(&envoy, "/state.json")).send().unwrap();
            let view = serde_json::from_slice::<View>(&answer.bytes().unwrap());
            view.is_ok_and(|view| view.rollouts.len() == 1)
        };
        (0..24).all(shows).then_some(())
    });
    let body = json!({"reason": "to see", "weights": {"blue": 1, "green": 0}});
    assert_eq!(order(&envoy, "weights", &body).status(), 200);
    wait_for("all workers to obey", || {
        let answers = (0..24).map(|_| envoy.answer_on_a_new_connection());
        answers.into_iter().all(|it| it.cluster == "llm-blue").then_some(())
    });
}
