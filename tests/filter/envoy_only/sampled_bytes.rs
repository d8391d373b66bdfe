//! Requests and answers are the same bytes whether they are sampled or not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::judge::scripted_judge::{Reply, ScriptedJudge};
use super::ramp_fixture::read_counter;
use crate::artifacts::recorded_answers;
use crate::envoy::span_receiver::SpanReceiver;
use crate::envoy::upstream::REPLAY_HEADER;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Request, config};

/// What Envoy writes anew for each request, and what differs by time.
const OF_EACH_REQUEST: [&str; 4] =
    ["date", "x-envoy-upstream-service-time", "x-request-id", "x-verdigris-step"];

/// What a client and the upstream have seen of a request.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: BTreeSet<(String, String)>,
    body: Vec<u8>,
    sent_headers: Vec<String>,
    sent_body: Vec<u8>,
}

/// Requests each recorded answer.
fn send_all(envoy: &Envoy) -> Vec<(String, Seen)> {
    let recorded = recorded_answers();
    recorded.iter().map(|it| (it.name.clone(), send(envoy, &it.name, &it.path))).collect()
}

fn send(envoy: &Envoy, name: &str, path: &str) -> Seen {
    let question = json!({"messages": [{"role": "user", "content": "Why green?"}]});
    let request = Request::from_user("ada").header("content-type", "application/json");
    let request = request.header(REPLAY_HEADER, name).post("", question.to_string());
    let answer = envoy.send_to(path, &request).unwrap();
    let status = answer.status().as_u16();
    let headers = answer.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.filter(|(name, _)| !OF_EACH_REQUEST.contains(&name.as_str())).collect();
    let body = answer.bytes().unwrap().to_vec();
    let received = envoy.upstreams.iter().flat_map(|it| it.take_received());
    let [received] = &received.collect::<Vec<_>>()[..] else { panic!("{name}: one request") };
    Seen {
        status,
        headers,
        body,
        sent_headers: received.header_names.clone(),
        sent_body: received.body.clone(),
    }
}

fn release(sections: &Value) -> Value {
    let mut config = config(json!({"weights": {"blue": 1, "green": 1}, "answers": {}}));
    config.as_object_mut().unwrap().extend(sections.as_object().unwrap().clone());
    config
}

#[test]
fn a_sampled_request_and_its_answer_are_the_same_bytes_as_one_that_is_not_sampled() {
    let scripted = ScriptedJudge::start(|_| Reply::Text("{\"score\": 1}".to_owned()));
    let receiver = SpanReceiver::start();
    let start = |config: &Value| {
        let filter = filter_yaml(config);
        Envoy::start_with(&Setup {
            filter: Some(&filter),
            edit_bootstrap: &|bootstrap, upstreams| {
                receiver.add_to(scripted.add_cluster(bootstrap, upstreams))
            },
            ..Setup::default()
        })
    };
    let plain = send_all(&start(&release(&json!({}))));
    let sampling = start(&release(&json!({
        "judge": {"cluster": "judge", "model": "judge-model", "sample": 100},
        "samples": {"cluster": "otel-collector", "sample": 100, "content": "full"},
    })));
    let sampled = send_all(&sampling);
    assert!(plain.len() >= 30, "{}", plain.len());
    for (plain, sampled) in plain.iter().zip(&sampled) {
        assert_eq!(plain, sampled);
    }
    let of_both =
        |name| read_counter(&sampling, "blue", name) + read_counter(&sampling, "green", name);
    let (judged, exported) = (of_both("sampled"), receiver.span_count() as u64);
    assert!(judged * 2 > plain.len() as u64, "{judged} and {exported} of {}", plain.len());
}
