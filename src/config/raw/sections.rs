//! The `conversation`, `shadow`, `feedback`, `fleet`, `failover` and `request` sections as written.

use std::time::Duration;

use serde_json::{Map, Value};

use super::common::{RawUnitSource, RawUnitSources, RawWeights};
use super::reader::{Node, ObjectReader};
use crate::assignment::RollbackPolicy;
use crate::config::same_site::SameSite;

/// The `conversation` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawConversation {
    pub id: Option<RawUnitSources>,
    pub marker: Option<Vec<RawMarker>>,
    pub drain: RawDrain,
    pub on_rollback: RollbackPolicy,
    pub history: Vec<RawShareInterval>,
}

/// A location of the start marker: a header, or a cookie with its attributes.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawMarker {
    pub source: RawUnitSource,
    pub attributes: RawCookie,
}

/// The attributes of a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawCookie {
    pub secure: Option<bool>,
    pub same_site: Option<SameSite>,
    pub domain: Option<String>,
    pub path: Option<String>,
}

/// When open conversations stop keeping their version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawDrain {
    pub max_age: Option<String>,
}

/// Weights, and the time from which they were in force.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawShareInterval {
    pub since: Option<String>,
    pub weights: Option<RawWeights>,
}

/// The `shadow` section. The field `of` is read but not kept, because it can only be blue.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawShadow {
    pub percent: Option<u64>,
    pub header: Option<String>,
}

/// The `feedback` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawFeedback {
    pub path: Option<String>,
    pub thumb: Option<String>,
    pub score: Option<String>,
    pub step: Option<String>,
    pub max_per_minute: Option<u64>,
    pub answered_by: FeedbackResponder,
}

/// The `fleet` section.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawFleet {
    pub store: Option<FleetStoreKind>,
    pub cluster: Option<String>,
    pub prefix: Option<String>,
    pub namespace: Option<String>,
    pub instance: Option<String>,
    /// How often an instance talks to the store.
    pub interval: Option<Duration>,
}

/// The kinds of stores that a fleet can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FleetStoreKind {
    /// etcd.
    Etcd,
    /// The Kubernetes API.
    Kubernetes,
}

/// The stores that can be configured.
const FLEET_STORES: [(&str, FleetStoreKind); 2] =
    [("etcd", FleetStoreKind::Etcd), ("kubernetes", FleetStoreKind::Kubernetes)];

/// The intervals that can be configured, in milliseconds.
const FLEET_INTERVALS: [(&str, u64); 8] = [
    ("500ms", 500),
    ("1s", 1_000),
    ("2s", 2_000),
    ("5s", 5_000),
    ("10s", 10_000),
    ("15s", 15_000),
    ("30s", 30_000),
    ("60s", 60_000),
];

/// Who responds to a feedback request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedbackResponder {
    /// The filter.
    #[default]
    Filter,
    /// The upstream, to which the request is forwarded.
    Upstream,
}

/// The `request` section of a version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawRequest {
    pub headers: RawHeaders,
    pub model: Option<String>,
    pub system: Option<RawSystem>,
    pub merge: Option<Map<String, Value>>,
    pub unpatchable: UnpatchablePolicy,
}

/// The `failover` section of a version.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawFailover {
    pub cluster: Option<String>,
}

/// Headers to set and to remove.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawHeaders {
    pub set: Vec<(String, String)>,
    pub remove: Vec<String>,
}

/// A change of the system prompt.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "docs/reference is their one description")]
pub struct RawSystem {
    pub replace: Option<String>,
    pub prepend: Option<String>,
    pub append: Option<String>,
}

/// What to do with a request that cannot be patched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnpatchablePolicy {
    /// Send it unchanged to blue.
    #[default]
    Blue,
    /// Send it unchanged to its version.
    Pass,
}

// === impl RawConversation ===

impl RawConversation {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let conversation = Self {
            id: fields.get("id").map(RawUnitSources::read_with_pointers),
            marker: fields.get("marker").map(|node| {
                let nodes = node.one_or_many();
                nodes.iter().filter_map(Node::object).map(RawMarker::read).collect()
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
        conversation
    }
}

impl RawMarker {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let marker = Self {
            source: RawUnitSource::read_from(&mut fields),
            attributes: RawCookie {
                secure: fields.boolean("secure"),
                same_site: {
                    let index = fields.choice("same_site", &SameSite::NAMES);
                    index.and_then(|index| SameSite::ALL.get(index).copied())
                },
                domain: fields.text("domain"),
                path: fields.text("path"),
            },
        };
        fields.finish();
        marker
    }
}

impl RawDrain {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let drain = Self { max_age: fields.text("max_age") };
        fields.finish();
        drain
    }
}

impl RawShareInterval {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let interval = Self {
            since: fields.text("since"),
            weights: fields.object("weights").map(RawWeights::read),
        };
        fields.finish();
        interval
    }
}

// === impl RawShadow ===

impl RawShadow {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let percent = fields.get("percent").and_then(|it| it.whole_percent());
        let shadow = Self { percent, header: fields.text("header") };
        // Blue is the only choice.
        let _ = fields.choice("of", &["blue"]);
        fields.finish();
        shadow
    }
}

// === impl RawFeedback ===

impl RawFeedback {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let feedback = Self {
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
        feedback
    }
}

// === impl RawFleet ===

impl RawFleet {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let fleet = Self {
            store: {
                let index = fields.choice("store", &FLEET_STORES.map(|(text, _)| text));
                index.and_then(|index| FLEET_STORES.get(index)).map(|(_, kind)| *kind)
            },
            cluster: fields.text("cluster"),
            prefix: fields.text("prefix"),
            namespace: fields.text("namespace"),
            instance: fields.text("instance"),
            interval: {
                let index = fields.choice("interval", &FLEET_INTERVALS.map(|(text, _)| text));
                let interval = index.and_then(|index| FLEET_INTERVALS.get(index));
                interval.map(|(_, ms)| Duration::from_millis(*ms))
            },
        };
        fields.finish();
        fleet
    }
}

// === impl RawRequest ===

impl RawRequest {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let request = Self {
            headers: fields.object("headers").map(RawHeaders::read).unwrap_or_default(),
            model: fields.text("model"),
            system: fields.object("system").map(RawSystem::read),
            merge: fields.get("merge").and_then(|node| {
                node.object()?;
                node.value().as_object().cloned()
            }),
            unpatchable: match fields.choice("unpatchable", &["blue", "pass"]) {
                Some(1) => UnpatchablePolicy::Pass,
                _ => UnpatchablePolicy::Blue,
            },
        };
        fields.finish();
        request
    }
}

impl RawFailover {
    pub(in crate::config) fn read(mut fields: ObjectReader<'_>) -> Self {
        let failover = Self { cluster: fields.text("cluster") };
        fields.finish();
        failover
    }
}

impl RawHeaders {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let set = fields.object("set").map(|it| it.entries()).unwrap_or_default();
        let set = set.into_iter().filter_map(|(name, node)| Some((name, node.text()?)));
        let headers = Self { set: set.collect(), remove: fields.texts("remove") };
        fields.finish();
        headers
    }
}

impl RawSystem {
    fn read(mut fields: ObjectReader<'_>) -> Self {
        let system = Self {
            replace: fields.text("replace"),
            prepend: fields.text("prepend"),
            append: fields.text("append"),
        };
        fields.finish();
        system
    }
}
