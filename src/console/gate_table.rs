//! Blue beside green, by each gate.

use std::fmt::{self, Display};

use super::html::{Escaped, Out};
use super::interval_chart::{IntervalChart, is_safe_beyond_margin};
use super::labels;
use super::numbers::{Amount, GroupedCount};
use super::view::{GateView, JudgementView};
use crate::rollout::decimal::Decimal;

/// The gates of a judgement.
pub fn write(out: Out<'_>, judgement: &JudgementView) -> fmt::Result {
    out.write_str("<section class=\"card gates\"><h3>Is green worse than blue?</h3>")?;
    if judgement.gates.is_empty() {
        return out.write_str("<p class=\"none\">No gate looks at it.</p></section>");
    }
    let worse = part(judgement.worse);
    write!(
        out,
        "<p class=\"lead\">From {} users of blue and {} of green in this step. The evidence for a \
         rollback is at {worse} of what it takes.</p>",
        GroupedCount(judgement.blue_units),
        GroupedCount(judgement.green_units),
    )?;
    out.write_str(KEY)?;
    out.write_str(
        "<table role=\"table\"><thead role=\"rowgroup\"><tr role=\"row\">\
         <th role=\"columnheader\" scope=\"col\">Metric</th>\
         <th role=\"columnheader\" scope=\"col\" class=\"number\">\
         <i class=\"mark blue\"></i>Blue</th>\
         <th role=\"columnheader\" scope=\"col\" class=\"number\">\
         <i class=\"mark green\"></i>Green</th>\
         <th role=\"columnheader\" scope=\"col\" class=\"picture\"><span class=\"sides\">\
         <span>← green is better</span><span>green is worse →</span></span></th>\
         <th role=\"columnheader\" scope=\"col\">Verdict</th></tr></thead>\
         <tbody role=\"rowgroup\">",
    )?;
    for gate in &judgement.gates {
        row(out, gate)?;
    }
    out.write_str(
        "</tbody></table><p class=\"small\">A verdict is the gate’s own, and may come before all of \
         the bar has left a zone.</p></section>",
    )
}

/// What the pictures are made of.
const KEY: &str = "<p class=\"key\">\
    <span><svg width=\"34\" height=\"14\" aria-hidden=\"true\"><path class=\"span\" d=\"M2 7H32\"/>\
    <path class=\"end\" d=\"M2 2V12M32 2V12\"/><path class=\"measured\" d=\"M17 1 23 7 17 13 11 7z\"/>\
    </svg>measured difference, and where the true one lies</span>\
    <span><svg width=\"14\" height=\"14\" aria-hidden=\"true\"><path class=\"at-zero\" d=\"M7 0V14\"/>\
    </svg>no difference</span>\
    <span><svg width=\"20\" height=\"14\" aria-hidden=\"true\"><path class=\"zone-safe\" d=\"M0 0H14V14H0z\"/>\
    <path class=\"at-tolerance\" d=\"M14 0V14\"/></svg>safe enough for this step</span>\
    <span><svg width=\"20\" height=\"14\" aria-hidden=\"true\"><path class=\"zone-worse\" d=\"M4 0H20V14H4z\"/>\
    <path class=\"at-margin\" d=\"M4 0V14\"/></svg>worse than the margin allows</span>\
    <span class=\"narrow\">← green is better, green is worse →</span></p>";

/// From what part of the evidence against a gate on it is told of one that passes.
const WORTH_TELLING: f64 = 0.1;

fn row(out: Out<'_>, gate: &GateView) -> fmt::Result {
    let (label, _) = labels::metric(&gate.metric);
    let (class, glyph, word) = verdict(&gate.verdict);
    let watched = if gate.is_critical { "" } else { "<span class=\"tag\">only watched</span>" };
    write!(
        out,
        "<tr role=\"row\" class=\"{class}\"><th role=\"rowheader\" scope=\"row\">{} <code>{}</code>\
         {watched}</th>",
        Escaped(label),
        Escaped(&gate.metric),
    )?;
    mean(out, "blue", "Blue", gate.blue, gate.blue_units, &gate.unit)?;
    mean(out, "green", "Green", gate.green, gate.green_units, &gate.unit)?;
    out.write_str("<td role=\"cell\" class=\"picture\">")?;
    let difference = Difference(gate).to_string();
    let label = Escaped(&difference).to_string();
    IntervalChart::of(gate).write(out, &label)?;
    write!(out, "<small>{label}</small></td>")?;
    write!(
        out,
        "<td role=\"cell\" class=\"verdict\"><span class=\"chip {class}\">\
         <b aria-hidden=\"true\">{glyph}</b> {}</span>",
        Escaped(word)
    )?;
    match gate.verdict.as_str() {
        "undecided" => {
            let (safe, worse) = (part(gate.safe), part(gate.worse));
            write!(out, "<small>evidence {safe} for safe, {worse} for worse</small>")?;
        }
        "not_comparable" => write!(
            out,
            "<small>not known for {} users of blue and {} of green</small>",
            GroupedCount(gate.blue_missing),
            GroupedCount(gate.green_missing)
        )?,
        "pass" if gate.worse >= WORTH_TELLING => {
            write!(out, "<small>evidence {} for worse</small>", part(gate.worse))?;
        }
        _ => (),
    }
    out.write_str("</td></tr>")
}

/// A verdict: its class, its sign, and the word for it.
pub(crate) fn verdict(name: &str) -> (&'static str, &'static str, &str) {
    match name {
        "pass" => ("pass", "✓", "safe"),
        "fail" => ("fail", "✕", "worse"),
        "left_out" => ("out", "–", "left out"),
        "not_comparable" => ("open", "≠", "not comparable"),
        "undecided" => ("open", "…", "not yet known"),
        other => ("open", "?", other),
    }
}

fn mean(
    out: Out<'_>,
    class: &str,
    name: &str,
    number: Option<f64>,
    units: u64,
    unit: &str,
) -> fmt::Result {
    let amount = Amount { number: number.unwrap_or(f64::NAN), unit, is_difference: false };
    write!(
        out,
        "<td role=\"cell\" class=\"number {class}\"><span class=\"of\" aria-hidden=\"true\">\
         <i class=\"mark {class}\"></i>{name}</span><b>{amount}</b><small>of {}</small></td>",
        GroupedCount(units)
    )
}

/// How much of what it takes there is, in percent; never more than all of it.
pub(crate) fn part(evidence: f64) -> impl Display {
    let percent = (evidence * 100.0).clamp(0.0, 100.0);
    // All of it only where there is all of it.
    let percent = if evidence < 1.0 { percent.min(99.0) } else { percent };
    Percent(percent)
}

struct Percent(f64);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\u{a0}%", Decimal(self.0, 0))
    }
}

/// A gate's interval in words.
pub(crate) struct Difference<'a>(pub(crate) &'a GateView);

impl Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gate = self.0;
        let amount = |number| Amount { number, unit: &gate.unit, is_difference: true };
        match (gate.low, gate.high) {
            (Some(low), Some(high)) => {
                write!(f, "between {} and {}", amount(low), amount(high))?;
            }
            _ => f.write_str("no interval yet")?,
        }
        if let (true, Some(limit)) = (is_safe_beyond_margin(gate), gate.tolerance_at) {
            return write!(f, "; safe below {}", amount(limit));
        }
        let Some(margin) = gate.margin_at else { return Ok(()) };
        if gate.metric == "output_tokens" {
            return write!(f, "; worse from {} or {}", amount(-margin), amount(margin));
        }
        write!(f, "; worse from {}", amount(margin))
    }
}
