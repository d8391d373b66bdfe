//! Routes that match the version header, in HTTP/1.1 and HTTP/2.

use serde_json::json;

use crate::envoy::clients::{Http2Request, send_http1, send_http2};
use crate::envoy::upstream::Upstream;
use crate::envoy::{Envoy, Setup, filter_yaml, route_by_version};
use crate::patching::{CHAT, json_post};
use crate::proxy::{Proxy as _, Request, counter};
use crate::version_header::{SPOOFED, by_version, spoofing};

/// Names keep their case in HTTP/1.1, and a repeated header its lines.
#[test]
fn a_spoofed_header_has_no_effect_in_any_protocol() {
    for (version, green) in [("blue", 0), ("green", 1)] {
        let weights = json!({"weights": {"blue": 1 - green, "green": green}});
        let envoy = Envoy::start(&by_version(weights));
        let cluster = format!("llm-{version}");
        for values in SPOOFED {
            let names = ["x-verdigris-version", "X-VERDIGRIS-VERSION", "X-Verdigris-vErSiOn"];
            let lines =
                names.iter().zip(values).map(|(name, value)| format!("{name}: {value}\r\n"));
            let head = format!(
                "GET / HTTP/1.1\r\nhost: a\r\n{}x-user-id: ada\r\nconnection: close\r\n\r\n",
                lines.collect::<String>()
            );
            let mut headers = vec![("x-user-id", "ada")];
            headers.extend(values.iter().map(|value| ("x-verdigris-version", *value)));
            let request = Http2Request { path: "/", headers, ..Http2Request::default() };
            for answer in [send_http1(&envoy.url, &head, &[]), send_http2(&envoy.url, &request)] {
                assert_eq!((answer.status, answer.cluster()), (200, cluster.clone()), "{values:?}");
                assert_eq!(answer.forwarded("x-verdigris-version"), [version]);
            }
        }
        let sent = 2 * SPOOFED.len() as u64;
        envoy.wait_for_stats(&[(counter(version, "requests"), sent)]);
    }
}

/// Envoy routes it again by the version header, which it still has.
#[test]
fn a_redirected_request_stays_on_its_version() {
    let filter = filter_yaml(&by_version(json!({
        "weights": {"blue": 0, "green": 1},
        "pins": {"blue": ["tia"]},
        "versions": {"blue": {}, "green": {"request": {"system": {"append": "Be brief."}}}},
        "answers": {"paths": [{"prefix": "/redirect/", "format": "chat"}]},
    })));
    let follow = |bootstrap: String, _: &[Upstream; 3]| {
        let policy = "internal_redirect_policy: {redirect_response_codes: [307]}";
        route_by_version(&bootstrap).replace("timeout: 0s}", &format!("timeout: 0s, {policy}}}"))
    };
    let mut envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        edit_bootstrap: &follow,
        ..Setup::default()
    });
    for (user, cluster, texts) in [("ada", "llm-green", 1), ("tia", "llm-blue", 0)] {
        let mut request = json_post(&format!("/redirect/307/1{CHAT}"), r#"{"messages":[]}"#);
        request.headers.retain(|(name, _)| name != "x-user-id");
        let answer = envoy.send(&request.header("x-user-id", user));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, cluster));
        assert_eq!(String::from_utf8_lossy(&answer.body).matches("Be brief.").count(), texts);
        // A header that Envoy adds to redirected requests does not let a client choose.
        for values in SPOOFED {
            let forged = Request::from_user(user).header("x-envoy-original-url", "http://a/");
            assert_eq!(envoy.send(&spoofing(forged, values)).cluster, cluster);
        }
    }
    let sent = 1 + SPOOFED.len() as u64;
    envoy.wait_for_stats(&[
        (counter("green", "requests"), sent),
        (counter("blue", "requests"), sent),
    ]);
}
