//! The time axis that the charts of a rollout share.

use std::fmt;

use super::html::Out;
use super::time_format::UtcTime;
use super::view::RolloutView;
use crate::rollout::decimal::Decimal;

/// The range of the time axis, in milliseconds since 1970.
pub(super) struct TimeSpan {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

/// The horizontal positions of the first and the last time, in percent of the width.
const LEFT: f64 = 1.0;
const RIGHT: f64 = 99.0;
/// A shorter span has seconds on its axis.
const SHORT_MS: u64 = 10 * 60_000;

// === impl TimeSpan ===

impl TimeSpan {
    /// From the rollout's first share until now; `None` before there is one.
    pub(super) fn of(rollout: &RolloutView, now_ms: u64) -> Option<Self> {
        let from_ms = rollout.shares.first()?.at_ms;
        Some(Self { from_ms, to_ms: now_ms.max(from_ms.saturating_add(1)) })
    }

    /// The horizontal position of a time, in percent of the width.
    pub(super) fn position(&self, at_ms: u64) -> f64 {
        let at = at_ms.clamp(self.from_ms, self.to_ms) - self.from_ms;
        let length = (self.to_ms - self.from_ms).max(1);
        LEFT + (RIGHT - LEFT) * at as f64 / length as f64
    }

    /// Writes the first time, the middle and now, at this height in pixels.
    pub(super) fn write_axis(&self, out: Out<'_>, y: u32) -> fmt::Result {
        let mut text = |at_ms: u64, anchor: &str, label: &str| {
            let x = Decimal(self.position(at_ms), 2);
            write!(out, "<text x=\"{x}%\" y=\"{y}\" text-anchor=\"{anchor}\">{label}</text>")
        };
        let middle_ms = self.from_ms + (self.to_ms - self.from_ms) / 2;
        let (first, middle) = (self.label(self.from_ms), self.label(middle_ms));
        text(self.from_ms, "start", &first)?;
        if middle != first {
            text(middle_ms, "middle", &middle)?;
        }
        text(self.to_ms, "end", "now")
    }

    /// A time as a label of the axis: with seconds where the span is short.
    fn label(&self, at_ms: u64) -> String {
        let clock = UtcTime { at_ms, now_ms: self.to_ms }.to_string();
        match clock.rsplit_once(':') {
            Some((minutes, _)) if self.to_ms - self.from_ms >= SHORT_MS => minutes.to_owned(),
            _ => clock,
        }
    }
}
