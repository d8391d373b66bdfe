//! Which version a request gets, and why.

use super::{Pins, Share, StickyShare, Version, bucket_hash};

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

/// Where a request without a unit goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingUnitPolicy {
    /// To blue.
    #[default]
    Blue,
    /// To either version by the share in force, drawn for each request.
    Random,
}

/// The rules of a rollout by which versions are assigned.
#[derive(Clone, Copy, Debug)]
pub struct AssignmentRules<'a> {
    /// The rollout's name, which is part of what is hashed.
    pub rollout: &'a str,
    /// Units that are always on one version.
    pub pins: &'a Pins,
    /// Where a request without a unit goes.
    pub missing_unit: MissingUnitPolicy,
    /// Whether conversations that are under way may finish on green after a rollback.
    pub may_finish: bool,
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
    /// The version that answers.
    pub version: Version,
    /// Why it does.
    pub reason: Reason,
    /// The bucket of the unit or the conversation, where the share decided by it.
    pub bucket: Option<u32>,
}

/// Assigns a version, in this order: rolled back, force header, pins, conversation, share. A request
/// without a unit goes where [`MissingUnitPolicy`] says. After a rollback, conversations that are under
/// way finish on their version if the rules let them.
///
/// `random` is a uniform draw over all of `u32`. It is taken only for a request
/// without a unit under [`MissingUnitPolicy::Random`].
pub fn assign(
    rules: &AssignmentRules<'_>,
    effective: EffectiveShare,
    request: AssignmentRequest<'_>,
    random: impl FnOnce() -> u32,
) -> Assignment {
    let bucket = |key: &[u8]| bucket_hash(rules.rollout, key);
    let EffectiveShare::Share(share) = effective else {
        return assign_rolled_back(rules, request);
    };
    if let Some(version) = request.forced {
        return Assignment::new(version, Reason::Forced);
    }
    if let Some(version) = request.unit.and_then(|unit| rules.pins.find(unit)) {
        return Assignment::new(version, Reason::Pinned);
    }
    if let Some((id, sticky)) = request.conversation {
        let reason = if sticky.is_drained { Reason::Drained } else { Reason::Weight };
        return Assignment::by_bucket(sticky.share, bucket(id), reason);
    }
    match (request.unit, rules.missing_unit) {
        (Some(unit), _) => Assignment::by_bucket(share, bucket(unit), Reason::Weight),
        (None, MissingUnitPolicy::Blue) => Assignment::new(Version::Blue, Reason::NoUnit),
        (None, MissingUnitPolicy::Random) => {
            Assignment::new(version_at(share, random()), Reason::NoUnit)
        }
    }
}

/// After a rollback blue has everything, but for conversations that may finish on green.
fn assign_rolled_back(rules: &AssignmentRules<'_>, request: AssignmentRequest<'_>) -> Assignment {
    let finishing = request.conversation.filter(|(_, it)| it.is_drained && rules.may_finish);
    if let Some((id, sticky)) = finishing {
        let bucket = bucket_hash(rules.rollout, id);
        if sticky.share.contains(bucket) {
            return Assignment::by_bucket(sticky.share, bucket, Reason::Drained);
        }
    }
    Assignment::new(Version::Blue, Reason::RolledBack)
}

fn version_at(share: Share, hash: u32) -> Version {
    if share.contains(hash) { Version::Green } else { Version::Blue }
}

// === impl Assignment ===

impl Assignment {
    /// An assignment that no bucket decided.
    pub const fn new(version: Version, reason: Reason) -> Self {
        Self { version, reason, bucket: None }
    }

    fn by_bucket(share: Share, bucket: u32, reason: Reason) -> Self {
        Self { version: version_at(share, bucket), reason, bucket: Some(bucket) }
    }
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
