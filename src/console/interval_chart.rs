//! A difference against its margin, as a picture.
//!
//! Worse is always to the right, whatever the metric; of what may change in neither
//! direction, worse is on both sides.

use std::fmt;

use super::html::Out;
use super::view::GateView;
use crate::rollout::decimal::Decimal;

/// Where things stand, in percent of the picture's width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntervalChart {
    /// No difference.
    pub zero: f64,
    /// From where on green is worse than the margin allows.
    pub margin: Option<f64>,
    /// Up to where green is safe.
    pub tolerance: Option<f64>,
    /// Margin and tolerance on the other side, where both are worse.
    pub other: Option<(Option<f64>, Option<f64>)>,
    /// The interval.
    pub interval: Option<ChartSpan>,
    /// The difference that was measured.
    pub measured: Option<f64>,
}

/// A part of the picture's width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartSpan {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Whether it begins further to the left than the picture.
    pub is_cut_left: bool,
    /// Whether it ends further to the right.
    pub is_cut_right: bool,
}

/// A picture's edges, as differences.
#[derive(Clone, Copy)]
struct ChartScale {
    left: f64,
    right: f64,
}

/// An interval that reaches to both sides of the margin is shown as far as so many times
/// the margin: one that is wide tells little, and is not to make the margin small.
const FURTHEST: f64 = 4.0;
/// What is left free at each side.
const EDGE: f64 = 2.0;

/// Whether green is called safe by a threshold beyond the margin, such as a rate's ceiling,
/// with a measured difference that the margin alone would not allow. Then the margin says
/// nothing of the verdict, and only the threshold is shown.
pub(crate) fn is_safe_beyond_margin(gate: &GateView) -> bool {
    let is_rate = gate.unit == "share" && gate.higher_is_worse;
    let Some(tolerance) = gate.tolerance_at.filter(|_| is_rate) else { return false };
    let Some(margin) = gate.margin_at else { return true };
    let measured = gate.green.zip(gate.blue).map(|(green, blue)| green - blue);
    gate.verdict == "pass" && tolerance > margin && measured.is_some_and(|it| it >= margin)
}

// === impl Picture ===

impl IntervalChart {
    /// The picture of a gate.
    pub fn of(gate: &GateView) -> Self {
        let is_both = gate.metric == "output_tokens";
        let sign = if gate.higher_is_worse || is_both { 1.0 } else { -1.0 };
        let turned = |it: Option<f64>| it.filter(|it| it.is_finite()).map(|it| it * sign);
        let (margin, tolerance) = (turned(gate.margin_at), turned(gate.tolerance_at));
        let margin = if is_safe_beyond_margin(gate) { None } else { margin };
        let interval = turned(gate.low).zip(turned(gate.high));
        let interval = interval.map(|(one, other)| (one.min(other), one.max(other)));
        let measured = gate.green.zip(gate.blue).map(|(green, blue)| green - blue);
        let frame = ChartScale::around(margin, tolerance, interval, is_both);
        let place = |at: Option<f64>| at.map(|at| frame.place(at));
        let mirrored = |at: Option<f64>| place(at.map(|at| -at));
        Self {
            zero: frame.place(0.0),
            margin: place(margin),
            tolerance: place(tolerance),
            other: is_both.then(|| (mirrored(margin), mirrored(tolerance))),
            interval: interval.map(|(low, high)| ChartSpan {
                from: frame.place(low),
                to: frame.place(high),
                is_cut_left: low < frame.left,
                is_cut_right: high > frame.right,
            }),
            measured: place(turned(measured).filter(|it| frame.has(*it))),
        }
    }

    /// Writes it, with `label` for those who do not see it.
    pub fn write(&self, out: Out<'_>, label: &str) -> fmt::Result {
        write!(out, "<svg class=\"interval\" role=\"img\" aria-label=\"{label}\" height=\"32\">")?;
        let (other_margin, other_tolerance) = self.other.unwrap_or_default();
        if let Some(tolerance) = self.tolerance {
            zone(out, "zone-safe", other_tolerance.unwrap_or(0.0), tolerance)?;
        }
        if let Some(margin) = self.margin {
            zone(out, "zone-worse", margin, 100.0)?;
        }
        if let Some(margin) = other_margin {
            zone(out, "zone-worse", 0.0, margin)?;
        }
        upright(out, "at-zero", Some(self.zero))?;
        upright(out, "at-tolerance", self.tolerance)?;
        upright(out, "at-tolerance", other_tolerance)?;
        upright(out, "at-margin", self.margin)?;
        upright(out, "at-margin", other_margin)?;
        if let Some(span) = self.interval {
            let (from, to) = (Decimal(span.from, 2), Decimal(span.to, 2));
            write!(out, "<line class=\"span\" x1=\"{from}%\" x2=\"{to}%\" y1=\"16\" y2=\"16\"/>")?;
            let end = |is_cut: bool, arrow: &'static str| if is_cut { arrow } else { "M0-6V6" };
            glyph(out, "end", span.from, end(span.is_cut_left, "M6-6 0 0 6 6"))?;
            glyph(out, "end", span.to, end(span.is_cut_right, "M-6-6 0 0-6 6"))?;
        }
        if let Some(at) = self.measured {
            glyph(out, "measured", at, "M0-6 6 0 0 6-6 0z")?;
        }
        out.write_str("</svg>")
    }
}

fn zone(out: Out<'_>, class: &str, from: f64, to: f64) -> fmt::Result {
    let width = Decimal((to - from).max(0.0), 2);
    let from = Decimal(from, 2);
    write!(out, "<rect class=\"{class}\" x=\"{from}%\" width=\"{width}%\" height=\"32\"/>")
}

fn upright(out: Out<'_>, class: &str, at: Option<f64>) -> fmt::Result {
    let Some(at) = at else { return Ok(()) };
    let at = Decimal(at, 2);
    write!(out, "<line class=\"{class}\" x1=\"{at}%\" x2=\"{at}%\" y1=\"0\" y2=\"32\"/>")
}

/// A small shape that keeps its size however wide the picture is.
fn glyph(out: Out<'_>, class: &str, at: f64, path: &str) -> fmt::Result {
    let at = Decimal(at, 2);
    write!(
        out,
        "<svg x=\"{at}%\" y=\"16\" width=\"1\" height=\"1\" overflow=\"visible\"><path class=\"{class}\" d=\"{path}\"/></svg>"
    )
}

// === impl Frame ===

impl ChartScale {
    /// What shows zero, margin and tolerance, and of the interval what is not too far.
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
            let most = if near > reach { far } else { reach * FURTHEST };
            far.min(most).max(reach * least).min(f64::MAX)
        };
        Self {
            left: -side(-high, -low, if is_both { 1.5 } else { 1.0 }),
            right: side(low, high, 1.5),
        }
    }

    fn has(self, difference: f64) -> bool {
        (self.left..=self.right).contains(&difference)
    }

    fn place(self, difference: f64) -> f64 {
        // By halves, since the sum of two large numbers may be none.
        let part = (difference / 2.0 - self.left / 2.0) / (self.right / 2.0 - self.left / 2.0);
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.5 };
        EDGE + part * (100.0 - 2.0 * EDGE)
    }
}
