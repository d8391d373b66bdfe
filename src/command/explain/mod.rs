//! Which version a unit gets, and why.

mod about;

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;

use super::output::{HEAD, Report, Stop, percent, styled};
use crate::assign::{
    Ask, Beginning, Claim, Decision, Era, History, Reason, Share, Standing, Version, bucket_hash,
    decide,
};
use crate::config::time::timestamp;
use crate::config::{Config, Conversations};

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
    /// else since now.
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

/// A decision, and how it came about.
#[derive(Serialize)]
pub struct Explained {
    rollout: String,
    version: Version,
    reason: &'static str,
    cluster: String,
    /// What is hashed; `None` where the request has neither a conversation nor a unit.
    key: Option<Place>,
    /// Green's share in force.
    share: f64,
    steps: Vec<Step>,
}

/// Where a unit or a conversation stands.
#[derive(Serialize)]
struct Place {
    key: String,
    /// `murmur3_x86_32(rollout + key)`.
    hash: u32,
    /// `(hash × total) >> 32`: green below green's weight.
    bucket: u64,
    green: u32,
    total: u32,
    /// The share above which this is green's.
    green_above: f64,
}

#[derive(Serialize)]
struct Step {
    name: &'static str,
    /// Whether it decided.
    decides: bool,
    why: String,
}

/// Where green stands, and how that is known.
struct InForce {
    standing: Standing,
    share: Share,
    why: String,
}

// === impl Explain ===

impl Explain {
    pub fn run(self) -> Result<Explained, Stop> {
        let config = super::config_of(&self.file)?;
        let InForce { standing, share, why } = self.in_force(&config)?;
        let unit = self.unit.as_deref().filter(|it| !it.is_empty());
        let id = self.conversation.as_deref().filter(|it| !it.is_empty());
        let known = match (&config.conversation, id) {
            (Some(conversations), Some(id)) => Some((id, self.claim(conversations, id, standing)?)),
            _ => None,
        };
        let conversation = known.as_ref().map(|(id, (claim, _))| (id.as_bytes(), *claim));
        let ask = Ask { unit: unit.map(str::as_bytes), forced: self.forced(&config), conversation };
        // Without a unit a draw decides: the least of them, so that green shows if it can be.
        let decision = decide(&config, standing, ask, || 0);
        let Decision { version, reason } = decision;
        let mut steps = Vec::new();
        let mut step = |name, decides, why| steps.push(Step { name, decides, why });
        step("share", false, why);
        step("rolled back", reason == Reason::RolledBack, about::rolled_back(standing));
        step("force header", reason == Reason::Forced, about::force(&config, self.forced));
        step("pins", reason == Reason::Pinned, about::pins(&config, unit));
        let by_id = conversation.is_some();
        let by_place = matches!(reason, Reason::Weight | Reason::Drained);
        step("conversation", by_place && by_id, about::conversation(&config, id, known.as_ref()));
        step("weight", by_place && !by_id, about::unit(unit));
        step("no unit", reason == Reason::NoUnit, about::none(&config, unit));
        if version == Version::Green && config.green_requires().is_some() {
            let why = "green changes requests: one that this does not fit goes to blue, unless \
                       unpatchable is \"pass\"";
            step("request", false, why.to_owned());
        }
        let key = id.filter(|_| by_id).or(unit);
        if let Some(shadow) = &config.shadow {
            step("shadow", false, about::shadow(shadow, &config, decision, key));
        }
        let share_of_key = conversation.map_or(share, |(_, claim)| claim.share);
        Ok(Explained {
            rollout: config.rollout.to_string(),
            version,
            reason: reason.as_str(),
            cluster: config.cluster(version).to_string(),
            key: key.map(|key| Place::of(&config, key, share_of_key)),
            share: share.fraction(),
            steps,
        })
    }

    fn in_force(&self, config: &Config) -> Result<InForce, Stop> {
        if self.rolled_back {
            let why = "the ramp was rolled back, as was said: blue has everything".to_owned();
            return Ok(InForce { standing: Standing::RolledBack, share: Share::NONE, why });
        }
        let in_force = |share, why| InForce { standing: Standing::Share(share), share, why };
        if let Some(share) = self.share {
            return Ok(in_force(share, format!("{} is green's, as was said", shown(share))));
        }
        let Some(ramp) = &config.ramp else {
            if self.step.is_some() {
                return Err(Stop::Usage(
                    "--step is of a ramp, and this configuration has none".to_owned(),
                ));
            }
            let why = format!("{} is green's, by the weights", shown(config.share));
            return Ok(in_force(config.share, why));
        };
        let at = self.step.unwrap_or_default();
        let Some(step) = ramp.steps.get(at) else {
            let last = ramp.steps.len() - 1;
            return Err(Stop::Usage(format!("--step {at}: the ramp has the steps 0 to {last}")));
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

    /// What the conversation has a claim to, and why.
    fn claim(
        &self,
        conversations: &Conversations,
        id: &str,
        standing: Standing,
    ) -> Result<(Claim, String), Stop> {
        let now = match self.at {
            Some(at) => at,
            None => now_ms(),
        };
        let began = match (Beginning::of(id.as_bytes(), None, now), self.began) {
            (Beginning::Unknown, Some(began)) if began <= now => Beginning::Known(began),
            (began, _) => began,
        };
        let share = match standing {
            Standing::Share(share) => share,
            Standing::RolledBack => Share::NONE,
        };
        let history = self.history(conversations, share, standing, now);
        let unknown = Claim { share, is_drained: false, step: None };
        let claim = Claim::of(&history, began, now, conversations.max_age_ms).unwrap_or(unknown);
        let why = match began {
            Beginning::Unknown => {
                "when it began is known neither by its id nor by a marker (--began): it is taken to \
                 begin now"
                    .to_owned()
            }
            Beginning::Known(began) => {
                let ago = super::output::time(now.saturating_sub(began) as f64 / 1e3);
                let of = if claim.is_drained {
                    "of then, not of now"
                } else if now.saturating_sub(began) > conversations.max_age_ms {
                    "of now, since it is older than max_age"
                } else {
                    "still the one of now"
                };
                format!("it began {ago} before the request: its share is {}, {of}", shown(claim.share))
            }
        };
        Ok((claim, why))
    }

    fn history(
        &self,
        conversations: &Conversations,
        share: Share,
        standing: Standing,
        now: u64,
    ) -> History {
        let written = &conversations.history;
        let last = written.last();
        let since = self.since.unwrap_or(match last {
            None => 0,
            Some(last) if last.share == share => last.since,
            Some(_) => now,
        });
        let current = Era { since, share, compared: Share::ALL, number: 0 };
        let mut history = History::of(vec![current]).after(written);
        if standing == Standing::RolledBack {
            history.roll_back(now, conversations.may_finish);
        }
        history
    }
}

fn version(text: &str) -> Result<Version, String> {
    Version::from_bytes(text.as_bytes()).ok_or_else(|| "write blue or green".to_owned())
}

fn unix_ms(text: &str) -> Result<u64, String> {
    let time = timestamp(text).and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let time = time.and_then(|it| u64::try_from(it.as_millis()).ok());
    time.ok_or_else(|| "write a time as RFC 3339 has it, such as 2026-11-25T10:00:00Z".to_owned())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn shown(share: Share) -> String {
    percent(share.fraction())
}

// === impl Place ===

impl Place {
    fn of(config: &Config, key: &str, share: Share) -> Self {
        let hash = bucket_hash(config.rollout.as_str(), key.as_bytes());
        let (blue, green) = share.into();
        let total = blue + green;
        let bucket = (u64::from(hash) * u64::from(total)) >> 32;
        let green_above = f64::from(hash) / 2_f64.powi(32);
        Self { key: key.to_owned(), hash, bucket, green, total, green_above }
    }
}

// === impl Explained ===

impl Report for Explained {
    fn text(&self) -> String {
        let Self { version, reason, cluster, .. } = self;
        let mut text = format!("{} by {reason}, cluster {cluster}\n\n", styled(HEAD, version));
        let width = self.steps.iter().map(|it| it.name.len()).max().unwrap_or_default();
        for Step { name, decides, why } in &self.steps {
            let mark = if *decides { "=>" } else { "  " };
            let line = format!("{mark} {name:<width$}  {why}");
            let line = if *decides { styled(HEAD, line) } else { line };
            let _ = writeln!(text, "{line}");
        }
        if let Some(Place { key, hash, bucket, green, total, green_above }) = &self.key {
            let _ = writeln!(
                text,
                "\nmurmur3({:?} + {key:?}) = 0x{hash:08x}\n\
                 bucket ({hash} × {total}) >> 32 = {bucket} of {total}, green below {green}\n\
                 green's from a share above {}",
                self.rollout,
                percent(*green_above),
            );
        }
        text
    }
}
