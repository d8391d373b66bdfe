//! Failover: blue answers a request on which green fails. Run as scenarios.

use serde_json::{Value, json};

use crate::patching::{CHAT, json_post};
use crate::proxy::{Answer, Proxy, config, counter, set_fields};

/// A release with all traffic on green, with or without failover.
pub fn green_release(has_failover: bool, overrides: Value) -> Value {
    let mut config = config(json!({"weights": {"blue": 0, "green": 1}, "answers": {}}));
    let green = &mut config["versions"]["green"];
    green["request"] = json!({
        "model": "next", "system": {"prepend": "Be brief. "}, "headers": {"set": {"x-team": "copper"}},
    });
    if has_failover {
        green["failover"] = json!({"cluster": "llm-green-failover"});
    }
    set_fields(&mut config, &overrides);
    config
}

/// The request headers that the upstream received, without those that differ in each request.
fn comparable_headers(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    // Each Envoy has its own port, so that `host` differs.
    let variable = ["x-request-id", "host"];
    let mut headers = answer.forwarded.clone();
    headers.retain(|(name, _)| !variable.contains(&name.as_str()));
    headers.sort();
    headers
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    #[test]
    fn failover_does_not_change_the_requests_of_green<P: Proxy>() {
        let body = r#"{"model":"now","messages":[]}"#;
        let patched = br#"{"model":"next","messages":[{"role":"system","content":"Be brief. "}]}"#;
        let answers = [false, true].map(|has_failover| {
            let mut proxy = P::start(&green_release(has_failover, json!({})));
            let answer = proxy.send(&json_post(CHAT, body));
            let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
            assert_eq!(got, (200, "llm-green", "green"));
            assert_eq!(answer.body, patched);
            for (metric, count) in
                [("requests", 1), ("decisions_weight", 1), ("responses_2xx", 1), ("failed_over", 0)]
            {
                assert_eq!(proxy.stat(&counter("green", metric)), Some(count), "{metric}");
            }
            assert_eq!(proxy.stat(&counter("blue", "requests")), Some(0));
            answer
        });
        assert_eq!(comparable_headers(&answers[0]), comparable_headers(&answers[1]));
        assert_eq!(answers[0].path, answers[1].path);
    }

    #[test]
    fn an_unpatchable_request_goes_to_blue_without_trying_green<P: Proxy>() {
        let mut proxy = P::start(&green_release(true, json!({"max_request_body": 200})));
        let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(200));
        for body in ["no JSON", large.as_str()] {
            let answer = proxy.send(&json_post(CHAT, body));
            assert_eq!((answer.cluster.as_str(), answer.version.as_str()), ("llm-blue", "blue"));
            assert_eq!(answer.body, body.as_bytes());
            assert_eq!(answer.forwarded("x-team"), [] as [&[u8]; 0]);
        }
        assert_eq!(proxy.stat(&counter("blue", "decisions_unpatchable")), Some(2));
        assert_eq!(proxy.stat(&counter("green", "requests")), Some(0));
    }

    #[instantiate_tests(<Host>)]
    mod on_the_host_emulator {}

    #[instantiate_tests(<Envoy>)]
    mod in_real_envoy {}
}
