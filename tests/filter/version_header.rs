//! Routes that match the version header, `route_by`; run as scenarios.

use serde_json::{Value, json};

use crate::assignment::is_green;
use crate::proxy::{Proxy, Request, config, counter, set_fields};

/// A release whose versions have no cluster.
pub fn by_version(fields: Value) -> Value {
    let mut config = config(json!({
        "route_by": "version_header",
        "versions": {"blue": {}, "green": {}},
    }));
    set_fields(&mut config, &fields);
    config
}

/// What a client may send in the version header.
pub const SPOOFED: [&[&str]; 7] =
    [&[], &["green"], &["blue"], &["teal"], &[""], &["green", "blue"], &["blue", "green", "green"]];

/// The request with these values in the version header, under names in various cases.
pub fn spoofing(mut request: Request, values: &[&str]) -> Request {
    let names = ["x-verdigris-version", "X-VERDIGRIS-VERSION", "X-Verdigris-vERSION"];
    for (value, name) in values.iter().zip(names) {
        request = request.header(name, value);
    }
    request
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    #[test]
    fn the_filter_alone_chooses_the_version<P: Proxy>() {
        let mut proxy = P::start(&by_version(json!({"weights": {"blue": 1, "green": 1}})));
        let mut counts = [0_u64; 2];
        for user in 0..40 {
            let user = format!("user-{user}");
            let is_green = is_green(user.as_bytes(), 1, 1);
            let version = if is_green { "green" } else { "blue" };
            for values in SPOOFED {
                let request = Request::from_user(&user).header("x-verdigris-cluster", "llm-next");
                let answer = proxy.send(&spoofing(request, values));
                let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
                assert_eq!(got, (200, format!("llm-{version}").as_str(), version), "{values:?}");
                assert_eq!(answer.forwarded("x-verdigris-version"), [version.as_bytes()]);
                assert!(answer.forwarded("x-verdigris-cluster").is_empty());
                counts[usize::from(is_green)] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
        for (version, count) in ["blue", "green"].into_iter().zip(counts) {
            assert_eq!(proxy.stat(&counter(version, "requests")), Some(count), "{version}");
            assert_eq!(proxy.stat(&counter(version, "decisions_weight")), Some(count));
        }
    }

    #[test]
    fn without_an_assignment_the_header_says_blue<P: Proxy>() {
        let mut proxy = P::start(&by_version(json!({
            "weights": {"blue": 0, "green": 1},
            "pins": {"blue": ["tia"]},
            "force_header": "x-force",
            "feedback": {"path": "/feedback", "thumb": "/thumb", "answered_by": "upstream"},
            "read_body": "before_routing",
        })));
        let feedback = Request::from_user("ada").post("/feedback", r#"{"thumb": "up"}"#);
        let requests = [
            Request::anonymous(),
            Request::from_user("tia"),
            Request::from_user("ada").header("x-force", "blue"),
            feedback,
        ];
        for request in &requests {
            for values in SPOOFED {
                let answer = proxy.send(&spoofing(request.clone(), values));
                assert_eq!(answer.cluster, "llm-blue", "{request:?} {values:?}");
                assert_eq!(answer.forwarded("x-verdigris-version"), [b"blue"]);
            }
        }
        let sent = SPOOFED.len() as u64;
        for (metric, count) in [("no_unit", sent), ("pinned", sent), ("forced", sent)] {
            let name = counter("blue", &format!("decisions_{metric}"));
            assert_eq!(proxy.stat(&name), Some(count), "{metric}");
        }
        assert_eq!(proxy.stat(&counter("green", "requests")), Some(0));
    }

    /// Envoy routes the request when its body has arrived.
    #[test]
    fn a_patched_request_is_routed_by_the_header<P: Proxy>() {
        let mut proxy = P::start(&by_version(json!({
            "weights": {"blue": 0, "green": 1},
            "versions": {"blue": {}, "green": {"request": {"model": "next"}}},
            "read_body": "before_routing",
        })));
        let request = crate::patching::json_post(crate::patching::CHAT, r#"{"model":"now"}"#);
        for values in SPOOFED {
            let answer = proxy.send(&spoofing(request.clone(), values));
            assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-green"), "{values:?}");
            assert_eq!(answer.body, br#"{"model":"next"}"#);
        }
        let unpatchable = crate::patching::json_post(crate::patching::CHAT, "no JSON");
        for values in SPOOFED {
            let answer = proxy.send(&spoofing(unpatchable.clone(), values));
            assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"), "{values:?}");
            assert_eq!(answer.forwarded("x-verdigris-version"), [b"blue"]);
        }
    }

    #[instantiate_tests(<Host>)]
    mod on_the_host_emulator {}

    #[instantiate_tests(<Envoy>)]
    mod in_real_envoy {}
}

/// A host that refuses to write headers, such as by `capability_restriction_config`.
#[test]
fn if_the_host_refuses_the_header_a_spoofed_one_is_removed() {
    let mut host =
        crate::host::Host::start(&by_version(json!({"weights": {"blue": 0, "green": 1}})));
    host.refuse("proxy_replace_header_map_value", 10);
    for values in SPOOFED {
        let answer = host.send(&spoofing(Request::from_user("ada"), values));
        assert_eq!((answer.status, answer.cluster.as_str()), (200, "llm-blue"), "{values:?}");
    }
    for version in ["blue", "green"] {
        assert_eq!(host.stat(&counter(version, "requests")), Some(0));
    }
}
