//! Which version a unit gets, and why.
//!
//! | file | concept |
//! |---|---|
//! | `claim` | what a conversation has a claim to, as far as that is known |
//! | `about` | what each step of a decision has to say |
//! | `explained` | what is told |

mod explained;
mod sticky_share;
mod wording;

use std::time::UNIX_EPOCH;

use clap::Args;

use super::output::{CliError, percent};
use crate::assignment::{
    Assignment, AssignmentRequest, Conversation, EffectiveShare, Reason, Share, StickyShare,
    Version, assign,
};
use crate::config::time::parse_timestamp;
use crate::config::{Config, Role};
use explained::{BucketPosition, Explained, ExplainedAnswer, ExplainedStep};
use sticky_share::KnownConversation;

/// Says which version a request gets, and why, step by step.
///
/// Decides by the filter's own code. What only Envoy knows is to be said: where a ramp
/// stands, or what was ordered by hand (--step, --share, --rolled-back; `verdigris status`
/// shows it), and since when the weights are in force (--since).
#[derive(Args)]
pub struct Explain {
    /// A plugin configuration, or Envoy's with one in it; - is the standard input.
    file: String,
    /// The unit, as its header or cookie has it; without it the request has none.
    #[arg(long)]
    unit: Option<String>,
    /// The id of its conversation.
    #[arg(long)]
    conversation: Option<String>,
    /// When the conversation began, as its marker says; an id with a time needs none.
    #[arg(long, value_name = "TIME", value_parser = unix_ms, requires = "conversation")]
    began: Option<u64>,
    /// When the request comes, as RFC 3339 has it: 2026-11-25T10:00:00Z; else now.
    #[arg(long, value_name = "TIME", value_parser = unix_ms)]
    at: Option<u64>,
    /// Since when the weights are in force, for conversations; else always, or where the
    /// configuration has a history, since its last entry if that has the same weights, or
    /// else since now. What was in force before is known by the history alone: without one, no
    /// version is told of a conversation that began before, and the exit code is 1.
    #[arg(long, value_name = "TIME", value_parser = unix_ms)]
    since: Option<u64>,
    /// The version that the force header names.
    #[arg(long, value_parser = version)]
    forced: Option<Version>,
    /// Green's share in percent, in the place of the configuration's.
    #[arg(long, value_name = "PERCENT", value_parser = super::traffic::percentage)]
    share: Option<Share>,
    /// The step in which the ramp stands, counted from 0; else the first.
    #[arg(long, value_name = "N", conflicts_with = "share")]
    step: Option<usize>,
    /// The ramp was rolled back.
    #[arg(long, conflicts_with_all = ["share", "step"])]
    rolled_back: bool,
}

/// Where green stands, and how that is known.
struct AssumedShare {
    standing: EffectiveShare,
    share: Share,
    why: String,
}

// === impl Explain ===

impl Explain {
    pub fn run(self) -> Result<Explained, CliError> {
        let config = super::config_of(&self.file)?;
        if config.role == Some(Role::Shadow) {
            return Ok(Explained::of_shadow(&config));
        }
        let AssumedShare { standing, share, why } = self.in_force(&config)?;
        let unit = self.unit.as_deref().filter(|it| !it.is_empty());
        let id = self.conversation.as_deref().filter(|it| !it.is_empty());
        let known = match (&config.conversation, id) {
            (Some(conversations), Some(id)) => {
                Some((id, self.sticky_share(conversations, id, standing)))
            }
            _ => None,
        };
        // What is not known may be all or nothing. Where it makes no difference, it is decided.
        let decision = |unknown: Share, draw: u32| {
            let unknown = StickyShare { share: unknown, is_drained: true, step: None };
            let claim = |(_, known): &(&str, KnownConversation)| known.claim.unwrap_or(unknown);
            let conversation =
                known.as_ref().map(|it| Conversation { id: it.0.as_bytes(), sticky: claim(it) });
            let forced = self.forced(&config);
            assign(
                &config.assignment_rules(),
                standing,
                AssignmentRequest { unit: unit.map(str::as_bytes), forced, conversation },
                || draw,
            )
        };
        let (greenest, bluest) = (decision(Share::ALL, 0), decision(Share::ZERO, u32::MAX));
        let Assignment { version, reason, .. } = bluest;
        let is_decided = greenest.version == version;
        let is_known = is_decided || reason == Reason::NoUnit;
        let mut steps = Vec::new();
        let mut step = |name, decides, why| {
            steps.push(ExplainedStep { name, decides: decides && is_known, why })
        };
        step("share", false, why);
        step("rolled back", reason == Reason::RolledBack, wording::rolled_back(standing));
        step("force header", reason == Reason::Forced, wording::force(&config, self.forced));
        step("pins", reason == Reason::Pinned, wording::pins(&config, unit));
        let by_id = known.is_some();
        let by_place = matches!(reason, Reason::Weight | Reason::Drained);
        step(
            "conversation",
            by_place && by_id,
            wording::conversation(&config, id, known.as_ref().map(|it| &it.1)),
        );
        step("weight", by_place && !by_id, wording::unit(unit));
        step("no unit", reason == Reason::NoUnit, wording::none(&config, unit));
        if greenest.version == Version::Green && config.green_requires().is_some() {
            let why = "green changes requests: one that this does not fit goes to blue, unless \
                       unpatchable is \"pass\"";
            step("request", false, why.to_owned());
        }
        let key = id.filter(|_| by_id).or(unit);
        if let Some(shadow) = config.shadow.as_ref().filter(|_| is_known) {
            step("shadow", false, wording::shadow(shadow, &config, bluest, key));
        }
        let share_of_key = match &known {
            Some((_, known)) => known.claim.map(|claim| claim.share),
            None => Some(share),
        };
        Ok(Explained {
            rollout: config.rollout.to_string(),
            answer: match (is_decided, is_known) {
                (true, _) => ExplainedAnswer::Version,
                (false, true) => ExplainedAnswer::Draw,
                (false, false) => ExplainedAnswer::Unknown,
            },
            version: is_decided.then_some(version),
            reason: is_known.then_some(reason.as_str()),
            cluster: is_decided.then(|| config.cluster(version).to_string()),
            key: key.map(|key| BucketPosition::of(&config, key, share_of_key)),
            share: Some(share.fraction()),
            steps,
        })
    }

    fn in_force(&self, config: &Config) -> Result<AssumedShare, CliError> {
        if self.rolled_back {
            let why = "the ramp was rolled back, as was said: blue has everything".to_owned();
            return Ok(AssumedShare {
                standing: EffectiveShare::RolledBack,
                share: Share::ZERO,
                why,
            });
        }
        let in_force =
            |share, why| AssumedShare { standing: EffectiveShare::Share(share), share, why };
        if let Some(share) = self.share {
            return Ok(in_force(share, format!("{} is green's, as was said", shown(share))));
        }
        let Some(ramp) = &config.ramp else {
            if self.step.is_some() {
                return Err(CliError::Usage(
                    "--step is of a ramp, and this configuration has none".to_owned(),
                ));
            }
            let why = format!("{} is green's, by the weights", shown(config.share));
            return Ok(in_force(config.share, why));
        };
        let at = self.step.unwrap_or_default();
        let Some(step) = ramp.steps.get(at) else {
            let last = ramp.steps.len() - 1;
            return Err(CliError::Usage(format!(
                "--step {at}: the ramp has the steps 0 to {last}"
            )));
        };
        let why = match self.step {
            Some(at) => format!("{} is green's, in step {at} of the ramp", shown(step.share)),
            None => format!(
                "{} is green's in the ramp's first step; where it stands only Envoy knows: say it \
                 with --step, --share or --rolled-back",
                shown(step.share)
            ),
        };
        Ok(in_force(step.share, why))
    }

    fn forced(&self, config: &Config) -> Option<Version> {
        self.forced.filter(|_| config.force_header.is_some())
    }
}

fn version(text: &str) -> Result<Version, String> {
    Version::from_bytes(text.as_bytes()).ok_or_else(|| "write blue or green".to_owned())
}

fn unix_ms(text: &str) -> Result<u64, String> {
    let time = parse_timestamp(text).and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let time = time.and_then(|it| u64::try_from(it.as_millis()).ok());
    time.ok_or_else(|| "write a time as RFC 3339 has it, such as 2026-11-25T10:00:00Z".to_owned())
}

fn shown(share: Share) -> String {
    percent(share.fraction())
}
