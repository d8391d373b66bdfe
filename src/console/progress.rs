//! Where a rollout stands: shares, steps, and what the next decision waits for.

use std::fmt;

use super::html::{Escaped, Out};
use super::labels;
use super::numbers::SharePercent;
use super::time_format::HumanDuration;
use super::view::{RampView, RolloutView, StepView};
use crate::rollout::decimal::Decimal;

/// Shares, steps and the next decision.
pub fn write(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    out.write_str("<div class=\"standing\">")?;
    shares(out, rollout.green_bp)?;
    if let Some(ramp) = &rollout.ramp {
        steps(out, ramp, &rollout.phase)?;
        next(out, ramp)?;
    }
    out.write_str("</div>")
}

fn shares(out: Out<'_>, green_bp: u32) -> fmt::Result {
    let green = green_bp.min(10_000);
    let blue = 10_000 - green;
    let width = |bp: u32| Decimal(f64::from(bp) / 100.0, 2);
    write!(
        out,
        "<section class=\"card\"><h3>Who is where</h3><div class=\"pair\">\
         <p><i class=\"mark blue\"></i>Blue <b>{}</b></p>\
         <p><i class=\"mark green\"></i>Green <b>{}</b></p></div>\
         <svg class=\"bar\" height=\"20\" aria-hidden=\"true\">\
         <rect class=\"fill-blue\" width=\"{}%\" height=\"20\"/>\
         <rect class=\"fill-green\" x=\"{}%\" width=\"{}%\" height=\"20\"/></svg></section>",
        SharePercent(blue),
        SharePercent(green),
        width(blue),
        width(blue),
        width(green),
    )
}

fn steps(out: Out<'_>, ramp: &RampView, phase: &str) -> fmt::Result {
    let count = ramp.steps.len();
    let at = ramp.step.min(count.saturating_sub(1));
    let is_over = matches!(phase, "promoted" | "rolled_back");
    out.write_str("<section class=\"card\"><h3>Steps</h3><ol class=\"steps\">")?;
    for (number, step) in ramp.steps.iter().enumerate() {
        let (class, glyph, word) = match number.cmp(&at) {
            _ if phase == "promoted" => ("done", "✓", "done"),
            std::cmp::Ordering::Less => ("done", "✓", "done"),
            std::cmp::Ordering::Equal if phase == "rolled_back" => ("failed", "✕", "failed"),
            std::cmp::Ordering::Equal => ("here", "●", "here"),
            std::cmp::Ordering::Greater => ("ahead", "", "to come"),
        };
        let current = if class == "here" { " aria-current=\"step\"" } else { "" };
        write!(
            out,
            "<li class=\"{class}\"{current}><b aria-hidden=\"true\">{glyph}</b>{}\
             <span class=\"unseen\"> {word}</span>{}</li>",
            SharePercent(step.green_bp),
            approval(step),
        )?;
    }
    out.write_str("</ol>")?;
    if !is_over {
        write!(
            out,
            "<p class=\"small\">Step {} of {count}, for {} now.</p>",
            at.saturating_add(1).min(count),
            HumanDuration(ramp.in_step_s)
        )?;
    }
    if ramp.steps.iter().any(|step| step.needs_approval) {
        out.write_str("<p class=\"small\"><span class=\"tag\">ask</span> a person lets it in</p>")?;
    }
    out.write_str("</section>")
}

fn approval(step: &StepView) -> &'static str {
    if step.needs_approval { "<span class=\"tag\">ask</span>" } else { "" }
}

fn next(out: Out<'_>, ramp: &RampView) -> fmt::Result {
    write!(
        out,
        "<section class=\"card\"><h3>The next decision waits for</h3><p class=\"wait\">{}</p>",
        Escaped(labels::wait(&ramp.waits_for))
    )?;
    if let Some(about) = ramp.about_s {
        write!(out, "<p class=\"about\">in about <b>{}</b></p>", HumanDuration(about))?;
    }
    if ramp.waits_for == "bake" {
        let part = ramp.in_step_s as f64 / ramp.bake_s.max(1) as f64;
        let width = Decimal((part * 100.0).clamp(0.0, 100.0), 1);
        write!(
            out,
            "<svg class=\"bar thin\" height=\"8\" aria-hidden=\"true\">\
             <rect class=\"fill-time\" width=\"{width}%\" height=\"8\"/></svg>\
             <p class=\"small\">{} of {} are over.</p>",
            HumanDuration(ramp.in_step_s),
            HumanDuration(ramp.bake_s)
        )?;
    }
    if ramp.is_overdue {
        write!(
            out,
            "<p class=\"small\"><span class=\"chip asks\"><b aria-hidden=\"true\">!</b> overdue\
             </span> since it lasts for more than {}</p>",
            HumanDuration(ramp.timeout_s)
        )?;
    } else if matches!(ramp.waits_for.as_str(), "evidence" | "data" | "division" | "approval") {
        write!(out, "<p class=\"small\">Overdue after {}.</p>", HumanDuration(ramp.timeout_s))?;
    }
    out.write_str("</section>")
}
