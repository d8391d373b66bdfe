//! What is told of a decision.

use std::fmt::Write as _;

use serde::Serialize;

use crate::assignment::{Share, Version, bucket_hash};
use crate::command::output::{HEAD, Report, percent, styled};
use crate::config::Config;

/// A decision, and how it came about.
#[derive(Serialize)]
pub struct Explained {
    pub(super) rollout: String,
    #[serde(skip)]
    pub(super) answer: ExplainedAnswer,
    /// `None` where a draw decides, where it is not known, and where nothing is decided.
    pub(super) version: Option<Version>,
    /// `None` where it is not known, and where nothing is decided.
    pub(super) reason: Option<&'static str>,
    pub(super) cluster: Option<String>,
    /// What is hashed; `None` where the request has neither a conversation nor a unit.
    pub(super) key: Option<BucketPosition>,
    /// Green's share in force; `None` where nothing is decided.
    pub(super) share: Option<f64>,
    pub(super) steps: Vec<ExplainedStep>,
}

/// What kind of answer there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ExplainedAnswer {
    /// One version has it.
    Version,
    /// A draw for each request decides.
    Draw,
    /// What was said and written does not tell.
    Unknown,
    /// Green answers for nobody, whatever the request is.
    Shadow,
}

/// Where a unit or a conversation stands.
#[derive(Serialize)]
pub(super) struct BucketPosition {
    key: String,
    /// `murmur3_x86_32(rollout + key)`.
    hash: u32,
    /// Where it stands among the weights, where these are known.
    #[serde(flatten)]
    bucket: Option<BucketOf>,
    /// The share above which this is green's.
    green_above: f64,
}

#[derive(Serialize)]
struct BucketOf {
    /// `(hash × total) >> 32`: green below green's weight.
    bucket: u64,
    green: u32,
    total: u32,
}

#[derive(Serialize)]
pub(super) struct ExplainedStep {
    pub name: &'static str,
    /// Whether it decided.
    pub decides: bool,
    pub why: String,
}

// === impl Place ===

impl BucketPosition {
    pub fn of(config: &Config, key: &str, share: Option<Share>) -> Self {
        let hash = bucket_hash(config.rollout.as_str(), key.as_bytes());
        let bucket = share.map(|share| {
            let (blue, green) = share.into();
            let total = blue + green;
            BucketOf { bucket: (u64::from(hash) * u64::from(total)) >> 32, green, total }
        });
        let green_above = f64::from(hash) / 2_f64.powi(32);
        Self { key: key.to_owned(), hash, bucket, green_above }
    }
}

// === impl Explained ===

impl Explained {
    /// Of a listener that has the copies of blue's requests.
    pub(super) fn of_shadow(config: &Config) -> Self {
        let why = "it is \"shadow\": green answers every request of this listener, for nobody";
        Self {
            rollout: config.rollout.to_string(),
            answer: ExplainedAnswer::Shadow,
            version: None,
            reason: None,
            cluster: Some(config.green_cluster.to_string()),
            key: None,
            share: None,
            steps: vec![ExplainedStep { name: "role", decides: true, why: why.to_owned() }],
        }
    }

    fn headline(&self) -> String {
        let reason = self.reason.unwrap_or_default();
        let cluster = self.cluster.as_deref().unwrap_or_default();
        match (self.answer, self.version) {
            (ExplainedAnswer::Version, Some(version)) => {
                format!("{} by {reason}, cluster {cluster}", styled(HEAD, version))
            }
            (ExplainedAnswer::Draw, _) => format!(
                "{} by {reason}: {} of such requests are green's, the others blue's",
                styled(HEAD, "a draw"),
                percent(self.share.unwrap_or_default())
            ),
            (ExplainedAnswer::Shadow, _) => {
                format!(
                    "{}, cluster {cluster}: nothing is decided",
                    styled(HEAD, "green for nobody")
                )
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
        if let Some(BucketOf { bucket, green, total }) = bucket {
            let _ = writeln!(
                text,
                "bucket ({hash} × {total}) >> 32 = {bucket} of {total}, green below {green}"
            );
        }
        let _ = writeln!(text, "green's from a share above {}", percent(*green_above));
        text
    }

    fn is_fine(&self) -> bool {
        self.answer != ExplainedAnswer::Unknown
    }
}
