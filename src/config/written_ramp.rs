//! What the operator wrote of a ramp.
//!
//! As in [`written`](super::written), nothing is checked but the shape. Numbers are kept
//! as they were written, so that a refusal shows them so.

use serde::de::{Deserialize, Deserializer};
use serde_json::Number;

use super::written::Object;

/// A ramp.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenRamp {
    pub steps: Option<Vec<WrittenStep>>,
    pub bake: Option<String>,
    pub timeout: Option<String>,
    pub warmup: Option<String>,
    #[serde(deserialize_with = "some")]
    pub gates: Option<Vec<Object<WrittenGate>>>,
    #[serde(deserialize_with = "some")]
    pub tripwires: Option<Vec<Object<WrittenTripwire>>>,
    pub alpha: Option<Number>,
    pub beta: Option<Number>,
    pub evidence: WrittenEvidence,
    pub control: WrittenControl,
    pub started: Option<String>,
    pub restart: String,
    pub paused: bool,
}

/// What green is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrittenControl {
    /// All of blue.
    #[default]
    All,
    /// As many of blue's units as are new on green.
    Equal,
}

/// A step: its share alone, or with what else is said of it.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(
    untagged,
    expecting = "a step is a number in percent or, with approve, an object such as {\"percent\": 25, \"approve\": true}"
)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub enum WrittenStep {
    Percent(Number),
    Object(Object<WrittenStepObject>),
}

/// A step as an object.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenStepObject {
    pub percent: Option<Number>,
    pub approve: bool,
}

/// A gate.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenGate {
    pub metric: Option<String>,
    pub margin: Option<Number>,
    pub tolerance: Option<WrittenTolerance>,
    /// `Some(None)` is `null`, which is to say that there is none.
    #[serde(deserialize_with = "some")]
    pub ceiling: Option<Option<Number>>,
    pub critical: Option<bool>,
    pub objective: Option<String>,
}

/// A tolerance: one for all steps, or one for each.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(
    untagged,
    expecting = "a tolerance is a number or a list of numbers such as [2, 1, 0.5, 0.3]"
)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub enum WrittenTolerance {
    One(Number),
    Many(Vec<Number>),
}

/// A tripwire.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenTripwire {
    pub metric: Option<String>,
    pub limit: Option<WrittenLimit>,
    pub minimum: Option<Number>,
    pub window: Option<String>,
}

/// A limit: a time, or something else.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(untagged, expecting = "a limit is a number or, of a time, a text such as \"30s\"")]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub enum WrittenLimit {
    Number(Number),
    Text(String),
}

/// What counts as an observation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub enum WrittenEvidence {
    #[default]
    Units,
    EveryRequest,
}

/// Reads a field that is there. `null` is left to its type: where the type has none, it
/// is refused, so that nobody takes it for an empty list.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
