//! How many units decide, against the analysis itself, and the tables of them in the docs.

use serde_json::json;
use verdigris::analysis::influence::StepUnderAttack;
use verdigris::analysis::{
    Analysis, AnalysisPlan, ByVersion, Evidence, Measurements, Metric, StepIndex, Verdict,
};
use verdigris::assignment::Version;
use verdigris::config::Config;

use crate::{observe, plan_for};

/// The plan of the default ramp.
fn default_plan(alpha: f64) -> AnalysisPlan {
    let config = json!({
        "rollout": "r", "unit": {"header": "u"}, "ramp": {"alpha": alpha},
        "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
    });
    Config::parse(config.to_string().as_bytes()).unwrap().ramp.unwrap().analysis
}

fn bad(blue: u64, green: u64) -> ByVersion<u64> {
    ByVersion { blue, green }
}

/// The verdict of the analysis on these numbers of bad units in a step.
fn verdict(plan: &AnalysisPlan, step: StepIndex, bad_units: ByVersion<u64>) -> Verdict {
    let mut evidence = Evidence::default();
    (0..=step.get()).for_each(|step| evidence.begin_step(StepIndex::new(step), 0));
    let error = Measurements::default().with_rate(Metric::ErrorRate, true);
    let units = (0..bad_units.blue + bad_units.green).map(|unit| {
        let version = if unit < bad_units.blue { Version::Blue } else { Version::Green };
        // Units in the order of their hashes have no clusters.
        observe(0, unit, step.get(), version, error)
    });
    evidence.add(plan, units.collect());
    Analysis::new(plan, &evidence, step).verdict
}

#[test]
fn the_units_that_roll_back_are_those_of_the_analysis() {
    for alpha in [0.05, 0.001] {
        let plan = AnalysisPlan { alpha, ..plan_for(&[Metric::ErrorRate]) };
        for step in (0..plan.steps.len()).map(StepIndex::new) {
            for (blue, green) in [(0, 0), (3, 0), (40, 2), (300, 10)] {
                let attacked = StepUnderAttack::new(&plan, &plan.gates[0], step).unwrap();
                let units = attacked.units_to_roll_back(bad(blue, green)).unwrap();
                assert!(units > 0);
                let with = |units| verdict(&plan, step, bad(blue, green + units));
                assert_eq!(with(units), Verdict::Fail, "{alpha} {step:?} {blue} {units}");
                assert_ne!(with(units - 1), Verdict::Fail, "{alpha} {step:?} {blue} {units}");
            }
        }
    }
}

/// A step with all of these requests is passed with the units, and not with fewer.
#[test]
fn the_units_that_pass_are_those_of_the_bets() {
    let plan = plan_for(&[Metric::ErrorRate]);
    for step in (0..plan.steps.len()).map(StepIndex::new) {
        let attacked = StepUnderAttack::new(&plan, &plan.gates[0], step).unwrap();
        let units = attacked.units_to_pass(bad(200, 400)).unwrap();
        assert_eq!(attacked.units_to_pass(bad(200 + units, 400)), Some(0), "{step:?}");
        assert_eq!(attacked.units_to_pass(bad(200 + units - 1, 400)), Some(1), "{step:?}");
        assert!(attacked.units_to_pass(bad(200, 500)).unwrap() > units, "{step:?}");
    }
}

#[test]
fn the_docs_have_the_numbers_of_units() {
    let security = include_str!("../../docs/explanation/security.md");
    let rows: Vec<String> = rollback_rows().chain(pass_rows()).collect();
    for row in &rows {
        assert!(security.contains(row), "security.md lacks a row of these:\n{}", rows.join("\n"));
    }
    let gate = include_str!("../../docs/explanation/gate.md");
    let rows = rows_by_blue(&default_plan(0.05), &[0, 10, 100, 1000]);
    for row in &rows {
        assert!(gate.contains(row), "gate.md lacks a row of these:\n{}", rows.join("\n"));
    }
}

const PERCENT: [f64; 4] = [1.0, 5.0, 25.0, 50.0];

/// Units that roll back, by the number of blue's bad units.
fn rows_by_blue(plan: &AnalysisPlan, blue: &[u64]) -> Vec<String> {
    let row = |(index, percent)| {
        let step = StepUnderAttack::new(plan, &plan.gates[0], StepIndex::new(index)).unwrap();
        let units = blue.iter().map(|blue| step.units_to_roll_back(bad(*blue, 0)).unwrap());
        format!("| {percent} % |{}", units.map(|it| format!(" {it} |")).collect::<String>())
    };
    PERCENT.iter().enumerate().map(row).collect()
}

/// Units that roll back at the beginning of a step, and after ten minutes of traffic of which
/// one in a hundred requests of both versions fails, each of another user.
fn rollback_rows() -> impl Iterator<Item = String> {
    let (usual, small) = (default_plan(0.05), default_plan(0.001));
    PERCENT.into_iter().enumerate().map(move |(index, percent)| {
        let units = |plan: &AnalysisPlan, per_second: f64| {
            let step = StepUnderAttack::new(plan, &plan.gates[0], StepIndex::new(index)).unwrap();
            // Only units that were on blue before the step count.
            let new = plan.steps[index].new_units.get();
            let before = if index == 0 { 0.0 } else { PERCENT[index - 1] / 100.0 };
            let bad_units = per_second * 600.0 * 0.01 * (1.0 - before);
            let honest = bad((bad_units * (1.0 - new)) as u64, (bad_units * new) as u64);
            step.units_to_roll_back(honest).unwrap()
        };
        let cells = [0.0, 10.0, 100.0, 1000.0].map(|rps| format!(" {} |", units(&usual, rps)));
        let start = units(&small, 0.0);
        format!("| {percent} % |{} {start} | {} |", cells.concat(), units(&small, 100.0))
    })
}

/// Units of blue with an error that let a green with three times the errors pass within the bake
/// time, of which the warm-up is ignored.
fn pass_rows() -> impl Iterator<Item = String> {
    let plan = default_plan(0.05);
    PERCENT.into_iter().enumerate().map(move |(index, percent)| {
        let step = StepUnderAttack::new(&plan, &plan.gates[0], StepIndex::new(index)).unwrap();
        let units = |per_second: f64| {
            let (requests, share) = (per_second * 480.0, percent / 100.0);
            let honest = bad(
                (requests * (1.0 - share) * 0.01) as u64,
                (requests * share * 0.03).round() as u64,
            );
            step.units_to_pass(honest).unwrap()
        };
        let cells = [10.0, 100.0, 1000.0].map(|rps| {
            let units = units(rps);
            format!(" {units} ({:.2} a second) |", units as f64 / 480.0)
        });
        format!("| {percent} % |{}", cells.concat())
    })
}
