//! The decision: a version, and the reason for it.

use super::{Share, StickyShare, Version, bucket_hash};
use crate::config::{Config, MissingUnitPolicy};

/// Why a request got its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The unit's bucket and the weights in force.
    Weight,
    /// The configuration pins the unit.
    Pinned,
    /// The force header asked for it.
    Forced,
    /// The conversation's bucket, and the weights that were in force when it began.
    Drained,
    /// The request carries no unit.
    NoUnit,
    /// What its version changes in requests does not fit this one.
    Unpatchable,
    /// The ramp was rolled back: blue has everything.
    RolledBack,
}

/// What is in force when a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectiveShare {
    /// Green has this share.
    Share(Share),
    /// Blue has everything, forced and pinned requests too.
    RolledBack,
}

/// What one request brings to the decision.
#[derive(Clone, Copy, Debug)]
pub struct AssignmentRequest<'a> {
    /// The unit's bytes, where the request carries them.
    pub unit: Option<&'a [u8]>,
    /// The version that the force header names, where one is configured.
    pub forced: Option<Version>,
    /// The id of its conversation with the share that this has a claim to, where it
    /// belongs to one.
    pub conversation: Option<(&'a [u8], StickyShare)>,
}

/// A version and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Who answers.
    pub version: Version,
    /// Why.
    pub reason: Reason,
}

/// Decides in the order rolled back, force header, pins, conversation, weight; a request
/// without a unit goes where [`MissingUnitPolicy`] says. After a rollback conversations that are
/// under way may end where they are, if the configuration lets them.
///
/// `random` is a uniform draw over all of `u32`. It is taken only for a request
/// without a unit under [`MissingUnitPolicy::Random`].
pub fn assign(
    config: &Config,
    standing: EffectiveShare,
    ask: AssignmentRequest<'_>,
    random: impl FnOnce() -> u32,
) -> Assignment {
    let place = |key: &[u8]| bucket_hash(config.rollout.as_str(), key);
    let EffectiveShare::Share(share) = standing else {
        let may_finish = config.conversation.as_ref().is_some_and(|it| it.may_finish);
        let held = ask.conversation.filter(|(_, claim)| claim.is_drained && may_finish);
        return match held {
            Some((id, claim)) if claim.share.contains(place(id)) => {
                Assignment { version: Version::Green, reason: Reason::Drained }
            }
            _ => Assignment { version: Version::Blue, reason: Reason::RolledBack },
        };
    };
    if let Some(version) = ask.forced {
        return Assignment { version, reason: Reason::Forced };
    }
    if let Some(version) = ask.unit.and_then(|unit| config.pins.find(unit)) {
        return Assignment { version, reason: Reason::Pinned };
    }
    if let Some((id, claim)) = ask.conversation {
        let reason = if claim.is_drained { Reason::Drained } else { Reason::Weight };
        return Assignment { version: version_at(claim.share, place(id)), reason };
    }
    let Some(unit) = ask.unit else {
        let version = match config.on_missing {
            MissingUnitPolicy::Blue => Version::Blue,
            MissingUnitPolicy::Random => version_at(share, random()),
        };
        return Assignment { version, reason: Reason::NoUnit };
    };
    Assignment { version: version_at(share, place(unit)), reason: Reason::Weight }
}

fn version_at(share: Share, hash: u32) -> Version {
    if share.contains(hash) { Version::Green } else { Version::Blue }
}

// === impl Reason ===

impl Reason {
    /// All of them, in the order in which tables are laid out.
    pub const ALL: [Self; 7] = [
        Self::Weight,
        Self::Pinned,
        Self::Forced,
        Self::Drained,
        Self::NoUnit,
        Self::Unpatchable,
        Self::RolledBack,
    ];

    /// The name used in stats and the access log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Pinned => "pinned",
            Self::Forced => "forced",
            Self::Drained => "drained",
            Self::NoUnit => "no_unit",
            Self::Unpatchable => "unpatchable",
            Self::RolledBack => "rolled_back",
        }
    }
}
