//! The view of a rollout, from its state.

use serde_json::{Value, json};
use verdigris::assignment::Share;
use verdigris::config::Config;
use verdigris::console::problems::problems;
use verdigris::console::view::{FleetView, GateView, RolloutView, VersionAboutView, VersionView};
use verdigris::console::{Acceptance, ControlState, Tone, ViewInputs, headline, page};
use verdigris::rollout::decimal::Decimal;
use verdigris::rollout::{
    Clocks, CommandKind, DifferenceHistory, ExpectedStep, ManualRollout, OperatorCommand, Phase,
};

use crate::fixtures;
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

/// The counters of each version.
fn versions(counts: [(&str, &[(&str, u64)]); 2]) -> Vec<VersionView> {
    let version = |(version, counters): (&str, &[(&str, u64)])| VersionView {
        version: version.to_owned(),
        counters: counters.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        about: None,
    };
    counts.map(version).into()
}

/// Requests of both versions.
fn with_requests() -> Vec<VersionView> {
    versions([("blue", &[("requests", 900)]), ("green", &[("requests", 900)])])
}

/// The inputs of a view in which nothing else has happened.
fn inputs_of<'a>(
    config: &'a Config,
    control: ControlState<'a>,
    phase: Phase,
    versions: Vec<VersionView>,
    now: Clocks,
) -> ViewInputs<'a> {
    ViewInputs {
        config,
        control,
        phase,
        green_share: Share::ZERO,
        is_replaced: false,
        differences: DifferenceHistory::default(),
        versions,
        recent: None,
        acceptance: Acceptance::default(),
        refused_stats: 0,
        fleet: None,
        judge: None,
        now,
    }
}

fn inputs(walk: &Walk, versions: Vec<VersionView>) -> ViewInputs<'_> {
    let control = ControlState::Ramp(walk.config.ramp.as_ref().unwrap(), Some(&walk.state));
    inputs_of(&walk.config, control, Phase::Ramping, versions, walk.now())
}

fn view(walk: &Walk, versions: Vec<VersionView>) -> RolloutView {
    RolloutView::new(inputs(walk, versions))
}

/// A ramp, its phase, green's share, what it waits for, and how its headline begins.
#[test]
fn a_ramp_is_shown_in_its_state() {
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
        (begun(), "ramping", 5000, "bake", "No data yet: no responses in this step"),
        (
            after(60, GOOD),
            "ramping",
            5000,
            "bake",
            "Green is safe so far: 50 % of users are on it; the next step needs approval in about 9",
        ),
        (after(900, NONE), "holding", 5000, "data", "No data yet: no responses"),
        (after(900, GOOD), "holding", 5000, "approval", "Green is safe so far at 50 %: waiting"),
        (after(60, BAD), "rolled_back", 0, "restart", "Rolled back: green had more errors (50"),
        (
            ordered(CommandKind::Pause),
            "paused",
            5000,
            "resume",
            "Paused manually at 50 % on green: as",
        ),
        (
            ordered(CommandKind::Promote),
            "promoted",
            10_000,
            "nothing",
            "Promoted manually; only tripwires are active: as asked",
        ),
        (
            ordered(CommandKind::Rollback),
            "rolled_back",
            0,
            "restart",
            "Rolled back manually: as asked",
        ),
        (
            ordered(CommandKind::Weights(Share::new(4, 1).unwrap())),
            "paused",
            2000,
            "resume",
            "Manual weights: 20 % on green, and the ramp is paused: as asked",
        ),
        (Walk::new(ramp(json!({"paused": true}))), "ramping", 5000, "bake", "No data yet"),
        (
            by_restart("1970-01-01T00:30:00Z"),
            "paused",
            0,
            "state_lost",
            "Paused on blue: the state of a ramp that started earlier was lost",
        ),
    ];
    for (walk, phase, green_bp, waits_for, expected) in table {
        let view = view(&walk, with_requests());
        let headline = headline(&view).text.replace('\u{a0}', " ");
        let ramp = view.ramp.as_ref().unwrap();
        let state = (view.phase.as_str(), view.green_bp, ramp.waits_for.as_str());
        assert_eq!(state, (phase, green_bp, waits_for), "{headline}");
        assert!(headline.starts_with(expected), "{headline}");
        assert_eq!(view.decisions.len(), walk.log().len());
        assert_eq!(view.decisions.first().unwrap().at_ms, view.shares.last().unwrap().at_ms);
        assert_eq!(view.decisions.first().unwrap().to_bp, green_bp, "{headline}");
        assert_eq!(view.order.is_some(), headline.contains("as asked"), "{headline}");
    }
}

#[test]
fn evidence_is_a_fraction_of_the_required_amount() {
    let mut walk = Walk::new(ramp(json!({
        "gates": [{"metric": "error_rate", "ceiling": null}, {"metric": "duration", "critical": false}],
        "steps": [50, 100],
        "bake": "45s",
    })));
    walk.run(40, Seen { each: 20, blue_bad: 4, green_bad: 4 });
    let shown = view(&walk, with_requests());
    let ramp = shown.ramp.as_ref().unwrap();
    let analysis = ramp.judgement.as_ref().unwrap();
    assert_eq!((analysis.blue_units, analysis.green_units), (800, 800));
    assert_eq!((analysis.verdict.as_str(), analysis.is_mismatched), ("undecided", false));
    let gate = &analysis.gates[0];
    assert_eq!((gate.metric.as_str(), gate.unit.as_str()), ("error_rate", "share"));
    assert_eq!((gate.blue, gate.green), (Some(0.2), Some(0.2)));
    assert!(gate.low.unwrap() < 0.0 && gate.high.unwrap() > 0.0);
    // The margin is a quarter of blue's rate, and the tolerance at 50 % three tenths of it.
    assert!((gate.margin_at.unwrap() - 0.05).abs() < 1e-9);
    assert!((gate.tolerance_at.unwrap() - 0.06).abs() < 1e-9);
    assert!(gate.safe > 0.0 && gate.safe < 1.0, "{gate:?}");
    assert_eq!(gate.worse, 0.0);
    // The missing evidence arrives at the same rate.
    let expected = 40.0 * (1.0 / gate.safe - 1.0);
    assert!(ramp.about_s.unwrap().abs_diff(expected as u64) <= 1, "{ramp:?}");
    assert!(expected > 10.0, "the bake time would end later");
    assert_eq!((analysis.gates[1].blue, analysis.gates[1].is_critical), (None, false));

    walk.run(20, BAD);
    let shown = view(&walk, with_requests());
    let analysis = shown.ramp.unwrap().judgement.unwrap();
    assert_eq!(
        (shown.phase.as_str(), analysis.verdict.as_str(), analysis.worse),
        ("rolled_back", "fail", 1.0)
    );
    assert_eq!((analysis.gates[0].verdict.as_str(), analysis.gates[0].worse), ("fail", 1.0));
}

#[test]
fn the_evidence_at_half_time_is_that_of_the_step() {
    let mut walk = Walk::new(ramp(json!({"timeout": "10h"})));
    let mut differences = DifferenceHistory::default();
    for _ in 0..40 {
        walk.run(15, Seen { each: 1, ..NONE });
        differences.record(walk.spec(), &walk.state, walk.now());
    }
    let shown = |walk: &Walk| {
        let inputs = inputs(walk, with_requests());
        RolloutView::new(ViewInputs { differences: differences.clone(), ..inputs }).ramp.unwrap()
    };
    let ramp_now = shown(&walk);
    let before = ramp_now.at_half_time.unwrap();
    assert_eq!(ramp_now.in_step_s, 600);
    assert!((300..330).contains(&before.ago_s), "{before:?}");
    // A new unit of green came in each second.
    assert_eq!(before.green_units, 600 - before.ago_s);
    let safe_now = ramp_now.judgement.unwrap().gates[0].safe;
    assert!(before.safe > 0.0 && before.safe < safe_now, "{before:?} {safe_now}");
    // Then the history is that of an earlier epoch.
    walk.configure(ramp(json!({"timeout": "10h", "alpha": 0.01})));
    walk.run(2, GOOD);
    assert_eq!(shown(&walk).at_half_time, None);
}

/// Responses that end after a rollback do not change the numbers that it was decided by.
#[test]
fn the_numbers_of_a_rollback_stay() {
    let gates = json!([{"metric": "error_rate", "ceiling": null}]);
    let mut walk = Walk::new(ramp(json!({"gates": gates, "steps": [50, 100]})));
    walk.run(40, Seen { each: 20, blue_bad: 1, green_bad: 1 });
    let epoch = walk.snapshot_epoch();
    while walk.phase() != Phase::RolledBack {
        walk.run(1, Seen { each: 7, blue_bad: 0, green_bad: 4 });
    }
    let numbers = |walk: &Walk| {
        let view = view(walk, with_requests());
        (headline(&view).text, view.ramp.unwrap().judgement.unwrap(), view.decisions[0].why.clone())
    };
    let (headline, analysis, why) = numbers(&walk);
    // The log, the gates and the headline have the same numbers.
    let gate = &analysis.gates[0];
    for (version, mean, units) in
        [("blue", gate.blue, gate.blue_units), ("green", gate.green, gate.green_units)]
    {
        let seen = format!("{version} {} of {units}", Decimal(mean.unwrap(), 4));
        assert!(why.contains(&seen), "{seen}: {why}");
    }
    let shares = (gate.green.unwrap() * 100.0, gate.blue.unwrap() * 100.0);
    let against = format!("({:.1} % against {:.1} %)", shares.0, shares.1);
    assert!(headline.replace('\u{a0}', " ").contains(&against), "{headline} {against}");
    for late in 0..50 {
        walk.reconcile(epoch, Seen { each: 20, blue_bad: late % 7, green_bad: 9 });
        assert_eq!(numbers(&walk), (headline.clone(), analysis.clone(), why.clone()));
    }
}

/// While neither version has an event, a relative margin is 0 and no threshold.
#[test]
fn without_events_the_ceiling_is_the_threshold() {
    let mut walk = Walk::new(ramp(json!({})));
    walk.run(60, GOOD);
    let gate = view(&walk, with_requests()).ramp.unwrap().judgement.unwrap().gates.remove(0);
    assert_eq!((gate.blue, gate.green, gate.verdict.as_str()), (Some(0.0), Some(0.0), "pass"));
    assert!(gate.low.unwrap() < 0.0 && gate.high.unwrap() > 0.0, "{gate:?}");
    // The ceiling of 1 % plus the step's tolerance.
    assert!((gate.tolerance_at.unwrap() - 0.013).abs() < 1e-9, "{gate:?}");
    assert!(gate.margin_at.is_none() && gate.high < gate.tolerance_at, "{gate:?}");

    let mut walk = Walk::new(ramp(json!({"gates": [{"metric": "error_rate", "ceiling": null}]})));
    walk.run(60, GOOD);
    let gate = view(&walk, with_requests()).ramp.unwrap().judgement.unwrap().gates.remove(0);
    assert_eq!((gate.margin_at, gate.tolerance_at), (None, None));
    // Green alone has errors: a quarter of nothing is still no threshold.
    let mut only_green = Walk::new(ramp(json!({"gates": [{"metric": "error_rate"}]})));
    only_green.run(5, Seen { green_bad: 1, ..GOOD });
    let gate = view(&only_green, with_requests()).ramp.unwrap().judgement.unwrap().gates.remove(0);
    assert!(gate.green.unwrap() > 0.0 && gate.margin_at.is_none(), "{gate:?}");
    assert!((gate.tolerance_at.unwrap() - 0.013).abs() < 1e-9, "{gate:?}");
    walk.run(1, Seen { blue_bad: 1, ..GOOD });
    let gate = view(&walk, with_requests()).ramp.unwrap().judgement.unwrap().gates.remove(0);
    assert!(gate.margin_at.unwrap() > 0.0 && gate.tolerance_at.unwrap() > 0.0);
}

/// The step's clock is paused meanwhile, so the estimate is the same afterwards.
#[test]
fn a_manual_share_does_not_change_the_estimate() {
    let gates = json!([{"metric": "error_rate", "ceiling": null}]);
    let mut walk = Walk::new(ramp(json!({"gates": gates, "bake": "30s"})));
    walk.run(40, Seen { each: 20, blue_bad: 4, green_bad: 4 });
    let estimate = |walk: &Walk| {
        let ramp = view(walk, with_requests()).ramp.unwrap();
        (ramp.in_step_s, ramp.about_s)
    };
    let before = estimate(&walk);
    assert!(before.0 == 40 && before.1.is_some(), "{before:?}");
    walk.command(CommandKind::Weights(Share::new(4, 1).unwrap())).unwrap();
    walk.run(7200, NONE);
    assert_eq!(estimate(&walk), (40, None));
    walk.command(CommandKind::Resume).unwrap();
    assert_eq!(estimate(&walk), before);
}

/// Until the next tick after a configuration change, the state is the old configuration's.
#[test]
fn the_state_of_an_old_configuration_is_not_shown() {
    let mut walk = Walk::new(ramp(json!({})));
    walk.run(60, GOOD);
    walk.configure(ramp(json!({"bake": "20m"})));
    let shown = view(&walk, with_requests());
    assert_eq!((shown.phase.as_str(), shown.is_known, &shown.ramp), ("ramping", false, &None));
    assert!(shown.problems[0].what.contains("The state of the ramp is not known yet"));
    assert_eq!(headline(&shown).tone, Tone::Unknown);
    walk.run(1, GOOD);
    assert_eq!(view(&walk, with_requests()).problems, []);
}

/// The view of a rollout without a ramp.
fn view_of(config: &Config, versions: Vec<VersionView>) -> RolloutView {
    let now = Clocks { monotonic_ns: 0, unix_ms: 300_000 };
    let control = ControlState::Manual(None);
    RolloutView::new(inputs_of(config, control, Phase::ByHand, versions, now))
}

/// The text of a system prompt is not shown.
#[test]
fn each_version_says_what_it_is() {
    let config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {
            "blue": {"cluster": "llm-blue", "request": {"headers": {"remove": ["x-a"]}}},
            "green": {
                "cluster": "llm-green",
                "request": {
                    "model": "gpt-5-mini",
                    "system": {"append": "a secret"},
                    "merge": {"temperature": 0, "top_p": 1},
                    "headers": {"set": {"x-b": "1"}, "remove": ["x-a", "x-c"]},
                },
            },
        },
    });
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let mut all = with_requests();
    all.push(VersionView { version: "shadow".to_owned(), counters: vec![], about: None });
    let view = view_of(&config, all);
    let about: Vec<_> = view.versions.iter().map(|it| it.about.clone()).collect();
    let blue = VersionAboutView {
        cluster: "llm-blue".into(),
        header: None,
        failover: None,
        model: None,
        system: None,
        fields: 0,
        headers: 1,
    };
    let green = VersionAboutView {
        cluster: "llm-green".into(),
        header: None,
        failover: None,
        model: Some("gpt-5-mini".into()),
        system: Some("append".into()),
        fields: 2,
        headers: 3,
    };
    assert_eq!(about, [Some(blue), Some(green), None]);
    let html = page(&fixtures::view(vec![view])).replace('\u{a0}', " ");
    for wanted in [
        "cluster <code>llm-blue</code>",
        "1 header changed",
        "model gpt-5-mini",
        "system prompt extended",
        "2 body fields changed",
        "3 headers changed",
    ] {
        assert!(html.contains(wanted), "{wanted}");
    }
    assert!(!html.contains("a secret"));
}

#[test]
fn green_names_the_cluster_of_its_failover() {
    let config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {
            "blue": {"cluster": "llm-blue"},
            "green": {"cluster": "llm-green", "failover": {"cluster": "llm-green-or-blue"}},
        },
    });
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let view = view_of(&config, with_requests());
    let failover = |it: &VersionView| it.about.as_ref().and_then(|it| it.failover.clone());
    let all: Vec<_> = view.versions.iter().map(failover).collect();
    assert_eq!(all, [None, Some("llm-green-or-blue".to_owned())]);
    let html = page(&fixtures::view(vec![view]));
    assert!(html.contains("with failover to blue by <code>llm-green-or-blue</code>"));
}

#[test]
fn manual_weights_are_shown_with_their_history() {
    let config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
        "weights": {"blue": 80, "green": 20},
    });
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let mut weights = ManualRollout::new(config.share, 100);
    let command = OperatorCommand::new(CommandKind::Rollback, "as asked", 200_500).unwrap();
    weights.apply(command, ExpectedStep::default(), 200).unwrap();
    let view = |weights: Option<&ManualRollout>, green_share| {
        RolloutView::new(ViewInputs {
            config: &config,
            control: ControlState::Manual(weights),
            phase: Phase::ByHand,
            green_share,
            is_replaced: false,
            differences: DifferenceHistory::default(),
            versions: with_requests(),
            recent: None,
            acceptance: Acceptance::default(),
            refused_stats: 0,
            fleet: None,
            judge: None,
            now: Clocks { monotonic_ns: 0, unix_ms: 300_000 },
        })
    };
    // A worker that applies the command only with its next tick.
    let shown = view(Some(&weights), config.share);
    assert_eq!(shown.green_bp, 0);
    let shares: Vec<_> =
        shown.shares.iter().map(|it| (it.at_ms, it.green_bp, &*it.phase)).collect();
    assert_eq!(shares, [(100_000, 2000, "by_hand"), (200_000, 0, "rolled_back")]);
    assert_eq!((shown.phase.as_str(), shown.order.unwrap().at_ms), ("rolled_back", 200_500));
    let shown = view(None, config.share);
    assert_eq!((shown.phase.as_str(), shown.green_bp, shown.decisions.len()), ("by_hand", 2000, 0));
}

/// The counters of blue and green, the number of refused stats, and a part of each problem.
#[test]
fn problems_in_counters_are_shown_with_a_fix() {
    type Counts<'a> = &'a [(&'a str, u64)];
    let fine: Counts<'_> = &[("requests", 500), ("answers", 90), ("unread", 10)];
    let table: [(Counts<'_>, Counts<'_>, usize, &[&str]); 9] = [
        (fine, fine, 0, &[]),
        (&[("requests", 0)], &[], 0, &["Envoy drops the stats of the filter"]),
        (fine, &[("requests", 0)], 0, &["The version green has had no requests"]),
        (&[("requests", 0)], fine, 0, &["The version blue has had no requests"]),
        (fine, fine, 3, &["Envoy refused 3 of the filter's stats"]),
        (&[("requests", 9), ("unread", 9)], fine, 0, &[]),
        (
            &[("requests", 500), ("samples_sent", 171), ("samples_dropped", 9)],
            &[("requests", 500), ("samples_failed", 10)],
            0,
            &[],
        ),
        (
            &[("requests", 500), ("samples_sent", 170), ("samples_dropped", 10)],
            &[("requests", 500), ("samples_failed", 10)],
            0,
            &["170 were sent since Envoy started, 10 failed and 10 were dropped"],
        ),
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
        let versions = versions([("blue", blue), ("green", green)]);
        let view = RolloutView::new(ViewInputs { refused_stats, ..inputs(&walk, versions) });
        let problems: Vec<_> = view.problems.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem}");
        }
        assert!(view.problems.iter().all(|it| !it.fix.is_empty()));
    }
    let walk = Walk::new(ramp(json!({})));
    let problems = view(&walk, versions([("blue", &[]), ("green", &[])])).problems;
    let expected = "This rollout has had no requests since Envoy started";
    assert!(problems[0].what.contains(expected), "{problems:?}");
}

#[test]
fn a_step_beyond_its_timeout_is_a_problem() {
    let mut walk = Walk::new(ramp(json!({"gates": [{"metric": "duration"}]})));
    walk.run(4000, Seen { each: 1, ..GOOD });
    let view = view(&walk, with_requests());
    let is_timeout = |what: &str| what.contains("longer than ramp.timeout");
    assert!(view.problems.iter().any(|it| is_timeout(&it.what)), "{view:?}");
}

/// As many units on green as on blue, at a share of 5 %.
#[test]
fn a_sample_ratio_mismatch_is_a_severe_problem() {
    let mut walk = Walk::new(ramp(json!({"steps": [5, 100]})));
    walk.run(60, GOOD);
    let view = view(&walk, with_requests());
    assert!(view.problems[0].is_severe, "{view:?}");
    assert!(view.problems[0].what.starts_with("Sample ratio mismatch"), "{view:?}");
}

/// Counters are since Envoy's start: they stay when the cause is repaired, and when the ramp has ended.
#[test]
fn unread_answers_are_severe_while_the_step_lacks_values() {
    type Change<'a> = &'a dyn Fn(&mut RolloutView);
    let walk = Walk::new(ramp(json!({"gates": [{"metric": "refusal_rate"}]})));
    let is_severe = |mut rollout: RolloutView, change: &dyn Fn(&mut RolloutView)| {
        let read: &[(&str, u64)] = &[("requests", 500), ("answers", 500)];
        let unread: &[(&str, u64)] = &[("requests", 500), ("answers", 100), ("unread", 400)];
        rollout.versions = versions([("blue", read), ("green", unread)]);
        change(&mut rollout);
        let found = problems(&rollout, Some(walk.spec()), 0);
        let problem = found.iter().find(|it| it.what.contains("of green could not be read"));
        problem.unwrap().is_severe
    };
    fn refusals(rollout: &mut RolloutView) -> &mut GateView {
        &mut rollout.ramp.as_mut().unwrap().judgement.as_mut().unwrap().gates[1]
    }
    let missing = |it: &mut RolloutView| {
        let units = it.ramp.as_ref().unwrap().judgement.as_ref().unwrap().green_units;
        refusals(it).green_missing = units / 5;
    };
    let uneven = |it: &mut RolloutView| refusals(it).verdict = "not_comparable".into();
    let waits = |it: &mut RolloutView| it.ramp.as_mut().unwrap().waits_for = "unread".into();
    let in_pairs = |it: &mut RolloutView| {
        let step = it.ramp.as_mut().unwrap().shadow_step.as_mut().unwrap();
        step.gates[2].is_critical = true;
    };
    let ended = |phase: &'static str| {
        move |it: &mut RolloutView| {
            uneven(it);
            it.phase = phase.into();
        }
    };
    let not_critical = |it: &mut RolloutView| {
        uneven(it);
        refusals(it).is_critical = false;
    };
    let cases: [(RolloutView, Change<'_>, bool); 10] = [
        (fixtures::ramping(), &|_| (), false),
        (fixtures::ramping(), &missing, true),
        (fixtures::ramping(), &uneven, true),
        (fixtures::holding(), &waits, true),
        (fixtures::ramping(), &not_critical, false),
        (fixtures::ramping(), &ended("promoted"), false),
        (fixtures::ramping(), &ended("paused"), false),
        (fixtures::promoted(), &|_| (), false),
        (fixtures::shadow_step(), &|_| (), false),
        (fixtures::shadow_step(), &in_pairs, true),
    ];
    for (index, (rollout, change, expected)) in cases.into_iter().enumerate() {
        assert_eq!(is_severe(rollout, change), expected, "case {index}");
    }
}

/// After a promotion gates and split decide nothing.
#[test]
fn incomparable_versions_are_severe_until_the_ramp_has_ended() {
    for (phase, expected) in
        [("ramping", true), ("holding", true), ("paused", true), ("promoted", false)]
    {
        let mut rollout = fixtures::ramping();
        rollout.phase = phase.into();
        let analysis = rollout.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
        analysis.is_mismatched = true;
        analysis.gates[1].verdict = "not_comparable".into();
        let found = problems(&rollout, None, 0);
        let severe = found.iter().filter(|it| it.is_severe).count();
        assert_eq!((found.len(), severe == 2), (2, expected), "{phase}");
    }
}

/// More traffic helps only where evidence is missing.
#[test]
fn the_fix_of_an_overdue_step_is_for_what_it_waits_for() {
    for (waits_for, expected) in [
        ("evidence", "Wait for more traffic"),
        ("approval", "approve the next step"),
        ("division", "the split of users does not match"),
        ("unread", "Make the answers of both versions readable"),
        ("incident", "Repair what both versions share"),
        ("data", "both versions receive requests"),
        ("pairs", "increase the share of the shadow step"),
    ] {
        let mut rollout = fixtures::holding();
        let ramp = rollout.ramp.as_mut().unwrap();
        (ramp.is_overdue, ramp.waits_for) = (true, waits_for.into());
        let found = problems(&rollout, None, 0);
        let overdue = found.iter().find(|it| it.what.contains("longer than ramp.timeout"));
        assert!(overdue.unwrap().fix.contains(expected), "{waits_for}: {found:?}");
    }
}

/// The state is that of the fleet, which cannot use its store.
#[test]
fn an_envoy_that_has_rolled_back_alone_shows_its_own_phase() {
    let mut walk = Walk::new(ramp(json!({})));
    walk.run(60, GOOD);
    let fleet = FleetView { is_rolled_back_alone: true, ..fixtures::fleet() };
    let view = RolloutView::new(ViewInputs {
        phase: Phase::RolledBack,
        fleet: Some(fleet),
        ..inputs(&walk, with_requests())
    });
    assert_eq!((view.phase.as_str(), view.green_bp), ("rolled_back", 0));
    let text = headline(&view).text;
    assert!(text.contains("all users are on blue"), "{text}");
    assert!(view.ramp.is_some() && !view.decisions.is_empty());
}
