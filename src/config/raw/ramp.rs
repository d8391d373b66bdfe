//! The ramp section as written.
//!
//! As in [`root`](super::root), only the shape is checked. Numbers are kept as written, so that
//! error messages show them unchanged.

use serde_json::{Number, Value};

use super::reader::{Node, ObjectReader, percent_from_text, ratio_from_text};
use crate::analysis::AnalysisUnit;
use crate::rollout::RampProfile;

/// The `ramp` section.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawRamp {
    pub profile: RampProfile,
    pub steps: Option<Vec<RawStep>>,
    pub baseline: Option<String>,
    pub bake: Option<String>,
    pub timeout: Option<String>,
    pub warmup: Option<String>,
    pub cold_start: Option<String>,
    pub gates: Option<Vec<RawGate>>,
    pub tripwires: Option<Vec<RawTripwire>>,
    pub alpha: Option<Number>,
    pub beta: Option<Number>,
    pub evidence: AnalysisUnit,
    pub adjust: Option<bool>,
    pub control: RawControl,
    pub started: Option<String>,
    pub restart: String,
    pub paused: bool,
    pub rolled_back: bool,
}

/// The control group that green is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RawControl {
    /// All of blue.
    #[default]
    All,
    /// As many of blue's units as are newly exposed to green.
    Equal,
    /// This many times as many of blue's units as green has. `None` without a number.
    Ratio(Option<Number>),
}

/// A step: only its share, or an object with more settings.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub enum RawStep {
    Percent(Number),
    Object(RawStepObject),
}

// === impl RawStep ===

impl RawStep {
    /// Whether it is a shadow step.
    pub(in crate::config) fn is_shadow(&self) -> bool {
        matches!(self, Self::Object(RawStepObject { shadow: Some(_), .. }))
    }
}

/// A step as an object.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawStepObject {
    pub percent: Option<Number>,
    pub approve: bool,
    /// The share whose requests are copied, in percent, in a shadow step.
    pub shadow: Option<Number>,
    pub pairs: Option<Number>,
}

/// A gate.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawGate {
    pub metric: Option<String>,
    pub margin: Option<Number>,
    pub tolerance: Option<RawTolerance>,
    /// `Some(None)` if the field is `null`, which disables the ceiling.
    pub ceiling: Option<Option<Number>>,
    pub critical: Option<bool>,
    pub objective: Option<String>,
}

/// A tolerance: one for all steps, or one for each step.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub enum RawTolerance {
    One(Number),
    Many(Vec<Number>),
}

/// A tripwire.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawTripwire {
    pub metric: Option<String>,
    pub limit: Option<RawLimit>,
    pub minimum: Option<Number>,
    pub minimum_units: Option<Number>,
    pub window: Option<String>,
    pub absolute: bool,
}

/// A limit: a number, or a text, which is a duration, a number or a percentage.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub enum RawLimit {
    Number(Number),
    Text(String),
}

// === impl RawRamp ===

impl RawRamp {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let profiles = RampProfile::ALL.map(RampProfile::as_str);
        let profile = fields.choice("profile", &profiles);
        let profile = profile.and_then(|index| RampProfile::ALL.get(index)).copied();
        let profile = profile.unwrap_or_default();
        let steps = fields.items("steps");
        let ramp = Self {
            profile,
            steps: steps.map(|it| it.iter().filter_map(RawStep::read).collect()),
            baseline: fields.text("baseline"),
            bake: fields.text("bake"),
            timeout: fields.text("timeout"),
            warmup: fields.text("warmup"),
            cold_start: fields.text("cold_start"),
            gates: fields
                .items("gates")
                .map(|it| it.iter().filter_map(Node::object).map(RawGate::read).collect()),
            tripwires: fields
                .items("tripwires")
                .map(|it| it.iter().filter_map(Node::object).map(RawTripwire::read).collect()),
            alpha: fields.ratio("alpha"),
            beta: fields.ratio("beta"),
            evidence: match fields.choice("evidence", &["units", "every_request"]) {
                Some(1) => AnalysisUnit::EveryRequest,
                _ => AnalysisUnit::Units,
            },
            adjust: fields.boolean("adjust"),
            control: RawControl::read(&mut fields),
            started: fields.text("started"),
            restart: fields.text("restart").unwrap_or_default(),
            paused: fields.boolean("paused").unwrap_or_default(),
            rolled_back: fields.boolean("rolled_back").unwrap_or_default(),
        };
        fields.finish();
        ramp
    }
}

impl RawControl {
    fn read(fields: &mut ObjectReader<'_>) -> Self {
        let Some(node) = fields.get_non_null("control") else { return Self::All };
        match node.value() {
            Value::Object(_) => {
                let Some(mut fields) = node.object() else { return Self::All };
                let ratio = fields.number("ratio");
                fields.finish();
                return Self::Ratio(ratio);
            }
            Value::String(text) if text == "all" => {}
            Value::String(text) if text == "equal" => return Self::Equal,
            _ => node.reject(r#"write "all", "equal" or {"ratio": 4}"#.to_owned()),
        }
        Self::All
    }
}

impl RawStep {
    fn read(node: &Node<'_>) -> Option<Self> {
        match node.value() {
            Value::Object(_) => {
                let mut fields = node.object()?;
                let step = RawStepObject {
                    percent: fields.percent("percent"),
                    approve: fields.boolean("approve").unwrap_or_default(),
                    shadow: fields.percent("shadow"),
                    pairs: fields.number("pairs"),
                };
                fields.finish();
                Some(Self::Object(step))
            }
            _ => {
                let percent = node.number_by(percent_from_text);
                if percent.is_none() {
                    let fix = r#"write a number in percent, or an object such as {"percent": 25, "approve": true}"#;
                    node.reject(fix.to_owned());
                }
                percent.map(Self::Percent)
            }
        }
    }
}

impl RawGate {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let gate = Self {
            metric: fields.text("metric"),
            margin: fields.ratio("margin"),
            tolerance: fields.get("tolerance").as_ref().and_then(RawTolerance::read),
            ceiling: fields.get("ceiling").map(|node| match node.value() {
                Value::Null => None,
                _ => node.ratio(),
            }),
            critical: fields.boolean("critical"),
            objective: fields.text("objective"),
        };
        fields.finish();
        gate
    }
}

impl RawTolerance {
    fn read(node: &Node<'_>) -> Option<Self> {
        match node.value() {
            Value::Array(_) => {
                let many = node.items().iter().map(Node::ratio).collect::<Vec<_>>();
                many.into_iter().collect::<Option<_>>().map(Self::Many)
            }
            _ => {
                let one = node.number_by(ratio_from_text);
                if one.is_none() {
                    let fix = "write a number, or a list of numbers such as [2, 1, 0.5, 0.3]";
                    node.reject(fix.to_owned());
                }
                one.map(Self::One)
            }
        }
    }
}

impl RawTripwire {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let limit = |node: Node<'_>| match node.value() {
            Value::Number(number) => Some(RawLimit::Number(number.clone())),
            Value::String(text) => Some(RawLimit::Text(text.clone())),
            _ => {
                node.reject("write a number, or for a duration a text such as \"30s\"".to_owned());
                None
            }
        };
        let tripwire = Self {
            metric: fields.text("metric"),
            limit: fields.get("limit").and_then(limit),
            minimum: fields.number("minimum"),
            minimum_units: fields.number("minimum_units"),
            window: fields.text("window"),
            absolute: fields.boolean("absolute").unwrap_or_default(),
        };
        fields.finish();
        tripwire
    }
}
