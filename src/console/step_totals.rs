//! What the gates have counted in the current step, as HTML.

use std::fmt;

use super::html::{Escaped, Out};
use super::labels;
use super::numbers::{GroupedCount, RatePercent};
use super::view::{AnalysisView, GateView};

/// Writes the units of the step, and how many of them had each kind of bad response.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, analysis: &AnalysisView) -> fmt::Result {
    let counts = analysis.counts.as_str();
    let heading = if counts == "requests" { "Requests" } else { "Users" };
    write!(
        out,
        "<section class=\"card counters\"><h3>Totals of this step</h3><div class=\"wide\" \
         tabindex=\"0\" role=\"region\" aria-label=\"Totals of this step\"><table><thead><tr>\
         <th scope=\"col\"><span class=\"unseen\">Total</span></th>\
         <th scope=\"col\" class=\"number\"><i class=\"mark blue\"></i>blue</th>\
         <th scope=\"col\" class=\"number\"><i class=\"mark green\"></i>green</th></tr></thead><tbody>\
         <tr><th scope=\"row\">{heading}</th><td class=\"number\">{}<small></small></td>\
         <td class=\"number\">{}<small></small></td></tr>",
        GroupedCount(analysis.blue_units),
        GroupedCount(analysis.green_units),
    )?;
    for gate in analysis.gates.iter().filter(|gate| gate.unit == "share") {
        let heading = Escaped(labels::metric(&gate.metric).with_event);
        write!(out, "<tr><th scope=\"row\">{heading}</th>")?;
        for (mean, units) in [(gate.blue, gate.blue_units), (gate.green, gate.green_units)] {
            match events(mean, units) {
                Some(count) => write!(
                    out,
                    "<td class=\"number\">{}<small>{}</small></td>",
                    GroupedCount(count),
                    RatePercent(count, units)
                )?,
                None => out.write_str("<td class=\"number\">–<small></small></td>")?,
            }
        }
        out.write_str("</tr>")?;
    }
    let note = match counts {
        "requests" => "Requests since the step began.",
        _ => {
            "Each user counts once, from the first request in this step. Users that were on green \
             before are not counted."
        }
    };
    write!(out, "</tbody></table></div><p class=\"small\">{note}</p></section>")
}

/// The number of units with an event, from a rate.
pub(crate) fn events(rate: Option<f64>, units: u64) -> Option<u64> {
    let count = (rate? * units as f64).round();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    (count.is_finite() && units > 0).then_some(count as u64)
}

// === impl GateView ===

impl GateView {
    /// The number of green's units with an event, for a rate.
    pub(crate) fn green_events(&self) -> Option<u64> {
        events(self.green, self.green_units)
    }

    /// The number of blue's units with an event, for a rate.
    pub(crate) fn blue_events(&self) -> Option<u64> {
        events(self.blue, self.blue_units)
    }
}
