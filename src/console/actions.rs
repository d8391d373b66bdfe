//! The buttons. What they do is in `page.js`; without it they are not shown.

use std::fmt;

use super::html::{Escaped, Out};
use super::numbers::SharePercent;
use super::view::RolloutView;

/// What a person can order, where it makes sense now.
pub fn write(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    let name = Escaped(&rollout.rollout);
    let phase = rollout.phase.as_str();
    let ramp = rollout.ramp.as_ref();
    let is_under_way = matches!(phase, "ramping" | "holding");
    let asks = ramp.is_some_and(|ramp| ramp.waits_for == "approval");
    let held = rollout.order.as_ref().map(|order| order.order.as_str());
    // A ramp that was rolled back begins again by its configuration alone.
    let is_over = !rollout.is_known || (ramp.is_some() && phase == "rolled_back");
    let buttons = [
        ("approve", "Approve the next step", is_under_way && asks),
        ("pause", "Pause", is_under_way),
        ("resume", "Resume", held.is_some() && !is_over),
        ("weights", "Set weights…", !is_over),
        ("promote", "Promote…", !is_over && phase != "promoted" && held != Some("promote")),
        ("rollback", "Roll back…", rollout.is_known && phase != "rolled_back"),
    ];
    if buttons.iter().all(|(.., is_shown)| !is_shown) {
        if phase == "rolled_back" {
            out.write_str(
                "<p class=\"small\">No order ends a rollback: everyone stays on blue until the \
                 configuration changes. Write another text into <code>ramp.restart</code> to begin \
                 this ramp again, or name another rollout.</p>",
            )?;
        }
        return Ok(());
    }
    // What is approved is the step that was looked at.
    let next = ramp.and_then(|ramp| Some((ramp.step, ramp.steps.get(ramp.step + 1)?.green_bp)));
    write!(out, "<div class=\"steer\" role=\"group\" aria-label=\"Steer {name}\">")?;
    for (order, label, is_shown) in buttons {
        if is_shown {
            let class = if matches!(order, "approve" | "resume") { " class=\"go\"" } else { "" };
            write!(
                out,
                "<button type=\"button\"{class} id=\"{order}-{name}\" data-order=\"{order}\" \
                 data-rollout=\"{name}\""
            )?;
            if let ("approve", Some((step, share))) = (order, next) {
                write!(out, " data-step=\"{step}\" data-share=\"{}\"", SharePercent(share))?;
            }
            write!(out, ">{label}</button>")?;
        }
    }
    out.write_str("</div>")
}
