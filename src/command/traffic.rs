//! What is said of traffic on the command line.

use clap::Args;
use serde::Serialize;

use super::output::{CliError, count};
use super::scenario::{BlueBehaviour, GreenBehaviour, behaviours, of_blue, refuse_idle};
use crate::analysis::{AnalysisUnit, ByVersion, Metric};
use crate::assignment::Share;
use crate::config::Config;
use crate::rollout::RampSpec;
use crate::simulate::{Behaviour, Users, World};

/// The traffic that a ramp is to have.
#[derive(Args)]
pub struct TrafficArgs {
    /// Requests a second, of both versions together.
    #[arg(long, value_name = "N", default_value = "50", value_parser = above_0)]
    rps: f64,
    /// How many users send them, some more than others; else each comes from another one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    users: Option<u32>,
    /// What blue does, such as "errors=0.5% duration=2s~0.6".
    #[arg(long, value_name = "WHAT", default_value = "", hide_default_value = true, value_parser = of_blue)]
    blue: Many<BlueBehaviour>,
}

/// What was read of one argument. (As a `Vec` clap would take it for many arguments.)
type Many<T> = Vec<T>;

/// How users are alike in having bad answers: as an exponential distribution is.
pub const ALIKE: f64 = 1.0;

/// Traffic as it was taken to be.
#[derive(Serialize)]
pub struct Assumed {
    pub requests_per_second: f64,
    /// `None` where each request comes from another user.
    pub users: Option<u32>,
    pub metrics: Vec<AssumedMetric>,
}

#[derive(Serialize)]
pub struct AssumedMetric {
    pub metric: Metric,
    /// A rate, or the median: times in milliseconds, cost in US dollars.
    pub blue: f64,
    /// The standard deviation of the logarithm of values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// What green's is of blue's.
    pub green_times: f64,
}

// === impl Traffic ===

impl TrafficArgs {
    /// Says one thing more of blue, as an option of its own does.
    pub fn say(&mut self, text: &str) -> Result<(), CliError> {
        for one in of_blue(text).map_err(CliError::Usage)? {
            if self.blue.iter().any(|it| it.metric == one.metric) {
                return Err(CliError::Usage(format!("{text}: is said in --blue already")));
            }
            self.blue.push(one);
        }
        Ok(())
    }

    /// The world in which the ramp of a configuration is walked.
    pub fn world(&self, ramp: &RampSpec, green: &[GreenBehaviour]) -> Result<World, CliError> {
        let metrics = looked_at(ramp);
        refuse_idle(&metrics, &self.blue, green).map_err(CliError::Usage)?;
        let behaviours = behaviours(&metrics, &self.blue, green).map_err(CliError::Usage)?;
        let users = match self.users {
            Some(_) if ramp.analysis.unit == AnalysisUnit::EveryRequest => {
                let why = "--users: the ramp counts every request (evidence), whoever sends it; \
                           leave the option out";
                return Err(CliError::Usage(why.to_owned()));
            }
            Some(count) => Users::Sticky { count: count as usize, shape: ALIKE },
            None => Users::Independent,
        };
        Ok(World {
            per_second: self.rps,
            users,
            behaviours,
            incident: None,
            unread: ByVersion::default(),
            failure_ms: None,
        })
    }
}

/// What the ramp's gates and tripwires look at, and the duration, which all answers have.
fn looked_at(ramp: &RampSpec) -> Vec<Metric> {
    let gates = ramp.analysis.gates.iter().map(|gate| gate.spec.metric);
    let mut metrics: Vec<Metric> = Vec::new();
    for metric in
        gates.chain(ramp.tripwires.iter().map(|wire| wire.metric)).chain([Metric::Duration])
    {
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    metrics
}

/// The ramp of the configuration in a file; that of one with weights would be none.
pub fn ramp_of<'a>(file: &str, config: &'a Config) -> Result<&'a RampSpec, CliError> {
    config.ramp.as_ref().ok_or_else(|| {
        CliError::ToMend(format!(
            "{file}: there is no ramp: write \"ramp\": {{}} in the place of weights"
        ))
    })
}

/// The ramp without what looks at feedback, and what that is. How many users say what they
/// think is not known beforehand, and a gate on it holds the ramp until enough have.
///
/// Each of the other gates keeps its part of alpha, which the judge divides among those
/// that are critical.
pub fn without_feedback(ramp: &RampSpec) -> Result<(RampSpec, Vec<Metric>), CliError> {
    let is_of_feedback = |metric| matches!(metric, Metric::ThumbsDownRate | Metric::Score);
    let mut left_out = looked_at(ramp);
    left_out.retain(|metric| is_of_feedback(*metric));
    let critical = |ramp: &RampSpec| {
        ramp.analysis.gates.iter().filter(|gate| gate.spec.is_critical).count() as f64
    };
    let mut rest = ramp.clone();
    rest.analysis.gates.retain(|gate| !is_of_feedback(gate.spec.metric));
    rest.tripwires.retain(|wire| !is_of_feedback(wire.metric));
    let (kept, all) = (critical(&rest), critical(ramp));
    if kept == 0.0 {
        let why = "every critical gate of the ramp looks at feedback, and how many users give it is \
                   not known here";
        return Err(CliError::Usage(why.to_owned()));
    }
    rest.analysis.alpha *= kept / all;
    Ok((rest, left_out))
}

/// What is said of what was left out, as a line.
pub fn about_left_out(left_out: &[Metric]) -> Option<String> {
    let names: Vec<&str> = left_out.iter().map(|it| it.as_str()).collect();
    let style = super::output::DOUBTFUL;
    let left_out = super::output::styled(style, "Left out:");
    (!names.is_empty()).then(|| {
        format!(
            "{left_out} {}. How many users give feedback is not known here; a critical gate on it \
             holds the ramp until there is enough.\n",
            names.join(", ")
        )
    })
}

/// A share in percent, with at most two decimals.
pub fn percentage(text: &str) -> Result<Share, String> {
    let mend = "write a share in percent, from 0 to 100, with at most two decimals, such as 25";
    let number = text.strip_suffix('%').unwrap_or(text);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) || decimals.len() > 2 {
        return Err(mend.to_owned());
    }
    let scale = 10_u64.pow(u32::try_from(decimals.len()).unwrap_or_default());
    let all = 100 * scale;
    let green = format!("{whole}{decimals}").parse().ok().filter(|it: &u64| *it <= all);
    green.and_then(|green| Share::new(all - green, green)).ok_or_else(|| mend.to_owned())
}

fn above_0(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|it: &f64| *it > 0.0 && *it <= 1e6);
    number.ok_or_else(|| "write a number above 0 and at most 1000000".to_owned())
}

// === impl Assumed ===

impl Assumed {
    pub fn of(world: &World) -> Self {
        let users = match world.users {
            Users::Independent => None,
            Users::Sticky { count, .. } => u32::try_from(count).ok(),
        };
        let metric = |it: &Behaviour| AssumedMetric {
            metric: it.metric,
            blue: it.blue,
            spread: (!it.is_rate()).then_some(it.spread),
            green_times: it.green,
        };
        let metrics = world.behaviours.iter().map(metric).collect();
        Self { requests_per_second: world.per_second, users, metrics }
    }

    /// For people: what was said and what was taken for usual.
    pub fn text(&self) -> String {
        let users = match self.users {
            Some(users) => format!("{} users", count(users.into())),
            None => "each request from another user (--users)".to_owned(),
        };
        let metrics = self.metrics.iter().map(AssumedMetric::text).collect::<Vec<_>>().join(", ");
        format!("{} requests a second, {users}\nblue: {metrics}\n", self.requests_per_second)
    }
}

impl AssumedMetric {
    fn text(&self) -> String {
        let Self { metric, blue, .. } = self;
        let value = match metric {
            Metric::Duration | Metric::Ttft if *blue >= 1000.0 => format!("{} s", blue / 1e3),
            Metric::Duration | Metric::Ttft => format!("{blue} ms"),
            Metric::Cost => format!("{blue} USD"),
            Metric::OutputTokens => format!("{blue}"),
            _ => super::output::percent(*blue),
        };
        format!("{metric} {value}")
    }
}
