//! `verdigris explain`: which version a request gets, and why.
//!
//! | file | concept |
//! |---|---|
//! | `conversation` | the share that a conversation is assigned by, as far as it is known |
//! | `wording` | the text of each step |
//! | `sampling` | whether the request is copied for a judge or an export |
//! | `explained` | the result |

mod conversation;
mod explained;
mod sampling;
mod wording;

use std::time::UNIX_EPOCH;

use clap::Args;

use super::load;
use super::numbers::index;
use super::output::{CliError, share_percent};
use crate::assignment::{
    Assignment, AssignmentRequest, Conversation, EffectiveShare, Reason, Share, StickyShare,
    Version, assign,
};
use crate::config::Config;
use crate::config::time::parse_timestamp;
use conversation::{ConversationShare, ConversationTimes};
use explained::{BucketPosition, Explained, ExplainedAnswer, ExplainedRoute, ExplainedStep};
use sampling::SampledBy;

/// Explains which version a request gets, step by step.
///
/// The decision is made by the filter's own code. What only Envoy knows must be given: the state
/// of a ramp or an operator command (--step, --share, --rolled-back; `verdigris status` shows it),
/// and since when the weights are in force (--since).
#[derive(Args)]
pub struct ExplainArgs {
    /// A plugin configuration, or an Envoy configuration with one in it; - is the standard input.
    file: String,
    /// The unit, as in its header or cookie. Without it, the request has no unit.
    #[arg(long)]
    unit: Option<String>,
    /// The conversation's id.
    #[arg(long)]
    conversation: Option<String>,
    /// The conversation's start, as in its marker. Not needed for an id that contains a time.
    #[arg(long, value_name = "TIME", value_parser = unix_ms, requires = "conversation")]
    began: Option<u64>,
    /// The time of the request in RFC 3339, such as 2026-11-25T10:00:00Z; by default now.
    #[arg(long, value_name = "TIME", value_parser = unix_ms)]
    at: Option<u64>,
    /// Since when the weights are in force, which matters for conversations. The default is always;
    /// or if the configuration has a history, its last entry if that has the same weights, and
    /// now otherwise. Only the history has earlier weights: without one, a conversation that
    /// began before --since has no known version, and the exit code is 1.
    #[arg(long, value_name = "TIME", value_parser = unix_ms)]
    since: Option<u64>,
    /// The request's `x-request-id`, by which a judge's samples and exported ones are chosen.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// The version in the force header.
    #[arg(long, value_parser = version)]
    forced: Option<Version>,
    /// Green's share in percent, instead of the configuration's.
    #[arg(long, value_name = "PERCENT", value_parser = super::traffic::percentage, allow_negative_numbers = true)]
    share: Option<Share>,
    /// The ramp's current step, counted from 0, as `verdigris status --json` has it; by default the
    /// first. In a ramp with a shadow step or a baseline, 0 is that, in which all users are on blue:
    /// give the share of the first step with --share.
    #[arg(long, value_name = "N", conflicts_with = "share", value_parser = index::<usize>(), allow_negative_numbers = true)]
    step: Option<usize>,
    /// The ramp was rolled back.
    #[arg(long, conflicts_with_all = ["share", "step"])]
    rolled_back: bool,
}

/// Green's share in force, and where it is from.
struct AssumedShare {
    effective: EffectiveShare,
    share: Share,
    /// The share of all units that is compared.
    analysed: Share,
    /// The share of all units whose requests are mirrored.
    mirrored: Share,
    why: String,
}

/// A request to explain: the configuration, what is assumed, and the identifiers.
struct Explanation<'a> {
    config: &'a Config,
    assumed: &'a AssumedShare,
    unit: Option<&'a str>,
    conversation_id: Option<&'a str>,
    request_id: Option<&'a str>,
    /// The version in the force header, whether or not one is configured.
    forced: Option<Version>,
    /// The conversation's share; `None` for a request that is assigned by its unit.
    conversation: Option<ConversationShare>,
}

/// The possible assignments, where something is not known.
struct PossibleAssignments {
    /// If an unknown share is all, and a random draw favours green.
    greenest: Assignment,
    /// If an unknown share is zero, and a random draw favours blue.
    bluest: Assignment,
}

// === impl ExplainArgs ===

impl ExplainArgs {
    /// Explains the decision.
    ///
    /// # Errors
    /// The file has no valid configuration, or `--step` does not fit its ramp.
    pub fn run(self) -> Result<Explained, CliError> {
        let config = load::config(&self.file)?;
        if config.is_shadow() {
            return Ok(Explained::for_shadow(&config));
        }
        let assumed = self.assumed_share(&config)?;
        let conversation_id = self.conversation.as_deref().filter(|it| !it.is_empty());
        let times =
            ConversationTimes { at_ms: self.at, began_ms: self.began, since_ms: self.since };
        let conversation = config
            .conversation
            .as_ref()
            .zip(conversation_id)
            .map(|(config, id)| ConversationShare::find(times, config, id, assumed.effective));
        let explanation = Explanation {
            config: &config,
            assumed: &assumed,
            unit: self.unit.as_deref().filter(|it| !it.is_empty()),
            conversation_id,
            request_id: self.request_id.as_deref(),
            forced: self.forced,
            conversation,
        };
        Ok(explanation.explain())
    }

    fn assumed_share(&self, config: &Config) -> Result<AssumedShare, CliError> {
        let is_rolled_back = config.ramp.as_ref().is_some_and(|ramp| ramp.is_rolled_back);
        let mirrored = config.shadow.as_ref().map_or(Share::ZERO, |shadow| shadow.share);
        if self.rolled_back || is_rolled_back {
            let source = if is_rolled_back { "ramp.rolled_back" } else { "--rolled-back" };
            return Ok(AssumedShare {
                effective: EffectiveShare::RolledBack,
                share: Share::ZERO,
                analysed: Share::ZERO,
                mirrored,
                why: format!("the ramp is rolled back ({source}): blue has all traffic"),
            });
        }
        let assumed = |share: Share, source: &str| AssumedShare {
            effective: EffectiveShare::Share(share),
            share,
            analysed: Share::ALL,
            mirrored,
            why: format!("green's share is {}, {source}", share_percent(share)),
        };
        if let Some(share) = self.share {
            return Ok(assumed(share, "from --share"));
        }
        let Some(ramp) = &config.ramp else {
            if self.step.is_some() {
                let why = "--step needs a ramp, and this configuration has none";
                return Err(CliError::Usage(why.to_owned()));
            }
            return Ok(assumed(config.share, "from the weights"));
        };
        let at = self.step.unwrap_or_default();
        // The steps are counted without the baseline and the shadow step, which have the number of the
        // first one.
        let before = match (&ramp.shadow, ramp.has_baseline()) {
            (Some(_), true) => Some("baseline or shadow step"),
            (Some(_), false) => Some("shadow step"),
            (None, true) => Some("baseline"),
            (None, false) => None,
        };
        if let (Some(before), 0, Some(first)) = (before, at, ramp.steps.first()) {
            let source = format!(
                "from the ramp's {before}, in which green has no users; only Envoy knows the current \
                 step: give the first one, which is also step 0, with --share {}, and a later one with \
                 --step",
                f64::from(first.share.basis_points()) / 100.0
            );
            let mirrored = ramp.shadow.map_or(mirrored, |step| step.share);
            return Ok(AssumedShare { mirrored, ..assumed(Share::ZERO, &source) });
        }
        let Some(step) = ramp.steps.get(at) else {
            let last = ramp.steps.len() - 1;
            return Err(CliError::Usage(format!("--step {at}: the ramp has steps 0 to {last}")));
        };
        let source = match self.step {
            Some(at) => format!("from step {at} of the ramp"),
            None if config.fleet.is_some() => {
                "from the ramp's first step; only the fleet knows the current step, which `verdigris \
                 status` of any of its Envoys shows: give it with --step, --share or --rolled-back"
                    .to_owned()
            }
            None => "from the ramp's first step; only Envoy knows the current step: give it with \
                     --step, --share or --rolled-back"
                .to_owned(),
        };
        Ok(AssumedShare { analysed: step.analysed_share, ..assumed(step.share, &source) })
    }
}

// === impl Explanation ===

impl Explanation<'_> {
    fn explain(&self) -> Explained {
        let possible = self.possible_assignments();
        let Assignment { version, reason, .. } = possible.bluest;
        let (is_decided, is_known) = (possible.is_decided(), possible.is_known());
        let key = self.key();
        let share_of_key = match &self.conversation {
            Some(conversation) => conversation.share.map(|it| it.share),
            None => Some(self.assumed.share),
        };
        Explained {
            rollout: self.config.rollout.to_string(),
            answer: match (is_decided, is_known) {
                (true, _) => ExplainedAnswer::Version,
                (false, true) => ExplainedAnswer::Random,
                (false, false) => ExplainedAnswer::Unknown,
            },
            version: is_decided.then_some(version),
            reason: is_known.then_some(reason.as_str()),
            route: if is_decided {
                ExplainedRoute::new(self.config, version)
            } else {
                ExplainedRoute::default()
            },
            key: key.map(|key| BucketPosition::new(self.config, key, share_of_key)),
            share: Some(self.assumed.share.fraction()),
            steps: self.steps(&possible),
        }
    }

    /// The filter's decision for both extremes of what is not known. If both agree, the unknown
    /// makes no difference.
    fn possible_assignments(&self) -> PossibleAssignments {
        let assignment = |unknown: Share, draw: u32| {
            let unknown = StickyShare { share: unknown, is_drained: true, step: None };
            let conversation = self.conversation.as_ref().zip(self.conversation_id);
            let request = AssignmentRequest {
                unit: self.unit.map(str::as_bytes),
                forced: self.forced.filter(|_| self.config.force_header.is_some()),
                conversation: conversation.map(|(it, id)| Conversation {
                    id: id.as_bytes(),
                    sticky: it.share.unwrap_or(unknown),
                }),
            };
            assign(&self.config.assignment_rules(), self.assumed.effective, request, || draw)
        };
        PossibleAssignments {
            greenest: assignment(Share::ALL, 0),
            bluest: assignment(Share::ZERO, u32::MAX),
        }
    }

    /// What is hashed: the conversation's id, or else the unit.
    fn key(&self) -> Option<&str> {
        self.conversation_id.filter(|_| self.conversation.is_some()).or(self.unit)
    }

    /// The steps in the filter's order, with the one that decided.
    fn steps(&self, possible: &PossibleAssignments) -> Vec<ExplainedStep> {
        let Self { config, assumed, unit, .. } = *self;
        let (reason, is_known) = (possible.bluest.reason, possible.is_known());
        let by_conversation = self.conversation.is_some();
        let by_bucket = matches!(reason, Reason::Weight | Reason::Drained);
        let conversation =
            wording::conversation(config, self.conversation_id, self.conversation.as_ref());
        let rows = [
            ("share", false, assumed.why.clone()),
            ("rolled back", reason == Reason::RolledBack, wording::rolled_back(assumed.effective)),
            ("force header", reason == Reason::Forced, wording::force(config, self.forced)),
            ("pins", reason == Reason::Pinned, wording::pins(config, unit)),
            ("conversation", by_bucket && by_conversation, conversation),
            ("weight", by_bucket && !by_conversation, wording::unit(config, unit)),
            ("no unit", reason == Reason::NoUnit, wording::no_unit(config, unit)),
        ];
        let mut steps: Vec<_> = rows
            .into_iter()
            .map(|(name, decides, why)| ExplainedStep { name, decides: decides && is_known, why })
            .collect();
        let note = |name, why| ExplainedStep { name, decides: false, why };
        if possible.greenest.version == Version::Green && config.green_requires().is_some() {
            let why = "green changes requests: a request that cannot be changed goes to blue, unless \
                       unpatchable is \"pass\"";
            steps.push(note("request", why.to_owned()));
        }
        if let Some(shadow) = config.shadow.as_ref().filter(|_| is_known) {
            let why = wording::shadow(shadow, config, possible.bluest, self.key());
            steps.push(note("shadow", why));
        }
        if possible.is_decided() {
            let sampled = SampledBy {
                config,
                share: assumed.share,
                analysed: assumed.analysed,
                mirrored: assumed.mirrored,
                assignment: possible.bluest,
                key: self.key(),
                has_key: match config.conversation {
                    Some(_) => self.conversation_id.is_some(),
                    None => self.unit.is_some(),
                },
                request_id: self.request_id,
            };
            steps.extend(sampled.steps().into_iter().map(|(name, why)| note(name, why)));
        }
        steps
    }
}

// === impl PossibleAssignments ===

impl PossibleAssignments {
    /// Whether the version is known.
    fn is_decided(&self) -> bool {
        self.greenest.version == self.bluest.version
    }

    /// Whether the reason is known: the version is, or is drawn at random.
    fn is_known(&self) -> bool {
        self.is_decided() || self.bluest.reason == Reason::NoUnit
    }
}

fn version(text: &str) -> Result<Version, String> {
    Version::from_bytes(text.as_bytes()).ok_or_else(|| "write blue or green".to_owned())
}

fn unix_ms(text: &str) -> Result<u64, String> {
    let time = parse_timestamp(text).and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let time = time.and_then(|it| u64::try_from(it.as_millis()).ok());
    time.ok_or_else(|| "write a time in RFC 3339, such as 2026-11-25T10:00:00Z".to_owned())
}
