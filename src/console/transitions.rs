//! Decisions, the operator command in force, and problems, as HTML.

use std::fmt;

use super::html::{Escaped, Out};
use super::labels;
use super::numbers::SharePercent;
use super::time_format::{HumanDuration, Rfc3339, UtcTime};
use super::view::{CommandView, DecisionView, ProblemView, RolloutView};
use crate::rollout::decision_text::split_numbers;

/// How many decisions are shown; the earlier ones are collapsed.
const SHOWN_DECISIONS: usize = 5;

/// A decision's reason in two parts.
pub struct DecisionReason<'a> {
    /// The reason in words.
    pub summary: &'a str,
    /// The evidence and the gates, separated by semicolons; empty if there is none.
    pub evidence: &'a str,
}

/// Writes a list of problems; nothing if there is none.
///
/// # Errors
/// Writing to `out` failed.
pub fn write_problems(out: Out<'_>, problems: &[ProblemView]) -> fmt::Result {
    if problems.is_empty() {
        return Ok(());
    }
    out.write_str("<ul class=\"problems\" aria-label=\"Problems\">")?;
    for problem in problems {
        let (class, glyph) = if problem.is_severe { ("bad", "✕") } else { ("note", "!") };
        write!(
            out,
            "<li class=\"{class}\"><b aria-hidden=\"true\">{glyph}</b><div><p>{}</p>\
             <p class=\"small\">{}</p></div></li>",
            Escaped(&problem.what),
            Escaped(&problem.fix)
        )?;
    }
    out.write_str("</ul>")
}

/// Writes the operator command in force.
///
/// # Errors
/// Writing to `out` failed.
pub fn write_command(out: Out<'_>, command: &CommandView, now_ms: u64) -> fmt::Result {
    write!(
        out,
        "<p class=\"order\"><b>Operator command: {}</b>, {} <q>{}</q></p>",
        Escaped(&command.order),
        TimeAndAge { at_ms: command.at_ms, now_ms },
        Escaped(&command.reason)
    )
}

/// Writes the latest decisions.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, rollout: &RolloutView, now_ms: u64) -> fmt::Result {
    out.write_str("<section class=\"card decisions\"><h3>Decisions</h3>")?;
    if rollout.decisions.is_empty() {
        return out.write_str("<p class=\"none\">No decisions yet.</p></section>");
    }
    let id = Escaped(&rollout.rollout);
    let at = rollout.decisions.len().min(SHOWN_DECISIONS);
    let (shown, collapsed) = rollout.decisions.split_at_checked(at).unwrap_or_default();
    write_list(out, shown, &id, now_ms)?;
    if !collapsed.is_empty() {
        write!(
            out,
            "<details id=\"earlier-{id}\"><summary>{} earlier decisions</summary>",
            collapsed.len()
        )?;
        write_list(out, collapsed, &id, now_ms)?;
        out.write_str("</details>")?;
    }
    out.write_str("</section>")
}

fn write_list(
    out: Out<'_>,
    decisions: &[DecisionView],
    id: &Escaped<'_>,
    now_ms: u64,
) -> fmt::Result {
    out.write_str("<ol class=\"decisions\">")?;
    for decision in decisions {
        write_decision(out, decision, id, now_ms)?;
    }
    out.write_str("</ol>")
}

fn write_decision(
    out: Out<'_>,
    decision: &DecisionView,
    id: &Escaped<'_>,
    now_ms: u64,
) -> fmt::Result {
    let (class, glyph) = match direction(decision) {
        std::cmp::Ordering::Greater => ("up", "▲"),
        std::cmp::Ordering::Equal => ("stay", "■"),
        std::cmp::Ordering::Less => ("down", "✕"),
    };
    write!(
        out,
        "<li><b class=\"{class}\" aria-hidden=\"true\">{glyph}</b><div><p>{}: {} at {} → \
         <strong>{} at {}</strong></p>",
        TimeAndAge { at_ms: decision.at_ms, now_ms },
        Escaped(labels::phase(&decision.from_phase)),
        SharePercent(decision.from_bp),
        Escaped(labels::phase(&decision.to_phase)),
        SharePercent(decision.to_bp),
    )?;
    let DecisionReason { summary, evidence } = split_reason(&decision.why);
    write!(out, "<p class=\"why\">{}</p>", Escaped(summary))?;
    if !evidence.is_empty() {
        write!(
            out,
            "<details id=\"why-{id}-{}-{}-{}\"><summary>Details</summary><ul>",
            decision.at_ms,
            Escaped(&decision.to_phase),
            decision.to_bp
        )?;
        for clause in evidence.split(';') {
            write!(out, "<li>{}</li>", Escaped(clause.trim()))?;
        }
        out.write_str("</ul></details>")?;
    }
    out.write_str("</div></li>")
}

/// Splits a decision's reason where its evidence begins.
pub fn split_reason(why: &str) -> DecisionReason<'_> {
    let (summary, evidence) = split_numbers(why);
    DecisionReason { summary, evidence }
}

/// Whether a decision advances the rollout, holds it, or moves users back. A promotion advances
/// it, although green had all traffic before.
pub fn direction(decision: &DecisionView) -> std::cmp::Ordering {
    if decision.to_phase == "promoted" {
        return std::cmp::Ordering::Greater;
    }
    decision.to_bp.cmp(&decision.from_bp)
}

/// A time of day, and how long ago it was.
struct TimeAndAge {
    at_ms: u64,
    now_ms: u64,
}

impl fmt::Display for TimeAndAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, now_ms } = *self;
        write!(
            f,
            "<time datetime=\"{}\">{}</time>, {} ago",
            Rfc3339(at_ms),
            UtcTime { at_ms, now_ms },
            HumanDuration(now_ms.saturating_sub(at_ms) / 1000)
        )
    }
}
