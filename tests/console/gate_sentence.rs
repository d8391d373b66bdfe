//! One plain sentence a gate.

use verdigris::console::gate_sentence::sentence;
use verdigris::console::view::GateView;

use crate::fixtures;

/// A gate of the fixtures with this verdict.
fn gate(metric: &str, verdict: &str) -> GateView {
    let rollout = fixtures::ramping();
    let gates = rollout.ramp.unwrap().judgement.unwrap().gates;
    let mut gate = gates.into_iter().find(|it| it.metric == metric).unwrap();
    gate.verdict = verdict.into();
    gate
}

/// An error rate: green's events and units, blue's, and the tolerance and margin.
fn rate(
    (bad_green, green): (u64, u64),
    (bad_blue, blue): (u64, u64),
    tolerance_at: Option<f64>,
    verdict: &str,
) -> GateView {
    let fraction = |bad: u64, all: u64| (all > 0).then(|| bad as f64 / all as f64);
    let mut gate = gate("error_rate", verdict);
    (gate.green, gate.green_units) = (fraction(bad_green, green), green);
    (gate.blue, gate.blue_units) = (fraction(bad_blue, blue), blue);
    (gate.tolerance_at, gate.margin_at) = (tolerance_at, gate.blue.map(|it| it / 4.0));
    gate
}

fn said(gate: &GateView) -> String {
    sentence(gate, "users").replace('\u{a0}', " ")
}

#[test]
fn a_rate_is_said_in_users_and_with_its_limit() {
    let table = [
        (
            rate((0, 60), (3, 410), Some(0.013), "undecided"),
            "0 of 60 users hit an error on green, 3 of 410 on blue. To advance, the data must show that \
             green stays below 2.0 %.",
        ),
        (
            rate((4, 400), (40, 4000), Some(0.003), "pass"),
            "4 of 400 users hit an error on green, 40 of 4,000 on blue. The data show that green stays \
             below 1.3 %.",
        ),
        (
            rate((40, 400), (40, 4000), Some(0.003), "fail"),
            "40 of 400 users hit an error on green, 40 of 4,000 on blue. The data show that green is \
             worse by more than 25 %.",
        ),
        (
            rate((4, 60), (0, 410), None, "undecided"),
            "4 of 60 users hit an error on green, 0 of 410 on blue. Blue’s rate is 0 so far, so no \
             limit can be computed yet.",
        ),
        (
            rate((1, 3), (1, 3), Some(0.1), "not_comparable"),
            "1 of 3 users hit an error on green, 1 of 3 on blue. It cannot be compared while values \
             are missing.",
        ),
        (
            rate((0, 0), (3, 410), Some(0.013), "undecided"),
            "No users with this value on green yet.",
        ),
        (rate((0, 60), (0, 0), None, "undecided"), "No users with this value on blue yet."),
        (rate((0, 0), (0, 0), None, "undecided"), "No users with this value yet."),
    ];
    for (gate, expected) in table {
        assert_eq!(said(&gate), expected);
    }
    let of_requests = sentence(&rate((1, 3), (1, 3), Some(0.1), "undecided"), "requests");
    assert!(of_requests.starts_with("1 of 3 requests hit an error"), "{of_requests}");
}

#[test]
fn evidence_of_too_few_units_names_how_many_are_needed() {
    let table = [
        (2, "users", "Green looks worse, but a rollback needs 2 more such users on green."),
        (1, "requests", "Green looks worse, but a rollback needs 1 more such request on green."),
    ];
    for (bad_units_needed, counts, expected) in table {
        let gate = GateView { bad_units_needed, ..rate((3, 60), (0, 410), None, "undecided") };
        let text = sentence(&gate, counts).replace('\u{a0}', " ");
        assert!(text.ends_with(expected), "{text}");
    }
}

#[test]
fn a_gate_that_looks_worse_says_what_keeps_it_from_passing() {
    let gate = GateView { looks_worse: true, ..gate("duration", "undecided") };
    let text = said(&gate);
    let expected = "To advance, green must no longer look worse than the margin allows.";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn values_are_said_relative_to_blue() {
    let mut faster = gate("duration", "undecided");
    (faster.low, faster.high) = (None, None);
    let mut worse = gate("ttft", "fail");
    (worse.green, worse.low, worse.high) = (Some(800.0), Some(90.0), Some(290.0));
    let table = [
        (
            faster,
            "Green takes 2 % less time. To advance, the data must show that green takes less than 6 % \
             longer.",
        ),
        (
            gate("ttft", "undecided"),
            "Green’s first token comes 7 % later (−3 % to +17 %). To advance, the data must show that \
             green is less than 6 % later.",
        ),
        (
            worse,
            "Green’s first token comes 31 % later (+15 % to +47 %). The data show that green is worse \
             by more than 10 %.",
        ),
        (
            gate("output_tokens", "pass"),
            "Green’s answers are 2 % longer (−3 % to +8 %). The data show that green is less than 6 % \
             longer or shorter.",
        ),
        (
            gate("score", "pass"),
            "Green scores 0.003 higher (−0.009 to +0.016). The data show that green scores less than \
             0.012 lower.",
        ),
    ];
    for (gate, expected) in table {
        assert_eq!(said(&gate), expected);
    }
}

/// Every metric that a gate can name has words of its own.
#[test]
fn every_metric_has_a_sentence() {
    for metric in verdigris::analysis::Metric::ALL {
        let template = gate("error_rate", "undecided");
        let is_rate = metric.comparison().counts_events() || metric.as_str().ends_with("_rate");
        let unit = if is_rate { "share" } else { "ms" };
        let gate = GateView { metric: metric.to_string(), unit: unit.into(), ..template };
        let text = said(&gate);
        assert!(!text.contains('_') && !text.contains("  "), "{text}");
        assert!(is_rate || !text.starts_with("Green is"), "{text}");
    }
}

#[test]
fn odd_numbers_do_not_break_a_sentence() {
    for number in [f64::NAN, f64::INFINITY, -1.0, 0.0, f64::MAX] {
        for metric in ["error_rate", "duration", "score"] {
            for verdict in ["pass", "fail", "undecided", "left_out"] {
                let mut odd = gate(metric, verdict);
                (odd.blue, odd.green) = (Some(number), Some(number));
                (odd.low, odd.high) = (Some(number), Some(-number));
                (odd.margin_at, odd.tolerance_at) = (Some(number), Some(number));
                let text = said(&odd);
                assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
            }
        }
    }
}

/// A gate that counts times above a threshold names it, or says that it is being learned.
#[test]
fn a_threshold_is_said() {
    let with = |metric: &str, verdict: &str, threshold_ms: Option<f64>| {
        let gate = rate((3, 60), (20, 400), Some(0.025), verdict);
        let is_learning = threshold_ms.is_none();
        GateView { metric: metric.into(), threshold_ms, is_learning, ..gate }
    };
    let quantile =
        |verdict| GateView { tolerance_at: None, ..with("duration_p95", verdict, Some(9_216.0)) };
    let nothing = GateView { blue: None, green: None, ..with("slow_rate", "left_out", None) };
    let table = [
        (
            with("slow_rate", "undecided", Some(9_216.0)),
            "3 of 60 users got a slow answer on green, 20 of 400 on blue. An answer is slow above \
             9.22 s. To advance, the data must show that green stays below 7.5 %.",
        ),
        (nothing, "Blue’s times are being learned: the gate counts longer ones from then on."),
        (
            quantile("pass"),
            "3 of 60 users had an answer beyond blue’s 95th percentile on green, 20 of 400 on blue. \
             On blue, that is more than 9.22 s. The data show that green’s is within the tolerance.",
        ),
        (
            quantile("fail"),
            "3 of 60 users had an answer beyond blue’s 95th percentile on green, 20 of 400 on blue. \
             On blue, that is more than 9.22 s. The data show that green is worse.",
        ),
    ];
    for (gate, expected) in table {
        assert_eq!(said(&gate), expected);
    }
}
