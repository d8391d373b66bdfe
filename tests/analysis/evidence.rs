//! From observations to sums.

use proptest::prelude::*;
use verdigris::analysis::gate_stats::GateStats;
use verdigris::analysis::{
    Analysis, AnalysisPlan, AnalysisUnit, ByVersion, Evidence, Measurements, Metric, Observation,
    StepDesign,
};
use verdigris::assignment::Version;

use crate::verdicts::{SHARES, rules};

/// A response with everything in it.
fn observation(
    (at, unit, step, is_green, bad, value): (u64, u64, u16, bool, bool, u16),
) -> Observation {
    let version = if is_green { Version::Green } else { Version::Blue };
    let told = Measurements::default()
        .with_rate(Metric::ErrorRate, bad)
        .with_rate(Metric::ThumbsDownRate, bad)
        .with_value(Metric::Duration, f32::from(value))
        .with_value(Metric::OutputTokens, f32::from(value) / 7.0);
    // So few units that they come again.
    Observation {
        at_ns: at,
        unit: unit % 40,
        epoch: step,
        version,
        is_newly_exposed: true,
        is_assignment: true,
        measurements: told,
    }
}

fn observations() -> impl Strategy<Value = Vec<Observation>> {
    let one = (any::<u64>(), any::<u64>(), 0..3_u16, any::<bool>(), any::<bool>(), any::<u16>());
    prop::collection::vec(one.prop_map(observation), 0..200)
}

proptest! {
    /// However the same observations are dealt to workers, and in whatever order they
    /// tell, the state and the verdict are the same.
    #[test]
    fn dealing_to_workers_changes_nothing(
        ticks in prop::collection::vec(observations(), 1..4),
        deal in prop::collection::vec(0..4_usize, 200),
    ) {
        let rules = rules(&ALL);
        let (mut one, mut four) = (begun(), begun());
        for tick in ticks {
            let mut workers: [Vec<Observation>; 4] = Default::default();
            for (observation, worker) in tick.iter().zip(&deal) {
                workers[*worker].push(*observation);
            }
            one.add(&rules, &mut tick.clone());
            four.add(&rules, &mut workers.into_iter().rev().flatten().collect());
        }
        prop_assert_eq!(&one, &four);
        for step in 0..SHARES.len() {
            let (one, four) = (Analysis::new(&rules, &one, step), Analysis::new(&rules, &four, step));
            prop_assert_eq!(one, four);
        }
    }

    /// State survives being written down, to the last bit; and with what was written of
    /// the units tick by tick, it goes on as if nothing had been.
    #[test]
    fn state_is_written_and_read(mut ticks in prop::collection::vec(observations(), 1..4)) {
        let rules = rules(&ALL);
        // Of more steps the units are not remembered.
        ticks.iter_mut().for_each(|tick| tick.retain(|observation| observation.epoch < 2));
        let mut evidence = begun();
        let mut units = Vec::new();
        for tick in &ticks {
            evidence.add(&rules, &mut tick.clone());
            units.extend_from_slice(evidence.new_flags());
        }
        let text = postcard::to_allocvec(&evidence).unwrap();
        let mut read: Evidence = postcard::from_bytes(&text).unwrap();
        units.into_iter().for_each(|marks| read.restore(&rules, marks));
        prop_assert_eq!(&read.steps, &evidence.steps);
        read.add(&rules, &mut ticks[0].clone());
        evidence.add(&rules, &mut ticks[0].clone());
        prop_assert_eq!(read.steps, evidence.steps);
    }

    /// Observations survive being written down, one after the other.
    #[test]
    fn observations_are_written_and_read(tick in observations(), cut in 0..Observation::ENCODED_BYTES) {
        let mut bytes = Vec::new();
        tick.iter().for_each(|observation| observation.encode(&mut bytes));
        prop_assert_eq!(bytes.len(), tick.len() * Observation::ENCODED_BYTES);
        let (mut rest, mut read) = (&bytes[..], Vec::new());
        while let Some((observation, after)) = Observation::decode(rest) {
            read.push(observation);
            rest = after;
        }
        prop_assert_eq!(&read, &tick);
        prop_assert!(Observation::decode(&bytes[..cut.min(bytes.len())]).is_none());
    }

    /// What machines saw of different units apart adds up to what one would have seen.
    #[test]
    fn machines_add_up(mut tick in observations()) {
        let rules = rules(&[Metric::ErrorRate]);
        // The units of more steps are not remembered.
        tick.retain(|observation| observation.epoch < 2);
        let is_left = |observation: &Observation| observation.unit < 20;
        let gather = |is: &dyn Fn(&Observation) -> bool| {
            let mut evidence = begun();
            evidence.add(&rules, &mut tick.iter().filter(|it| is(it)).copied().collect());
            evidence
        };
        let mut apart = gather(&is_left);
        apart.merge(&gather(&|observation| !is_left(observation)));
        let together = gather(&|_| true);
        prop_assert_eq!(sums(&apart, 0), sums(&together, 0));
    }
}

const ALL: [Metric; 4] =
    [Metric::ErrorRate, Metric::ThumbsDownRate, Metric::Duration, Metric::OutputTokens];

/// Of a step: units, units that were hit, bad requests.
fn sums(evidence: &Evidence, step: usize) -> Option<[ByVersion<u64>; 3]> {
    let book = evidence.steps.get(step)?;
    let Some(GateStats::Rate(rate)) = book.gates.first() else { return None };
    Some([book.units, rate.units_with_event(), rate.bad_requests()])
}

/// Of a ramp whose steps began at 0, so that what comes is warm.
/// In its second step: the units of two are remembered.
fn begun() -> Evidence {
    let mut evidence = Evidence::default();
    evidence.begin_step(1, 0);
    evidence
}

fn error(at: u64, unit: u64, step: u16, version: Version, is_bad: bool) -> Observation {
    let told = Measurements::default().with_rate(Metric::ErrorRate, is_bad);
    Observation {
        at_ns: at,
        unit,
        epoch: step,
        version,
        is_newly_exposed: true,
        is_assignment: true,
        measurements: told,
    }
}

fn gather(rules: &AnalysisPlan, observations: &[Observation]) -> Evidence {
    let mut evidence = begun();
    evidence.add(rules, &mut observations.to_vec());
    evidence
}

#[test]
fn a_unit_counts_once_in_each_step() {
    use Version::{Blue, Green};
    let rules = rules(&[Metric::ErrorRate]);
    let seen = [
        error(1, 7, 0, Green, false),
        error(2, 7, 0, Green, true),
        error(3, 7, 0, Green, true),
        error(4, 8, 0, Blue, true),
        error(5, 8, 1, Green, true),
    ];
    let evidence = gather(&rules, &seen);
    let pair = |blue, green| ByVersion { blue, green };
    assert_eq!(sums(&evidence, 0), Some([pair(1, 1), pair(1, 1), pair(1, 2)]));
    assert_eq!(sums(&evidence, 1), Some([pair(0, 1), pair(0, 1), pair(0, 1)]));
    let every = AnalysisPlan { unit: AnalysisUnit::EveryRequest, ..rules };
    let evidence = gather(&every, &seen);
    assert_eq!(sums(&evidence, 0), Some([pair(1, 3), pair(1, 2), pair(1, 2)]));
}

#[test]
fn a_late_answer_is_booked_to_its_step() {
    let rules = rules(&[Metric::ErrorRate]);
    let mut evidence = gather(&rules, &[error(1, 1, 0, Version::Blue, false)]);
    evidence.add(&rules, &mut vec![error(2, 2, 1, Version::Blue, false)]);
    evidence.add(&rules, &mut vec![error(3, 3, 0, Version::Green, true)]);
    let [units, hit, _] = sums(&evidence, 0).unwrap();
    assert_eq!((units, hit), (ByVersion { blue: 1, green: 1 }, ByVersion { blue: 0, green: 1 }));
    // Two steps later its units are forgotten, and it could be a repeat.
    evidence.begin_step(2, 4);
    evidence.add(&rules, &mut vec![error(5, 5, 0, Version::Green, true)]);
    assert_eq!((sums(&evidence, 0).unwrap()[1].green, evidence.late), (1, 1));
    // Also where none of a newer one are known yet, as when another VM takes over.
    let text = postcard::to_allocvec(&evidence).unwrap();
    let mut read: Evidence = postcard::from_bytes(&text).unwrap();
    read.add(&rules, &mut vec![error(5, 5, 0, Version::Green, true)]);
    assert_eq!((sums(&read, 0).unwrap()[1].green, read.late), (1, 2));
}

#[test]
fn a_step_that_compares_nothing_is_no_evidence() {
    let rules = rules(&[Metric::ErrorRate]);
    let past_the_last = SHARES.len() as u16;
    let evidence = gather(&rules, &[error(1, 1, past_the_last, Version::Green, true)]);
    assert_eq!(evidence, begun());
}

/// What ends before the step is warm may show that green is worse, and not that it is
/// safe; and where it is not known when a step began, nothing shows that.
#[test]
fn a_step_must_be_warm_to_go_on() {
    let rules = AnalysisPlan { warmup_ns: 100, ..rules(&[Metric::ErrorRate, Metric::Duration]) };
    let tick = |at| {
        let one = |unit: u64| {
            let version = if unit.is_multiple_of(2) { Version::Green } else { Version::Blue };
            let told = Measurements::default()
                .with_rate(Metric::ErrorRate, unit < 2)
                .with_value(Metric::Duration, 1.0);
            Observation {
                at_ns: at,
                unit,
                epoch: 1,
                version,
                is_newly_exposed: true,
                is_assignment: true,
                measurements: told,
            }
        };
        (0..400).map(one).collect::<Vec<_>>()
    };
    let safe = |evidence: &Evidence| {
        let judgement = Analysis::new(&rules, evidence, 1);
        judgement.gates.iter().all(|gate| gate.non_inferiority_log_e > 0.5)
    };
    let mut evidence = Evidence::default();
    evidence.begin_step(1, 1000);
    evidence.add(&rules, &mut tick(1099));
    assert!(!safe(&evidence));
    assert_eq!(sums(&evidence, 1).unwrap()[1], ByVersion { blue: 1, green: 1 });
    // The same units count for going on, as they have not yet.
    evidence.add(&rules, &mut tick(1100));
    assert!(safe(&evidence));
    let mut unknown = Evidence::default();
    unknown.add(&rules, &mut tick(1100));
    assert!(!safe(&unknown));
}

/// What is lost above the bound depends on the units' hashes, not on their versions, and
/// a unit that was lost once never counts again.
#[test]
fn above_the_bound_the_lowest_units_are_kept() {
    let rules = AnalysisPlan { max_units: 100, ..rules(&[Metric::ErrorRate]) };
    let mut evidence = begun();
    for round in 0..3 {
        // A permutation of the hashes: 7919 is prime.
        let units = (0..1000_u64).map(|at| at * 7919 % 1000);
        let mut tick = units
            .map(|unit| {
                let version = if unit % 2 == 0 { Version::Green } else { Version::Blue };
                error(round * 1000 + unit, unit, 0, version, true)
            })
            .collect();
        evidence.add(&rules, &mut tick);
        assert_eq!(evidence.remembered_units(), 100);
    }
    let [units, hit, bad] = sums(&evidence, 0).unwrap();
    // Sorted by time, thus by hash: the first hundred fill the memory.
    assert_eq!(units, ByVersion { blue: 50, green: 50 });
    assert_eq!((hit, bad), (units, ByVersion { blue: 150, green: 150 }));
}

#[test]
fn green_values_wait_for_blue_ones_and_not_the_other_way() {
    let rules = rules(&[Metric::Duration]);
    let of = |at, unit, version, value| {
        let told = Measurements::default().with_value(Metric::Duration, value);
        Observation {
            at_ns: at,
            unit,
            epoch: 0,
            version,
            is_newly_exposed: true,
            is_assignment: true,
            measurements: told,
        }
    };
    let log_e = |evidence: &Evidence| Analysis::new(&rules, evidence, 0).gates[0].harm_log_e;
    let mut evidence = gather(&rules, &[of(1, 1, Version::Blue, 1.0)]);
    evidence.add(&rules, &mut vec![of(2, 2, Version::Green, 100.0)]);
    assert!(log_e(&evidence).abs() < 1e-9, "there was nothing to compare");
    evidence.add(&rules, &mut vec![of(3, 3, Version::Blue, 1.0)]);
    assert!(log_e(&evidence) > 1e-9);
    assert_eq!(
        gather(&rules, &[of(4, 4, Version::Green, f32::NAN)]).steps[0].coverage[0].known,
        ByVersion::default()
    );
}

/// Steps that only a higher share of green makes.
#[test]
fn steps_compare_the_units_that_were_on_blue() {
    let chances: Vec<f64> = StepDesign::from_shares(&[0.01, 0.05, 0.5, 1.0])
        .iter()
        .map(|step| step.new.get())
        .collect();
    let expected = [0.01, 0.04 / 0.99, 0.45 / 0.95];
    assert_eq!(chances.len(), expected.len());
    for (chance, expected) in chances.iter().zip(expected) {
        assert!((chance - expected).abs() < 1e-12);
    }
}

/// And with an equal control, half of the new ones is green's.
#[test]
fn an_equal_control_makes_halves() {
    let steps = StepDesign::with_equal_control(&[0.1, 0.3, 1.0]);
    let chances: Vec<_> = steps.iter().map(|step| (step.new.get(), step.all.get())).collect();
    assert_eq!(chances.len(), 2);
    assert_eq!(chances[0], (0.5, 0.5));
    assert!((chances[1].1 - 0.3 / 0.5).abs() < 1e-12 && chances[1].0 == 0.5);
}

#[test]
fn tolerances_shrink_as_the_share_grows() {
    for metric in Metric::ALL {
        let tolerances = SHARES.map(|share| metric.default_tolerance(share));
        assert!(tolerances.is_sorted_by(|one, other| one > other), "{metric}");
        assert!(tolerances.iter().all(|it| *it > metric.default_margin()), "{metric}");
        assert_eq!(Metric::from_name(metric.as_str()), Some(metric));
    }
}
