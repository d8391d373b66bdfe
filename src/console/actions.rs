//! The buttons for operator commands. `page.js` implements them and shows them.

use std::fmt;

use super::html::{Escaped, Out};
use super::numbers::SharePercent;
use super::view::{RampView, RolloutView};

/// A button, and whether its command is valid in the current phase.
struct Button {
    command: &'static str,
    label: &'static str,
    is_shown: bool,
}

/// Writes a button for each command that is valid now; for a rolled-back ramp, how to restart it.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    let buttons = buttons(rollout);
    if buttons.iter().all(|button| !button.is_shown) {
        if rollout.phase == "rolled_back" {
            out.write_str(
                "<p class=\"small\">No command ends a rollback: everyone stays on blue until the \
                 configuration changes. Change <code>ramp.restart</code> to restart this ramp, or \
                 configure another rollout.</p>",
            )?;
        }
        return Ok(());
    }
    let name = Escaped(&rollout.rollout);
    write!(out, "<div class=\"steer\" role=\"group\" aria-label=\"Commands for {name}\">")?;
    for Button { command, label, .. } in buttons.iter().filter(|button| button.is_shown) {
        let class = if matches!(*command, "approve" | "resume") { " class=\"go\"" } else { "" };
        write!(
            out,
            "<button type=\"button\"{class} id=\"{command}-{name}\" data-order=\"{command}\" \
             data-rollout=\"{name}\""
        )?;
        if *command == "approve" {
            write_approved_step(out, rollout.ramp.as_ref())?;
        }
        write!(out, ">{label}</button>")?;
    }
    out.write_str("</div>")
}

fn buttons(rollout: &RolloutView) -> [Button; 6] {
    let phase = rollout.phase.as_str();
    let ramp = rollout.ramp.as_ref();
    let is_active = matches!(phase, "ramping" | "holding");
    let waits_for_approval = ramp.is_some_and(|ramp| ramp.waits_for == "approval");
    let command = rollout.order.as_ref().map(|it| it.order.as_str());
    // Only the configuration restarts a ramp that was rolled back.
    let is_final = !rollout.is_known || (ramp.is_some() && phase == "rolled_back");
    let can_promote = !is_final && phase != "promoted" && command != Some("promote");
    let can_roll_back = rollout.is_known && phase != "rolled_back";
    let button = |command, label, is_shown| Button { command, label, is_shown };
    [
        button("approve", "Approve the next step", is_active && waits_for_approval),
        button("pause", "Pause", is_active),
        button("resume", "Resume", command.is_some() && !is_final),
        button("weights", "Set weights…", !is_final),
        button("promote", "Promote…", can_promote),
        button("rollback", "Roll back…", can_roll_back),
    ]
}

/// The approval is for the step that the operator saw, even if the ramp advances meanwhile.
fn write_approved_step(out: Out<'_>, ramp: Option<&RampView>) -> fmt::Result {
    let Some(ramp) = ramp else { return Ok(()) };
    let Some(next) = ramp.steps.get(ramp.step + 1) else { return Ok(()) };
    let share = SharePercent(next.green_bp);
    write!(out, " data-step=\"{}\" data-share=\"{share}\"", ramp.step)
}
