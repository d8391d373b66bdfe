//! The access log, and the filter's stats in Prometheus's format.

use serde_json::json;

use crate::envoy::process::wait_for;
use crate::envoy::upstream::REPLAY_HEADER;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, config, weights};

fn envoy_after_four_requests() -> Envoy {
    let mut envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "pins": {"blue": ["tia"]},
        "force_header": "x-force",
    })));
    envoy.send(&Request::from_user("ada"));
    envoy.send(&Request::from_user("tia"));
    envoy.send(&Request::anonymous());
    envoy.send(&Request::from_user("ada").header("x-force", "blue"));
    envoy
}

#[test]
fn the_access_log_contains_version_reason_and_cluster() {
    let envoy = envoy_after_four_requests();
    let expected = [
        "version=green reason=- cluster=llm-green",
        "version=blue reason=pinned cluster=llm-blue",
        "version=blue reason=no_unit cluster=llm-blue",
        "version=blue reason=forced cluster=llm-blue",
    ];
    wait_for("the access log", || {
        let log = envoy.log();
        expected.iter().all(|line| log.contains(line)).then_some(())
    });
}

/// Clients of some APIs send their key in the query.
#[test]
fn the_access_log_has_no_queries() {
    let envoy = Envoy::start(&config(json!({})));
    envoy.send_to("/v1/models?key=SECRET", &Request::from_user("ada")).unwrap();
    wait_for("the access log", || envoy.log().contains("GET /v1/models 200").then_some(()));
    assert!(!envoy.log().contains("SECRET"), "{}", envoy.log());
}

/// Envoy's file watcher logs each change in a watched folder at the level debug. If it watched the folder
/// of the log, each line would cause another one.
#[test]
fn a_debug_log_beside_the_bootstrap_does_not_write_itself() {
    let mut envoy = Envoy::start(&weights(1, 0));
    envoy.restart_in_background("-l debug");
    let notifications = |envoy: &Envoy| envoy.log().matches("notification: fd").count();
    envoy.push(&weights(0, 1)).unwrap();
    wait_for("a notification", || (notifications(&envoy) > 0).then_some(()));
    for _ in 0..20 {
        envoy.send_to("/v1/models", &Request::from_user("ada")).unwrap();
    }
    let all_requests = || envoy.log().matches("GET /v1/models 200").count() == 20;
    wait_for("the access log", || all_requests().then_some(()));
    let (found, lines) = (notifications(&envoy), envoy.log().lines().count());
    // It would survive its shell.
    drop(envoy.close_shell());
    // The file's creation, its changes and the rename, of each of the watches.
    assert!(found < 100 && lines > 200, "{found} notifications in {lines} lines");
}

#[test]
fn metrics_have_labels_in_prometheus() {
    let envoy = envoy_after_four_requests();
    let scrape = envoy.admin("/stats/prometheus");
    let expected = [
        r#"verdigris_requests{rollout="assistant-v8",version="blue"} 3"#,
        r#"verdigris_requests{rollout="assistant-v8",version="green"} 1"#,
        r#"verdigris_decisions_weight{rollout="assistant-v8",version="green"} 1"#,
        r#"verdigris_decisions_pinned{rollout="assistant-v8",version="blue"} 1"#,
        r#"verdigris_decisions_forced{rollout="assistant-v8",version="blue"} 1"#,
        r#"verdigris_decisions_no_unit{rollout="assistant-v8",version="blue"} 1"#,
        r#"verdigris_green_bp{rollout="assistant-v8"} 10000"#,
        r#"verdigris_phase{rollout="assistant-v8"} 5"#,
        r#"verdigris_step{rollout="assistant-v8"} 0"#,
        r#"verdigris_overdue{rollout="assistant-v8"} 0"#,
        "# TYPE verdigris_requests counter",
        "# TYPE verdigris_green_bp gauge",
    ];
    for line in expected {
        assert!(scrape.lines().any(|found| found == line), "{line} is not in\n{scrape}");
    }
}

/// The shipped bootstrap sets the bounds.
#[test]
fn histograms_have_the_buckets_of_the_semantic_conventions_in_prometheus() {
    let config = config(json!({"answers": {}, "weights": {"blue": 0, "green": 1}}));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter_yaml(&config)),
        // The interval at which Envoy merges histograms of its threads; by default 5 s.
        edit_bootstrap: &|bootstrap, _| format!("{bootstrap}\nstats_flush_interval: 0.5s\n"),
        ..Setup::default()
    });
    let request = Request::from_user("ada").header(REPLAY_HEADER, "chat-stream");
    envoy.send_to("/v1/chat/completions", &request).unwrap().bytes().unwrap();
    let green_bucket = |metric: &str, bound: &str| {
        format!(
            r#"verdigris_{metric}_bucket{{rollout="assistant-v8",version="green",le="{bound}"}}"#
        )
    };
    let scrape = wait_for("the histograms", || {
        let scrape = envoy.admin("/stats/prometheus");
        scrape.contains(&format!("{} 1", green_bucket("answer_tokens", "+Inf"))).then_some(scrape)
    });
    let recorded: [(&str, &[&str]); 4] = [
        ("ttft_ms", &["1", "250", "60000", "+Inf"]),
        ("duration_ms", &["10", "640", "81920", "+Inf"]),
        ("answer_tokens", &["1", "64", "67108864", "+Inf"]),
        ("tokens_per_second", &["1", "100", "1600", "+Inf"]),
    ];
    for (metric, bounds) in recorded {
        for bound in bounds {
            let bucket = green_bucket(metric, bound);
            assert!(scrape.contains(&bucket), "{bucket} is not in\n{scrape}");
        }
    }
}

/// Envoy refuses requests over its limits.
#[test]
fn after_requests_over_envoys_limits_later_requests_are_assigned() {
    let mut envoy = envoy_after_four_requests();
    assert_eq!(envoy.send(&Request::from_user(vec![b'x'; 70_000])).status, 431);
    let many = (0..120)
        .fold(Request::from_user("ada"), |request, n| request.header(&format!("x-{n}"), "1"));
    assert_eq!(envoy.send(&many).status, 431);
    let repeated =
        (0..90).fold(Request::from_user("ada"), |request, _| request.header("x-user-id", "bo"));
    assert_eq!(envoy.send(&repeated).version, "green");
    assert_eq!(envoy.send(&Request::from_user("ada")).version, "green");
}
