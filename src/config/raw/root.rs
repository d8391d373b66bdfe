//! What the operator wrote: the JSON of the plugin configuration as types.
//!
//! Nothing is checked here but the shape. What is required is optional in these
//! types, so that one place, the step to [`Config`](crate::config::Config), says what is
//! missing and shows what to write.

use serde_json::Value;

use super::common::{RawUnitSources, RawWeights};
use super::ramp::RawRamp;
use super::reader::{Node, ObjectReader, read_object};
use super::release::{RawConversation, RawFailover, RawFeedback, RawRequest, RawShadow};
use crate::assignment::MissingUnitPolicy;
use crate::config::InvalidConfig;
use crate::config::role::Role;
use crate::response::{Format, LimitPolicy};

/// The plugin configuration as written. The fields are described in the README's
/// reference.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawConfig {
    pub rollout: Option<String>,
    pub unit: Option<RawUnitSources>,
    pub versions: RawVersions,
    pub weights: Option<RawWeights>,
    pub ramp: Option<RawRamp>,
    pub default_cluster: Option<String>,
    pub on_missing: MissingUnitPolicy,
    pub pins: RawPins,
    pub force_header: Option<String>,
    pub cluster_header: Option<String>,
    pub version_header: Option<String>,
    pub answers: Option<RawAnswers>,
    pub prices: Vec<(String, RawPrice)>,
    pub conversation: Option<RawConversation>,
    pub max_request_body: Option<u64>,
    pub shadow: Option<RawShadow>,
    pub feedback: Option<RawFeedback>,
    pub role: Option<Role>,
    pub console: Option<RawConsole>,
}

/// The two versions.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawVersions {
    pub blue: RawVersion,
    pub green: RawVersion,
}

/// One version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawVersion {
    pub cluster: Option<String>,
    pub format: Option<Format>,
    pub request: Option<RawRequest>,
    pub failover: Option<RawFailover>,
}

/// What is looked at of responses.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawAnswers {
    pub read: Option<bool>,
    pub format: Option<Format>,
    pub paths: Vec<RawPath>,
    pub plain: bool,
    pub include_usage: bool,
    pub refusal_phrases: Vec<String>,
    pub status_429: LimitPolicy,
}

/// The format of the answers at some paths.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawPath {
    pub prefix: Option<String>,
    pub format: Option<Format>,
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawPrice {
    pub input: Option<f64>,
    pub output: Option<f64>,
    pub cached_input: Option<f64>,
    pub cache_write: Option<f64>,
}

/// The operator's page.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawConsole {
    pub hosts: Vec<String>,
}

/// Units that are always on one version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawPins {
    pub blue: Vec<String>,
    pub green: Vec<String>,
}

// === impl Written ===

impl RawConfig {
    /// What a JSON value says.
    ///
    /// # Errors
    /// All fields that are unknown, and all values of the wrong kind.
    pub fn of_json(json: &Value) -> Result<Self, InvalidConfig> {
        read_object(json, Self::read)
    }

    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self {
            rollout: fields.text("rollout"),
            unit: fields.get("unit").map(RawUnitSources::read),
            versions: fields.object("versions").map(RawVersions::read).unwrap_or_default(),
            weights: fields.object("weights").map(RawWeights::read),
            ramp: fields.object("ramp").map(RawRamp::read),
            default_cluster: fields.text("default_cluster"),
            on_missing: match fields.choice("on_missing", &["blue", "random"]) {
                Some(1) => MissingUnitPolicy::Random,
                _ => MissingUnitPolicy::Blue,
            },
            pins: fields.object("pins").map(RawPins::read).unwrap_or_default(),
            force_header: fields.text("force_header"),
            cluster_header: fields.text("cluster_header"),
            version_header: fields.text("version_header"),
            answers: fields.object("answers").map(RawAnswers::read),
            prices: fields.object("prices").map(prices).unwrap_or_default(),
            conversation: fields.object("conversation").map(RawConversation::read),
            max_request_body: fields.unsigned("max_request_body"),
            shadow: fields.object("shadow").map(RawShadow::read),
            feedback: fields.object("feedback").map(RawFeedback::read),
            role: {
                // `Plugin` has told the console's apart.
                let [release, shadow] = Role::CONFIGURED.map(Role::as_str);
                let at = fields.choice("role", &[release, shadow, "console"]);
                at.and_then(|at| Role::CONFIGURED.get(at).copied())
            },
            console: fields.object("console").map(RawConsole::read),
        };
        fields.finish();
        written
    }
}

impl RawConsole {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self { hosts: fields.texts("hosts") };
        fields.finish();
        written
    }
}

fn prices(fields: ObjectReader<'_>) -> Vec<(String, RawPrice)> {
    let price = |(model, place): (String, Node<'_>)| Some((model, RawPrice::read(place.object()?)));
    fields.entries().into_iter().filter_map(price).collect()
}

/// The format that is written in a field.
fn format(fields: &mut ObjectReader<'_>) -> Option<Format> {
    let at = fields.choice("format", &Format::ALL.map(Format::as_str))?;
    Format::ALL.get(at).copied()
}

impl RawVersions {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let mut version = |name| fields.object(name).map(RawVersion::read).unwrap_or_default();
        let written = Self { blue: version("blue"), green: version("green") };
        fields.finish();
        written
    }
}

impl RawVersion {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self {
            cluster: fields.text("cluster"),
            format: format(&mut fields),
            request: fields.object("request").map(RawRequest::read),
            failover: fields.object("failover").map(RawFailover::read),
        };
        fields.finish();
        written
    }
}

impl RawAnswers {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let paths = |fields: &mut ObjectReader<'_>| {
            let paths = fields.items("paths").unwrap_or_default();
            paths.iter().filter_map(Node::object).map(RawPath::read).collect()
        };
        let written = Self {
            read: fields.boolean("read"),
            format: format(&mut fields),
            paths: paths(&mut fields),
            plain: fields.boolean("plain").unwrap_or_default(),
            include_usage: fields.boolean("include_usage").unwrap_or_default(),
            refusal_phrases: fields.texts("refusal_phrases"),
            status_429: match fields.choice("status_429", &["compare", "error", "neutral"]) {
                Some(1) => LimitPolicy::Error,
                Some(2) => LimitPolicy::Neutral,
                _ => LimitPolicy::Compare,
            },
        };
        fields.finish();
        written
    }
}

impl RawPath {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self { prefix: fields.text("prefix"), format: format(&mut fields) };
        fields.finish();
        written
    }
}

impl RawPrice {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let mut dollars = |name| fields.number(name).and_then(|number| number.as_f64());
        let written = Self {
            input: dollars("input"),
            output: dollars("output"),
            cached_input: dollars("cached_input"),
            cache_write: dollars("cache_write"),
        };
        fields.finish();
        written
    }
}

impl RawPins {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self { blue: fields.texts("blue"), green: fields.texts("green") };
        fields.finish();
        written
    }
}
