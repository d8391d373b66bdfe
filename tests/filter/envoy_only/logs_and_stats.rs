//! What an operator reads: the access log, `/stats`, Prometheus.

use serde_json::json;

use crate::envoy::process::wait_for;
use crate::envoy::upstream::REPLAY;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, config};

fn busy_envoy() -> Envoy {
    let mut envoy = Envoy::start(&config(json!({
        "weights": {"blue": 0, "green": 1},
        "pins": {"blue": ["tia"]},
        "force_header": "x-force",
    })));
    envoy.send(&Request::of("ada"));
    envoy.send(&Request::of("tia"));
    envoy.send(&Request::anonymous());
    envoy.send(&Request::of("ada").header("x-force", "blue"));
    envoy
}

#[test]
fn the_access_log_names_version_reason_and_cluster() {
    let envoy = busy_envoy();
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

#[test]
fn prometheus_sees_metrics_with_labels() {
    let envoy = busy_envoy();
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

/// The bounds are those of the shipped bootstrap.
#[test]
fn prometheus_sees_histograms_with_the_conventions_buckets() {
    let config = config(json!({"answers": {}, "weights": {"blue": 0, "green": 1}}));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter_yaml(&config)),
        // Envoy gathers histograms from its threads so often: every 5 seconds by default.
        change: &|bootstrap, _| format!("{bootstrap}\nstats_flush_interval: 0.5s\n"),
        ..Setup::default()
    });
    let request = Request::of("ada").header(REPLAY, "chat-stream");
    envoy.get("/v1/chat/completions", &request).unwrap().bytes().unwrap();
    let of_green = |metric: &str, bound: &str| {
        format!(
            r#"verdigris_{metric}_bucket{{rollout="assistant-v8",version="green",le="{bound}"}}"#
        )
    };
    let scrape = wait_for("the histograms", || {
        let scrape = envoy.admin("/stats/prometheus");
        scrape.contains(&format!("{} 1", of_green("answer_tokens", "+Inf"))).then_some(scrape)
    });
    let recorded: [(&str, &[&str]); 4] = [
        ("ttft_ms", &["1", "250", "60000", "+Inf"]),
        ("duration_ms", &["10", "640", "81920", "+Inf"]),
        ("answer_tokens", &["1", "64", "67108864", "+Inf"]),
        ("tokens_per_second", &["1", "100", "1600", "+Inf"]),
    ];
    for (metric, bounds) in recorded {
        for bound in bounds {
            let bucket = of_green(metric, bound);
            assert!(scrape.contains(&bucket), "{bucket} is not in\n{scrape}");
        }
    }
}

/// Envoy itself refuses what is over its limits; the filter must not mind.
#[test]
fn a_request_over_envoys_limits_harms_nothing_later() {
    let mut envoy = busy_envoy();
    assert_eq!(envoy.send(&Request::of(vec![b'x'; 70_000])).status, 431);
    let many =
        (0..120).fold(Request::of("ada"), |request, n| request.header(&format!("x-{n}"), "1"));
    assert_eq!(envoy.send(&many).status, 431);
    let repeated = (0..90).fold(Request::of("ada"), |request, _| request.header("x-user-id", "bo"));
    assert_eq!(envoy.send(&repeated).version, "green");
    assert_eq!(envoy.send(&Request::of("ada")).version, "green");
}
