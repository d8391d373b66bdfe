//! The table of the instances of a fleet.

use std::fmt;

use super::html::{Escaped, Out};
use super::numbers::{Amount, SharePercent};
use super::view::{FleetView, InstanceView};

/// Writes the instances of a fleet.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, fleet: &FleetView) -> fmt::Result {
    if fleet.instances.is_empty() {
        return Ok(());
    }
    out.write_str(
        "<section class=\"card\"><h3>Instances</h3><div class=\"wide\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Instances\"><table>\
         <thead><tr><th scope=\"col\">instance</th><th scope=\"col\">green’s share</th>\
         <th scope=\"col\">of all evidence</th><th scope=\"col\">last read</th>\
         <th scope=\"col\">notes</th></tr></thead><tbody>",
    )?;
    for instance in &fleet.instances {
        write_instance(out, fleet, instance)?;
    }
    out.write_str("</tbody></table></div></section>")
}

fn write_instance(out: Out<'_>, fleet: &FleetView, instance: &InstanceView) -> fmt::Result {
    let InstanceView { name, seen_s_ago, green_bp, evidence, .. } = instance;
    let evidence = Amount { number: *evidence, unit: "share", is_difference: false };
    write!(
        out,
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{evidence}</td><td>{seen_s_ago}\u{a0}s ago</td>\
         <td>{}</td></tr>",
        Escaped(name),
        SharePercent(*green_bp),
        notes(fleet, instance)
    )
}

/// What distinguishes an instance from the others.
pub(crate) fn notes(fleet: &FleetView, instance: &InstanceView) -> String {
    let InstanceView { name, lags, is_current, .. } = instance;
    let notes = [
        (fleet.decider.as_deref() == Some(name), "decides"),
        (fleet.instance == *name, "this Envoy"),
        (*lags, "lags"),
        (!is_current, "other configuration"),
    ];
    let present: Vec<_> = notes.iter().filter(|(is_so, _)| *is_so).map(|(_, note)| *note).collect();
    present.join(", ")
}
