//! Scores: which answers they are of, and what they decide.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::blocking::Client;
use serde_json::json;

use super::scripted_judge::{Question, Reply, ScriptedJudge};
use super::{BAD, GOOD, PROMPT, judge, of_both, prompt, start, with_judge};
use crate::envoy::process::wait_at_most;
use crate::envoy::{Envoy, filter_yaml};
use crate::envoy_only::ramp_fixture::{
    RAMP_TIMEOUT, decision_log, read_counter, read_gauge, wait_for_gauges, with_clients,
};
use crate::proxy::phase::ROLLED_BACK;
use crate::proxy::{Proxy as _, Request};

/// A judge that is right about four of five answers.
fn mostly_right() -> impl FnMut(&Question) -> Reply + Send + 'static {
    let asked = AtomicU64::new(0);
    move |question| {
        let is_right = !asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(5);
        let is_good = question.texts["answer"] == GOOD;
        Reply::Text(json!({"score": if is_good == is_right { 0.9 } else { 0.2 }}).to_string())
    }
}

/// Runs `work` while new users ask.
pub fn under_load<T>(envoy: &Envoy, work: impl FnOnce() -> T) -> T {
    under_load_of(envoy, |_| prompt(), work)
}

/// As [`under_load`], where each user's number says the body of its request.
pub fn under_load_of<T>(
    envoy: &Envoy,
    body: impl Fn(usize) -> String + Sync,
    work: impl FnOnce() -> T,
) -> T {
    let url = format!("{}/model/completions", envoy.url);
    let send = |client: &Client, user: String| {
        let number = user.rsplit('-').next().unwrap().parse().unwrap();
        let request = client.post(&url).header("x-user-id", user);
        let answer = request.header("content-type", "application/json").body(body(number)).send();
        answer.and_then(reqwest::blocking::Response::bytes).unwrap();
    };
    with_clients(send, work)
}

#[test]
fn a_green_with_worse_answers_is_rolled_back() {
    let scripted = ScriptedJudge::start(mostly_right());
    let ramp = json!({
        "steps": [50, 75, 100], "bake": "1s", "warmup": "0s", "tripwires": [],
        "gates": [{"metric": "error_rate"}, {"metric": "score"}],
    });
    let config = with_judge(judge(json!({"in_flight": 16})), json!({"ramp": ramp}));
    let envoy = start(&scripted, &config, 2);
    under_load(&envoy, || wait_for_gauges(&envoy, &[("phase", ROLLED_BACK)]));
    let log = decision_log(&envoy);
    let decision = log.lines().find(|line| line.contains("green is worse")).unwrap_or(&log);
    assert!(decision.contains("score fail"), "{decision}");
    assert!(!log.contains("ramping at 75 %"), "{log}");
    // Both versions were judged about as often, and each answer by the score of its own text.
    let [blue, green] = ["blue", "green"].map(|it| {
        let (judged, sum) =
            (read_counter(&envoy, it, "judged"), read_counter(&envoy, it, "score_milli_sum"));
        assert_eq!(read_counter(&envoy, it, "score_count"), judged);
        (judged, sum as f64 / judged as f64 / 1e3)
    });
    assert!(blue.0 * 2 > green.0 && green.0 * 2 > blue.0, "{blue:?} {green:?}");
    assert!(blue.1 > 0.65 && green.1 < 0.45, "{blue:?} {green:?}");
    println!("rolled back after {} and {} answers were judged", blue.0, green.0);
    for question in scripted.questions() {
        assert_eq!(question.authorization.as_deref(), Some("Bearer judge-secret"));
        assert_eq!(question.host.as_deref(), Some("judge.example"));
        assert_eq!(question.path, "/v1/chat/completions");
        let request = json!([{"role": "user", "text": PROMPT}]);
        assert_eq!(question.texts["request"], request);
        assert!(question.texts["answer"] == GOOD || question.texts["answer"] == BAD);
    }
    assert!(!envoy.log().contains(PROMPT) && !envoy.log().contains(BAD), "texts are never logged");
}

#[test]
fn at_the_ceiling_of_the_cost_nothing_is_sampled() {
    let scripted = ScriptedJudge::start(|_| Reply::Text("{\"score\": 0.5}".to_owned()));
    // A thousand tokens of each question cost a cent.
    let prices = json!({"judge-model": {"input": 10, "output": 0}});
    let judge = judge(json!({"max_cost_per_day": 0.2, "in_flight": 2}));
    let config = with_judge(judge, json!({"weights": {"blue": 1, "green": 1}, "prices": prices}));
    let envoy = start(&scripted, &config, 2);
    under_load(&envoy, || {
        wait_at_most(RAMP_TIMEOUT, "the ceiling", || {
            envoy.log().contains("the judge has cost judge.max_cost_per_day").then_some(())
        });
    });
    // Each VM learns of the ceiling in its next tick.
    under_load(&envoy, || {
        wait_at_most(RAMP_TIMEOUT, "an end of sampling", || {
            let (requests, sampled) = (of_both(&envoy, "requests"), of_both(&envoy, "sampled"));
            wait_at_most(RAMP_TIMEOUT, "more requests", || {
                (of_both(&envoy, "requests") > requests + 200).then_some(())
            });
            (of_both(&envoy, "sampled") == sampled).then_some(())
        });
    });
    wait_at_most(RAMP_TIMEOUT, "the costs of all verdicts", || {
        let cost = of_both(&envoy, "judged") * 10_000;
        let counted = of_both(&envoy, "judge_cost_microusd");
        (counted == cost && read_gauge(&envoy, "judge_spent_microusd") == cost).then_some(())
    });
    // The questions that were open at the ceiling were judged, too: two of each VM.
    let judged = of_both(&envoy, "judged");
    assert!((20..=26).contains(&judged), "{judged}");
}

/// A response that ends after its configuration was replaced by one without a judge does not wait for a
/// later judge.
#[test]
fn a_response_that_ends_after_the_judge_was_removed_is_not_judged() {
    let scripted = ScriptedJudge::start(|_| Reply::Text("{\"score\": 0.5}".to_owned()));
    let with = with_judge(judge(json!({})), json!({"weights": {"blue": 1, "green": 1}}));
    let mut without = with.clone();
    without.as_object_mut().unwrap().remove("judge");
    without["weights"] = json!({"blue": 0, "green": 1});
    let mut envoy = start(&scripted, &with, 1);
    let ask = |user: &str| Request::from_user(user).post("/model/completions", prompt());
    let send = |envoy: &Envoy, user: &str| {
        let answer = envoy.send_to("/model/completions", &ask(user)).unwrap();
        let is_blue = answer.headers()["x-verdigris-version"] == "blue";
        answer.bytes().unwrap();
        is_blue
    };
    let mut users = (0..).map(|number| format!("user-{number}"));
    let user = users.find(|user| send(&envoy, user)).unwrap();
    let read = |envoy: &Envoy, name: &str| read_counter(envoy, "blue", name);
    let judged = |envoy: &Envoy, count| (read(envoy, "judged") == count).then_some(());
    wait_at_most(RAMP_TIMEOUT, "a verdict", || judged(&envoy, 1));
    envoy.upstreams[0].set_stalled(true);
    std::thread::scope(|scope| {
        let is_blue = scope.spawn(|| send(&envoy, &user));
        wait_at_most(RAMP_TIMEOUT, "the request to be open", || {
            (envoy.read_stat("cluster.llm-blue.upstream_rq_active") == Some(1)).then_some(())
        });
        envoy.write_filter(&filter_yaml(&without)).unwrap();
        // The first request of the configuration begins it, on green.
        assert!(!send(&envoy, &user));
        envoy.upstreams[0].set_stalled(false);
        assert!(is_blue.join().unwrap());
    });
    wait_at_most(RAMP_TIMEOUT, "a sample that cannot wait", || {
        (read(&envoy, "unsampled") == 1).then_some(())
    });
    envoy.push(&with).unwrap();
    assert!(send(&envoy, &user));
    wait_at_most(RAMP_TIMEOUT, "another verdict", || judged(&envoy, 2));
}
