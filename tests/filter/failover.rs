//! Blue answers what green fails; what the two are sent, run as scenarios.

use serde_json::{Value, json};

use crate::patching::{CHAT, json_post};
use crate::proxy::{Answer, Proxy, config, counter};

/// All on green, with or without failover.
pub fn release(has_failover: bool, differs: Value) -> Value {
    let mut config = config(json!({"weights": {"blue": 0, "green": 1}, "answers": {}}));
    let green = &mut config["versions"]["green"];
    green["request"] = json!({
        "model": "next", "system": {"prepend": "Be brief. "}, "headers": {"set": {"x-team": "copper"}},
    });
    if has_failover {
        green["failover"] = json!({"cluster": "llm-green-failover"});
    }
    config.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    config
}

/// What an upstream has been sent, without what differs from request to request.
fn sent(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    // The port is another Envoy's.
    let own = ["x-request-id", "host"];
    let mut sent = answer.forwarded.clone();
    sent.retain(|(name, _)| !own.contains(&name.as_str()));
    sent.sort();
    sent
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    #[test]
    fn a_green_with_failover_is_sent_what_it_is_sent_without<P: Proxy>() {
        let body = r#"{"model":"now","messages":[]}"#;
        let patched = br#"{"model":"next","messages":[{"role":"system","content":"Be brief. "}]}"#;
        let answers = [false, true].map(|has_failover| {
            let mut proxy = P::start(&release(has_failover, json!({})));
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
        assert_eq!(sent(&answers[0]), sent(&answers[1]));
        assert_eq!(answers[0].path, answers[1].path);
    }

    #[test]
    fn what_does_not_fit_green_is_blues_at_once<P: Proxy>() {
        let mut proxy = P::start(&release(true, json!({"max_request_body": 200})));
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
