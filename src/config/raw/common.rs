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
    /// Reads headers and cookies.
    pub(in crate::config) fn read(node: Node<'_>) -> Self {
        Self::read_with(&node, RawUnitSource::read_from)
    }

    /// Reads headers, cookies and pointers.
    pub(in crate::config) fn read_with_pointers(node: Node<'_>) -> Self {
        Self::read_with(&node, |fields| RawUnitSource {
            header: fields.text("header"),
            cookie: fields.text("cookie"),
            pointer: fields.text("pointer"),
        })
    }

    fn read_with(node: &Node<'_>, read: fn(&mut ObjectReader<'_>) -> RawUnitSource) -> Self {
        let source = |mut fields: ObjectReader<'_>| {
            let source = read(&mut fields);
            fields.finish();
            source
        };
        Self(node.one_or_many().iter().filter_map(Node::object).map(source).collect())
    }
}

impl RawUnitSource {
    /// Reads a header or a cookie from an object that has other fields too. A pointer is not valid there:
    /// it is read only if it is written, so that it is not listed among the fields.
    pub(in crate::config) fn read_from(fields: &mut ObjectReader<'_>) -> Self {
        let (header, cookie) = (fields.text("header"), fields.text("cookie"));
        let pointer = fields.has("pointer").then(|| fields.text("pointer")).flatten();
        Self { header, cookie, pointer }
    }
}

impl RawWeights {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let weights = Self { blue: fields.unsigned("blue"), green: fields.unsigned("green") };
        fields.finish();
        weights
    }
}
