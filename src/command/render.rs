//! A console's state as text, in the words of the page.

use std::fmt::Write as _;

use anstyle::Style;

use super::interval_bar::{self, bar};
use super::output::{BAD, DOUBTFUL, FAINT, GOOD, HEAD, TextTable, styled, wrapped};
use crate::console::gate_sentence::sentence;
use crate::console::gate_table::{Difference, VerdictLabel, evidence_percent, verdict};
use crate::console::numbers::{Amount, GroupedCount, SharePercent};
use crate::console::page::RolloutStatus;
use crate::console::time_format::{HumanDuration, UtcTime};
use crate::console::view::{
    AnalysisView, CommandView, FleetView, GateView, HealthView, InstanceView, ProblemView,
    RampView, RolloutView, ShadowStepView, View,
};
use crate::console::{
    NO_ROLLOUT, Tone, fleet_table, health, judge_summary, labels, page, shadow_table, transitions,
};

/// How many decisions are shown.
const SHOWN_DECISIONS: usize = 5;

/// The whole state with its time, wrapped to `columns`.
pub fn report(view: &View, columns: usize) -> String {
    let now = UtcTime { at_ms: view.now_ms, now_ms: view.now_ms };
    let now = styled(FAINT, format!("As of {now} UTC"));
    format!("{now}\n\n{}", rollouts_text(view, columns))
}

/// The rollouts, the most urgent first.
fn rollouts_text(view: &View, columns: usize) -> String {
    let mut text = problems_text(&view.problems, columns);
    if !text.is_empty() {
        text.push('\n');
    }
    if view.rollouts.is_empty() {
        return text + &wrapped("", NO_ROLLOUT, columns);
    }
    let rollouts = page::sorted_by_urgency(&view.rollouts);
    let texts = rollouts.iter().map(|it| rollout_text(view, it, columns));
    text += &texts.collect::<Vec<_>>().join("\n");
    // The no-break spaces in numbers were for the wrapping; ordinary spaces can be searched for.
    text.replace('\u{a0}', " ")
}

fn problems_text(problems: &[ProblemView], columns: usize) -> String {
    let shown = problems.iter().map(|problem| {
        let label = if problem.is_severe { styled(BAD, "problem") } else { "note   ".to_owned() };
        let text = format!("{} {}", problem.what, problem.fix);
        wrapped(&format!("  {label}    "), &text, columns)
    });
    shown.collect()
}

/// The colour of a tone.
fn style(tone: Tone) -> Style {
    match tone {
        Tone::Bad => BAD,
        Tone::NeedsAction => DOUBTFUL.bold(),
        Tone::Unknown | Tone::Waiting => HEAD,
        Tone::Good => GOOD.bold(),
    }
}

fn rollout_text(view: &View, status: &RolloutStatus<'_>, columns: usize) -> String {
    let RolloutStatus { headline, rollout } = status;
    let style = style(headline.tone);
    let phase = labels::phase(&rollout.phase);
    let name = format!("{} {}", page::glyph(headline.tone), rollout.rollout);
    let mut text = format!("{}  {phase}\n", styled(style, name));
    text += &wrapped("  ", &headline.text, columns);
    text.push('\n');
    text += &problems_text(&rollout.problems, columns);
    text += &health_text(&rollout.health, columns);
    if let Some(CommandView { order, at_ms, reason }) = &rollout.order {
        let command = format!("{order}, {}: {reason}", time_and_age(*at_ms, view.now_ms));
        text += &wrapped("  command    ", &command, columns);
    }
    text += &versions_text(rollout, columns);
    if let Some(ramp) = &rollout.ramp {
        text += &ramp_text(ramp, &rollout.phase, columns);
        if let Some(step) = &ramp.shadow_step {
            text += &shadow_text(step, columns);
        }
        if let Some(analysis) = &ramp.judgement {
            text += &analysis_text(analysis, columns);
        }
    }
    for sentence in rollout.judge.iter().flat_map(judge_summary::sentences) {
        text += &wrapped("  judge      ", &sentence, columns);
    }
    if let Some(fleet) = &rollout.fleet {
        text += &fleet_text(fleet, columns);
    }
    text + &decisions_text(rollout, view.now_ms, columns)
}

/// The instances of a fleet, one a line.
fn fleet_text(fleet: &FleetView, columns: usize) -> String {
    let shown = fleet.instances.iter().map(|instance| {
        let InstanceView { name, seen_s_ago, green_bp, evidence, .. } = instance;
        let evidence = Amount { number: *evidence, unit: "share", is_difference: false };
        let share = SharePercent(*green_bp);
        let notes = fleet_table::notes(fleet, instance);
        let notes = if notes.is_empty() { notes } else { format!(" ({notes})") };
        let text = format!(
            "{name}{notes}: {share} on green, {evidence} of the evidence, read {seen_s_ago} s ago"
        );
        wrapped("  instance   ", &text, columns)
    });
    shown.collect()
}

/// The checks of a rollout's health. Only warnings and what is unknown have a colour.
fn health_text(checks: &[HealthView], columns: usize) -> String {
    let shown = checks.iter().map(|HealthView { check, status, text }| {
        let style = match status.as_str() {
            "ok" => Style::new(),
            "warning" => DOUBTFUL.bold(),
            _ => FAINT,
        };
        let glyph = styled(style, health::glyph(status));
        wrapped("  ", &format!("{glyph} {}: {text}", health::label(check)), columns)
    });
    shown.collect()
}

/// What blue and green are.
fn versions_text(rollout: &RolloutView, columns: usize) -> String {
    let share = format!("{} of users", SharePercent(rollout.green_bp));
    let about = |name: &str| {
        let version = rollout.versions.iter().find(|it| it.version == name);
        let about = version.and_then(|it| it.about.as_ref())?;
        let route = match &about.header {
            Some(header) => format!("header {header}"),
            None => format!("cluster {}", about.cluster),
        };
        let parts = [route].into_iter().chain(about.changes());
        Some(parts.collect::<Vec<_>>().join(", "))
    };
    let mut text = String::new();
    if let Some(blue) = about("blue") {
        text += &wrapped("  blue       ", &blue, columns);
    }
    let green = about("green").map_or(share.clone(), |green| format!("{share}; {green}"));
    text + &wrapped("  green      ", &green, columns)
}

fn ramp_text(ramp: &RampView, phase: &str, columns: usize) -> String {
    let count = ramp.steps.len();
    let current = ramp.step.min(count.saturating_sub(1));
    let steps = ramp.steps.iter().enumerate().map(|(at, it)| {
        let approval = if it.needs_approval { " (needs approval)" } else { "" };
        let share = format!("{}{approval}", SharePercent(it.green_bp));
        if at == current { format!("[{share}]") } else { share }
    });
    let steps = steps.collect::<Vec<_>>().join(", ");
    let since = match phase {
        "promoted" | "rolled_back" => String::new(),
        _ => format!(", for {}", HumanDuration(ramp.in_step_s)),
    };
    let is_in_shadow = ramp.shadow_step.as_ref().is_some_and(|step| step.is_current);
    let without_current = || steps.replace(['[', ']'], "");
    let line = match ramp.is_baseline {
        true => format!("baseline{since}: [baseline], {}", without_current()),
        false if is_in_shadow => format!("shadow{since}: [shadow], {}", without_current()),
        false => format!("{} of {count}{since}: {steps}", current.saturating_add(1).min(count)),
    };
    let mut text = wrapped("  step       ", &line, columns);
    let mut line = labels::wait(&ramp.waits_for).to_owned();
    if let Some(about) = ramp.about_s {
        line += &format!(", in about {}", HumanDuration(about));
    }
    if ramp.waits_for == "bake" {
        line += &format!(
            "; {} of {} elapsed",
            HumanDuration(ramp.in_step_s),
            HumanDuration(ramp.bake_s)
        );
    }
    if ramp.is_overdue {
        let timeout = HumanDuration(ramp.timeout_s);
        line += &format!("; overdue: the step has lasted longer than {timeout}");
    }
    text += &wrapped("  waits for  ", &line, columns);
    text
}

/// The shadow step, and its gates while the ramp is in it.
fn shadow_text(step: &ShadowStepView, columns: usize) -> String {
    let mut text = wrapped("  shadow     ", &shadow_table::summary(step), columns);
    for gate in step.gates.iter().filter(|_| step.is_current) {
        let VerdictLabel { glyph, word, .. } = verdict(&gate.verdict);
        let verdict = styled(interval_bar::style(&gate.verdict), format!("{glyph} {word}"));
        let name = labels::metric(&gate.metric).name;
        let line = format!("{name}: {verdict}: {}", shadow_table::sentence(gate, &step.counts));
        text += &wrapped("    ", &line, columns);
    }
    text
}

fn analysis_text(analysis: &AnalysisView, columns: usize) -> String {
    let lead = format!(
        "Is green worse than blue? {} {} of blue and {} of green in this step. Evidence for a \
         rollback: {} of the required amount.",
        GroupedCount(analysis.blue_units),
        analysis.counts,
        GroupedCount(analysis.green_units),
        evidence_percent(analysis.worse)
    );
    let mut text = format!("\n{}", wrapped("  ", &lead, columns));
    if analysis.is_mismatched {
        let mismatch = "The split of users does not match the weights, so nothing is decided.";
        text += &wrapped("  ", &styled(BAD, mismatch), columns);
    }
    if analysis.gates.is_empty() {
        return text + "  The ramp has no gates.\n";
    }
    let table = gate_table(analysis, columns, interval_bar::MAX_CELLS);
    // A line that is too long would be cut, and the verdict is at its end.
    let table = match table.width().saturating_sub(columns) {
        0 => table,
        excess => gate_table(analysis, columns, interval_bar::MAX_CELLS.saturating_sub(excess)),
    };
    text + &format!("{table}{}", wrapped("  ", interval_bar::KEY, columns))
}

/// The gates with bars of this many characters.
fn gate_table(analysis: &AnalysisView, columns: usize, cells: usize) -> TextTable {
    let mut table = TextTable::new(&["", "blue", "green", &interval_bar::head(cells), ""]);
    for gate in &analysis.gates {
        let VerdictLabel { glyph, word, .. } = verdict(&gate.verdict);
        let style = interval_bar::style(&gate.verdict);
        let amount = |mean: Option<f64>| {
            let number = mean.unwrap_or(f64::NAN);
            Amount { number, unit: &gate.unit, is_difference: false }.to_string()
        };
        let name = labels::metric(&gate.metric).name;
        let verdict = styled(style, format!("{glyph} {word}"));
        table.add([
            name.to_owned(),
            amount(gate.blue),
            amount(gate.green),
            bar(gate, cells),
            verdict,
        ]);
        let said = wrapped("    ", &sentence(gate, &analysis.counts), columns);
        for line in said.lines() {
            table.note(format!("{line}\n"));
        }
        for line in wrapped("    ", &gate_details(gate, analysis), columns).lines() {
            table.note(format!("{}\n", styled(FAINT, line)));
        }
    }
    table
}

/// The line below a gate: interval, thresholds and evidence.
fn gate_details(gate: &GateView, analysis: &AnalysisView) -> String {
    let not_critical = if gate.is_critical { "" } else { "not critical; " };
    let evidence = match gate.verdict.as_str() {
        "left_out" => String::new(),
        "not_comparable" => format!(
            "; missing for {} and {} {}",
            GroupedCount(gate.blue_missing),
            GroupedCount(gate.green_missing),
            analysis.counts
        ),
        _ => format!(
            "; evidence {} to advance, {} to roll back",
            evidence_percent(gate.safe),
            evidence_percent(gate.worse)
        ),
    };
    let (blue, green) = (gate.blue_units, gate.green_units);
    let units = match (blue, green) == (analysis.blue_units, analysis.green_units) {
        true => String::new(),
        false => {
            let (blue, green) = (GroupedCount(blue), GroupedCount(green));
            format!("; of {blue} and {green} {}", analysis.counts)
        }
    };
    format!("{not_critical}{}{evidence}{units}", Difference(gate))
}

fn decisions_text(rollout: &RolloutView, now_ms: u64, columns: usize) -> String {
    if rollout.decisions.is_empty() {
        return String::new();
    }
    let mut text = format!("\n  {}\n", styled(HEAD, "Decisions"));
    for decision in rollout.decisions.iter().take(SHOWN_DECISIONS) {
        let line = format!(
            "{}: {} at {} -> {} at {}: {}",
            time_and_age(decision.at_ms, now_ms),
            labels::phase(&decision.from_phase),
            SharePercent(decision.from_bp),
            labels::phase(&decision.to_phase),
            SharePercent(decision.to_bp),
            transitions::split_reason(&decision.why).summary
        );
        text += &wrapped("  ", &line, columns);
    }
    let earlier = rollout.decisions.len().saturating_sub(SHOWN_DECISIONS);
    if earlier > 0 {
        let _ = writeln!(text, "  and {earlier} earlier decisions, which --json includes");
    }
    text
}

fn time_and_age(at_ms: u64, now_ms: u64) -> String {
    let ago = HumanDuration(now_ms.saturating_sub(at_ms) / 1000);
    format!("{}, {ago} ago", UtcTime { at_ms, now_ms })
}
