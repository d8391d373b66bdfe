//! What shadows tell, and that no client hears of them.

use std::thread;

use serde_json::{Value, json};

use crate::artifacts::recorded_answers;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::REPLAY;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, Request, config, counter};

fn shadowing(differs: Value) -> Value {
    let mut config = config(json!({"shadow": {"percent": 100}, "answers": {}}));
    config.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    config
}

#[test]
fn a_shadow_is_read_and_counted_as_an_answer_is() {
    let mut envoy = Envoy::start(&shadowing(json!({
        "prices": {"*": {"input": 2.0, "output": 8.0}},
    })));
    let answers = recorded_answers();
    for recorded in &answers {
        let request = Request::of("ada")
            .header("content-type", "application/json")
            .header(REPLAY, &recorded.name)
            .post(&recorded.path, "{}");
        let response = envoy.get(&recorded.path, &request).unwrap();
        assert_eq!(response.bytes().unwrap(), recorded.body, "{}", recorded.name);
    }
    let count = answers.len() as u64;
    let of = |version: &str, metric: &str| envoy.read_stat(&counter(version, metric));
    for version in ["blue", "shadow"] {
        wait_for("all answers", || {
            let counted = of(version, "answers")? + of(version, "unread")?;
            (counted == count && of(version, "responses_2xx")? == count).then_some(())
        });
    }
    // Blue and green have answered alike, and each was counted once.
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
    let of_blue = metrics.map(|it| (counter("shadow", it), of("blue", it).unwrap()));
    envoy.wait_for_stats(&of_blue);
    assert!(of("shadow", "tokens_output") > Some(0) && of("shadow", "cost_microusd") > Some(0));
    for metric in metrics {
        assert_eq!(of("green", metric), Some(0), "{metric}");
    }
    assert_eq!(of("shadow", "aborted"), Some(0));
    envoy.shadows(answers.len());
}

#[test]
fn a_green_that_stalls_or_is_gone_touches_no_client() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 12;
    let filter = filter_yaml(&shadowing(json!({})));
    let envoy = Envoy::start_with(&Setup { filter: Some(&filter), ..Setup::default() });
    let green = &envoy.upstreams[1];
    let ask = || {
        // As large as one may be that has a shadow, and as most are.
        let bodies = [format!(r#"{{"pad":"{}"}}"#, "x".repeat(999_000)), "{}".to_owned()];
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (envoy, bodies) = (&envoy, &bodies);
                scope.spawn(move || {
                    for number in 0..REQUESTS {
                        let request = Request::of(format!("user-{client}"))
                            .header("content-type", "application/json")
                            .post("/v1/chat/completions", &bodies[usize::from(number % 5 > 0)]);
                        let response = envoy.get(request.path(), &request).unwrap();
                        assert_eq!(response.status(), 200);
                        // It has come whole: the answer has its bytes.
                        let sent = request.body.as_ref().unwrap().len();
                        assert!(response.bytes().unwrap().len() > sent);
                    }
                });
            }
        });
    };
    let dropped = || envoy.read_stat("cluster.verdigris-shadow.upstream_rq_pending_overflow");
    green.set_stalled(true);
    ask();
    // More than green may keep open: the rest is not waited for.
    let open = envoy.read_stat(&counter("shadow", "requests")).unwrap();
    assert!(open > 0 && dropped() > Some(0), "{open} shadows, {:?} dropped", dropped());
    green.set_stalled(false);
    // Each of them comes to its end.
    wait_for("the shadows' answers", || {
        let ended = envoy.read_stat(&counter("shadow", "responses_2xx"))?;
        let requests = envoy.read_stat(&counter("shadow", "requests"))?;
        (ended == requests).then_some(())
    });
    let failed = || envoy.read_stat(&counter("shadow", "errors"));
    let failed_before = failed();
    green.stop();
    ask();
    wait_for("the shadows' failures", || (failed() > failed_before).then_some(()));
    let all = (2 * CLIENTS * REQUESTS) as u64;
    envoy.wait_for_stats(&[(counter("blue", "responses_2xx"), all)]);
    assert_eq!(envoy.read_stat(&counter("blue", "errors")), Some(0));
}
