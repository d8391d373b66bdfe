//! Converts a raw configuration into a valid one. Each section has a file with its checks.

use serde_json::json;

use super::answers::{FormatsInRequests, check_answers};
use super::checks::{check_cluster_name, check_header_name, check_own_header_name, check_weights};
use super::console_path::check_console_path;
use super::conversation::{ConversationConfig, check_conversation};
use super::diagnostics::Diagnostics;
use super::failover::{ReleaseClusters, check_failover};
use super::feedback::check_feedback;
use super::fleet::{check_fleet, start_delay};
use super::judge::{JudgeContext, check_judge};
use super::ramp::check_ramp;
use super::ramp_context::RampContext;
use super::raw::root::{RawAnswers, RawConfig, RawPins, RawVersions};
use super::raw::sections::RawRequest;
use super::request_patch::check_request_patch;
use super::rollout_config::Config;
use super::route_by::RouteBy;
use super::routing::{check_cluster, check_read_body, reject_cluster_routing};
use super::samples::{SamplesContext, check_samples};
use super::section::{Section, valid};
use super::shadow::{ShadowConfig, check_shadow};
use super::unit::check_unit;
use super::{FieldError, InvalidConfig, Role};
use crate::assignment::{Pins, Share, UnitSource, Version};
use crate::names::{ClusterName, HeaderName, RolloutName};
use crate::patch::RequestPatch;
use crate::response::Formats;
use crate::rollout::RampSpec;

/// The headers that the filter writes, and the force header. `None` if invalid.
struct Headers {
    cluster: Option<HeaderName>,
    version: Option<HeaderName>,
    force: Section<HeaderName>,
}

impl TryFrom<RawConfig> for Config {
    type Error = InvalidConfig;

    fn try_from(raw: RawConfig) -> Result<Self, InvalidConfig> {
        let mut diagnostics = Diagnostics::default();
        let config = build(raw, &mut diagnostics);
        diagnostics.into_result(config)
    }
}

/// Builds the configuration; `None` if any section is invalid. All sections are checked before
/// the first `?`, so that all errors are reported.
fn build(raw: RawConfig, diagnostics: &mut Diagnostics) -> Option<Config> {
    let context = RampContext::new(&raw);
    let (judge_context, samples_context) = (JudgeContext::new(&raw), SamplesContext::new(&raw));
    reject_cluster_routing(&raw, diagnostics);
    let read_body = check_read_body(&raw, diagnostics);
    let RawVersions { mut blue, mut green } = raw.versions;
    let rollout = diagnostics.required("rollout", raw.rollout, check_rollout_name);
    let unit = check_unit(raw.unit, diagnostics);
    let route_by = raw.route_by;
    let blue_cluster = check_cluster(route_by, Version::Blue, &mut blue, diagnostics);
    let green_cluster = check_cluster(route_by, Version::Green, &mut green, diagnostics);
    let share =
        raw.weights.map_or(Some(Share::ZERO), |it| check_weights("weights", it, diagnostics));
    let feedback = raw.feedback.map(|it| check_feedback(it, diagnostics));
    let fleet = raw.fleet.map(|it| check_fleet(&it, raw.ramp.is_some(), diagnostics));
    let ramp = raw.ramp.map(|it| check_ramp(it, &context, start_delay(&fleet), diagnostics));
    let default_cluster =
        check_default_cluster(raw.default_cluster, blue_cluster.as_ref(), diagnostics);
    let clusters = ReleaseClusters {
        blue: blue_cluster.as_ref(),
        green: green_cluster.as_ref(),
        default: default_cluster.as_ref(),
    };
    let green_failover = check_failover(&mut blue, &mut green, &clusters, diagnostics);
    let pins = check_pins(&raw.pins, diagnostics);
    let names = [raw.cluster_header, raw.version_header, raw.force_header];
    let headers = Headers::check(names, diagnostics);
    let conversation = raw.conversation.map(|it| check_conversation(it, &unit, diagnostics));
    let has_shadow_step = ramp.iter().flatten().any(|ramp| ramp.shadow.is_some());
    let has_shadow = raw.shadow.is_some() || has_shadow_step || raw.role == Some(Role::Shadow);
    let needs_answers = has_shadow || raw.judge.is_some() || raw.samples.is_some();
    let raw_answers = raw.answers.or_else(|| implied_answers(&ramp, needs_answers));
    let include_usage = raw_answers.as_ref().is_some_and(|it| it.include_usage);
    let in_requests = FormatsInRequests::new(blue.request.as_ref(), green.request.as_ref());
    let mut formats = Formats { blue: blue.format, green: green.format, ..Formats::default() };
    let answers = check_answers(raw_answers, raw.prices, &mut formats, &in_requests, diagnostics);
    let judge = raw.judge.map(|it| check_judge(it, &judge_context, answers.as_ref(), diagnostics));
    let samples = raw.samples.map(|it| check_samples(it, &samples_context, diagnostics));
    let max_request_body = check_max_request_body(raw.max_request_body, diagnostics);
    let console = check_console_path(raw.console, &feedback, diagnostics);
    let shadow = check_shadow(raw.shadow, has_shadow_step, in_requests.blue, diagnostics);
    let used_headers = used_headers(route_by, &headers, &shadow, &unit, &conversation);
    reject_shared_names(&used_headers, &unit, &conversation, diagnostics);
    let reserved: Vec<&HeaderName> = used_headers.iter().map(|(_, name)| *name).collect();
    let mut check_request = |field: &str, raw: Option<RawRequest>| {
        let (raw, max) = (raw.unwrap_or_default(), max_request_body);
        let patch = check_request_patch(field, raw, &reserved, include_usage, max, diagnostics);
        (patch != RequestPatch::default()).then_some(patch)
    };
    let blue_request = check_request("versions.blue.request", blue.request);
    let green_request = check_request("versions.green.request", green.request);
    Some(Config {
        rollout: rollout?,
        unit: unit?,
        route_by,
        blue_cluster: blue_cluster?,
        green_cluster: green_cluster?,
        default_cluster: default_cluster?,
        share: share?,
        ramp: valid(ramp)?,
        on_missing: raw.on_missing,
        pins,
        force_header: valid(headers.force)?,
        cluster_header: headers.cluster?,
        version_header: headers.version?,
        answers,
        formats,
        blue_request,
        green_request,
        max_request_body: max_request_body?,
        read_body,
        conversation: valid(conversation)?,
        shadow: valid(shadow)?,
        feedback: valid(feedback)?,
        fleet: valid(fleet)?,
        judge: valid(judge)?,
        samples: valid(samples)?,
        green_failover: valid(green_failover)?,
        role: raw.role,
        console: valid(console)?,
    })
}

/// The `answers` section of a configuration that has none. With a shadow, a judge or samples, bodies
/// of responses are read. With a ramp, responses are counted, and their bodies are read if a metric needs them. An
/// invalid ramp is treated as needing them, so that no other setting is reported as having no
/// effect.
fn implied_answers(ramp: &Section<RampSpec>, needs_answers: bool) -> Option<RawAnswers> {
    let read = match ramp {
        Some(ramp) => needs_answers || ramp.as_ref().is_none_or(RampSpec::reads_answers),
        None if needs_answers => true,
        None => return None,
    };
    Some(RawAnswers { read: Some(read), ..RawAnswers::default() })
}

/// All headers that the filter reads or writes, each with the field that names it.
fn used_headers<'a>(
    route_by: RouteBy,
    headers: &'a Headers,
    shadow: &'a Section<ShadowConfig>,
    unit: &'a Option<Vec<UnitSource>>,
    conversation: &'a Section<ConversationConfig>,
) -> Vec<(&'static str, &'a HeaderName)> {
    let mut used = Vec::new();
    if route_by == RouteBy::ClusterHeader {
        used.extend(headers.cluster.iter().map(|name| ("cluster_header", name)));
    }
    used.extend(headers.version.iter().map(|name| ("version_header", name)));
    used.extend(headers.force.iter().flatten().map(|name| ("force_header", name)));
    used.extend(shadow.iter().flatten().map(|it| ("shadow.header", &it.header)));
    used.extend(unit.iter().flatten().filter_map(UnitSource::header).map(|name| ("unit", name)));
    for conversation in conversation.iter().flatten() {
        let named = |sources: &'a [UnitSource], field| {
            sources.iter().filter_map(UnitSource::header).map(move |name| (field, name))
        };
        used.extend(named(&conversation.ids, "conversation.id"));
        used.extend(named(&conversation.markers, "conversation.marker"));
    }
    used
}

/// Adds an error for each header that is used for two purposes, and for each cookie of a start marker that has
/// another purpose: the filter would overwrite what the application has in it.
fn reject_shared_names(
    headers: &[(&str, &HeaderName)],
    unit: &Option<Vec<UnitSource>>,
    conversation: &Section<ConversationConfig>,
    diagnostics: &mut Diagnostics,
) {
    diagnostics.reject_shared_headers(headers);
    let Some(conversation) = conversation.iter().flatten().next() else { return };
    let units = unit.iter().flatten().map(|it| ("unit", it));
    let ids = conversation.ids.iter().map(|it| ("conversation.id", it));
    let others: Vec<_> = units.chain(ids).collect();
    for (index, marker) in conversation.markers.iter().enumerate() {
        let UnitSource::Cookie(name) = marker else { continue };
        let is_twice = conversation.markers.iter().take(index).any(|it| it == marker);
        let fix = match others.iter().find(|(_, it)| *it == marker) {
            Some((field, _)) => format!("is already used for {field}; use another cookie"),
            None if is_twice => "is listed twice; remove one".to_owned(),
            None => continue,
        };
        diagnostics.push(FieldError::new("conversation.marker", &json!(name.as_str()), fix));
    }
}

// === impl Headers ===

impl Headers {
    fn check(
        [cluster, version, force]: [Option<String>; 3],
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let force = force.map(|name| diagnostics.checked("force_header", &name, check_header_name));
        let mut own = |field, name: Option<String>, default| {
            check_own_header_name(field, name.as_deref(), default, diagnostics)
        };
        Self {
            cluster: own("cluster_header", cluster, "x-verdigris-cluster"),
            version: own("version_header", version, "x-verdigris-version"),
            force,
        }
    }
}

fn check_rollout_name(name: &str) -> Result<RolloutName, &'static str> {
    RolloutName::new(name).ok_or(RolloutName::RULE)
}

/// The cluster that early header mutation writes: blue's by default.
fn check_default_cluster(
    raw: Option<String>,
    blue: Option<&ClusterName>,
    diagnostics: &mut Diagnostics,
) -> Option<ClusterName> {
    match raw {
        Some(name) => diagnostics.checked("default_cluster", &name, check_cluster_name),
        None => blue.cloned(),
    }
}

/// The default, below Envoy's buffer limit, which is 1 MiB by default.
const MAX_REQUEST_BODY: usize = 1_000_000;

fn check_max_request_body(raw: Option<u64>, diagnostics: &mut Diagnostics) -> Option<usize> {
    let Some(bytes) = raw else { return Some(MAX_REQUEST_BODY) };
    let size = usize::try_from(bytes).ok().filter(|size| (1..=1 << 30).contains(size));
    if size.is_none() {
        let fix = "write a number of bytes from 1 to 1073741824, below Envoy's buffer limit, such as 1000000";
        diagnostics.push(FieldError::new("max_request_body", &json!(bytes), fix));
    }
    size
}

fn check_pins(raw: &RawPins, diagnostics: &mut Diagnostics) -> Pins {
    let mut pins = Pins::default();
    let lists = [(Version::Blue, &raw.blue), (Version::Green, &raw.green)];
    for (version, (index, unit)) in lists
        .iter()
        .flat_map(|(version, units)| units.iter().enumerate().map(move |it| (*version, it)))
    {
        let field = format!("pins.{version}[{index}]");
        if unit.is_empty() || unit.trim() != unit {
            let fix =
                "a unit is not empty and has no surrounding whitespace; correct or remove the pin";
            diagnostics.push(FieldError::new(&field, &json!(unit), fix));
        } else if pins.insert(unit.as_bytes(), version).is_some_and(|other| other != version) {
            let fix = "the unit is pinned to both versions; keep one";
            diagnostics.push(FieldError::new(&field, &json!(unit), fix));
        }
    }
    pins
}
