//! What the operator wrote of conversations, shadows and feedback, and of what a version changes in
//! requests.

use serde_json::{Map, Value};

use super::common::{RawUnitSource, RawUnitSources, RawWeights};
use super::reader::{Node, ObjectReader};
use crate::assignment::RollbackPolicy;
use crate::config::same_site::SameSite;

/// What keeps a conversation on one version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawConversation {
    pub id: Option<RawUnitSources>,
    pub marker: Option<Vec<RawMarker>>,
    pub drain: RawDrain,
    pub on_rollback: RollbackPolicy,
    pub history: Vec<RawShareInterval>,
}

/// A place of the marker: a header, or a cookie with its attributes.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawMarker {
    pub source: RawUnitSource,
    pub attributes: RawCookie,
}

/// The attributes of a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawCookie {
    pub secure: Option<bool>,
    pub same_site: Option<SameSite>,
    pub domain: Option<String>,
    pub path: Option<String>,
}

/// When conversations under way end to be so.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawDrain {
    pub max_age: Option<String>,
}

/// Weights that were in force from some time on.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawShareInterval {
    pub since: Option<String>,
    pub weights: Option<RawWeights>,
}

/// Which requests green is asked as well. They are `of` blue, which need not be said.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawShadow {
    pub percent: Option<u64>,
    pub header: Option<String>,
}

/// What is listened to of users and judges.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawFeedback {
    pub path: Option<String>,
    pub thumb: Option<String>,
    pub score: Option<String>,
    pub step: Option<String>,
    pub max_per_minute: Option<u64>,
    pub answered_by: FeedbackResponder,
}

/// Who answers a request that carries feedback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedbackResponder {
    /// The filter.
    #[default]
    Filter,
    /// The upstream, which gets it too.
    Upstream,
}

/// What a version changes in its requests.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawRequest {
    pub headers: RawHeaders,
    pub model: Option<String>,
    pub system: Option<RawSystem>,
    pub merge: Option<Map<String, Value>>,
    pub unpatchable: UnpatchablePolicy,
}

/// Where requests go that another version answers if this one fails.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawFailover {
    pub cluster: Option<String>,
}

/// Headers that a version sets and removes.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawHeaders {
    pub set: Vec<(String, String)>,
    pub remove: Vec<String>,
}

/// A change of the system prompt.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the README's reference is their one description")]
pub struct RawSystem {
    pub replace: Option<String>,
    pub prepend: Option<String>,
    pub append: Option<String>,
}

/// Where a request goes that what its version changes does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnpatchablePolicy {
    /// To blue, as it came.
    #[default]
    Blue,
    /// To its version, as it came.
    Pass,
}

// === impl WrittenConversation ===

impl RawConversation {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self {
            id: fields.get("id").map(RawUnitSources::read),
            marker: fields.get("marker").map(|place| {
                let places = place.one_or_many();
                places.iter().filter_map(Node::object).map(RawMarker::read).collect()
            }),
            drain: fields.object("drain").map(RawDrain::read).unwrap_or_default(),
            on_rollback: match fields.choice("on_rollback", &["move", "finish"]) {
                Some(1) => RollbackPolicy::Finish,
                _ => RollbackPolicy::Move,
            },
            history: {
                let history = fields.items("history").unwrap_or_default();
                history.iter().filter_map(Node::object).map(RawShareInterval::read).collect()
            },
        };
        fields.finish();
        written
    }
}

impl RawMarker {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self {
            source: RawUnitSource::read_from(&mut fields),
            attributes: RawCookie {
                secure: fields.boolean("secure"),
                same_site: {
                    let at = fields.choice("same_site", &SameSite::NAMES);
                    at.and_then(|at| SameSite::ALL.get(at).copied())
                },
                domain: fields.text("domain"),
                path: fields.text("path"),
            },
        };
        fields.finish();
        written
    }
}

impl RawDrain {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self { max_age: fields.text("max_age") };
        fields.finish();
        written
    }
}

impl RawShareInterval {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self {
            since: fields.text("since"),
            weights: fields.object("weights").map(RawWeights::read),
        };
        fields.finish();
        written
    }
}

// === impl WrittenShadow ===

impl RawShadow {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self { percent: fields.unsigned("percent"), header: fields.text("header") };
        // There is no other choice.
        let _ = fields.choice("of", &["blue"]);
        fields.finish();
        written
    }
}

// === impl WrittenFeedback ===

impl RawFeedback {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self {
            path: fields.text("path"),
            thumb: fields.text("thumb"),
            score: fields.text("score"),
            step: fields.text("step"),
            max_per_minute: fields.unsigned("max_per_minute"),
            answered_by: match fields.choice("answered_by", &["filter", "upstream"]) {
                Some(1) => FeedbackResponder::Upstream,
                _ => FeedbackResponder::Filter,
            },
        };
        fields.finish();
        written
    }
}

// === impl WrittenRequest ===

impl RawRequest {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self {
            headers: fields.object("headers").map(RawHeaders::read).unwrap_or_default(),
            model: fields.text("model"),
            system: fields.object("system").map(RawSystem::read),
            merge: fields.get("merge").and_then(|place| {
                place.object()?;
                place.value().as_object().cloned()
            }),
            unpatchable: match fields.choice("unpatchable", &["blue", "pass"]) {
                Some(1) => UnpatchablePolicy::Pass,
                _ => UnpatchablePolicy::Blue,
            },
        };
        fields.finish();
        written
    }
}

impl RawFailover {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self { cluster: fields.text("cluster") };
        fields.finish();
        written
    }
}

impl RawHeaders {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let set = fields.object("set").map(|it| it.entries()).unwrap_or_default();
        let set = set.into_iter().filter_map(|(name, place)| Some((name, place.text()?)));
        let written = Self { set: set.collect(), remove: fields.texts("remove") };
        fields.finish();
        written
    }
}

impl RawSystem {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let written = Self {
            replace: fields.text("replace"),
            prepend: fields.text("prepend"),
            append: fields.text("append"),
        };
        fields.finish();
        written
    }
}
