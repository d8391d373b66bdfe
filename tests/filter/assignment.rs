//! Assignment of requests to versions; run as scenarios.

use serde_json::{Value, json};

use crate::proxy::ROLLOUT;
use crate::proxy::{Proxy, Request, config, counter, weights};

/// The assignment formula, implemented independently of the filter.
pub fn is_green(user: &[u8], blue: u32, green: u32) -> bool {
    let key = [ROLLOUT.as_bytes(), user].concat();
    let hash = mur3::murmurhash3_x86_32(&key, 0);
    (u64::from(hash) * u64::from(blue + green)) >> 32 < u64::from(green)
}

/// 2,000 user ids of 1 byte to 4 KiB: ASCII, UTF-8 and invalid UTF-8.
fn users() -> Vec<Vec<u8>> {
    let mut users: Vec<Vec<u8>> = (b'!'..=b'~').map(|byte| vec![byte]).collect();
    let alphabets: [&str; 3] =
        ["abcdefghijklmnopqrstuvwxyz0123456789-_@.", "äéß日本語🦆ж", "\u{80}\u{ff}"];
    for number in users.len()..2000 {
        let letters: Vec<char> = alphabets[number % 3].chars().collect();
        // Most ids are short; one in fifty is 4 KiB long.
        let length = if number % 50 == 0 { 4096 } else { 1 + number % 64 };
        let mut user = number.to_string();
        user.extend((0..length).map(|i| letters[(i * 7 + number) % letters.len()]));
        let mut user = user.into_bytes();
        user.truncate(4096);
        users.push(user);
    }
    users
}

#[generic_tests::define]
mod scenarios {
    use super::*;
    use crate::envoy::Envoy;
    use crate::host::Host;

    #[test]
    fn each_user_gets_the_version_that_the_formula_assigns<P: Proxy>() {
        let users = users();
        assert_eq!(users.len(), 2000);
        let mut proxy = P::start(&weights(1, 0));
        for (blue, green) in [(99, 1), (95, 5), (667, 333), (50, 50), (0, 100)] {
            proxy.push(&weights(blue, green)).unwrap();
            let mut greens = 0;
            for user in &users {
                let answer = proxy.send(&Request::from_user(user));
                let (cluster, version) = match is_green(user, blue, green) {
                    true => ("llm-green", "green"),
                    false => ("llm-blue", "blue"),
                };
                let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
                assert_eq!(
                    got,
                    (200, cluster, version),
                    "{} at {blue}/{green}",
                    user.escape_ascii()
                );
                greens += u32::from(version == "green");
            }
            assert!(greens > 0 && (blue == 0) == (greens == 2000), "{greens} at {blue}/{green}");
        }
    }

    #[test]
    fn each_decision_is_counted_once<P: Proxy>() {
        let mut proxy = P::start(&config(json!({
            "weights": {"blue": 1, "green": 1},
            "pins": {"blue": ["tia"], "green": ["qa-7"]},
            "force_header": "x-force",
        })));
        let mut expected = [0_u64; 2];
        for user in 0..200 {
            let user = format!("user-{user}");
            proxy.send(&Request::from_user(&user));
            expected[usize::from(is_green(user.as_bytes(), 1, 1))] += 1;
        }
        for _ in 0..3 {
            proxy.send(&Request::from_user("tia"));
            proxy.send(&Request::from_user("qa-7"));
        }
        proxy.send(&Request::from_user("qa-7").header("x-force", "blue"));
        proxy.send(&Request::anonymous());

        let [blue, green] = expected;
        assert!(blue > 50 && green > 50);
        let counts = [
            ("blue", "requests", blue + 5),
            ("blue", "decisions_weight", blue),
            ("blue", "decisions_pinned", 3),
            ("blue", "decisions_forced", 1),
            ("blue", "decisions_no_unit", 1),
            ("green", "requests", green + 3),
            ("green", "decisions_weight", green),
            ("green", "decisions_pinned", 3),
            ("green", "decisions_forced", 0),
            ("green", "decisions_no_unit", 0),
        ];
        for (version, metric, count) in counts {
            assert_eq!(proxy.stat(&counter(version, metric)), Some(count), "{version} {metric}");
        }
    }

    #[test]
    fn a_growing_share_keeps_users_on_green_across_reload_and_restart<P: Proxy>() {
        let mut proxy = P::start(&weights(99, 1));
        let mut on_green = vec![false; 300];
        // The totals differ on purpose: a share can be written with any total.
        for (step, (blue, green)) in
            [(99, 1), (19, 1), (3, 1), (1, 1), (0, 7)].into_iter().enumerate()
        {
            proxy.push(&weights(blue, green)).unwrap();
            if step == 2 {
                proxy.restart();
            }
            for (user, on_green) in on_green.iter_mut().enumerate() {
                let answer = proxy.send(&Request::from_user(format!("user-{user}")));
                let is_green = answer.version == "green";
                assert!(is_green || !*on_green, "user-{user} returned to blue at {blue}/{green}");
                *on_green = is_green;
            }
        }
        assert!(on_green.iter().all(|on_green| *on_green));
    }

    #[test]
    fn a_refused_configuration_leaves_the_previous_one_in_force<P: Proxy>() {
        let mut proxy = P::start(&weights(0, 1));
        let refused = [
            (weights(0, 0), "weights: {\"blue\":0,\"green\":0}: make at least one"),
            (config(json!({"unit": []})), "unit: []: write"),
            (config(json!({"wieghts": {}})), "wieghts: {}: unknown field"),
            (json!({}), "rollout: missing"),
            (Value::from("{"), "plugin configuration"),
        ];
        for (config, message) in refused {
            let log = proxy.push(&config).unwrap_err();
            assert!(log.contains(message), "{log}\ndoes not contain\n{message}");
            assert_eq!(proxy.send(&Request::from_user("ada")).cluster, "llm-green");
        }
        proxy.push(&weights(1, 0)).unwrap();
        assert_eq!(proxy.send(&Request::from_user("ada")).cluster, "llm-blue");
    }

    #[test]
    fn client_headers_with_the_names_of_the_filter_have_no_effect<P: Proxy>() {
        let mut proxy = P::start(&weights(1, 0));
        for (share, cluster, version) in
            [((1, 0), "llm-blue", "blue"), ((0, 1), "llm-green", "green")]
        {
            proxy.push(&weights(share.0, share.1)).unwrap();
            for spoofed in ["llm-green", "llm-blue", "llm-next", "nowhere"] {
                let request = Request::from_user("ada")
                    .header("x-verdigris-cluster", spoofed)
                    .header("X-Verdigris-Cluster", "second")
                    .header("x-verdigris-version", "teal")
                    .header("x-verdigris-force", "green");
                let answer = proxy.send(&request);
                let got = (answer.status, answer.cluster.as_str(), answer.version.as_str());
                assert_eq!(got, (200, cluster, version));
                // The upstream receives the version, but not the cluster header.
                assert_eq!(answer.forwarded("x-verdigris-version"), [version.as_bytes()]);
                assert!(answer.forwarded("x-verdigris-cluster").is_empty());
            }
        }
    }

    #[test]
    fn a_unit_can_be_any_bytes<P: Proxy>() {
        let mut proxy = P::start(&weights(1, 1));
        let units: [Vec<u8>; 6] = [
            b"\xff\xfe\xfd".to_vec(),
            vec![0x80],
            (0x80..=0xff).collect(),
            "日本".as_bytes()[..4].to_vec(),
            b"a\tb".to_vec(),
            vec![b'x'; 50_000],
        ];
        for unit in units {
            let answer = proxy.send(&Request::from_user(&unit));
            let version = if is_green(&unit, 1, 1) { "green" } else { "blue" };
            assert_eq!(
                (answer.status, answer.version.as_str()),
                (200, version),
                "{}",
                unit.escape_ascii()
            );
            assert_eq!(answer.forwarded("x-user-id"), [unit.as_slice()]);
        }
    }

    #[test]
    fn the_first_of_repeated_unit_headers_is_the_unit<P: Proxy>() {
        let mut proxy = P::start(&weights(1, 1));
        let find_user = |green: bool| {
            let mut users = (0..).map(|user| format!("user-{user}"));
            users.find(|user| is_green(user.as_bytes(), 1, 1) == green).unwrap()
        };
        let (blue, green) = (find_user(false), find_user(true));
        for (first, second, version) in [(&blue, &green, "blue"), (&green, &blue, "green")] {
            let answer = proxy.send(&Request::from_user(first).header("x-user-id", second));
            assert_eq!(answer.version, version);
        }
    }

    #[test]
    fn a_request_without_a_unit_gets_the_configured_version<P: Proxy>() {
        let mut proxy = P::start(&weights(0, 1));
        for request in [Request::anonymous(), Request::from_user("")] {
            assert_eq!(proxy.send(&request).version, "blue");
        }
        let random = json!({"weights": {"blue": 1, "green": 1}, "on_missing": "random"});
        proxy.push(&config(random)).unwrap();
        let greens =
            (0..200).filter(|_| proxy.send(&Request::anonymous()).version == "green").count();
        // Seven standard deviations: a fair split fails once in 10¹¹ runs.
        assert!((50..=150).contains(&greens), "{greens} of 200");
        assert_eq!(proxy.stat(&counter("green", "decisions_no_unit")), Some(greens as u64));
    }

    #[test]
    fn pins_take_precedence_over_weights<P: Proxy>() {
        let pins = json!({"blue": ["tia"], "green": ["qa-7", "山田"]});
        let mut proxy = P::start(&config(json!({"pins": pins})));
        for (user, version) in
            [("qa-7", "green"), ("山田", "green"), ("tia", "blue"), ("ada", "blue")]
        {
            assert_eq!(proxy.send(&Request::from_user(user)).version, version, "{user}");
        }
        proxy.push(&config(json!({"pins": pins, "weights": {"blue": 0, "green": 1}}))).unwrap();
        for (user, version) in [("qa-7", "green"), ("tia", "blue"), ("ada", "green")] {
            assert_eq!(proxy.send(&Request::from_user(user)).version, version, "{user}");
        }
    }

    #[test]
    fn the_force_header_has_an_effect_only_if_it_is_configured<P: Proxy>() {
        let mut proxy = P::start(&weights(1, 0));
        let forced = |value: &[u8]| Request::from_user("ada").header("x-verdigris-force", value);
        assert_eq!(proxy.send(&forced(b"green")).version, "blue");

        let force = json!({"force_header": "X-Verdigris-Force"});
        proxy.push(&config(force)).unwrap();
        let cases: [(&[u8], &str); 6] = [
            (b"green", "green"),
            (b"GREEN", "green"),
            (b"blue", "blue"),
            (b"", "blue"),
            (b"teal", "blue"),
            (b"\xff", "blue"),
        ];
        for (value, version) in cases {
            assert_eq!(proxy.send(&forced(value)).version, version, "{}", value.escape_ascii());
        }
        let anonymous = Request::anonymous().header("x-verdigris-force", "green");
        assert_eq!(proxy.send(&anonymous).version, "green");
        assert_eq!(proxy.stat(&counter("green", "decisions_forced")), Some(3));
        assert_eq!(proxy.stat(&counter("blue", "decisions_forced")), Some(1));
    }

    #[test]
    fn the_next_release_needs_only_a_new_filter_configuration<P: Proxy>() {
        let mut proxy = P::start(&weights(0, 1));
        assert_eq!(proxy.send(&Request::from_user("ada")).cluster, "llm-green");

        // The promoted green becomes the next blue. Envoy's bootstrap still sets the cluster
        // of the old blue before the filter runs.
        let next_release = |blue: u32, green: u32| {
            config(json!({
                "rollout": "assistant-v9",
                "versions": {"blue": {"cluster": "llm-green"}, "green": {"cluster": "llm-next"}},
                "default_cluster": "llm-blue",
                "weights": {"blue": blue, "green": green},
            }))
        };
        for (blue, green, cluster, version) in
            [(1, 0, "llm-green", "blue"), (0, 1, "llm-next", "green")]
        {
            proxy.push(&next_release(blue, green)).unwrap();
            let answer = proxy.send(&Request::from_user("ada"));
            assert_eq!((answer.cluster.as_str(), answer.version.as_str()), (cluster, version));
            assert_eq!(answer.forwarded("x-verdigris-version"), [version.as_bytes()]);
        }
        // No request reaches the old blue, not even one without a unit.
        assert_eq!(proxy.send(&Request::anonymous()).cluster, "llm-green");
    }

    #[test]
    fn both_versions_can_share_a_cluster<P: Proxy>() {
        let mut proxy = P::start(&config(json!({
            "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-blue"}},
            "weights": {"blue": 0, "green": 1},
        })));
        let answer = proxy.send(&Request::from_user("ada"));
        assert_eq!((answer.cluster.as_str(), answer.version.as_str()), ("llm-blue", "green"));
        assert_eq!(answer.forwarded("x-verdigris-version"), [b"green"]);
    }

    #[test]
    fn a_cookie_can_carry_the_unit<P: Proxy>() {
        let mut proxy = P::start(&config(json!({
            "unit": [{"header": "x-user-id"}, {"cookie": "uid"}],
            "weights": {"blue": 1, "green": 1},
        })));
        for user in 0..50 {
            let user = format!("user-{user}");
            let version = if is_green(user.as_bytes(), 1, 1) { "green" } else { "blue" };
            let cookies = format!("theme=dark; uid={user}; z=1");
            let by_cookie = Request::anonymous().header("cookie", cookies);
            assert_eq!(proxy.send(&by_cookie).version, version, "{user}");
            assert_eq!(proxy.send(&Request::from_user(&user)).version, version, "{user}");
            // Some clients and proxies send several cookie headers.
            let in_third_header =
                Request::anonymous().header("cookie", "theme=dark").header("cookie", "a=b");
            let in_third_header = in_third_header.header("cookie", format!("uid={user}"));
            assert_eq!(proxy.send(&in_third_header).version, version, "{user}");
        }
    }

    #[test]
    fn the_gauges_show_the_share_in_force<P: Proxy>() {
        let gauge = |rollout: &str, name: &str| format!("wasmcustom.verdigris.{rollout}.{name}");
        let mut proxy = P::start(&weights(95, 5));
        assert_eq!(proxy.stat(&gauge(ROLLOUT, "green_bp")), Some(500));
        assert_eq!(proxy.stat(&gauge(ROLLOUT, "phase")), Some(5));
        assert_eq!(proxy.stat(&gauge(ROLLOUT, "step")), Some(0));
        for (blue, green, basis_points) in [(3, 1, 2500), (95, 5, 500), (0, 1, 10_000)] {
            proxy.push(&weights(blue, green)).unwrap();
            assert_eq!(proxy.stat(&gauge(ROLLOUT, "green_bp")), Some(basis_points));
        }
        // The gauge of a replaced rollout is 0.
        let mut next = weights(1, 1);
        next["rollout"] = json!("assistant-v9");
        proxy.push(&next).unwrap();
        assert_eq!(proxy.stat(&gauge("assistant-v9", "green_bp")), Some(5000));
        assert_eq!(proxy.stat(&gauge(ROLLOUT, "green_bp")), Some(0));
    }

    #[instantiate_tests(<Host>)]
    mod on_the_host_emulator {}

    #[instantiate_tests(<Envoy>)]
    mod in_real_envoy {}
}
