//! Failover in a real Envoy: users get blue's answers, and a failing green is rolled back.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::{Value, json};

use super::broken::{run_websocket_session, start_websocket_server};
use super::ramp_fixture::{RAMP_TIMEOUT, read_counter, read_gauge, with_clients};
use crate::envoy::failing_server::{FailingServer, FailureMode};
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::upstream::{Model, Upstream};
use crate::envoy::{Envoy, Setup, filter_yaml, read_answer};
use crate::failover::green_release;
use crate::patching::{CHAT, json_post};
use crate::proxy::phase::ROLLED_BACK;
use crate::proxy::{Proxy as _, Request};

const BODY: &str = r#"{"model":"now","messages":[]}"#;

/// Starts Envoy with green at the port `green`, or at its upstream.
fn start(config: &Value, green: Option<u16>) -> Envoy {
    let change = |bootstrap: String, upstreams: &[Upstream; 3]| {
        let Some(green) = green else { return bootstrap };
        let port_value = |port| format!("port_value: {port}}}");
        bootstrap.replace(&port_value(upstreams[1].port), &port_value(green))
    };
    let filter = filter_yaml(config);
    Envoy::start_with(&Setup { filter: Some(&filter), edit_bootstrap: &change, ..Setup::default() })
}

/// The course of a ramp that was rolled back.
struct RolledBackRamp {
    /// The answers that were not blue's answer to blue's request.
    wrong_answers: Vec<String>,
    duration: Duration,
    green_requests: u64,
}

/// Ramps a failing green to 25 % of the users until it is rolled back. Without a failure mode
/// green does not listen.
fn ramp_to_a_quarter(green: Option<FailureMode>, has_failover: bool) -> RolledBackRamp {
    let failing_server = green.map(FailingServer::start);
    let ramp = json!({"ramp": {"steps": [25, 100]}});
    let mut config = green_release(has_failover, ramp);
    config.as_object_mut().unwrap().remove("weights");
    let envoy = start(&config, failing_server.as_ref().map(|server| server.port));
    if failing_server.is_none() {
        envoy.upstreams[1].stop();
    }
    wait_at_most(RAMP_TIMEOUT, "the first step", || {
        (read_gauge(&envoy, "green_bp") == 2500).then_some(())
    });
    let wrong_answers = Mutex::new(Vec::new());
    let url = format!("{}{CHAT}", envoy.url);
    let send = |client: &Client, user: String| {
        let request = client.post(&url).header("content-type", "application/json").body(BODY);
        let answer = read_answer(request.header("x-user-id", user).send().unwrap());
        // Green always fails, so that each answer is blue's, to a request without green's patch.
        let is_right = answer.status == 200
            && (answer.cluster.as_str(), answer.version.as_str()) == ("llm-blue", "blue")
            && answer.body == BODY.as_bytes()
            && answer.forwarded("x-team").is_empty()
            && answer.forwarded("x-verdigris-version") == [b"blue"];
        if !is_right {
            wrong_answers.lock().unwrap().push(format!("{answer:?}"));
        }
    };
    let began = Instant::now();
    let duration = with_clients(send, || {
        wait_at_most(RAMP_TIMEOUT, "the rollback", || {
            (read_gauge(&envoy, "phase") == ROLLED_BACK).then(|| began.elapsed())
        })
    });
    let green = |metric| read_counter(&envoy, "green", metric);
    let requests = green("requests");
    assert!(requests > 0);
    wait_for("all outcomes", || (green("errors") == requests).then_some(()));
    let failed_over = if has_failover { requests } else { 0 };
    assert_eq!(green("failed_over"), failed_over);
    assert_eq!((green("answers"), green("tokens_input")), (0, 0));
    assert_eq!(read_counter(&envoy, "blue", "errors"), 0);
    assert_eq!(read_counter(&envoy, "blue", "failed_over"), 0);
    RolledBackRamp {
        wrong_answers: wrong_answers.into_inner().unwrap(),
        duration,
        green_requests: requests,
    }
}

#[test]
fn with_failover_users_get_blues_answers_while_a_failing_green_is_rolled_back() {
    for green in [
        None,
        Some(FailureMode::Status(503)),
        Some(FailureMode::Status(429)),
        Some(FailureMode::Reset),
    ] {
        let with_failover = ramp_to_a_quarter(green, true);
        let wrong = with_failover.wrong_answers;
        assert_eq!(wrong.len(), 0, "{green:?}: {}", wrong[0]);
        let without_failover = ramp_to_a_quarter(green, false);
        println!(
            "{green:?}: rolled back in {:?} after {} requests of green, 0 failed for users; \
             without failover in {:?} after {}, {} failed",
            with_failover.duration,
            with_failover.green_requests,
            without_failover.duration,
            without_failover.green_requests,
            without_failover.wrong_answers.len()
        );
        assert!(!without_failover.wrong_answers.is_empty(), "{green:?}");
    }
}

#[test]
fn if_both_versions_fail_the_client_gets_one_error() {
    let failing_server = FailingServer::start(FailureMode::Status(503));
    let mut config = green_release(true, json!({}));
    // Without pins only failed requests of green reach blue.
    config["pins"] = json!({});
    // The path alone would say that its requests have no messages.
    config["answers"] = json!({"paths": [{"prefix": "/model/", "format": "chat"}]});
    let envoy = start(&config, Some(failing_server.port));
    envoy.upstreams[0].set_model(Model { fails_one_in: 1, ..Model::default() });
    let path = "/model/completions";
    let answer = read_answer(envoy.send_to(path, &json_post(path, BODY)).unwrap());
    assert_eq!((answer.status, answer.version.as_str()), (500, "blue"));
    assert_eq!(envoy.read_stat("cluster.llm-blue.upstream_rq_total"), Some(1));
    assert_eq!(envoy.read_stat("cluster.llm-green.upstream_rq_total"), Some(1));
    for metric in ["requests", "errors", "failed_over", "responses_5xx"] {
        wait_for(metric, || (read_counter(&envoy, "green", metric) == 1).then_some(()));
    }
}

/// The client already has the beginning of the response.
#[test]
fn a_response_that_ends_early_is_not_repeated_on_blue() {
    let failing_server = FailingServer::start(FailureMode::Truncate);
    let envoy = start(&green_release(true, json!({})), Some(failing_server.port));
    let response = envoy.send_to(CHAT, &json_post(CHAT, BODY)).unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-verdigris-version"]),
        (200, &"green".parse().unwrap())
    );
    assert!(response.bytes().is_err());
    wait_for("its error", || (read_counter(&envoy, "green", "errors") == 1).then_some(()));
    assert_eq!(read_counter(&envoy, "green", "failed_over"), 0);
    assert_eq!(envoy.read_stat("cluster.llm-blue.upstream_rq_total"), Some(0));
}

/// The shipped retry policy applies to green's own cluster.
#[test]
fn a_retry_on_another_endpoint_of_green_is_not_a_failover() {
    let filter = filter_yaml(&green_release(true, json!({})));
    let mut envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &super::upstreams::with_a_second_endpoint_of_green,
        ..Setup::default()
    });
    envoy.upstreams[2].stop();
    for _ in 0..20 {
        let answer = envoy.send(&json_post(CHAT, BODY));
        assert_eq!((answer.cluster.as_str(), answer.version.as_str()), ("llm-green", "green"));
    }
    assert!(envoy.stat("cluster.llm-green.upstream_rq_retry").unwrap() > 0);
    assert_eq!(read_counter(&envoy, "green", "failed_over"), 0);
    assert_eq!(read_counter(&envoy, "green", "errors"), 0);
}

/// Without the filter the request is not patched, so that it must not reach green.
#[test]
fn without_the_filter_in_the_listener_of_green_blue_answers() {
    let without_filter = |bootstrap: String, _: &[Upstream; 3]| {
        let role = "    metadata: {filter_metadata: {verdigris: {role: green}}}\n";
        assert!(bootstrap.contains(role));
        // With the console's configuration the filter does nothing in this listener.
        let (head, tail) = bootstrap.split_once(role).unwrap();
        format!("{head}{role}{}", tail.replacen("config/filter.yaml", "config/console.yaml", 1))
    };
    let filter = filter_yaml(&green_release(true, json!({})));
    let mut envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &without_filter,
        ..Setup::default()
    });
    let answer = envoy.send(&json_post(CHAT, BODY));
    assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"));
    assert_eq!(answer.body, BODY.as_bytes());
    wait_for("its error", || (read_counter(&envoy, "green", "failed_over") == 1).then_some(()));
}

/// The operator's composite cluster has endpoints whose metadata name no version.
#[test]
fn without_metadata_of_endpoints_the_attempt_tells_the_version() {
    for (green, expected) in [(None, (20, 0, 0)), (Some(FailureMode::Status(503)), (0, 20, 20))] {
        let failing_server = green.map(FailingServer::start);
        let use_own_composite_cluster = |bootstrap: String, upstreams: &[Upstream; 3]| {
            let shipped = "[{name: verdigris-green}, {name: verdigris-blue}]";
            assert!(bootstrap.contains(shipped));
            let bootstrap = bootstrap.replace(shipped, "[{name: llm-green}, {name: llm-blue}]");
            let port_value = |port| format!("port_value: {port}}}");
            let port = failing_server.as_ref().map_or(upstreams[1].port, |server| server.port);
            bootstrap.replace(&port_value(upstreams[1].port), &port_value(port))
        };
        let mut config = green_release(true, json!({}));
        config["versions"]["green"].as_object_mut().unwrap().remove("request");
        let filter = filter_yaml(&config);
        let mut envoy = Envoy::start_with(&Setup {
            filter: Some(&filter),
            edit_bootstrap: &use_own_composite_cluster,
            ..Setup::default()
        });
        for _ in 0..20 {
            assert_eq!(envoy.send(&json_post(CHAT, BODY)).status, 200);
        }
        let green = |metric| read_counter(&envoy, "green", metric);
        wait_for("all outcomes", || (green("responses_2xx") == 20).then_some(()));
        assert_eq!((green("answers"), green("errors"), green("failed_over")), expected);
    }
}

/// The release's listener takes WebSockets, and so must those behind it.
#[test]
fn websockets_pass_the_listeners_of_green_and_of_blue() {
    for (green, failed_over) in [(None, 0), (Some(FailureMode::Status(503)), 1)] {
        let failing_server = green.map(FailingServer::start);
        let server = start_websocket_server();
        let change = |bootstrap: String, upstreams: &[Upstream; 3]| {
            let port_value = |port| format!("port_value: {port}}}");
            let to_green = failing_server.as_ref().map_or(server, |it| it.port);
            let bootstrap =
                bootstrap.replace(&port_value(upstreams[1].port), &port_value(to_green));
            bootstrap.replace(&port_value(upstreams[0].port), &port_value(server))
        };
        let mut config = green_release(true, json!({}));
        config["versions"]["green"]["request"] = json!({"headers": {"set": {"x-team": "copper"}}});
        let filter = filter_yaml(&config);
        let envoy = Envoy::start_with(&Setup {
            filter: Some(&filter),
            edit_bootstrap: &change,
            ..Setup::default()
        });
        // It asserts that the handshake is answered with 101.
        run_websocket_session(envoy.url.trim_start_matches("http://"), "ada");
        let green = |metric| read_counter(&envoy, "green", metric);
        let counted = if failed_over == 1 { "failed_over" } else { "responses_none" };
        wait_for(counted, || (green(counted) == 1).then_some(()));
        assert_eq!((green("requests"), green("failed_over")), (1, failed_over));
        assert_eq!(green("errors"), failed_over);
    }
}

#[test]
fn a_stream_passes_the_listener_of_green_without_delay() {
    use std::io::Read as _;

    use crate::envoy::upstream::{FIRST_EVENT, LAST_EVENT};

    let mut config = green_release(true, json!({}));
    config["versions"]["green"].as_object_mut().unwrap().remove("request");
    let envoy = start(&config, None);
    let mut response = envoy.send_to("/hold", &Request::from_user("ada")).unwrap();
    let mut first = vec![0; FIRST_EVENT.len()];
    // The upstream sends the next event only after its release.
    response.read_exact(&mut first).unwrap();
    assert_eq!(first, FIRST_EVENT.as_bytes());
    envoy.upstreams[1].release_streams();
    let mut rest = String::new();
    response.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, LAST_EVENT);
}
