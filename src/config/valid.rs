//! What the filter runs on.

use serde_json::json;

use super::answers::{Answers, answers};
use super::names::{ClusterName, CookieName, HeaderName, RolloutName};
use super::problems::Problems;
use super::ramp::{Beside, ramp};
use super::written::{
    OneOrMany, WrittenAnswers, WrittenPins, WrittenSource, WrittenWeights, write_example,
};
use super::{OnMissing, Problem, Refused, Written};
use crate::assign::bucket::MAX_TOTAL_WEIGHT;
use crate::assign::{Pins, Share, UnitSource, Version};
use crate::ramp::Settings;

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
    pub ramp: Option<Settings>,
    /// Where a request without a unit goes.
    pub on_missing: OnMissing,
    /// Units that are always on one version.
    pub pins: Pins,
    /// The header by which a request may choose its version, if it may.
    pub force_header: Option<HeaderName>,
    /// The request header from which Envoy's route takes the cluster.
    pub cluster_header: HeaderName,
    /// The request header that names the version.
    pub version_header: HeaderName,
    /// What is looked at of responses, if anything is.
    pub answers: Option<Answers>,
}

// === impl Config ===

impl Config {
    /// Reads and checks the JSON text of a plugin configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it. Where the shape is wrong, only the first
    /// such place: the rest cannot be read past it.
    pub fn parse(text: &[u8]) -> Result<Self, Refused> {
        Self::try_from(Written::from_json(text)?)
    }

    /// The cluster that serves `version`.
    pub fn cluster(&self, version: Version) -> &ClusterName {
        match version {
            Version::Blue => &self.blue_cluster,
            Version::Green => &self.green_cluster,
        }
    }
}

impl TryFrom<Written> for Config {
    type Error = Refused;

    fn try_from(written: Written) -> Result<Self, Refused> {
        let mut problems = Problems::default();
        let rollout = problems.required("rollout", written.rollout, |name| {
            RolloutName::new(name).ok_or(RolloutName::RULE)
        });
        let unit = unit(written.unit, &mut problems);
        let blue_cluster =
            cluster("versions.blue.cluster", written.versions.blue.cluster, &mut problems);
        let green_cluster =
            cluster("versions.green.cluster", written.versions.green.cluster, &mut problems);
        let beside = Beside {
            weights: written.weights.is_some(),
            prices: !written.prices.is_empty(),
            unread: written.answers.as_ref().is_some_and(|answers| answers.read == Some(false)),
        };
        let share = share(written.weights, &mut problems);
        let ramp = written.ramp.map(|written| ramp(written, &beside, &mut problems));
        let default_cluster = match written.default_cluster {
            Some(name) => problems.checked("default_cluster", &name, cluster_name),
            None => blue_cluster.clone(),
        };
        let pins = pins(&written.pins, &mut problems);
        let force_header =
            written.force_header.map(|name| problems.checked("force_header", &name, header_name));
        let cluster_header = written.cluster_header.as_deref().unwrap_or("x-verdigris-cluster");
        let cluster_header = problems.checked("cluster_header", cluster_header, own_header_name);
        let version_header = written.version_header.as_deref().unwrap_or("x-verdigris-version");
        let version_header = problems.checked("version_header", version_header, own_header_name);

        let formats = [written.versions.blue.format, written.versions.green.format];
        // A ramp looks at answers. Of one that could not be built it is not known whether it
        // reads them; then nothing else is to be called idle.
        let for_ramp = ramp.as_ref().map(|ramp| WrittenAnswers {
            read: Some(ramp.as_ref().is_none_or(Settings::reads_answers)),
            ..WrittenAnswers::default()
        });
        let written_answers = written.answers.or(for_ramp);
        let answers = answers(written_answers, written.prices, formats, &mut problems);

        let mut headers = Vec::new();
        headers.extend(cluster_header.iter().map(|name| ("cluster_header", name)));
        headers.extend(version_header.iter().map(|name| ("version_header", name)));
        headers.extend(force_header.iter().flatten().map(|name| ("force_header", name)));
        headers.extend(unit.iter().flatten().filter_map(|source| match source {
            UnitSource::Header(name) => Some(("unit", name)),
            UnitSource::Cookie(_) => None,
        }));
        problems.refuse_shared_headers(&headers);

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
            })
        })();
        problems.refuse_or(config)
    }
}

fn cluster_name(name: &str) -> Result<ClusterName, &'static str> {
    ClusterName::new(name).ok_or(ClusterName::RULE)
}

fn header_name(name: &str) -> Result<HeaderName, &'static str> {
    HeaderName::new(name).ok_or(HeaderName::RULE)
}

/// The name of a header that the filter may overwrite.
fn own_header_name(name: &str) -> Result<HeaderName, &'static str> {
    let name = header_name(name)?;
    if name.is_standard() { Err(HeaderName::OWN_RULE) } else { Ok(name) }
}

fn cookie_name(name: &str) -> Result<CookieName, &'static str> {
    CookieName::new(name).ok_or(CookieName::RULE)
}

fn cluster(field: &str, name: Option<String>, problems: &mut Problems) -> Option<ClusterName> {
    problems.required(field, name, cluster_name)
}

fn unit(written: Option<OneOrMany>, problems: &mut Problems) -> Option<Vec<UnitSource>> {
    let Some(OneOrMany(sources)) = written else {
        problems.note(Problem::missing("unit", write_example("unit")));
        return None;
    };
    if sources.is_empty() {
        problems.note(Problem::new("unit", &json!([]), write_example("unit")));
        return None;
    }
    sources
        .iter()
        .map(|source| match source {
            WrittenSource { header: Some(name), cookie: None } => {
                problems.checked("unit.header", name, header_name).map(UnitSource::Header)
            }
            WrittenSource { header: None, cookie: Some(name) } => {
                problems.checked("unit.cookie", name, cookie_name).map(UnitSource::Cookie)
            }
            WrittenSource { header, cookie } => {
                let value = match (header, cookie) {
                    (Some(header), Some(cookie)) => json!({"header": header, "cookie": cookie}),
                    _ => json!({}),
                };
                problems.note(Problem::new(
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

fn share(written: Option<WrittenWeights>, problems: &mut Problems) -> Option<Share> {
    let Some(WrittenWeights { blue, green }) = written else {
        return Some(Share::NONE);
    };
    if blue.is_none() {
        problems.note(Problem::missing("weights.blue", write_example("weights")));
    }
    if green.is_none() {
        problems.note(Problem::missing("weights.green", write_example("weights")));
    }
    let (blue, green) = (blue?, green?);
    let share = Share::new(blue, green);
    if share.is_none() {
        let mend = if (blue, green) == (0, 0) {
            "give at least one of them a positive weight".to_owned()
        } else {
            format!("make their sum at most {MAX_TOTAL_WEIGHT}")
        };
        problems.note(Problem::new("weights", &json!({"blue": blue, "green": green}), mend));
    }
    share
}

fn pins(written: &WrittenPins, problems: &mut Problems) -> Pins {
    let mut pins = Pins::default();
    let lists = [(Version::Blue, &written.blue), (Version::Green, &written.green)];
    for (version, unit) in lists.iter().flat_map(|(v, units)| units.iter().map(move |u| (*v, u))) {
        let field = format!("pins.{version}");
        if unit.is_empty() || unit.trim() != unit {
            let mend = "a unit is never empty and has no white space around it; correct the pin or take it out";
            problems.note(Problem::new(&field, &json!(unit), mend));
        } else if pins.insert(unit.as_bytes(), version).is_some_and(|before| before != version) {
            let mend = "the unit is pinned to both versions; keep one";
            problems.note(Problem::new(&field, &json!(unit), mend));
        }
    }
    pins
}
