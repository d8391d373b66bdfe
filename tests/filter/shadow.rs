//! Shadow requests: green answers a copy of the request, and nobody receives the answer. Run as
//! scenarios.

use serde_json::{Value, json};

use crate::patching::{CHAT, json_post};
use crate::proxy::{Proxy, Request, ShadowRequest, config, counter, set_fields};

fn with_shadow_percent(percent: u32, overrides: Value) -> Value {
    let mut config = config(json!({
        "weights": {"blue": 1, "green": 0},
        "shadow": {"percent": percent},
        "max_request_body": 2_000,
    }));
    set_fields(&mut config, &overrides);
    config
}

fn shadow_stat<P: Proxy>(proxy: &mut P, metric: &str) -> Option<u64> {
    proxy.stat(&counter("shadow", metric))
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    #[test]
    fn green_gets_a_copy_of_the_request_and_the_client_gets_blues_answer<P: Proxy>() {
        let mut release = with_shadow_percent(100, json!({}));
        release["versions"]["green"]["request"] = json!({
            "model": "next", "system": {"replace": "Be brief."}, "headers": {"set": {"x-team": "copper"}},
        });
        let mut proxy = P::start(&release);
        let body = r#"{"model":"now","messages":[]}"#;
        let answer = proxy.send(&json_post(CHAT, body));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"));
        assert_eq!((answer.version.as_str(), answer.body.as_slice()), ("blue", body.as_bytes()));
        for header in ["x-verdigris-shadow", "x-verdigris-cluster", "x-team"] {
            assert_eq!(answer.forwarded(header), [] as [&[u8]; 0], "{header}");
        }
        let patched = br#"{"model":"next","messages":[{"role":"system","content":"Be brief."}]}"#;
        let expected = ShadowRequest {
            cluster: "llm-green".into(),
            path: CHAT.into(),
            body: patched.to_vec(),
        };
        assert_eq!(proxy.shadows(1), [expected]);
        assert_eq!(shadow_stat(&mut proxy, "requests"), Some(1));
        // The shadow is counted only in the counters of version `shadow`.
        assert_eq!(proxy.stat(&counter("blue", "requests")), Some(1));
        for metric in ["requests", "responses_2xx"] {
            assert_eq!(proxy.stat(&counter("green", metric)), Some(0), "{metric}");
        }
        assert_eq!(shadow_stat(&mut proxy, "decisions_weight"), None);

        // A body that is not JSON cannot be patched and is not sent to green.
        let answer = proxy.send(&json_post(CHAT, "no JSON"));
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"no JSON"[..]));
        proxy.await_stat(&counter("shadow", "decisions_unpatchable"), 1);
        assert_eq!(proxy.shadows(0), []);
    }

    #[test]
    fn only_requests_that_are_safe_to_repeat_have_a_shadow<P: Proxy>() {
        let mut proxy = P::start(&with_shadow_percent(
            100,
            json!({
                "pins": {"blue": ["never"], "green": ["qa-7"]},
                "force_header": "x-force",
            }),
        ));
        let post = |unit: &str| {
            Request::from_user(unit).header("content-type", "application/json").post(CHAT, "{}")
        };
        let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(2_000));
        let without_shadow = [
            Request::from_user("ada"),
            json_post("/v1/files", "{}"),
            json_post(CHAT, &large),
            json_post(CHAT, "{}").header("content-encoding", "gzip"),
            Request::from_user("ada").header("content-type", "text/plain").post(CHAT, "{}"),
            Request::from_user("ada").header("x-verdigris-shadow", "1"),
            post("never"),
            post("qa-7"),
            post("ada").header("x-force", "blue"),
        ];
        for request in &without_shadow {
            assert_eq!(proxy.send(request).status, 200, "{request:?}");
        }
        assert_eq!(proxy.shadows(0), []);
        assert_eq!(shadow_stat(&mut proxy, "requests"), Some(0));
        let anonymous = Request::anonymous().header("content-type", "application/json");
        for request in [post("ada"), anonymous.post(CHAT, "{}")] {
            proxy.send(&request);
        }
        assert_eq!(proxy.shadows(2).len(), 2);
        assert_eq!(shadow_stat(&mut proxy, "requests"), Some(2));
    }

    #[test]
    fn either_all_or_no_requests_of_a_unit_have_shadows<P: Proxy>() {
        let mut proxy = P::start(&with_shadow_percent(25, json!({})));
        let send = |proxy: &mut P, unit: usize| {
            let request = Request::from_user(format!("user-{unit}"));
            let request = request.header("content-type", "application/json").post(CHAT, "{}");
            proxy.send(&request);
        };
        let mut with_shadow = Vec::new();
        let mut expected = 0;
        for unit in 0..200 {
            let hash =
                mur3::murmurhash3_x64_128(format!("assistant-v8user-{unit}").as_bytes(), 0).1;
            let is_mirrored = ((hash & u64::from(u32::MAX)) * 100) >> 32 < 25;
            with_shadow.extend(is_mirrored.then_some(unit));
            for _ in 0..2 {
                send(&mut proxy, unit);
                expected += u64::from(is_mirrored);
            }
        }
        assert!((30..70).contains(&with_shadow.len()), "{}", with_shadow.len());
        let count = usize::try_from(expected).unwrap();
        assert_eq!(proxy.shadows(count).len(), count);
        assert_eq!(shadow_stat(&mut proxy, "requests"), Some(expected));
        // A larger percentage includes all units of the smaller one.
        proxy.push(&with_shadow_percent(60, json!({}))).unwrap();
        for unit in &with_shadow {
            send(&mut proxy, *unit);
        }
        assert_eq!(proxy.shadows(with_shadow.len()).len(), with_shadow.len());
    }

    #[instantiate_tests(<Host>)]
    mod on_the_host_emulator {}

    #[instantiate_tests(<Envoy>)]
    mod in_real_envoy {}
}
