//! Counters by version, as HTML.

use std::fmt::{self, Display};

use super::html::{Escaped, Out};
use super::numbers::{Amount, GroupedCount, RatePercent};
use super::view::{RolloutView, VersionView};

/// How a row of the table is computed from counters, given by name.
enum CounterRow {
    /// A count.
    Plain(&'static str),
    /// A count, and its share of the sum of other counters.
    Of(&'static str, &'static [&'static str]),
    /// A count, and its mean per unit of another counter.
    Each(&'static str, &'static str),
    /// An amount in millionths of a dollar, and its mean per unit of another counter.
    Dollars(&'static str, &'static str),
    /// The mean of a sum of thousandths, and the count that it is divided by.
    Mean(&'static str, &'static str),
}

const RESPONSES: &[&str] = &[
    "responses_2xx",
    "responses_3xx",
    "responses_4xx",
    "responses_429",
    "responses_5xx",
    "responses_none",
];
const THUMBS: &[&str] = &["feedback_up", "feedback_down"];
const EXPORTS: &[&str] = &["samples_sent", "samples_dropped", "samples_failed"];
/// The answers that are not read because those of other units are.
const LEFT_OUT: &str = "unread_by_sampling";
const ROWS: [(&str, CounterRow); 15] = [
    ("Requests", CounterRow::Plain("requests")),
    ("Errors", CounterRow::Of("errors", RESPONSES)),
    ("Failed over to blue", CounterRow::Of("failed_over", RESPONSES)),
    ("Rejected requests (4xx)", CounterRow::Of("client_errors", RESPONSES)),
    ("Client aborts", CounterRow::Of("aborted", RESPONSES)),
    ("Answers read", CounterRow::Plain("answers")),
    ("Refusals", CounterRow::Of("refusals", &["answers"])),
    ("Truncated", CounterRow::Of("truncations", &["answers"])),
    ("Empty answers", CounterRow::Of("empty", &["answers"])),
    ("Input tokens", CounterRow::Each("tokens_input", "answers")),
    ("Output tokens", CounterRow::Each("tokens_output", "answers")),
    ("Cost", CounterRow::Dollars("cost_microusd", "answers")),
    ("Thumbs down", CounterRow::Of("feedback_down", THUMBS)),
    ("Mean score", CounterRow::Mean("score_milli_sum", "score_count")),
    ("Exported samples", CounterRow::Of("samples_sent", EXPORTS)),
];

/// Writes the most important counters, then all counters in a collapsed table.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    if rollout.versions.is_empty() {
        return Ok(());
    }
    write_summary(out, rollout)?;
    write_all(out, rollout)
}

fn write_summary(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    out.write_str(
        "<section class=\"card counters\"><h3>Totals since Envoy started</h3><div class=\"wide\" tabindex=\"0\" \
         role=\"region\" aria-label=\"Totals since Envoy started\">",
    )?;
    write_head(out, &rollout.versions)?;
    let is_unread = rollout.reads_bodies == Some(false);
    for (label, row) in &ROWS {
        if is_unread && row.needs_bodies() {
            continue;
        }
        let is_shown = |count: u64| count > 0 || !row.is_hidden_at_zero();
        if !rollout.versions.iter().any(|version| row.count(version).is_some_and(is_shown)) {
            continue;
        }
        write!(out, "<tr><th scope=\"row\">{label}</th>")?;
        for version in &rollout.versions {
            out.write_str("<td class=\"number\">")?;
            row.write(out, version)?;
            out.write_str("</td>")?;
        }
        out.write_str("</tr>")?;
    }
    out.write_str("</tbody></table></div>")?;
    if !rollout.versions.iter().any(|version| version.counter("errors").is_some()) {
        out.write_str(
            "<p class=\"small\">Responses are not counted: <code>answers</code> is missing in the \
             configuration. Without it errors, refusals, truncated answers, tokens and cost are not \
             known, and the alerts about errors and refusals cannot fire.</p>",
        )?;
    } else if is_unread {
        out.write_str(
            "<p class=\"small\">Bodies are not read, since neither a gate nor <code>answers</code> in the \
             configuration requires it: refusals, truncated answers, tokens and cost are not \
             counted.</p>",
        )?;
    }
    write_left_out(out, rollout)
}

/// Says how many answers are left out, where some are.
fn write_left_out(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    let has_left_out = |version: &&VersionView| sum(version, &[LEFT_OUT]) > 0;
    if !rollout.versions.iter().any(|version| has_left_out(&version)) {
        return Ok(());
    }
    out.write_str("<p class=\"small\">Answers that were left out: ")?;
    for (index, version) in rollout.versions.iter().filter(has_left_out).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let count = sum(version, &[LEFT_OUT]);
        let all = sum(version, &[LEFT_OUT, "answers", "unread"]);
        let name = Escaped(&version.version);
        write!(out, "{separator}{} of {name} ({})", GroupedCount(count), RatePercent(count, all))?;
    }
    out.write_str(
        ", as <code>answers.sample</code> or <code>ramp.control</code> says. Totals with ≈ are estimated from the \
         answers that were read. Errors that only a body shows are counted of those alone, so gates \
         compare errors, and these totals do not.</p>",
    )
}

fn write_all(out: Out<'_>, rollout: &RolloutView) -> fmt::Result {
    write!(
        out,
        "<details id=\"counters-{}\"><summary>All counters</summary>\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"All counters\">",
        Escaped(&rollout.rollout)
    )?;
    write_head(out, &rollout.versions)?;
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rollout.versions.iter().flat_map(|version| &version.counters) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    for name in names {
        write!(out, "<tr><th scope=\"row\"><code>{}</code></th>", Escaped(name))?;
        for version in &rollout.versions {
            let count = OrDash(version.counter(name).map(GroupedCount));
            write!(out, "<td class=\"number\">{count}</td>")?;
        }
        out.write_str("</tr>")?;
    }
    out.write_str("</tbody></table></div></details></section>")
}

fn write_head(out: Out<'_>, versions: &[VersionView]) -> fmt::Result {
    out.write_str(
        "<table><thead><tr><th scope=\"col\"><span class=\"unseen\">Counter</span></th>",
    )?;
    for version in versions {
        let class = match version.version.as_str() {
            "blue" => "blue",
            "green" => "green",
            _ => "shadow",
        };
        write!(
            out,
            "<th scope=\"col\" class=\"number\"><i class=\"mark {class}\"></i>{}</th>",
            Escaped(&version.version)
        )?;
    }
    out.write_str("</tr></thead><tbody>")
}

fn sum(version: &VersionView, names: &[&str]) -> u64 {
    names.iter().filter_map(|name| version.counter(name)).fold(0, u64::saturating_add)
}

/// The total of what answers state. Where some answers are left out, it is estimated from those that
/// are read.
struct Total<'a> {
    /// The sum over the answers that are read.
    read: f64,
    version: &'a VersionView,
}

impl Total<'_> {
    fn of_all(&self) -> f64 {
        let answers = sum(self.version, &["answers"]);
        let left_out = sum(self.version, &[LEFT_OUT]);
        if answers == 0 { self.read } else { self.read * (1.0 + left_out as f64 / answers as f64) }
    }

    /// What marks an estimate.
    fn mark(&self) -> &'static str {
        if sum(self.version, &[LEFT_OUT]) > 0 { "≈ " } else { "" }
    }
}

/// A value, or a dash for `None`.
struct OrDash<T>(Option<T>);

impl<T: Display> Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(it) => it.fmt(f),
            None => f.write_str("–"),
        }
    }
}

// === impl CounterRow ===

impl CounterRow {
    /// Whether the filter must read response bodies to count it.
    fn needs_bodies(&self) -> bool {
        const ANSWERS: &str = "answers";
        match self {
            Self::Plain(name) => *name == ANSWERS,
            Self::Of(_, all) => all.contains(&ANSWERS),
            Self::Each(_, each) | Self::Dollars(_, each) => *each == ANSWERS,
            Self::Mean(..) => false,
        }
    }

    /// Whether the row is left out where it is 0: without prices there is no cost, and without
    /// failover nothing fails over.
    fn is_hidden_at_zero(&self) -> bool {
        matches!(self, Self::Dollars(..) | Self::Of("failed_over", _))
    }

    fn count(&self, version: &VersionView) -> Option<u64> {
        let (Self::Plain(name)
        | Self::Of(name, _)
        | Self::Each(name, _)
        | Self::Dollars(name, _)
        | Self::Mean(_, name)) = self;
        version.counter(name)
    }

    fn write(&self, out: Out<'_>, version: &VersionView) -> fmt::Result {
        let Some(count) = self.count(version) else { return out.write_str("–") };
        let dollars = |number| Amount { number, unit: "usd", is_difference: false };
        match self {
            // The empty element aligns counts with those of rows that have a share.
            Self::Plain(_) => write!(out, "{}<small></small>", GroupedCount(count)),
            Self::Of(_, all) => {
                write!(
                    out,
                    "{}<small>{}</small>",
                    GroupedCount(count),
                    RatePercent(count, sum(version, all))
                )
            }
            Self::Each(_, each) => {
                let number = count as f64 / sum(version, &[each]) as f64;
                let mean = Amount { number, unit: "tokens", is_difference: false };
                let total = Total { read: count as f64, version };
                let total_count = GroupedCount(total.of_all().round() as u64);
                write!(out, "{}{total_count}<small>{mean} each</small>", total.mark())
            }
            Self::Dollars(_, each) => {
                let read = count as f64 / 1e6;
                let mean = dollars(read / sum(version, &[each]) as f64);
                let total = Total { read, version };
                write!(out, "{}{}<small>{mean} each</small>", total.mark(), dollars(total.of_all()))
            }
            Self::Mean(total, _) => {
                let number = sum(version, &[total]) as f64 / 1000.0 / count as f64;
                let mean = Amount { number, unit: "score", is_difference: false };
                write!(out, "{mean}<small>of {}</small>", GroupedCount(count))
            }
        }
    }
}
