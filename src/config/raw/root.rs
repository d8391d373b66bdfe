//! The plugin configuration as written, and its small sections.
//!
//! Only types are checked here. Required fields are optional in these types, so that the
//! conversion to [`Config`](crate::config::Config) reports missing fields together with all other
//! errors.

use serde_json::{Number, Value};

use super::common::{RawUnitSources, RawWeights};
use super::judge::RawJudge;
use super::ramp::RawRamp;
use super::reader::{Node, ObjectReader, read_object};
use super::samples::RawSamples;
use super::sections::{RawConversation, RawFailover, RawFeedback, RawFleet, RawRequest, RawShadow};
use crate::assignment::MissingUnitPolicy;
use crate::config::InvalidConfig;
use crate::config::read_body::ReadBody;
use crate::config::role::Role;
use crate::config::route_by::RouteBy;
use crate::response::{Format, LimitPolicy};

/// The plugin configuration as written. docs/reference/configuration.md describes the fields.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawConfig {
    pub rollout: Option<String>,
    pub unit: Option<RawUnitSources>,
    pub versions: RawVersions,
    pub weights: Option<RawWeights>,
    pub ramp: Option<RawRamp>,
    pub route_by: RouteBy,
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
    pub read_body: Option<ReadBody>,
    pub shadow: Option<RawShadow>,
    pub feedback: Option<RawFeedback>,
    pub fleet: Option<RawFleet>,
    pub judge: Option<RawJudge>,
    pub samples: Option<RawSamples>,
    pub role: Option<Role>,
    pub console: Option<RawConsole>,
}

/// The `versions` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawVersions {
    pub blue: RawVersion,
    pub green: RawVersion,
}

/// One version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawVersion {
    pub cluster: Option<String>,
    pub format: Option<Format>,
    pub request: Option<RawRequest>,
    pub failover: Option<RawFailover>,
}

/// The `answers` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawAnswers {
    pub read: Option<bool>,
    pub sample: Option<Number>,
    pub format: Option<Format>,
    pub paths: Vec<RawPath>,
    pub plain: bool,
    pub include_usage: bool,
    pub refusal_phrases: Vec<String>,
    pub status_429: LimitPolicy,
}

/// The format of responses whose path has a prefix.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawPath {
    pub prefix: Option<String>,
    pub format: Option<Format>,
}

/// A model's prices, in US dollars per million tokens.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawPrice {
    pub input: Option<Number>,
    pub output: Option<Number>,
    pub cached_input: Option<Number>,
    pub cache_write: Option<Number>,
}

/// The `console` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawConsole {
    pub hosts: Vec<String>,
    pub path: Option<String>,
}

/// The `pins` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawPins {
    pub blue: Vec<String>,
    pub green: Vec<String>,
}

// === impl RawConfig ===

impl RawConfig {
    /// Reads a configuration from JSON.
    ///
    /// # Errors
    /// All unknown fields and all values of the wrong type.
    pub fn from_json(json: &Value) -> Result<Self, InvalidConfig> {
        read_object(json, Self::read)
    }

    fn read(mut fields: ObjectReader<'_>) -> Self {
        let config = Self {
            rollout: fields.text("rollout"),
            unit: fields.get("unit").map(RawUnitSources::read),
            versions: fields.object("versions").map(RawVersions::read).unwrap_or_default(),
            weights: fields.object("weights").map(RawWeights::read),
            ramp: fields.object("ramp").map(RawRamp::read),
            route_by: {
                let index = fields.choice("route_by", &RouteBy::ALL.map(RouteBy::as_str));
                index.and_then(|index| RouteBy::ALL.get(index).copied()).unwrap_or_default()
            },
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
            prices: fields.object("prices").map(read_prices).unwrap_or_default(),
            conversation: fields.object("conversation").map(RawConversation::read),
            max_request_body: fields.unsigned("max_request_body"),
            read_body: {
                let index = fields.choice("read_body", &ReadBody::ALL.map(ReadBody::as_str));
                index.and_then(|index| ReadBody::ALL.get(index).copied())
            },
            shadow: fields.object("shadow").map(RawShadow::read),
            feedback: fields.object("feedback").map(RawFeedback::read),
            fleet: fields.object("fleet").map(RawFleet::read),
            judge: fields.object("judge").map(RawJudge::read),
            samples: fields.object("samples").map(RawSamples::read),
            role: {
                // `Plugin` has already handled the console.
                let [release, shadow] = Role::CONFIGURED.map(Role::as_str);
                let index = fields.choice("role", &[release, shadow, "console"]);
                index.and_then(|index| Role::CONFIGURED.get(index).copied())
            },
            console: fields.object("console").map(RawConsole::read),
        };
        fields.finish();
        config
    }
}

impl RawConsole {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let console = Self { hosts: fields.texts("hosts"), path: fields.text("path") };
        fields.finish();
        console
    }
}

fn read_prices(fields: ObjectReader<'_>) -> Vec<(String, RawPrice)> {
    let price = |(model, node): (String, Node<'_>)| Some((model, RawPrice::read(node.object()?)));
    fields.entries().into_iter().filter_map(price).collect()
}

/// The format named by the field `format`.
fn read_format(fields: &mut ObjectReader<'_>) -> Option<Format> {
    let index = fields.choice("format", &Format::ALL.map(Format::as_str))?;
    Format::ALL.get(index).copied()
}

impl RawVersions {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let mut version = |name| fields.object(name).map(RawVersion::read).unwrap_or_default();
        let versions = Self { blue: version("blue"), green: version("green") };
        fields.finish();
        versions
    }
}

impl RawVersion {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let version = Self {
            cluster: fields.text("cluster"),
            format: read_format(&mut fields),
            request: fields.object("request").map(RawRequest::read),
            failover: fields.object("failover").map(RawFailover::read),
        };
        fields.finish();
        version
    }
}

impl RawAnswers {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let paths = |fields: &mut ObjectReader<'_>| {
            let paths = fields.items("paths").unwrap_or_default();
            paths.iter().filter_map(Node::object).map(RawPath::read).collect()
        };
        let answers = Self {
            read: fields.boolean("read"),
            sample: fields.percent("sample"),
            format: read_format(&mut fields),
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
        answers
    }
}

impl RawPath {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let path = Self { prefix: fields.text("prefix"), format: read_format(&mut fields) };
        fields.finish();
        path
    }
}

impl RawPrice {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let price = Self {
            input: fields.number("input"),
            output: fields.number("output"),
            cached_input: fields.number("cached_input"),
            cache_write: fields.number("cache_write"),
        };
        fields.finish();
        price
    }
}

impl RawPins {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let pins = Self { blue: fields.texts("blue"), green: fields.texts("green") };
        fields.finish();
        pins
    }
}
