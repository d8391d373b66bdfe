//! Envoy without `allow_on_headers_stop_iteration`, as Istio and Envoy Gateway configure it.

use std::time::Instant;

use serde_json::{Value, json};

use crate::after_routing::prompt_releases;
use crate::envoy::clients::{Http2Request, send_http1, send_http2};
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml, route_by_version};
use crate::patching::{CHAT, json_post};
use crate::proxy::{Proxy as _, config, counter};

/// Starts Envoy with a plugin that may not let headers wait.
fn start_without_flag(release: &Value) -> Envoy {
    let shipped = filter_yaml(release);
    let flag = "      allow_on_headers_stop_iteration: true\n";
    assert!(shipped.contains(flag));
    let filter = shipped.replace(flag, "");
    let by_version = |bootstrap: String, _: &[Upstream; 3]| route_by_version(&bootstrap);
    let mut setup = Setup { filter: Some(&filter), ..Setup::default() };
    if release["route_by"] == "version_header" {
        setup.edit_bootstrap = &by_version;
    }
    Envoy::start_with(&setup)
}

/// A body of about `size` bytes, and what green makes of it.
fn body(size: usize) -> (String, String) {
    let pad = "x".repeat(size);
    let user = format!(r#"{{"role":"user","content":"{pad}"}}"#);
    let system = r#"{"role":"system","content":"Be brief."}"#;
    (
        format!(r#"{{"model":"now","messages":[{user}]}}"#),
        format!(r#"{{"model":"next","messages":[{system},{user}]}}"#),
    )
}

#[test]
fn a_request_with_a_body_never_hangs() {
    for release in prompt_releases(json!({})) {
        let mut envoy = start_without_flag(&release);
        for size in [10, 100_000, 900_000] {
            let (sent, patched) = body(size);
            let answer = envoy.send(&json_post(CHAT, &sent));
            assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-green"), "{size}");
            assert!(answer.body == patched.as_bytes(), "{size}: {} bytes", answer.body.len());
        }
        // Larger than Envoy's buffer: it is not read, and blue gets it as it came.
        let (sent, _) = body(2_000_000);
        let answer = envoy.send(&json_post(CHAT, &sent));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"));
        assert!(answer.body == sent.as_bytes());
    }
}

/// Bodies in one piece and in many, with `expect`, empty, in chunks, and with trailers.
#[test]
fn the_framing_of_a_request_does_not_matter() {
    for release in prompt_releases(json!({})) {
        let envoy = start_without_flag(&release);
        let (sent, patched) = body(30);
        let length = sent.len();
        let common =
            "host: a\r\nx-user-id: ada\r\ncontent-type: application/json\r\nconnection: close\r\n";
        let head = |more: &str| format!("POST {CHAT} HTTP/1.1\r\n{common}{more}\r\n\r\n");
        let (first, rest) = sent.as_bytes().split_at(10);
        let chunk =
            |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        let chunks = [chunk(first), chunk(rest), b"0\r\n\r\n".to_vec()].concat();
        let by_length = head(&format!("content-length: {length}"));
        let expecting = head(&format!("content-length: {length}\r\nexpect: 100-continue"));
        let green = ("llm-green", patched.as_str());
        let blue = ("llm-blue", sent.as_str());
        type Case<'a> = (&'a str, &'a str, Vec<&'a [u8]>, (&'a str, &'a str));
        let cases: [Case<'_>; 5] = [
            ("whole", &by_length, vec![sent.as_bytes()], green),
            ("pieces", &by_length, sent.as_bytes().chunks(1).collect(), green),
            ("expect", &expecting, vec![sent.as_bytes()], green),
            ("empty", &head("content-length: 0"), vec![], ("llm-green", "")),
            // Without its length the filter cannot know whether Envoy can buffer the body.
            ("chunked", &head("transfer-encoding: chunked"), vec![&chunks], blue),
        ];
        for (name, head, pieces, expected) in cases {
            let answer = send_http1(&envoy.url, head, &pieces);
            let got = (answer.status, answer.cluster(), answer.received_body());
            assert_eq!(got, (200, expected.0.to_owned(), expected.1.to_owned()), "{name}");
        }
        let length = length.to_string();
        let headers = vec![
            ("x-user-id", "ada"),
            ("content-type", "application/json"),
            ("content-length", &length),
        ];
        for has_trailers in [false, true] {
            for pieces in [vec![sent.as_bytes()], vec![first, rest]] {
                let headers = headers.clone();
                let request = Http2Request { path: CHAT, headers, pieces, has_trailers };
                let answer = send_http2(&envoy.url, &request);
                let got = (answer.status, answer.cluster(), answer.received_body());
                assert_eq!(got, (200, "llm-green".to_owned(), patched.clone()), "{request:?}");
            }
        }
    }
}

/// The configuration says that headers may wait, but the plugin may not let them.
#[test]
fn a_request_that_waits_in_vain_goes_to_blue() {
    let release = config(json!({
        "weights": {"blue": 0, "green": 1},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": {"model": "next"}},
        },
        "conversation": {"id": {"pointer": "/conversation"}},
    }));
    let mut by_version = release.clone();
    by_version["route_by"] = json!("version_header");
    by_version["read_body"] = json!("before_routing");
    for release in [release, by_version] {
        let mut envoy = start_without_flag(&release);
        let began = Instant::now();
        let request =
            json_post(CHAT, r#"{"conversation":"c"}"#).header("x-verdigris-version", "green");
        let answer = envoy.send(&request);
        let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
        assert_eq!(got, (200, "llm-blue", "blue"), "{:?}", began.elapsed());
        assert_eq!(answer.body, br#"{"conversation":"c"}"#);
        envoy.wait_for_stats(&[
            (counter("blue", "decisions_unpatchable"), 1),
            (counter("green", "requests"), 0),
        ]);
        assert!(envoy.log().contains("set allow_on_headers_stop_iteration: true"));
    }
}
