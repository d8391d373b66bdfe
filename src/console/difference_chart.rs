//! A chart of each gate's difference over time, on the time axis of green's share.
//!
//! Worse is always up, whatever the metric. For a metric that may change in neither direction,
//! worse is on both sides. Each step has a line of its own, since each step compares
//! other responses.

use std::fmt;

use super::html::{Escaped, Out};
use super::interval_chart::is_safe_beyond_margin;
use super::labels;
use super::numbers::Amount;
use super::time_axis::TimeSpan;
use super::view::{AnalysisView, DifferencePointView, DifferenceView};
use crate::rollout::decimal::Decimal;

/// The vertical positions of the best and the worst difference, and the height of a chart, in
/// pixels.
const BOTTOM: f64 = 58.0;
const TOP: f64 = 2.0;
const HEIGHT: f64 = 60.0;
/// The width of a chart in its own units, which are stretched to the width of the card.
const WIDTH: f64 = 1000.0;
/// Intervals that are wider than this multiple of the margin leave the chart.
const MAX_REACH: f64 = 2.0;

/// The threshold that a chart shows. As in the interval charts, a margin that green may exceed is
/// not shown.
#[derive(Clone, Copy)]
enum Threshold {
    /// From this difference on, green is worse than the margin allows.
    Margin(f64),
    /// Below this difference, green is safe.
    Tolerance(f64),
}

/// The vertical scale of a chart.
struct Scale {
    /// The differences at the bottom and at the top, where worse is up.
    low: f64,
    high: f64,
    sign: f64,
}

/// Writes the charts.
///
/// # Errors
/// Writing to `out` failed.
pub(super) fn write(
    out: Out<'_>,
    differences: &[DifferenceView],
    analysis: Option<&AnalysisView>,
    span: &TimeSpan,
) -> fmt::Result {
    out.write_str(
        "<section class=\"card differences\"><h3>Difference over time</h3>\
         <p class=\"small\">Green minus blue in each step, with the confidence interval. \
         Up is worse.</p>",
    )?;
    for difference in differences {
        write_gate(out, difference, Threshold::new(difference, analysis), span)?;
    }
    out.write_str("<svg class=\"axis\" width=\"100%\" height=\"18\" aria-hidden=\"true\">")?;
    span.write_axis(out, 14)?;
    out.write_str("</svg>")?;
    out.write_str(KEY)?;
    out.write_str("</section>")
}

/// The legend of the charts.
const KEY: &str = "<p class=\"key\">\
    <span><svg width=\"20\" height=\"14\" aria-hidden=\"true\"><path class=\"band\" d=\"M0 1H20V13H0z\"/>\
    <path class=\"curve\" d=\"M0 7H20\"/></svg>difference and interval</span>\
    <span><svg width=\"20\" height=\"14\" aria-hidden=\"true\"><path class=\"at-zero\" d=\"M0 7H20\"/></svg>\
    no difference</span>\
    <span><svg width=\"20\" height=\"14\" aria-hidden=\"true\"><path class=\"beyond\" d=\"M0 0H20V8H0z\"/>\
    <path class=\"at-margin\" d=\"M0 8H20\"/></svg>worse than the margin allows</span>\
    <span><svg width=\"20\" height=\"14\" aria-hidden=\"true\"><path class=\"zone-safe\" d=\"M0 6H20V14H0z\"/>\
    <path class=\"at-tolerance\" d=\"M0 6H20\"/></svg>safe enough for this step</span></p>";

fn write_gate(
    out: Out<'_>,
    difference: &DifferenceView,
    threshold: Option<Threshold>,
    span: &TimeSpan,
) -> fmt::Result {
    let Some(last) = difference.points.last() else { return Ok(()) };
    let name = Escaped(labels::metric(&difference.metric).name);
    let amount =
        |number| Amount { number, unit: &difference.unit, is_difference: true }.to_string();
    let latest = amount(last.difference);
    write!(
        out,
        "<div class=\"trend\"><p class=\"sides\"><b>{name}</b><span>{latest}</span></p>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" height=\"{HEIGHT}\" \
         role=\"img\" aria-label=\"{name}: {latest} now, {} in the first sample\">",
        amount(difference.points.first().map_or(f64::NAN, |it| it.difference)),
    )?;
    let scale = Scale::around(difference, threshold);
    write_thresholds(out, is_both(difference), threshold, &scale)?;
    let steps = || difference.points.chunk_by(|a, b| a.step == b.step);
    for points in steps() {
        write_band(out, points, &scale, span)?;
    }
    for points in steps() {
        write_curve(out, points, &scale, span)?;
    }
    out.write_str("</svg></div>")
}

/// Zero, and the threshold with its zone.
fn write_thresholds(
    out: Out<'_>,
    is_both: bool,
    threshold: Option<Threshold>,
    scale: &Scale,
) -> fmt::Result {
    let line = |out: Out<'_>, class: &str, y: f64| {
        let y = Decimal(y, 1);
        write!(out, "<path class=\"{class}\" d=\"M0 {y}H{WIDTH}\"/>")
    };
    let zone = |out: Out<'_>, class: &str, from: f64, to: f64| {
        let (from, height) = (Decimal(from, 1), Decimal((to - from).max(0.0), 1));
        write!(out, "<rect class=\"{class}\" y=\"{from}\" width=\"{WIDTH}\" height=\"{height}\"/>")
    };
    match threshold {
        Some(Threshold::Margin(margin)) => {
            let y = scale.height(margin);
            zone(out, "beyond", 0.0, y)?;
            line(out, "at-margin", y)?;
            if is_both {
                let y = scale.height(-margin);
                zone(out, "beyond", y, HEIGHT)?;
                line(out, "at-margin", y)?;
            }
        }
        Some(Threshold::Tolerance(tolerance)) => {
            let y = scale.height(tolerance);
            zone(out, "zone-safe", y, HEIGHT)?;
            line(out, "at-tolerance", y)?;
        }
        None => (),
    }
    line(out, "at-zero", scale.height(0.0))
}

/// The intervals of a step.
fn write_band(
    out: Out<'_>,
    points: &[DifferencePointView],
    scale: &Scale,
    span: &TimeSpan,
) -> fmt::Result {
    let with_limits = || points.iter().filter_map(|it| Some((it.at_ms, it.low?, it.high?)));
    if with_limits().count() < 2 {
        return Ok(());
    }
    out.write_str("<path class=\"band\" d=\"M")?;
    for (at_ms, _, high) in with_limits() {
        write_point(out, across(span, at_ms), scale.height(high))?;
    }
    for (at_ms, low, _) in with_limits().collect::<Vec<_>>().into_iter().rev() {
        write_point(out, across(span, at_ms), scale.height(low))?;
    }
    out.write_str("z\"/>")
}

/// The measured differences of a step.
fn write_curve(
    out: Out<'_>,
    points: &[DifferencePointView],
    scale: &Scale,
    span: &TimeSpan,
) -> fmt::Result {
    out.write_str("<path class=\"curve\" d=\"M")?;
    for point in points {
        write_point(out, across(span, point.at_ms), scale.height(point.difference))?;
    }
    // A line to the same place makes a single point visible.
    if let [only] = points {
        write_point(out, across(span, only.at_ms), scale.height(only.difference))?;
    }
    out.write_str("\"/>")
}

/// A point of a path. The points after the first are the ends of lines.
fn write_point(out: Out<'_>, x: f64, y: f64) -> fmt::Result {
    write!(out, "{} {} ", Decimal(x, 0), Decimal(y, 1))
}

fn across(span: &TimeSpan, at_ms: u64) -> f64 {
    span.position(at_ms) * WIDTH / 100.0
}

fn is_both(difference: &DifferenceView) -> bool {
    difference.metric == "output_tokens"
}

// === impl Threshold ===

impl Threshold {
    fn new(difference: &DifferenceView, analysis: Option<&AnalysisView>) -> Option<Self> {
        let gates = analysis.into_iter().flat_map(|it| &it.gates);
        let safe = gates
            .filter(|gate| gate.metric == difference.metric && is_safe_beyond_margin(gate))
            .find_map(|gate| gate.tolerance_at);
        let threshold = match safe {
            Some(tolerance) => Self::Tolerance(tolerance),
            None => Self::Margin(difference.margin_at?),
        };
        Some(threshold).filter(|it| it.at().is_finite())
    }

    fn at(self) -> f64 {
        match self {
            Self::Margin(at) | Self::Tolerance(at) => at,
        }
    }
}

// === impl Scale ===

impl Scale {
    /// A scale that includes zero, the threshold and the differences, and the intervals unless they
    /// are too wide.
    fn around(difference: &DifferenceView, threshold: Option<Threshold>) -> Self {
        let is_both = is_both(difference);
        let sign = if difference.higher_is_worse || is_both { 1.0 } else { -1.0 };
        let finite = |it: &f64| it.is_finite();
        let margin = threshold.map_or(0.0, |it| it.at().abs());
        let measured = difference.points.iter().map(|it| it.difference * sign).filter(finite);
        let (low, high) = range(measured);
        let limits = difference.points.iter().flat_map(|it| [it.low, it.high]);
        let (lowest, highest) = range(limits.flatten().map(|it| it * sign).filter(finite));
        let margins = (margin * if is_both { 1.5 } else { 0.5 }, margin * 1.5);
        let reach = margin.max(high).max(-low) * MAX_REACH;
        let scale = Self {
            low: low.min(-margins.0).min(lowest.max(-reach)),
            high: high.max(margins.1).max(highest.min(reach)),
            sign,
        };
        if scale.low < scale.high { scale } else { Self { low: -1.0, high: 1.0, sign } }
    }

    /// The vertical position of a difference, in pixels from the top.
    fn height(&self, difference: f64) -> f64 {
        // Halved, because the difference of two large numbers may overflow.
        let part =
            (difference * self.sign / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.5 };
        BOTTOM + part * (TOP - BOTTOM)
    }
}

/// The smallest and the largest number, and zero.
fn range(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers.fold((0.0, 0.0), |(low, high): (f64, f64), it| (low.min(it), high.max(it)))
}
