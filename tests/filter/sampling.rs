//! What sampling costs, and what becomes of samples when a configuration ends. On the host emulator.

use serde_json::{Value, json};

use crate::host::{Host, Stream};
use crate::outcomes::response;
use crate::proxy::{Proxy as _, Request, config};
use crate::ramp_vms::{ROOT, RampVms, SECOND_ROOT};

fn with_judge(sample: f64) -> Value {
    config(json!({
        "weights": {"blue": 1, "green": 1},
        "judge": {"cluster": "judge", "model": "judge-model", "sample": sample},
    }))
}

/// The host calls of a request with a body, in their order.
fn calls(config: &Value) -> Vec<&'static str> {
    let mut host = Host::start(config);
    let body = json!({"messages": [{"role": "user", "content": "Hi"}]}).to_string();
    let request = Request::from_user("ada").header("x-request-id", "7f1c2b6e-0001");
    let request = request.post("/v1/chat/completions", body);
    // The first requests may define metrics.
    host.send(&Request::from_user("ada"));
    host.send(&Request::from_user("ada"));
    host.calls_of(&request)
}

#[test]
fn a_request_that_is_not_sampled_costs_no_host_call() {
    let without = config(json!({"weights": {"blue": 1, "green": 1}, "answers": {}}));
    let without = calls(&without);
    assert_eq!(calls(&with_judge(0.01)), without);
    // Of one that is sampled, each piece of the body is read, and one more counter counts.
    const READ: &str = "proxy_get_buffer_bytes";
    let mut sampled = calls(&with_judge(100.0));
    let pieces = sampled.iter().filter(|it| **it == READ).count();
    assert!(pieces > 0 && !without.contains(&READ), "{sampled:?}");
    sampled.retain(|it| *it != READ);
    let counted = sampled.iter().position(|it| *it == "proxy_increment_metric").unwrap();
    sampled.remove(counted);
    let mut without = without;
    sampled.sort_unstable();
    without.sort_unstable();
    assert_eq!(sampled, without);
}

/// A release whose requests are all judged and exported.
fn sampled(judge: &str) -> Value {
    config(json!({
        "weights": {"blue": 1, "green": 1},
        "judge": {"cluster": judge, "model": "judge-model", "sample": 100},
        "samples": {"cluster": "receiver", "sample": 100},
    }))
}

/// A VM with a request that waits for the judge and for the receiver.
fn vms_with_a_sample() -> RampVms {
    let mut vms = RampVms::start_with(1, &sampled("judge"));
    let body = json!({"messages": [{"role": "user", "content": "Hi"}]}).to_string();
    let length = body.len().to_string();
    let headers = [
        ("x-user-id", "ada"),
        ("x-request-id", "7f1c2b6e-0001"),
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    let answer = json!({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]});
    let stream = Stream {
        body: Some(body.into_bytes()),
        response: response("200", "application/json", &[&answer.to_string()]),
        ..Stream::request("POST", "/v1/chat/completions", &headers)
    };
    vms.vms[0].callouts().clusters = ["judge", "other", "receiver"].map(str::to_owned).to_vec();
    vms.vms[0].run_stream(10, ROOT, stream);
    vms
}

/// The sums of a counter of both versions.
fn of_both(vms: &RampVms, name: &str) -> u64 {
    ["blue", "green"].map(|version| vms.stat(&format!("{version}.{name}"))).iter().sum()
}

/// The next configuration of the same name may have another judge.
#[test]
fn samples_do_not_outlive_their_rollout() {
    const THIRD_ROOT: u32 = 9;
    for left in [
        json!({"rollout": "assistant-v9", "weights": {"blue": 1, "green": 1}}),
        // The shadow's listener has a configuration of its own, which is removed later.
        json!({"role": "shadow"}),
    ] {
        let mut vms = vms_with_a_sample();
        vms.configure(0, SECOND_ROOT, &config(left));
        vms.vms[0].end(ROOT);
        assert_eq!(of_both(&vms, "unjudged_dropped"), 1, "{}", vms.log());
        assert_eq!(of_both(&vms, "samples_dropped"), 1);
        vms.configure(0, THIRD_ROOT, &sampled("other"));
        vms.vms[0].tick(THIRD_ROOT);
        assert!(vms.vms[0].callouts().open.is_empty());
    }
}

/// What waits is that of the rollout's next configuration.
#[test]
fn samples_outlive_a_reload() {
    let mut vms = vms_with_a_sample();
    vms.configure(0, SECOND_ROOT, &sampled("judge"));
    vms.vms[0].end(ROOT);
    assert_eq!(of_both(&vms, "unjudged_dropped") + of_both(&vms, "samples_dropped"), 0);
    vms.vms[0].tick(SECOND_ROOT);
    assert_eq!(vms.vms[0].callouts().open.len(), 2);
}

/// The judge and the receiver have not failed.
#[test]
fn what_a_reload_cancels_is_dropped_and_not_failed() {
    let mut vms = vms_with_a_sample();
    vms.tick(0);
    assert_eq!(vms.vms[0].callouts().open.len(), 2, "{}", vms.log());
    vms.configure(0, SECOND_ROOT, &sampled("judge"));
    vms.vms[0].end(ROOT);
    let expected = [
        ("unjudged_dropped", 1),
        ("samples_dropped", 1),
        ("judge_errors", 0),
        ("judge_errors_unreachable", 0),
        ("samples_failed", 0),
    ];
    for (name, count) in expected {
        assert_eq!(of_both(&vms, name), count, "{name}");
    }
}
