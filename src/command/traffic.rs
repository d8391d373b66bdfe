//! The options that describe a ramp's traffic.

use clap::Args;
use serde::Serialize;

use super::numbers::whole_number;
use super::output::{CliError, DOUBTFUL, count, percent, styled};
use super::scenario::{
    BlueBehaviour, GreenBehaviour, behaviours, blue_rate, check_metrics, parse_blue,
};
use crate::analysis::{AnalysisUnit, ByVersion, Metric};
use crate::assignment::Share;
use crate::config::{Config, JudgeConfig};
use crate::rollout::RampSpec;
use crate::simulate::{Behaviour, Timing, Users, World};

/// The traffic of a ramp.
#[derive(Args)]
pub struct TrafficArgs {
    /// Requests per second of both versions together.
    #[arg(long, value_name = "N", default_value = "50", value_parser = positive_rate, allow_negative_numbers = true)]
    rps: f64,
    /// The number of users, some of whom send more requests than others. Without it, each
    /// request comes from another user.
    #[arg(long, value_name = "N", value_parser = whole_number::<u32>(2..=10_000_000), allow_negative_numbers = true)]
    users: Option<u32>,
    /// Blue's behaviour, such as "errors=0.5% duration=2s~0.6".
    #[arg(long, value_name = "BEHAVIOUR", default_value = "", hide_default_value = true, value_parser = parse_blue)]
    blue: ParsedList<BlueBehaviour>,
    /// The fraction of the variance of values' logarithms that the request explains, from 0 to 1: what
    /// a ramp with "adjust" takes out.
    #[arg(long, value_name = "FRACTION", default_value = "0", hide_default_value = true, value_parser = fraction, allow_negative_numbers = true)]
    explained: f64,
    /// The share of a judge's verdicts on pairs that agree in both orders, from 0 to 1: for a shadow
    /// step with a judge.
    #[arg(long, value_name = "FRACTION", default_value_t = DEFAULT_AGREEMENT, value_parser = positive_fraction, allow_negative_numbers = true)]
    agreement: f64,
    /// The workers of all Envoys. Each has its own limit of pairs that are with a judge: for a shadow
    /// step with a judge.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_WORKERS, value_parser = whole_number::<u32>(1..=100_000), allow_negative_numbers = true)]
    workers: u32,
}

const DEFAULT_AGREEMENT: f64 = 0.7;
const DEFAULT_WORKERS: u32 = 1;

/// A list parsed from one argument. (clap would take a plain `Vec` for repeated arguments.)
type ParsedList<T> = Vec<T>;

/// The shape of the gamma distribution of users' rates of bad answers. 1 is an exponential
/// distribution.
pub const EVENT_SHAPE: f64 = 1.0;

/// The traffic that a plan or a simulation assumes.
#[derive(Serialize)]
pub struct Assumptions {
    pub requests_per_second: f64,
    /// `None` if each request comes from another user.
    pub users: Option<u32>,
    /// The fraction of the variance of values' logarithms that the request explains.
    pub explained: f64,
    pub metrics: Vec<AssumedMetric>,
}

/// The assumed behaviour in a metric.
#[derive(Serialize)]
pub struct AssumedMetric {
    pub metric: Metric,
    /// Blue's rate, or the median of its values: times in milliseconds, cost in US dollars.
    pub blue: f64,
    /// The standard deviation of the logarithm of values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// Green's value as a multiple of blue's.
    pub green_times: f64,
}

// === impl TrafficArgs ===

impl TrafficArgs {
    /// Adds blue's rate in a metric, given by an option of its own.
    ///
    /// # Errors
    /// The text is no rate, or `--blue` has the metric already.
    pub fn add_rate(&mut self, option: &str, metric: Metric, text: &str) -> Result<(), CliError> {
        let failed = |fix: &str| CliError::Usage(format!("{option} {text:?}: {fix}"));
        let rate = blue_rate(metric, text).map_err(|fix| failed(&fix))?;
        if self.blue.iter().any(|it| it.metric == metric) {
            return Err(failed("--blue has this rate already; remove one of them"));
        }
        self.blue.push(rate);
        Ok(())
    }

    /// The options for the same traffic, as arguments of another command.
    pub fn arguments(&self) -> String {
        let mut all = format!("--rps {}", self.rps);
        if let Some(users) = self.users {
            all += &format!(" --users {users}");
        }
        if !self.blue.is_empty() {
            let blue: Vec<String> = self.blue.iter().map(ToString::to_string).collect();
            all += &format!(" --blue '{}'", blue.join(" "));
        }
        if self.explained > 0.0 {
            all += &format!(" --explained {}", self.explained);
        }
        if self.agreement != DEFAULT_AGREEMENT {
            all += &format!(" --agreement {}", self.agreement);
        }
        if self.workers != DEFAULT_WORKERS {
            all += &format!(" --workers {}", self.workers);
        }
        all
    }

    /// The synthetic traffic for simulated ramps. Slow responses are those above the objective that
    /// the ramp learns, unless their rate is given.
    ///
    /// # Errors
    /// As for [`Self::world`].
    pub fn simulated_world(
        &self,
        ramp: &RampSpec,
        green: &[GreenBehaviour],
    ) -> Result<World, CliError> {
        let mut world = self.world(ramp, green)?;
        let is_given = self.blue.iter().any(|it| it.metric == Metric::SlowRate)
            || green.iter().any(|it| it.metric == Metric::SlowRate);
        if ramp.analysis.learns_objective && !is_given {
            world.behaviours.retain(|it| it.metric != Metric::SlowRate);
        }
        Ok(world)
    }

    /// The same traffic with the judge of pairs that the configuration has, if it has one.
    pub fn with_judge(&self, config: &Config, world: World) -> World {
        let judged = self.judged_pairs(config).unwrap_or_default();
        World { judged_pairs: judged * self.agreement, ..world }
    }

    /// The share of a shadow step's pairs that a judge compares, from 0 to 1; `None` without such a
    /// judge. It is the configured one, or what the workers can begin.
    pub fn judged_pairs(&self, config: &Config) -> Option<f64> {
        let judge = judge_of_pairs(config)?;
        let share = config.ramp.as_ref()?.shadow?.share.fraction();
        let begun_per_second = f64::from(self.workers) * judge.max_begun_per_second();
        Some(judge.sampler.share.min(begun_per_second / (self.rps * share)))
    }

    /// The synthetic traffic for a ramp.
    ///
    /// # Errors
    /// The ramp does not depend on a given metric, or on users.
    pub fn world(&self, ramp: &RampSpec, green: &[GreenBehaviour]) -> Result<World, CliError> {
        let metrics = metrics_of(ramp);
        check_metrics(&metrics, &self.blue, green).map_err(CliError::Usage)?;
        let behaviours = behaviours(&metrics, &self.blue, green).map_err(CliError::Usage)?;
        let users = match self.users {
            Some(_) if ramp.analysis.unit == AnalysisUnit::EveryRequest => {
                let why = "--users: the ramp counts every request (evidence), whoever sends it; \
                           remove the option";
                return Err(CliError::Usage(why.to_owned()));
            }
            Some(count) => Users::Sticky { count: count as usize, shape: EVENT_SHAPE },
            None => Users::Independent,
        };
        Ok(World {
            per_second: self.rps,
            users,
            behaviours,
            green_differs_s: World::WHOLE_RUN,
            incident: None,
            unread: ByVersion::default(),
            failure_ms: None,
            timing: Timing::default(),
            explained: self.explained,
            judged_pairs: 0.0,
            drift: None,
        })
    }
}

/// The metrics of the ramp's gates and tripwires, the times whose quantiles they compare, and the
/// duration, which every answer has.
fn metrics_of(ramp: &RampSpec) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for metric in ramp.metrics().chain([Metric::Duration]) {
        let time = metric.quantile().map(|it| it.time);
        if let Some(time) = time.filter(|time| !metrics.contains(time)) {
            metrics.push(time);
        }
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    metrics
}

/// The ramp of a configuration.
///
/// # Errors
/// The configuration has weights.
pub fn ramp_of<'a>(file: &str, config: &'a Config) -> Result<&'a RampSpec, CliError> {
    config.ramp.as_ref().ok_or_else(|| {
        CliError::Invalid(format!(
            "{file}: the configuration has no ramp: replace weights with \"ramp\": {{}}"
        ))
    })
}

/// The ramp of a configuration without its gates and tripwires on feedback, and their metrics. How many
/// users give feedback cannot be predicted, and a gate on feedback holds the ramp until enough do. A
/// gate on a judge's preference is kept where the configuration has such a judge.
///
/// Each other gate keeps its part of alpha, which critical gates share.
///
/// # Errors
/// All critical gates are on feedback.
pub fn without_feedback(
    config: &Config,
    ramp: &RampSpec,
) -> Result<(RampSpec, Vec<Metric>), CliError> {
    let has_pairs = judge_of_pairs(config).is_some();
    let is_feedback = |metric| match metric {
        Metric::ThumbsDownRate | Metric::Score => true,
        Metric::Preference => !has_pairs,
        _ => false,
    };
    let mut left_out = metrics_of(ramp);
    left_out.retain(|metric| is_feedback(*metric));
    let critical = |ramp: &RampSpec| {
        ramp.analysis.gates.iter().filter(|gate| gate.spec.is_critical).count() as f64
    };
    let mut rest = ramp.clone();
    rest.analysis.gates.retain(|gate| !is_feedback(gate.spec.metric));
    rest.tripwires.retain(|wire| !is_feedback(wire.metric));
    let (kept, all) = (critical(&rest), critical(ramp));
    if kept == 0.0 {
        let why = "every critical gate of the ramp is on feedback, and how many users give feedback \
                   cannot be predicted";
        return Err(CliError::Usage(why.to_owned()));
    }
    rest.analysis.alpha *= kept / all;
    Ok((rest, left_out))
}

/// The judge that compares pairs of a shadow step, if the configuration has one.
fn judge_of_pairs(config: &Config) -> Option<&JudgeConfig> {
    let has_step = config.ramp.as_ref().is_some_and(|ramp| ramp.shadow.is_some());
    config.judge.as_ref().filter(|it| it.mode.has_pairs() && has_step)
}

/// A line that lists the metrics left out by [`without_feedback`].
pub fn left_out_line(left_out: &[Metric]) -> Option<String> {
    let names: Vec<&str> = left_out.iter().map(|it| it.as_str()).collect();
    let label = styled(DOUBTFUL, "Left out:");
    (!names.is_empty()).then(|| {
        format!(
            "{label} {}. How many users give feedback, and what a judge's scores are, cannot be \
             predicted; a critical gate on them holds the ramp until there is enough.\n",
            names.join(", ")
        )
    })
}

/// Parses a share in percent with at most two decimals.
///
/// # Errors
/// It is no such number from 0 to 100.
pub fn percentage(text: &str) -> Result<Share, String> {
    let fix = "write a share in percent, from 0 to 100, with at most two decimals, such as 25";
    let number = text.strip_suffix('%').unwrap_or(text);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) || decimals.len() > 2 {
        return Err(fix.to_owned());
    }
    let scale = 10_u64.pow(u32::try_from(decimals.len()).unwrap_or_default());
    let all = 100 * scale;
    let green = format!("{whole}{decimals}").parse().ok().filter(|it: &u64| *it <= all);
    green.and_then(|green| Share::new(all - green, green)).ok_or_else(|| fix.to_owned())
}

fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|it: &f64| (0.0..1.0).contains(it));
    number.ok_or_else(|| "write a fraction from 0 to below 1, such as 0.5".to_owned())
}

fn positive_fraction(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|it: &f64| *it > 0.0 && *it <= 1.0);
    number.ok_or_else(|| "write a fraction above 0 and at most 1, such as 0.7".to_owned())
}

fn positive_rate(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|it: &f64| *it > 0.0 && *it <= 1e6);
    number.ok_or_else(|| "write a number above 0 and at most 1000000, such as 50".to_owned())
}

// === impl Assumptions ===

impl Assumptions {
    /// The assumptions that a world is made from.
    pub fn from_world(world: &World) -> Self {
        let users = match world.users {
            Users::Independent => None,
            Users::Sticky { count, .. } | Users::Unequal { count, .. } => u32::try_from(count).ok(),
        };
        let metric = |it: &Behaviour| AssumedMetric {
            metric: it.metric,
            blue: it.blue,
            spread: (!it.is_rate()).then_some(it.spread),
            green_times: it.green,
        };
        let metrics = world.behaviours.iter().map(metric).collect();
        let explained = world.explained;
        Self { requests_per_second: world.per_second, users, explained, metrics }
    }

    /// Two lines of text: the traffic, and blue's behaviour.
    pub fn text(&self) -> String {
        let users = match self.users {
            Some(users) => format!("{} users", count(users.into())),
            None => "each request from another user (--users)".to_owned(),
        };
        let metrics = self.metrics.iter().map(AssumedMetric::text).collect::<Vec<_>>().join(", ");
        let explained = match self.explained > 0.0 {
            true => {
                format!("; the request explains {} of values' variance", percent(self.explained))
            }
            false => String::new(),
        };
        format!(
            "{} requests per second, {users}\nblue: {metrics}{explained}\n",
            self.requests_per_second
        )
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
            _ => percent(*blue),
        };
        format!("{metric} {value}")
    }
}
