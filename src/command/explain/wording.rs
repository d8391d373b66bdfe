//! What each step of a decision has to say.

use super::shown;
use super::sticky_share::KnownConversation;
use crate::assignment;
use crate::assignment::MissingUnitPolicy;
use crate::assignment::{Assignment, EffectiveShare, Reason, Version};
use crate::config::{Config, ShadowConfig};

pub(super) fn rolled_back(standing: EffectiveShare) -> String {
    match standing {
        EffectiveShare::RolledBack => {
            "blue has everything, forced and pinned requests too".to_owned()
        }
        EffectiveShare::Share(_) => "no".to_owned(),
    }
}

pub(super) fn pins(config: &Config, unit: Option<&str>) -> String {
    match unit.and_then(|unit| config.pins.find(unit.as_bytes())) {
        Some(version) => format!("the unit is pinned to {version}"),
        None => "the unit is pinned to neither".to_owned(),
    }
}

pub(super) fn conversation(
    config: &Config,
    id: Option<&str>,
    known: Option<&KnownConversation>,
) -> String {
    match (known, &config.conversation, id) {
        (Some(known), ..) => known.why.clone(),
        (None, None, Some(_)) => {
            "conversations are not configured: its id is not looked at".to_owned()
        }
        (None, None, None) => "conversations are not configured".to_owned(),
        (None, Some(_), _) => {
            "the request names none (--conversation): it goes by its unit".to_owned()
        }
    }
}

pub(super) fn unit(unit: Option<&str>) -> String {
    match unit {
        Some(_) => "by the unit's place".to_owned(),
        None => "the request has no unit".to_owned(),
    }
}

pub(super) fn shadow(
    shadow: &ShadowConfig,
    config: &Config,
    decision: Assignment,
    key: Option<&str>,
) -> String {
    let key = key.map(str::as_bytes);
    if assignment::mirroring::is_mirrored(shadow.share, config.rollout.as_str(), decision, key) {
        let what = "green is asked as well, for nobody, where the request is to a model and fits \
                    what green changes";
        return what.to_owned();
    }
    match (decision.version, decision.reason) {
        (Version::Green, _) => "green answers it anyway".to_owned(),
        (_, Reason::Weight | Reason::Drained | Reason::NoUnit) => {
            format!("it is none of the {} that green is asked as well", shown(shadow.share))
        }
        _ => "it is not blue's by its place, so green is not asked".to_owned(),
    }
}

pub(super) fn force(config: &Config, forced: Option<Version>) -> String {
    match (&config.force_header, forced) {
        (None, None) => "none is configured".to_owned(),
        (None, Some(_)) => "none is configured, so that nobody can force a version".to_owned(),
        (Some(name), None) => format!("{name} does not name a version"),
        (Some(name), Some(version)) => format!("{name} names {version}"),
    }
}

pub(super) fn none(config: &Config, unit: Option<&str>) -> String {
    match (unit, config.on_missing) {
        (Some(_), _) => "the request has a unit".to_owned(),
        (None, MissingUnitPolicy::Blue) => "on_missing is blue".to_owned(),
        (None, MissingUnitPolicy::Random) => {
            "on_missing is random: each request anew, by green's share".to_owned()
        }
    }
}
