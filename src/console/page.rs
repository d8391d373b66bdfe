//! The HTML page and its Content-Security-Policy.

use std::fmt;

use super::headline::{Headline, Tone, headline};
use super::html::{Escaped, Out};
use super::time_axis::TimeSpan;
use super::time_format::{Rfc3339, UtcTime};
use super::view::{AboutView, RolloutView, View};
use super::{
    actions, counters, difference_chart, fleet_table, gate_table, health, judge_summary, labels,
    progress, shadow_table, share_chart, step_totals, transitions,
};

/// Shown by a VM without a rollout.
pub const NO_ROLLOUT: &str = "This worker of Envoy has no rollout. Its VM may be new and without a \
                              request so far; try again over another connection. Otherwise vm_id \
                              in console.yaml differs from that in filter.yaml, or filter.yaml \
                              was rejected when Envoy started: Envoy’s log says why.";
/// The page's style sheet. Its hash is in [`content_security_policy`].
pub const STYLE: &str = include_str!("page.css");
/// The page's script. Its hash is in [`content_security_policy`].
pub const SCRIPT: &str = include_str!("page.js");
/// The document that describes the page, in the folder of the documentation.
const DOCUMENT: &str = "reference/page";
/// The static part of the page: header, dialog and SVG patterns.
const FRAME: &str = include_str!("page.html");

/// The Content-Security-Policy. It allows the page's own script and style by their hashes, which
/// are constant, and requests to the page's origin.
pub fn content_security_policy() -> &'static str {
    concat!(
        "default-src 'none'; ",
        "script-src 'sha256-5pxHwb7chplC4zQ8UBz3oWP6hA4S6A00XpeMrwbw1Ss='; ",
        "style-src 'sha256-qBFKZOywhbGwNBOsNo0M2Dh5xZZOeodM7Hmx9wJVQac='; ",
        "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; ",
        "frame-ancestors 'none'"
    )
}

/// The page for `view`, the most urgent rollout first.
pub fn page(view: &View) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_page(&mut out, view);
    out
}

fn write_page(out: Out<'_>, view: &View) -> fmt::Result {
    let rollouts = sorted_by_urgency(&view.rollouts);
    write_head(out, rollouts.first())?;
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
        write_overview(out, &rollouts)?;
    }
    for status in &rollouts {
        write_rollout(out, view, status, rollouts.len() > 1 && is_healthy(status))?;
    }
    write_footer(out, view)?;
    write!(out, "</main><script>{SCRIPT}</script></body></html>")
}

/// What the page covers, and the versions of filter and Envoy.
fn write_footer(out: Out<'_>, view: &View) -> fmt::Result {
    let is_alone = |it: &RolloutView| it.ramp.is_some() && it.fleet.is_none();
    let scope = match (view.rollouts.iter().any(is_alone), view.rollouts.iter().any(has_fleet)) {
        (true, _) => "This page shows this Envoy only. Each Envoy runs its ramps independently.",
        (false, true) => "Requests are counted for this Envoy only. A ramp is the whole fleet’s.",
        (false, false) => "This page shows this Envoy only.",
    };
    write!(out, "<footer class=\"small\"><p>{scope}</p><p>")?;
    let AboutView { verdigris, envoy, node } = &view.about;
    let parts =
        [("Verdigris", Some(verdigris)), ("Envoy", envoy.as_ref()), ("node", node.as_ref())];
    for (name, value) in parts {
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            write!(out, "<span>{name} {}</span> ", Escaped(value))?;
        }
    }
    write_docs(out, env!("CARGO_PKG_HOMEPAGE"))?;
    out.write_str("</p></footer>")
}

fn has_fleet(rollout: &RolloutView) -> bool {
    rollout.fleet.is_some()
}

/// Where the documentation of the page is: in the repository, or on the homepage if there is one.
fn write_docs(out: Out<'_>, homepage: &str) -> fmt::Result {
    match homepage {
        "" => write!(out, "<span>Documentation: <code>docs/{DOCUMENT}.md</code></span>"),
        _ => write!(out, "<a href=\"{}/{DOCUMENT}.html\">Documentation</a>", Escaped(homepage)),
    }
}

/// The document's head. Its title is the status of the most urgent rollout.
fn write_head(out: Out<'_>, first: Option<&RolloutStatus<'_>>) -> fmt::Result {
    out.write_str(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>",
    )?;
    match first {
        Some(RolloutStatus { headline, rollout }) => {
            let name = Escaped(&rollout.rollout);
            write!(out, "{} {name}: {}", glyph(headline.tone), Escaped(&headline.text))?;
        }
        None => out.write_str("Verdigris")?,
    }
    write!(out, "</title><link rel=\"icon\" href=\"{ICON}\"><style>{STYLE}</style></head><body>")
}

/// A rollout and its headline.
pub(crate) struct RolloutStatus<'a> {
    pub(crate) headline: Headline,
    pub(crate) rollout: &'a RolloutView,
}

/// The rollouts, the most urgent first. (The standard library's sort would make the `.wasm`
/// larger.)
pub(crate) fn sorted_by_urgency(rollouts: &[RolloutView]) -> Vec<RolloutStatus<'_>> {
    let mut sorted = Vec::new();
    for tone in Tone::ALL {
        let all = rollouts.iter().map(|it| RolloutStatus { headline: headline(it), rollout: it });
        sorted.extend(all.filter(|it| it.headline.tone == tone));
    }
    sorted
}

/// Each rollout in a line, for a console with several.
fn write_overview(out: Out<'_>, rollouts: &[RolloutStatus<'_>]) -> fmt::Result {
    out.write_str("<nav class=\"card all\" aria-label=\"Rollouts\"><ul>")?;
    for RolloutStatus { headline, rollout } in rollouts {
        let name = Escaped(&rollout.rollout);
        write!(
            out,
            "<li><a id=\"to-{name}\" href=\"#is-{name}\"><b class=\"{}\" aria-hidden=\"true\">{}</b>\
             <span><b>{name}</b> {}</span></a></li>",
            class(headline.tone),
            glyph(headline.tone),
            Escaped(&headline.text)
        )?;
    }
    out.write_str("</ul></nav>")
}

/// Whether there is nothing to look at.
fn is_healthy(status: &RolloutStatus<'_>) -> bool {
    let RolloutStatus { headline, rollout } = status;
    headline.tone == Tone::Good
        && rollout.problems.is_empty()
        && rollout.health.iter().all(|it| it.status != "warning")
}

/// Writes a rollout; all but its headline in a closed element if it is to be collapsed.
fn write_rollout(
    out: Out<'_>,
    view: &View,
    status: &RolloutStatus<'_>,
    is_collapsed: bool,
) -> fmt::Result {
    let RolloutStatus { headline, rollout } = status;
    let name = Escaped(&rollout.rollout);
    let phase = Escaped(labels::phase(&rollout.phase));
    let class = class(headline.tone);
    write!(
        out,
        "<section class=\"rollout\" aria-labelledby=\"is-{name}\" \
         data-news=\"{name} {phase} {} {class}\"><div class=\"headline {class}\">\
         <b class=\"sign\" aria-hidden=\"true\">{}</b><div><p class=\"name\"><b>{name}</b> \
         <span class=\"phase\">{phase}</span></p><h2 id=\"is-{name}\">{}</h2></div></div>",
        rollout.green_bp,
        glyph(headline.tone),
        Escaped(&headline.text),
    )?;
    if is_collapsed {
        write!(
            out,
            "<details id=\"details-{name}\" class=\"more\"><summary>Details</summary><div>"
        )?;
        write_body(out, view, rollout)?;
        return out.write_str("</div></details></section>");
    }
    write_body(out, view, rollout)?;
    out.write_str("</section>")
}

/// Writes all of a rollout but its headline.
fn write_body(out: Out<'_>, view: &View, rollout: &RolloutView) -> fmt::Result {
    health::write(out, &rollout.health)?;
    transitions::write_problems(out, &rollout.problems)?;
    if let Some(command) = &rollout.order {
        transitions::write_command(out, command, view.now_ms)?;
    }
    if view.can_steer {
        actions::write(out, rollout)?;
    }
    actions::write_restart(out, rollout)?;
    progress::write(out, rollout)?;
    let analysis = rollout.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
    if let Some(analysis) = analysis {
        gate_table::write(out, analysis)?;
    }
    if let Some(step) = rollout.ramp.as_ref().and_then(|ramp| ramp.shadow_step.as_ref()) {
        shadow_table::write(out, step)?;
    }
    write_history(out, view, rollout)?;
    if let Some(analysis) = analysis {
        step_totals::write(out, analysis)?;
    }
    if let Some(judge) = &rollout.judge {
        judge_summary::write(out, judge)?;
    }
    if let Some(fleet) = &rollout.fleet {
        fleet_table::write(out, fleet)?;
    }
    counters::write(out, rollout)
}

/// Writes how share and differences have developed, and the decisions.
fn write_history(out: Out<'_>, view: &View, rollout: &RolloutView) -> fmt::Result {
    let differences = rollout.ramp.as_ref().map_or(&[][..], |ramp| &ramp.differences);
    let span = TimeSpan::of(rollout, view.now_ms).filter(|_| !differences.is_empty());
    out.write_str("<div class=\"two\">")?;
    if span.is_some() {
        out.write_str("<div class=\"stack\">")?;
    }
    share_chart::write(out, rollout, view.now_ms)?;
    transitions::write(out, rollout, view.now_ms)?;
    if let Some(span) = span {
        out.write_str("</div>")?;
        let analysis = rollout.ramp.as_ref().and_then(|ramp| ramp.judgement.as_ref());
        difference_chart::write(out, differences, analysis, &span)?;
    }
    out.write_str("</div>")
}

/// The CSS class of a tone.
fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "bad",
        Tone::NeedsAction => "asks",
        Tone::Unknown => "unknown",
        Tone::Waiting => "waits",
        Tone::Good => "good",
    }
}

/// The symbol of a tone, so that it does not depend on colour alone.
pub(crate) fn glyph(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "✕",
        Tone::NeedsAction => "!",
        Tone::Unknown => "?",
        Tone::Waiting => "…",
        Tone::Good => "✓",
    }
}

/// The favicon: a blue square and a green disc.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 16 16'%3E%3Crect width='10' height='10' rx='2' fill='%231d4ed8'/%3E\
    %3Ccircle cx='11' cy='11' r='5' fill='%230f9d76'/%3E%3C/svg%3E";

#[cfg(test)]
mod tests {
    use super::write_docs;

    #[test]
    fn the_documentation_is_linked_where_there_is_a_homepage() {
        let docs = |homepage| {
            let mut out = String::new();
            write_docs(&mut out, homepage).unwrap();
            out
        };
        assert_eq!(docs(""), "<span>Documentation: <code>docs/reference/page.md</code></span>");
        assert_eq!(
            docs("https://verdigris.example/docs"),
            "<a href=\"https://verdigris.example/docs/reference/page.html\">Documentation</a>"
        );
    }
}
