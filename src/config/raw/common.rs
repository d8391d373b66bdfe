//! Parts that several sections share.

use super::reader::{Node, ObjectReader};

/// One source of a unit or an id, or a list of sources.
#[derive(Clone, Debug)]
pub struct RawUnitSources(pub Vec<RawUnitSource>);

/// `{"header": …}`, `{"cookie": …}` or `{"pointer": …}`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawUnitSource {
    pub header: Option<String>,
    pub cookie: Option<String>,
    pub pointer: Option<String>,
}

/// The weights of both versions.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawWeights {
    pub blue: Option<u64>,
    pub green: Option<u64>,
}

impl RawUnitSources {
    pub(in crate::config) fn read(node: Node<'_>) -> Self {
        let nodes = node.one_or_many();
        let sources = nodes.iter().filter_map(Node::object).map(RawUnitSource::read);
        Self(sources.collect())
    }
}

impl RawUnitSource {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let source = Self::read_from(&mut fields);
        fields.finish();
        source
    }

    /// Reads a source from an object that has other fields too.
    pub(in crate::config) fn read_from(fields: &mut ObjectReader<'_>) -> Self {
        Self {
            header: fields.text("header"),
            cookie: fields.text("cookie"),
            pointer: fields.text("pointer"),
        }
    }
}

impl RawWeights {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let weights = Self { blue: fields.unsigned("blue"), green: fields.unsigned("green") };
        fields.finish();
        weights
    }
}
