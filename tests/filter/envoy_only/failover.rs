//! A green that fails, with failover: no user notices, and it is rolled back all the same.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::ramp::{RAMP, ROLLED_BACK, counter, gauge, while_clients};
use crate::envoy::broken::{Broken, Failure};
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::upstream::{Model, Upstream};
use crate::envoy::{Envoy, Setup, answer, filter_yaml};
use crate::failover::release;
use crate::patching::{CHAT, json_post};
use crate::proxy::{Proxy as _, Request};

const BODY: &str = r#"{"model":"now","messages":[]}"#;

/// An Envoy whose green is what listens at this port.
fn start(config: &Value, green: Option<u16>) -> Envoy {
    let change = |bootstrap: String, upstreams: &[Upstream; 3]| {
        let Some(green) = green else { return bootstrap };
        let of = |port| format!("port_value: {port}}}");
        bootstrap.replace(&of(upstreams[1].port), &of(green))
    };
    let filter = filter_yaml(config);
    Envoy::start_with(&Setup { filter: Some(&filter), change: &change, ..Setup::default() })
}

/// What goes wrong for the users of a green that is released to a quarter of them, until it is
/// rolled back; how long that took, and how many requests.
fn release_to_a_quarter(
    green: Option<Failure>,
    has_failover: bool,
) -> (Vec<String>, Duration, u64) {
    let broken = green.map(Broken::start);
    let ramp = json!({"ramp": {"steps": [25, 100]}});
    let mut config = release(has_failover, ramp);
    config.as_object_mut().unwrap().remove("weights");
    let envoy = start(&config, broken.as_ref().map(|it| it.port));
    if broken.is_none() {
        envoy.upstreams[1].stop();
    }
    wait_at_most(RAMP, "the first step", || (gauge(&envoy, "green_bp") == 2500).then_some(()));
    let wrong = Mutex::new(Vec::new());
    let url = format!("{}{CHAT}", envoy.url);
    let ask = |client: &Client, user: String| {
        let request = client.post(&url).header("content-type", "application/json").body(BODY);
        let answer = answer(request.header("x-user-id", user).send().unwrap());
        // All of green's fail, so that all who are answered are by blue, asked as blue is.
        let is_right = answer.status == 200
            && (answer.cluster.as_str(), answer.version.as_str()) == ("llm-blue", "blue")
            && answer.body == BODY.as_bytes()
            && answer.forwarded("x-team").is_empty()
            && answer.forwarded("x-verdigris-version") == [b"blue"];
        if !is_right {
            wrong.lock().unwrap().push(format!("{answer:?}"));
        }
    };
    let began = Instant::now();
    let took = while_clients(ask, || {
        wait_at_most(RAMP, "the rollback", || {
            (gauge(&envoy, "phase") == ROLLED_BACK).then(|| began.elapsed())
        })
    });
    let green = |metric| counter(&envoy, "green", metric);
    let requests = green("requests");
    assert!(requests > 0);
    wait_for("all outcomes", || (green("errors") == requests).then_some(()));
    let failed_over = if has_failover { requests } else { 0 };
    assert_eq!(green("failed_over"), failed_over);
    assert_eq!((green("answers"), green("tokens_input")), (0, 0));
    assert_eq!(counter(&envoy, "blue", "errors"), 0);
    assert_eq!(counter(&envoy, "blue", "failed_over"), 0);
    (wrong.into_inner().unwrap(), took, requests)
}

#[test]
fn no_user_notices_a_green_that_fails_and_it_is_rolled_back() {
    for green in
        [None, Some(Failure::Status(503)), Some(Failure::Status(429)), Some(Failure::Reset)]
    {
        let (wrong, took, requests) = release_to_a_quarter(green, true);
        assert_eq!(wrong.len(), 0, "{green:?}: {}", wrong[0]);
        let (seen, took_without, without) = release_to_a_quarter(green, false);
        println!(
            "{green:?}: rolled back in {took:?} after {requests} requests, 0 of them failed for \
             users; without failover in {took_without:?} after {without}, of which {} failed",
            seen.len()
        );
        assert!(!seen.is_empty(), "{green:?}");
    }
}

#[test]
fn where_both_fail_a_client_is_told_once() {
    let broken = Broken::start(Failure::Status(503));
    let mut config = release(true, json!({}));
    // No request is blue's but those that green fails.
    config["pins"] = json!({});
    let envoy = start(&config, Some(broken.port));
    envoy.upstreams[0].set_model(Model { fails_one_in: 1, ..Model::default() });
    let path = "/model/completions";
    let answer = answer(envoy.get(path, &json_post(path, BODY)).unwrap());
    assert_eq!((answer.status, answer.version.as_str()), (500, "blue"));
    assert_eq!(envoy.read_stat("cluster.llm-blue.upstream_rq_total"), Some(1));
    assert_eq!(envoy.read_stat("cluster.llm-green.upstream_rq_total"), Some(1));
    for metric in ["requests", "errors", "failed_over", "responses_5xx"] {
        wait_for(metric, || (counter(&envoy, "green", metric) == 1).then_some(()));
    }
}

/// What has begun cannot be begun again elsewhere.
#[test]
fn a_response_that_breaks_off_is_greens_error() {
    let broken = Broken::start(Failure::Cut);
    let envoy = start(&release(true, json!({})), Some(broken.port));
    let response = envoy.get(CHAT, &json_post(CHAT, BODY)).unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-verdigris-version"]),
        (200, &"green".parse().unwrap())
    );
    assert!(response.bytes().is_err());
    wait_for("its error", || (counter(&envoy, "green", "errors") == 1).then_some(()));
    assert_eq!(counter(&envoy, "green", "failed_over"), 0);
    assert_eq!(envoy.read_stat("cluster.llm-blue.upstream_rq_total"), Some(0));
}

/// The shipped retry is on green's own cluster.
#[test]
fn an_answer_by_another_endpoint_of_green_is_greens() {
    let filter = filter_yaml(&release(true, json!({})));
    let mut envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        change: &super::upstreams::with_a_second_endpoint_of_green,
        ..Setup::default()
    });
    envoy.upstreams[2].stop();
    for _ in 0..20 {
        let answer = envoy.send(&json_post(CHAT, BODY));
        assert_eq!((answer.cluster.as_str(), answer.version.as_str()), ("llm-green", "green"));
    }
    assert!(envoy.stat("cluster.llm-green.upstream_rq_retry").unwrap() > 0);
    assert_eq!(counter(&envoy, "green", "failed_over"), 0);
    assert_eq!(counter(&envoy, "green", "errors"), 0);
}

/// Green is never sent a request that is not green's: without the filter in green's listener
/// blue answers.
#[test]
fn without_the_filter_in_greens_listener_blue_answers() {
    let without_filter = |bootstrap: String, _: &[Upstream; 3]| {
        let role = "    metadata: {filter_metadata: {verdigris: {role: green}}}\n";
        assert!(bootstrap.contains(role));
        // The console's configuration lets pass what is not for its listener.
        let (head, tail) = bootstrap.split_once(role).unwrap();
        format!("{head}{role}{}", tail.replacen("path: filter.yaml", "path: console.yaml", 1))
    };
    let filter = filter_yaml(&release(true, json!({})));
    let mut envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        change: &without_filter,
        ..Setup::default()
    });
    let answer = envoy.send(&json_post(CHAT, BODY));
    assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"));
    assert_eq!(answer.body, BODY.as_bytes());
    wait_for("its error", || (counter(&envoy, "green", "failed_over") == 1).then_some(()));
}

/// A composite cluster of one's own, whose endpoints do not say of which version they are.
#[test]
fn unmarked_endpoints_are_told_apart_by_the_attempt() {
    for (green, expected) in [(None, (20, 0, 0)), (Some(Failure::Status(503)), (0, 20, 20))] {
        let broken = green.map(Broken::start);
        let own = |bootstrap: String, upstreams: &[Upstream; 3]| {
            let shipped = "[{name: verdigris-green}, {name: verdigris-blue}]";
            assert!(bootstrap.contains(shipped));
            let bootstrap = bootstrap.replace(shipped, "[{name: llm-green}, {name: llm-blue}]");
            let of = |port| format!("port_value: {port}}}");
            let port = broken.as_ref().map_or(upstreams[1].port, |it| it.port);
            bootstrap.replace(&of(upstreams[1].port), &of(port))
        };
        let mut config = release(true, json!({}));
        config["versions"]["green"].as_object_mut().unwrap().remove("request");
        let filter = filter_yaml(&config);
        let setup = Setup { filter: Some(&filter), change: &own, ..Setup::default() };
        let mut envoy = Envoy::start_with(&setup);
        for _ in 0..20 {
            assert_eq!(envoy.send(&json_post(CHAT, BODY)).status, 200);
        }
        let green = |metric| counter(&envoy, "green", metric);
        wait_for("all outcomes", || (green("responses_2xx") == 20).then_some(()));
        assert_eq!((green("answers"), green("errors"), green("failed_over")), expected);
    }
}

#[test]
fn a_stream_goes_through_as_it_comes() {
    use std::io::Read as _;

    use crate::envoy::upstream::{FIRST, LAST};

    let mut config = release(true, json!({}));
    config["versions"]["green"].as_object_mut().unwrap().remove("request");
    let envoy = start(&config, None);
    let mut response = envoy.get("/hold", &Request::of("ada")).unwrap();
    let mut first = vec![0; FIRST.len()];
    // The upstream sends no more until it is told to.
    response.read_exact(&mut first).unwrap();
    assert_eq!(first, FIRST.as_bytes());
    envoy.upstreams[1].release();
    let mut rest = String::new();
    response.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, LAST);
}
