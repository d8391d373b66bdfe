//! The whole page as HTML, and what the browser may do with it.

use std::fmt;

use super::headline::{Headline, Tone, headline};
use super::html::{Escaped, Out};
use super::time_format::{Rfc3339, UtcTime};
use super::view::{RolloutView, View};
use super::{actions, counters, gate_table, labels, progress, share_chart, transitions};

/// Said where there is nothing to show.
pub const NO_ROLLOUT: &str = "This worker of Envoy runs on no rollout. It may have a new VM, which \
                              its next request fills; ask again by another connection. Else \
                              vm_config of console.yaml is not as in filter.yaml, or filter.yaml \
                              was rejected when Envoy started: Envoy’s log says why.";
/// The page's style; its hash is in [`content_security_policy`].
pub const STYLE: &str = include_str!("page.css");
/// The page's script; as above.
pub const SCRIPT: &str = include_str!("page.js");
/// Header, dialog and patterns, which are the same whatever is shown.
const FRAME: &str = include_str!("page.html");

/// What the browser may do with the page: run this one script, use this one style, and
/// talk to who served it. It needs no nonce, since both are always the same.
pub fn content_security_policy() -> &'static str {
    concat!(
        "default-src 'none'; ",
        "script-src 'sha256-2b6XsoGDnaripdMeGCk2NXBtgEyxBJHIF1DBvAKT2+Y='; ",
        "style-src 'sha256-8ISsQ5u7VkqwCljLxu6lsWYVIkLEPlcxUPSEH+2xI4M='; ",
        "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; ",
        "frame-ancestors 'none'"
    )
}

/// The page that shows `view`; the rollout that most needs somebody comes first.
pub fn page(view: &View) -> String {
    let mut out = String::new();
    // Nothing that is written to a string fails.
    let _ = write_page(&mut out, view);
    out
}

fn write_page(out: Out<'_>, view: &View) -> fmt::Result {
    let rollouts = sorted_by_urgency(&view.rollouts);
    out.write_str(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>",
    )?;
    match rollouts.first() {
        Some((first, rollout)) => {
            let name = Escaped(&rollout.rollout);
            write!(out, "{} {name}: {}", glyph(first.tone), Escaped(&first.text))?;
        }
        None => out.write_str("Verdigris")?,
    }
    write!(out, "</title><link rel=\"icon\" href=\"{ICON}\"><style>{STYLE}</style></head><body>")?;
    out.write_str(FRAME)?;
    out.write_str("<main id=\"main\">")?;
    write!(
        out,
        "<p class=\"looked\">As of <time datetime=\"{}\">{} UTC</time></p>",
        Rfc3339(view.now_ms),
        UtcTime { at_ms: view.now_ms, now_ms: view.now_ms }
    )?;
    if !view.problems.is_empty() {
        out.write_str("<div class=\"all\">")?;
        transitions::write_problems(out, &view.problems)?;
        out.write_str("</div>")?;
    }
    if rollouts.is_empty() {
        write!(out, "<p class=\"card\">{NO_ROLLOUT}</p>")?;
    }
    if rollouts.len() > 1 {
        all(out, &rollouts)?;
    }
    for (headline, rollout) in &rollouts {
        section(out, view, headline, rollout)?;
    }
    let has_ramp = view.rollouts.iter().any(|rollout| rollout.ramp.is_some());
    let alone = if has_ramp { " Each Envoy walks a ramp by itself." } else { "" };
    write!(
        out,
        "<p class=\"small\">All of this is of this one Envoy.{alone}</p>\
         </main><script>{SCRIPT}</script></body></html>"
    )
}

/// The rollouts with their first lines; without the standard library's sort, which is
/// large.
pub(crate) fn sorted_by_urgency(rollouts: &[RolloutView]) -> Vec<(Headline, &RolloutView)> {
    let mut all = Vec::new();
    for tone in Tone::ALL {
        let told = rollouts.iter().map(|it| (headline(it), it));
        all.extend(told.filter(|(first, _)| first.tone == tone));
    }
    all
}

/// Each rollout in a line, where there are several.
fn all(out: Out<'_>, rollouts: &[(Headline, &RolloutView)]) -> fmt::Result {
    out.write_str("<nav class=\"card all\" aria-label=\"Rollouts\"><ul>")?;
    for (first, rollout) in rollouts {
        let name = Escaped(&rollout.rollout);
        write!(
            out,
            "<li><a id=\"to-{name}\" href=\"#is-{name}\"><b class=\"{}\" aria-hidden=\"true\">{}</b>\
             <span><b>{name}</b> {}</span></a></li>",
            class(first.tone),
            glyph(first.tone),
            Escaped(&first.text)
        )?;
    }
    out.write_str("</ul></nav>")
}

fn section(out: Out<'_>, view: &View, first: &Headline, rollout: &RolloutView) -> fmt::Result {
    let name = Escaped(&rollout.rollout);
    let phase = Escaped(labels::phase(&rollout.phase));
    let class = class(first.tone);
    write!(
        out,
        "<section class=\"rollout\" aria-labelledby=\"is-{name}\" \
         data-news=\"{name} {phase} {} {class}\"><div class=\"headline {class}\">\
         <b class=\"sign\" aria-hidden=\"true\">{}</b><div><p class=\"name\"><b>{name}</b> \
         <span class=\"phase\">{phase}</span></p><h2 id=\"is-{name}\">{}</h2></div></div>",
        rollout.green_bp,
        glyph(first.tone),
        Escaped(&first.text),
    )?;
    transitions::write_problems(out, &rollout.problems)?;
    if let Some(order) = &rollout.order {
        transitions::write_order(out, order, view.now_ms)?;
    }
    if view.can_steer {
        actions::write(out, rollout)?;
    }
    progress::write(out, rollout)?;
    if let Some(judgement) = rollout.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref()) {
        gate_table::write(out, judgement)?;
    }
    out.write_str("<div class=\"two\">")?;
    share_chart::write(out, rollout, view.now_ms)?;
    transitions::write(out, rollout, view.now_ms)?;
    out.write_str("</div>")?;
    counters::write(out, rollout)?;
    out.write_str("</section>")
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "bad",
        Tone::Asks => "asks",
        Tone::Unknown => "unknown",
        Tone::Waits => "waits",
        Tone::Good => "good",
    }
}

/// The sign of a tone.
pub(crate) fn glyph(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "✕",
        Tone::Asks => "!",
        Tone::Unknown => "?",
        Tone::Waits => "…",
        Tone::Good => "✓",
    }
}

/// A blue square and a green disc.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 16 16'%3E%3Crect width='10' height='10' rx='2' fill='%231d4ed8'/%3E\
    %3Ccircle cx='11' cy='11' r='5' fill='%230f9d76'/%3E%3C/svg%3E";
