//! The valid configuration of a rollout.

use super::answers::AnswersConfig;
use super::console_path::ConsolePath;
use super::conversation::ConversationConfig;
use super::feedback::FeedbackConfig;
use super::fleet::FleetConfig;
use super::judge::JudgeConfig;
use super::read_body::ReadBody;
use super::role::Role;
use super::route_by::RouteBy;
use super::samples::SamplesConfig;
use super::shadow::ShadowConfig;
use crate::assignment::{AssignmentRules, MissingUnitPolicy, Pins, Share, UnitSource, Version};
use crate::names::{ClusterName, HeaderName, RolloutName};
use crate::patch::{PATCH_ROOM, PlanContext, RequestPatch};
use crate::response::Formats;
use crate::rollout::RampSpec;

/// The configuration of a rollout, valid by construction.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The name of the release attempt.
    pub rollout: RolloutName,
    /// The sources of the unit, in the order in which they are tried.
    pub unit: Vec<UnitSource>,
    /// The request header that Envoy's routes depend on.
    pub route_by: RouteBy,
    /// Blue's cluster. Where the routes match the version header, only a name to show.
    pub blue_cluster: ClusterName,
    /// Green's cluster, as blue's.
    pub green_cluster: ClusterName,
    /// The cluster in the cluster header before the filter runs.
    pub default_cluster: ClusterName,
    /// Green's share of all units if there is no ramp.
    pub share: Share,
    /// The ramp, if there is one.
    pub ramp: Option<RampSpec>,
    /// The version of requests without a unit.
    pub on_missing: MissingUnitPolicy,
    /// Units that are pinned to a version.
    pub pins: Pins,
    /// The header with which a request can force its version, if that is allowed.
    pub force_header: Option<HeaderName>,
    /// The request header from which Envoy's route takes the cluster, if it does.
    pub cluster_header: HeaderName,
    /// The request header that names the version.
    pub version_header: HeaderName,
    /// How responses are observed, if they are.
    pub answers: Option<AnswersConfig>,
    /// The formats of requests and responses.
    pub formats: Formats,
    /// The changes that blue makes to its requests.
    pub blue_request: Option<RequestPatch>,
    /// The changes that green makes to its requests.
    pub green_request: Option<RequestPatch>,
    /// The largest request body that the filter reads or changes, in bytes.
    pub max_request_body: usize,
    /// When bodies are read.
    pub read_body: ReadBody,
    /// How conversations keep their version, if they do.
    pub conversation: Option<ConversationConfig>,
    /// Which requests are mirrored to green, if any.
    pub shadow: Option<ShadowConfig>,
    /// How feedback is received, if it is.
    pub feedback: Option<FeedbackConfig>,
    /// The store that several Envoys share the rollout through; `None`: each has its own.
    pub fleet: Option<FleetConfig>,
    /// The model that judges sampled answers, if there is one.
    pub judge: Option<JudgeConfig>,
    /// Where sampled requests are exported to, if they are.
    pub samples: Option<SamplesConfig>,
    /// The cluster that retries green's requests on blue, if there is one.
    pub green_failover: Option<ClusterName>,
    /// The role of the filter; `None` if it depends on the listener.
    pub role: Option<Role>,
    /// The console at a path of the release's listener, if there is one.
    pub console: Option<ConsolePath>,
}

// === impl Config ===

impl Config {
    /// The rules for assigning versions.
    pub fn assignment_rules(&self) -> AssignmentRules<'_> {
        AssignmentRules {
            rollout: self.rollout.as_str(),
            pins: &self.pins,
            missing_unit: self.on_missing,
            conversations: self.conversation.as_ref().map(|it| it.on_rollback),
        }
    }

    /// Whether a ramp counts units that a client can make as it likes: the unit may be a cookie. With
    /// conversations, too, a request with a unit counts for it.
    pub fn is_unit_made_by_clients(&self) -> bool {
        let has_cookie = self.unit.iter().any(|source| source.header().is_none());
        has_cookie && self.ramp.is_some()
    }

    /// The cluster that serves `version`.
    pub fn cluster(&self, version: Version) -> &ClusterName {
        match version {
            Version::Blue => &self.blue_cluster,
            Version::Green => &self.green_cluster,
        }
    }

    /// The cluster to which the release's listener routes `version`: green's failover cluster, if
    /// there is one.
    pub fn cluster_for_release(&self, version: Version) -> &ClusterName {
        match (version, &self.green_failover) {
            (Version::Green, Some(cluster)) => cluster,
            _ => self.cluster(version),
        }
    }

    /// Whether `version`'s patch is applied by another listener than the release's.
    pub fn patches_later(&self, version: Version) -> bool {
        version == Version::Green && self.green_failover.is_some()
    }

    /// Whether the filter also runs in other listeners than the release's.
    pub fn has_other_listeners(&self) -> bool {
        self.shadow.is_some() || self.green_failover.is_some()
    }

    /// The changes that `version` makes to its requests.
    pub fn request(&self, version: Version) -> Option<&RequestPatch> {
        match version {
            Version::Blue => self.blue_request.as_ref(),
            Version::Green => self.green_request.as_ref(),
        }
    }

    /// The facts that the plan of a request on `version` depends on.
    pub fn plan_context(
        &self,
        version: Version,
        is_evidence: bool,
        is_mirrored: bool,
    ) -> PlanContext<'_> {
        PlanContext {
            version,
            blue_patch: self.blue_request.as_ref(),
            green_patch: self.green_request.as_ref(),
            formats: &self.formats,
            max_body_bytes: self.max_request_body,
            max_mirrored_bytes: self.max_request_body.min(ShadowConfig::MAX_BODY),
            is_evidence,
            is_mirrored,
        }
    }

    /// Whether a request's headers may wait for its body.
    pub fn waits_for_bodies(&self) -> bool {
        self.read_body == ReadBody::BeforeRouting
            && (self.reads_request_bodies() || self.feedback.is_some())
    }

    /// Whether bodies of requests to a model are read or changed, up to `max_request_body`.
    pub fn reads_request_bodies(&self) -> bool {
        let patches = [&self.blue_request, &self.green_request];
        let mut patches = patches.into_iter().flatten();
        patches.any(|it| it.body.is_required() || it.body.asks_for_usage)
            || self.conversation.as_ref().is_some_and(|it| !it.pointers.is_empty())
    }

    /// Whether this is the own configuration of a shadow's listener.
    pub fn is_shadow(&self) -> bool {
        self.role == Some(Role::Shadow)
    }

    /// By how many bytes a patched body can exceed `max_request_body`.
    pub fn patch_growth(&self) -> usize {
        let patches = [&self.blue_request, &self.green_request].into_iter().flatten();
        patches.map(|it| it.max_growth.min(PATCH_ROOM)).max().unwrap_or_default()
    }

    /// Green's patch, if a request to which it cannot be applied must not go to green.
    pub fn green_requires(&self) -> Option<&RequestPatch> {
        self.green_request.as_ref().filter(|patch| patch.body.is_required())
    }
}
