//! The traffic split, the ramp's steps, and what the next decision waits for, as HTML.

use std::cmp::Ordering;
use std::fmt;

use super::html::{Escaped, Out};
use super::labels;
use super::numbers::SharePercent;
use super::time_format::HumanDuration;
use super::version_about;
use super::view::{RampView, RolloutView};
use crate::rollout::decimal::Decimal;

/// Writes the traffic split; of a ramp also its steps and the next decision.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    out.write_str("<div class=\"standing\">")?;
    write_split(out, rollout)?;
    if let Some(ramp) = &rollout.ramp {
        write_steps(out, ramp, rollout)?;
        write_next_decision(out, ramp)?;
    }
    out.write_str("</div>")
}

fn write_split(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    let green = rollout.green_bp.min(10_000);
    let blue = 10_000 - green;
    let width = |bp: u32| Decimal(f64::from(bp) / 100.0, 2);
    write!(
        out,
        "<section class=\"card\"><h3>Traffic split</h3><div class=\"pair\">\
         <p><i class=\"mark blue\"></i>Blue <b>{}</b></p>\
         <p><i class=\"mark green\"></i>Green <b>{}</b></p></div>\
         <svg class=\"bar\" height=\"20\" aria-hidden=\"true\">\
         <rect class=\"fill-blue\" width=\"{}%\" height=\"20\"/>\
         <rect class=\"fill-green\" x=\"{}%\" width=\"{}%\" height=\"20\"/></svg>",
        SharePercent(blue),
        SharePercent(green),
        width(blue),
        width(blue),
        width(green),
    )?;
    out.write_str("<div class=\"abouts\">")?;
    for version in &rollout.versions {
        let Some(about) = &version.about else { continue };
        let class = if version.version == "green" { "green" } else { "blue" };
        write!(
            out,
            "<div class=\"{class}\"><span class=\"unseen\">{}:</span>",
            Escaped(&version.version)
        )?;
        version_about::write(out, about)?;
        out.write_str("</div>")?;
    }
    out.write_str("</div></section>")
}

fn write_steps(out: Out<'_>, ramp: &RampView, rollout: &RolloutView) -> fmt::Result {
    const APPROVAL: &str = "<span class=\"tag\">needs approval</span>";

    let phase = rollout.phase.as_str();
    // A promotion by an operator skips steps, and the ramp resumes in its own.
    let is_done = phase == "promoted" && rollout.order.is_none();
    let count = ramp.steps.len();
    let current = ramp.step.min(count.saturating_sub(1));
    let is_in_shadow = ramp.shadow_step.as_ref().is_some_and(|step| step.is_current);
    out.write_str("<section class=\"card\"><h3>Steps</h3><ol class=\"steps\">")?;
    // Those before the first one with a share.
    for (name, exists, is_current) in [
        ("Baseline", ramp.is_baseline || ramp.baseline_s > 0, ramp.is_baseline),
        ("Shadow", ramp.shadow_step.is_some(), is_in_shadow),
    ] {
        if !exists {
            continue;
        }
        let (class, glyph, status) = match is_current {
            _ if is_done => ("done", "✓", "done"),
            true if phase == "rolled_back" => ("failed", "✕", "failed"),
            true => ("here", "●", "current"),
            false if ramp.is_baseline => ("ahead", "", "upcoming"),
            false => ("done", "✓", "done"),
        };
        write_step(out, class, glyph, name, status, "")?;
    }
    for (index, step) in ramp.steps.iter().enumerate() {
        let (class, glyph, status) = match index.cmp(&current) {
            _ if is_done => ("done", "✓", "done"),
            _ if is_in_shadow || ramp.is_baseline => ("ahead", "", "upcoming"),
            Ordering::Less => ("done", "✓", "done"),
            Ordering::Equal if phase == "rolled_back" => ("failed", "✕", "failed"),
            Ordering::Equal => ("here", "●", "current"),
            Ordering::Greater => ("ahead", "", "upcoming"),
        };
        let approval = if step.needs_approval { APPROVAL } else { "" };
        let share = SharePercent(step.green_bp).to_string();
        write_step(out, class, glyph, &share, status, approval)?;
    }
    out.write_str("</ol>")?;
    if (is_in_shadow || ramp.is_baseline) && phase != "rolled_back" {
        let name = if ramp.is_baseline { "baseline" } else { "shadow step" };
        write!(out, "<p class=\"small\">In the {name} for {}.</p>", HumanDuration(ramp.in_step_s))?;
    } else if !matches!(phase, "promoted" | "rolled_back") {
        write!(
            out,
            "<p class=\"small\">Step {} of {count} for {}.</p>",
            current.saturating_add(1).min(count),
            HumanDuration(ramp.in_step_s)
        )?;
    }
    if ramp.steps.iter().any(|step| step.needs_approval) {
        write!(
            out,
            "<p class=\"small\">{APPROVAL} the ramp enters the step when an operator approves it</p>"
        )?;
    }
    out.write_str("</section>")
}

/// Writes one step; `name` is its share.
fn write_step(
    out: Out<'_>,
    class: &str,
    glyph: &str,
    name: &str,
    status: &str,
    approval: &str,
) -> fmt::Result {
    let aria = if class == "here" { " aria-current=\"step\"" } else { "" };
    write!(
        out,
        "<li class=\"{class}\"{aria}><b aria-hidden=\"true\">{glyph}</b>{name}\
         <span class=\"unseen\"> {status}</span>{approval}</li>",
    )
}

fn write_next_decision(out: Out<'_>, ramp: &RampView) -> fmt::Result {
    write!(
        out,
        "<section class=\"card\"><h3>The next decision waits for</h3><p class=\"wait\">{}</p>",
        Escaped(labels::wait(&ramp.waits_for))
    )?;
    if let Some(about) = ramp.about_s {
        write!(out, "<p class=\"about\">in about <b>{}</b></p>", HumanDuration(about))?;
    }
    if ramp.waits_for == "bake" {
        let elapsed = ramp.in_step_s as f64 / ramp.bake_s.max(1) as f64;
        let width = Decimal((elapsed * 100.0).clamp(0.0, 100.0), 1);
        write!(
            out,
            "<svg class=\"bar thin\" height=\"8\" aria-hidden=\"true\">\
             <rect class=\"fill-time\" width=\"{width}%\" height=\"8\"/></svg>\
             <p class=\"small\">{} of {} elapsed.</p>",
            HumanDuration(ramp.in_step_s),
            HumanDuration(ramp.bake_s)
        )?;
    }
    if ramp.is_overdue {
        write!(
            out,
            "<p class=\"small\"><span class=\"chip asks\"><b aria-hidden=\"true\">!</b> overdue\
             </span> the step has lasted longer than {}</p>",
            HumanDuration(ramp.timeout_s)
        )?;
    } else if matches!(
        ramp.waits_for.as_str(),
        "evidence" | "data" | "division" | "approval" | "pairs"
    ) {
        write!(out, "<p class=\"small\">Overdue after {}.</p>", HumanDuration(ramp.timeout_s))?;
    }
    out.write_str("</section>")
}
