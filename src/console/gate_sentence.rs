//! One plain sentence a gate: what was seen, and what the gate needs.
//!
//! The rule is that of the analysis: the ramp advances once the data show that green is worse than
//! blue by less than the tolerance or, for a rate, below the ceiling; and it rolls back once they
//! show that green is worse by more than the margin.

use super::labels;
use super::numbers::{Amount, GroupedCount};
use super::view::GateView;
use crate::rollout::decimal::Decimal;

/// What was seen on both versions, and the gate's rule. `counts` is what a unit is: `users` or
/// `requests`.
pub fn sentence(gate: &GateView, counts: &str) -> String {
    let seen = if is_rate(gate) { seen_rate(gate, counts) } else { seen_values(gate) };
    let Some(seen) = seen else {
        if gate.is_learning {
            return "Blue’s times are being learned: the gate counts longer ones from then on."
                .to_owned();
        }
        let version = match (gate.blue_units, gate.green_units) {
            (0, 1..) => " on blue",
            (1.., 0) => " on green",
            _ => "",
        };
        return format!("No {counts} with this value{version} yet.");
    };
    let threshold = threshold(gate).unwrap_or_default();
    match rule(gate, counts) {
        Some(rule) => format!("{seen}{threshold} {rule}"),
        None => format!("{seen}{threshold}"),
    }
}

/// " An answer is slow above 9.2 s."
fn threshold(gate: &GateView) -> Option<String> {
    let number = gate.threshold_ms?;
    let time = Amount { number, unit: "ms", is_difference: false };
    Some(match is_quantile(gate) {
        true => format!(" On blue, that is more than {time}."),
        false => format!(" An answer is slow above {time}."),
    })
}

fn is_quantile(gate: &GateView) -> bool {
    ["_p90", "_p95", "_p99"].iter().any(|suffix| gate.metric.ends_with(suffix))
}

fn is_rate(gate: &GateView) -> bool {
    gate.unit == "share"
}

/// "0 of 60 users hit an error on green, 3 of 410 on blue."
fn seen_rate(gate: &GateView, counts: &str) -> Option<String> {
    let (green, blue) = (gate.green_events()?, gate.blue_events()?);
    let event = labels::metric(&gate.metric).event;
    let (of_green, of_blue) = (GroupedCount(gate.green_units), GroupedCount(gate.blue_units));
    Some(format!(
        "{} of {of_green} {counts} {event} on green, {} of {of_blue} on blue.",
        GroupedCount(green),
        GroupedCount(blue)
    ))
}

/// "Green takes 9 % longer (−3 % to +22 %)."
fn seen_values(gate: &GateView) -> Option<String> {
    let (blue, green) = (gate.blue?, gate.green?);
    let scale = Scale::of(gate, blue)?;
    let (verb, more, less) = comparison(&gate.metric);
    let difference = green - blue;
    let direction = if difference < 0.0 { less } else { more };
    let amount = scale.size(difference);
    let range = match (gate.low, gate.high) {
        (Some(low), Some(high)) => {
            format!(" ({} to {})", scale.difference(low), scale.difference(high))
        }
        _ => String::new(),
    };
    Some(format!("{verb} {amount} {direction}{range}."))
}

/// How green's values compare: what it does, and the words for more and for less.
fn comparison(metric: &str) -> (&'static str, &'static str, &'static str) {
    match metric {
        "duration" => ("Green takes", "longer", "less time"),
        "ttft" => ("Green’s first token comes", "later", "earlier"),
        "output_tokens" => ("Green’s answers are", "longer", "shorter"),
        "cost" => ("Green costs", "more", "less"),
        "score" => ("Green scores", "higher", "lower"),
        _ => ("Green is", "higher", "lower"),
    }
}

/// What keeps a gate from passing whose later values are beyond the margin.
const LOOKS_WORSE: &str = "To advance, green must no longer look worse than the margin allows.";

/// What the gate needs, or what it has found.
fn rule(gate: &GateView, counts: &str) -> Option<String> {
    match gate.verdict.as_str() {
        "left_out" => return Some("The gate is left out.".to_owned()),
        "not_comparable" => {
            return Some("It cannot be compared while values are missing.".to_owned());
        }
        "fail" => return Some(exceeded(gate)),
        _ if gate.bad_units_needed > 0 => return Some(needs_bad_units(gate, counts)),
        _ if gate.looks_worse => return Some(LOOKS_WORSE.to_owned()),
        _ => {}
    }
    if is_quantile(gate) {
        return Some(match gate.verdict.as_str() {
            "pass" => "The data show that green’s is within the tolerance.".to_owned(),
            _ => "To advance, the data must show that green’s is within the tolerance.".to_owned(),
        });
    }
    let Some(limit) = limit(gate) else {
        return Some("Blue’s rate is 0 so far, so no limit can be computed yet.".to_owned());
    };
    Some(match gate.verdict.as_str() {
        "pass" => format!("The data show that green {limit}."),
        _ => format!("To advance, the data must show that green {limit}."),
    })
}

/// "Green looks worse, but a rollback needs 2 more such users on green."
fn needs_bad_units(gate: &GateView, counts: &str) -> String {
    let needed = gate.bad_units_needed;
    let counts = if needed == 1 { counts.trim_end_matches('s') } else { counts };
    format!(
        "Green looks worse, but a rollback needs {} more such {counts} on green.",
        GroupedCount(needed)
    )
}

/// "stays below 2.3 %", "takes less than 20 % longer".
fn limit(gate: &GateView) -> Option<String> {
    let tolerance = gate.tolerance_at?;
    let blue = gate.blue?;
    if is_rate(gate) {
        let number = blue + tolerance;
        return Some(format!(
            "stays below {}",
            Amount { number, unit: "share", is_difference: false }
        ));
    }
    let amount = Scale::of(gate, blue)?.size(tolerance);
    Some(match gate.metric.as_str() {
        "duration" => format!("takes less than {amount} longer"),
        "ttft" => format!("is less than {amount} later"),
        "output_tokens" => format!("is less than {amount} longer or shorter"),
        "cost" => format!("costs less than {amount} more"),
        "score" => format!("scores less than {amount} lower"),
        _ => format!("is less than {amount} worse"),
    })
}

/// "Green is worse than the margin of 10 % allows."
fn exceeded(gate: &GateView) -> String {
    let margin = gate.margin_at.zip(gate.blue).filter(|_| !is_quantile(gate));
    let margin = margin.and_then(|(margin, blue)| match is_rate(gate) {
        // The margin of a rate is relative to blue's.
        true if gate.metric == "thumbs_down_rate" => Some(Scale::Points.size(margin)),
        true => Scale::relative(blue).map(|it| it.size(margin)),
        false => Scale::of(gate, blue).map(|it| it.size(margin)),
    });
    match margin {
        Some(margin) => format!("The data show that green is worse by more than {margin}."),
        None => "The data show that green is worse.".to_owned(),
    }
}

/// How a difference is said.
enum Scale {
    /// As a percentage of blue's mean.
    Relative(f64),
    /// As a score.
    Score,
    /// In percentage points.
    Points,
}

// === impl Scale ===

impl Scale {
    /// The scale of a gate on values; `None` where blue's mean is no scale.
    fn of(gate: &GateView, blue: f64) -> Option<Self> {
        if gate.unit == "score" { Some(Self::Score) } else { Self::relative(blue) }
    }

    fn relative(blue: f64) -> Option<Self> {
        (blue.is_finite() && blue > 0.0).then_some(Self::Relative(blue))
    }

    /// The size of a difference, without its sign.
    fn size(&self, difference: f64) -> String {
        match self {
            Self::Relative(blue) => percent((difference / blue).abs()),
            _ => self.amount(difference.abs(), false),
        }
    }

    /// A difference with its sign.
    fn difference(&self, difference: f64) -> String {
        match self {
            Self::Relative(blue) => {
                let part = difference / blue;
                let sign = if part < 0.0 { "−" } else { "+" };
                format!("{sign}{}", percent(part.abs()))
            }
            _ => self.amount(difference, true),
        }
    }

    fn amount(&self, number: f64, is_difference: bool) -> String {
        let unit = if matches!(self, Self::Points) { "share" } else { "score" };
        let is_difference = is_difference || unit == "share";
        Amount { number, unit, is_difference }.to_string()
    }
}

/// A fraction as a percentage: whole from 2 % on.
fn percent(fraction: f64) -> String {
    if !fraction.is_finite() {
        return "–".to_owned();
    }
    let percent = fraction * 100.0;
    format!("{}\u{a0}%", Decimal(percent, usize::from(percent < 2.0 && percent > 0.0)))
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn small_percentages_have_a_decimal() {
        let table =
            [(0.0, "0 %"), (0.004, "0.4 %"), (0.019, "1.9 %"), (0.2, "20 %"), (12.5, "1250 %")];
        for (fraction, text) in table {
            assert_eq!(percent(fraction).replace('\u{a0}', " "), text);
        }
        assert_eq!(percent(f64::NAN), "–");
    }
}
