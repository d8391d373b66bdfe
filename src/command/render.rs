//! A console's state as text: what the page shows, in the page's own words.

use std::fmt::Write as _;

use anstyle::Style;

use super::interval::{self, picture};
use super::output::{BAD, DOUBTFUL, FAINT, GOOD, HEAD, Table, styled, wrapped};
use crate::console::gate_table::{Difference, part, verdict};
use crate::console::numbers::{Amount, GroupedCount, SharePercent};
use crate::console::time_format::{HumanDuration, UtcTime};
use crate::console::view::{
    GateView, JudgementView, OrderView, ProblemView, RampView, RolloutView, View,
};
use crate::console::{Headline, Tone, labels, page, transitions};

/// So many decisions are shown.
const DECISIONS: usize = 5;

/// The whole state, for so many columns, and when it was so.
pub fn report(view: &View, columns: usize) -> String {
    let now = UtcTime { at_ms: view.now_ms, now_ms: view.now_ms };
    let now = styled(FAINT, format!("As of {now} UTC"));
    format!("{now}\n\n{}", text(view, columns))
}

/// The rollouts. What most needs a person comes first.
fn text(view: &View, columns: usize) -> String {
    let mut text = of_problems(&view.problems, columns);
    if !text.is_empty() {
        text.push('\n');
    }
    if view.rollouts.is_empty() {
        return text + "The filter runs on no rollout.\n";
    }
    let rollouts = page::sorted_by_urgency(&view.rollouts);
    let texts = rollouts.iter().map(|(first, it)| of_rollout(view, first, it, columns));
    // Numbers have spaces in them that are not to be broken at; what is found by words is.
    text += &texts.collect::<Vec<_>>().join("\n");
    text.replace('\u{a0}', " ")
}

fn of_problems(problems: &[ProblemView], columns: usize) -> String {
    let shown = problems.iter().map(|problem| {
        let label = if problem.is_severe { styled(BAD, "problem") } else { "note   ".to_owned() };
        let told = format!("{} {}", problem.what, problem.mend);
        wrapped(&format!("  {label}    "), &told, columns)
    });
    shown.collect()
}

/// The colour of how a rollout stands.
fn style(tone: Tone) -> Style {
    match tone {
        Tone::Bad => BAD,
        Tone::Asks => DOUBTFUL.bold(),
        Tone::Unknown | Tone::Waits => HEAD,
        Tone::Good => GOOD.bold(),
    }
}

fn of_rollout(view: &View, first: &Headline, it: &RolloutView, columns: usize) -> String {
    let style = style(first.tone);
    let phase = labels::phase(&it.phase);
    let name = format!("{} {}", page::glyph(first.tone), it.rollout);
    let mut text = format!("{}  {phase}\n", styled(style, name));
    text += &wrapped("  ", &first.text, columns);
    text.push('\n');
    text += &of_problems(&it.problems, columns);
    if let Some(OrderView { order, at_ms, reason }) = &it.order {
        let told = format!("{order}, {}: {reason}", when(*at_ms, view.now_ms));
        text += &wrapped("  by hand    ", &told, columns);
    }
    let _ = writeln!(text, "  green      {} of users", SharePercent(it.green_bp));
    if let Some(ramp) = &it.ramp {
        text += &of_ramp(ramp, &it.phase, columns);
        if let Some(judgement) = &ramp.judgement {
            text += &of_judgement(judgement, columns);
        }
    }
    text + &of_decisions(it, view.now_ms, columns)
}

fn of_ramp(ramp: &RampView, phase: &str, columns: usize) -> String {
    let count = ramp.steps.len();
    let step = ramp.step.min(count.saturating_sub(1));
    let steps = ramp.steps.iter().enumerate().map(|(at, it)| {
        let ask = if it.needs_approval { " (ask)" } else { "" };
        let share = format!("{}{ask}", SharePercent(it.green_bp));
        if at == step { format!("[{share}]") } else { share }
    });
    let steps = steps.collect::<Vec<_>>().join(", ");
    let since = match phase {
        "promoted" | "rolled_back" => String::new(),
        _ => format!(", for {}", HumanDuration(ramp.in_step_s)),
    };
    let told = format!("{} of {count}{since}: {steps}", step.saturating_add(1).min(count));
    let mut text = wrapped("  step       ", &told, columns);
    let mut told = labels::wait(&ramp.waits_for).to_owned();
    if let Some(about) = ramp.about_s {
        told += &format!(", in about {}", HumanDuration(about));
    }
    if ramp.waits_for == "bake" {
        told += &format!(
            "; {} of {} are over",
            HumanDuration(ramp.in_step_s),
            HumanDuration(ramp.bake_s)
        );
    }
    if ramp.is_overdue {
        told +=
            &format!("; overdue, since it lasts for more than {}", HumanDuration(ramp.timeout_s));
    }
    text += &wrapped("  waits for  ", &told, columns);
    text
}

fn of_judgement(judgement: &JudgementView, columns: usize) -> String {
    let told = format!(
        "Is green worse than blue? From {} users of blue and {} of green in this step. The evidence \
         for a rollback is at {} of what it takes.",
        GroupedCount(judgement.blue_units),
        GroupedCount(judgement.green_units),
        part(judgement.worse)
    );
    let mut text = format!("\n{}", wrapped("  ", &told, columns));
    if judgement.is_mismatched {
        let told = "Users are not divided as the weights say, so nothing is decided.";
        text += &wrapped("  ", &styled(BAD, told), columns);
    }
    if judgement.gates.is_empty() {
        return text + "  No gate looks at it.\n";
    }
    let mut table = Table::new(&["", "blue", "green", interval::HEAD, ""]);
    for gate in &judgement.gates {
        let (_, sign, word) = verdict(&gate.verdict);
        let style = interval::style(&gate.verdict);
        let amount = |mean: Option<f64>| {
            let number = mean.unwrap_or(f64::NAN);
            Amount { number, unit: &gate.unit, is_difference: false }.to_string()
        };
        let name = labels::metric(&gate.metric).0;
        let verdict = styled(style, format!("{sign} {word}"));
        table.add([name.to_owned(), amount(gate.blue), amount(gate.green), picture(gate), verdict]);
        for line in wrapped("    ", &about(gate, judgement), columns).lines() {
            table.note(format!("{}\n", styled(FAINT, line)));
        }
    }
    text + &format!("{table}{}", wrapped("  ", interval::KEY, columns))
}

/// What there is to say of a gate besides.
fn about(gate: &GateView, judgement: &JudgementView) -> String {
    let watched = if gate.is_critical { "" } else { "only watched; " };
    let evidence = match gate.verdict.as_str() {
        "left_out" => String::new(),
        "not_comparable" => format!(
            "; not known for {} and {} users",
            GroupedCount(gate.blue_missing),
            GroupedCount(gate.green_missing)
        ),
        _ => format!("; evidence {} to go on, {} to roll back", part(gate.safe), part(gate.worse)),
    };
    let of_gate = (gate.blue_units, gate.green_units);
    let units = match of_gate == (judgement.blue_units, judgement.green_units) {
        true => String::new(),
        false => format!("; of {} and {} users", GroupedCount(of_gate.0), GroupedCount(of_gate.1)),
    };
    format!("{watched}{}{evidence}{units}", Difference(gate))
}

fn of_decisions(it: &RolloutView, now_ms: u64, columns: usize) -> String {
    if it.decisions.is_empty() {
        return String::new();
    }
    let mut text = format!("\n  {}\n", styled(HEAD, "Decisions"));
    for decision in it.decisions.iter().take(DECISIONS) {
        let told = format!(
            "{}: {} at {} -> {} at {}: {}",
            when(decision.at_ms, now_ms),
            labels::phase(&decision.from_phase),
            SharePercent(decision.from_bp),
            labels::phase(&decision.to_phase),
            SharePercent(decision.to_bp),
            transitions::lead(&decision.why).0
        );
        text += &wrapped("  ", &told, columns);
    }
    let earlier = it.decisions.len().saturating_sub(DECISIONS);
    if earlier > 0 {
        let _ = writeln!(text, "  and {earlier} earlier ones, which --json has");
    }
    text
}

fn when(at_ms: u64, now_ms: u64) -> String {
    let ago = HumanDuration(now_ms.saturating_sub(at_ms) / 1000);
    format!("{}, {ago} ago", UtcTime { at_ms, now_ms })
}
