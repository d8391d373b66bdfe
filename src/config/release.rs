//! What the filter runs on.

use serde_json::json;

use super::answers::{AnswersConfig, answers};
use super::conversation::{ConversationConfig, conversations};
use super::diagnostics::Diagnostics;
use super::failover::{ReleaseClusters, failover};
use super::feedback::{FeedbackConfig, feedback};
use super::ramp::{RampContext, ramp};
use super::raw::release::RawRequest;
use super::raw::root::{
    RawAnswers, RawPins, RawUnitSource, RawUnitSources, RawWeights, write_example,
};
use super::request_patch::request_patch;
use super::shadow::{ShadowConfig, shadow};
use super::{FieldError, InvalidConfig, MissingUnitPolicy, Plugin, RawConfig, Role};
use crate::assignment::bucket::MAX_TOTAL_WEIGHT;
use crate::assignment::{Pins, Share, UnitSource, Version};
use crate::names::{ClusterName, CookieName, HeaderName, RolloutName};
use crate::patch::plan::may_mirror;
use crate::patch::{RequestHead, RequestPatch};
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
    /// Reads and checks the JSON text of a rollout's configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it. Where the shape is wrong, all that is wrong with the
    /// shape: the rest cannot be read past it.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidConfig> {
        match Plugin::parse(text)? {
            Plugin::Rollout(config) => Ok(*config),
            Plugin::Console(_) => {
                let mend = "this is the console's configuration, and no rollout's";
                Err(FieldError::new("role", &"console".into(), mend).into())
            }
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

    /// Whether a request of blue can be copied for green: one to a model, that green's
    /// version would be given, and that is small enough to hold nobody up.
    pub fn may_shadow(&self, head: &RequestHead) -> bool {
        let max_bytes = self.max_request_body.min(ShadowConfig::MAX_BODY);
        may_mirror(self.green_request.as_ref(), &self.formats, head, max_bytes)
    }

    /// What a request must fit to be green's, if anything.
    pub fn green_requires(&self) -> Option<&RequestPatch> {
        self.green_request.as_ref().filter(|patch| patch.body.is_required())
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = InvalidConfig;

    fn try_from(written: RawConfig) -> Result<Self, InvalidConfig> {
        let mut problems = Diagnostics::default();
        let rollout = problems.required("rollout", written.rollout, |name| {
            RolloutName::new(name).ok_or(RolloutName::RULE)
        });
        let unit = unit(written.unit, &mut problems);
        let blue_cluster =
            cluster("versions.blue.cluster", written.versions.blue.cluster, &mut problems);
        let green_cluster =
            cluster("versions.green.cluster", written.versions.green.cluster, &mut problems);
        let beside = RampContext {
            weights: written.weights.is_some(),
            prices: !written.prices.is_empty(),
            conversations: written.conversation.is_some(),
            thumbs: written.feedback.as_ref().is_some_and(|it| it.thumb.is_some()),
            scores: written.feedback.as_ref().is_some_and(|it| it.score.is_some()),
            unread: written.answers.as_ref().is_some_and(|answers| answers.read == Some(false)),
            answers: written.answers.is_some(),
        };
        let share = share(written.weights, &mut problems);
        let feedback = written.feedback.map(|it| feedback(it, &mut problems));
        let ramp = written.ramp.map(|written| ramp(written, &beside, &mut problems));
        let default_cluster = match written.default_cluster {
            Some(name) => problems.checked("default_cluster", &name, cluster_name),
            None => blue_cluster.clone(),
        };
        let clusters = ReleaseClusters {
            blue: blue_cluster.as_ref(),
            green: green_cluster.as_ref(),
            default: default_cluster.as_ref(),
        };
        let [blue_failover, green_failover] =
            [written.versions.blue.failover, written.versions.green.failover];
        let green_failover = failover(blue_failover, green_failover, &clusters, &mut problems);
        let pins = pins(&written.pins, &mut problems);
        let force_header =
            written.force_header.map(|name| problems.checked("force_header", &name, header_name));
        let cluster_header = written.cluster_header.as_deref().unwrap_or("x-verdigris-cluster");
        let cluster_header = problems.checked("cluster_header", cluster_header, own_header_name);
        let version_header = written.version_header.as_deref().unwrap_or("x-verdigris-version");
        let version_header = problems.checked("version_header", version_header, own_header_name);

        let conversation = written.conversation.map(|it| conversations(it, &mut problems));
        let mut formats = Formats {
            blue: written.versions.blue.format,
            green: written.versions.green.format,
            ..Formats::default()
        };
        // A ramp looks at answers, and so does who compares a shadow. Of a ramp that could not
        // be built it is not known whether it reads them; then nothing else is to be called
        // idle.
        let has_shadow = written.shadow.is_some() || written.role == Some(Role::Shadow);
        let reads = match &ramp {
            Some(ramp) => Some(has_shadow || ramp.as_ref().is_none_or(RampSpec::reads_answers)),
            None => has_shadow.then_some(true),
        };
        let implied = reads.map(|read| RawAnswers { read: Some(read), ..RawAnswers::default() });
        let written_answers = written.answers.or(implied);
        let asks_for_usage = written_answers.as_ref().is_some_and(|it| it.include_usage);
        let [blue_written, green_written] =
            [written.versions.blue.request, written.versions.green.request];
        let for_requests = [blue_written.is_some(), green_written.is_some()];
        let answers =
            answers(written_answers, written.prices, &mut formats, for_requests, &mut problems);
        let max_request_body = max_request_body(written.max_request_body, &mut problems);
        let blue_changes = for_requests[0];
        let shadow = written.shadow.map(|it| shadow(it, blue_changes, &mut problems));

        let mut headers = Vec::new();
        headers.extend(cluster_header.iter().map(|name| ("cluster_header", name)));
        headers.extend(version_header.iter().map(|name| ("version_header", name)));
        headers.extend(force_header.iter().flatten().map(|name| ("force_header", name)));
        headers.extend(shadow.iter().flatten().map(|it| ("shadow.header", &it.header)));
        headers.extend(unit.iter().flatten().filter_map(|source| match source {
            UnitSource::Header(name) => Some(("unit", name)),
            UnitSource::Cookie(_) => None,
        }));
        headers.extend(conversation.iter().flatten().flat_map(|it| {
            let ids = it.ids.iter().filter_map(UnitSource::header);
            let ids = ids.map(|name| ("conversation.id", name));
            ids.chain(
                it.markers
                    .iter()
                    .filter_map(UnitSource::header)
                    .map(|name| ("conversation.marker", name)),
            )
        }));
        problems.refuse_shared_headers(&headers);
        let own: Vec<&HeaderName> = headers.iter().map(|(_, name)| *name).collect();
        let mut request = |field: &str, written: Option<RawRequest>| {
            let written = written.unwrap_or_default();
            let patch = request_patch(field, written, &own, asks_for_usage, &mut problems);
            (patch != RequestPatch::default()).then_some(patch)
        };
        let blue_request = request("versions.blue.request", blue_written);
        let green_request = request("versions.green.request", green_written);

        // `None` anywhere means a problem was noted; then there is nothing to build.
        let config = (|| {
            Some(Self {
                rollout: rollout?,
                unit: unit?,
                blue_cluster: blue_cluster?,
                green_cluster: green_cluster?,
                default_cluster: default_cluster?,
                share: share?,
                ramp: match ramp {
                    Some(ramp) => Some(ramp?),
                    None => None,
                },
                on_missing: written.on_missing,
                pins,
                force_header: match force_header {
                    Some(name) => Some(name?),
                    None => None,
                },
                cluster_header: cluster_header?,
                version_header: version_header?,
                answers,
                formats,
                blue_request,
                green_request,
                max_request_body: max_request_body?,
                conversation: match conversation {
                    Some(conversation) => Some(conversation?),
                    None => None,
                },
                shadow: match shadow {
                    Some(shadow) => Some(shadow?),
                    None => None,
                },
                feedback: match feedback {
                    Some(feedback) => Some(feedback?),
                    None => None,
                },
                green_failover: match green_failover {
                    Some(cluster) => Some(cluster?),
                    None => None,
                },
                role: written.role,
            })
        })();
        problems.into_result(config)
    }
}

pub(super) fn cluster_name(name: &str) -> Result<ClusterName, &'static str> {
    ClusterName::new(name).ok_or(ClusterName::RULE)
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, &'static str> {
    HeaderName::new(name).ok_or(HeaderName::RULE)
}

/// The name of a header that the filter may overwrite.
pub(super) fn own_header_name(name: &str) -> Result<HeaderName, &'static str> {
    let name = header_name(name)?;
    if name.is_standard() { Err(HeaderName::OWN_RULE) } else { Ok(name) }
}

pub(super) fn cookie_name(name: &str) -> Result<CookieName, &'static str> {
    CookieName::new(name).ok_or(CookieName::RULE)
}

fn cluster(field: &str, name: Option<String>, problems: &mut Diagnostics) -> Option<ClusterName> {
    problems.required(field, name, cluster_name)
}

fn unit(written: Option<RawUnitSources>, problems: &mut Diagnostics) -> Option<Vec<UnitSource>> {
    let Some(RawUnitSources(sources)) = written else {
        problems.push(FieldError::missing("unit", write_example("unit")));
        return None;
    };
    if sources.is_empty() {
        problems.push(FieldError::new("unit", &json!([]), write_example("unit")));
        return None;
    }
    sources
        .iter()
        .map(|source| match source {
            RawUnitSource { header: Some(name), cookie: None, pointer: None } => {
                problems.checked("unit.header", name, header_name).map(UnitSource::Header)
            }
            RawUnitSource { header: None, cookie: Some(name), pointer: None } => {
                problems.checked("unit.cookie", name, cookie_name).map(UnitSource::Cookie)
            }
            RawUnitSource { pointer: Some(pointer), .. } => {
                let mend = "the unit is in a header or a cookie; a pointer is for conversation.id";
                problems.push(FieldError::new("unit.pointer", &json!(pointer), mend));
                None
            }
            RawUnitSource { header, cookie, .. } => {
                let value = match (header, cookie) {
                    (Some(header), Some(cookie)) => json!({"header": header, "cookie": cookie}),
                    _ => json!({}),
                };
                problems.push(FieldError::new(
                    "unit",
                    &value,
                    "a source is one header or one cookie; list the sources one by one, such as \
                     [{\"header\": \"x-user-id\"}, {\"cookie\": \"uid\"}]",
                ));
                None
            }
        })
        // Not lazily: the second bad source is to be told as well as the first.
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

pub(super) fn share(written: Option<RawWeights>, problems: &mut Diagnostics) -> Option<Share> {
    match written {
        Some(written) => share_from_weights("weights", written, problems),
        None => Some(Share::ZERO),
    }
}

/// The share of weights that are written in `field`.
pub(super) fn share_from_weights(
    field: &str,
    written: RawWeights,
    problems: &mut Diagnostics,
) -> Option<Share> {
    let RawWeights { blue, green } = written;
    if blue.is_none() {
        problems.push(FieldError::missing(format!("{field}.blue"), write_example("weights")));
    }
    if green.is_none() {
        problems.push(FieldError::missing(format!("{field}.green"), write_example("weights")));
    }
    let (blue, green) = (blue?, green?);
    let share = Share::new(blue, green);
    if share.is_none() {
        let mend = if (blue, green) == (0, 0) {
            "give at least one of them a positive weight".to_owned()
        } else {
            format!("make their sum at most {MAX_TOTAL_WEIGHT}")
        };
        problems.push(FieldError::new(field, &json!({"blue": blue, "green": green}), mend));
    }
    share
}

/// Below Envoy's own limit, which is 1 MiB unless the listener says otherwise.
const MAX_REQUEST_BODY: usize = 1_000_000;

fn max_request_body(written: Option<u64>, problems: &mut Diagnostics) -> Option<usize> {
    let Some(bytes) = written else { return Some(MAX_REQUEST_BODY) };
    let size = usize::try_from(bytes).ok().filter(|size| (1..=1 << 30).contains(size));
    if size.is_none() {
        let mend = "write a number of bytes from 1 to 1073741824, below what Envoy buffers, such as 1000000";
        problems.push(FieldError::new("max_request_body", &json!(bytes), mend));
    }
    size
}

fn pins(written: &RawPins, problems: &mut Diagnostics) -> Pins {
    let mut pins = Pins::default();
    let lists = [(Version::Blue, &written.blue), (Version::Green, &written.green)];
    for (version, unit) in lists.iter().flat_map(|(v, units)| units.iter().map(move |u| (*v, u))) {
        let field = format!("pins.{version}");
        if unit.is_empty() || unit.trim() != unit {
            let mend = "a unit is never empty and has no white space around it; correct the pin or take it out";
            problems.push(FieldError::new(&field, &json!(unit), mend));
        } else if pins.insert(unit.as_bytes(), version).is_some_and(|before| before != version) {
            let mend = "the unit is pinned to both versions; keep one";
            problems.push(FieldError::new(&field, &json!(unit), mend));
        }
    }
    pins
}
