//! Decisions, what was ordered by hand, and what is wrong.

use std::fmt;

use super::html::{Escaped, Out};
use super::labels;
use super::numbers::SharePercent;
use super::time_format::{HumanDuration, Rfc3339, UtcTime};
use super::view::{DecisionView, OrderView, ProblemView, RolloutView};
use crate::rollout::decision_text::split_numbers;

/// So many decisions are shown at once; the others are folded away.
const SHOWN_DECISIONS: usize = 5;

/// What is wrong.
pub fn write_problems(out: Out<'_>, problems: &[ProblemView]) -> fmt::Result {
    if problems.is_empty() {
        return Ok(());
    }
    out.write_str("<ul class=\"problems\" aria-label=\"What is wrong\">")?;
    for problem in problems {
        let (class, glyph) = if problem.is_severe { ("bad", "✕") } else { ("note", "!") };
        write!(
            out,
            "<li class=\"{class}\"><b aria-hidden=\"true\">{glyph}</b><div><p>{}</p>\
             <p class=\"small\">{}</p></div></li>",
            Escaped(&problem.what),
            Escaped(&problem.mend)
        )?;
    }
    out.write_str("</ul>")
}

/// What was ordered by hand and holds.
pub fn write_order(out: Out<'_>, order: &OrderView, now_ms: u64) -> fmt::Result {
    write!(
        out,
        "<p class=\"order\"><b>By hand: {}</b>, {} <q>{}</q></p>",
        Escaped(&order.order),
        When(order.at_ms, now_ms),
        Escaped(&order.reason)
    )
}

/// The last decisions.
pub fn write(out: Out<'_>, rollout: &RolloutView, now_ms: u64) -> fmt::Result {
    out.write_str("<section class=\"card decisions\"><h3>Decisions</h3>")?;
    if rollout.decisions.is_empty() {
        return out.write_str("<p class=\"none\">None yet.</p></section>");
    }
    let id = Escaped(&rollout.rollout);
    let at = rollout.decisions.len().min(SHOWN_DECISIONS);
    let (shown, folded) = rollout.decisions.split_at_checked(at).unwrap_or_default();
    list(out, shown, &id, now_ms)?;
    if !folded.is_empty() {
        write!(
            out,
            "<details id=\"earlier-{id}\"><summary>{} earlier ones</summary>",
            folded.len()
        )?;
        list(out, folded, &id, now_ms)?;
        out.write_str("</details>")?;
    }
    out.write_str("</section>")
}

fn list(out: Out<'_>, decisions: &[DecisionView], id: &Escaped<'_>, now_ms: u64) -> fmt::Result {
    out.write_str("<ol class=\"decisions\">")?;
    for decision in decisions {
        one(out, decision, id, now_ms)?;
    }
    out.write_str("</ol>")
}

fn one(out: Out<'_>, decision: &DecisionView, id: &Escaped<'_>, now_ms: u64) -> fmt::Result {
    let (class, glyph) = match decision.to_bp.cmp(&decision.from_bp) {
        std::cmp::Ordering::Greater => ("up", "▲"),
        std::cmp::Ordering::Equal => ("stay", "■"),
        std::cmp::Ordering::Less => ("down", "✕"),
    };
    write!(
        out,
        "<li><b class=\"{class}\" aria-hidden=\"true\">{glyph}</b><div><p>{}: {} at {} → \
         <strong>{} at {}</strong></p>",
        When(decision.at_ms, now_ms),
        Escaped(labels::phase(&decision.from_phase)),
        SharePercent(decision.from_bp),
        Escaped(labels::phase(&decision.to_phase)),
        SharePercent(decision.to_bp),
    )?;
    let (lead, numbers) = lead(&decision.why);
    write!(out, "<p class=\"why\">{}</p>", Escaped(lead))?;
    if !numbers.is_empty() {
        write!(
            out,
            "<details id=\"why-{id}-{}-{}-{}\"><summary>with the numbers</summary><ul>",
            decision.at_ms,
            Escaped(&decision.to_phase),
            decision.to_bp
        )?;
        for clause in numbers.split(';') {
            write!(out, "<li>{}</li>", Escaped(clause.trim()))?;
        }
        out.write_str("</ul></details>")?;
    }
    out.write_str("</div></li>")
}

/// What a decision says first, and the numbers behind it, if the gates made it.
pub fn lead(why: &str) -> (&str, &str) {
    split_numbers(why)
}

/// A time, and how long ago it is now.
struct When(u64, u64);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(at_ms, now_ms) = *self;
        write!(
            f,
            "<time datetime=\"{}\">{}</time>, {} ago",
            Rfc3339(at_ms),
            UtcTime { at_ms, now_ms },
            HumanDuration(now_ms.saturating_sub(at_ms) / 1000)
        )
    }
}
