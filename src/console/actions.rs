//! The buttons for operator commands, which `page.js` implements and shows; and the lines of the
//! configuration that start an ended ramp again.

use std::fmt;

use super::html::{Escaped, Out};
use super::numbers::SharePercent;
use super::time_format::Rfc3339;
use super::view::{RampView, RolloutView};

/// A button, and whether its command is valid in the current phase.
struct Button {
    command: &'static str,
    label: &'static str,
    is_shown: bool,
}

/// Writes a button for each command that is valid now.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    let buttons = buttons(rollout);
    if buttons.iter().all(|button| !button.is_shown) {
        return Ok(());
    }
    let name = Escaped(&rollout.rollout);
    write!(out, "<div class=\"steer\" role=\"group\" aria-label=\"Commands for {name}\">")?;
    for Button { command, label, .. } in buttons.iter().filter(|button| button.is_shown) {
        let class = match *command {
            "approve" | "resume" => " class=\"go\"",
            "rollback" => " class=\"danger\"",
            _ => "",
        };
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

/// Writes how to start the ramp again where only the configuration does that: after a rollback,
/// and where the state was lost.
///
/// # Errors
/// Writing to `out` failed.
pub fn write_restart(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    let Some(ramp) = &rollout.ramp else { return Ok(()) };
    let why = match (rollout.phase.as_str(), ramp.waits_for.as_str()) {
        ("rolled_back", _) => "All users stay on blue until the configuration changes.",
        (_, "state_lost") if rollout.order.is_some() => {
            "The ramp waits, and all users go back to blue when the operator command ends."
        }
        (_, "state_lost") => "All users stay on blue until the ramp restarts.",
        _ => return Ok(()),
    };
    let name = Escaped(&rollout.rollout);
    let ended_ms = rollout.shares.last().map_or(0, |it| it.at_ms);
    write!(
        out,
        "<section class=\"card again\"><h3>Start again</h3><p>{why} If <code>ramp</code> in the \
         filter’s configuration has <code>rolled_back</code>, remove it. To restart this ramp with the \
         same users, also set <code>restart</code> there to a value that it has not had:</p><pre id=\"restart-{name}\" tabindex=\"0\"><code>\"ramp\": {{\n  \"restart\": \
         \"{}\",</code></pre><p>To begin with other users, change the rollout’s name instead:</p>\
         <pre id=\"rename-{name}\" tabindex=\"0\"><code>\"rollout\": \"{}\",</code></pre></section>",
        Rfc3339(ended_ms),
        Escaped(&next_name(&rollout.rollout)),
    )
}

/// A name for the next attempt: `assistant-v9` after `assistant-v8`, `search-2` after `search`.
fn next_name(name: &str) -> String {
    const MAX_CHARS: usize = 63;
    let stem = name.trim_end_matches(|it: char| it.is_ascii_digit());
    let number = name.get(stem.len()..).and_then(|digits| digits.parse::<u32>().ok());
    let next = match number.and_then(|it| it.checked_add(1)) {
        Some(next) => format!("{stem}{next}"),
        None => format!("{name}-2"),
    };
    if next.len() <= MAX_CHARS { next } else { "another-name".to_owned() }
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
    // After the shadow step comes the first one.
    let is_in_shadow = ramp.shadow_step.as_ref().is_some_and(|step| step.is_current);
    let next = if is_in_shadow { ramp.step } else { ramp.step + 1 };
    let Some(next) = ramp.steps.get(next) else { return Ok(()) };
    let share = SharePercent(next.green_bp);
    write!(out, " data-step=\"{}\" data-share=\"{share}\"", ramp.step)?;
    if ramp.shadow_step.is_some() {
        // The shadow step and the first one have the same index.
        write!(out, " data-shadow=\"{is_in_shadow}\"")?;
    }
    Ok(())
}
