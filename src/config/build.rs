//! From a raw configuration to a valid one: each section checked by its own file, all errors at once.

use serde_json::json;

use super::answers::{AnswersConfig, answers};
use super::checks::{cluster_name, header_name, own_header_name, share};
use super::conversation::{ConversationConfig, conversations};
use super::diagnostics::Diagnostics;
use super::failover::{ReleaseClusters, failover};
use super::feedback::feedback;
use super::ramp::{RampContext, ramp};
use super::raw::release::RawRequest;
use super::raw::root::{RawAnswers, RawConfig, RawPins, RawPrice};
use super::release::Config;
use super::request_patch::request_patch;
use super::shadow::{ShadowConfig, shadow};
use super::unit::unit;
use super::{FieldError, InvalidConfig, Role};
use crate::assignment::{Pins, UnitSource, Version};
use crate::names::{HeaderName, RolloutName};
use crate::patch::RequestPatch;
use crate::response::Formats;
use crate::rollout::RampSpec;

/// A section that may be left out: `None` where it is, `Some(None)` where it is invalid.
type Section<T> = Option<Option<T>>;

/// The headers that the filter writes, and the one by which a request chooses its version.
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

/// The configuration, or `None` if any part is invalid. Every part is checked before the first `?`, so
/// that all errors are noted.
fn build(raw: RawConfig, diagnostics: &mut Diagnostics) -> Option<Config> {
    let rollout = diagnostics.required("rollout", raw.rollout.clone(), |name| {
        RolloutName::new(name).ok_or(RolloutName::RULE)
    });
    let unit = unit(raw.unit.clone(), diagnostics);
    let [blue, green] = [raw.versions.blue.clone(), raw.versions.green.clone()];
    let blue_cluster = diagnostics.required("versions.blue.cluster", blue.cluster, cluster_name);
    let green_cluster = diagnostics.required("versions.green.cluster", green.cluster, cluster_name);
    let context = RampContext::new(&raw);
    let share = share(raw.weights, diagnostics);
    let feedback = raw.feedback.map(|it| feedback(it, diagnostics));
    let ramp = raw.ramp.map(|it| ramp(it, &context, diagnostics));
    let default_cluster = match raw.default_cluster {
        Some(name) => diagnostics.checked("default_cluster", &name, cluster_name),
        None => blue_cluster.clone(),
    };
    let clusters = ReleaseClusters {
        blue: blue_cluster.as_ref(),
        green: green_cluster.as_ref(),
        default: default_cluster.as_ref(),
    };
    let green_failover = failover(blue.failover, green.failover, &clusters, diagnostics);
    let pins = pins(&raw.pins, diagnostics);
    let names = [raw.cluster_header, raw.version_header, raw.force_header];
    let headers = Headers::check(names, diagnostics);
    let conversation = raw.conversation.map(|it| conversations(it, diagnostics));
    let mut formats = Formats { blue: blue.format, green: green.format, ..Formats::default() };
    let has_shadow = raw.shadow.is_some() || raw.role == Some(Role::Shadow);
    let raw_answers = raw.answers.or_else(|| implied_answers(&ramp, has_shadow));
    let asks_for_usage = raw_answers.as_ref().is_some_and(|it| it.include_usage);
    let has_patch = [blue.request.is_some(), green.request.is_some()];
    let prices: Vec<(String, RawPrice)> = raw.prices;
    let answers: Option<AnswersConfig> =
        answers(raw_answers, prices, &mut formats, has_patch, diagnostics);
    let max_request_body = max_request_body(raw.max_request_body, diagnostics);
    let shadow = raw.shadow.map(|it| shadow(it, has_patch[0], diagnostics));
    let used = used_headers(&headers, &shadow, &unit, &conversation);
    diagnostics.refuse_shared_headers(&used);
    let own: Vec<&HeaderName> = used.iter().map(|(_, name)| *name).collect();
    let mut request = |field: &str, raw: Option<RawRequest>| {
        let raw = raw.unwrap_or_default();
        let patch = request_patch(field, raw, &own, asks_for_usage, diagnostics);
        (patch != RequestPatch::default()).then_some(patch)
    };
    let blue_request = request("versions.blue.request", blue.request);
    let green_request = request("versions.green.request", green.request);
    Some(Config {
        rollout: rollout?,
        unit: unit?,
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
        conversation: valid(conversation)?,
        shadow: valid(shadow)?,
        feedback: valid(feedback)?,
        green_failover: valid(green_failover)?,
        role: raw.role,
    })
}

/// A section as the configuration has it; `None` if it is invalid.
fn valid<T>(section: Section<T>) -> Option<Option<T>> {
    section.map_or(Some(None), |valid| valid.map(Some))
}

/// What is read of answers where the configuration does not say: what a ramp looks at, and
/// everything where a shadow is compared. Of a ramp that is invalid it is not known whether it reads
/// answers; then no other setting is to be called idle.
fn implied_answers(ramp: &Section<RampSpec>, has_shadow: bool) -> Option<RawAnswers> {
    let read = match ramp {
        Some(ramp) => has_shadow || ramp.as_ref().is_none_or(RampSpec::reads_answers),
        None if has_shadow => true,
        None => return None,
    };
    Some(RawAnswers { read: Some(read), ..RawAnswers::default() })
}

/// Every header that the filter reads or writes, with the field that names it.
fn used_headers<'a>(
    headers: &'a Headers,
    shadow: &'a Section<ShadowConfig>,
    unit: &'a Option<Vec<UnitSource>>,
    conversation: &'a Section<ConversationConfig>,
) -> Vec<(&'static str, &'a HeaderName)> {
    let mut used = Vec::new();
    used.extend(headers.cluster.iter().map(|name| ("cluster_header", name)));
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

// === impl Headers ===

impl Headers {
    fn check(
        [cluster, version, force]: [Option<String>; 3],
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let force = force.map(|name| diagnostics.checked("force_header", &name, header_name));
        let cluster = cluster.as_deref().unwrap_or("x-verdigris-cluster");
        let version = version.as_deref().unwrap_or("x-verdigris-version");
        Self {
            cluster: diagnostics.checked("cluster_header", cluster, own_header_name),
            version: diagnostics.checked("version_header", version, own_header_name),
            force,
        }
    }
}

/// Below Envoy's own limit, which is 1 MiB unless the listener says otherwise.
const MAX_REQUEST_BODY: usize = 1_000_000;

fn max_request_body(raw: Option<u64>, diagnostics: &mut Diagnostics) -> Option<usize> {
    let Some(bytes) = raw else { return Some(MAX_REQUEST_BODY) };
    let size = usize::try_from(bytes).ok().filter(|size| (1..=1 << 30).contains(size));
    if size.is_none() {
        let fix = "write a number of bytes from 1 to 1073741824, below what Envoy buffers, such as 1000000";
        diagnostics.push(FieldError::new("max_request_body", &json!(bytes), fix));
    }
    size
}

fn pins(raw: &RawPins, diagnostics: &mut Diagnostics) -> Pins {
    let mut pins = Pins::default();
    let lists = [(Version::Blue, &raw.blue), (Version::Green, &raw.green)];
    for (version, unit) in lists.iter().flat_map(|(v, units)| units.iter().map(move |u| (*v, u))) {
        let field = format!("pins.{version}");
        if unit.is_empty() || unit.trim() != unit {
            let fix = "a unit is never empty and has no white space around it; correct the pin or take it out";
            diagnostics.push(FieldError::new(&field, &json!(unit), fix));
        } else if pins.insert(unit.as_bytes(), version).is_some_and(|before| before != version) {
            let fix = "the unit is pinned to both versions; keep one";
            diagnostics.push(FieldError::new(&field, &json!(unit), fix));
        }
    }
    pins
}
