//! Green is asked as well, for nobody; run as scenarios.

use serde_json::{Value, json};

use crate::patching::{CHAT, json_post};
use crate::proxy::{Copied, Proxy, Request, config, counter};

fn shadowing(percent: u32, differs: Value) -> Value {
    let mut config = config(json!({
        "weights": {"blue": 1, "green": 0},
        "shadow": {"percent": percent},
        "max_request_body": 2_000,
    }));
    config.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    config
}

fn shadow<P: Proxy>(proxy: &mut P, metric: &str) -> Option<u64> {
    proxy.stat(&counter("shadow", metric))
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    #[test]
    fn green_is_asked_as_well_for_nobody<P: Proxy>() {
        let mut release = shadowing(100, json!({}));
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
        let copied =
            Copied { cluster: "llm-green".into(), path: CHAT.into(), body: patched.to_vec() };
        assert_eq!(proxy.shadows(1), [copied]);
        assert_eq!(shadow(&mut proxy, "requests"), Some(1));
        // They are in no book but the shadow's.
        assert_eq!(proxy.stat(&counter("blue", "requests")), Some(1));
        for metric in ["requests", "responses_2xx"] {
            assert_eq!(proxy.stat(&counter("green", metric)), Some(0), "{metric}");
        }
        assert_eq!(shadow(&mut proxy, "decisions_weight"), None);

        // What turns out not to be JSON is not green's.
        let answer = proxy.send(&json_post(CHAT, "no JSON"));
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"no JSON"[..]));
        proxy.await_stat(&counter("shadow", "decisions_unpatchable"), 1);
        assert_eq!(proxy.shadows(0), []);
    }

    #[test]
    fn only_what_can_be_asked_twice_has_a_shadow<P: Proxy>() {
        let mut proxy = P::start(&shadowing(
            100,
            json!({
                "pins": {"blue": ["never"], "green": ["qa-7"]},
                "force_header": "x-force",
            }),
        ));
        let post = |unit: &str| {
            Request::of(unit).header("content-type", "application/json").post(CHAT, "{}")
        };
        let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(2_000));
        let others = [
            Request::of("ada"),
            json_post("/v1/files", "{}"),
            json_post(CHAT, &large),
            json_post(CHAT, "{}").header("content-encoding", "gzip"),
            Request::of("ada").header("content-type", "text/plain").post(CHAT, "{}"),
            Request::of("ada").header("x-verdigris-shadow", "1"),
            post("never"),
            post("qa-7"),
            post("ada").header("x-force", "blue"),
        ];
        for request in &others {
            assert_eq!(proxy.send(request).status, 200, "{request:?}");
        }
        assert_eq!(proxy.shadows(0), []);
        assert_eq!(shadow(&mut proxy, "requests"), Some(0));
        let anonymous = Request::anonymous().header("content-type", "application/json");
        for request in [post("ada"), anonymous.post(CHAT, "{}")] {
            proxy.send(&request);
        }
        assert_eq!(proxy.shadows(2).len(), 2);
        assert_eq!(shadow(&mut proxy, "requests"), Some(2));
    }

    #[test]
    fn a_units_requests_have_shadows_or_none_of_them_has<P: Proxy>() {
        let mut proxy = P::start(&shadowing(25, json!({})));
        let send = |proxy: &mut P, unit: usize| {
            let request = Request::of(format!("user-{unit}"));
            let request = request.header("content-type", "application/json").post(CHAT, "{}");
            let before = shadow(proxy, "requests").unwrap();
            proxy.send(&request);
            before
        };
        let mut with_shadow = Vec::new();
        let mut expected = 0;
        for unit in 0..200 {
            let hash =
                mur3::murmurhash3_x64_128(format!("assistant-v8user-{unit}").as_bytes(), 0).1;
            let is_in = ((hash & u64::from(u32::MAX)) * 100) >> 32 < 25;
            with_shadow.extend(is_in.then_some(unit));
            for _ in 0..2 {
                send(&mut proxy, unit);
                expected += u64::from(is_in);
            }
        }
        assert!((30..70).contains(&with_shadow.len()), "{}", with_shadow.len());
        let count = usize::try_from(expected).unwrap();
        assert_eq!(proxy.shadows(count).len(), count);
        assert_eq!(shadow(&mut proxy, "requests"), Some(expected));
        // A larger share has the same units, and more.
        proxy.push(&shadowing(60, json!({}))).unwrap();
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
