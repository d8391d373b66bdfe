//! The `judge` section: a model that judges sampled answers.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Map, Number, Value, json};

use super::FieldError;
use super::answers::AnswersConfig;
use super::called_cluster::{VersionClusters, check_path, check_sample, disables_reading};
use super::diagnostics::Diagnostics;
use super::raw::judge::RawJudge;
use super::raw::ramp::RawStep;
use super::raw::root::{RawConfig, RawVersion};
use super::role::Role;
use super::time::parse_duration;
use crate::judge::{JudgeMode, JudgeParameters};
use crate::names::ClusterName;
use crate::response::Price;
use crate::sampling::Sampler;

/// A model that judges sampled answers.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeConfig {
    /// The cluster of Envoy that serves the judge.
    pub cluster: ClusterName,
    /// The host name in requests.
    pub host: Box<str>,
    /// The path of its Chat Completions API.
    pub path: Box<str>,
    /// The name of the model in requests.
    pub model: Box<str>,
    /// By what the judge is to judge.
    pub rubric: Box<str>,
    /// Which questions the judge gets.
    pub mode: JudgeMode,
    /// Which requests are sampled.
    pub sampler: Sampler,
    /// How many questions are open at the same time, for each worker.
    pub in_flight: usize,
    /// How long the judge may take for an answer.
    pub timeout: Duration,
    /// Its other parameters.
    pub parameters: JudgeParameters,
    /// The price of the judge's tokens, if it is configured.
    pub price: Option<Price>,
    /// The most that the judge may cost in a day of UTC, in millionths of a US dollar; `None`: there is
    /// no ceiling.
    pub max_cost_microusd: Option<u64>,
}

/// The facts of the other sections that the judge depends on.
pub(super) struct JudgeContext {
    clusters: VersionClusters,
    /// The models that the versions write to their requests, each with its field.
    models: Vec<(&'static str, String)>,
    has_shadow_step: bool,
    disables_reading: bool,
}

const PATH: &str = "/v1/chat/completions";

const RUBRIC: &str = "How well does the answer do what the request asks: is it correct and complete, \
                      and does it follow the instructions? Length, style and formatting do not count, \
                      unless the request asks for them.";

const IN_FLIGHT: u64 = 4;
const MAX_IN_FLIGHT: u64 = 32;
const MAX_BYTES: u64 = 24_000;
const ALLOWED_BYTES: std::ops::RangeInclusive<u64> = 1_000..=262_144;
const MAX_BLUE_PER_GREEN: u64 = 100;
const MAX_RUBRIC: usize = 8_000;
const MAX_MODEL: usize = 256;
const TIMEOUT: Duration = Duration::from_secs(20);

/// The largest ceiling, in US dollars.
const MAX_COST: f64 = 1e6;

/// How often in a second a worker takes up new answers and pairs: at each tick.
const BEGINS_PER_SECOND: f64 = 2.0;

// === impl JudgeConfig ===

impl JudgeConfig {
    /// How many answers or pairs a worker can begin to judge in a second, at most: with a judge that
    /// answers within a tick.
    pub fn max_begun_per_second(&self) -> f64 {
        BEGINS_PER_SECOND * self.in_flight as f64
    }
}

// === impl JudgeContext ===

impl JudgeContext {
    /// The context of the judge in this configuration.
    pub fn new(raw: &RawConfig) -> Self {
        let versions = [
            ("versions.blue.request.model", &raw.versions.blue),
            ("versions.green.request.model", &raw.versions.green),
        ];
        let model = |(field, version): &(_, &RawVersion)| {
            Some((*field, version.request.as_ref()?.model.clone()?))
        };
        let merged = [
            ("versions.blue.request.merge.model", &raw.versions.blue),
            ("versions.green.request.merge.model", &raw.versions.green),
        ];
        let merged_model = |(field, version): &(_, &RawVersion)| {
            let merge = version.request.as_ref()?.merge.as_ref()?;
            Some((*field, merge.get("model")?.as_str()?.to_owned()))
        };
        let steps = raw.ramp.as_ref().and_then(|ramp| ramp.steps.as_ref());
        Self {
            clusters: VersionClusters::new(raw),
            models: (versions.iter().filter_map(model))
                .chain(merged.iter().filter_map(merged_model))
                .collect(),
            has_shadow_step: raw.role == Some(Role::Shadow)
                || steps.is_some_and(|steps| steps.iter().any(RawStep::is_shadow)),
            disables_reading: disables_reading(raw),
        }
    }
}

/// Checks the `judge` section. `answers` has the prices of tokens.
pub(super) fn check_judge(
    raw: RawJudge,
    context: &JudgeContext,
    answers: Option<&AnswersConfig>,
    diagnostics: &mut Diagnostics,
) -> Option<JudgeConfig> {
    let why = "and no version may judge its own answers; write another cluster";
    let cluster = context.clusters.check("judge.cluster", raw.cluster, why, diagnostics);
    let path = raw.path.as_deref().unwrap_or(PATH);
    let rule = r#"write the path of the Chat Completions API, such as "/v1/chat/completions""#;
    let path = check_path("judge.path", path, rule, diagnostics);
    let host = check_host(raw.host.as_deref(), cluster.as_ref(), diagnostics);
    let model = check_model(raw.model, context, diagnostics);
    let rubric = check_rubric(raw.rubric.as_deref(), diagnostics);
    if raw.mode.has_pairs() && !context.has_shadow_step {
        let fix = "pairs of answers are made in a shadow step; write {\"shadow\": \"10%\"} as the \
                   first of ramp.steps, or write \"score\"";
        diagnostics.push(FieldError::new("judge.mode", &json!(raw.mode.as_str()), fix));
    }
    if context.disables_reading {
        let fix = "the judge needs the text of answers; write true, or remove judge";
        diagnostics.push(FieldError::new("answers.read", &json!(false), fix));
    }
    let sampler =
        check_sampler(raw.sample.as_ref(), raw.max_bytes, raw.blue_per_green, diagnostics);
    let in_flight = check_integer(
        "judge.in_flight",
        raw.in_flight.unwrap_or(IN_FLIGHT),
        1..=MAX_IN_FLIGHT,
        diagnostics,
    );
    let timeout = check_timeout(raw.timeout.as_deref(), diagnostics);
    let parameters = check_parameters(raw.parameters, diagnostics);
    let price =
        model.as_ref().zip(answers).and_then(|(model, it)| it.prices.find(model.as_bytes()));
    let ceiling = raw.max_cost_per_day.as_ref();
    let max_cost = check_max_cost(ceiling, model.as_deref(), price, diagnostics);
    Some(JudgeConfig {
        cluster: cluster?,
        host: host?,
        path: path?,
        model: model?,
        rubric: rubric?,
        mode: raw.mode,
        sampler: sampler?,
        in_flight: usize::try_from(in_flight?).ok()?,
        timeout: timeout?,
        parameters: parameters?,
        price: price.copied(),
        max_cost_microusd: max_cost?,
    })
}

/// The host name of requests: the cluster's name by default, without what no host name has.
fn check_host(
    raw: Option<&str>,
    cluster: Option<&ClusterName>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<str>> {
    let is_in_host = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_' | ':');
    let Some(host) = raw else {
        return Some(cluster?.as_str().replace(|it| !is_in_host(it), "-").into());
    };
    diagnostics.checked("judge.host", host, |host| {
        let is_host = (1..=255).contains(&host.len()) && host.chars().all(is_in_host);
        let rule = r#"write the host name of the judge's API, such as "api.openai.com""#;
        if is_host { Ok(Box::from(host)) } else { Err(rule) }
    })
}

fn check_model(
    raw: Option<String>,
    context: &JudgeContext,
    diagnostics: &mut Diagnostics,
) -> Option<Box<str>> {
    let model: Box<str> = diagnostics.required("judge.model", raw, |model| {
        let is_valid = !model.is_empty()
            && model.trim() == model
            && model.len() <= MAX_MODEL
            && !model.contains(char::is_control);
        let rule = "write the model's name in at most 256 bytes, such as \"gpt-4o-mini\"";
        if is_valid { Ok(Box::from(model)) } else { Err(rule) }
    })?;
    let arm = context.models.iter().find(|(_, name)| *name == *model);
    if let Some((field, _)) = arm {
        let fix = format!(
            "is {field}, and a model prefers its own answers; write a model of another family"
        );
        diagnostics.push(FieldError::new("judge.model", &json!(*model), fix));
    }
    arm.is_none().then_some(model)
}

fn check_rubric(raw: Option<&str>, diagnostics: &mut Diagnostics) -> Option<Box<str>> {
    diagnostics.checked("judge.rubric", raw.unwrap_or(RUBRIC), |rubric| {
        let is_valid = !rubric.trim().is_empty() && rubric.len() <= MAX_RUBRIC;
        let rule = "write the criteria for the judge, in at most 8000 bytes";
        if is_valid { Ok(Box::from(rubric)) } else { Err(rule) }
    })
}

fn check_sampler(
    sample: Option<&Number>,
    max_bytes: Option<u64>,
    blue_per_green: Option<u64>,
    diagnostics: &mut Diagnostics,
) -> Option<Sampler> {
    let share = check_sample("judge.sample", sample, "judged", diagnostics);
    let max_bytes = max_bytes.unwrap_or(MAX_BYTES);
    let max_bytes = check_integer("judge.max_bytes", max_bytes, ALLOWED_BYTES, diagnostics);
    let blue_per_green = blue_per_green.unwrap_or(1);
    let allowed = 1..=MAX_BLUE_PER_GREEN;
    let ratio = check_integer("judge.blue_per_green", blue_per_green, allowed, diagnostics);
    Some(Sampler {
        share: share?,
        blue_per_green: u32::try_from(ratio?).ok().and_then(NonZeroU32::new)?,
        max_bytes: usize::try_from(max_bytes?).ok()?,
    })
}

fn check_integer(
    field: &str,
    number: u64,
    allowed: std::ops::RangeInclusive<u64>,
    diagnostics: &mut Diagnostics,
) -> Option<u64> {
    if allowed.contains(&number) {
        return Some(number);
    }
    let fix = format!("write a whole number from {} to {}", allowed.start(), allowed.end());
    diagnostics.push(FieldError::new(field, &json!(number), fix));
    None
}

fn check_timeout(raw: Option<&str>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let Some(text) = raw else { return Some(TIMEOUT) };
    let timeout = parse_duration(text).filter(|timeout| !timeout.is_zero());
    if timeout.is_none() {
        let fix = "write how long the judge may take for an answer, above 0 and at most 365 days, such \
                   as \"20s\"";
        diagnostics.push(FieldError::new("judge.timeout", &json!(text), fix));
    }
    timeout
}

fn check_parameters(
    raw: Option<Map<String, Value>>,
    diagnostics: &mut Diagnostics,
) -> Option<JudgeParameters> {
    JudgeParameters::new(raw.unwrap_or_default())
        .map_err(|(name, value, fix)| {
            diagnostics.push(FieldError::new(format!("judge.parameters.{name}"), &value, fix));
        })
        .ok()
}

/// The ceiling in millionths of a US dollar, which needs the price of the judge's tokens; `None` if
/// the ceiling is invalid, `Some(None)` without one.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range by the check")]
fn check_max_cost(
    raw: Option<&Number>,
    model: Option<&str>,
    price: Option<&Price>,
    diagnostics: &mut Diagnostics,
) -> Option<Option<u64>> {
    let Some(raw) = raw else { return Some(None) };
    let mut reject = |fix: &str| {
        diagnostics.push(FieldError::new("judge.max_cost_per_day", &json!(raw), fix));
    };
    let Some(dollars) = raw.as_f64().filter(|dollars| (1e-6..=MAX_COST).contains(dollars)) else {
        reject(
            "write the most that the judge may cost in a day, in US dollars, at least 0.000001, such as 5",
        );
        return None;
    };
    match (model, price) {
        (Some(model), None) => reject(&format!(
            "the judge's cost is not known without a price; add \
             \"prices\": {{\"{model}\": {{\"input\": 0.15, \"output\": 0.6}}}}"
        )),
        (_, Some(Price { input: 0, output: 0, .. })) => reject(
            "the price of the judge's model is 0, so that the ceiling is never reached; write its \
             price, or remove max_cost_per_day",
        ),
        _ => {}
    }
    Some(Some((dollars * 1e6).round() as u64))
}
