//! What the filter runs on.

use super::answers::AnswersConfig;
use super::conversation::ConversationConfig;
use super::feedback::FeedbackConfig;
use super::role::Role;
use super::shadow::ShadowConfig;
use crate::assignment::{AssignmentRules, MissingUnitPolicy, Pins, Share, UnitSource, Version};
use crate::names::{ClusterName, HeaderName, RolloutName};
use crate::patch::{PlanContext, RequestPatch};
use crate::response::Formats;
use crate::rollout::RampSpec;

/// A configuration that can be run as it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Names the release attempt.
    pub rollout: RolloutName,
    /// Where the unit is looked for, in this order.
    pub unit: Vec<UnitSource>,
    /// The cluster of blue.
    pub blue_cluster: ClusterName,
    /// The cluster of green.
    pub green_cluster: ClusterName,
    /// What the cluster header holds before the filter runs.
    pub default_cluster: ClusterName,
    /// Green's share of all units, where no ramp sets it.
    pub share: Share,
    /// What the operator wants of a ramp, if there is one.
    pub ramp: Option<RampSpec>,
    /// Where a request without a unit goes.
    pub on_missing: MissingUnitPolicy,
    /// Units that are always on one version.
    pub pins: Pins,
    /// The header by which a request may choose its version, if it may.
    pub force_header: Option<HeaderName>,
    /// The request header from which Envoy's route takes the cluster.
    pub cluster_header: HeaderName,
    /// The request header that names the version.
    pub version_header: HeaderName,
    /// What is looked at of responses, if anything is.
    pub answers: Option<AnswersConfig>,
    /// Which formats requests and answers have.
    pub formats: Formats,
    /// What blue changes in its requests, if anything.
    pub blue_request: Option<RequestPatch>,
    /// What green changes in its requests, if anything.
    pub green_request: Option<RequestPatch>,
    /// How large a request's body may be to be looked at, in bytes.
    pub max_request_body: usize,
    /// How conversations are kept on their version, if they are.
    pub conversation: Option<ConversationConfig>,
    /// Which requests green is asked as well, for nobody, if any.
    pub shadow: Option<ShadowConfig>,
    /// What is listened to of users and judges, if anything.
    pub feedback: Option<FeedbackConfig>,
    /// The cluster that sends a request to blue if green fails, if there is one.
    pub green_failover: Option<ClusterName>,
    /// What the filter is there for, where that does not depend on the listener.
    pub role: Option<Role>,
}

// === impl Config ===

impl Config {
    /// The rules by which versions are assigned.
    pub fn assignment_rules(&self) -> AssignmentRules<'_> {
        AssignmentRules {
            rollout: self.rollout.as_str(),
            pins: &self.pins,
            missing_unit: self.on_missing,
            conversations: self.conversation.as_ref().map(|it| it.on_rollback),
        }
    }

    /// The cluster that serves `version`.
    pub fn cluster(&self, version: Version) -> &ClusterName {
        match version {
            Version::Blue => &self.blue_cluster,
            Version::Green => &self.green_cluster,
        }
    }

    /// The cluster that the release's listener sends `version`'s requests to.
    pub fn cluster_for_release(&self, version: Version) -> &ClusterName {
        match (version, &self.green_failover) {
            (Version::Green, Some(cluster)) => cluster,
            _ => self.cluster(version),
        }
    }

    /// Whether another listener than the release's changes `version`'s requests.
    pub fn patches_later(&self, version: Version) -> bool {
        version == Version::Green && self.green_failover.is_some()
    }

    /// Whether the filter runs in other listeners than the release's.
    pub fn has_other_listeners(&self) -> bool {
        self.shadow.is_some() || self.green_failover.is_some()
    }

    /// What `version` changes in its requests, if anything.
    pub fn request(&self, version: Version) -> Option<&RequestPatch> {
        match version {
            Version::Blue => self.blue_request.as_ref(),
            Version::Green => self.green_request.as_ref(),
        }
    }

    /// What the plan of a request that was assigned `version` depends on.
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

    /// What a request must fit to be green's, if anything.
    pub fn green_requires(&self) -> Option<&RequestPatch> {
        self.green_request.as_ref().filter(|patch| patch.body.is_required())
    }
}
