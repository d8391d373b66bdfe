//! What sampling costs, on the host emulator.

use serde_json::{Value, json};

use crate::host::Host;
use crate::proxy::{Proxy as _, Request, config};

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
