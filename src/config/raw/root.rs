//! What the operator wrote: the JSON of the plugin configuration as types.
//!
//! Nothing is checked here but the shape. What is required is optional in these
//! types, so that one place, the step to [`Config`](crate::config::Config), says what is
//! missing and shows what to write.

use serde_json::Value;

use super::ramp::RawRamp;
use super::reader::{NoDuplicateKeys, Node, ObjectReader, read_object};
use super::release::{RawConversation, RawFailover, RawFeedback, RawRequest, RawShadow};
use crate::config::{FieldError, InvalidConfig, Role};
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

/// One source of the unit, or a list of them.
#[derive(Clone, Debug)]
pub struct RawUnitSources(pub Vec<RawUnitSource>);

/// `{"header": …}` or `{"cookie": …}`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawUnitSource {
    pub header: Option<String>,
    pub cookie: Option<String>,
    pub pointer: Option<String>,
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

/// Two weights set by hand.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawWeights {
    pub blue: Option<u64>,
    pub green: Option<u64>,
}

/// Where a request without a unit goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingUnitPolicy {
    /// To blue.
    #[default]
    Blue,
    /// To either version by the weights, each request anew.
    Random,
}

/// Units that are always on one version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawPins {
    pub blue: Vec<String>,
    pub green: Vec<String>,
}

/// What to write in a top-level field, as a refusal shows it.
pub(in crate::config) fn example(field: &str) -> Option<&'static str> {
    Some(match field {
        "rollout" => r#""assistant-v8""#,
        "unit" => r#"{"header": "x-user-id"}, {"cookie": "uid"} or a list of these"#,
        "versions" => r#"{"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}}"#,
        "weights" => r#"two whole numbers from 0, such as {"blue": 95, "green": 5}"#,
        "ramp" => {
            r#"an object, at least {}, such as {"steps": [1, 5, 25, 50, 100], "bake": "10m"}"#
        }
        "default_cluster" => r#"an Envoy cluster, such as "llm-blue""#,
        "on_missing" => r#""blue" or "random""#,
        "pins" => r#"lists of units, such as {"blue": ["u1"], "green": ["qa-7"]}"#,
        "force_header" => r#"a header's name, such as "x-verdigris-force""#,
        "cluster_header" => r#"a header's name, such as "x-verdigris-cluster""#,
        "version_header" => r#"a header's name, such as "x-verdigris-version""#,
        "answers" => r#"an object, at least {}, such as {"format": "chat"}"#,
        "prices" => {
            r#"US dollars for a million tokens by model, such as {"gpt-4o*": {"input": 2.5, "output": 10}}"#
        }
        "conversation" => {
            r#"an object, at least {}, such as {"id": {"header": "x-conversation-id"}}"#
        }
        "max_request_body" => "a number of bytes, such as 1000000",
        "shadow" => r#"a percentage of all units, such as {"percent": 10}"#,
        "feedback" => {
            r#"where users' thumbs or judges' scores come, such as {"path": "/feedback", "thumb": "/thumb"}"#
        }
        "role" => r#""release", "shadow" or "console""#,
        "console" => r#"an object, such as {"hosts": ["verdigris.example"]}"#,
        _ => return None,
    })
}

/// The mend that says what to write in a top-level field.
pub(in crate::config) fn write_example(field: &str) -> String {
    format!("write {}", example(field).unwrap_or_default())
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

/// The JSON of a text, in which no field is written twice.
pub(in crate::config) fn json_of(text: &[u8]) -> Result<Value, InvalidConfig> {
    let json = serde_json::from_slice(text).map_err(|error| syntax_problem(text, &error));
    json.map(|NoDuplicateKeys(json)| json).map_err(InvalidConfig::from)
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

impl RawUnitSources {
    pub(in crate::config) fn read(place: Node<'_>) -> Self {
        let sources = place.one_or_many();
        let sources = sources.iter().filter_map(Node::object).map(RawUnitSource::read);
        Self(sources.collect())
    }
}

impl RawUnitSource {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self::read_from(&mut fields);
        fields.finish();
        written
    }

    /// Reads it where there are other fields beside it.
    pub(in crate::config) fn read_from(fields: &mut ObjectReader<'_>) -> Self {
        Self {
            header: fields.text("header"),
            cookie: fields.text("cookie"),
            pointer: fields.text("pointer"),
        }
    }
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

impl RawWeights {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self { blue: fields.unsigned("blue"), green: fields.unsigned("green") };
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

fn syntax_problem(text: &[u8], error: &serde_json::Error) -> FieldError {
    let text = Value::String(String::from_utf8_lossy(text).into_owned());
    FieldError::new(
        WHOLE,
        &text,
        format!(
            "{error}; write one JSON object, in Envoy's configuration as a google.protobuf.StringValue"
        ),
    )
}

/// What a problem that has no field of its own is about.
pub(in crate::config) const WHOLE: &str = "plugin configuration";
