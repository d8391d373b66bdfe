//! A chart of a gate's interval against its margin and tolerance.
//!
//! Worse is always to the right, whatever the metric. For a metric that may change in neither
//! direction, worse is on both sides.

use std::fmt;

use super::html::Out;
use super::view::GateView;
use crate::rollout::decimal::Decimal;

/// Positions in percent of the chart's width, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntervalChart {
    /// No difference.
    pub zero: f64,
    /// The difference from which green is worse than the margin allows.
    pub margin: Option<f64>,
    /// The difference up to which green is safe.
    pub tolerance: Option<f64>,
    /// The thresholds on the left, for a metric whose both directions are worse.
    pub left: LeftThresholds,
    /// The confidence interval.
    pub interval: Option<ChartSpan>,
    /// The measured difference; `None` if it is outside of the chart.
    pub measured: Option<f64>,
}

/// The mirrored thresholds of a metric whose both directions are worse.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LeftThresholds {
    /// The difference up to which green is worse than the margin allows.
    pub margin: Option<f64>,
    /// The difference from which green is safe.
    pub tolerance: Option<f64>,
}

/// A range of positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartSpan {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Whether it begins to the left of the chart.
    pub is_cut_left: bool,
    /// Whether it ends to the right of the chart.
    pub is_cut_right: bool,
}

/// The differences at the chart's edges.
#[derive(Clone, Copy)]
struct ChartScale {
    left: f64,
    right: f64,
}

/// An interval that includes the margin is cut at this multiple of it, so that a wide interval
/// does not make the margin too small to see.
const MAX_REACH: f64 = 4.0;
/// The padding at each side, in percent of the width.
const PADDING: f64 = 2.0;

/// Whether green is safe by a threshold beyond the margin, such as a rate's ceiling, although
/// the measured difference exceeds the margin. Then the margin does not explain the verdict,
/// and only the threshold is shown.
pub(crate) fn is_safe_beyond_margin(gate: &GateView) -> bool {
    let is_rate = gate.unit == "share" && gate.higher_is_worse;
    let Some(tolerance) = gate.tolerance_at.filter(|_| is_rate) else { return false };
    let Some(margin) = gate.margin_at else { return true };
    let measured = gate.green.zip(gate.blue).map(|(green, blue)| green - blue);
    gate.verdict == "pass" && tolerance > margin && measured.is_some_and(|it| it >= margin)
}

// === impl IntervalChart ===

impl IntervalChart {
    /// The chart of a gate.
    pub fn from_gate(gate: &GateView) -> Self {
        let is_both = gate.metric == "output_tokens";
        let sign = if gate.higher_is_worse || is_both { 1.0 } else { -1.0 };
        let oriented = |it: Option<f64>| it.filter(|it| it.is_finite()).map(|it| it * sign);
        let (margin, tolerance) = (oriented(gate.margin_at), oriented(gate.tolerance_at));
        let margin = if is_safe_beyond_margin(gate) { None } else { margin };
        let interval = oriented(gate.low).zip(oriented(gate.high));
        let interval = interval.map(|(one, other)| (one.min(other), one.max(other)));
        let measured = gate.green.zip(gate.blue).map(|(green, blue)| green - blue);
        let scale = ChartScale::around(margin, tolerance, interval, is_both);
        let position = |at: Option<f64>| at.map(|at| scale.position(at));
        let mirrored = |at: Option<f64>| position(at.filter(|_| is_both).map(|at| -at));
        Self {
            zero: scale.position(0.0),
            margin: position(margin),
            tolerance: position(tolerance),
            left: LeftThresholds { margin: mirrored(margin), tolerance: mirrored(tolerance) },
            interval: interval.map(|(low, high)| ChartSpan {
                from: scale.position(low),
                to: scale.position(high),
                is_cut_left: low < scale.left,
                is_cut_right: high > scale.right,
            }),
            measured: position(oriented(measured).filter(|it| scale.contains(*it))),
        }
    }

    /// Writes the chart as SVG; `label` is its text alternative, already escaped.
    ///
    /// # Errors
    /// Writing to `out` failed.
    pub fn write(&self, out: Out<'_>, label: &str) -> fmt::Result {
        write!(out, "<svg class=\"interval\" role=\"img\" aria-label=\"{label}\" height=\"32\">")?;
        if let Some(tolerance) = self.tolerance {
            write_zone(out, "zone-safe", self.left.tolerance.unwrap_or(0.0), tolerance)?;
        }
        if let Some(margin) = self.margin {
            write_zone(out, "zone-worse", margin, 100.0)?;
        }
        if let Some(margin) = self.left.margin {
            write_zone(out, "zone-worse", 0.0, margin)?;
        }
        write_vertical(out, "at-zero", Some(self.zero))?;
        write_vertical(out, "at-tolerance", self.tolerance)?;
        write_vertical(out, "at-tolerance", self.left.tolerance)?;
        write_vertical(out, "at-margin", self.margin)?;
        write_vertical(out, "at-margin", self.left.margin)?;
        if let Some(span) = self.interval {
            let (from, to) = (Decimal(span.from, 2), Decimal(span.to, 2));
            write!(out, "<line class=\"span\" x1=\"{from}%\" x2=\"{to}%\" y1=\"16\" y2=\"16\"/>")?;
            let end = |is_cut: bool, arrow: &'static str| if is_cut { arrow } else { "M0-6V6" };
            write_glyph(out, "end", span.from, end(span.is_cut_left, "M6-6 0 0 6 6"))?;
            write_glyph(out, "end", span.to, end(span.is_cut_right, "M-6-6 0 0-6 6"))?;
        }
        if let Some(at) = self.measured {
            write_glyph(out, "measured", at, "M0-6 6 0 0 6-6 0z")?;
        }
        out.write_str("</svg>")
    }
}

fn write_zone(out: Out<'_>, class: &str, from: f64, to: f64) -> fmt::Result {
    let width = Decimal((to - from).max(0.0), 2);
    let from = Decimal(from, 2);
    write!(out, "<rect class=\"{class}\" x=\"{from}%\" width=\"{width}%\" height=\"32\"/>")
}

fn write_vertical(out: Out<'_>, class: &str, at: Option<f64>) -> fmt::Result {
    let Some(at) = at else { return Ok(()) };
    let at = Decimal(at, 2);
    write!(out, "<line class=\"{class}\" x1=\"{at}%\" x2=\"{at}%\" y1=\"0\" y2=\"32\"/>")
}

/// A shape whose size does not depend on the chart's width.
fn write_glyph(out: Out<'_>, class: &str, at: f64, path: &str) -> fmt::Result {
    let at = Decimal(at, 2);
    write!(
        out,
        "<svg x=\"{at}%\" y=\"16\" width=\"1\" height=\"1\" overflow=\"visible\"><path class=\"{class}\" d=\"{path}\"/></svg>"
    )
}

// === impl ChartScale ===

impl ChartScale {
    /// A scale that includes zero, margin and tolerance, and the interval unless it is too wide.
    fn around(
        margin: Option<f64>,
        tolerance: Option<f64>,
        interval: Option<(f64, f64)>,
        is_both: bool,
    ) -> Self {
        let (low, high) = interval.unwrap_or_default();
        let limits = [margin, tolerance].into_iter().flatten().map(f64::abs);
        let reach = limits.fold(0.0, f64::max);
        if reach <= 0.0 {
            let widest = low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
            return Self { left: -widest, right: widest };
        }
        let side = |near: f64, far: f64, least: f64| {
            let most = if near > reach { far } else { reach * MAX_REACH };
            far.min(most).max(reach * least).min(f64::MAX)
        };
        Self {
            left: -side(-high, -low, if is_both { 1.5 } else { 1.0 }),
            right: side(low, high, 1.5),
        }
    }

    fn contains(self, difference: f64) -> bool {
        (self.left..=self.right).contains(&difference)
    }

    fn position(self, difference: f64) -> f64 {
        // Halved, because the difference of two large numbers may overflow.
        let part = (difference / 2.0 - self.left / 2.0) / (self.right / 2.0 - self.left / 2.0);
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.5 };
        PADDING + part * (100.0 - 2.0 * PADDING)
    }
}
