//! Shadow requests in a real Envoy: their outcomes, and their independence of clients.

use std::thread;

use serde_json::{Value, json};
use verdigris::response::Format;
use verdigris::response::known_path::is_certain;

use crate::artifacts::recorded_answers;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::REPLAY_HEADER;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, config, counter, set_fields};

fn with_shadow(overrides: Value) -> Value {
    let mut config = config(json!({"shadow": {"percent": 100}, "answers": {}}));
    set_fields(&mut config, &overrides);
    config
}

#[test]
fn the_answer_to_a_shadow_is_read_and_counted_like_blues() {
    let mut envoy = Envoy::start(&with_shadow(json!({
        "prices": {"*": {"input": 2.0, "output": 8.0}},
    })));
    // Requests whose form is not known are not mirrored, nor are those for embeddings, and those at paths that
    // an application may have.
    let mut answers = recorded_answers();
    answers.retain(|it| {
        let path = it.path.as_bytes();
        Format::of_requests_at(path).is_some() && is_certain(path)
    });
    for recorded in &answers {
        let request = Request::from_user("ada")
            .header("content-type", "application/json")
            .header(REPLAY_HEADER, &recorded.name)
            .post(&recorded.path, "{}");
        let response = envoy.send_to(&recorded.path, &request).unwrap();
        assert_eq!(response.bytes().unwrap(), recorded.body, "{}", recorded.name);
    }
    let count = answers.len() as u64;
    let count_of = |version: &str, metric: &str| envoy.read_stat(&counter(version, metric));
    for version in ["blue", "shadow"] {
        // Some of them are no answers, such as embeddings.
        wait_for("all responses", || (count_of(version, "responses_2xx")? == count).then_some(()));
    }
    // Blue and green have given the same answers, so that the counters must be equal.
    let metrics = [
        "requests",
        "responses_2xx",
        "answers",
        "unread",
        "errors",
        "refusals",
        "truncations",
        "tokens_input",
        "tokens_output",
        "tokens_cached",
        "tokens_reasoning",
        "cost_microusd",
    ];
    let expected =
        metrics.map(|metric| (counter("shadow", metric), count_of("blue", metric).unwrap()));
    envoy.wait_for_stats(&expected);
    assert!(
        count_of("shadow", "tokens_output") > Some(0)
            && count_of("shadow", "cost_microusd") > Some(0)
    );
    for metric in metrics {
        assert_eq!(count_of("green", metric), Some(0), "{metric}");
    }
    assert_eq!(count_of("shadow", "aborted"), Some(0));
    envoy.shadows(answers.len());
}

#[test]
fn a_green_that_stalls_or_does_not_listen_affects_no_client() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 12;
    let filter = filter_yaml(&with_shadow(json!({})));
    let envoy = Envoy::start_with(&Setup { filter: Some(&filter), ..Setup::default() });
    let green = &envoy.upstreams[1];
    let send_all = || {
        // The largest body that is mirrored, and a small one.
        let bodies = [format!(r#"{{"pad":"{}"}}"#, "x".repeat(999_000)), "{}".to_owned()];
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (envoy, bodies) = (&envoy, &bodies);
                scope.spawn(move || {
                    for number in 0..REQUESTS {
                        let request = Request::from_user(format!("user-{client}"))
                            .header("content-type", "application/json")
                            .post("/v1/chat/completions", &bodies[usize::from(number % 5 > 0)]);
                        let response = envoy.send_to(request.path(), &request).unwrap();
                        assert_eq!(response.status(), 200);
                        // The answer contains the request body.
                        let body_size = request.body.as_ref().unwrap().len();
                        assert!(response.bytes().unwrap().len() > body_size);
                    }
                });
            }
        });
    };
    let dropped = || envoy.read_stat("cluster.verdigris-shadow.upstream_rq_pending_overflow");
    green.set_stalled(true);
    send_all();
    // Envoy drops shadows over the limit of green's open requests.
    let open = envoy.read_stat(&counter("shadow", "requests")).unwrap();
    assert!(open > 0 && dropped() > Some(0), "{open} shadows, {:?} dropped", dropped());
    green.set_stalled(false);
    // All open shadows end.
    wait_for("the shadows' answers", || {
        let ended = envoy.read_stat(&counter("shadow", "responses_2xx"))?;
        let requests = envoy.read_stat(&counter("shadow", "requests"))?;
        (ended == requests).then_some(())
    });
    let failed = || envoy.read_stat(&counter("shadow", "errors"));
    let failed_before = failed();
    green.stop();
    send_all();
    wait_for("the shadows' failures", || (failed() > failed_before).then_some(()));
    let all = (2 * CLIENTS * REQUESTS) as u64;
    envoy.wait_for_stats(&[(counter("blue", "responses_2xx"), all)]);
    assert_eq!(envoy.read_stat(&counter("blue", "errors")), Some(0));
}
