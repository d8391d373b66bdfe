//! Who gets which version: golden vectors, properties and tables.

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::assignment::bucket::MAX_TOTAL_WEIGHT;
use verdigris::assignment::unit::{find_cookie, find_later_cookie, find_unit, find_unit_in_lines};
use verdigris::assignment::{
    Assignment, AssignmentRequest, EffectiveShare, Exposure, Reason, Share, StartStep, StepShares,
    StickyShare, Version, analysis_hash, assign, bucket_hash,
};
use verdigris::config::Config;

/// flagd's bucket of `hash`, found through nothing but [`Share::contains`].
fn bucket(hash: u32, total: u64) -> u64 {
    (0..total)
        .find(|bucket| Share::new(total - bucket - 1, bucket + 1).unwrap().contains(hash))
        .expect("with all weight on green, every hash is green's")
}

/// Key → hash → bucket of 100, from flagd's testbed 3.9.0,
/// `evaluator/gherkin/fractional.feature`.
#[test]
fn hashes_and_buckets_as_flagd_does() {
    let vectors: [(&str, u32, u64); 10] = [
        ("fractional-flagjack", 0x9fe8_43e0, 62),
        ("fractional-flagqueen", 0xff04_ff2f, 99),
        ("fractional-flagten", 0x2fcb_300a, 18),
        ("fractional-flagnine", 0x53cf_d6c5, 32),
        ("fractional-flag3", 0x2405_fbd8, 14),
        ("ejOoVL", 0x0000_0000, 0),
        ("bY9fO-", 0x0000_0001, 0),
        ("SI7p-", 0x7fff_ffff, 49),
        ("6LvT0", 0x8000_0000, 50),
        ("ceQdGm", 0xffff_ffff, 99),
    ];
    for (key, hash, bucket_of_100) in vectors {
        // Where rollout and unit meet does not matter: nothing stands between.
        for cut in 0..=key.len() {
            let (rollout, unit) = key.split_at(cut);
            assert_eq!(bucket_hash(rollout, unit.as_bytes()), hash, "{rollout} + {unit}");
        }
        assert_eq!(bucket(hash, 100), bucket_of_100, "{key}");
    }
}

/// The recipe is beside the data.
#[test]
fn hashes_and_buckets_as_an_independent_implementation_does() {
    let data: Value = serde_json::from_str(include_str!("data/murmur3.json")).unwrap();
    let rollout = data["rollout"].as_str().unwrap();
    let vectors = data["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 47);
    for vector in vectors {
        let unit = hex(vector["unit"].as_str().unwrap());
        let hash = bucket_hash(rollout, &unit);
        assert_eq!(u64::from(hash), vector["hash"].as_u64().unwrap(), "{vector}");
        assert_eq!(bucket(hash, 100), vector["bucket_of_100"].as_u64().unwrap(), "{vector}");
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn a_share_is_exact_at_its_ends() {
    for total in [1, 2, 3, 100, 1000, u64::from(MAX_TOTAL_WEIGHT)] {
        let (none, all) = (Share::new(total, 0).unwrap(), Share::new(0, total).unwrap());
        for hash in [0, 1, u32::MAX / 2, u32::MAX - 1, u32::MAX] {
            assert!(!none.contains(hash), "{hash} at {total}/0");
            assert!(all.contains(hash), "{hash} at 0/{total}");
        }
    }
}

#[test]
fn a_share_needs_weights_that_can_be_used() {
    let max = u64::from(MAX_TOTAL_WEIGHT);
    let cases = [
        ((1, 0), true),
        ((0, 1), true),
        ((0, 0), false),
        ((max, 0), true),
        ((max - 1, 1), true),
        ((max, 1), false),
        ((u64::MAX, 1), false),
        ((u64::MAX, u64::MAX), false),
    ];
    for ((blue, green), usable) in cases {
        assert_eq!(Share::new(blue, green).is_some(), usable, "{blue}/{green}");
    }
}

#[test]
fn basis_points_are_rounded_half_up() {
    let cases = [
        ((1, 0), 0),
        ((0, 1), 10_000),
        ((95, 5), 500),
        ((2, 1), 3333),
        ((1, 2), 6667),
        ((19_999, 1), 1),
        ((20_001, 1), 0),
        ((1, u64::from(MAX_TOTAL_WEIGHT) - 1), 10_000),
    ];
    for ((blue, green), expected) in cases {
        let share = Share::new(blue, green).unwrap();
        assert_eq!(share.basis_points(), expected, "{blue}/{green}");
    }
}

fn weights() -> impl Strategy<Value = (u64, u64)> {
    let max = u64::from(MAX_TOTAL_WEIGHT);
    prop_oneof![(1..=100u64, 0..=100u64), (1..=max / 2, 0..=max / 2)]
}

proptest! {
    #[test]
    fn the_filters_share_says_what_the_formula_says(hash: u32, (blue, green) in weights()) {
        let bucket = (u128::from(hash) * u128::from(blue + green)) >> 32;
        let share = Share::new(blue, green).unwrap();
        prop_assert_eq!(share.contains(hash), bucket < u128::from(green));
    }

    #[test]
    fn hashing_agrees_with_another_crate(
        rollout in "[a-z0-9-]{1,63}",
        unit in prop::collection::vec(any::<u8>(), 0..5000),
    ) {
        let key = [rollout.as_bytes(), &unit].concat();
        prop_assert_eq!(bucket_hash(&rollout, &unit), mur3::murmurhash3_x86_32(&key, 0));
    }

    /// Whatever the totals are: compared as fractions, not as weights.
    #[test]
    fn a_growing_share_only_adds_units(hash: u32, one in weights(), other in weights()) {
        let by_share = |(blue, green): (u64, u64), (b, g): (u64, u64)| {
            u128::from(green) * u128::from(b + g) <= u128::from(g) * u128::from(blue + green)
        };
        let (small, large) = if by_share(one, other) { (one, other) } else { (other, one) };
        let (small, large) =
            (Share::new(small.0, small.1).unwrap(), Share::new(large.0, large.1).unwrap());
        prop_assert!(!small.contains(hash) || large.contains(hash));
    }

    #[test]
    fn deciding_is_a_function_of_its_arguments(
        unit in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        forced: Option<bool>,
        draw: u32,
    ) {
        let config = config(json!({"weights": {"blue": 2, "green": 1}, "on_missing": "random"}));
        let forced = forced.map(|green| if green { Version::Green } else { Version::Blue });
        let ask = AssignmentRequest { unit: unit.as_deref(), forced, conversation: None };
        let standing = EffectiveShare::Share(config.share);
        let decide = || assign(&config.assignment_rules(), standing, ask, || draw);
        prop_assert_eq!(decide(), decide());
    }

    #[test]
    fn any_cookie_header_can_be_read(header: Vec<u8>, name in "[a-z]{0,4}") {
        let _ = find_cookie(&header, name.as_bytes());
    }
}

/// 100,000 users, each weight: within five standard errors of the share.
#[test]
fn the_share_over_many_users_matches_the_weights() {
    const USERS: u32 = 100_000;
    for (blue, green) in [(99, 1), (95, 5), (2, 1), (1, 1), (1, 3), (1, 999)] {
        let config = config(json!({"weights": {"blue": blue, "green": green}}));
        let greens = (0..USERS)
            .filter(|user| {
                let unit = format!("user-{user}");
                let ask = AssignmentRequest {
                    unit: Some(unit.as_bytes()),
                    forced: None,
                    conversation: None,
                };
                assign(&config.assignment_rules(), EffectiveShare::Share(config.share), ask, || 0)
                    .version
                    == Version::Green
            })
            .count();
        let share = f64::from(green) / f64::from(blue + green);
        let tolerance = 5.0 * (f64::from(USERS) * share * (1.0 - share)).sqrt();
        let off = (greens as f64 - f64::from(USERS) * share).abs();
        assert!(off < tolerance, "{greens} of {USERS} at {blue}/{green}");
    }
}

/// A configuration of which only what a test is about is written.
fn config(differs: Value) -> Config {
    let mut written = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    });
    let fields = written.as_object_mut().unwrap();
    fields.extend(differs.as_object().unwrap().clone());
    Config::parse(written.to_string().as_bytes()).unwrap()
}

#[test]
fn the_reasons_have_their_order() {
    use Reason::{Forced, NoUnit, Pinned, RolledBack, Weight};
    use Version::{Blue, Green};

    let pins = json!({"blue": ["tia"], "green": ["qa-7"]});
    let all_green = config(json!({"weights": {"blue": 0, "green": 1}, "pins": pins}));
    let all_blue = config(json!({"pins": pins}));
    let half = json!({"blue": 1, "green": 1});
    let random = config(json!({"weights": half, "on_missing": "random"}));

    let cases = [
        (&all_green, Some("ada"), None, (Green, Weight)),
        (&all_blue, Some("ada"), None, (Blue, Weight)),
        (&all_green, Some("tia"), None, (Blue, Pinned)),
        (&all_blue, Some("qa-7"), None, (Green, Pinned)),
        (&all_green, Some("tia"), Some(Green), (Green, Forced)),
        (&all_blue, Some("qa-7"), Some(Blue), (Blue, Forced)),
        (&all_blue, None, Some(Green), (Green, Forced)),
        (&all_green, None, None, (Blue, NoUnit)),
    ];
    for (config, unit, forced, (version, reason)) in cases {
        let ask = AssignmentRequest { unit: unit.map(str::as_bytes), forced, conversation: None };
        let decide = |standing| {
            assign(&config.assignment_rules(), standing, ask, || {
                panic!("no draw is needed for {ask:?}")
            })
        };
        let decision = decide(EffectiveShare::Share(config.share));
        assert_eq!((decision.version, decision.reason), (version, reason), "{ask:?}");
        // A rollback moves everyone.
        let decision = decide(EffectiveShare::RolledBack);
        assert_eq!((decision.version, decision.reason), (Blue, RolledBack), "{ask:?}");
    }

    let ask = AssignmentRequest { unit: None, forced: None, conversation: None };
    for (draw, version) in [(0, Green), (u32::MAX / 2, Green), (1 << 31, Blue), (u32::MAX, Blue)] {
        let decision =
            assign(&random.assignment_rules(), EffectiveShare::Share(random.share), ask, || draw);
        assert_eq!((decision.version, decision.reason), (version, NoUnit), "{draw}");
    }
}

#[test]
fn the_first_source_with_a_value_gives_the_unit() {
    let config = config(json!({
        "unit": [{"header": "x-user-id"}, {"cookie": "uid"}, {"header": "x-device"}],
    }));
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(Headers, Option<&str>); 7] = [
        (&[("x-user-id", "ada")], Some("ada")),
        (&[("x-user-id", "ada"), ("cookie", "uid=bo")], Some("ada")),
        (&[("x-user-id", ""), ("cookie", "uid=bo")], Some("bo")),
        (&[("cookie", "uid=; x=1"), ("x-device", "d9")], Some("d9")),
        (&[("cookie", "uuid=1"), ("x-device", "d9")], Some("d9")),
        (&[("x-user-id", "")], None),
        (&[], None),
    ];
    for (headers, unit) in cases {
        let header = |name: &str| {
            let (_, value) = headers.iter().find(|(header, _)| *header == name)?;
            Some(value.as_bytes())
        };
        find_unit(&config.unit, header, |found| {
            assert_eq!(found, unit.map(str::as_bytes), "{headers:?}");
        });
    }
}

/// RFC 6265 allows one `Cookie` line, and some clients and proxies send more.
#[test]
fn a_cookie_is_found_in_any_line() {
    let config = config(json!({"unit": [{"cookie": "uid"}, {"cookie": "id"}, {"header": "x"}]}));
    // Lines, the unit, and how often the later ones are looked at.
    let cases: [(&[&str], Option<&str>, usize); 8] = [
        (&["uid=ada"], Some("ada"), 0),
        (&["uid=ada", "uid=bo"], Some("ada"), 0),
        (&["a=1", "uid=bo", "uid=cy"], Some("bo"), 1),
        (&["a=1", "b=2", "c=3; uid=cy"], Some("cy"), 1),
        // A cookie that is there and empty is the first of its name.
        (&["uid=", "uid=bo"], Some("x"), 1),
        (&["a=1", "uid="], Some("x"), 2),
        (&["a=1", "id=7"], Some("7"), 2),
        (&[], Some("x"), 0),
    ];
    for (lines, unit, expected) in cases {
        let header = |name: &str| match name {
            "cookie" => lines.first().map(|line| line.as_bytes()),
            _ => Some(b"x".as_slice()),
        };
        let mut looks = 0;
        let later = |name: &[u8]| {
            looks += 1;
            let headers = lines.iter().map(|line| (b"cookie".as_slice(), line.as_bytes()));
            let headers = [(b"x".as_slice(), b"uid=no".as_slice())].into_iter().chain(headers);
            find_later_cookie(headers, name).map(<[u8]>::to_vec)
        };
        find_unit_in_lines(&config.unit, header, later, |found| {
            assert_eq!(found, unit.map(str::as_bytes), "{lines:?}");
        });
        assert_eq!(looks, expected, "{lines:?}");
    }
}

#[test]
fn cookies_are_found_as_browsers_send_them() {
    let cases: [(&[u8], Option<&[u8]>); 10] = [
        (b"uid=ada", Some(b"ada")),
        (b"theme=dark; uid=ada; z=1", Some(b"ada")),
        (b"theme=dark;uid=ada", Some(b"ada")),
        (b"uid=ada; uid=bo", Some(b"ada")),
        (b"uid=a=b", Some(b"a=b")),
        (b"uid=\"ada\"", Some(b"\"ada\"")),
        (b"uid = ada ;", Some(b"ada")),
        (b"uid=\xff\xfe", Some(b"\xff\xfe")),
        (b"UID=ada; uuid=bo; uidx=c", None),
        (b"uid", None),
    ];
    for (header, value) in cases {
        assert_eq!(find_cookie(header, b"uid"), value, "{}", header.escape_ascii());
    }
}

/// An assignment by the share is evidence if the step compares its bucket, and newly exposed if the
/// step before left the unit on blue.
#[test]
fn the_share_alone_makes_an_assignment_evidence() {
    const ROLLOUT: &str = "assistant-v8";
    let bucket = bucket_hash(ROLLOUT, b"ada");
    let below = Share::new(999_999, 1).unwrap();
    let step =
        |analysed_share, previous_share| StepShares { epoch: 7, analysed_share, previous_share };
    let by_share = |reason, bucket| Assignment { version: Version::Blue, reason, bucket };
    let exposure = |is_newly_exposed| {
        Some(Exposure { unit: analysis_hash(ROLLOUT, b"ada"), epoch: 7, is_newly_exposed })
    };
    assert!(!below.contains(bucket));
    let cases = [
        (by_share(Reason::Weight, Some(bucket)), step(Share::ALL, Share::ZERO), exposure(true)),
        (by_share(Reason::Weight, Some(bucket)), step(Share::ALL, below), exposure(true)),
        (by_share(Reason::Weight, Some(bucket)), step(Share::ALL, Share::ALL), exposure(false)),
        (by_share(Reason::Weight, Some(bucket)), step(below, Share::ZERO), None),
        (by_share(Reason::Drained, Some(bucket)), step(Share::ALL, Share::ZERO), None),
        (by_share(Reason::Pinned, None), step(Share::ALL, Share::ZERO), None),
        (by_share(Reason::RolledBack, None), step(Share::ALL, Share::ZERO), None),
    ];
    for (assignment, step, expected) in cases {
        let exposure = Exposure::of_unit(ROLLOUT, b"ada", assignment, step);
        assert_eq!(exposure, expected, "{assignment:?} {step:?}");
    }
    let sticky = |step| StickyShare { share: Share::ALL, is_drained: false, step };
    let step = |analysed_share| Some(StartStep { epoch: 7, analysed_share });
    let cases = [
        (by_share(Reason::Weight, Some(bucket)), sticky(step(Share::ALL)), exposure(true)),
        (by_share(Reason::Drained, Some(bucket)), sticky(step(Share::ALL)), exposure(true)),
        (by_share(Reason::Weight, Some(bucket)), sticky(step(below)), None),
        (by_share(Reason::Weight, Some(bucket)), sticky(None), None),
        (by_share(Reason::RolledBack, None), sticky(step(Share::ALL)), None),
    ];
    for (assignment, sticky, expected) in cases {
        let exposure = Exposure::of_conversation(ROLLOUT, b"ada", assignment, sticky);
        assert_eq!(exposure, expected, "{assignment:?} {sticky:?}");
    }
}
