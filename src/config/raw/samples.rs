//! The `samples` section as written.

use serde_json::Number;

use super::reader::ObjectReader;
use crate::export::ExportedContent;

/// The `samples` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawSamples {
    pub cluster: Option<String>,
    pub path: Option<String>,
    pub content: ExportedContent,
    /// In percent.
    pub sample: Option<Number>,
    pub max_bytes: Option<u64>,
}

// === impl RawSamples ===

impl RawSamples {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let samples = Self {
            cluster: fields.text("cluster"),
            path: fields.text("path"),
            content: {
                let names = ExportedContent::ALL.map(ExportedContent::as_str);
                let index = fields.choice("content", &names);
                index.and_then(|index| ExportedContent::ALL.get(index).copied()).unwrap_or_default()
            },
            sample: fields.percent("sample"),
            max_bytes: fields.unsigned("max_bytes"),
        };
        fields.finish();
        samples
    }
}
