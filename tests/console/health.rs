//! Whether a rollout gets what it needs.

use verdigris::analysis::ByVersion;
use verdigris::console::health::health;
use verdigris::console::view::{HealthView, RolloutView, VersionView};
use verdigris::console::{Acceptance, Rejection, page};
use verdigris::stats::{RecentCounts, RequestTotals};

use crate::fixtures::{self, NOW_MS, by_hand, no_data, ramping, rolled_back};

/// A rollout with these counters of blue and green.
fn counted(rollout: RolloutView, counters: &[(&str, u64, u64)]) -> RolloutView {
    let version = |name: &str, of: fn(&(&str, u64, u64)) -> u64| VersionView {
        version: name.into(),
        counters: counters.iter().map(|it| (it.0.to_owned(), of(it))).collect(),
        about: None,
    };
    RolloutView {
        versions: vec![version("blue", |it| it.1), version("green", |it| it.2)],
        ..rollout
    }
}

/// The requests of the last seconds, all by the share.
fn recent(seconds: u64, blue: u64, green: u64) -> Option<RecentCounts> {
    let counts = ByVersion { blue, green };
    Some(RecentCounts { seconds, requests: RequestTotals { all: counts, by_share: counts } })
}

/// The status and the text of a check.
fn find(checks: &[HealthView], check: &str) -> (String, String) {
    let found = checks.iter().find(|it| it.check == check).unwrap();
    (found.status.clone(), found.text.replace('\u{a0}', " "))
}

fn checked(rollout: &RolloutView, recent: Option<RecentCounts>, check: &str) -> (String, String) {
    find(&health(rollout, recent, Acceptance::default(), NOW_MS), check)
}

#[test]
fn traffic_is_counted_in_the_last_minute() {
    let table = [
        (0, recent(60, 0, 0), "warning", "no requests since Envoy started"),
        (1, None, "ok", "1 request since Envoy started"),
        (9000, recent(61, 400, 86), "ok", "486 requests in the last minute"),
        (9000, recent(20, 1, 0), "ok", "1 request in the last 20 seconds"),
        (9000, recent(60, 0, 0), "warning", "no requests in the last minute; 9,000 requests since"),
        // Too little time to say.
        (9000, recent(10, 0, 0), "ok", "9,000 requests since Envoy started"),
    ];
    for (total, recent, status, text) in table {
        let rollout = counted(ramping(), &[("requests", total, 0)]);
        let (found, said) = checked(&rollout, recent, "traffic");
        assert!(found == status && said.starts_with(text), "{said}");
    }
}

/// Requests, those without a unit and those with a force header.
#[test]
fn requests_without_a_unit_are_a_warning() {
    let table = [
        ((0, 0, 0), "unknown", "no requests yet"),
        ((1000, 0, 0), "ok", "100 % of requests name a user"),
        ((1000, 100, 0), "ok", "90.0 % of requests name a user"),
        ((1000, 101, 0), "warning", "only 89.9 % of requests name a user; check unit"),
        // Forced requests need no unit.
        ((2000, 101, 1000), "warning", "only 89.9 % of requests name a user; check unit"),
        ((10, 10, 0), "ok", "0 % of requests name a user"),
        ((5, 0, 5), "unknown", "no requests yet"),
    ];
    for ((all, without, forced), status, text) in table {
        let counters = [
            ("requests", all, 0),
            ("decisions_no_unit", without, 0),
            ("decisions_forced", forced, 0),
        ];
        let (found, said) = checked(&counted(ramping(), &counters), None, "users");
        assert!(found == status && said.starts_with(text), "{said}");
    }
}

#[test]
fn the_split_of_a_step_is_that_of_its_users() {
    let (status, text) = checked(&ramping(), None, "split");
    let expected = "23.8 % of the compared users are on green, 23.8 % expected";
    assert_eq!((status.as_str(), text.as_str()), ("ok", expected));
    let mut mismatched = ramping();
    mismatched.ramp.as_mut().unwrap().judgement.as_mut().unwrap().is_mismatched = true;
    assert_eq!(checked(&mismatched, None, "split").0, "warning");
    assert_eq!(checked(&no_data(), None, "split").1, "no users in this step yet");
}

/// Green's share, requests by the share since Envoy started and in the last minute.
#[test]
fn the_split_of_manual_weights_is_that_of_requests() {
    let table = [
        (500, (950, 50), None, "ok", "5.0 % of requests went to green since Envoy started, 5 % "),
        (500, (9, 1), recent(60, 190, 10), "ok", "5.0 % of requests went to green in the last min"),
        (500, (9, 1), recent(60, 300, 0), "warning", "0 % of requests went to green in the last m"),
        (9500, (9, 1), recent(60, 0, 300), "warning", "100 % of requests went to green in the la"),
        (500, (9, 1), recent(60, 246, 54), "ok", "18.0 % of requests"),
        (500, (9, 1), recent(60, 200, 100), "warning", "33.3 % of requests"),
        // Too few to say.
        (500, (9, 1), recent(60, 100, 0), "ok", "0 % of requests"),
        (
            0,
            (900, 0),
            None,
            "ok",
            "0 % of requests went to green since Envoy started, 0 % configured",
        ),
        (500, (0, 0), None, "unknown", "5 % configured for green"),
    ];
    for (green_bp, (blue, green), recent, status, text) in table {
        let mut rollout = counted(by_hand(), &[("decisions_weight", blue, green)]);
        rollout.green_bp = green_bp;
        rollout.shares.truncate(1);
        let (found, said) = checked(&rollout, recent, "split");
        assert!(found == status && said.starts_with(text), "{said}");
    }
    // Counters may be of what had the rollout's name before, such as a ramp.
    let mut replaced = counted(by_hand(), &[("decisions_weight", 900, 600)]);
    replaced.shares = vec![replaced.shares[1].clone()];
    for (share_s_ago, seen) in [(30, recent(60, 300, 200)), (3600, recent(60, 0, 0))] {
        replaced.shares[0].at_ms = NOW_MS - share_s_ago * 1000;
        let found = checked(&replaced, seen, "split");
        assert_eq!(found, ("unknown".to_owned(), "5 % configured for green".to_owned()));
    }
    // Requests from before a change say nothing of the new share.
    let mut changed = counted(by_hand(), &[("decisions_weight", 900, 100)]);
    changed.shares.last_mut().unwrap().at_ms = NOW_MS - 30_000;
    for recent in [None, recent(60, 300, 0)] {
        let found = checked(&changed, recent, "split");
        assert_eq!(found, ("unknown".to_owned(), "5 % configured for green".to_owned()));
    }
    assert_eq!(checked(&changed, recent(20, 300, 0), "split").0, "warning");
    // After a rollback all requests are blue's, pinned ones too.
    let mut after = recent(60, 300, 0);
    after.as_mut().unwrap().requests.by_share = ByVersion::default();
    let expected = "0 % of requests went to green in the last minute, 0 % configured";
    assert_eq!(checked(&rolled_back(), after, "split"), ("ok".to_owned(), expected.to_owned()));
}

/// Answers that were read, and those that could not be.
#[test]
fn unread_answers_are_a_warning() {
    let table = [
        ((0, 0), "unknown", "none yet"),
        ((90, 10), "ok", "90.0 % could be read"),
        ((80, 20), "warning", "only 80.0 % could be read"),
        ((1, 19), "ok", "5.0 % could be read"),
        ((u64::MAX, u64::MAX), "warning", "only "),
    ];
    for ((read, unread), status, text) in table {
        let rollout = counted(ramping(), &[("answers", read, 0), ("unread", unread, 0)]);
        let (found, said) = checked(&rollout, None, "answers");
        assert!(found == status && said.starts_with(text), "{said}");
    }
    let (status, text) = checked(&by_hand(), None, "answers");
    assert_eq!((status.as_str(), text.as_str()), ("ok", "not read: no gate needs them"));
}

#[test]
fn a_rejected_configuration_is_a_warning_with_its_reason() {
    let text = br#"{"rollout": "assistant-v8"}"#;
    let rejection =
        Rejection::new("verdigris", text, "unit: missing: add it\nb: 1: c", NOW_MS - 60_000);
    let accepted_at_ms = Some(NOW_MS - 120_000);
    let table = [
        (None, None, "ok", "accepted"),
        (accepted_at_ms, None, "ok", "accepted at 12:01:04 UTC"),
        (
            accepted_at_ms,
            Some(&rejection),
            "warning",
            "rejected at 12:02:04 UTC: unit: missing: add it",
        ),
    ];
    for (accepted_at_ms, rejection, status, text) in table {
        let acceptance = Acceptance { accepted_at_ms, rejection };
        let checks = health(&ramping(), None, acceptance, NOW_MS);
        let found = find(&checks, "configuration");
        assert_eq!(found, (status.to_owned(), text.to_owned()));
    }
}

/// In every phase, also where the page has no other problem.
#[test]
fn the_page_always_shows_the_health() {
    for (name, view) in fixtures::all() {
        let html = page(&view);
        assert_eq!(html.matches("class=\"health\"").count(), view.rollouts.len(), "{name}");
    }
    let html = page(&fixtures::view(vec![no_data()]));
    assert!(html.contains(
        "<li class=\"warns\"><b aria-hidden=\"true\">!</b><span><strong>Traffic</strong> no requests \
         since Envoy started</span></li>"
    ));
}
