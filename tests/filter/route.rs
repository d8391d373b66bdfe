//! The filter that only routes, `verdigris-route.wasm`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::artifacts::{filter_wasm, route_wasm};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::host::{Process, Stream, Vm};
use crate::proxy::{Proxy as _, Request, config, counter, weights};

const ROOT: u32 = 1;

/// A configuration with all that decides about a version without a body.
fn everything() -> Value {
    config(json!({
        "weights": {"blue": 70, "green": 30},
        "unit": [{"header": "x-user-id"}, {"cookie": "uid"}],
        "pins": {"green": ["user-3"]},
        "force_header": "x-force",
        "conversation": {"id": {"header": "x-conversation"}, "marker": []},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {"headers": {"set": {"x-a": "b"}}}},
        },
    }))
}

fn requests() -> Vec<Vec<(String, Vec<u8>)>> {
    let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
    let of_user = |user: u32| {
        let mut headers = vec![
            header(":method", "POST".into()),
            header(":path", "/v1/chat/completions".into()),
            header("x-verdigris-cluster", "llm-blue".into()),
        ];
        match user % 4 {
            0 => headers.push(header("cookie", format!("a=b; uid=user-{user}"))),
            1 => headers.push(header("x-conversation", format!("conversation-{}", user / 8))),
            2 if user % 8 == 2 => headers.push(header("x-force", "green".into())),
            _ => {}
        }
        if !user.is_multiple_of(4) {
            headers.push(header("x-user-id", format!("user-{user}")));
        }
        headers
    };
    (0..200).map(of_user).collect()
}

/// What a filter makes of requests: their headers and filter state, and the counters.
fn route_all(wasm: &[u8]) -> (Vec<Stream>, BTreeMap<String, u64>) {
    let process = Process::default();
    let mut vm = Vm::start(wasm, &process);
    vm.configure(ROOT, everything().to_string().as_bytes()).unwrap();
    let streams = requests().into_iter().zip(10..).map(|(headers, context)| {
        let stream = vm.request_headers(context, ROOT, Stream { headers, ..Stream::default() });
        vm.end(context);
        stream
    });
    let streams = streams.collect();
    (streams, process.stats.lock().unwrap().clone())
}

#[test]
fn both_builds_route_and_count_alike() {
    let [full, route] = [filter_wasm(), route_wasm()].map(|it| std::fs::read(it).unwrap());
    let (expected, expected_stats) = route_all(&full);
    let (routed, stats) = route_all(&route);
    for (expected, routed) in expected.iter().zip(&routed) {
        assert_eq!(routed.headers, expected.headers);
        assert_eq!(routed.filter_state, expected.filter_state, "{:?}", routed.headers);
    }
    assert_eq!(stats, expected_stats);
    let greens = stats[&counter("green", "requests").replace("wasmcustom.", "")];
    assert!((20..180).contains(&greens), "{greens} of 200 requests went to green");
}

#[test]
fn what_needs_a_response_is_refused_and_the_configuration_in_force_stays() {
    let wasm = std::fs::read(route_wasm()).unwrap();
    let mut vm = Vm::start(&wasm, &Process::default());
    vm.configure(ROOT, everything().to_string().as_bytes()).unwrap();
    let answers = config(json!({"weights": {"blue": 1, "green": 1}, "answers": {}}));
    vm.configure(ROOT + 1, answers.to_string().as_bytes()).unwrap_err();
    let fix = "answers: set: verdigris-route.wasm does not see responses: load verdigris.wasm, or \
               remove this";
    assert!(vm.log_text().contains(fix), "{}", vm.log_text());
}

/// With bodies and answers, which pass this build unseen.
mod envoy {
    use super::*;

    #[test]
    fn requests_are_routed_counted_and_answered() {
        let filter = filter_yaml(&weights(0, 1));
        let mut envoy = Envoy::start_with(&Setup {
            filter: Some(&filter),
            wasm: route_wasm(),
            ..Setup::default()
        });
        let chat = r#"{"model":"m","messages":[]}"#;
        for _ in 0..5 {
            let request = Request::from_user("ada").post("/v1/chat/completions", chat);
            let answer = envoy.send(&request);
            assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-green"));
        }
        envoy.wait_for_stats(&[(counter("green", "requests"), 5)]);

        // A configuration that it cannot run is refused, and this one stays in force.
        let refused = filter_yaml(&config(json!({"ramp": {}})));
        envoy.write_filter(&refused).unwrap_err();
        assert_eq!(envoy.send(&Request::from_user("ada")).cluster, "llm-green");
    }
}
