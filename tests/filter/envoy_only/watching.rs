//! The shipped alerts and dashboard, asked of a Prometheus that scrapes Envoys in which
//! what they are for does happen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::prometheus::Prometheus;
use crate::envoy::upstream::{Failure, Model, REPLAY};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{ROLLOUT, Request, config, weights};

const GOOD: Model = Model {
    fails_one_in: 0,
    failure: Failure::Status(500),
    refuses_one_in: 0,
    first_ms: 2,
    tokens: 50,
};

/// Every alert holds for a moment when what it is for has happened, and every panel
/// shows something.
#[test]
fn every_alert_and_every_panel_answers_of_a_live_run() {
    let envoy = start(Some(&by_hand(ROLLOUT)));
    let bare = start(None);
    let prometheus = Prometheus::of(&[&envoy, &bare]);
    prometheus.wait_for("verdigris_green_bp == 5000");
    envoy.upstreams[0].set_model(GOOD);
    let green = Model { fails_one_in: 5, refuses_one_in: 4, ..GOOD };
    envoy.upstreams[1].set_model(green);
    let dashboard = std::fs::read(artifacts::shipped("grafana/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&dashboard).unwrap();

    under_load(&envoy, || {
        envoy.write_filter(&filter_yaml(&weights(0, 0))).unwrap_err();
        lose_a_vm(&envoy);
        ask_panels(&prometheus, &dashboard);
        prometheus.wait_for("job_rollout_version:verdigris_unread:increase15m >= 20");
        prometheus.wait_for(r#"ALERTS{alertname="VerdigrisGreenErrors"}"#);
    });
    let gates = json!([{"metric": "error_rate"}]);
    let times = json!({"bake": "100ms", "timeout": "100ms", "tripwires": [], "gates": gates});
    envoy.write_filter(&ramp(ROLLOUT, &times)).unwrap();
    prometheus.wait_for("verdigris_overdue == 1");
    envoy.upstreams[1].set_model(Model { fails_one_in: 1, ..GOOD });
    envoy.write_filter(&ramp(ROLLOUT, &json!({"restart": "2"}))).unwrap();
    under_load(&envoy, || prometheus.wait_for("verdigris_phase == 4"));
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    for expr in annotations.iter().map(|it| it["expr"].as_str().unwrap()) {
        prometheus.wait_for(&with_values(expr));
    }
    let lost = json!({"started": "2020-01-01T00:00:00Z"});
    envoy.write_filter(&ramp("assistant-v9", &lost)).unwrap();
    prometheus.wait_for(r#"verdigris_phase{rollout="assistant-v9"} == 2"#);
    envoy.write_filter(&by_hand("assistant-v10")).unwrap();
    prometheus.wait_for(r#"verdigris_requests{rollout="assistant-v10"}"#);
    for _ in 0..60 {
        envoy.get("/", &Request::anonymous()).unwrap();
    }
    prometheus.wait_for(r#"ALERTS{alertname="VerdigrisVersionWithoutTraffic"}"#);
    drop(envoy);
    prometheus.wait_for("up == 0");

    for alert in prometheus.active() {
        let text = alert["annotations"].to_string();
        assert!(!text.contains("<error") && !text.contains("<no value>"), "{text}");
    }
    let alerts = prometheus.alerts();
    assert!(alerts.len() >= 12);
    for alert in alerts {
        let (name, expr) = (alert["name"].as_str().unwrap(), alert["query"].as_str().unwrap());
        // Whether it ever held: some things are over by now, as that there was no data
        // before the first scrape.
        let ever = format!("present_over_time(({expr})[10m:1s])");
        wait_for(name, || (!prometheus.ask(&ever).unwrap().is_empty()).then_some(()));
    }
}

/// An Envoy whose filter can be made to trap, and whose histograms do not lag.
fn start(filter: Option<&str>) -> Envoy {
    Envoy::start_with(&Setup {
        filter,
        wasm: artifacts::trapping_wasm(),
        change: &|bootstrap, _| format!("{bootstrap}\nstats_flush_interval: 1s\n"),
        ..Setup::default()
    })
}

fn by_hand(rollout: &str) -> String {
    filter_yaml(&config(json!({
        "rollout": rollout,
        "weights": {"blue": 1, "green": 1},
        "answers": {},
        "prices": {"*": {"input": 1, "output": 10}},
        "feedback": {"path": "/feedback", "thumb": "/thumb", "score": "/score"},
    })))
}

fn ramp(rollout: &str, differs: &Value) -> String {
    let mut ramp = json!({"steps": [50, 100]});
    ramp.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    filter_yaml(&config(json!({"rollout": rollout, "ramp": ramp})))
}

fn lose_a_vm(envoy: &Envoy) {
    wait_for("a VM to be lost and made anew", || {
        let trap = Request::of("ada").header("x-verdigris-trap", "1");
        let _ = envoy.get("/", &trap);
        (envoy.read_stat("wasm.verdigris.vm_reload_success") > Some(0)).then_some(())
    });
}

/// Users ask until `work` is done: for answers of the model, streams, what is compressed,
/// and what they then give up.
fn under_load(envoy: &Envoy, work: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    let ask = || {
        for user in 0.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let of = || Request::of(format!("user-{user}"));
            // When a VM is lost, so are requests.
            let _ = envoy.get("/model/completions", &of()).and_then(|it| it.bytes());
            let stream = of().header(REPLAY, "anthropic-stream");
            let _ = envoy.get("/v1/messages", &stream).and_then(|it| it.bytes());
            let encoded = of().header(REPLAY, "chat-plain").header("accept-encoding", "gzip");
            let _ = envoy.get("/v1/chat/completions", &encoded).and_then(|it| it.bytes());
            let vote = json!({"thumb": user % 3 > 0, "score": 0.5}).to_string();
            let _ = envoy.get("/feedback", &of().post("/feedback", vote));
            let _ = envoy.get("/hold", &of());
        }
    };
    thread::scope(|scope| {
        scope.spawn(ask);
        // Users stop also where the work fails.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_over.store(true, Ordering::Relaxed);
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
}

fn ask_panels(prometheus: &Prometheus, dashboard: &Value) {
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = 0;
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expr = with_values(target["expr"].as_str().unwrap());
            asked += 1;
            prometheus.wait_for(&expr);
        }
    }
    assert!(asked > 50, "{asked}");
}

/// A query of the dashboard with values for its variables.
fn with_values(expr: &str) -> String {
    let expr =
        expr.replace("$job", "envoy").replace("$rollout", ROLLOUT).replace("$interval", "1m");
    assert!(!expr.contains('$'), "{expr}");
    expr
}
