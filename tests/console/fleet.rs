//! The instances of a fleet on the page, in `/state.json` and in the checks.

use std::time::Duration;

use verdigris::assignment::Share;
use verdigris::config::{Config, FleetConfig};
use verdigris::console::health::health;
use verdigris::console::problems::problems;
use verdigris::console::view::{FleetView, ProblemView, RolloutView};
use verdigris::console::{Acceptance, page};
use verdigris::fleet::clock::FleetClock;
use verdigris::fleet::generation::Generations;
use verdigris::fleet::{Consumed, FleetStatus, InForce, InstanceId, Participant, Participants};
use verdigris::rollout::{Phase, PublishedSnapshot, Snapshot};

use crate::fixtures::{NOW_MS, no_data, ramping, view};

const SECOND_NS: u64 = 1_000_000_000;

fn config() -> FleetConfig {
    let text = br#"{"rollout": "r", "unit": {"header": "u"}, "ramp": {},
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
        "fleet": {"store": "etcd", "cluster": "etcd"}}"#;
    Config::parse(text).unwrap().fleet.unwrap()
}

fn participant(name: &str, seen_s: u64, observations: u64) -> Participant {
    Participant {
        id: InstanceId { name: name.to_owned(), boot: 1 },
        sequence: 1,
        seen_ns: seen_s * SECOND_NS,
        follows: 7,
        green_bp: 2500,
        is_gone: false,
        is_current: true,
        observations,
    }
}

/// A status whose fleet is 1,000 seconds old, seen by an Envoy that has run for 50.
fn status(reached_s: Option<u64>, participants: Vec<Participant>) -> FleetStatus {
    FleetStatus {
        instance: "a".to_owned(),
        participants: Participants(participants),
        clock: Some(FleetClock::new(1000 * SECOND_NS, 50 * SECOND_NS)),
        reached_ns: reached_s.map(|it| it * SECOND_NS),
        error: reached_s.is_none().then(|| "etcd answers UNAVAILABLE".to_owned()),
        ..FleetStatus::default()
    }
}

fn fleet_view(status: &FleetStatus) -> FleetView {
    FleetView::new(&config(), Some(status), Phase::Holding, 50 * SECOND_NS, u64::MAX)
}

fn with_fleet(fleet: FleetView) -> RolloutView {
    RolloutView { fleet: Some(fleet), ..ramping() }
}

#[test]
fn instances_have_their_age_share_and_evidence() {
    let of = vec![participant("a", 998, 300), participant("b", 960, 100)];
    let view = fleet_view(&status(Some(49), of));
    assert_eq!((view.store_silent_s, view.is_store_away), (Some(1), false));
    let shown: Vec<_> = view
        .instances
        .iter()
        .map(|it| (it.name.as_str(), it.seen_s_ago, it.evidence, it.lags))
        .collect();
    assert_eq!(shown, [("a", 2, 0.75, false), ("b", 40, 0.25, true)]);
}

/// An instance hands over once in an interval, and one without requests once in ten. Seconds since it was
/// read and since green's share changed, the interval being one second.
#[test]
fn an_instance_that_was_read_before_a_change_does_not_lag() {
    let (share, other) = (Share::new(3, 1).unwrap(), Share::new(1, 1).unwrap());
    let table = [
        (share, 1, 100, false),
        (other, 1, 1, false),
        (other, 1, 3, false),
        (other, 1, 4, true),
        (other, 9, 10, false),
        (other, 9, 12, true),
        (share, 26, 10, true),
    ];
    for (in_force, read_s_ago, changed_s_ago, lags) in table {
        let status = FleetStatus {
            in_force: Some(in_force_with(Snapshot { share: in_force, ..Snapshot::UNKNOWN })),
            ..status(Some(49), vec![participant("b", 1000 - read_s_ago, 1)])
        };
        let view =
            FleetView::new(&config(), Some(&status), Phase::Holding, 50 * SECOND_NS, changed_s_ago);
        let found = view.instances[0].lags;
        assert_eq!(found, lags, "read {read_s_ago} s ago, changed {changed_s_ago} s ago");
    }
}

fn in_force_with(snapshot: Snapshot) -> InForce {
    InForce {
        clock_ns: 0,
        consumed: Consumed::Sequences(Vec::new()),
        published: Some(PublishedSnapshot { revision: 8, snapshot }),
        generations: Generations::new(1),
        decider: InstanceId { name: "a".to_owned(), boot: 1 },
        instances: 1,
        history: None,
    }
}

/// The phases of this Envoy and of the fleet.
#[test]
fn a_rollback_of_this_envoy_alone_is_a_problem() {
    use Phase::{Holding, RolledBack};
    let table = [
        (Holding, Holding, false),
        (RolledBack, Holding, true),
        (RolledBack, RolledBack, false),
        // It has not followed yet.
        (Holding, RolledBack, false),
    ];
    for (own, of_fleet, is_alone) in table {
        let snapshot = Snapshot { phase: of_fleet, ..Snapshot::UNKNOWN };
        let status = FleetStatus {
            in_force: Some(in_force_with(snapshot)),
            ..status(Some(45), vec![participant("a", 1000, 1)])
        };
        let fleet = FleetView::new(&config(), Some(&status), own, 50 * SECOND_NS, u64::MAX);
        assert_eq!(fleet.is_rolled_back_alone, is_alone, "{own} {of_fleet}");
        let found = problems(&with_fleet(fleet), None, 0);
        let alone = "This Envoy has rolled back by itself, and the fleet has not rolled back yet.";
        assert_eq!(found.iter().any(|it| it.what == alone), is_alone, "{own} {of_fleet}");
        let says_blue = |it: &ProblemView| it.fix.contains("all users of this Envoy are on blue");
        assert_eq!(found.iter().any(says_blue), is_alone, "{own} {of_fleet}");
    }
}

/// The evidence is that of all Envoys, and the counters are this one's.
#[test]
fn an_envoy_without_requests_does_not_drop_its_stats() {
    let fleet = fleet_view(&status(Some(49), vec![participant("b", 1000, 1)]));
    let versions = no_data().versions;
    let rollout = RolloutView { versions, ..with_fleet(fleet) };
    let shown = |rollout: &RolloutView| problems(rollout, None, 0)[0].what.clone();
    assert_eq!(shown(&rollout), "This rollout has had no requests since Envoy started.");
    let alone = RolloutView { fleet: None, ..rollout };
    assert_eq!(shown(&alone), "Envoy drops the stats of the filter.");
}

#[test]
fn a_store_that_does_not_answer_is_a_problem() {
    for (reached_s, is_away) in
        [(Some(50), false), (Some(46), false), (Some(45), true), (None, true)]
    {
        let fleet = fleet_view(&status(reached_s, vec![participant("a", 1000, 1)]));
        assert_eq!(fleet.is_store_away, is_away, "{reached_s:?}");
        let rollout = with_fleet(fleet);
        let found = problems(&rollout, None, 0);
        let is_found = found.iter().any(|it| it.what.contains("could not use the fleet’s store"));
        assert_eq!(is_found, is_away, "{reached_s:?}");
        let checks = health(&rollout, None, Acceptance::default(), NOW_MS);
        let check = checks.iter().find(|it| it.check == "fleet").unwrap();
        assert_eq!(check.status == "warning", is_away, "{}", check.text);
    }
}

#[test]
fn instances_agree_unless_one_lags_or_has_another_configuration() {
    let [same, late] = [participant("a", 998, 1), participant("b", 960, 1)];
    let other = Participant { is_current: false, ..participant("c", 998, 1) };
    for (of, expected) in [
        (vec![same.clone(), same.clone()], ("unknown", "no instance has handed over evidence yet")),
        (vec![same.clone(), late], ("warning", "1 of 2 lag: b")),
        (vec![same, other], ("warning", "1 of 2 with another configuration: c")),
    ] {
        let rollout = with_fleet(fleet_view(&status(Some(49), of)));
        let checks = health(&rollout, None, Acceptance::default(), NOW_MS);
        let check = checks.iter().find(|it| it.check == "fleet").unwrap();
        assert_eq!((check.status.as_str(), check.text.as_str()), expected);
    }
}

#[test]
fn the_page_lists_the_instances_and_escapes_their_names() {
    let of = vec![participant("a", 998, 300), participant("<b>", 960, 100)];
    let fleet = fleet_view(&status(Some(49), of));
    let html = page(&view(vec![with_fleet(fleet)]));
    assert!(html.contains("<th scope=\"row\">a</th>"));
    assert!(html.contains("<th scope=\"row\">&lt;b></th>") || html.contains("&lt;b&gt;"));
    assert!(!html.contains("<th scope=\"row\"><b>"));
    assert!(html.contains("A ramp is the whole fleet’s."));
    let checks = health(
        &with_fleet(fleet_view(&status(Some(49), vec![participant("b", 960, 1)]))),
        None,
        Acceptance::default(),
        NOW_MS,
    );
    assert!(checks.iter().any(|it| it.text == "1 of 1 lag: b"));
}

#[test]
fn before_anything_is_known_the_store_counts_as_away() {
    let now_ns = Duration::from_secs(5).as_nanos() as u64;
    let view = FleetView::new(&config(), None, Phase::Holding, now_ns, u64::MAX);
    assert!(view.is_store_away && view.instances.is_empty() && view.decider.is_none());
}
