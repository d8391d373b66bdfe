//! The `ramp` section.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::{Value, json};
use verdigris::analysis::{AnalysisUnit, GateSpec, Metric, Tripwire};
use verdigris::assignment::Share;
use verdigris::rollout::{RampSpec, RampStep};

use crate::{errors_with, valid_config, valid_ramp};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn steps_bp(ramp: &RampSpec) -> Vec<u32> {
    ramp.steps.iter().map(|step| step.share.basis_points()).collect()
}

fn analysed_shares(ramp: &RampSpec) -> Vec<f64> {
    ramp.analysis.steps.iter().map(|step| step.all_units.get()).collect()
}

fn gate_specs(ramp: &RampSpec) -> Vec<GateSpec> {
    ramp.analysis.gates.iter().map(|gate| gate.spec.clone()).collect()
}

/// A tripwire on error_rate with defaults.
const TRIPWIRE: Tripwire = Tripwire {
    metric: Metric::ErrorRate,
    limit: 0.5,
    min_samples: 20,
    min_units: 2,
    window_s: 30,
    is_absolute: false,
};

#[test]
fn every_field_has_a_default() {
    let config = valid_config(json!({"ramp": {}}));
    assert_eq!(config.share, Share::ZERO);
    let ramp = config.ramp.unwrap();
    assert_eq!(steps_bp(&ramp), [100, 500, 2_500, 5_000, 10_000]);
    assert!(ramp.steps.iter().all(|step| !step.needs_approval));
    assert_eq!(ramp.bake, seconds(600));
    assert_eq!(ramp.timeout, seconds(86_400));
    assert_eq!(ramp.objective, None);
    assert_eq!(ramp.started, None);
    assert_eq!(ramp.restart, "");
    assert!(!ramp.is_paused && !ramp.is_rolled_back);

    let analysis = &ramp.analysis;
    assert_eq!((analysis.alpha, analysis.beta), (0.05, 0.1));
    assert_eq!(analysis.unit, AnalysisUnit::Units);
    assert_eq!(analysis.warmup_ns, 120_000_000_000);
    assert_eq!(analysis.max_units, 1 << 16);
    let shares = analysed_shares(&ramp);
    assert_eq!(shares, [0.01, 0.05, 0.25, 0.5]);
    let default_metrics = [
        Metric::ErrorRate,
        Metric::ClientErrorRate,
        Metric::RefusalRate,
        Metric::EmptyRate,
        Metric::AbortRate,
        Metric::SlowRate,
        Metric::Duration,
        Metric::Ttft,
    ];
    let expected = default_metrics.map(|metric| GateSpec::with_defaults(metric, &shares));
    assert_eq!(gate_specs(&ramp), expected);
    assert!(analysis.gates.iter().all(|gate| gate.steps().len() == 4));
}

#[test]
fn a_profile_has_defaults_of_its_own() {
    let profiles = [
        (json!({}), vec![100, 500, 2_500, 5_000, 10_000], 600, vec![2.0, 1.0, 0.5, 0.3]),
        (
            json!({"profile": "default"}),
            vec![100, 500, 2_500, 5_000, 10_000],
            600,
            vec![2.0, 1.0, 0.5, 0.3],
        ),
        (json!({"profile": "small"}), vec![5_000, 10_000], 6 * 3600, vec![1.75]),
        (
            json!({"profile": "large"}),
            vec![100, 500, 1_000, 2_500, 5_000, 10_000],
            1800,
            vec![1.125, 0.625, 0.375, 0.375, 0.275],
        ),
        // A field that is written wins.
        (
            json!({"profile": "small", "steps": [25, 50, 100]}),
            vec![2_500, 5_000, 10_000],
            6 * 3600,
            vec![1.75, 1.75],
        ),
        (json!({"profile": "small", "bake": "1h"}), vec![5_000, 10_000], 3600, vec![1.75]),
        (
            json!({"profile": "small", "gates": [{"metric": "error_rate", "tolerance": 1}]}),
            vec![5_000, 10_000],
            6 * 3600,
            vec![1.0],
        ),
    ];
    for (section, steps, bake_s, tolerance) in profiles {
        let ramp = valid_ramp(section.clone());
        assert_eq!(steps_bp(&ramp), steps, "{section}");
        assert_eq!(ramp.bake, seconds(bake_s), "{section}");
        assert_eq!(ramp.timeout, seconds(86_400), "{section}");
        assert_eq!(gate_specs(&ramp)[0].tolerance, tolerance, "{section}");
    }
    let errors = errors_with(json!({"ramp": {"profile": "tiny"}}));
    assert_eq!(errors, r#"ramp.profile: "tiny": write "small" or "default" or "large""#);
}

/// The past of units is learned before the first step where it is used, unless the ramp begins
/// with a step that exposes no user.
#[test]
fn a_small_service_has_a_baseline() {
    let of_values = json!([{"metric": "duration"}]);
    let of_rates = json!([{"metric": "error_rate"}]);
    let hour = 3600;
    for (section, adjusts, baseline_s) in [
        (json!({}), false, 0),
        (json!({"profile": "large"}), false, 0),
        (json!({"adjust": true}), true, 0),
        (json!({"adjust": true, "baseline": "90m"}), true, hour + hour / 2),
        (json!({"profile": "small"}), true, 2 * hour),
        (json!({"profile": "small", "bake": "3m"}), true, 60),
        (json!({"profile": "small", "baseline": "0s"}), true, 0),
        (json!({"profile": "small", "baseline": "1h"}), true, hour),
        (json!({"profile": "small", "adjust": false}), false, 0),
        (json!({"profile": "small", "gates": of_values}), true, 2 * hour),
        (json!({"profile": "small", "gates": of_rates}), false, 0),
        (json!({"profile": "small", "evidence": "every_request"}), false, 0),
        (json!({"profile": "small", "steps": [{"shadow": 10}, 50, 100]}), true, 0),
        (json!({"profile": "small", "steps": [{"shadow": 10}, 50], "baseline": "1h"}), true, hour),
    ] {
        let ramp = valid_ramp(section.clone());
        assert_eq!(
            (ramp.analysis.adjusts, ramp.baseline),
            (adjusts, seconds(baseline_s)),
            "{section}"
        );
    }
}

#[test]
fn default_tripwires_need_no_body_unless_bodies_are_read() {
    let in_both_windows = |metrics: &[Metric]| -> Vec<Tripwire> {
        let tripwire =
            |window_s| metrics.iter().map(move |it| Tripwire { metric: *it, window_s, ..TRIPWIRE });
        [30, 600].into_iter().flat_map(tripwire).collect()
    };
    let all = [Metric::ErrorRate, Metric::ClientErrorRate, Metric::EmptyRate];
    assert_eq!(valid_ramp(json!({})).tripwires, in_both_windows(&all));
    let unread = valid_ramp(json!({"gates": [{"metric": "error_rate"}, {"metric": "duration"}]}));
    let without_body = [Metric::ErrorRate, Metric::ClientErrorRate];
    assert_eq!(unread.tripwires, in_both_windows(&without_body));
}

#[test]
fn every_field_of_steps_and_times_can_be_set() {
    let ramp = valid_ramp(json!({
        "steps": [0.01, {"percent": 2.5}, {"percent": 33.33, "approve": true}, 99.99],
        "baseline": "0s",
        "bake": "90s",
        "timeout": "2d",
        "warmup": "500ms",
        "alpha": 0.5,
        "beta": 0.01,
        "evidence": "every_request",
        "adjust": true,
        "started": "2026-11-25T10:00:00Z",
        "restart": "2",
        "paused": true,
        "rolled_back": true,
    }));
    let step = |green: u64, needs_approval| RampStep {
        share: Share::new(10_000 - green, green).unwrap(),
        analysed_share: Share::ALL,
        needs_approval,
    };
    let steps = [step(1, false), step(250, false), step(3_333, true), step(9_999, false)];
    assert_eq!(ramp.steps, steps);
    assert_eq!(analysed_shares(&ramp), [0.0001, 0.025, 0.3333, 0.9999]);
    assert_eq!((ramp.bake, ramp.timeout), (seconds(90), seconds(172_800)));
    assert_eq!(ramp.started, Some(SystemTime::UNIX_EPOCH + seconds(1_795_600_800)));
    assert_eq!(ramp.restart, "2");
    assert!(ramp.is_paused && ramp.is_rolled_back);
    assert_eq!(ramp.analysis.warmup_ns, 500_000_000);
    assert_eq!((ramp.analysis.alpha, ramp.analysis.beta), (0.5, 0.01));
    assert_eq!(ramp.analysis.unit, AnalysisUnit::EveryRequest);
    assert!(ramp.analysis.adjusts);
}

#[test]
fn every_field_of_gates_can_be_set() {
    let config = valid_config(json!({
        "ramp": {
            "steps": [1, 5, 25, 50],
            "gates": [
                {
                    "metric": "error_rate",
                    "margin": 0,
                    "tolerance": [2, 1, 0.5],
                    "ceiling": 0.02,
                    "critical": true,
                },
                {"metric": "slow_rate", "objective": "2s", "ceiling": null, "critical": false},
                {"metric": "cost", "tolerance": 0.2},
            ],
        },
        "prices": {"*": {"input": 1, "output": 2}},
    }));
    let ramp = config.ramp.unwrap();
    assert_eq!(ramp.objective, Some(seconds(2)));
    let shares = analysed_shares(&ramp);
    let named = |metric| GateSpec { is_named: true, ..GateSpec::with_defaults(metric, &shares) };
    let expected = [
        GateSpec {
            margin: 0.0,
            tolerance: vec![2.0, 1.0, 0.5],
            ceiling: Some(0.02),
            ..named(Metric::ErrorRate)
        },
        GateSpec { ceiling: None, is_critical: false, ..named(Metric::SlowRate) },
        GateSpec { tolerance: vec![0.2], ..named(Metric::Cost) },
    ];
    assert_eq!(gate_specs(&ramp), expected);
}

#[test]
fn every_field_of_tripwires_can_be_set() {
    let config = valid_config(json!({
        "ramp": {
            "gates": [{"metric": "error_rate"}, {"metric": "slow_rate", "objective": "2s"}],
            "tripwires": [
                {"metric": "slow_rate", "limit": 0.9, "minimum": 1, "window": "1s"},
                {"metric": "duration", "limit": "30s", "window": "10m"},
                {"metric": "ttft", "limit": "500ms"},
                {"metric": "cost", "limit": 0.05},
                {"metric": "output_tokens", "limit": 4000},
                {"metric": "error_rate", "limit": 0.5, "minimum_units": 16},
                {"metric": "empty_rate", "limit": 0.5, "absolute": true},
            ],
        },
        "prices": {"*": {"input": 1, "output": 2}},
    }));
    let tripwire = |metric, limit| Tripwire { metric, limit, ..TRIPWIRE };
    let expected = [
        Tripwire { min_samples: 1, window_s: 1, ..tripwire(Metric::SlowRate, 0.9) },
        Tripwire { window_s: 600, ..tripwire(Metric::Duration, 30_000.0) },
        tripwire(Metric::Ttft, 500.0),
        tripwire(Metric::Cost, 0.05),
        tripwire(Metric::OutputTokens, 4_000.0),
        Tripwire { min_units: 16, ..TRIPWIRE },
        Tripwire { is_absolute: true, ..tripwire(Metric::EmptyRate, 0.5) },
    ];
    assert_eq!(config.ramp.unwrap().tripwires, expected);
}

#[test]
fn some_defaults_depend_on_other_fields() {
    let short = valid_ramp(json!({"bake": "30s"}));
    assert_eq!(short.analysis.warmup_ns, 30_000_000_000, "at most bake");
    let long = valid_ramp(json!({"bake": "3d"}));
    assert_eq!(long.timeout, seconds(259_200), "at least bake");
    assert_eq!(valid_ramp(json!({"warmup": "0s"})).analysis.warmup_ns, 0);
    assert_eq!(short.analysis.cold_start_ns, 0);
    assert_eq!(valid_ramp(json!({"cold_start": "1m"})).analysis.cold_start_ns, 60_000_000_000);
    assert_eq!(valid_ramp(json!({"tripwires": []})).tripwires, []);
    let one_step = valid_ramp(json!({"steps": [50]}));
    assert_eq!(steps_bp(&one_step), [5_000]);
    assert_eq!(one_step.analysis.gates[0].spec.tolerance, [0.3]);
}

#[test]
fn a_ramp_enables_the_observation_of_responses() {
    let without_body = json!({"gates": [{"metric": "error_rate"}]});
    let mut with_tripwire = without_body.clone();
    with_tripwire["tripwires"] = json!([{"metric": "truncation_rate", "limit": 0.5}]);
    for (ramp, is_read) in [(json!({}), true), (without_body.clone(), false), (with_tripwire, true)]
    {
        let config = valid_config(json!({"ramp": ramp}));
        assert_eq!(config.ramp.unwrap().reads_answers(), is_read, "{ramp}");
        let explicit = valid_config(json!({"answers": {"read": is_read}}));
        assert_eq!(config.answers, explicit.answers, "{ramp}");
    }
    let prices = json!({"*": {"input": 1, "output": 2}});
    let priced = valid_config(json!({"ramp": {}, "prices": prices}));
    assert_eq!(priced.answers, valid_config(json!({"answers": {}, "prices": prices})).answers);
    let plain = valid_config(json!({"ramp": {}, "answers": {"plain": true}}));
    assert!(plain.answers.unwrap().plain);
    let unread = valid_config(json!({"ramp": without_body, "answers": {"read": false}}));
    assert!(!unread.answers.unwrap().read);
    assert_eq!(valid_config(json!({})).answers, None);
}

/// Each step compares the units up to twice the newly exposed share above the previous step.
#[test]
fn an_equal_control_is_as_large_as_the_newly_exposed_share() {
    let with_equal_control = |steps: Value| json!({"steps": steps, "control": "equal"});
    let ramp = valid_ramp(with_equal_control(json!([1, 5, 25, 50, 100])));
    let analysed_bp: Vec<u32> =
        ramp.steps.iter().map(|step| step.analysed_share.basis_points()).collect();
    assert_eq!(analysed_bp, [200, 900, 4500, 7500, 10_000]);
    let errors = errors_with(json!({"ramp": with_equal_control(json!([1, 60, 100]))}));
    assert_eq!(
        errors,
        "ramp.control: \"equal\": step 1 leaves fewer units on blue than it newly exposes to \
         green; write smaller steps, such as up to 50, or remove this field"
    );
}

/// Then what units are answered in a step is no part of their past, since it is known of few.
#[test]
fn a_control_may_leave_units_out_of_a_step() {
    for (section, compares_all) in [
        (json!({}), true),
        (json!({"control": "equal"}), false),
        (json!({"control": "equal", "steps": [50, 100]}), true),
        (json!({"control": {"ratio": 4}}), false),
        (json!({"control": {"ratio": 4}, "steps": [20, 50, 100]}), true),
        (json!({"control": {"ratio": 4}, "steps": [19, 50]}), false),
    ] {
        let analysis = valid_ramp(section.clone()).analysis;
        assert_eq!(analysis.compares_all, compares_all, "{section}");
    }
}

/// Blue's share of what is compared is a multiple of green's, up to all that blue has.
#[test]
fn a_control_ratio_multiplies_greens_share() {
    let with_ratio =
        |ratio: Value| json!({"steps": [0.5, 5, 25, 100], "control": {"ratio": ratio}});
    for (ratio, expected) in [
        (1, [100, 1000, 5000, 10_000]),
        (4, [250, 2500, 10_000, 10_000]),
        (99, [5000, 10_000, 10_000, 10_000]),
    ] {
        let ramp = valid_ramp(with_ratio(json!(ratio)));
        let analysed_bp: Vec<u32> =
            ramp.steps.iter().map(|step| step.analysed_share.basis_points()).collect();
        assert_eq!(analysed_bp, expected, "{ratio}");
        // Where all units are compared, all answers are read.
        let last = ramp.steps.last().map(|step| step.analysed_share);
        assert_eq!(last, Some(Share::ALL), "{ratio}");
        assert!(ramp.reads_compared_only);
    }
    assert!(!valid_ramp(json!({"control": "equal"})).reads_compared_only);
    let rule = "write how many of blue's units are compared for each one on green: a whole number from 1 to \
                99, such as 4";
    for ratio in [json!(0), json!(100), json!(1.5), json!(-4)] {
        let errors = errors_with(json!({"ramp": with_ratio(ratio.clone())}));
        assert_eq!(errors, format!("ramp.control.ratio: {ratio}: {rule}"));
    }
    let errors = errors_with(json!({"ramp": {"control": {}}}));
    assert_eq!(errors, format!("ramp.control.ratio: null: {rule}"));
    let choices = r#"write "all", "equal" or {"ratio": 4}"#;
    for control in [json!("some"), json!(4), json!([])] {
        let errors = errors_with(json!({"ramp": {"control": control.clone()}}));
        assert_eq!(errors, format!("ramp.control: {control}: {choices}"));
    }
}

/// A rollout with weights has no units that are compared.
#[test]
fn the_answers_of_a_share_of_units_are_read() {
    let sample = |config: Value| valid_config(config).answers.unwrap().sample;
    assert_eq!(sample(json!({"answers": {}})), Share::ALL);
    assert_eq!(sample(json!({"answers": {"sample": "25%"}})).basis_points(), 2500);
    assert_eq!(sample(json!({"answers": {"sample": 0.5}})).basis_points(), 50);
    for percent in [json!(0), json!(101), json!(0.001)] {
        let errors = errors_with(json!({"answers": {"sample": percent.clone()}}));
        assert_eq!(
            errors,
            format!(
                "answers.sample: {percent}: write the share of units whose answers are read, in \
                 percent, above 0 and at most 100, with at most two decimals, such as 25"
            )
        );
    }
    let errors = errors_with(json!({"ramp": {}, "answers": {"sample": 25}}));
    assert!(errors.starts_with("answers.sample: set: a ramp reads"), "{errors}");
    let errors = errors_with(json!({"answers": {"read": false, "sample": 25}}));
    assert!(errors.starts_with("answers.sample: set: has no effect"), "{errors}");
}

proptest! {
    #[test]
    fn each_step_below_100_percent_is_analysed(
        green_bp in prop::collection::btree_set(1..=10_000_u32, 1..=16),
    ) {
        let percents: Vec<f64> = green_bp.iter().map(|green| f64::from(*green) / 100.0).collect();
        prop_assume!(percents != [100.0]);
        let ramp = valid_ramp(json!({"steps": percents}));
        prop_assert_eq!(steps_bp(&ramp), green_bp.iter().copied().collect::<Vec<_>>());
        let analysed = green_bp.iter().filter(|green| **green < 10_000).count();
        prop_assert_eq!(ramp.analysis.steps.len(), analysed);
        for gate in &ramp.analysis.gates {
            prop_assert_eq!(gate.steps().len(), analysed);
        }
    }
}

#[test]
fn a_shadow_step_comes_before_the_first_one() {
    let ramp =
        valid_ramp(json!({"steps": [{"shadow": "12.5%"}, {"percent": 5, "approve": true}, 50]}));
    let shadow = ramp.shadow.unwrap();
    assert_eq!((shadow.share.basis_points(), shadow.max_pairs), (1_250, 2_000));
    assert_eq!(steps_bp(&ramp), [500, 5_000]);
    // The first step may need an approval, because no user is on green before it.
    assert!(ramp.steps[0].needs_approval);
    assert_eq!(ramp.analysis.steps.len(), 2);
    assert_eq!(ramp.analysis.alpha, 0.025);
    let pairs = valid_ramp(json!({"steps": [{"shadow": 100, "pairs": "500"}, 50]})).shadow;
    assert_eq!(pairs.unwrap().max_pairs, 500);
    assert_eq!(valid_ramp(json!({})).shadow, None);
}

#[test]
fn a_shadow_step_implies_a_shadow_that_mirrors_nothing_outside_of_it() {
    let config = |overrides: Value| {
        let mut config = json!({
            "rollout": "assistant-v8",
            "unit": {"header": "x-user-id"},
            "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
            "ramp": {"steps": [{"shadow": 10}, 50], "gates": [{"metric": "error_rate"}]},
        });
        config.as_object_mut().unwrap().extend(overrides.as_object().unwrap().clone());
        verdigris::config::Config::parse(config.to_string().as_bytes())
    };
    let implied = config(json!({})).unwrap();
    let shadow = implied.shadow.as_ref().unwrap();
    assert_eq!((shadow.share.basis_points(), shadow.header.as_str()), (0, "x-verdigris-shadow"));
    assert!(implied.has_other_listeners() && implied.answers.unwrap().read);
    let own =
        config(json!({"shadow": {"percent": 3, "header": "x-copy"}})).unwrap().shadow.unwrap();
    assert_eq!((own.share.basis_points(), own.header.as_str()), (300, "x-copy"));
    let patched = json!({"versions": {
        "blue": {"cluster": "llm-blue", "request": {"model": "a"}},
        "green": {"cluster": "llm-green"},
    }});
    let errors = config(patched).unwrap_err().to_string();
    assert!(
        errors.contains("ramp.steps[0].shadow: set: a mirrored request would contain blue's patch"),
        "{errors}"
    );
}
