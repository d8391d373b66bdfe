//! The buttons. What they do is in `page.js`; without it they are not shown.

use std::fmt;

use super::html::{Out, Text};
use super::view::RolloutView;

/// What a person can order, where it makes sense now.
pub fn write(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    let name = Text(&rollout.rollout);
    let phase = rollout.phase.as_str();
    let ramp = rollout.ramp.as_ref();
    let is_under_way = matches!(phase, "ramping" | "holding");
    let asks = ramp.is_some_and(|ramp| ramp.waits_for == "approval");
    let buttons = [
        ("approve", "Approve the next step", is_under_way && asks),
        ("pause", "Pause", is_under_way),
        ("resume", "Resume", ramp.is_some() && matches!(phase, "paused" | "by_hand")),
        ("weights", "Set weights…", true),
        ("promote", "Promote…", phase != "promoted"),
        ("rollback", "Roll back…", phase != "rolled_back"),
    ];
    write!(out, "<div class=\"steer\" role=\"group\" aria-label=\"Steer {name}\">")?;
    for (order, label, is_shown) in buttons {
        if is_shown {
            let class = if matches!(order, "approve" | "resume") { " class=\"go\"" } else { "" };
            write!(
                out,
                "<button type=\"button\"{class} id=\"{order}-{name}\" data-order=\"{order}\" \
                 data-rollout=\"{name}\">{label}</button>"
            )?;
        }
    }
    out.write_str("</div>")
}
