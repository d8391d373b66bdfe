//! Whether a step will have enough evidence.

use verdigris::console::outlook::Outlook;
use verdigris::console::view::{AnalysisView, EarlierEvidence, RampView};

use crate::fixtures::ramping;

/// The ramp of the fixture after so many seconds, in which all gates have these fractions of the
/// required evidence.
fn ramp(in_step_s: u64, safe: &[f64]) -> RampView {
    let mut ramp = ramping().ramp.unwrap();
    ramp.in_step_s = in_step_s;
    let analysis = ramp.judgement.as_mut().unwrap();
    analysis.green_units = 45;
    analysis.gates.truncate(safe.len());
    for (gate, safe) in analysis.gates.iter_mut().zip(safe) {
        (gate.safe, gate.is_critical) = (*safe, true);
        gate.verdict = "undecided".to_owned();
    }
    ramp
}

type Kind = fn(String) -> Outlook;

type Change = fn(&mut AnalysisView);

#[test]
fn the_gate_with_the_least_evidence_decides() {
    use Outlook::{Enough, Open, TooLittle};
    let table: [(u64, &[f64], Kind, &str); 7] = [
        (60, &[0.5, 1.0], Open, "too early to say; 45 users on green in this step"),
        (60, &[1.0, 1.4], Enough, "enough for the next step, by 45 users on green"),
        (
            600,
            &[0.5, 0.9],
            Enough,
            "Errors: about 90 users on green are needed, 45 so far; 10 minutes more at this rate",
        ),
        (
            10_000,
            &[0.05, 0.9],
            TooLittle,
            "Errors: about 900 users on green are needed, 45 so far; 2 days more at this rate; \
             \"profile\": \"small\" needs fewer",
        ),
        (540, &[0.0, 1.0], Open, "Errors: none after 9 minutes; 45 users on green"),
        (
            3600,
            &[0.01, 1.0],
            TooLittle,
            "Errors: none after 60 minutes; 45 users on green: too few users for this step; \
             \"profile\": \"small\" needs fewer",
        ),
        // 45 / 0.07 is 643.
        (
            600,
            &[0.07, 1.0],
            Enough,
            "Errors: about 640 users on green are needed, 45 so far; 2 hours more at this rate",
        ),
    ];
    for (in_step_s, safe, kind, text) in table {
        let outlook = match Outlook::new(&ramp(in_step_s, safe)).unwrap() {
            Enough(text) => Enough(text.replace('\u{a0}', " ")),
            TooLittle(text) => TooLittle(text.replace('\u{a0}', " ")),
            Open(text) => Open(text.replace('\u{a0}', " ")),
        };
        assert_eq!(outlook, kind(text.to_owned()), "{in_step_s} {safe:?}");
    }
}

/// Units of blue and green with a value of the gate, and whether it looks worse.
#[test]
fn a_gate_without_values_is_not_short_of_users() {
    let table = [
        ((0, 0), false, "no users with this value after 60 minutes; 45 users on green"),
        ((9, 0), false, "no users with this value on green after 60 minutes; 45 users on green"),
        ((0, 9), false, "no users with this value on blue after 60 minutes; 45 users on green"),
        (
            (9, 9),
            true,
            "green looks worse than the margin allows after 60 minutes; 45 users on green",
        ),
    ];
    for ((blue, green), looks_worse, text) in table {
        let shown = |in_step_s, change: fn(&mut RampView)| {
            let mut ramp = ramp(in_step_s, &[0.0, 1.0]);
            let gate = &mut ramp.judgement.as_mut().unwrap().gates[0];
            gate.metric = "score".to_owned();
            (gate.blue_units, gate.green_units, gate.looks_worse) = (blue, green, looks_worse);
            change(&mut ramp);
            Outlook::new(&ramp).unwrap()
        };
        let Outlook::TooLittle(late) = shown(3600, |_| ()) else { panic!("{text}") };
        assert_eq!(late.replace('\u{a0}', " "), format!("Score: {text}"));
        let Outlook::Open(early) = shown(540, |_| ()) else { panic!("{text}") };
        assert_eq!(early.replace('\u{a0}', " "), late.replace("60\u{a0}", "9 "));
        // Without any unit there is no value.
        let no_units = |ramp: &mut RampView| ramp.judgement.as_mut().unwrap().green_units = 0;
        let Outlook::TooLittle(late) = shown(3600, no_units) else { panic!("{text}") };
        assert!(late.contains("0 users on green: too few users"), "{late}");
    }
}

/// Such a ramp holds although each gate has its evidence.
#[test]
fn a_ramp_that_holds_whatever_its_evidence_says_so() {
    let table: [(Change, &str); 2] = [
        (|it| it.is_mismatched = true, "the split of users does not match the weights"),
        (
            |it| it.gates[0].verdict = "not_comparable".to_owned(),
            "Errors: not comparable, since too many answers of one version lack the value",
        ),
    ];
    for (change, why) in table {
        let text = format!("{why}; more traffic does not help; 45 users on green");
        for (in_step_s, kind) in [(540, Outlook::Open as Kind), (600, Outlook::TooLittle)] {
            let mut ramp = ramp(in_step_s, &[1.0, 1.4]);
            change(ramp.judgement.as_mut().unwrap());
            assert_eq!(Outlook::new(&ramp), Some(kind(text.clone())), "{in_step_s}");
        }
    }
}

#[test]
fn the_last_step_has_enough_for_itself() {
    let mut ramp = ramp(60, &[1.0, 1.4]);
    ramp.steps.truncate(ramp.step + 1);
    let expected = Outlook::Enough("enough for this step, by 45 users on green".to_owned());
    assert_eq!(Outlook::new(&ramp), Some(expected));
}

/// Where the same users come again, less and less evidence comes.
#[test]
fn evidence_that_comes_lately_counts() {
    let before = |ago_s, green_units, safe| Some(EarlierEvidence { ago_s, green_units, safe });
    let table: [(u64, f64, Option<EarlierEvidence>, &str); 6] = [
        // In the first half of the hour came 0.4, in the second 0.1.
        (
            3600,
            0.5,
            before(1800, 35, 0.4),
            "enough: Errors: about 95 users on green are needed, 45 so far; 3 hours more at this rate",
        ),
        // The sample is older than half of the time.
        (
            3600,
            0.5,
            before(2400, 30, 0.1),
            "enough: Errors: about 63 users on green are needed, 45 so far; 50 minutes more at this rate",
        ),
        (
            3600,
            0.5,
            before(1800, 44, 0.49),
            "too little: Errors: 45 users on green after 60 minutes, and hardly any new ones: never at \
             this traffic; \"profile\": \"small\" needs fewer",
        ),
        // Values of units that come again are evidence.
        (
            3600,
            0.5,
            before(1800, 44, 0.25),
            "enough: Errors: about 47 users on green are needed, 45 so far; 60 minutes more at this rate",
        ),
        // By chance there is less evidence than before, but new units still come.
        (
            3600,
            0.5,
            before(1800, 35, 0.6),
            "enough: Errors: about 90 users on green are needed, 45 so far; 60 minutes more at this rate",
        ),
        (
            400,
            0.5,
            before(200, 45, 0.5),
            "enough: Errors: about 90 users on green are needed, 45 so far; 7 minutes more at this rate",
        ),
    ];
    for (in_step_s, safe, at_half_time, expected) in table {
        let ramp = RampView { at_half_time, ..ramp(in_step_s, &[safe, 1.0]) };
        let outlook = match Outlook::new(&ramp).unwrap() {
            Outlook::Enough(text) => format!("enough: {text}"),
            Outlook::TooLittle(text) => format!("too little: {text}"),
            Outlook::Open(text) => format!("open: {text}"),
        };
        assert_eq!(outlook.replace('\u{a0}', " "), expected, "{at_half_time:?}");
    }
}

#[test]
fn a_step_of_half_of_the_users_needs_other_gates() {
    let mut ramp = ramp(3600, &[0.0, 1.0]);
    ramp.steps[ramp.step].green_bp = 5000;
    let Some(Outlook::TooLittle(text)) = Outlook::new(&ramp) else { panic!("{ramp:?}") };
    assert!(text.ends_with("; larger tolerances or fewer critical gates need fewer"), "{text}");
}

#[test]
fn a_step_without_deciding_gates_has_no_outlook() {
    let mut watched = ramp(600, &[0.5, 0.5]);
    watched.judgement.as_mut().unwrap().gates.iter_mut().for_each(|it| it.is_critical = false);
    assert_eq!(Outlook::new(&watched), None);
    let mut nothing = ramp(600, &[]);
    nothing.judgement = None;
    assert_eq!(Outlook::new(&nothing), None);
}
