//! Parts that several sections of the configuration have.

use super::reader::{Node, ObjectReader};

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

/// Two weights set by hand.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawWeights {
    pub blue: Option<u64>,
    pub green: Option<u64>,
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

impl RawWeights {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self { blue: fields.unsigned("blue"), green: fields.unsigned("green") };
        fields.finish();
        written
    }
}
