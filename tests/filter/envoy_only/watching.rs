//! The shipped alerts and dashboard, evaluated by a Prometheus that scrapes Envoy processes in
//! which every event occurs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::ramp_fixture::GOOD_MODEL;
use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::prometheus::Prometheus;
use crate::envoy::upstream::{Model, REPLAY_HEADER};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{ROLLOUT, Request, config, set_fields, weights};

#[test]
fn every_alert_fires_and_every_panel_has_data_after_its_event() {
    let envoy = start_with_trap_build(Some(&weights_yaml(ROLLOUT)));
    let envoy_without_release = start_with_trap_build(None);
    let prometheus = Prometheus::scraping(&[&envoy, &envoy_without_release]);
    prometheus.wait_for("verdigris_green_bp == 5000");
    envoy.upstreams[0].set_model(GOOD_MODEL);
    let green = Model { fails_one_in: 5, refuses_one_in: 4, ..GOOD_MODEL };
    envoy.upstreams[1].set_model(green);
    let dashboard = std::fs::read(artifacts::shipped("grafana/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&dashboard).unwrap();

    under_load(&envoy, || {
        envoy.write_filter(&filter_yaml(&weights(0, 0))).unwrap_err();
        lose_a_vm(&envoy);
        query_panels(&prometheus, &dashboard);
        prometheus.wait_for("job_rollout_version:verdigris_unread:increase15m >= 20");
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
    }
    let alerts = prometheus.alert_rules();
    assert!(alerts.len() >= 12);
    for alert in alerts {
        let (name, expr) = (alert["name"].as_str().unwrap(), alert["query"].as_str().unwrap());
        // Some conditions have ended by now, for example the absence of data before the first
        // scrape.
        let was_true = format!("present_over_time(({expr})[10m:1s])");
        wait_for(name, || (!prometheus.query(&was_true).unwrap().is_empty()).then_some(()));
    }
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
            let _ = envoy
                .send_to("/model/completions", &request())
                .and_then(|response| response.bytes());
            let stream = request().header(REPLAY_HEADER, "anthropic-stream");
            let _ = envoy.send_to("/v1/messages", &stream).and_then(|response| response.bytes());
            let compressed = request().header(REPLAY_HEADER, "chat-plain");
            let compressed = compressed.header("accept-encoding", "gzip");
            let _ = envoy
                .send_to("/v1/chat/completions", &compressed)
                .and_then(|response| response.bytes());
            let vote = json!({"thumb": user % 3 > 0, "score": 0.5}).to_string();
            let _ = envoy.send_to("/feedback", &request().post("/feedback", vote));
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

/// Waits until the query of each panel has a value.
fn query_panels(prometheus: &Prometheus, dashboard: &Value) {
    let panels = dashboard["panels"].as_array().unwrap();
    let mut queries = 0;
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expr = replace_variables(target["expr"].as_str().unwrap());
            queries += 1;
            prometheus.wait_for(&expr);
        }
    }
    assert!(queries > 50, "{queries}");
}

/// Replaces the dashboard's variables in a query.
fn replace_variables(expr: &str) -> String {
    let expr =
        expr.replace("$job", "envoy").replace("$rollout", ROLLOUT).replace("$interval", "1m");
    assert!(!expr.contains('$'), "{expr}");
    expr
}
