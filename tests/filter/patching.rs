//! Changes to requests, and conversations in them; run as scenarios.

use serde_json::{Value, json};

use crate::assignment::is_green;
use crate::proxy::{Proxy, Request, config, counter};

pub const CHAT: &str = "/v1/chat/completions";

/// A release that changes only the request: both versions use one cluster, all traffic is on
/// green.
fn prompt_release(request: Value) -> Value {
    config(json!({
        "weights": {"blue": 0, "green": 1},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-blue", "request": request},
        },
    }))
}

/// Conversations whose markers are sent in a header and a cookie.
fn with_markers() -> Value {
    config(json!({
        "weights": {"blue": 1, "green": 1},
        "conversation": {
            "id": {"header": "x-chat"},
            "marker": [{"header": "x-began"}, {"cookie": "began"}],
        },
    }))
}

pub fn json_post(path: &str, body: &str) -> Request {
    Request::from_user("ada").header("content-type", "application/json").post(path, body)
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    #[test]
    fn a_version_can_be_a_prompt_or_a_model<P: Proxy>() {
        let mut proxy = P::start(&prompt_release(json!({
            "headers": {"set": {"x-team": "copper"}, "remove": ["x-old"]},
            "model": "gpt-5-mini",
            "system": {"append": "Be brief."},
            "merge": {"temperature": 0.5, "user": null},
        })));
        let merged = ",\"temperature\":0.5";
        let table = [
            (
                CHAT,
                r#"{ "model":"gpt-4o", "user":"u", "messages":[{"role":"system","content":"Hi."},{"role":"user","content":"\u00e9"}] }"#,
                format!(
                    r#"{{ "model":"gpt-5-mini", "messages":[{{"role":"system","content":"Hi.\n\nBe brief."}},{{"role":"user","content":"\u00e9"}}]{merged} }}"#
                ),
            ),
            (
                "/v1/responses",
                r#"{"model":"gpt-4o","input":"a"}"#,
                format!(
                    r#"{{"model":"gpt-5-mini","input":"a"{merged},"instructions":"Be brief."}}"#
                ),
            ),
            (
                "/v1/messages",
                r#"{"model":"claude","system":[{"type":"text","text":"a"}]}"#,
                format!(
                    r#"{{"model":"gpt-5-mini","system":[{{"type":"text","text":"a"}},{{"type":"text","text":"Be brief."}}]{merged}}}"#
                ),
            ),
            (
                "/v1beta/models/gemini-2.5-flash:generateContent",
                r#"{"contents":[]}"#,
                format!(
                    r#"{{"contents":[]{merged},"systemInstruction":{{"parts":[{{"text":"Be brief."}}]}}}}"#
                ),
            ),
        ];
        for (path, body, patched) in &table {
            let request = json_post(path, body).header("x-old", "1").header("x-team", "tin");
            let answer = proxy.send(&request);
            assert_eq!((answer.status, answer.version.as_str()), (200, "green"), "{path}");
            assert_eq!(String::from_utf8_lossy(&answer.body), *patched, "{path}");
            assert_eq!(answer.path, path.replace("gemini-2.5-flash", "gpt-5-mini"));
            assert_eq!(answer.forwarded("content-length"), [patched.len().to_string().as_bytes()]);
            assert_eq!(answer.forwarded("x-team"), [b"copper"]);
            assert_eq!(answer.forwarded("x-old"), [] as [&[u8]; 0]);
        }
        // A request without a body has only its headers changed.
        let answer = proxy.send(&Request::from_user("ada").header("x-old", "1"));
        assert_eq!(
            (answer.version.as_str(), answer.forwarded("x-team")),
            ("green", vec![&b"copper"[..]])
        );
        let count = Some(table.len() as u64 + 1);
        assert_eq!(proxy.stat(&counter("green", "decisions_weight")), count);
        assert_eq!(proxy.stat(&counter("green", "requests")), count);
    }

    #[test]
    fn an_unpatchable_request_goes_to_blue_unchanged<P: Proxy>() {
        let request = json!({"model": "m", "headers": {"set": {"x-team": "copper"}}});
        let mut release = prompt_release(request);
        release["versions"]["green"]["cluster"] = json!("llm-green");
        release["max_request_body"] = json!(2_000);
        let mut proxy = P::start(&release);
        let large = format!(r#"{{"messages":[],"pad":"{}"}}"#, "x".repeat(2_000));
        let unpatchable = [
            json_post(CHAT, "no JSON"),
            json_post(CHAT, "[]"),
            json_post(CHAT, &large),
            json_post("/v1/embeddings", "{}"),
            json_post(CHAT, "{}").header("content-encoding", "gzip"),
            Request::from_user("ada").header("content-type", "text/plain").post(CHAT, "{}"),
            Request::from_user("ada").post(CHAT, "{}"),
        ];
        for request in &unpatchable {
            let answer = proxy.send(request);
            let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
            assert_eq!(got, (200, "llm-blue", "blue"), "{request:?}");
            assert_eq!(Some(&answer.body), request.body.as_ref());
            assert_eq!(answer.forwarded("x-team"), [] as [&[u8]; 0]);
        }
        assert_eq!(proxy.send(&json_post(CHAT, "{}")).body, br#"{"model":"m"}"#);
        assert_eq!(
            proxy.stat(&counter("blue", "decisions_unpatchable")),
            Some(unpatchable.len() as u64)
        );
        assert_eq!(proxy.stat(&counter("blue", "requests")), Some(unpatchable.len() as u64));
        assert_eq!(proxy.stat(&counter("green", "requests")), Some(1));

        release["versions"]["green"]["request"]["unpatchable"] = json!("pass");
        proxy.push(&release).unwrap();
        for request in &unpatchable {
            let answer = proxy.send(request);
            assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-green"), "{request:?}");
            assert_eq!(Some(&answer.body), request.body.as_ref());
        }
    }

    /// Envoy answers 413 to a request whose new body exceeds its buffer, which is 1 MiB.
    #[test]
    fn a_body_that_the_patch_would_make_too_large_goes_to_blue_unchanged<P: Proxy>() {
        let text = "x".repeat(49_000);
        let mut release = prompt_release(json!({"system": {"append": text}}));
        release["versions"]["green"]["cluster"] = json!("llm-green");
        let mut proxy = P::start(&release);
        let body_of = |size: usize| {
            let empty = r#"{"messages":[],"pad":""}"#;
            empty.replace("\"\"", &format!("\"{}\"", "y".repeat(size - empty.len())))
        };
        for (size, cluster, added) in [(950_000, "llm-green", true), (1_000_000, "llm-blue", false)]
        {
            let body = body_of(size);
            let answer = proxy.send(&json_post(CHAT, &body));
            assert_eq!((answer.status, answer.cluster.as_str()), (200, cluster), "{size}");
            assert_eq!(answer.body.len() > size, added, "{size}");
            assert_eq!(answer.body == body.as_bytes(), !added, "{size}");
        }
        assert_eq!(proxy.stat(&counter("blue", "decisions_unpatchable")), Some(1));
    }

    #[test]
    fn blue_gets_an_unpatchable_request_as_its_own<P: Proxy>() {
        let mut release = prompt_release(json!({"system": {"append": "Be brief."}}));
        release["versions"]["blue"]["request"] =
            json!({"model": "blue-model", "headers": {"set": {"x-team": "tin"}}});
        let mut proxy = P::start(&release);
        // It has no place for a system prompt.
        let answer = proxy.send(&json_post("/v1/completions", r#"{"model":"alias","prompt":"p"}"#));
        assert_eq!((answer.status, answer.version.as_str()), (200, "blue"));
        let expected = r#"{"model":"blue-model","prompt":"p"}"#;
        assert_eq!(String::from_utf8_lossy(&answer.body), expected);
        assert_eq!(answer.forwarded("content-length"), [expected.len().to_string().as_bytes()]);
        assert_eq!(answer.forwarded("x-team"), [b"tin"]);
        // Neither version's patch can be applied to it.
        let answer = proxy.send(&json_post("/v1/completions", "no JSON"));
        assert_eq!((answer.version.as_str(), &answer.body[..]), ("blue", &b"no JSON"[..]));
        assert_eq!(answer.forwarded("x-team"), [] as [&[u8]; 0]);
        assert_eq!(proxy.stat(&counter("blue", "decisions_unpatchable")), Some(2));
    }

    #[test]
    fn requests_of_blue_are_patched_and_streams_request_usage<P: Proxy>() {
        let mut proxy = P::start(&config(json!({
            "weights": {"blue": 1, "green": 0},
            "versions": {
                "blue": {"cluster": "llm-blue", "request": {"model": "blue-model"}},
                "green": {"cluster": "llm-green"},
            },
            "pins": {"green": ["qa-7"]},
            "answers": {"include_usage": true},
        })));
        let stream = r#"{"stream":true}"#;
        let usage = r#""stream_options":{"include_usage":true}"#;
        let blue = proxy.send(&json_post(CHAT, stream)).body;
        assert_eq!(blue, format!(r#"{{"stream":true,"model":"blue-model",{usage}}}"#).as_bytes());
        let green = |request: Request| request.header("x-user-id", "qa-7");
        let post = |body: &str| {
            green(Request::anonymous()).header("content-type", "application/json").post(CHAT, body)
        };
        let answer = proxy.send(&post(stream));
        assert_eq!(answer.body, format!(r#"{{"stream":true,{usage}}}"#).as_bytes());
        // A request that cannot request usage is sent unchanged.
        let answer = proxy.send(&post("no JSON"));
        assert_eq!((answer.version.as_str(), answer.body.as_slice()), ("green", &b"no JSON"[..]));
    }

    #[test]
    fn a_field_of_the_body_can_be_the_conversation_id<P: Proxy>() {
        let mut proxy = P::start(&config(json!({
            "weights": {"blue": 1, "green": 1},
            "conversation": {"id": [{"header": "x-chat"}, {"pointer": "/conversation/id"}, {"pointer": "/conversation"}]},
        })));
        for number in 0..20 {
            let id = format!("conv_{number}");
            let version = if is_green(id.as_bytes(), 1, 1) { "green" } else { "blue" };
            let bodies = [
                json!({"conversation": {"id": id}, "input": "a"}),
                json!({"input": "a", "conversation": id}),
            ];
            for body in bodies {
                let body = body.to_string();
                let answer = proxy.send(&json_post("/v1/responses", &body));
                assert_eq!(
                    (answer.version.as_str(), answer.body.as_slice()),
                    (version, body.as_bytes())
                );
            }
            let in_header = Request::from_user(format!("user-{number}")).header("x-chat", &id);
            assert_eq!(proxy.send(&in_header).version, version);
        }
        // Without an id the user is the unit.
        let user_version = if is_green(b"ada", 1, 1) { "green" } else { "blue" };
        for body in [r#"{"input":"a"}"#, "no JSON", r#"{"conversation":7}"#] {
            assert_eq!(proxy.send(&json_post("/v1/responses", body)).version, user_version);
        }
    }

    #[test]
    fn the_marker_tells_a_client_when_its_conversation_began<P: Proxy>() {
        let mut proxy = P::start(&with_markers());
        let chat_request = Request::from_user("ada").header("x-chat", "talk");
        let first = proxy.send(&chat_request);
        let marker = first.header("x-began").unwrap();
        let cookie = format!("began={marker}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax");
        assert_eq!(first.header("set-cookie"), Some(cookie));
        for held in [
            chat_request.clone().header("x-began", &marker),
            chat_request.clone().header("cookie", format!("a=b; began={marker}")),
            chat_request
                .clone()
                .header("cookie", "a=b")
                .header("cookie", format!("began={marker}")),
        ] {
            let answer = proxy.send(&held);
            assert_eq!((answer.header("x-began"), answer.header("set-cookie")), (None, None));
            assert_eq!(answer.version, first.version);
        }
        // A second conversation of the client is added to the marker.
        let other = Request::from_user("ada").header("x-chat", "other").header("x-began", &marker);
        let both = proxy.send(&other).header("x-began").unwrap();
        assert!(both.ends_with(&format!("~{marker}")), "{both}");
        // An id with a timestamp, here a UUID of version 7, needs no marker.
        let uuid =
            Request::from_user("ada").header("x-chat", "00000000-0000-7000-8000-000000000000");
        assert_eq!(proxy.send(&uuid).header("x-began"), None);
    }

    #[test]
    fn the_cookie_of_a_marker_has_the_configured_attributes<P: Proxy>() {
        let mut proxy = P::start(&config(json!({
            "conversation": {
                "id": {"header": "x-chat"},
                "marker": {
                    "cookie": "__Secure-began", "secure": true, "same_site": "none",
                    "domain": "example.com", "path": "/chat",
                },
                "drain": {"max_age": "1h"},
            },
        })));
        let chat_request = Request::from_user("ada").header("x-chat", "talk");
        let cookie = proxy.send(&chat_request).header("set-cookie").unwrap();
        let (name, attributes) = cookie.split_once("; ").unwrap();
        assert!(name.starts_with("__Secure-began="), "{cookie}");
        let expected =
            "Path=/chat; Domain=example.com; Max-Age=3600; Secure; HttpOnly; SameSite=None";
        assert_eq!(attributes, expected);
    }

    #[instantiate_tests(<Host>)]
    mod on_the_host_emulator {}

    #[instantiate_tests(<Envoy>)]
    mod in_real_envoy {}
}
