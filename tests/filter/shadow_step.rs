//! The shadow step of a ramp, on the host emulator: requests and their copies become pairs.

use serde_json::{Value, json};
use verdigris::rollout::{HoldReason, Phase};

use crate::host::{Response, Stream};
use crate::outcomes::response;
use crate::patching::CHAT;
use crate::proxy::{config, set_fields};
use crate::ramp_vms::{ROOT, RampVms, SECOND_ROOT};

fn with_shadow_step(overrides: &Value) -> Value {
    let mut config = config(json!({"ramp": {
        "steps": [{"shadow": 100, "pairs": 100}, 50, 100],
        "bake": "1h", "timeout": "1h", "gates": [{"metric": "error_rate"}], "tripwires": [],
    }}));
    set_fields(&mut config["ramp"], overrides);
    // The upstream of the emulator has answers without content.
    config["answers"] = json!({"read": false});
    config
}

/// A request of a user to a model's path, with an id.
fn request(user: usize, status: &[u8]) -> Stream {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let headers = vec![
        header(":method", "POST"),
        header(":path", CHAT),
        header("x-user-id", &format!("user-{user}")),
        header("x-request-id", &format!("id-{user}")),
        header("content-type", "application/json"),
        header("content-length", "2"),
    ];
    let response =
        Response { headers: vec![(":status".to_owned(), status.to_vec())], ..Response::default() };
    Stream { headers, body: Some(b"{}".to_vec()), response, ..Stream::default() }
}

/// Sends a request to a VM. Returns whether Envoy would copy it.
fn send(vms: &mut RampVms, vm: usize, user: usize) -> bool {
    let sent = vms.vms[vm].run_stream(2, ROOT, request(user, b"200"));
    assert_eq!(sent.get("x-verdigris-version"), None, "green has no user");
    sent.get("x-verdigris-shadow").is_some()
}

/// Has the copy of a user's request come to a VM's internal listener, where green answers it.
fn send_copy(vms: &mut RampVms, vm: usize, user: usize, status: &[u8]) {
    let mut copy = request(user, status);
    copy.role = Some("shadow");
    vms.vms[vm].run_stream(3, ROOT, copy);
}

#[test]
fn a_request_and_its_copy_are_a_pair() {
    let mut vms = RampVms::start_with(2, &with_shadow_step(&json!({})));
    vms.tick_all();
    assert_eq!((vms.stat("shadow_step"), vms.stat("green_bp")), (1, 0));
    for user in 0..20 {
        let vm = user % 2;
        assert!(send(&mut vms, vm, user));
        send_copy(&mut vms, vm, user, b"200");
    }
    // Both VMs report, then the leader reconciles.
    vms.tick_all();
    vms.tick_all();
    assert_eq!((vms.stat("shadow.pairs"), vms.stat("shadow.unpaired")), (20, 0));
    let state = vms.state();
    assert_eq!((state.pairs.pairs, state.pairs.units), (20, 20));
    assert!(state.is_shadow_step() && state.evidence.steps.is_empty());
    assert_eq!(vms.stat("green.requests"), 0);
}

/// A conversation belongs to the step in which it began, also where that gives green no users.
#[test]
fn requests_of_conversations_are_paired() {
    let mut config = with_shadow_step(&json!({}));
    config["conversation"] = json!({"id": {"header": "x-chat"}});
    let mut vms = RampVms::start_with(1, &config);
    vms.tick_all();
    // A change takes effect after two seconds, when every worker knows it.
    vms.advance_clock(3);
    vms.tick_all();
    for user in 0..20 {
        let in_conversation = |mut request: Stream| {
            request.headers.push(("x-chat".to_owned(), format!("chat-{user}").into_bytes()));
            request
        };
        let sent = vms.vms[0].run_stream(2, ROOT, in_conversation(request(user, b"200")));
        assert!(sent.get("x-verdigris-shadow").is_some());
        let mut copy = in_conversation(request(user, b"200"));
        copy.role = Some("shadow");
        vms.vms[0].run_stream(3, ROOT, copy);
    }
    vms.tick_all();
    let state = vms.state();
    assert_eq!((state.pairs.pairs, state.pairs.units), (20, 20), "{}", vms.log());
    assert_eq!(vms.stat("green.requests"), 0);
}

#[test]
fn a_green_that_fails_the_copies_is_rolled_back_without_users() {
    let mut vms = RampVms::start_with(1, &with_shadow_step(&json!({})));
    vms.tick_all();
    for user in 0..20 {
        send(&mut vms, 0, user);
        send_copy(&mut vms, 0, user, b"503");
    }
    vms.tick_all();
    let state = vms.state();
    assert_eq!(state.phase, Phase::RolledBack, "{}", vms.log());
    assert_eq!((vms.stat("green.requests"), vms.stat("blue.errors")), (0, 0));
    assert!(vms.log().contains("green is worse: "), "{}", vms.log());
    // Nothing is mirrored any more.
    assert!(!send(&mut vms, 0, 21));
    assert_eq!(vms.stat("shadow_step"), 0);
}

#[test]
fn a_good_green_enters_the_first_step_and_is_not_mirrored_there() {
    let mut vms = RampVms::start_with(1, &with_shadow_step(&json!({})));
    vms.tick_all();
    for user in 0..400 {
        send(&mut vms, 0, user);
        send_copy(&mut vms, 0, user, b"200");
    }
    vms.tick_all();
    let state = vms.state();
    assert_eq!((state.is_shadow_step(), vms.stat("green_bp")), (false, 5_000), "{}", vms.log());
    let mirrored = |vms: &mut RampVms, user: usize| {
        let sent = vms.vms[0].run_stream(2, ROOT, request(user, b"200"));
        sent.get("x-verdigris-shadow").is_some()
    };
    assert!((0..20).all(|user| !mirrored(&mut vms, user)));
}

#[test]
fn requests_whose_copies_never_come_are_counted_and_decide_nothing() {
    let mut vms = RampVms::start_with(1, &with_shadow_step(&json!({"timeout": "1h"})));
    vms.tick_all();
    for user in 0..30 {
        assert!(send(&mut vms, 0, user));
    }
    vms.tick_all();
    assert_eq!(vms.stat("shadow.unpaired"), 0);
    vms.advance_clock(31);
    vms.tick_all();
    assert_eq!((vms.stat("shadow.pairs"), vms.stat("shadow.unpaired")), (0, 30));
    // A copy that comes too late belongs to no request.
    send_copy(&mut vms, 0, 0, b"503");
    vms.tick_all();
    assert_eq!(vms.stat("shadow.pairs"), 0);
    vms.advance_clock(3600);
    vms.tick_all();
    let state = vms.state();
    assert_eq!((state.phase, state.hold_reason), (Phase::Holding, HoldReason::Pairs));
    assert!(vms.log().contains("overdue, waits for pairs (0 of 100 pairs"), "{}", vms.log());
}

#[test]
fn requests_without_an_id_are_mirrored_and_not_paired() {
    let mut vms = RampVms::start_with(1, &with_shadow_step(&json!({})));
    vms.tick_all();
    let mut without = request(1, b"200");
    without.remove("x-request-id");
    let sent = vms.vms[0].run_stream(2, ROOT, without.clone());
    assert!(sent.get("x-verdigris-shadow").is_some());
    without.role = Some("shadow");
    vms.vms[0].run_stream(3, ROOT, without);
    vms.tick_all();
    assert_eq!((vms.stat("shadow.pairs"), vms.stat("shadow.unpaired")), (0, 1));
}

#[test]
fn the_step_copies_its_own_share_and_the_shadow_section_has_the_rest() {
    let mut release = with_shadow_step(&json!({"steps": [{"shadow": 100, "pairs": 100}, 50, 100]}));
    release["shadow"] = json!({"percent": 0});
    let mut vms = RampVms::start_with(1, &release);
    vms.tick_all();
    assert!(send(&mut vms, 0, 1));
    let step = &mut release["ramp"]["steps"][0];
    *step = json!({"shadow": "0.01%", "pairs": 100});
    let mut vms = RampVms::start_with(1, &release);
    vms.tick_all();
    assert!((0..50).all(|user| !send(&mut vms, 0, user)));
}

/// Halves whose other half never comes are dropped, and counted: that may be a bias.
#[test]
fn samples_whose_other_half_never_comes_are_counted() {
    let mut release =
        with_shadow_step(&json!({"gates": [{"metric": "error_rate"}, {"metric": "preference"}]}));
    release.as_object_mut().unwrap().remove("answers");
    release["judge"] = json!({
        "cluster": "judge", "model": "judge-model", "mode": "pairwise", "sample": 100,
    });
    let mut vms = RampVms::start_with(1, &release);
    vms.tick_all();
    for user in 0..30 {
        assert!(send(&mut vms, 0, user));
    }
    vms.tick_all();
    assert_eq!((vms.stat("blue.sampled"), vms.stat("shadow.unjudged_unpaired")), (30, 0));
    vms.advance_clock(31);
    vms.tick_all();
    assert_eq!((vms.stat("shadow.unpaired"), vms.stat("shadow.unjudged_unpaired")), (30, 30));
    vms.tick_all();
    assert_eq!(vms.stat("shadow.unjudged_unpaired"), 30);
}

/// A release whose pairs are all judged, and its VM after a request and its copy.
fn judged_pair(judge: Value, others: &Value) -> (Value, RampVms) {
    let mut release =
        with_shadow_step(&json!({"gates": [{"metric": "error_rate"}, {"metric": "preference"}]}));
    release.as_object_mut().unwrap().remove("answers");
    release["judge"] = json!({
        "cluster": "judge", "model": "judge-model", "mode": "pairwise", "sample": 100,
    });
    set_fields(&mut release["judge"], &judge);
    set_fields(&mut release, others);
    let mut vms = RampVms::start_with(1, &release);
    vms.vms[0].callouts().clusters = vec!["judge".to_owned()];
    vms.tick_all();
    (release, vms)
}

/// As [`request`], with a prompt, and an answer that has a text.
fn question(role: Option<&'static str>) -> Stream {
    let mut stream = request(1, b"200");
    let body = json!({"messages": [{"role": "user", "content": "Which metal?"}]}).to_string();
    stream.replace("content-length", body.len().to_string().as_bytes());
    let answer = json!({"choices": [{"message": {"content": "Copper."}, "finish_reason": "stop"}]});
    stream.response = response("200", "application/json", &[&answer.to_string()]);
    Stream { body: Some(body.into_bytes()), role, ..stream }
}

/// The texts must not leave Envoy after a rollback, and the ceiling is one.
#[test]
fn the_second_question_on_a_pair_is_not_asked_when_the_judge_is_stopped() {
    let prices = json!({"prices": {"judge-model": {"input": 10, "output": 10}}});
    let cases = [
        ("none", json!({}), false, [1, 0]),
        ("the ceiling", json!({"max_cost_per_day": 0.000_001}), false, [0, 1]),
        ("a rollback", json!({}), true, [0, 1]),
    ];
    for (stop, judge, is_rolled_back, [open, dropped]) in cases {
        let (mut release, mut vms) = judged_pair(judge, &prices);
        vms.vms[0].run_stream(2, ROOT, question(None));
        vms.vms[0].run_stream(3, ROOT, question(Some("shadow")));
        vms.tick_all();
        let tokens: Vec<u32> = vms.vms[0].callouts().open.keys().copied().collect();
        let [token] = tokens[..] else { panic!("{stop}: {}", vms.log()) };
        if is_rolled_back {
            release["ramp"]["rolled_back"] = json!(true);
            vms.configure(0, SECOND_ROOT, &release);
            vms.vms[0].tick(SECOND_ROOT);
        }
        let verdict =
            json!({"message": {"content": "{\"better\": \"A\"}"}, "finish_reason": "stop"});
        let usage = json!({"prompt_tokens": 100, "completion_tokens": 9});
        let body = json!({"choices": [verdict], "usage": usage}).to_string();
        vms.vms[0].receive_http(ROOT, token, &[(":status", "200")], body.as_bytes());
        let still_open = vms.vms[0].callouts().open.len() as u64;
        let found = [still_open, vms.stat("shadow.unjudged_dropped")];
        assert_eq!(found, [open, dropped], "{stop}: {}", vms.log());
    }
}

/// They were in the VM's memory until Envoy ended.
#[test]
fn halves_do_not_outlive_the_shadow_step() {
    let (mut release, mut vms) = judged_pair(json!({}), &json!({}));
    vms.vms[0].run_stream(2, ROOT, question(None));
    assert_eq!(vms.stat("blue.sampled"), 1);
    release["judge"]["mode"] = json!("score");
    release["ramp"] = json!({
        "steps": [50, 100], "bake": "1h", "gates": [{"metric": "error_rate"}], "tripwires": [],
    });
    vms.configure(0, SECOND_ROOT, &release);
    vms.vms[0].tick(SECOND_ROOT);
    assert_eq!(vms.stat("shadow.unjudged_unpaired"), 1, "{}", vms.log());
}
