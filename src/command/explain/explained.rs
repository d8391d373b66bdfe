//! The result of `verdigris explain`, as JSON and as text.

use std::fmt::Write as _;

use serde::Serialize;

use crate::assignment::{Share, Version, bucket_hash};
use crate::command::output::{HEAD, Report, ReportOutcome, percent, styled};
use crate::config::{Config, RouteBy};

/// A decision and its steps.
#[derive(Serialize)]
pub struct Explained {
    pub(super) rollout: String,
    #[serde(skip)]
    pub(super) answer: ExplainedAnswer,
    /// `None` unless [`ExplainedAnswer::Version`].
    pub(super) version: Option<Version>,
    /// `None` if it is not known, and at a shadow's listener.
    pub(super) reason: Option<&'static str>,
    #[serde(flatten)]
    pub(super) route: ExplainedRoute,
    /// The bucket; `None` for a request with neither conversation nor unit.
    pub(super) key: Option<BucketPosition>,
    /// Green's share in force, from 0 to 1; `None` at a shadow's listener.
    pub(super) share: Option<f64>,
    pub(super) steps: Vec<ExplainedStep>,
}

/// The kind of result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ExplainedAnswer {
    /// The version is known.
    Version,
    /// Each request is drawn at random.
    Random,
    /// The options and the configuration do not suffice.
    Unknown,
    /// Green answers every request of a shadow's listener, and its answers are discarded.
    Shadow,
}

/// What Envoy routes the request by; neither of both if the version is not known.
#[derive(Default, Serialize)]
pub(super) struct ExplainedRoute {
    cluster: Option<String>,
    /// The header that a route matches, with its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
}

/// The bucket of a unit or a conversation.
#[derive(Serialize)]
pub(super) struct BucketPosition {
    key: String,
    /// `murmur3_x86_32(rollout + key)`.
    hash: u32,
    /// The bucket among the weights, if these are known.
    #[serde(flatten)]
    bucket: Option<WeightedBucket>,
    /// The key is on green for shares above this one, from 0 to 1.
    green_above: f64,
}

#[derive(Serialize)]
struct WeightedBucket {
    /// `(hash × total) >> 32`; green if it is below green's weight.
    bucket: u64,
    green: u32,
    total: u32,
}

/// A step of the decision.
#[derive(Serialize)]
pub(super) struct ExplainedStep {
    pub name: &'static str,
    /// Whether this step decided.
    pub decides: bool,
    pub why: String,
}

// === impl ExplainedRoute ===

impl ExplainedRoute {
    pub(super) fn new(config: &Config, version: Version) -> Self {
        match config.route_by {
            RouteBy::ClusterHeader => Self {
                cluster: Some(config.cluster_for_release(version).to_string()),
                header: None,
            },
            RouteBy::VersionHeader => Self {
                cluster: None,
                header: Some(format!("{}: {version}", config.version_header)),
            },
        }
    }
}

// === impl BucketPosition ===

impl BucketPosition {
    /// The bucket of `key`. `share` is the share that it is assigned by, if it is known.
    pub fn new(config: &Config, key: &str, share: Option<Share>) -> Self {
        let hash = bucket_hash(config.rollout.as_str(), key.as_bytes());
        let bucket = share.map(|share| {
            let (blue, green) = share.into();
            let total = blue + green;
            WeightedBucket { bucket: (u64::from(hash) * u64::from(total)) >> 32, green, total }
        });
        let green_above = f64::from(hash) / 2_f64.powi(32);
        Self { key: key.to_owned(), hash, bucket, green_above }
    }
}

// === impl Explained ===

impl Explained {
    /// The result for a listener that receives mirrored requests.
    pub(super) fn for_shadow(config: &Config) -> Self {
        let why = "the role is \"shadow\": green answers every request of this listener, and its \
                   answers are discarded";
        Self {
            rollout: config.rollout.to_string(),
            answer: ExplainedAnswer::Shadow,
            version: None,
            reason: None,
            route: ExplainedRoute::new(config, Version::Green),
            key: None,
            share: None,
            steps: vec![ExplainedStep { name: "role", decides: true, why: why.to_owned() }],
        }
    }

    fn headline(&self) -> String {
        let reason = self.reason.unwrap_or_default();
        let ExplainedRoute { cluster, header } = &self.route;
        let route = match header {
            Some(header) => format!("header {header}"),
            None => format!("cluster {}", cluster.as_deref().unwrap_or_default()),
        };
        match (self.answer, self.version) {
            (ExplainedAnswer::Version, Some(version)) => {
                format!("{} by {reason}, {route}", styled(HEAD, version))
            }
            (ExplainedAnswer::Random, _) => format!(
                "{} by {reason}: {} of such requests go to green, the others to blue",
                styled(HEAD, "random"),
                percent(self.share.unwrap_or_default())
            ),
            (ExplainedAnswer::Shadow, _) => {
                format!("{}, {route}: no version is assigned", styled(HEAD, "green's shadow"))
            }
            (ExplainedAnswer::Unknown | ExplainedAnswer::Version, _) => {
                format!("{}: see the conversation", styled(HEAD, "not known"))
            }
        }
    }
}

impl Report for Explained {
    fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.headline());
        let width = self.steps.iter().map(|it| it.name.len()).max().unwrap_or_default();
        for ExplainedStep { name, decides, why } in &self.steps {
            let mark = if *decides { "=>" } else { "  " };
            let line = format!("{mark} {name:<width$}  {why}");
            let line = if *decides { styled(HEAD, line) } else { line };
            let _ = writeln!(text, "{line}");
        }
        let Some(BucketPosition { key, hash, bucket, green_above }) = &self.key else {
            return text;
        };
        let _ = writeln!(text, "\nmurmur3({:?} + {key:?}) = 0x{hash:08x}", self.rollout);
        if let Some(WeightedBucket { bucket, green, total }) = bucket {
            let _ = writeln!(
                text,
                "bucket ({hash} × {total}) >> 32 = {bucket} of {total}, green below {green}"
            );
        }
        let _ = writeln!(text, "on green for shares above {}", percent(*green_above));
        text
    }

    fn outcome(&self) -> ReportOutcome {
        match self.answer {
            ExplainedAnswer::Unknown => ReportOutcome::Findings,
            _ => ReportOutcome::Ok,
        }
    }
}
