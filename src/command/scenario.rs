//! How versions behave in a simulation, in the format of the command line:
//! `errors=0.03 ttft=+30%`.

use std::fmt;

use crate::analysis::Metric;
use crate::analysis::metric::{Comparison, TimeQuantile};
use crate::config::time::parse_duration;
use crate::simulate::Behaviour;

/// Blue's behaviour in a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct BlueBehaviour {
    pub metric: Metric,
    /// A rate, or the median of values.
    value: f64,
    /// The standard deviation of the logarithm of values.
    spread: Option<f64>,
}

/// Green's behaviour in a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct GreenBehaviour {
    pub metric: Metric,
    value: GreenValue,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum GreenValue {
    /// A value of its own.
    Absolute(f64),
    /// A multiple of blue's value.
    Times(f64),
}

/// Default behaviour: of each metric the rate, or the median of values and the standard deviation
/// of their logarithm.
const DEFAULTS: [(Metric, f64, f64); 12] = [
    (Metric::ErrorRate, 0.01, 0.0),
    (Metric::ClientErrorRate, 0.01, 0.0),
    (Metric::EmptyRate, 0.005, 0.0),
    (Metric::RefusalRate, 0.02, 0.0),
    (Metric::TruncationRate, 0.01, 0.0),
    (Metric::AbortRate, 0.01, 0.0),
    (Metric::SlowRate, 0.05, 0.0),
    (Metric::Duration, 4000.0, 0.85),
    (Metric::Ttft, 600.0, 0.6),
    (Metric::OutputTokens, 250.0, 0.8),
    (Metric::Cost, 0.004, 0.9),
    // Of the pairs that a judge compares, those that the version loses.
    (Metric::Preference, 0.25, 0.0),
];

/// Short names of metrics, which are accepted besides their own.
const SHORT_NAMES: [(&str, Metric); 8] = [
    ("errors", Metric::ErrorRate),
    ("client_errors", Metric::ClientErrorRate),
    ("empty", Metric::EmptyRate),
    ("refusals", Metric::RefusalRate),
    ("truncations", Metric::TruncationRate),
    ("aborts", Metric::AbortRate),
    ("slow", Metric::SlowRate),
    ("tokens", Metric::OutputTokens),
];

/// The format of behaviours, for the help.
pub const GRAMMAR: &str = "The behaviour of a version is a list of NAME=VALUE, separated by spaces. Names: \
errors, client_errors, refusals, empty, truncations, aborts, slow, duration, ttft, tokens, cost, preference (the share of judged pairs that it loses), or their long names, such as error_rate. \
A gate on a quantile follows its time: duration or ttft. \
Values: a rate such as 0.03 or 3%; a time such as 800ms or 4s for duration and ttft; a number for tokens and cost \
(US dollars). Green's values may be relative to blue's: +30%, -10%, x3. Blue's values are medians, \
optionally followed by ~ and the standard deviation of their logarithm: \
duration=4s~0.85. Defaults: errors=1% client_errors=1% refusals=2% empty=0.5% truncations=1% aborts=1% slow=5% \
duration=4s~0.85 ttft=600ms~0.6 tokens=250~0.8 cost=0.004~0.9 preference=25%, and green behaves like blue.";

// === impl BlueBehaviour ===

impl fmt::Display for BlueBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if matches!(self.metric, Metric::Duration | Metric::Ttft) { "ms" } else { "" };
        write!(f, "{}={}{unit}", self.metric, self.value)?;
        self.spread.map_or(Ok(()), |spread| write!(f, "~{spread}"))
    }
}

/// Parses blue's behaviour.
///
/// # Errors
/// An item is malformed or repeated.
pub fn parse_blue(text: &str) -> Result<Vec<BlueBehaviour>, String> {
    items(text, |metric, value| {
        let (value, spread) = match value.split_once('~') {
            Some((value, spread)) => (value, Some(spread)),
            None => (value, None),
        };
        let spread = match spread {
            None => None,
            Some(_) if is_rate(metric) => {
                return Err("a rate has no spread: remove ~".to_owned());
            }
            Some(text) => {
                let spread = text.parse().ok().filter(|it: &f64| *it > 0.0 && *it <= 5.0);
                Some(spread.ok_or("after ~, write a number above 0 and at most 5, such as 0.8")?)
            }
        };
        Ok(BlueBehaviour { metric, value: absolute(metric, value)?, spread })
    })
}

/// Parses blue's rate in a metric.
///
/// # Errors
/// The text is no rate. The error has the fix.
pub fn blue_rate(metric: Metric, text: &str) -> Result<BlueBehaviour, String> {
    Ok(BlueBehaviour { metric, value: absolute(metric, text)?, spread: None })
}

/// Parses green's behaviour.
///
/// # Errors
/// An item is malformed or repeated.
pub fn parse_green(text: &str) -> Result<Vec<GreenBehaviour>, String> {
    items(text, |metric, value| {
        let value = match relative(value) {
            Some(times) => GreenValue::Times(times?),
            None => GreenValue::Absolute(absolute(metric, value)?),
        };
        Ok(GreenBehaviour { metric, value })
    })
}

/// The behaviour of both versions in these metrics.
///
/// # Errors
/// Green's value is relative to a rate of 0, or its rate is above 1.
pub fn behaviours(
    metrics: &[Metric],
    blue: &[BlueBehaviour],
    green: &[GreenBehaviour],
) -> Result<Vec<Behaviour>, String> {
    metrics.iter().map(|metric| behaviour(*metric, blue, green)).collect()
}

/// Checks that the ramp depends on every given metric: any other would have no effect.
///
/// # Errors
/// A metric has no effect.
pub fn check_metrics(
    metrics: &[Metric],
    blue: &[BlueBehaviour],
    green: &[GreenBehaviour],
) -> Result<(), String> {
    let given = blue.iter().map(|it| it.metric).chain(green.iter().map(|it| it.metric));
    match given.into_iter().find(|it| !metrics.contains(it) && *it != Metric::Duration) {
        None => Ok(()),
        Some(unused) => {
            let used = metrics.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
            Err(format!("{unused}: no gate or tripwire of the file uses it; they use {used}"))
        }
    }
}

fn behaviour(
    metric: Metric,
    blue: &[BlueBehaviour],
    green: &[GreenBehaviour],
) -> Result<Behaviour, String> {
    if let Some(TimeQuantile { time, quantile }) = metric.quantile() {
        let time = behaviour(time, blue, green)?;
        return Ok(Behaviour { metric, blue: 1.0 - quantile, ..time });
    }
    let default = DEFAULTS.iter().find(|(it, ..)| *it == metric);
    let (_, default, default_spread) = default.copied().unwrap_or((metric, 0.0, 0.0));
    let given = blue.iter().find(|it| it.metric == metric);
    let value = given.map_or(default, |it| it.value);
    let spread = given.and_then(|it| it.spread).unwrap_or(default_spread);
    let times = match green.iter().find(|it| it.metric == metric).map(|it| it.value) {
        None => 1.0,
        Some(GreenValue::Times(times)) => times,
        Some(GreenValue::Absolute(green)) if value > 0.0 => green / value,
        Some(GreenValue::Absolute(0.0)) => 1.0,
        Some(GreenValue::Absolute(_)) => {
            return Err(format!(
                "{metric}: blue's rate is 0; give it a small one with --blue {metric}=0.0001"
            ));
        }
    };
    if is_rate(metric) && value * times > 1.0 {
        return Err(format!("{metric}: green's rate would be above 1"));
    }
    if metric == Metric::Preference && value * (1.0 + times) > 1.0 {
        return Err(format!(
            "{metric}: both versions together would lose more pairs than there are"
        ));
    }
    Ok(Behaviour { metric, blue: value, spread, green: times })
}

fn items<T>(
    text: &str,
    item: impl Fn(Metric, &str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut seen = Vec::new();
    let words = text.split([' ', ',', '\n', '\t']).filter(|it| !it.is_empty());
    let parse = |word: &str| {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("{word}: write NAME=VALUE, such as errors=0.03"))?;
        let metric = metric_from_name(name)?;
        if seen.contains(&metric) {
            return Err(format!("{name}: is given twice"));
        }
        seen.push(metric);
        item(metric, value).map_err(|fix| format!("{word}: {fix}"))
    };
    words.map(parse).collect()
}

fn metric_from_name(name: &str) -> Result<Metric, String> {
    let short = SHORT_NAMES.iter().find(|(it, _)| *it == name).map(|(_, metric)| *metric);
    let own =
        || Metric::from_name(name).filter(|it| DEFAULTS.iter().any(|(known, ..)| known == it));
    short.or_else(own).ok_or_else(|| {
        let others = ["duration", "ttft", "cost", "preference"];
        let known = SHORT_NAMES.iter().map(|(it, _)| *it).chain(others);
        format!("{name}: write one of {}", known.collect::<Vec<_>>().join(", "))
    })
}

fn is_rate(metric: Metric) -> bool {
    metric.comparison() == Comparison::Rate
}

/// Parses a value: a rate, milliseconds, tokens or US dollars.
fn absolute(metric: Metric, text: &str) -> Result<f64, String> {
    let number = || text.parse::<f64>().ok().filter(|it| it.is_finite());
    let (value, fix) = match metric {
        _ if is_rate(metric) => {
            let percent = text.strip_suffix('%').and_then(|it| it.parse::<f64>().ok());
            let rate = percent.map(|it| it / 100.0).or_else(number);
            (
                rate.filter(|it| (0.0..1.0).contains(it)),
                "write a rate from 0 to below 1, such as 0.03 or 3%",
            )
        }
        Metric::Duration | Metric::Ttft => {
            let time = parse_duration(text).map(|it| it.as_secs_f64() * 1e3);
            (time.filter(|it| *it > 0.0), "write a time above 0, such as 800ms or 4s")
        }
        _ => (number().filter(|it| *it > 0.0), "write a number above 0"),
    };
    value.ok_or_else(|| fix.to_owned())
}

/// Parses a multiple of blue's value; `None` if the text is no relative value.
fn relative(text: &str) -> Option<Result<f64, String>> {
    let times = match (text.strip_prefix('x'), text.strip_prefix(['+', '-'])) {
        (Some(times), _) => times.parse().ok(),
        (None, Some(percent)) => {
            let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
            let percent = percent.strip_suffix('%').and_then(|it| it.parse::<f64>().ok());
            percent.map(|it| 1.0 + sign * it / 100.0)
        }
        (None, None) => return None,
    };
    let times = times.filter(|it: &f64| *it >= 0.0 && *it <= 1e6);
    Some(
        times
            .ok_or_else(|| "write a value relative to blue's, such as +30%, -10% or x3".to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviours_combine_blue_green_and_defaults() {
        let blue = parse_blue("errors=2%, ttft=1s~0.5").unwrap();
        let green = parse_green("errors=0.03 ttft=+30% cost=x2").unwrap();
        let metrics = [Metric::ErrorRate, Metric::Ttft, Metric::Cost, Metric::SlowRate];
        let behaviours = behaviours(&metrics, &blue, &green).unwrap();
        let found: Vec<_> = behaviours.iter().map(|it| (it.blue, it.spread, it.green)).collect();
        assert_eq!(
            found,
            [(0.02, 0.0, 1.5), (1000.0, 0.5, 1.3), (0.004, 0.9, 2.0), (0.05, 0.0, 1.0)]
        );
    }

    #[test]
    fn a_malformed_behaviour_has_an_error_with_a_fix() {
        for (text, expected) in [
            ("errors", "errors: write NAME=VALUE"),
            ("mistakes=1", "mistakes: write one of errors, "),
            ("errors=3", "errors=3: write a rate from 0 to below 1"),
            ("errors=0.1 error_rate=0.2", "error_rate: is given twice"),
            ("ttft=300", "ttft=300: write a time above 0"),
            ("ttft=+30", "ttft=+30: write a value relative to blue's"),
            ("cost=x-1", "cost=x-1: write a value relative to blue's"),
        ] {
            let error = parse_green(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        for (text, expected) in [
            ("errors=0.1~1", "errors=0.1~1: a rate has no spread"),
            ("ttft=1s~0", "ttft=1s~0: after ~, write a number"),
            ("ttft=+30%", "ttft=+30%: write a time"),
        ] {
            let error = parse_blue(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let none = parse_blue("errors=0").unwrap();
        let error = behaviours(&[Metric::ErrorRate], &none, &parse_green("errors=0.1").unwrap());
        assert!(error.unwrap_err().contains("blue's rate is 0"));
    }
}
