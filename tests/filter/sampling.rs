//! What sampling costs, and what becomes of samples when a configuration ends. On the host emulator.

use serde_json::{Value, json};

use crate::host::{Callout, Host, Stream};
use crate::outcomes::response;
use crate::proxy::{Proxy as _, Request, config, set_fields};
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
    // Of one that is sampled, each piece of the body is read, and two more counters count: the sample, and
    // that its answer has no text.
    const READ: &str = "proxy_get_buffer_bytes";
    let mut sampled = calls(&with_judge(100.0));
    let pieces = sampled.iter().filter(|it| **it == READ).count();
    assert!(pieces > 0 && !without.contains(&READ), "{sampled:?}");
    sampled.retain(|it| *it != READ);
    for _ in 0..2 {
        let counted = sampled.iter().position(|it| *it == "proxy_increment_metric").unwrap();
        sampled.remove(counted);
    }
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

/// A VM with a judge that gets all answers.
fn vms_with_judge(judge: Value, others: Value) -> RampVms {
    let mut all = json!({"cluster": "judge", "model": "judge-model", "sample": 100});
    set_fields(&mut all, &judge);
    let mut release = json!({"weights": {"blue": 1, "green": 1}, "judge": all});
    set_fields(&mut release, &others);
    let mut vms = RampVms::start_with(1, &config(release));
    vms.vms[0].callouts().clusters = ["judge", "receiver"].map(str::to_owned).to_vec();
    vms
}

/// Sends a request with this body, which is answered with this text.
fn ask(vms: &mut RampVms, id: usize, body: &Value, text: &str) {
    let body = body.to_string();
    let length = body.len().to_string();
    let id = format!("7f1c2b6e-{id}");
    let headers = [
        ("x-user-id", "ada"),
        ("x-request-id", &*id),
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    let answer = json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]});
    let stream = Stream {
        body: Some(body.into_bytes()),
        response: response("200", "application/json", &[&answer.to_string()]),
        ..Stream::request("POST", "/v1/chat/completions", &headers)
    };
    vms.vms[0].run_stream(10, ROOT, stream);
}

fn prompt(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

/// The bodies of the calls that are open, by their tokens.
fn open_calls(vms: &mut RampVms) -> Vec<(u32, String)> {
    let text = |call: &Callout| match call {
        Callout::Http { body, .. } => String::from_utf8(body.clone()).unwrap(),
        other => panic!("{other:?}"),
    };
    vms.vms[0].callouts().open.iter().map(|(token, call)| (*token, text(call))).collect()
}

/// Answers the one call that is open.
fn reply(vms: &mut RampVms, status: &str, body: &str) {
    let [(token, _)] = open_calls(vms)[..] else { panic!("one call: {}", vms.log()) };
    vms.vms[0].receive_http(ROOT, token, &[(":status", status)], body.as_bytes());
}

fn verdict(verdict: Value) -> String {
    let answer = json!({"message": {"content": verdict.to_string()}, "finish_reason": "stop"});
    json!({"choices": [answer], "usage": {"prompt_tokens": 1000, "completion_tokens": 1}})
        .to_string()
}

fn lines(vms: &RampVms, text: &str) -> usize {
    vms.log().matches(text).count()
}

/// Each second answer wrote a line, up to eight a second.
#[test]
fn a_judge_and_a_receiver_that_fail_now_and_then_are_logged_once_a_minute() {
    let mut vms = vms_with_judge(json!({}), json!({}));
    let judge = |vms: &mut RampVms, score: f64| {
        ask(vms, 1, &prompt("Hi"), "Hello");
        vms.tick(0);
        reply(vms, "200", &verdict(json!({"score": score})));
    };
    (0..10).for_each(|_| [2.0, 1.0].into_iter().for_each(|score| judge(&mut vms, score)));
    let logged = |vms: &RampVms| [lines(vms, "is no evidence"), lines(vms, "gives verdicts again")];
    assert_eq!((of_both(&vms, "judge_errors"), logged(&vms)), (10, [1, 1]), "{}", vms.log());
    vms.advance_clock(61);
    [2.0, 2.0, 1.0].into_iter().for_each(|score| judge(&mut vms, score));
    assert_eq!(logged(&vms), [2, 2], "{}", vms.log());

    let mut vms = RampVms::start_with(
        1,
        &config(json!({
            "weights": {"blue": 1, "green": 1}, "samples": {"cluster": "receiver", "sample": 100},
        })),
    );
    vms.vms[0].callouts().clusters = vec!["receiver".to_owned()];
    for status in ["413", "200"].repeat(10) {
        ask(&mut vms, 1, &prompt("Hi"), "Hello");
        vms.tick(0);
        reply(&mut vms, status, "{}");
    }
    let logged = ["are not exported", "are exported again"].map(|text| lines(&vms, text));
    assert_eq!((of_both(&vms, "samples_failed"), logged), (10, [1, 1]), "{}", vms.log());
}

/// The reason why a call is not sent is what an operator needs.
#[test]
fn the_log_says_why_the_judge_is_not_asked() {
    let mut vms = vms_with_judge(json!({"cluster": "nowhere"}), json!({}));
    ask(&mut vms, 1, &prompt("Hi"), "Hello");
    vms.tick(0);
    let expected = "the judge does not answer (the call was not sent: ";
    assert_eq!(lines(&vms, expected), 1, "{}", vms.log());
}

/// Answers without text took the judge's places, and old samples were judged before new ones.
#[test]
fn the_newest_sample_that_can_be_judged_is_judged_first() {
    let mut vms = vms_with_judge(json!({"in_flight": 1}), json!({}));
    for (id, text) in ["one", "two", "", "", ""].into_iter().enumerate() {
        ask(&mut vms, id, &prompt(&format!("question {text}")), text);
    }
    assert_eq!((of_both(&vms, "sampled"), of_both(&vms, "unjudged_no_answer")), (5, 3));
    vms.tick(0);
    let [(_, question)] = &open_calls(&mut vms)[..] else { panic!("one question") };
    assert!(question.contains(r#"\"answer\":\"two\""#), "{question}");
}

/// Where more is sampled than can be judged, the oldest samples make room.
#[test]
fn a_sample_that_comes_when_too_many_wait_takes_the_place_of_the_oldest() {
    let mut vms = vms_with_judge(json!({"in_flight": 1}), json!({}));
    for id in 0..1_002 {
        ask(&mut vms, id, &prompt(&format!("question {id}.")), "Hello");
    }
    let counts = ["sampled", "unsampled", "unjudged_dropped"].map(|it| of_both(&vms, it));
    assert_eq!(counts, [1_002, 0, 2]);
}

/// As where Envoy's `capability_restriction_config` leaves the call out.
#[test]
fn the_ceiling_of_the_cost_holds_where_the_host_refuses_shared_data() {
    let prices = json!({"prices": {"judge-model": {"input": 10, "output": 10}}});
    let mut vms = vms_with_judge(json!({"max_cost_per_day": 0.015}), prices);
    vms.vms[0].refuse("proxy_set_shared_data", 10);
    for _ in 0..3 {
        ask(&mut vms, 1, &prompt("Hi"), "Hello");
        vms.tick(0);
        if !open_calls(&mut vms).is_empty() {
            reply(&mut vms, "200", &verdict(json!({"score": 1})));
        }
    }
    assert_eq!((of_both(&vms, "judged"), of_both(&vms, "sampled")), (2, 2), "{}", vms.log());
    assert_eq!(lines(&vms, "the judge has cost judge.max_cost_per_day"), 1);
    assert_eq!(vms.stat("judge_spent_microusd"), 20_020);
}
