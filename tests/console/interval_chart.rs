//! The chart of a gate's interval.

use verdigris::console::interval_chart::IntervalChart;
use verdigris::console::view::GateView;

/// A gate with this interval, margin and tolerance.
fn gate(interval: Option<(f64, f64)>, margin: Option<f64>, tolerance: Option<f64>) -> GateView {
    GateView {
        metric: "ttft".into(),
        unit: "ms".into(),
        is_critical: true,
        verdict: "undecided".into(),
        blue: Some(600.0),
        blue_units: 100,
        green: Some(600.0 + interval.map_or(0.0, |(low, high)| low / 2.0 + high / 2.0)),
        green_units: 100,
        blue_missing: 0,
        green_missing: 0,
        bad_units_needed: 0,
        looks_worse: false,
        threshold_ms: None,
        is_learning: false,
        low: interval.map(|it| it.0),
        high: interval.map(|it| it.1),
        margin_at: margin,
        tolerance_at: tolerance,
        higher_is_worse: true,
        worse: 0.0,
        safe: 0.0,
    }
}

fn chart(low: f64, high: f64) -> IntervalChart {
    IntervalChart::from_gate(&gate(Some((low, high)), Some(60.0), Some(30.0)))
}

#[test]
fn better_is_left_and_worse_is_right() {
    let it = chart(-20.0, 10.0);
    let span = it.interval.unwrap();
    let (tolerance, margin) = (it.tolerance.unwrap(), it.margin.unwrap());
    let all = [2.0, span.from, it.measured.unwrap(), it.zero, span.to, tolerance, margin, 98.0];
    assert!(all.is_sorted(), "{all:?}");
    assert!(!span.is_cut_left && !span.is_cut_right);
}

#[test]
fn a_metric_whose_lower_values_are_worse_is_mirrored() {
    let mut score = gate(Some((-0.01, 0.02)), Some(-0.02), Some(-0.01));
    (score.higher_is_worse, score.blue, score.green) = (false, Some(0.8), Some(0.805));
    let mut same = gate(Some((-0.02, 0.01)), Some(0.02), Some(0.01));
    (same.blue, same.green) = (Some(0.805), Some(0.8));
    assert_eq!(IntervalChart::from_gate(&score), IntervalChart::from_gate(&same));
}

#[test]
fn a_metric_that_may_not_change_has_a_margin_on_both_sides() {
    let mut tokens = gate(Some((-10.0, 20.0)), Some(30.0), Some(20.0));
    tokens.metric = "output_tokens".into();
    let it = IntervalChart::from_gate(&tokens);
    let (margin, tolerance) = (it.left.margin.unwrap(), it.left.tolerance.unwrap());
    let all = [margin, tolerance, it.zero, it.tolerance.unwrap()];
    assert!(all.is_sorted(), "{all:?}");
    assert!(it.margin.unwrap() - it.zero - (it.zero - margin) < 1e-9);
}

#[test]
fn a_wide_interval_is_cut_so_that_the_margin_is_visible() {
    let span = chart(-1e6, 1e6).interval.unwrap();
    assert!(span.is_cut_left && span.is_cut_right);
    assert_eq!((span.from, span.to), (2.0, 98.0));
    assert!(chart(-1e6, 1e6).margin.unwrap() - chart(-1e6, 1e6).zero > 10.0);
}

#[test]
fn an_interval_beyond_the_margin_is_never_cut() {
    for (low, high) in [(70.0, 90.0), (700.0, 900.0), (7e6, 9e6), (-900.0, -700.0)] {
        let it = chart(low, high);
        let span = it.interval.unwrap();
        assert!(!span.is_cut_left && !span.is_cut_right, "{low} {high}");
        assert!(span.to - span.from > 5.0, "{low} {high}");
        assert!(it.measured.is_some());
    }
}

/// While neither version has an event, a relative margin is 0, and the ceiling decides.
#[test]
fn a_margin_that_contradicts_the_verdict_is_not_drawn() {
    let rate = |blue: f64, green: f64, margin: Option<f64>, verdict: &str| {
        let mut gate = gate(Some((-0.02, 0.02)), margin, Some(0.013));
        (gate.metric, gate.unit) = ("error_rate".into(), "share".into());
        (gate.blue, gate.green, gate.verdict) = (Some(blue), Some(green), verdict.into());
        IntervalChart::from_gate(&gate)
    };
    for verdict in ["pass", "undecided"] {
        let it = rate(0.0, 0.0, None, verdict);
        let span = it.interval.unwrap();
        assert_eq!((it.margin, it.measured), (None, Some(it.zero)));
        assert!(it.zero < it.tolerance.unwrap() && span.from < it.zero && it.zero < span.to);
    }
    // Green is safe below the ceiling, although its rate is a multiple of blue's.
    assert_eq!(rate(0.001, 0.004, Some(0.0003), "pass").margin, None);
    assert!(rate(0.001, 0.004, Some(0.0003), "undecided").margin.is_some());
    assert!(rate(0.001, 0.004, Some(0.0003), "fail").margin.is_some());
    assert!(rate(0.004, 0.004, Some(0.0012), "pass").margin.is_some());
}

#[test]
fn unknown_values_are_not_drawn() {
    let none = IntervalChart::from_gate(&gate(None, None, None));
    assert_eq!((none.zero, none.interval, none.margin), (50.0, None, None));
    let no_margin = IntervalChart::from_gate(&gate(Some((-1.0, 3.0)), None, None));
    let span = no_margin.interval.unwrap();
    assert!(no_margin.zero < span.to && (span.to - 98.0).abs() < 1e-9);
}

#[test]
fn no_number_is_drawn_outside_of_the_chart() {
    let numbers =
        [0.0, -0.0, 1e-300, -1e-300, 1.0, f64::MAX, f64::MIN, f64::INFINITY, f64::NAN, -60.0];
    for low in numbers {
        for high in numbers {
            for margin in numbers {
                let it =
                    IntervalChart::from_gate(&gate(Some((low, high)), Some(margin), Some(high)));
                let span = it.interval.map(|span| [span.from, span.to]);
                let positions = [Some(it.zero), it.margin, it.tolerance, it.measured];
                for at in positions.into_iter().flatten().chain(span.into_iter().flatten()) {
                    assert!((0.0..=100.0).contains(&at), "{low} {high} {margin}: {it:?}");
                }
            }
        }
    }
}
