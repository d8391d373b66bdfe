//! What versions do, as it is said on the command line: `errors=0.03 ttft=+30%`.

use crate::analysis::Metric;
use crate::analysis::metric::Comparison;
use crate::config::time::parse_duration;
use crate::simulate::Behaviour;

/// What is said of one metric of blue's.
#[derive(Clone, Debug, PartialEq)]
pub struct BlueBehaviour {
    pub metric: Metric,
    value: f64,
    spread: Option<f64>,
}

/// What is said of one metric of green's.
#[derive(Clone, Debug, PartialEq)]
pub struct GreenBehaviour {
    metric: Metric,
    value: GreenValue,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum GreenValue {
    /// So much.
    Is(f64),
    /// So many times blue's.
    Times(f64),
}

/// What a usual service does: rates, and the median of values with how far they scatter
/// (the standard deviation of their logarithm).
const USUAL: [(Metric, f64, f64); 11] = [
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
];

/// The names by which metrics may be called here, beside their own.
const SHORT: [(&str, Metric); 8] = [
    ("errors", Metric::ErrorRate),
    ("client_errors", Metric::ClientErrorRate),
    ("empty", Metric::EmptyRate),
    ("refusals", Metric::RefusalRate),
    ("truncations", Metric::TruncationRate),
    ("aborts", Metric::AbortRate),
    ("slow", Metric::SlowRate),
    ("tokens", Metric::OutputTokens),
];

/// How the texts are written, for the help.
pub const GRAMMAR: &str = "What versions do is written as NAME=VALUE, with spaces between. Names: \
errors, client_errors, refusals, empty, truncations, aborts, slow, duration, ttft, tokens, cost, or as gates have them. \
Values: of a rate 0.03 or 3%, of duration and ttft a time such as 800ms or 4s, of tokens and cost \
(US dollars) a number; of green also what it is of blue's: +30%, -10%, x3. Values of blue are medians, \
and after a ~ how far they scatter may follow, as the standard deviation of their logarithm: \
duration=4s~0.85. What is not said is usual: errors=1% client_errors=1% refusals=2% empty=0.5% truncations=1% aborts=1% slow=5% \
duration=4s~0.85 ttft=600ms~0.6 tokens=250~0.8 cost=0.004~0.9, and green is like blue.";

/// Reads what is said of blue.
pub fn of_blue(text: &str) -> Result<Vec<BlueBehaviour>, String> {
    items(text, |metric, value| {
        let (value, spread) = match value.split_once('~') {
            Some((value, spread)) => (value, Some(spread)),
            None => (value, None),
        };
        let spread = match spread {
            None => None,
            Some(_) if is_rate(metric) => {
                return Err("a rate does not scatter: leave ~ out".to_owned());
            }
            Some(text) => {
                let spread = text.parse().ok().filter(|it: &f64| *it > 0.0 && *it <= 5.0);
                Some(spread.ok_or("after ~, write a number above 0 and at most 5, such as 0.8")?)
            }
        };
        Ok(BlueBehaviour { metric, value: absolute(metric, value)?, spread })
    })
}

/// Reads what is said of green.
pub fn of_green(text: &str) -> Result<Vec<GreenBehaviour>, String> {
    items(text, |metric, value| {
        let value = match relative(value) {
            Some(times) => GreenValue::Times(times?),
            None => GreenValue::Is(absolute(metric, value)?),
        };
        Ok(GreenBehaviour { metric, value })
    })
}

/// What both do in these metrics.
pub fn behaviours(
    metrics: &[Metric],
    blue: &[BlueBehaviour],
    green: &[GreenBehaviour],
) -> Result<Vec<Behaviour>, String> {
    metrics.iter().map(|metric| behaviour(*metric, blue, green)).collect()
}

/// What is said and looked at by nothing: it would make no difference.
pub fn refuse_idle(
    metrics: &[Metric],
    blue: &[BlueBehaviour],
    green: &[GreenBehaviour],
) -> Result<(), String> {
    let said = blue.iter().map(|it| it.metric).chain(green.iter().map(|it| it.metric));
    match said.into_iter().find(|it| !metrics.contains(it) && *it != Metric::Duration) {
        None => Ok(()),
        Some(idle) => {
            let known = metrics.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
            Err(format!(
                "{idle}: no gate and no tripwire of the file looks at it; they look at {known}"
            ))
        }
    }
}

fn behaviour(
    metric: Metric,
    blue: &[BlueBehaviour],
    green: &[GreenBehaviour],
) -> Result<Behaviour, String> {
    let usual = USUAL.iter().find(|(it, ..)| *it == metric);
    let (_, usual, usual_spread) = usual.copied().unwrap_or((metric, 0.0, 0.0));
    let said = blue.iter().find(|it| it.metric == metric);
    let value = said.map_or(usual, |it| it.value);
    let spread = said.and_then(|it| it.spread).unwrap_or(usual_spread);
    let times = match green.iter().find(|it| it.metric == metric).map(|it| it.value) {
        None => 1.0,
        Some(GreenValue::Times(times)) => times,
        Some(GreenValue::Is(is)) if value > 0.0 => is / value,
        Some(GreenValue::Is(0.0)) => 1.0,
        Some(GreenValue::Is(_)) => {
            return Err(format!(
                "{metric}: blue has none; say what is rare with --blue {metric}=0.0001"
            ));
        }
    };
    if is_rate(metric) && value * times > 1.0 {
        return Err(format!("{metric}: green's rate would be above 1"));
    }
    Ok(Behaviour { metric, blue: value, spread, green: times })
}

fn items<T>(
    text: &str,
    item: impl Fn(Metric, &str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut seen = Vec::new();
    let words = text.split([' ', ',', '\n', '\t']).filter(|it| !it.is_empty());
    let read = |word: &str| {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| format!("{word}: write NAME=VALUE, such as errors=0.03"))?;
        let metric = named(name)?;
        if seen.contains(&metric) {
            return Err(format!("{name}: is said twice"));
        }
        seen.push(metric);
        item(metric, value).map_err(|mend| format!("{word}: {mend}"))
    };
    words.map(read).collect()
}

fn named(name: &str) -> Result<Metric, String> {
    let short = SHORT.iter().find(|(it, _)| *it == name).map(|(_, metric)| *metric);
    let own = || Metric::from_name(name).filter(|it| USUAL.iter().any(|(known, ..)| known == it));
    short.or_else(own).ok_or_else(|| {
        let known = SHORT.iter().map(|(it, _)| *it).chain(["duration", "ttft", "cost"]);
        format!("{name}: write one of {}", known.collect::<Vec<_>>().join(", "))
    })
}

fn is_rate(metric: Metric) -> bool {
    metric.comparison() == Comparison::Rate
}

fn absolute(metric: Metric, text: &str) -> Result<f64, String> {
    let number = || text.parse::<f64>().ok().filter(|it| it.is_finite());
    let (value, mend) = match metric {
        _ if is_rate(metric) => {
            let percent = text.strip_suffix('%').and_then(|it| it.parse::<f64>().ok());
            let rate = percent.map(|it| it / 100.0).or_else(number);
            (
                rate.filter(|it| (0.0..1.0).contains(it)),
                "write a rate from 0 to 1, such as 0.03 or 3%",
            )
        }
        Metric::Duration | Metric::Ttft => {
            let time = parse_duration(text).map(|it| it.as_secs_f64() * 1e3);
            (time.filter(|it| *it > 0.0), "write a time above 0, such as 800ms or 4s")
        }
        _ => (number().filter(|it| *it > 0.0), "write a number above 0"),
    };
    value.ok_or_else(|| mend.to_owned())
}

/// What is so many times blue's; `None` where the text does not say so.
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
    Some(times.ok_or_else(|| "write what it is of blue's, such as +30%, -10% or x3".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let blue = of_blue("errors=2%, ttft=1s~0.5").unwrap();
        let green = of_green("errors=0.03 ttft=+30% cost=x2").unwrap();
        let metrics = [Metric::ErrorRate, Metric::Ttft, Metric::Cost, Metric::SlowRate];
        let behaviours = behaviours(&metrics, &blue, &green).unwrap();
        let found: Vec<_> = behaviours.iter().map(|it| (it.blue, it.spread, it.green)).collect();
        assert_eq!(
            found,
            [(0.02, 0.0, 1.5), (1000.0, 0.5, 1.3), (0.004, 0.9, 2.0), (0.05, 0.0, 1.0)]
        );
    }

    #[test]
    fn what_cannot_be_read_has_a_mend() {
        for (text, mend) in [
            ("errors", "errors: write NAME=VALUE"),
            ("mistakes=1", "mistakes: write one of errors, "),
            ("errors=3", "errors=3: write a rate from 0 to 1"),
            ("errors=0.1 error_rate=0.2", "error_rate: is said twice"),
            ("ttft=300", "ttft=300: write a time above 0"),
            ("ttft=+30", "ttft=+30: write what it is of blue's"),
            ("cost=x-1", "cost=x-1: write what it is of blue's"),
        ] {
            let refused = of_green(text).unwrap_err();
            assert!(refused.starts_with(mend), "{refused}");
        }
        for (text, mend) in [
            ("errors=0.1~1", "errors=0.1~1: a rate does not scatter"),
            ("ttft=1s~0", "ttft=1s~0: after ~, write a number"),
            ("ttft=+30%", "ttft=+30%: write a time"),
        ] {
            let refused = of_blue(text).unwrap_err();
            assert!(refused.starts_with(mend), "{refused}");
        }
        let none = of_blue("errors=0").unwrap();
        let refused = behaviours(&[Metric::ErrorRate], &none, &of_green("errors=0.1").unwrap());
        assert!(refused.unwrap_err().contains("blue has none"));
    }
}
