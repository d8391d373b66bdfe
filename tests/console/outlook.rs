//! Whether a step will have enough evidence.

use verdigris::console::outlook::Outlook;
use verdigris::console::view::RampView;

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
            "Errors: about 900 users on green are needed, 45 so far; 2 days more at this rate",
        ),
        (600, &[0.0, 1.0], Open, "Errors: none after 10 minutes; 45 users on green"),
        (
            3600,
            &[0.01, 1.0],
            TooLittle,
            "Errors: none after 60 minutes; 45 users on green: too few for this step; \
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

#[test]
fn a_step_without_deciding_gates_has_no_outlook() {
    let mut watched = ramp(600, &[0.5, 0.5]);
    watched.judgement.as_mut().unwrap().gates.iter_mut().for_each(|it| it.is_critical = false);
    assert_eq!(Outlook::new(&watched), None);
    let mut nothing = ramp(600, &[]);
    nothing.judgement = None;
    assert_eq!(Outlook::new(&nothing), None);
}
