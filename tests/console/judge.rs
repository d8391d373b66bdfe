//! The judge on the page, in `/state.json` and in words.

use serde_json::json;
use verdigris::config::Config;
use verdigris::console::JudgeSpending;
use verdigris::console::judge_summary::sentences;
use verdigris::console::problems::problems;
use verdigris::console::view::{JudgeView, JudgedPairsView, RolloutView, VersionView};
use verdigris::judge::Ledger;

use crate::fixtures;

const NOON_MS: u64 = 20_000 * 86_400_000 + 43_200_000;

fn view(
    overrides: &serde_json::Value,
    counters: &[(&str, &str, u64)],
    spent_microusd: u64,
) -> JudgeView {
    view_in_fleet(overrides, counters, spent_microusd, None)
}

fn view_in_fleet(
    overrides: &serde_json::Value,
    counters: &[(&str, &str, u64)],
    spent_microusd: u64,
    instances: Option<u32>,
) -> JudgeView {
    let mut config = json!({
        "rollout": "assistant-v8", "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
        "ramp": {"steps": [{"shadow": 10}, 5, 100]},
        "prices": {"*": {"input": 1, "output": 1}},
        "judge": {"cluster": "judge", "model": "judge-model", "mode": "both"},
    });
    config["judge"].as_object_mut().unwrap().extend(overrides.as_object().unwrap().clone());
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let versions = ["blue", "green", "shadow"].map(|version| {
        let own = counters.iter().filter(|(of, ..)| *of == version);
        let counters = own.map(|(_, name, count)| ((*name).to_owned(), *count)).collect();
        VersionView { version: version.to_owned(), counters, about: None }
    });
    let ledger = Ledger::default().with_cost(spent_microusd, NOON_MS);
    let spending = JudgeSpending { ledger, instances };
    JudgeView::new(config.judge.as_ref().unwrap(), spending, &versions, NOON_MS)
}

#[test]
fn the_judge_is_summed_up_in_words() {
    let counters = [
        ("blue", "judged", 410),
        ("blue", "unjudged_too_large", 2),
        ("blue", "unjudged_dropped", 1),
        ("green", "judged", 402),
        ("green", "judge_errors", 5),
        ("green", "judge_errors_timeout", 5),
        ("shadow", "judged", 320),
        ("shadow", "preferred_blue", 120),
        ("shadow", "preferred_green", 80),
        ("shadow", "preferred_neither", 40),
        ("shadow", "judge_inconsistent", 80),
    ];
    let judge = view(&json!({"max_cost_per_day": 5}), &counters, 120_000);
    let pairs = judge.pairs.clone().unwrap();
    assert_eq!((pairs.judged, pairs.inconsistent, pairs.agreement), (320, 80, Some(0.75)));
    let [low, high] = pairs.green_wins.unwrap();
    assert!(low > 0.27 && low < 0.34 && high > 0.46 && high < 0.53, "{low} {high}");
    let sentences: Vec<String> =
        sentences(&judge).into_iter().map(|it| it.replace('\u{a0}', " ")).collect();
    assert_eq!(sentences[0], "judge-model has cost $0.12 today, of at most $5.00.");
    assert_eq!(
        sentences[1],
        "It has judged 410 answers of blue and 402 of green. 3 and 0 samples were not judged; 0 and 5 \
         answers of the judge were no verdict."
    );
    assert!(
        sentences[2].starts_with(
            "It has compared 320 pairs: blue’s answer is better in 120, green’s in 80, neither in 40. \
             It agrees with itself in 75.0 % when their order is swapped. Green wins "
        ),
        "{}",
        sentences[2]
    );
}

#[test]
fn an_envoy_of_a_fleet_has_its_part_of_the_ceiling() {
    let judge = view_in_fleet(&json!({"max_cost_per_day": 6}), &[], 2_000_000, Some(3));
    assert!(judge.is_exhausted);
    let ceilings = (judge.max_cost_microusd, judge.fleet_max_cost_microusd);
    assert_eq!(ceilings, (Some(2_000_000), Some(6_000_000)));
    let cost = sentences(&judge)[0].replace('\u{a0}', " ");
    let expected = "judge-model has cost $2.00 today in this Envoy, of at most $2.00, which is its part \
                    of $6.00 for the fleet. Nothing is judged until 00:00 UTC";
    assert!(cost.starts_with(expected), "{cost}");
}

#[test]
fn a_judge_without_data_and_at_its_ceiling() {
    let judge = view(&json!({"max_cost_per_day": 5}), &[], 5_000_000);
    assert!(judge.is_exhausted);
    assert_eq!(judge.pairs, Some(JudgedPairsView::default()));
    let sentences = sentences(&judge);
    assert!(sentences[0].contains("Nothing is judged until 00:00 UTC"), "{sentences:?}");
    let judge = view(&json!({}), &[], 5_000_000);
    assert!(!judge.is_exhausted && judge.max_cost_microusd.is_none());
}

/// The problem of an exhausted judge, and the step that waits for its verdicts or does not.
#[test]
fn a_judge_without_verdicts_is_severe_while_the_ramp_needs_them() {
    let config = json!({
        "rollout": "assistant-v8", "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
        "ramp": {"steps": [{"shadow": 10}, 5, 100], "gates": [{"metric": "score"}, {"metric": "preference"}]},
        "prices": {"*": {"input": 1, "output": 1}},
        "judge": {"cluster": "judge", "model": "judge-model", "mode": "both"},
    });
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let is_severe = |mut rollout: RolloutView| {
        rollout.judge = Some(view(&json!({"max_cost_per_day": 5}), &[], 5_000_000));
        let found = problems(&rollout, config.ramp.as_ref(), 0);
        found.iter().find(|it| it.what.starts_with("The judge has cost")).unwrap().is_severe
    };
    let in_step = |phase: &str, verdict: &str| {
        let mut rollout = fixtures::ramping();
        rollout.phase = phase.into();
        let analysis = rollout.ramp.as_mut().unwrap().judgement.as_mut().unwrap();
        analysis.gates[5].verdict = verdict.into();
        rollout
    };
    for (phase, verdict, expected) in [
        ("ramping", "undecided", true),
        ("holding", "not_comparable", true),
        ("ramping", "pass", false),
        ("holding", "left_out", false),
        ("paused", "undecided", false),
        ("promoted", "undecided", false),
    ] {
        assert_eq!(is_severe(in_step(phase, verdict)), expected, "{phase} {verdict}");
    }
    assert!(!is_severe(fixtures::promoted()));
    // Before the first pair.
    let mut shadow_step = fixtures::shadow_step();
    shadow_step.ramp.as_mut().unwrap().shadow_step.as_mut().unwrap().gates.clear();
    assert!(is_severe(shadow_step));
}
