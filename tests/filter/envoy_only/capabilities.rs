//! An Envoy whose `capability_restriction_config` leaves host calls out: Envoy answers each with a
//! status that the SDK's own calls panic on.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wasmi::{Engine, Module};

use crate::artifacts;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::patching::{CHAT, json_post};
use crate::proxy::{Answer, Proxy as _, Request, config, counter};

/// A configuration that makes use of nearly every host call.
fn everything() -> Value {
    config(json!({
        "ramp": {"steps": [50, 100], "bake": "1s", "warmup": "500ms"},
        "answers": {},
        "feedback": {"path": "/feedback", "thumb": "/thumb"},
        "conversation": {"id": {"header": "x-conversation-id"}},
    }))
}

/// What the module imports and exports, which is all that a restriction can leave out.
fn capabilities() -> BTreeSet<String> {
    let wasm = std::fs::read(artifacts::filter_wasm()).unwrap();
    let module = Module::new(&Engine::default(), wasm).unwrap();
    let imports = module.imports().map(|import| import.name().to_owned());
    let exports = module.exports().map(|export| export.name().to_owned());
    imports.chain(exports).collect()
}

/// Envoy with a filter that is not allowed these calls.
pub fn envoy_without(left_out: &[&str], config: &Value) -> Envoy {
    let all = capabilities();
    for call in left_out {
        assert!(all.contains(*call), "{call} is no capability of the module");
    }
    let allowed = all.iter().filter(|name| !left_out.contains(&name.as_str()));
    let allowed: Value = allowed.map(|name| (name.clone(), json!({}))).collect();
    let restriction = json!({"allowed_capabilities": allowed});
    let end = "      configuration:\n";
    let restricted = format!("      capability_restriction_config: {restriction}\n{end}");
    let filter = filter_yaml(config).replace(end, &restricted);
    assert!(filter.contains("allowed_capabilities"));
    Envoy::start_with(&Setup { filter: Some(&filter), workers: 1, ..Setup::default() })
}

/// Sends requests of every kind. Each must be answered by the upstream.
fn send_requests(envoy: &mut Envoy, left_out: &[&str]) {
    let chat = r#"{"model":"m","messages":[]}"#;
    let requests = [
        Request::anonymous(),
        Request::from_user("ada"),
        Request::from_user("ada").post("/v1/chat/completions", chat),
        Request::from_user("ada")
            .header("x-conversation-id", "c-1")
            .post("/v1/chat/completions", chat),
    ];
    for _ in 0..3 {
        for request in &requests {
            assert_eq!(envoy.send(request).status, 200, "without {left_out:?}:\n{}", envoy.log());
        }
    }
    let vote = Request::from_user("ada").post("/feedback", r#"{"thumb":"up"}"#);
    let Answer { status, text, .. } = envoy.send(&vote);
    // Without shared data, a vote has no unit for which it could count.
    let is_uncounted = status == 503 && left_out.contains(&"proxy_get_shared_data");
    let is_known = [200, 204, 400].contains(&status)
        || (is_uncounted && text.contains("cannot count feedback yet"));
    assert!(is_known, "{status} without {left_out:?}:\n{}", envoy.log());
    let refused = "extension_config_discovery.http_filter.verdigris.update_rejected";
    assert_eq!(envoy.read_stat(refused), Some(0), "the filter runs without {left_out:?}");
    assert_eq!(envoy.read_stat("wasm.verdigris.vm_reload_success").unwrap_or_default(), 0);
    let log = envoy.log();
    for trap in ["panicked", "Uncaught RuntimeError", "wasm error"] {
        assert!(!log.contains(trap), "without {left_out:?}:\n{log}");
    }
}

#[test]
fn no_call_that_a_restriction_leaves_out_traps_the_vm() {
    let groups: [&[&str]; 5] = [
        &["proxy_get_header_map_value", "proxy_get_header_map_pairs", "proxy_get_property"],
        &[
            "proxy_replace_header_map_value",
            "proxy_add_header_map_value",
            "proxy_set_property",
            "proxy_send_local_response",
        ],
        &[
            "proxy_get_shared_data",
            "proxy_set_shared_data",
            "proxy_register_shared_queue",
            "proxy_enqueue_shared_queue",
            "proxy_dequeue_shared_queue",
        ],
        &[
            "proxy_log",
            "proxy_get_log_level",
            "proxy_set_tick_period_milliseconds",
            "proxy_get_current_time_nanoseconds",
            "clock_time_get",
            "environ_sizes_get",
            "environ_get",
        ],
        &["proxy_define_metric", "proxy_increment_metric", "proxy_record_metric"],
    ];
    for left_out in groups {
        let mut envoy = envoy_without(left_out, &everything());
        send_requests(&mut envoy, left_out);
    }
}

#[test]
fn requests_are_assigned_and_the_log_warns_where_metrics_are_left_out() {
    let config = config(json!({"weights": {"blue": 0, "green": 1}}));
    let left_out = ["proxy_define_metric", "proxy_increment_metric", "proxy_record_metric"];
    let mut envoy = envoy_without(&left_out, &config);
    let answer = envoy.send(&Request::from_user("ada"));
    assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-green"));
    let log = envoy.log();
    let warning = "verdigris.assistant-v8.green.requests is not counted: the host answered";
    assert!(log.contains(warning), "{log}");
}

/// A patch is applied as a whole or not at all. `hostcalls.rs` has all combinations.
#[test]
fn blue_gets_a_request_unchanged_whose_patch_is_not_allowed() {
    let body = r#"{"model":"now","messages":[]}"#;
    let calls = [
        "proxy_replace_header_map_value",
        "proxy_remove_header_map_value",
        "proxy_set_buffer_bytes",
    ];
    let mut release = config(json!({"weights": {"blue": 0, "green": 1}}));
    release["versions"]["green"]["request"] = json!({
        "headers": {"set": {"x-team": "copper"}, "remove": ["authorization"]},
        "model": "next",
    });
    for call in calls {
        let mut envoy = envoy_without(&[call], &release);
        let answer = envoy.send(&json_post(CHAT, body).header("authorization", "key"));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"), "{call}");
        assert_eq!(String::from_utf8_lossy(&answer.body), body, "{call}");
        assert_eq!(answer.forwarded("authorization"), [b"key"], "{call}");
        assert_eq!(answer.forwarded("x-team"), [] as [&[u8]; 0], "{call}");
        envoy.await_stat(&counter("blue", "decisions_unpatchable"), 1);
        assert!(envoy.log().contains("not patched: the host answered"), "{call}");
    }
}
