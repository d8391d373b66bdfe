//! What a judge has said and cost, as HTML and in words.

use std::fmt;

use super::html::{Escaped, Out};
use super::numbers::{Amount, GroupedCount, RatePercent};
use super::view::{JudgeView, JudgedAnswersView, JudgedPairsView};

/// Writes what a judge has said and cost.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, judge: &JudgeView) -> fmt::Result {
    out.write_str("<section class=\"card\"><h3>Judge</h3>")?;
    for sentence in sentences(judge) {
        write!(out, "<p>{}</p>", Escaped(&sentence))?;
    }
    out.write_str("</section>")
}

/// What a judge has said and cost, in words.
pub fn sentences(judge: &JudgeView) -> Vec<String> {
    let mut sentences = vec![cost(judge)];
    if judge.mode != "pairwise" {
        sentences.push(answers(&judge.blue, &judge.green));
    }
    sentences.extend(judge.pairs.as_ref().map(pairs));
    sentences
}

fn cost(judge: &JudgeView) -> String {
    let JudgeView { model, spent_microusd, is_exhausted, .. } = judge;
    let ceiling = match (judge.max_cost_microusd, judge.fleet_max_cost_microusd) {
        (Some(max), Some(whole)) => format!(
            " in this Envoy, of at most {}, which is its part of {} for the fleet",
            dollars(max),
            dollars(whole)
        ),
        (Some(max), None) => format!(", of at most {}", dollars(max)),
        (None, _) => String::new(),
    };
    let stopped = match is_exhausted {
        true => " Nothing is judged until 00:00 UTC, and gates without evidence hold the ramp.",
        false => "",
    };
    format!("{model} has cost {} today{ceiling}.{stopped}", dollars(*spent_microusd))
}

fn answers(blue: &JudgedAnswersView, green: &JudgedAnswersView) -> String {
    format!(
        "It has judged {} answers of blue and {} of green. {} and {} samples were not judged; {} and {} \
         answers of the judge were no verdict.",
        GroupedCount(blue.judged),
        GroupedCount(green.judged),
        GroupedCount(blue.unjudged),
        GroupedCount(green.unjudged),
        GroupedCount(blue.errors),
        GroupedCount(green.errors),
    )
}

fn pairs(pairs: &JudgedPairsView) -> String {
    let JudgedPairsView { judged, inconsistent, .. } = pairs;
    let agreement = match pairs.agreement {
        Some(_) => format!(
            " It agrees with itself in {} when their order is swapped.",
            RatePercent(judged.saturating_sub(*inconsistent), *judged)
        ),
        None => String::new(),
    };
    let wins = match pairs.green_wins {
        Some([low, high]) => {
            let share = |number| Amount { number, unit: "share", is_difference: false };
            format!(" Green wins {} to {} of those with a winner.", share(low), share(high))
        }
        None => String::new(),
    };
    format!(
        "It has compared {} pairs: blue’s answer is better in {}, green’s in {}, neither in {}.{agreement}\
         {wins} {} pairs were not judged; {} answers of the judge were no verdict.",
        GroupedCount(*judged),
        GroupedCount(pairs.preferred_blue),
        GroupedCount(pairs.preferred_green),
        GroupedCount(pairs.preferred_neither),
        GroupedCount(pairs.unjudged),
        GroupedCount(pairs.errors),
    )
}

/// An amount of money from millionths of a US dollar.
fn dollars(microusd: u64) -> Amount<'static> {
    Amount { number: microusd as f64 / 1e6, unit: "usd", is_difference: false }
}
