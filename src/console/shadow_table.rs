//! The shadow step of a ramp: both versions' responses to the same requests, as HTML and in words.

use std::fmt;

use super::gate_table::{VerdictLabel, evidence_percent, verdict};
use super::html::{Escaped, Out};
use super::labels;
use super::numbers::{GroupedCount, SharePercent};
use super::view::{PairedGateView, ShadowStepView};
use crate::rollout::decimal::Decimal;

/// Writes a shadow step.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, step: &ShadowStepView) -> fmt::Result {
    write!(
        out,
        "<section class=\"card\"><h3>Shadow step</h3><p class=\"lead\">{}</p>",
        Escaped(&summary(step))
    )?;
    if step.gates.is_empty() {
        return out.write_str("</section>");
    }
    out.write_str(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Shadow step\"><table><thead><tr><th scope=\"col\">Metric</th>\
         <th scope=\"col\">Blue’s and green’s response to the same request</th>\
         <th scope=\"col\">Verdict</th></tr></thead><tbody>",
    )?;
    for gate in &step.gates {
        let VerdictLabel { class, glyph, word } = verdict(&gate.verdict);
        write!(
            out,
            "<tr><th scope=\"row\">{} <code>{}</code></th><td>{}</td>\
             <td class=\"verdict\"><span class=\"chip {class}\"><b aria-hidden=\"true\">{glyph}</b> \
             {}</span></td></tr>",
            Escaped(labels::metric(&gate.metric).name),
            Escaped(&gate.metric),
            Escaped(&sentence(gate, &step.counts)),
            Escaped(word),
        )?;
    }
    out.write_str("</tbody></table></div></section>")
}

/// The step as a whole in words.
pub fn summary(step: &ShadowStepView) -> String {
    let needed = match step.pairs_needed {
        Some(needed) if step.verdict == "undecided" => {
            format!(" About {} pairs are needed.", GroupedCount(needed))
        }
        _ => String::new(),
    };
    let tense = match step.is_current {
        true => format!(
            "No user is on green: it answers copies of the requests of {} of users.",
            SharePercent(step.share_bp)
        ),
        false => "Before any user was on green, it answered copies of requests.".to_owned(),
    };
    format!(
        "{tense} {} of {} pairs, of {} {}.{needed} Evidence for a rollback: {} of the required \
         amount.",
        GroupedCount(step.pairs),
        GroupedCount(step.max_pairs),
        GroupedCount(step.units),
        step.counts,
        evidence_percent(step.worse),
    )
}

/// A gate in words.
pub fn sentence(gate: &PairedGateView, counts: &str) -> String {
    let of = format!("{} {counts}", GroupedCount(gate.units));
    let shown = match (gate.ratio, gate.green_only) {
        (Some(ratio), _) => {
            let limits = gate.low.zip(gate.high).map(|(low, high)| {
                format!(", between {} and {}", Decimal(low, 2), Decimal(high, 2))
            });
            format!(
                "green has {} times blue’s value{} ({of})",
                Decimal(ratio, 2),
                limits.unwrap_or_default()
            )
        }
        (None, Some(green_only)) => format!(
            "of {of}, {} met it on green alone, {} on blue alone, {} on both",
            GroupedCount(green_only),
            GroupedCount(gate.blue_only.unwrap_or_default()),
            GroupedCount(gate.both.unwrap_or_default())
        ),
        (None, None) => "no pair with a value yet".to_owned(),
    };
    let evidence = match gate.verdict.as_str() {
        "undecided" => format!(
            "; evidence {} to go on, {} to roll back",
            evidence_percent(gate.safe),
            evidence_percent(gate.worse)
        ),
        "not_comparable" => format!(
            "; missing for {} units on blue and {} on green",
            GroupedCount(gate.blue_missing),
            GroupedCount(gate.green_missing)
        ),
        _ => String::new(),
    };
    let not_critical = if gate.is_critical { "" } else { "not critical; " };
    format!("{not_critical}{shown}{evidence}")
}
