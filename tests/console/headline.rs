//! The one-sentence status of a rollout.

use verdigris::console::problems::problems;
use verdigris::console::view::{CommandView, ProblemView, RolloutView, ShadowStepView};
use verdigris::console::{Tone, headline, page};

use crate::fixtures;
use crate::harness::RampHarness;

fn changed(mut rollout: RolloutView, change: impl FnOnce(&mut RolloutView)) -> RolloutView {
    change(&mut rollout);
    rollout
}

fn command(command: &str, reason: &str) -> Option<CommandView> {
    Some(CommandView { order: command.into(), at_ms: 0, reason: reason.into() })
}

fn with_verdict(rollout: RolloutView, verdict: &str, worse: f64) -> RolloutView {
    changed(rollout, |it| {
        let analysis = it.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
        (analysis.verdict, analysis.worse) = (verdict.into(), worse);
        analysis.gates[3].worse = worse;
    })
}

#[test]
fn each_state_has_its_headline() {
    use fixtures::*;
    let without_analysis =
        |it: RolloutView| changed(it, |it| it.ramp.as_mut().unwrap().judgement = None);
    let state_lost = changed(paused(), |it| {
        it.order = None;
        it.ramp.as_mut().unwrap().waits_for = "state_lost".into();
    });
    let mismatched = changed(ramping(), |it| {
        it.ramp.as_mut().unwrap().judgement.as_mut().unwrap().is_mismatched = true;
    });
    let tripped = changed(without_analysis(rolled_back()), |it| {
        it.decisions[0].why = "tripwire: error_rate of green was 0.4000 in the last 60 s".into();
    });
    let waits =
        |reason: &str| changed(holding(), |it| it.ramp.as_mut().unwrap().waits_for = reason.into());
    let unread = changed(waits("unread"), |it| {
        let analysis = it.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
        analysis.gates[1].verdict = "not_comparable".into();
    });
    // A gate may fail at the same time, but the log has what decided.
    let tripped_first = changed(rolled_back(), |it| {
        it.decisions[0].why = "tripwire: error_rate of green was 0.4000 in the last 60 s".into();
    });
    let overdue = changed(holding(), |it| it.ramp.as_mut().unwrap().is_overdue = true);
    let only_blue = changed(no_data(), |it| {
        it.ramp.as_mut().unwrap().judgement.as_mut().unwrap().blue_units = 4;
    });
    let unknown = changed(ramping(), |it| (it.is_known, it.ramp) = (false, None));
    let replaced = changed(rolled_back(), |it| it.is_replaced = true);
    let next_needs_approval =
        changed(ramping(), |it| it.ramp.as_mut().unwrap().steps[3].needs_approval = true);
    let last = changed(ramping(), |it| it.ramp.as_mut().unwrap().steps.truncate(3));
    let at_end = changed(approval(), |it| it.ramp.as_mut().unwrap().waits_for = "nothing".into());
    let with_command = |it: RolloutView, command| changed(it, |it| it.order = command);
    let table = [
        (
            waits("incident"),
            Tone::NeedsAction,
            "Holding at 25 %: blue is degraded as well, so the cause probably affects both. The ramp \
             resumes automatically when it ends.",
        ),
        (
            unread,
            Tone::NeedsAction,
            "Holding at 25 %: refusals cannot be compared, since too many answers of one version \
             lack the value.",
        ),
        (
            ramping(),
            Tone::Good,
            "Green is safe so far: 25 % of users are on it; the next step \
            comes in about 6 minutes.",
        ),
        (
            with_verdict(ramping(), "undecided", 0.1),
            Tone::Good,
            "No evidence against green so far: \
            25 % of users are on it; the next decision comes in about 6 minutes.",
        ),
        (
            with_verdict(ramping(), "undecided", 0.6),
            Tone::NeedsAction,
            "Green may be worse on time to first \
            token: 25 % of users are on it, and more evidence rolls it back.",
        ),
        (mismatched, Tone::Bad, "Holding at 25 %: the split of users does not match the weights."),
        (holding(), Tone::Waiting, "Holding at 25 %: waiting for evidence on time to first token."),
        (
            overdue,
            Tone::NeedsAction,
            "Overdue at 25 %: waiting for evidence on time to first token.",
        ),
        (
            approval(),
            Tone::NeedsAction,
            "Green is safe so far at 25 %: waiting for approval to advance to 50 %.",
        ),
        (at_end, Tone::Good, "Green is safe: the last step, 25 %, is reached."),
        (no_data(), Tone::Unknown, "No data yet: no responses in this step for 25 minutes."),
        (
            only_blue,
            Tone::Unknown,
            "No data yet: no responses to green's users in this step for 25 minutes.",
        ),
        (
            rolled_back(),
            Tone::Bad,
            "Rolled back: green had more refusals (10.9 % against \
            0.80 %).",
        ),
        (without_analysis(rolled_back()), Tone::Bad, "Rolled back: green is worse."),
        (
            tripped,
            Tone::Bad,
            "Rolled back: tripwire: error_rate of green was 0.4000 in the last \
            60 s.",
        ),
        (
            tripped_first,
            Tone::Bad,
            "Rolled back: tripwire: error_rate of green was 0.4000 in the last \
            60 s.",
        ),
        (
            with_command(rolled_back(), command("rollback", "wrong language")),
            Tone::Bad,
            "Rolled back manually: wrong language",
        ),
        (promoted(), Tone::Good, "Promoted: everyone is on green."),
        (
            with_command(promoted(), command("promote", "we know it")),
            Tone::Waiting,
            "Promoted manually; only tripwires are active: we know it",
        ),
        (
            with_verdict(
                with_command(
                    changed(approval(), |it| it.phase = "promoted".into()),
                    command("promote", "we know it"),
                ),
                "fail",
                1.0,
            ),
            Tone::NeedsAction,
            "Promoted manually, and green may be worse on time to first token; gates are not \
            enforced: we know it",
        ),
        (
            unknown,
            Tone::Unknown,
            "The state of the ramp is not known yet: 25 % of users are on green.",
        ),
        (
            replaced,
            Tone::Waiting,
            "Probably replaced by another rollout. Rolled back: green had more refusals (10.9 % \
            against 0.80 %).",
        ),
        (
            next_needs_approval,
            Tone::Good,
            "Green is safe so far: 25 % of users are on it; the next step needs approval in about 6 \
            minutes.",
        ),
        (last, Tone::Good, "Green is safe so far: 25 % of users are on it; this is the last step."),
        (
            paused(),
            Tone::NeedsAction,
            "Paused manually at 25 % on green: the provider has an incident; \
            wait for the all-clear",
        ),
        (
            with_command(paused(), None),
            Tone::NeedsAction,
            "Paused by the configuration at 25 % on green.",
        ),
        (
            state_lost,
            Tone::NeedsAction,
            "Paused on blue: the state of a ramp that started earlier was lost, and an operator must \
            restart it.",
        ),
        (by_hand(), Tone::Waiting, "Manual weights: 5 % on green, no automatic checks."),
        (
            with_command(by_hand(), command("weights", "a test")),
            Tone::Waiting,
            "Manual weights: 5 % on green: a test",
        ),
        (
            problem(),
            Tone::Bad,
            "The safety of green cannot be assessed: 412 of 3,380 answers could not be read: they \
            are encoded. Holding at 25 %: waiting for evidence on time to first token.",
        ),
    ];
    for (rollout, tone, text) in table {
        let headline = headline(&rollout);
        assert_eq!(headline.text.replace('\u{a0}', " "), text);
        assert_eq!(headline.tone, tone, "{text}");
    }
}

/// Answers that could not be read before the cause was repaired, or before the promotion.
#[test]
fn what_was_unread_before_does_not_make_the_safety_of_green_unknown() {
    let walk = RampHarness::new(serde_json::json!({
        "steps": [50, 100], "bake": "10m", "gates": [{"metric": "refusal_rate"}], "tripwires": [],
    }));
    let of = |mut rollout: RolloutView| {
        let green = rollout.versions.iter_mut().find(|it| it.version == "green").unwrap();
        green.counters =
            vec![("requests".into(), 9), ("answers".into(), 1), ("unread".into(), 400)];
        rollout.problems = problems(&rollout, Some(walk.spec()), 0);
        assert!(rollout.problems.iter().any(|it| it.what.contains("could not be read")));
        headline(&rollout)
    };
    for (rollout, tone) in [(fixtures::ramping(), Tone::Good), (fixtures::promoted(), Tone::Good)] {
        let text = headline(&rollout).text;
        let found = of(rollout);
        assert_eq!((found.tone, found.text), (tone, text));
    }
    let lacking = changed(fixtures::ramping(), |it| {
        let analysis = it.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
        analysis.gates[1].green_missing = analysis.green_units;
    });
    let found = of(lacking);
    assert!(found.text.starts_with("The safety of green cannot be assessed: 400 of 401 answers"));
    assert_eq!(found.tone, Tone::Bad);
}

#[test]
fn a_long_reason_is_cut_in_the_headline_only() {
    let long = "ä".repeat(1000);
    let rollout = changed(fixtures::paused(), |it| it.order = command("pause", &long));
    let text = headline(&rollout).text;
    assert!(text.chars().count() < 200 && text.ends_with('…'), "{text}");
    assert!(page(&fixtures::view(vec![rollout])).contains(&long));
}

#[test]
fn the_most_urgent_rollout_comes_first() {
    let named = |mut it: RolloutView, name: &str| {
        it.rollout = name.into();
        it
    };
    let wrong = changed(fixtures::ramping(), |it| {
        let (what, fix) = ("unknown".into(), "find out".into());
        it.problems = vec![ProblemView { is_severe: true, what, fix }];
    });
    let view = fixtures::view(vec![
        named(fixtures::promoted(), "e"),
        named(fixtures::by_hand(), "d"),
        named(fixtures::no_data(), "c"),
        named(fixtures::paused(), "b"),
        named(wrong, "a"),
    ]);
    let html = page(&view);
    let at = |name| html.find(&format!("aria-labelledby=\"is-{name}\"")).unwrap();
    assert!(["a", "b", "c", "d", "e"].map(at).is_sorted());
    assert!(html.contains("<title>✕ a: The safety of green cannot be assessed: unknown."));
}

/// Nothing is compared in the baseline, and nothing is wrong with that.
#[test]
fn a_baseline_has_its_headline() {
    let found = headline(&fixtures::baseline());
    assert_eq!(found.tone, Tone::Good);
    assert_eq!(
        found.text,
        "Everyone is on blue: the ramp learns how users differ, and begins in about 2\u{a0}hours."
    );
}

#[test]
fn a_shadow_step_has_its_headlines() {
    let step = |change: &dyn Fn(&mut RolloutView)| changed(fixtures::shadow_step(), change);
    let of_step = |it: &mut RolloutView, change: &dyn Fn(&mut ShadowStepView)| {
        change(it.ramp.as_mut().unwrap().shadow_step.as_mut().unwrap());
    };
    let no_pairs = step(&|it| of_step(it, &|step| (step.pairs, step.pairs_needed) = (0, None)));
    let overdue = changed(no_pairs.clone(), |it| it.ramp.as_mut().unwrap().is_overdue = true);
    let held = step(&|it| of_step(it, &|step| step.pairs = 2_000));
    let worse = step(&|it| of_step(it, &|step| step.worse = 0.7));
    let approval = step(&|it| it.ramp.as_mut().unwrap().waits_for = "approval".into());
    let incident = step(&|it| it.ramp.as_mut().unwrap().waits_for = "incident".into());
    let rolled_back = step(&|it| {
        it.phase = "rolled_back".into();
        it.decisions = fixtures::rolled_back().decisions;
        of_step(it, &|step| {
            step.gates[1].verdict = "fail".into();
            step.gates[1].ratio = Some(1.31);
        });
    });
    let table = [
        (
            step(&|_| {}),
            Tone::Good,
            "No evidence against green so far: 655 of 2,000 pairs, about 1,640 are needed; no user is \
             on it.",
        ),
        (
            no_pairs,
            Tone::Unknown,
            "No pairs yet: green answers copies of requests, and no user is on it.",
        ),
        (
            overdue,
            Tone::NeedsAction,
            "Overdue: no copy of a request has met the response to its request.",
        ),
        (
            held,
            Tone::NeedsAction,
            "Holding before any user is on green: 2,000 of 2,000 pairs, about 1,640 are needed; \
             undecided: errors.",
        ),
        (
            worse,
            Tone::NeedsAction,
            "Green may be worse by 655 of 2,000 pairs: no user is on it, and more evidence rolls it \
             back.",
        ),
        (
            approval,
            Tone::NeedsAction,
            "Green is safe by 655 of 2,000 pairs, and no user has seen it: waiting for approval to \
             advance to 1\u{a0}%.",
        ),
        (
            incident,
            Tone::NeedsAction,
            "Holding before any user is on green: blue is degraded as well, so the cause probably \
             affects both. The ramp resumes automatically when it ends.",
        ),
        (
            rolled_back,
            Tone::Bad,
            "Rolled back: in the shadow step green had slower answers (1.31 times blue’s); no user \
             was on it.",
        ),
    ];
    for (rollout, tone, text) in table {
        let found = headline(&rollout);
        assert_eq!((found.tone, found.text.as_str()), (tone, text));
        assert!(page(&fixtures::view(vec![rollout])).contains("Shadow step"));
    }
}
