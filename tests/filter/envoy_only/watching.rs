//! The shipped alerts and dashboard, evaluated by a Prometheus that scrapes Envoy processes in
//! which every event occurs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::ramp_fixture::{GOOD_MODEL, set_models};
use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::prometheus::Prometheus;
use crate::envoy::upstream::{Model, ModelFailure, REPLAY_HEADER};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, ROLLOUT, Request, config, set_fields, weights};

#[test]
fn every_alert_fires_and_every_panel_has_data_after_its_event() {
    let envoy = start_with_trap_build(Some(&weights_yaml(ROLLOUT)));
    let envoy_without_release = start_with_trap_build(None);
    let prometheus = Prometheus::scraping(&[&envoy, &envoy_without_release]);
    prometheus.wait_for("verdigris_green_bp == 5000");
    envoy.upstreams[0].set_model(GOOD_MODEL);
    let green = Model { fails_one_in: 5, refuses_one_in: 4, ..GOOD_MODEL };
    envoy.upstreams[1].set_model(green);
    let dashboard = dashboard();

    under_load(&envoy, || {
        envoy.write_filter(&filter_yaml(&weights(0, 0))).unwrap_err();
        lose_a_vm(&envoy);
        query_panels(&prometheus, &dashboard, |title| !is_of_evidence(title));
        prometheus.wait_for("job_rollout_version:verdigris_unread:increase15m >= 20");
        prometheus.wait_for("job_instance_rollout:verdigris_samples_lost:increase15m >= 20");
        prometheus.wait_for(r#"ALERTS{alertname="VerdigrisGreenErrors"}"#);
    });
    let gates = json!([{"metric": "error_rate"}]);
    let times = json!({"bake": "100ms", "timeout": "100ms", "tripwires": [], "gates": gates});
    envoy.write_filter(&ramp_yaml(ROLLOUT, &times)).unwrap();
    prometheus.wait_for("verdigris_overdue == 1");
    envoy.upstreams[1].set_model(Model { fails_one_in: 1, ..GOOD_MODEL });
    envoy.write_filter(&ramp_yaml(ROLLOUT, &json!({"restart": "2"}))).unwrap();
    under_load(&envoy, || prometheus.wait_for("verdigris_phase == 4"));
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    for expr in annotations.iter().map(|annotation| annotation["expr"].as_str().unwrap()) {
        prometheus.wait_for(&replace_variables(expr));
    }
    let lost = json!({"started": "2020-01-01T00:00:00Z"});
    envoy.write_filter(&ramp_yaml("assistant-v9", &lost)).unwrap();
    prometheus.wait_for(r#"verdigris_phase{rollout="assistant-v9"} == 2"#);
    let fleet = json!({"store": "etcd", "cluster": "no-such-cluster"});
    let without_store =
        config(json!({"rollout": "assistant-fleet", "ramp": {"steps": [50, 100]}, "fleet": fleet}));
    envoy.write_filter(&filter_yaml(&without_store)).unwrap();
    prometheus.wait_for("verdigris_store_away == 1");
    envoy.write_filter(&weights_yaml("assistant-v10")).unwrap();
    prometheus.wait_for(r#"verdigris_requests{rollout="assistant-v10"}"#);
    for _ in 0..60 {
        envoy.send_to("/", &Request::anonymous()).unwrap();
    }
    prometheus.wait_for(r#"ALERTS{alertname="VerdigrisVersionWithoutTraffic"}"#);
    drop(envoy);
    prometheus.wait_for("up == 0");

    for alert in prometheus.active_alerts() {
        let text = alert["annotations"].to_string();
        assert!(!text.contains("<error") && !text.contains("<no value>"), "{text}");
        let labels = &alert["labels"];
        let has_envoy = labels["instance"].is_string() || labels["alertname"] == "VerdigrisNoData";
        assert!(has_envoy, "{alert}");
    }
    let alerts = prometheus.alert_rules();
    assert!(alerts.len() >= 15);
    for alert in alerts {
        let (name, expr) = (alert["name"].as_str().unwrap(), alert["query"].as_str().unwrap());
        // Some conditions have ended by now, for example the absence of data before the first
        // scrape.
        let was_true = format!("present_over_time(({expr})[10m:1s])");
        wait_for(name, || (!prometheus.query(&was_true).unwrap().is_empty()).then_some(()));
    }
}

#[test]
fn every_evidence_panel_has_data_in_a_ramp() {
    let envoy = Envoy::start(&ramp_with_every_event());
    let prometheus = Prometheus::scraping(&[&envoy]);
    // The counters of the events that both models have while they fail in this way.
    let failures = [
        (ModelFailure::Status(500), ["errors", "refusals", "aborts"].as_slice()),
        (ModelFailure::Status(400), &["client_errors", "slow"]),
        (ModelFailure::Body(EMPTY), &["empty", "thumbs"]),
        (ModelFailure::Body(TRUNCATED), &["truncations", "thumbs_down"]),
    ];
    under_load(&envoy, || {
        for (failure, counters) in failures {
            let model = Model { fails_one_in: 2, failure, refuses_one_in: 3, ..GOOD_MODEL };
            set_models(&envoy, [model, model]);
            for counter in counters {
                prometheus.wait_for(&format!("verdigris_evidence_{counter}_s0"));
            }
        }
        query_panels(&prometheus, &dashboard(), is_of_evidence);
    });
    let above_one = targets(&dashboard(), |title| title.ends_with("event per unit"))
        .into_iter()
        .skip(1)
        .map(|expr| format!("({}) > 1", replace_variables(&expr)));
    for expr in above_one {
        assert_eq!(prometheus.query(&expr).unwrap(), [0.0; 0], "{expr}");
    }
}

const QUESTION: &str = r#"{"messages": [{"role": "user", "content": "Why?"}]}"#;

/// An answer without content.
const EMPTY: &str = r#"{"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}"#;
/// An answer that ended at the token limit.
const TRUNCATED: &str =
    r#"{"choices": [{"message": {"content": "Cop"}, "finish_reason": "length"}]}"#;

/// A ramp that stays in its first step, with a gate for each evidence counter.
fn ramp_with_every_event() -> Value {
    let metrics = [
        "error_rate",
        "client_error_rate",
        "empty_rate",
        "refusal_rate",
        "truncation_rate",
        "abort_rate",
        "thumbs_down_rate",
    ];
    let mut gates: Vec<Value> = metrics.iter().map(|metric| json!({"metric": metric})).collect();
    gates.push(json!({"metric": "slow_rate", "objective": "1ms"}));
    config(json!({
        "ramp": {
            "steps": [50, 100], "bake": "1h", "warmup": "0s", "tripwires": [], "gates": gates,
        },
        "feedback": {"path": "/feedback", "thumb": "/thumb", "score": "/score"},
    }))
}

/// Starts Envoy with the build that can trap, and with a short interval for histograms.
fn start_with_trap_build(filter: Option<&str>) -> Envoy {
    Envoy::start_with(&Setup {
        filter,
        wasm: artifacts::trapping_wasm(),
        edit_bootstrap: &|bootstrap, _| format!("{bootstrap}\nstats_flush_interval: 1s\n"),
        ..Setup::default()
    })
}

fn weights_yaml(rollout: &str) -> String {
    filter_yaml(&config(json!({
        "rollout": rollout,
        "weights": {"blue": 1, "green": 1},
        "answers": {},
        "prices": {"*": {"input": 1, "output": 10}},
        "feedback": {"path": "/feedback", "thumb": "/thumb", "score": "/score"},
        // It answers, but is no judge.
        "judge": {"cluster": "llm-next", "model": "judge", "sample": 100},
        // Each sample is lost.
        "samples": {"cluster": "no-such-cluster", "sample": 100},
    })))
}

fn ramp_yaml(rollout: &str, overrides: &Value) -> String {
    let mut ramp = json!({"steps": [50, 100]});
    set_fields(&mut ramp, overrides);
    filter_yaml(&config(json!({"rollout": rollout, "ramp": ramp})))
}

fn lose_a_vm(envoy: &Envoy) {
    wait_for("a VM to be lost and replaced", || {
        let trap = Request::from_user("ada").header("x-verdigris-trap", "1");
        let _ = envoy.send_to("/", &trap);
        (envoy.read_stat("wasm.verdigris.vm_reload_success") > Some(0)).then_some(())
    });
}

/// The header in which an answer has its receipt, and a vote sends it back.
const RECEIPT: &str = "x-verdigris-step";

/// Runs `work` while users send requests of all kinds: to the model, for a stream, for a
/// compressed answer, with feedback, and one that they abort.
fn under_load(envoy: &Envoy, work: impl FnOnce()) {
    let is_stopped = AtomicBool::new(false);
    let send_until_stopped = || {
        for user in 0.. {
            if is_stopped.load(Ordering::Relaxed) {
                break;
            }
            let request = || Request::from_user(format!("user-{user}"));
            // Requests fail while a VM is replaced.
            // Without a body, there is nothing to judge.
            let question = request().post("/model/completions", QUESTION);
            let answer = envoy.send_to("/model/completions", &question);
            let receipt = answer.as_ref().ok().and_then(|it| it.headers().get(RECEIPT).cloned());
            let _ = answer.and_then(|response| response.bytes());
            let stream = request().header(REPLAY_HEADER, "anthropic-stream");
            let _ = envoy.send_to("/v1/messages", &stream).and_then(|response| response.bytes());
            let compressed = request().header(REPLAY_HEADER, "chat-plain");
            let compressed = compressed.header("accept-encoding", "gzip");
            let _ = envoy
                .send_to("/v1/chat/completions", &compressed)
                .and_then(|response| response.bytes());
            let vote = json!({"thumb": user % 3 > 0, "score": 0.5}).to_string();
            let vote = request().post("/feedback", vote);
            let vote = receipt.iter().fold(vote, |it, receipt| it.header(RECEIPT, receipt));
            let _ = envoy.send_to("/feedback", &vote);
            let _ = envoy.send_to("/hold", &request());
        }
    };
    thread::scope(|scope| {
        scope.spawn(send_until_stopped);
        // The users must stop if `work` panics, because the scope waits for them.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_stopped.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
}

fn dashboard() -> Value {
    let text = std::fs::read(artifacts::shipped("grafana/dashboard.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Whether a panel needs a ramp whose gates have evidence.
fn is_of_evidence(title: &str) -> bool {
    title.starts_with("Evidence: ")
}

/// The queries of the panels whose titles `is_chosen` accepts.
fn targets(dashboard: &Value, is_chosen: impl Fn(&str) -> bool) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let chosen = panels.iter().filter(|panel| is_chosen(panel["title"].as_str().unwrap()));
    let targets = chosen.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// Waits until each query of the chosen panels has a value.
fn query_panels(prometheus: &Prometheus, dashboard: &Value, is_chosen: impl Fn(&str) -> bool) {
    let queries = targets(dashboard, is_chosen);
    assert!(queries.len() >= 10, "{queries:?}");
    for expr in queries {
        prometheus.wait_for(&replace_variables(&expr));
    }
}

/// Replaces the dashboard's variables in a query.
fn replace_variables(expr: &str) -> String {
    let expr = expr
        .replace("$job", "envoy")
        .replace("$rollout", ROLLOUT)
        .replace("$instance", ".*")
        .replace("$__rate_interval", "1m");
    // `$1` is a group of a regular expression.
    assert!(!expr.replace("\"$1\"", "").contains('$'), "{expr}");
    expr
}
