//! Bodies that are read after routing, `read_body`; run as scenarios.

use serde_json::{Value, json};

use crate::patching::{CHAT, json_post};
use crate::proxy::{Proxy, config, counter, set_fields};
use crate::version_header::by_version;

/// What green changes.
pub fn request() -> Value {
    json!({"headers": {"set": {"x-team": "copper"}}, "model": "next", "system": {"append": "Be brief."}})
}

/// A release of a prompt, by each kind of route, with all traffic on green.
pub fn prompt_releases(fields: Value) -> [Value; 2] {
    let by_cluster = config(json!({
        "read_body": "after_routing",
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "request": request()},
        },
    }));
    let by_version = by_version(json!({"versions": {"blue": {}, "green": {"request": request()}}}));
    [by_cluster, by_version].map(|mut release| {
        set_fields(&mut release, &json!({"weights": {"blue": 0, "green": 1}}));
        set_fields(&mut release, &fields);
        release
    })
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    #[test]
    fn a_body_is_patched_after_its_headers_have_continued<P: Proxy>() {
        for release in prompt_releases(json!({"answers": {}})) {
            let mut proxy = P::start(&release);
            let large = "x".repeat(300_000);
            for text in ["a", &large] {
                let body = format!(
                    r#"{{"model":"now","messages":[{{"role":"user","content":"{text}"}}]}}"#
                );
                let answer = proxy.send(&json_post(CHAT, &body));
                assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-green"));
                let patched: Value = serde_json::from_slice(&answer.body).unwrap();
                assert_eq!(patched["model"], "next");
                assert_eq!(patched["messages"][0]["content"], "Be brief.");
                assert_eq!(patched["messages"][1]["content"], text);
                assert_eq!(answer.forwarded("x-team"), [b"copper"]);
                // The length of the new body is not known when the headers continue.
                assert_eq!(answer.forwarded("content-length"), [] as [&[u8]; 0]);
            }
            // A body that no other version could be given either keeps its bytes.
            let answer = proxy.send(&json_post(CHAT, "no JSON"));
            assert_eq!((answer.cluster.as_str(), &answer.body[..]), ("llm-green", &b"no JSON"[..]));
            for (metric, count) in [
                ("requests", 3),
                ("decisions_weight", 2),
                ("decisions_unpatchable", 1),
                ("responses_2xx", 3),
            ] {
                proxy.await_stat(&counter("green", metric), count);
            }
            assert_eq!(proxy.stat(&counter("blue", "requests")), Some(0));
        }
    }

    /// What the headers say is known before routing: blue gets such a request.
    #[test]
    fn a_request_that_its_headers_show_to_be_unpatchable_goes_to_blue<P: Proxy>() {
        for release in prompt_releases(json!({"max_request_body": 2_000})) {
            let mut proxy = P::start(&release);
            let large = format!(r#"{{"messages":[],"pad":"{}"}}"#, "x".repeat(2_000));
            let unpatchable = [
                json_post(CHAT, &large),
                json_post("/v1/embeddings", "{}"),
                json_post(CHAT, "{}").header("content-encoding", "gzip"),
            ];
            for request in &unpatchable {
                let answer = proxy.send(request);
                let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
                assert_eq!(got, (200, "llm-blue", "blue"), "{request:?}");
                assert_eq!(Some(&answer.body), request.body.as_ref());
                assert_eq!(answer.forwarded("x-team"), [] as [&[u8]; 0]);
            }
            let count = Some(unpatchable.len() as u64);
            assert_eq!(proxy.stat(&counter("blue", "decisions_unpatchable")), count);
        }
    }

    /// It waits for the body as any request of blue does.
    #[test]
    fn a_request_that_only_blue_can_patch_is_blues<P: Proxy>() {
        for mut release in prompt_releases(json!({"answers": {}})) {
            let of_blue = json!({"headers": {"set": {"x-team": "azure"}}, "model": "now"});
            release["versions"]["blue"]["request"] = of_blue;
            let mut proxy = P::start(&release);
            // A prompt in place of messages has no place for green's system prompt.
            let answer =
                proxy.send(&json_post("/v1/completions", r#"{"prompt":"Hi","model":"old"}"#));
            let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
            assert_eq!(got, (200, "llm-blue", "blue"));
            assert_eq!(String::from_utf8_lossy(&answer.body), r#"{"prompt":"Hi","model":"now"}"#);
            assert_eq!(answer.forwarded("x-team"), [b"azure"]);
            for (metric, count) in [("requests", 1), ("decisions_unpatchable", 1)] {
                assert_eq!(proxy.stat(&counter("blue", metric)), Some(count), "{metric}");
            }
            assert_eq!(proxy.stat(&counter("green", "requests")), Some(0));
        }
    }

    #[test]
    fn streams_are_asked_for_usage<P: Proxy>() {
        let release = by_version(json!({
            "weights": {"blue": 1, "green": 1}, "answers": {"include_usage": true},
        }));
        let mut proxy = P::start(&release);
        let answer = proxy.send(&json_post(CHAT, r#"{"stream":true}"#));
        let asked = r#"{"stream":true,"stream_options":{"include_usage":true}}"#;
        assert_eq!(String::from_utf8_lossy(&answer.body), asked);
        let answer = proxy.send(&json_post(CHAT, "no JSON"));
        assert_eq!((answer.status, &answer.body[..]), (200, &b"no JSON"[..]));
    }

    #[test]
    fn a_version_that_depends_on_the_body_is_refused<P: Proxy>() {
        let id = json!({"pointer": "/conversation"});
        let mut proxy = P::start(&by_version(json!({"weights": {"blue": 0, "green": 1}})));
        let refused = by_version(json!({"conversation": {"id": [{"header": "x-chat"}, id]}}));
        let log = proxy.push(&refused).unwrap_err();
        let expected =
            "conversation.id[1]: {\"pointer\":\"/conversation\"}: the body is read after routing";
        assert!(log.contains(expected), "{log}");
        assert_eq!(proxy.send(&json_post(CHAT, "{}")).cluster, "llm-green");
    }

    #[instantiate_tests(<Host>)]
    mod on_the_host_emulator {}

    #[instantiate_tests(<Envoy>)]
    mod in_real_envoy {}
}
