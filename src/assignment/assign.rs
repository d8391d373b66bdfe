//! The assignment of a request to a version.

use super::{Conversation, Pins, RollbackPolicy, Share, StickyShare, Version, bucket_hash};

/// The reason for an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The unit's bucket and the share in force.
    Weight,
    /// The configuration pins the unit.
    Pinned,
    /// The request has a force header.
    Forced,
    /// The conversation's bucket and the share that was in force when it began.
    Drained,
    /// The request has no unit.
    NoUnit,
    /// The version's patch cannot be applied to the request.
    Unpatchable,
    /// The rollout was rolled back, and all units are on blue.
    RolledBack,
}

/// The version of requests without a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingUnitPolicy {
    /// Blue.
    #[default]
    Blue,
    /// Random, by the share in force.
    Random,
}

/// The rules of a rollout for assigning versions.
#[derive(Clone, Copy, Debug)]
pub struct AssignmentRules<'a> {
    /// The rollout's name, which salts the hash.
    pub rollout: &'a str,
    /// Units that are pinned to a version.
    pub pins: &'a Pins,
    /// The version of requests without a unit.
    pub missing_unit: MissingUnitPolicy,
    /// What happens to conversations after a rollback; `None` if the rollout does not keep
    /// conversations on their version.
    pub conversations: Option<RollbackPolicy>,
}

/// The share in force when a request arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectiveShare {
    /// Green's share.
    Share(Share),
    /// All requests are on blue, including forced and pinned ones.
    RolledBack,
}

/// The facts of a request that an assignment depends on.
#[derive(Clone, Copy, Debug)]
pub struct AssignmentRequest<'a> {
    /// The unit, if the request has one.
    pub unit: Option<&'a [u8]>,
    /// The version named by the force header, if one is configured and present.
    pub forced: Option<Version>,
    /// The conversation, if the request belongs to one.
    pub conversation: Option<Conversation<'a>>,
}

/// A version and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The assigned version.
    pub version: Version,
    /// The reason for it.
    pub reason: Reason,
    /// The hash of the unit or the conversation ([`bucket_hash`]), if a share decided.
    pub bucket: Option<u32>,
}

/// Assigns a version to a request.
///
/// The first rule that applies decides: rollback, force header, pins, conversation, share. A
/// request without a unit follows [`MissingUnitPolicy`]. After a rollback, open conversations
/// follow [`RollbackPolicy`].
///
/// `random` returns a uniform random number. It is called only for a request without a unit
/// under [`MissingUnitPolicy::Random`].
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
    if let Some(Conversation { id, sticky }) = request.conversation {
        let reason = if sticky.is_drained { Reason::Drained } else { Reason::Weight };
        return Assignment::from_bucket(sticky.share, bucket(id), reason);
    }
    match (request.unit, rules.missing_unit) {
        (Some(unit), _) => Assignment::from_bucket(share, bucket(unit), Reason::Weight),
        (None, MissingUnitPolicy::Blue) => Assignment::new(Version::Blue, Reason::NoUnit),
        (None, MissingUnitPolicy::Random) => {
            Assignment::new(version_of(share, random()), Reason::NoUnit)
        }
    }
}

/// After a rollback all requests are on blue, except for open conversations that may finish on
/// green.
fn assign_rolled_back(rules: &AssignmentRules<'_>, request: AssignmentRequest<'_>) -> Assignment {
    let may_finish = rules.conversations == Some(RollbackPolicy::Finish);
    if let Some(Conversation { id, sticky }) = request.conversation
        && sticky.is_drained
        && may_finish
    {
        let bucket = bucket_hash(rules.rollout, id);
        if sticky.share.contains(bucket) {
            return Assignment::from_bucket(sticky.share, bucket, Reason::Drained);
        }
    }
    Assignment::new(Version::Blue, Reason::RolledBack)
}

fn version_of(share: Share, hash: u32) -> Version {
    if share.contains(hash) { Version::Green } else { Version::Blue }
}

// === impl EffectiveShare ===

impl EffectiveShare {
    /// The share of a conversation if neither the history nor the clock is available.
    ///
    /// With a ramp this is zero: its first share is not recorded yet, and applies only to
    /// conversations that begin later.
    pub fn without_history(self, has_ramp: bool) -> StickyShare {
        let share = match self {
            Self::Share(share) if !has_ramp => share,
            Self::Share(_) | Self::RolledBack => Share::ZERO,
        };
        StickyShare { share, is_drained: false, step: None }
    }
}

// === impl Assignment ===

impl Assignment {
    /// An assignment that does not depend on a bucket.
    pub const fn new(version: Version, reason: Reason) -> Self {
        Self { version, reason, bucket: None }
    }

    fn from_bucket(share: Share, bucket: u32, reason: Reason) -> Self {
        Self { version: version_of(share, bucket), reason, bucket: Some(bucket) }
    }
}

// === impl Reason ===

impl Reason {
    /// All reasons, in the order that tables show them.
    pub const ALL: [Self; 7] = [
        Self::Weight,
        Self::Pinned,
        Self::Forced,
        Self::Drained,
        Self::NoUnit,
        Self::Unpatchable,
        Self::RolledBack,
    ];

    /// The name used in stats and in the access log.
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
