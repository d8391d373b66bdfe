//! What is shown is what the filter knows, and what is wrong is said.

use serde_json::{Value, json};
use verdigris::assignment::Share;
use verdigris::config::Config;
use verdigris::console::view::{RolloutView, VersionView};
use verdigris::console::{ControlState, Tone, ViewInputs, headline};
use verdigris::rollout::decimal::Decimal;
use verdigris::rollout::{Clocks, Phase};
use verdigris::rollout::{CommandKind, ManualRollout, OperatorCommand};

use crate::harness::{RampHarness as Walk, Traffic as Seen};

const GOOD: Seen = Seen { each: 20, blue_bad: 0, green_bad: 0 };
const BAD: Seen = Seen { green_bad: 10, ..GOOD };
const NONE: Seen = Seen { each: 0, ..GOOD };

fn ramp(differs: Value) -> Value {
    let mut ramp = json!({
        "steps": [50, {"percent": 100, "approve": true}],
        "bake": "10m",
        "timeout": "1h",
        "warmup": "1s",
        "gates": [{"metric": "error_rate"}],
        "tripwires": [],
    });
    ramp.as_object_mut().unwrap().extend(differs.as_object().unwrap().clone());
    ramp
}

/// As many requests of each version.
fn versions(counts: [(&str, &[(&str, u64)]); 2]) -> Vec<VersionView> {
    let version = |(version, counters): (&str, &[(&str, u64)])| VersionView {
        version: version.to_owned(),
        counters: counters.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
    };
    counts.map(version).into()
}

fn some() -> Vec<VersionView> {
    versions([("blue", &[("requests", 900)]), ("green", &[("requests", 900)])])
}

fn shown(walk: &Walk, versions: Vec<VersionView>) -> RolloutView {
    RolloutView::new(ViewInputs {
        config: &walk.config,
        standing: ControlState::Ramp(walk.config.ramp.as_ref().unwrap(), Some(&walk.state)),
        in_force: (Phase::Ramping, Share::ZERO),
        is_replaced: false,
        versions,
        refused_stats: 0,
        now: walk.now(),
    })
}

/// How a ramp stands, what it waits for, and the first line of the page.
#[test]
fn a_ramp_is_shown_as_it_stands() {
    let begun = || Walk::new(ramp(json!({})));
    let after = |seconds, seen| {
        let mut walk = begun();
        walk.run(seconds, seen);
        walk
    };
    let ordered = |verb| {
        let mut walk = after(60, GOOD);
        walk.command(verb).unwrap();
        walk
    };
    let by_restart = |started: &str| Walk::new(ramp(json!({"started": started})));
    let table = [
        (begun(), "ramping", 5000, "bake", "Nothing is known yet: no responses in this step"),
        (
            after(60, GOOD),
            "ramping",
            5000,
            "bake",
            "Green is safe so far: 50 % of users are on it, a person must let it on in about 9",
        ),
        (after(900, NONE), "holding", 5000, "data", "Nothing is known yet: no responses"),
        (after(900, GOOD), "holding", 5000, "approval", "Green is safe so far at 50 %: a person"),
        (after(60, BAD), "rolled_back", 0, "restart", "Rolled back: green had more errors (50"),
        (
            ordered(CommandKind::Pause),
            "paused",
            5000,
            "resume",
            "Paused by hand at 50 % on green: as",
        ),
        (
            ordered(CommandKind::Promote),
            "promoted",
            10_000,
            "nothing",
            "Promoted by hand, and only tripwires look on: as asked",
        ),
        (
            ordered(CommandKind::Rollback),
            "rolled_back",
            0,
            "restart",
            "Rolled back by hand: as asked",
        ),
        (
            ordered(CommandKind::Weights(Share::new(4, 1).unwrap())),
            "paused",
            2000,
            "resume",
            "Weights by hand: 20 % on green, and the ramp is paused: as asked",
        ),
        (Walk::new(ramp(json!({"paused": true}))), "ramping", 5000, "bake", "Nothing is known yet"),
        (
            by_restart("1970-01-01T00:30:00Z"),
            "paused",
            0,
            "state_lost",
            "Paused on blue: nothing is known of a ramp that was started earlier",
        ),
    ];
    for (walk, phase, green_bp, waits_for, first) in table {
        let view = shown(&walk, some());
        let said = headline(&view).text.replace('\u{a0}', " ");
        let ramp = view.ramp.as_ref().unwrap();
        let stands = (view.phase.as_str(), view.green_bp, ramp.waits_for.as_str());
        assert_eq!(stands, (phase, green_bp, waits_for), "{said}");
        assert!(said.starts_with(first), "{said}");
        assert_eq!(view.decisions.len(), walk.log().len());
        assert_eq!(view.decisions.first().unwrap().at_ms, view.shares.last().unwrap().at_ms);
        assert_eq!(view.decisions.first().unwrap().to_bp, green_bp, "{said}");
        assert_eq!(view.order.is_some(), said.contains("as asked"), "{said}");
    }
}

#[test]
fn what_the_judge_says_is_shown_in_parts_of_what_it_takes() {
    let mut walk = Walk::new(ramp(json!({
        "gates": [{"metric": "error_rate", "ceiling": null}, {"metric": "duration", "critical": false}],
        "steps": [50, 100],
        "bake": "45s",
    })));
    walk.run(40, Seen { each: 20, blue_bad: 4, green_bad: 4 });
    let view = shown(&walk, some());
    let ramp = view.ramp.as_ref().unwrap();
    let judged = ramp.judgement.as_ref().unwrap();
    assert_eq!((judged.blue_units, judged.green_units), (800, 800));
    assert_eq!((judged.verdict.as_str(), judged.is_mismatched), ("undecided", false));
    let gate = &judged.gates[0];
    assert_eq!((gate.metric.as_str(), gate.unit.as_str()), ("error_rate", "share"));
    assert_eq!((gate.blue, gate.green), (Some(0.2), Some(0.2)));
    assert!(gate.low.unwrap() < 0.0 && gate.high.unwrap() > 0.0);
    // A quarter of blue's rate, and three tenths of it in a step of half of all.
    assert!((gate.margin_at.unwrap() - 0.05).abs() < 1e-9);
    assert!((gate.tolerance_at.unwrap() - 0.06).abs() < 1e-9);
    assert!(gate.safe > 0.0 && gate.safe < 1.0, "{gate:?}");
    assert_eq!(gate.worse, 0.0);
    // What is missing comes as it has come so far.
    let expected = 40.0 * (1.0 / gate.safe - 1.0);
    assert!(ramp.about_s.unwrap().abs_diff(expected as u64) <= 1, "{ramp:?}");
    assert!(expected > 10.0, "the bake time would be longer");
    assert_eq!((judged.gates[1].blue, judged.gates[1].is_critical), (None, false));

    walk.run(20, BAD);
    let view = shown(&walk, some());
    let judged = view.ramp.unwrap().judgement.unwrap();
    assert_eq!(
        (view.phase.as_str(), judged.verdict.as_str(), judged.worse),
        ("rolled_back", "fail", 1.0)
    );
    assert_eq!((judged.gates[0].verdict.as_str(), judged.gates[0].worse), ("fail", 1.0));
}

/// The numbers of a rollback are those that it was decided by, whatever ends late.
#[test]
fn what_a_rollback_saw_stays_as_it_was() {
    let gates = json!([{"metric": "error_rate", "ceiling": null}]);
    let mut walk = Walk::new(ramp(json!({"gates": gates, "steps": [50, 100]})));
    walk.run(40, Seen { each: 20, blue_bad: 1, green_bad: 1 });
    let number = walk.snapshot_epoch();
    while walk.phase() != Phase::RolledBack {
        walk.run(1, Seen { each: 7, blue_bad: 0, green_bad: 4 });
    }
    let told = |walk: &Walk| {
        let view = shown(walk, some());
        (headline(&view).text, view.ramp.unwrap().judgement.unwrap(), view.decisions[0].why.clone())
    };
    let (first, judgement, why) = told(&walk);
    // The log has the same numbers as the gates and the first line.
    let gate = &judgement.gates[0];
    for (version, mean, units) in
        [("blue", gate.blue, gate.blue_units), ("green", gate.green, gate.green_units)]
    {
        let seen = format!("{version} {} of {units}", Decimal(mean.unwrap(), 4));
        assert!(why.contains(&seen), "{seen}: {why}");
    }
    let shares = (gate.green.unwrap() * 100.0, gate.blue.unwrap() * 100.0);
    let against = format!("({:.1} % against {:.1} %)", shares.0, shares.1);
    assert!(first.replace('\u{a0}', " ").contains(&against), "{first} {against}");
    for late in 0..50 {
        walk.reconcile(number, Seen { each: 20, blue_bad: late % 7, green_bad: 9 });
        assert_eq!(told(&walk), (first.clone(), judgement.clone(), why.clone()));
    }
}

/// Without any event the interval has a width, and the threshold is the ceiling: a relative
/// margin of nothing is none.
#[test]
fn without_events_the_ceiling_is_what_decides() {
    let mut walk = Walk::new(ramp(json!({})));
    walk.run(60, GOOD);
    let gate = shown(&walk, some()).ramp.unwrap().judgement.unwrap().gates.remove(0);
    assert_eq!((gate.blue, gate.green, gate.verdict.as_str()), (Some(0.0), Some(0.0), "pass"));
    assert!(gate.low.unwrap() < 0.0 && gate.high.unwrap() > 0.0, "{gate:?}");
    // The ceiling of 1 %, and the step's tolerance more.
    assert!((gate.tolerance_at.unwrap() - 0.013).abs() < 1e-9, "{gate:?}");
    assert!(gate.margin_at.is_none() && gate.high < gate.tolerance_at, "{gate:?}");

    let mut walk = Walk::new(ramp(json!({"gates": [{"metric": "error_rate", "ceiling": null}]})));
    walk.run(60, GOOD);
    let gate = shown(&walk, some()).ramp.unwrap().judgement.unwrap().gates.remove(0);
    assert_eq!((gate.margin_at, gate.tolerance_at), (None, None));
    walk.run(1, Seen { blue_bad: 1, ..GOOD });
    let gate = shown(&walk, some()).ramp.unwrap().judgement.unwrap().gates.remove(0);
    assert!(gate.margin_at.unwrap() > 0.0 && gate.tolerance_at.unwrap() > 0.0);
}

/// Evidence comes as it came while the step's share was in force.
#[test]
fn a_share_by_hand_puts_off_nothing_but_the_end_of_its_time() {
    let gates = json!([{"metric": "error_rate", "ceiling": null}]);
    let mut walk = Walk::new(ramp(json!({"gates": gates, "bake": "30s"})));
    walk.run(40, Seen { each: 20, blue_bad: 4, green_bad: 4 });
    let of = |walk: &Walk| {
        let ramp = shown(walk, some()).ramp.unwrap();
        (ramp.in_step_s, ramp.about_s)
    };
    let before = of(&walk);
    assert!(before.0 == 40 && before.1.is_some(), "{before:?}");
    walk.command(CommandKind::Weights(Share::new(4, 1).unwrap())).unwrap();
    walk.run(7200, NONE);
    assert_eq!(of(&walk), (40, None));
    walk.command(CommandKind::Resume).unwrap();
    assert_eq!(of(&walk), before);
}

/// The state of before is not taken for that of a configuration that has just come.
#[test]
fn a_state_of_another_configuration_is_not_shown() {
    let mut walk = Walk::new(ramp(json!({})));
    walk.run(60, GOOD);
    walk.configure(ramp(json!({"bake": "20m"})));
    let view = shown(&walk, some());
    assert_eq!((view.phase.as_str(), view.is_known, &view.ramp), ("ramping", false, &None));
    assert!(view.problems[0].what.contains("not known yet where the ramp stands"));
    assert_eq!(headline(&view).tone, Tone::Unknown);
    walk.run(1, GOOD);
    assert_eq!(shown(&walk, some()).problems, []);
}

#[test]
fn weights_by_hand_are_shown_with_their_history() {
    let config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
        "weights": {"blue": 80, "green": 20},
    });
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let mut weights = ManualRollout::new(config.share, 100);
    let order = OperatorCommand::new(CommandKind::Rollback, "as asked", 200_500).unwrap();
    weights.apply(order, 200).unwrap();
    let shown = |weights: Option<&ManualRollout>, share| {
        RolloutView::new(ViewInputs {
            config: &config,
            standing: ControlState::ByHand(weights),
            in_force: (Phase::ByHand, share),
            is_replaced: false,
            versions: some(),
            refused_stats: 0,
            now: Clocks { monotonic_ns: 0, unix_ms: 300_000 },
        })
    };
    // Asked of a worker that has the order with its next tick.
    let view = shown(Some(&weights), config.share);
    assert_eq!(view.green_bp, 0);
    let places: Vec<_> = view.shares.iter().map(|it| (it.at_ms, it.green_bp, &*it.phase)).collect();
    assert_eq!(places, [(100_000, 2000, "by_hand"), (200_000, 0, "rolled_back")]);
    assert_eq!((view.phase.as_str(), view.order.unwrap().at_ms), ("rolled_back", 200_500));
    let view = shown(None, config.share);
    assert_eq!((view.phase.as_str(), view.green_bp, view.decisions.len()), ("by_hand", 2000, 0));
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    type Counts<'a> = &'a [(&'a str, u64)];
    let fine: Counts<'_> = &[("requests", 500), ("answers", 90), ("unread", 10)];
    let table: [(Counts<'_>, Counts<'_>, usize, &[&str]); 7] = [
        (fine, fine, 0, &[]),
        (&[("requests", 0)], &[], 0, &["Envoy's stats do not count what the filter counts"]),
        (fine, &[("requests", 0)], 0, &["No request has come to green"]),
        (&[("requests", 0)], fine, 0, &["No request has come to blue"]),
        (fine, fine, 3, &["Envoy refused 3 of the filter's stats"]),
        (&[("requests", 9), ("unread", 9)], fine, 0, &[]),
        (
            &[("requests", 500), ("answers", 80), ("unread", 20)],
            &[("requests", 500), ("unread", u64::MAX)],
            0,
            &["20 of 100 answers of blue could not be read", "could not be read"],
        ),
    ];
    let mut walk = Walk::new(ramp(json!({})));
    walk.run(60, GOOD);
    for (blue, green, refused_stats, expected) in table {
        let view = RolloutView::new(ViewInputs {
            config: &walk.config,
            standing: ControlState::Ramp(walk.config.ramp.as_ref().unwrap(), Some(&walk.state)),
            in_force: (Phase::Ramping, Share::ZERO),
            is_replaced: false,
            versions: versions([("blue", blue), ("green", green)]),
            refused_stats,
            now: walk.now(),
        });
        let said: Vec<_> = view.problems.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.contains(expected), "{said}");
        }
        assert!(view.problems.iter().all(|it| !it.mend.is_empty()));
    }
    // Nothing at all has come.
    let walk = Walk::new(ramp(json!({})));
    let said = shown(&walk, versions([("blue", &[]), ("green", &[])])).problems;
    assert!(
        said[0].what.contains("No request of this rollout has come since Envoy started"),
        "{said:?}"
    );
    // A step that takes too long.
    let mut walk = Walk::new(ramp(json!({"gates": [{"metric": "duration"}]})));
    walk.run(4000, Seen { each: 1, ..GOOD });
    let view = shown(&walk, some());
    assert!(
        view.problems.iter().any(|it| it.what.contains("longer than ramp.timeout")),
        "{view:?}"
    );
    // One who is named otherwise each time.
    let mut walk = Walk::new(ramp(json!({"steps": [5, 100]})));
    walk.run(60, GOOD);
    let view = shown(&walk, some());
    assert!(view.problems[0].is_severe, "{view:?}");
    assert!(view.problems[0].what.contains("not divided as the weights say"), "{view:?}");
}
