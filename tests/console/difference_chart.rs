//! The charts of the gates' differences over time.

use scraper::{Html, Selector};
use verdigris::console::view::{DifferencePointView, DifferenceView, RolloutView};
use verdigris::console::{View, page};

use crate::fixtures::{self, NOW_MS};

/// A gate whose margin is 10, with these differences and intervals of ±`width`, one a minute.
fn difference(metric: &str, differences: &[f64], width: f64) -> DifferenceView {
    let points = differences.iter().enumerate().map(|(at, difference)| DifferencePointView {
        at_ms: NOW_MS - 60_000 * (differences.len() - at) as u64,
        step: 0,
        difference: *difference,
        low: Some(difference - width),
        high: Some(difference + width),
    });
    DifferenceView {
        metric: metric.into(),
        unit: "ms".into(),
        margin_at: Some(if metric == "score" { -10.0 } else { 10.0 }),
        higher_is_worse: metric != "score",
        points: points.collect(),
    }
}

fn html(differences: Vec<DifferenceView>) -> Html {
    let mut view = fixtures::view(vec![fixtures::ramping()]);
    view.rollouts[0].ramp.as_mut().unwrap().differences = differences;
    Html::parse_document(&page(&view))
}

/// The points of each path with this class.
fn paths(html: &Html, class: &str) -> Vec<Vec<(f64, f64)>> {
    let selector = Selector::parse(&format!(".trend path.{class}")).unwrap();
    let points = |path: &str| {
        let numbers = path.trim_matches(|it| "Mz ".contains(it)).replace('H', " ");
        let numbers: Vec<f64> = numbers.split(' ').map(|it| it.parse().unwrap()).collect();
        numbers.chunks(2).map(|two| (two[0], *two.get(1).unwrap_or(&0.0))).collect()
    };
    html.select(&selector).map(|it| points(it.attr("d").unwrap())).collect()
}

/// The vertical position of the line with this class; 0 is the top.
fn heights(html: &Html, class: &str) -> Vec<f64> {
    paths(html, class).iter().map(|points| points[0].1).collect()
}

#[test]
fn worse_is_up() {
    // A metric, and a difference by which green is worse.
    for (metric, worse) in [("duration", 20.0), ("score", -20.0), ("output_tokens", 20.0)] {
        let html = html(vec![difference(metric, &[-worse / 4.0, worse], 1.0)]);
        let curve = &paths(&html, "curve")[0];
        let (zero, margins) = (heights(&html, "at-zero")[0], heights(&html, "at-margin"));
        let all = [curve[1].1, margins[0], zero, curve[0].1];
        assert!(all.is_sorted(), "{metric}: {all:?}");
        assert_eq!(margins.len(), if metric == "output_tokens" { 2 } else { 1 }, "{metric}");
        if let Some(lower) = margins.get(1) {
            assert!((lower - zero - (zero - margins[0])).abs() < 0.2, "{margins:?}");
        }
        assert!(curve[0].0 < curve[1].0, "time goes to the right: {curve:?}");
    }
}

#[test]
fn each_step_has_a_line_of_its_own() {
    let mut of_steps = difference("duration", &[1.0, 2.0, 3.0, 4.0], 5.0);
    of_steps.points[3].step = 1;
    let html = html(vec![of_steps]);
    let lines: Vec<_> = paths(&html, "curve").iter().map(Vec::len).collect();
    // The only point of the second step is drawn twice, so that it is visible.
    assert_eq!(lines, [3, 2]);
    // Two limits for each point; a single point has no area.
    let bands: Vec<_> = paths(&html, "band").iter().map(Vec::len).collect();
    assert_eq!(bands, [6]);
}

/// A rate whose ceiling is above the margin, which green exceeds: the margin would contradict the
/// verdict.
#[test]
fn a_margin_that_green_may_exceed_is_not_shown() {
    let mut view = fixtures::view(vec![fixtures::ramping()]);
    let thresholds = |view: &View| {
        let html = Html::parse_document(&page(view));
        [heights(&html, "at-margin").len(), heights(&html, "at-tolerance").len()]
    };
    // Five gates with one margin, and output_tokens with two.
    assert_eq!(thresholds(&view), [7, 0]);
    let ramp = view.rollouts[0].ramp.as_mut().unwrap();
    let gate = &mut ramp.judgement.as_mut().unwrap().gates[0];
    (gate.green, gate.tolerance_at) = (gate.blue.map(|it| it + 0.01), Some(0.04));
    assert_eq!(thresholds(&view), [6, 1]);
}

/// A wide interval does not make the margin too small to see, and nothing leaves the chart.
#[test]
fn everything_stays_in_the_chart() {
    let table: [(&[f64], f64); 5] = [
        (&[1.0, 2.0], 1e12),
        (&[f64::MAX, -f64::MAX], f64::MAX),
        (&[f64::NAN, f64::INFINITY], 1.0),
        (&[0.0, 0.0], 0.0),
        (&[1e-300, 0.0], 1e-300),
    ];
    for (differences, width) in table {
        let html = html(vec![difference("ttft", differences, width)]);
        for class in ["curve", "band", "at-zero", "at-margin"] {
            for (x, y) in paths(&html, class).concat() {
                assert!(
                    (0.0..=1000.0).contains(&x) && (0.0..=60.0).contains(&y),
                    "{class} {x} {y}"
                );
            }
        }
    }
    let html = html(vec![difference("ttft", &[1.0, 2.0], 1e12)]);
    let (zero, margin) = (heights(&html, "at-zero")[0], heights(&html, "at-margin")[0]);
    assert!(zero - margin > 8.0, "{zero} {margin}");
}

#[test]
fn the_charts_name_metric_and_latest_difference() {
    let html = html(vec![difference("ttft", &[-3.0, 42.0], 1.0)]);
    let chart = html.select(&Selector::parse(".trend svg").unwrap()).next().unwrap();
    assert_eq!(
        chart.attr("aria-label").unwrap().replace('\u{a0}', " "),
        "Time to first token: +42 ms now, −3.0 ms in the first sample"
    );
}

#[test]
fn without_differences_there_is_no_chart() {
    let charts = |rollout: RolloutView| {
        page(&fixtures::view(vec![rollout])).matches("Difference over time").count()
    };
    assert_eq!(charts(fixtures::no_data()), 0);
    assert_eq!(charts(fixtures::by_hand()), 0);
    // After the ramp the charts stay.
    for rollout in [fixtures::promoted(), fixtures::rolled_back(), fixtures::paused()] {
        assert_eq!(charts(rollout), 1);
    }
}
