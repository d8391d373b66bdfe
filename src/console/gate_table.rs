//! The gates of a ramp: blue and green side by side, as HTML.

use std::fmt::{self, Display};

use super::gate_sentence::sentence;
use super::html::{Escaped, Out};
use super::interval_chart::{IntervalChart, is_safe_beyond_margin};
use super::labels;
use super::numbers::{Amount, GroupedCount};
use super::view::{AnalysisView, GateView};
use crate::rollout::decimal::Decimal;

/// How a gate's verdict is shown.
pub(crate) struct VerdictLabel<'a> {
    /// The CSS class.
    pub(crate) class: &'static str,
    /// The symbol, so that a verdict does not depend on colour alone.
    pub(crate) glyph: &'static str,
    /// The verdict in words.
    pub(crate) word: &'a str,
}

/// From this fraction on, a gate that passed shows its evidence for a rollback, too.
const MIN_SHOWN_EVIDENCE: f64 = 0.1;

/// Writes the gates of an analysis.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, analysis: &AnalysisView) -> fmt::Result {
    out.write_str("<section class=\"card gates\"><h3>Is green worse than blue?</h3>")?;
    if analysis.gates.is_empty() {
        return out.write_str("<p class=\"none\">The ramp has no gates.</p></section>");
    }
    write!(
        out,
        "<p class=\"lead\">Compared in this step: {} {} on blue and {} on green{}. Evidence for a \
         rollback: {} of the required amount.</p>",
        GroupedCount(analysis.blue_units),
        Escaped(&analysis.counts),
        GroupedCount(analysis.green_units),
        if analysis.counts == "users" { ", all of whom were on blue before it" } else { "" },
        evidence_percent(analysis.worse),
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
    for gate in &analysis.gates {
        write_row(out, gate, &analysis.counts)?;
        write!(
            out,
            "<tr role=\"row\" class=\"says\"><td role=\"cell\" colspan=\"5\">{}</td></tr>",
            Escaped(&sentence(gate, &analysis.counts))
        )?;
    }
    out.write_str(
        "</tbody></table><p class=\"small\">Each gate has its own test, whose verdict may come \
         before the interval has left a zone entirely.</p></section>",
    )
}

/// The legend of the interval charts.
const KEY: &str = "<p class=\"key\">\
    <span><svg width=\"34\" height=\"14\" aria-hidden=\"true\"><path class=\"span\" d=\"M2 7H32\"/>\
    <path class=\"end\" d=\"M2 2V12M32 2V12\"/><path class=\"measured\" d=\"M17 1 23 7 17 13 11 7z\"/>\
    </svg>measured difference with its confidence interval</span>\
    <span><svg width=\"14\" height=\"14\" aria-hidden=\"true\"><path class=\"at-zero\" d=\"M7 0V14\"/>\
    </svg>no difference</span>\
    <span><svg width=\"20\" height=\"14\" aria-hidden=\"true\"><path class=\"zone-safe\" d=\"M0 0H14V14H0z\"/>\
    <path class=\"at-tolerance\" d=\"M14 0V14\"/></svg>safe enough for this step</span>\
    <span><svg width=\"20\" height=\"14\" aria-hidden=\"true\"><path class=\"zone-worse\" d=\"M4 0H20V14H4z\"/>\
    <path class=\"at-margin\" d=\"M4 0V14\"/></svg>worse than the margin allows</span>\
    <span class=\"narrow\">← green is better, green is worse →</span></p>";

/// Writes a gate. `counts` is what a unit is, as in [`sentence`].
fn write_row(out: Out<'_>, gate: &GateView, counts: &str) -> fmt::Result {
    let VerdictLabel { class, .. } = verdict(&gate.verdict);
    let tag = if gate.is_critical { "" } else { "<span class=\"tag\">not critical</span>" };
    write!(
        out,
        "<tr role=\"row\" class=\"{class}\"><th role=\"rowheader\" scope=\"row\">{} <code>{}</code>\
         {tag}</th>",
        Escaped(labels::metric(&gate.metric).name),
        Escaped(&gate.metric),
    )?;
    write_mean(out, "blue", "Blue", gate.blue, gate.blue_units, &gate.unit)?;
    write_mean(out, "green", "Green", gate.green, gate.green_units, &gate.unit)?;
    out.write_str("<td role=\"cell\" class=\"picture\">")?;
    let difference = Difference(gate).to_string();
    let label = Escaped(&difference).to_string();
    IntervalChart::from_gate(gate).write(out, &label)?;
    write!(out, "<small>{label}</small></td>")?;
    write_verdict(out, gate, counts)?;
    out.write_str("</tr>")
}

fn write_verdict(out: Out<'_>, gate: &GateView, counts: &str) -> fmt::Result {
    let VerdictLabel { class, glyph, word } = verdict(&gate.verdict);
    write!(
        out,
        "<td role=\"cell\" class=\"verdict\"><span class=\"chip {class}\">\
         <b aria-hidden=\"true\">{glyph}</b> {}</span>",
        Escaped(word)
    )?;
    match gate.verdict.as_str() {
        "undecided" => {
            let (safe, worse) = (evidence_percent(gate.safe), evidence_percent(gate.worse));
            write!(out, "<small>evidence: {safe} for safe, {worse} for worse</small>")?;
        }
        "not_comparable" => write!(
            out,
            "<small>missing for {} {} of blue and {} of green</small>",
            GroupedCount(gate.blue_missing),
            Escaped(counts),
            GroupedCount(gate.green_missing)
        )?,
        "pass" if gate.worse >= MIN_SHOWN_EVIDENCE => {
            write!(out, "<small>evidence: {} for worse</small>", evidence_percent(gate.worse))?;
        }
        _ => (),
    }
    out.write_str("</td>")
}

/// The label of a verdict by its name in `/state.json`.
pub(crate) fn verdict(name: &str) -> VerdictLabel<'_> {
    let (class, glyph, word) = match name {
        "pass" => ("pass", "✓", "safe"),
        "fail" => ("fail", "✕", "worse"),
        "left_out" => ("out", "–", "left out"),
        "not_comparable" => ("open", "≠", "not comparable"),
        "undecided" => ("open", "…", "inconclusive"),
        other => ("open", "?", other),
    };
    VerdictLabel { class, glyph, word }
}

fn write_mean(
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

/// Evidence as a percentage of the required amount, from 0 to 100.
pub(crate) fn evidence_percent(evidence: f64) -> impl Display {
    let percent = (evidence * 100.0).clamp(0.0, 100.0);
    // Rounding must not show 100 % before the evidence suffices.
    let percent = if evidence < 1.0 { percent.min(99.0) } else { percent };
    WholePercent(percent)
}

struct WholePercent(f64);

impl Display for WholePercent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\u{a0}%", Decimal(self.0, 0))
    }
}

/// A gate's interval and threshold in words.
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
