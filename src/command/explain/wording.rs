//! The text of each step of a decision.

use super::conversation::ConversationShare;
use crate::assignment;
use crate::assignment::MissingUnitPolicy;
use crate::assignment::{Assignment, EffectiveShare, Reason, Version};
use crate::command::output::share_percent;
use crate::config::{Config, ShadowConfig};

pub(super) fn rolled_back(effective: EffectiveShare) -> String {
    match effective {
        EffectiveShare::RolledBack => {
            "blue has all traffic, including forced and pinned requests".to_owned()
        }
        EffectiveShare::Share(_) => "no".to_owned(),
    }
}

pub(super) fn force(config: &Config, forced: Option<Version>) -> String {
    match (&config.force_header, forced) {
        (None, None) => "not configured".to_owned(),
        (None, Some(_)) => "not configured, so no request can force a version".to_owned(),
        (Some(name), None) => format!("{name} has no version"),
        (Some(name), Some(version)) => format!("{name} is {version}"),
    }
}

pub(super) fn pins(config: &Config, unit: Option<&str>) -> String {
    match unit.and_then(|unit| config.pins.find(unit.as_bytes())) {
        Some(version) => format!("the unit is pinned to {version}"),
        None => "the unit is not pinned".to_owned(),
    }
}

pub(super) fn conversation(
    config: &Config,
    id: Option<&str>,
    conversation: Option<&ConversationShare>,
) -> String {
    match (conversation, &config.conversation, id) {
        (Some(conversation), ..) => conversation.why.clone(),
        (None, None, Some(_)) => "conversations are not configured: the id is ignored".to_owned(),
        (None, None, None) => "conversations are not configured".to_owned(),
        (None, Some(_), _) => {
            "the request has no conversation id (--conversation): its unit is used".to_owned()
        }
    }
}

pub(super) fn unit(config: &Config, unit: Option<&str>) -> String {
    match unit {
        Some(_) if config.is_unit_made_by_clients() => "by the unit's bucket; the unit can be a \
            cookie, and a client with another cookie is a new unit of the ramp"
            .to_owned(),
        Some(_) => "by the unit's bucket".to_owned(),
        None => "the request has no unit".to_owned(),
    }
}

pub(super) fn no_unit(config: &Config, unit: Option<&str>) -> String {
    match (unit, config.on_missing) {
        (Some(_), _) => "the request has a unit".to_owned(),
        (None, MissingUnitPolicy::Blue) => "on_missing is blue".to_owned(),
        (None, MissingUnitPolicy::Random) => {
            "on_missing is random: each request is drawn by green's share".to_owned()
        }
    }
}

/// Whether the request is mirrored to green.
pub(super) fn shadow(
    shadow: &ShadowConfig,
    config: &Config,
    assignment: Assignment,
    key: Option<&str>,
) -> String {
    let key = key.map(str::as_bytes);
    let rollout = config.rollout.as_str();
    let is_mirrored = |share| assignment::mirroring::is_mirrored(share, rollout, assignment, key);
    if is_mirrored(shadow.share) {
        return "the request is mirrored to green, if it is a model request that green can change"
            .to_owned();
    }
    let step = config.ramp.as_ref().and_then(|ramp| ramp.shadow);
    if step.is_some_and(|step| is_mirrored(step.share)) {
        return "the request is mirrored to green while the ramp is in its shadow step, if it is a model \
                request that green can change"
            .to_owned();
    }
    let share = step.map_or(shadow.share, |step| step.share);
    match (assignment.version, assignment.reason) {
        (Version::Green, _) => "not mirrored: green answers it".to_owned(),
        (_, Reason::Weight | Reason::Drained | Reason::NoUnit) => {
            format!("not mirrored: it is not in the sample of {}", share_percent(share))
        }
        _ => "not mirrored: it is on blue for another reason than its bucket".to_owned(),
    }
}
