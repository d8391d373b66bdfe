//! The `judge` section as written.

use serde_json::{Map, Number, Value};

use super::reader::ObjectReader;
use crate::judge::JudgeMode;

/// The `judge` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawJudge {
    pub cluster: Option<String>,
    pub host: Option<String>,
    pub path: Option<String>,
    pub model: Option<String>,
    /// In percent.
    pub sample: Option<Number>,
    pub rubric: Option<String>,
    pub mode: JudgeMode,
    pub max_cost_per_day: Option<Number>,
    pub in_flight: Option<u64>,
    pub max_bytes: Option<u64>,
    pub blue_per_green: Option<u64>,
    pub timeout: Option<String>,
    pub parameters: Option<Map<String, Value>>,
}

// === impl RawJudge ===

impl RawJudge {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let judge = Self {
            cluster: fields.text("cluster"),
            host: fields.text("host"),
            path: fields.text("path"),
            model: fields.text("model"),
            sample: fields.percent("sample"),
            rubric: fields.text("rubric"),
            mode: {
                let index = fields.choice("mode", &JudgeMode::ALL.map(JudgeMode::as_str));
                index.and_then(|index| JudgeMode::ALL.get(index).copied()).unwrap_or_default()
            },
            max_cost_per_day: fields.number("max_cost_per_day"),
            in_flight: fields.unsigned("in_flight"),
            max_bytes: fields.unsigned("max_bytes"),
            blue_per_green: fields.unsigned("blue_per_green"),
            timeout: fields.text("timeout"),
            parameters: fields.get_non_null("parameters").and_then(|node| {
                node.object()?;
                node.value().as_object().cloned()
            }),
        };
        fields.finish();
        judge
    }
}
