//! What the operator wrote of conversations, shadows and feedback, and of what a version changes in
//! requests.

use serde_json::{Map, Value};

use super::SameSite;
use super::reader::{Fields, Place};
use super::written::{OneOrMany, WrittenSource, WrittenWeights};

/// What keeps a conversation on one version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenConversation {
    pub id: Option<OneOrMany>,
    pub marker: Option<Vec<WrittenMarker>>,
    pub drain: WrittenDrain,
    pub on_rollback: OnRollback,
    pub history: Vec<WrittenEra>,
}

/// A place of the marker: a header, or a cookie with its attributes.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenMarker {
    pub source: WrittenSource,
    pub attributes: WrittenCookie,
}

/// The attributes of a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenCookie {
    pub secure: Option<bool>,
    pub same_site: Option<SameSite>,
    pub domain: Option<String>,
    pub path: Option<String>,
}

/// When conversations under way end to be so.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenDrain {
    pub max_age: Option<String>,
}

/// What becomes of conversations under way on green when green is rolled back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRollback {
    /// They go on on blue.
    #[default]
    Move,
    /// They end on green.
    Finish,
}

/// Weights that were in force from some time on.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenEra {
    pub since: Option<String>,
    pub weights: Option<WrittenWeights>,
}

/// Which requests green is asked as well. They are `of` blue, which need not be said.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenShadow {
    pub percent: Option<u64>,
    pub header: Option<String>,
}

/// What is listened to of users and judges.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenFeedback {
    pub path: Option<String>,
    pub thumb: Option<String>,
    pub score: Option<String>,
    pub step: Option<String>,
    pub max_per_minute: Option<u64>,
    pub answered_by: AnsweredBy,
}

/// Who answers a request that carries feedback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The filter.
    #[default]
    Filter,
    /// The upstream, which gets it too.
    Upstream,
}

/// What a version changes in its requests.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenRequest {
    pub headers: WrittenHeaders,
    pub model: Option<String>,
    pub system: Option<WrittenSystem>,
    pub merge: Option<Map<String, Value>>,
    pub unpatchable: Unpatchable,
}

/// Where requests go that another version answers if this one fails.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenFailover {
    pub cluster: Option<String>,
}

/// Headers that a version sets and removes.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenHeaders {
    pub set: Vec<(String, String)>,
    pub remove: Vec<String>,
}

/// A change of the system prompt.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct WrittenSystem {
    pub replace: Option<String>,
    pub prepend: Option<String>,
    pub append: Option<String>,
}

/// Where a request goes that what its version changes does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unpatchable {
    /// To blue, as it came.
    #[default]
    Blue,
    /// To its version, as it came.
    Pass,
}

// === impl WrittenConversation ===

impl WrittenConversation {
    pub(super) fn read(mut fields: Fields<'_>) -> Self {
        let written = Self {
            id: fields.get("id").map(OneOrMany::read),
            marker: fields.get("marker").map(|place| {
                let places = place.one_or_many();
                places.iter().filter_map(Place::fields).map(WrittenMarker::read).collect()
            }),
            drain: fields.fields("drain").map(WrittenDrain::read).unwrap_or_default(),
            on_rollback: match fields.choice("on_rollback", &["move", "finish"]) {
                Some(1) => OnRollback::Finish,
                _ => OnRollback::Move,
            },
            history: {
                let history = fields.items("history").unwrap_or_default();
                history.iter().filter_map(Place::fields).map(WrittenEra::read).collect()
            },
        };
        fields.end();
        written
    }
}

impl WrittenMarker {
    fn read(mut fields: Fields<'_>) -> Self {
        let written = Self {
            source: WrittenSource::read_from(&mut fields),
            attributes: WrittenCookie {
                secure: fields.boolean("secure"),
                same_site: {
                    let at = fields.choice("same_site", &SameSite::NAMES);
                    at.and_then(|at| SameSite::ALL.get(at).copied())
                },
                domain: fields.text("domain"),
                path: fields.text("path"),
            },
        };
        fields.end();
        written
    }
}

impl WrittenDrain {
    fn read(mut fields: Fields<'_>) -> Self {
        let written = Self { max_age: fields.text("max_age") };
        fields.end();
        written
    }
}

impl WrittenEra {
    fn read(mut fields: Fields<'_>) -> Self {
        let written = Self {
            since: fields.text("since"),
            weights: fields.fields("weights").map(WrittenWeights::read),
        };
        fields.end();
        written
    }
}

// === impl WrittenShadow ===

impl WrittenShadow {
    pub(super) fn read(mut fields: Fields<'_>) -> Self {
        let written = Self { percent: fields.whole("percent"), header: fields.text("header") };
        // There is no other choice.
        let _ = fields.choice("of", &["blue"]);
        fields.end();
        written
    }
}

// === impl WrittenFeedback ===

impl WrittenFeedback {
    pub(super) fn read(mut fields: Fields<'_>) -> Self {
        let written = Self {
            path: fields.text("path"),
            thumb: fields.text("thumb"),
            score: fields.text("score"),
            step: fields.text("step"),
            max_per_minute: fields.whole("max_per_minute"),
            answered_by: match fields.choice("answered_by", &["filter", "upstream"]) {
                Some(1) => AnsweredBy::Upstream,
                _ => AnsweredBy::Filter,
            },
        };
        fields.end();
        written
    }
}

// === impl WrittenRequest ===

impl WrittenRequest {
    pub(super) fn read(mut fields: Fields<'_>) -> Self {
        let written = Self {
            headers: fields.fields("headers").map(WrittenHeaders::read).unwrap_or_default(),
            model: fields.text("model"),
            system: fields.fields("system").map(WrittenSystem::read),
            merge: fields.get("merge").and_then(|place| {
                place.fields()?;
                place.value().as_object().cloned()
            }),
            unpatchable: match fields.choice("unpatchable", &["blue", "pass"]) {
                Some(1) => Unpatchable::Pass,
                _ => Unpatchable::Blue,
            },
        };
        fields.end();
        written
    }
}

impl WrittenFailover {
    pub(super) fn read(mut fields: Fields<'_>) -> Self {
        let written = Self { cluster: fields.text("cluster") };
        fields.end();
        written
    }
}

impl WrittenHeaders {
    fn read(mut fields: Fields<'_>) -> Self {
        let set = fields.fields("set").map(|it| it.entries()).unwrap_or_default();
        let set = set.into_iter().filter_map(|(name, place)| Some((name, place.text()?)));
        let written = Self { set: set.collect(), remove: fields.texts("remove") };
        fields.end();
        written
    }
}

impl WrittenSystem {
    fn read(mut fields: Fields<'_>) -> Self {
        let written = Self {
            replace: fields.text("replace"),
            prepend: fields.text("prepend"),
            append: fields.text("append"),
        };
        fields.end();
        written
    }
}
