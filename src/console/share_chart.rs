//! A chart of green's share over time.

use std::fmt;

use super::html::{Escaped, Out};
use super::labels;
use super::numbers::SharePercent;
use super::time_axis::TimeSpan;
use super::time_format::{Rfc3339, UtcTime};
use super::transitions;
use super::view::{DecisionView, RolloutView, ShareView};
use crate::rollout::decimal::Decimal;

/// The chart's height, and the vertical positions of 100 % and 0 %, in pixels.
const HEIGHT: u32 = 190;
const TOP: f64 = 12.0;
const GROUND: f64 = 164.0;

/// Writes green's share until now, with a mark for each decision.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, rollout: &RolloutView, now_ms: u64) -> fmt::Result {
    let Some(span) = TimeSpan::of(rollout, now_ms) else { return Ok(()) };
    out.write_str("<section class=\"card over-time\"><h3>Green’s share over time</h3>")?;
    write!(
        out,
        "<div class=\"plot\"><svg class=\"scale\" width=\"40\" height=\"{HEIGHT}\" \
         aria-hidden=\"true\">"
    )?;
    for bp in [10_000, 5_000, 0] {
        let y = Decimal(height(bp) + 4.0, 1);
        write!(out, "<text x=\"40\" y=\"{y}\" text-anchor=\"end\">{}</text>", SharePercent(bp))?;
    }
    write!(
        out,
        "</svg><svg class=\"chart\" height=\"{HEIGHT}\" role=\"img\" \
         aria-label=\"Green’s share over time; the list below says the same\">"
    )?;
    for bp in [10_000, 5_000, 0] {
        let y = Decimal(height(bp), 1);
        write!(out, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>")?;
    }
    write_curve(out, &rollout.shares, &span)?;
    for decision in rollout.decisions.iter().rev() {
        if (span.from_ms..=span.to_ms).contains(&decision.at_ms) {
            write_mark(out, decision, &span, now_ms)?;
        }
    }
    span.write_axis(out, HEIGHT - 8)?;
    out.write_str("</svg></div>")?;
    out.write_str(KEY)?;
    write_list(out, rollout, now_ms)?;
    out.write_str("</section>")
}

/// The legend of the marks.
const KEY: &str = "<p class=\"key\">\
    <span><svg width=\"16\" height=\"14\" viewBox=\"-8 -7 16 14\" aria-hidden=\"true\">\
    <path class=\"mark-up\" d=\"M0-6 6 5H-6z\"/></svg>advanced</span>\
    <span><svg width=\"16\" height=\"14\" viewBox=\"-8 -7 16 14\" aria-hidden=\"true\">\
    <path class=\"mark-stay\" d=\"M-5-5H5V5H-5z\"/></svg>held</span>\
    <span><svg width=\"16\" height=\"14\" viewBox=\"-8 -7 16 14\" aria-hidden=\"true\">\
    <path class=\"mark-down\" d=\"M-5-5 5 5M5-5-5 5\"/></svg>rolled back</span></p>";

/// The area under the shares, and its upper edge.
fn write_curve(out: Out<'_>, shares: &[ShareView], span: &TimeSpan) -> fmt::Result {
    let ends = shares.iter().skip(1).map(|next| next.at_ms).chain([span.to_ms]);
    let mut before: Option<u32> = None;
    for (share, end) in shares.iter().zip(ends) {
        let (from, to) = (span.position(share.at_ms), span.position(end));
        let y = height(share.green_bp);
        let [x, width, y, depth, to] =
            [from, (to - from).max(0.0), y, GROUND - y, to].map(|it| Decimal(it, 2));
        write!(
            out,
            "<rect class=\"area\" x=\"{x}%\" width=\"{width}%\" y=\"{y}\" height=\"{depth}\"/>\
             <line class=\"edge\" x1=\"{x}%\" x2=\"{to}%\" y1=\"{y}\" y2=\"{y}\"/>"
        )?;
        if let Some(before) = before {
            let was = Decimal(height(before), 2);
            write!(out, "<line class=\"edge\" x1=\"{x}%\" x2=\"{x}%\" y1=\"{was}\" y2=\"{y}\"/>")?;
        }
        before = Some(share.green_bp);
    }
    Ok(())
}

fn write_mark(out: Out<'_>, decision: &DecisionView, span: &TimeSpan, now_ms: u64) -> fmt::Result {
    let (class, path) = match transitions::direction(decision) {
        std::cmp::Ordering::Greater => ("mark-up", "M0-6 6 5H-6z"),
        std::cmp::Ordering::Equal => ("mark-stay", "M-5-5H5V5H-5z"),
        std::cmp::Ordering::Less => ("mark-down", "M-5-5 5 5M5-5-5 5"),
    };
    write!(
        out,
        "<svg x=\"{}%\" y=\"{}\" width=\"1\" height=\"1\" overflow=\"visible\"><g><title>{}: {} to {}</title>\
         <path class=\"{class}\" d=\"{path}\"/></g></svg>",
        Decimal(span.position(decision.at_ms), 2),
        Decimal(height(decision.to_bp), 2),
        UtcTime { at_ms: decision.at_ms, now_ms },
        SharePercent(decision.from_bp),
        SharePercent(decision.to_bp),
    )
}

/// The text alternative of the chart.
fn write_list(out: Out<'_>, rollout: &RolloutView, now_ms: u64) -> fmt::Result {
    write!(
        out,
        "<details id=\"shares-{}\"><summary>As a list</summary><ol class=\"plain\">",
        Escaped(&rollout.rollout)
    )?;
    for share in rollout.shares.iter().rev() {
        write!(
            out,
            "<li><time datetime=\"{}\">{}</time> {} on green, {}</li>",
            Rfc3339(share.at_ms),
            UtcTime { at_ms: share.at_ms, now_ms },
            SharePercent(share.green_bp),
            Escaped(labels::phase(&share.phase))
        )?;
    }
    out.write_str("</ol></details>")
}

/// The vertical position of a share, in pixels from the top.
fn height(bp: u32) -> f64 {
    GROUND - (GROUND - TOP) * f64::from(bp.min(10_000)) / 10_000.0
}
