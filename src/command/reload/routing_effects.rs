//! Where requests go after a reload, and how: conversations, clusters, headers, roles and shadows.

use super::assignment_effects::unnoticed_by_ramp;
use super::effect::Effect;
use crate::assignment::{MissingUnitPolicy, RollbackPolicy, Share, Version};
use crate::command::output::percent;
use crate::config::{Config, ReadBody, Role, RouteBy, ShadowConfig};

/// The effects of a change of `conversation`.
pub(super) fn conversations(old: &Config, new: &Config) -> Vec<Effect> {
    let field = "conversation";
    let (from, to) = match (&old.conversation, &new.conversation) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => {
            let what = "requests with a conversation id are assigned by it instead of their unit: \
                        current conversations are reassigned";
            return vec![Effect::new(field, what)];
        }
        (Some(_), None) => {
            let what = "requests are assigned by their unit instead of their conversation id: \
                        current conversations are reassigned";
            return vec![Effect::new(field, what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = Vec::new();
    let mut add = |field, what: &str| effects.push(Effect::new(field, what));
    if (&from.ids, &from.pointers) != (&to.ids, &to.pointers) {
        let what = "the id has another source: conversations whose id changes are reassigned";
        add("conversation.id", what);
    }
    if !from.markers.iter().all(|it| to.markers.contains(it)) {
        let what = "a marker is no longer read: conversations whose start only it contains count as \
                    beginning now, with the current weights";
        add("conversation.marker", what);
    }
    if to.max_age_ms < from.max_age_ms {
        let what = "conversations older than the new max_age get the current weights";
        add("conversation.drain.max_age", what);
    }
    if to.max_age_ms > from.max_age_ms {
        let what = "conversations older than the previous max_age, up to the new one, get the weights \
                    of their start again";
        add("conversation.drain.max_age", what);
    }
    if to.history != from.history {
        let what = "conversations from before the filter's own history are assigned by the new \
                    history";
        add("conversation.history", what);
    }
    if from.on_rollback == RollbackPolicy::Finish && to.on_rollback == RollbackPolicy::Move {
        let what = "after a rollback, conversations on green no longer finish there";
        add("conversation.on_rollback", what);
    }
    effects
}

/// The effects of other clusters.
pub(super) fn clusters(old: &Config, new: &Config) -> Vec<Effect> {
    let mut effects = Vec::new();
    if new.route_by == RouteBy::VersionHeader {
        return effects;
    }
    let ramp = unnoticed_by_ramp(old, new);
    for version in Version::ALL {
        let (from, to) = (old.cluster(version), new.cluster(version));
        if from != to {
            let what = format!("{version}'s requests go to {to} instead of {from}{ramp}");
            effects.push(Effect::new(format!("versions.{version}.cluster"), what));
        }
    }
    if old.default_cluster != new.default_cluster {
        let what = format!(
            "Envoy's early header mutation must set {} instead of {}; until it does, requests for {} \
             go to the cluster that it sets",
            new.default_cluster, old.default_cluster, new.default_cluster
        );
        effects.push(Effect::new("default_cluster", what));
    }
    effects
}

/// The effect of other routes.
pub(super) fn route_by(old: &Config, new: &Config) -> Option<Effect> {
    if old.route_by == new.route_by {
        return None;
    }
    let what = match new.route_by {
        RouteBy::ClusterHeader => format!(
            "the routes must take the cluster from {}, or green's users go to blue",
            new.cluster_header
        ),
        RouteBy::VersionHeader => format!(
            "the routes must match {}, and blue's must need no header: routes by {} send all requests \
             to the cluster that early header mutation sets",
            new.version_header, old.cluster_header
        ),
    };
    Some(Effect::new("route_by", what))
}

/// The effect of a change of green's failover.
pub(super) fn failover(old: &Config, new: &Config) -> Option<Effect> {
    if old.green_failover == new.green_failover {
        return None;
    }
    let what = match &new.green_failover {
        Some(cluster) => format!(
            "green's requests go to {cluster}, which must try green and then blue: blue answers \
             requests that green fails, which still count as green's errors"
        ),
        None => "users get green's failures instead of blue's answers".to_owned(),
    };
    Some(Effect::new("versions.green.failover", what))
}

/// The effects of other changes to requests.
pub(super) fn requests(old: &Config, new: &Config) -> Vec<Effect> {
    let is_changed = |version| old.request(version) != new.request(version);
    let changed = Version::ALL.into_iter().filter(|version| is_changed(*version));
    let ramp = unnoticed_by_ramp(old, new);
    let effect = |version: Version| {
        let what = format!(
            "the changes to {version}'s requests change, immediately and for all its users{ramp}"
        );
        Effect::new(format!("versions.{version}.request"), what)
    };
    changed.map(effect).collect()
}

/// The effect of another policy for requests without a unit.
pub(super) fn missing_units(old: &Config, new: &Config) -> Option<Effect> {
    if old.on_missing == new.on_missing {
        return None;
    }
    let what = match new.on_missing {
        MissingUnitPolicy::Blue => "all requests without a unit go to blue",
        MissingUnitPolicy::Random => {
            "each request without a unit is drawn at random by green's share, instead of going to \
             blue"
        }
    };
    Some(Effect::new("on_missing", what))
}

/// The effects of other header names.
pub(super) fn headers(old: &Config, new: &Config) -> Vec<Effect> {
    let mut effects = Vec::new();
    match (&old.force_header, &new.force_header) {
        (Some(from), None) => {
            let what = format!("{from} no longer forces a version");
            effects.push(Effect::new("force_header", what));
        }
        (None, Some(to)) => {
            let what = format!("clients can force a version with {to}");
            effects.push(Effect::new("force_header", what));
        }
        (Some(from), Some(to)) if from != to => {
            let what = format!("a version is forced with {to} instead of {from}");
            effects.push(Effect::new("force_header", what));
        }
        _ => {}
    }
    let own = [
        ("cluster_header", &old.cluster_header, &new.cluster_header),
        ("version_header", &old.version_header, &new.version_header),
    ];
    for (field, from, to) in own.into_iter().filter(|(_, from, to)| from != to) {
        let what = format!(
            "{from} becomes {to}: Envoy's bootstrap must use it too, in early header mutation and \
             route, or green's users go to the cluster in {from}"
        );
        effects.push(Effect::new(field, what));
    }
    effects
}

/// The effect of another path of the console.
pub(super) fn console(old: &Config, new: &Config) -> Option<Effect> {
    let path = |config: &Config| config.console.as_ref().map(|it| it.path.clone());
    let what = match (path(old), path(new)) {
        (from, to) if from == to => return None,
        (_, Some(to)) => format!(
            "the page and the commands are served at {to} of the release's listener, to holders of the \
             token; no request there reaches an upstream"
        ),
        (Some(from), None) => format!(
            "the page is no longer served at {from}, whose requests reach upstreams: with their token, \
             where a client still sends it"
        ),
        (None, None) => return None,
    };
    Some(Effect::new("console.path", what))
}

/// The effect of a change of when bodies are read.
pub(super) fn read_body(old: &Config, new: &Config) -> Option<Effect> {
    if old.read_body == new.read_body {
        return None;
    }
    let what = match new.read_body {
        ReadBody::BeforeRouting => {
            "requests wait for their body before they are routed, which needs \
             allow_on_headers_stop_iteration: true in Envoy's Wasm filter"
        }
        ReadBody::AfterRouting => {
            "upstreams get patched requests without content-length, and a version gets a request whose \
             body cannot be patched as it came"
        }
    };
    Some(Effect::new("read_body", what))
}

/// The effect of another role.
pub(super) fn roles(old: &Config, new: &Config) -> Option<Effect> {
    if old.role == new.role {
        return None;
    }
    let what = match new.role {
        Some(Role::Shadow) => {
            "green answers every request of this listener, and its answers are discarded: no \
             version is assigned"
        }
        Some(Role::Green) => "every request of this listener goes to green",
        Some(Role::Release) => "the filter assigns versions, whatever the listener's metadata",
        None => "the listener's metadata set the role, which is release by default",
    };
    Some(Effect::new("role", what))
}

/// The effects of a change of `shadow`.
pub(super) fn shadows(old: &Config, new: &Config) -> Vec<Effect> {
    let field = "shadow.percent";
    let step = |config: &Config| config.ramp.as_ref().and_then(|ramp| ramp.shadow);
    if old.ramp.is_some() && step(old).is_none() && step(new).is_some() {
        let what = "a running ramp does not go back to the shadow step: it applies when ramp.restart \
                    changes";
        return vec![Effect::new("ramp.steps[0].shadow", what)];
    }
    // A shadow step implies a shadow that mirrors nothing outside of it.
    let shadow = |config: &Config| {
        let is_implied = |it: &ShadowConfig| it.share == Share::ZERO && step(config).is_some();
        config.shadow.clone().filter(|it| !is_implied(it))
    };
    let (from, to) = match (shadow(old), shadow(new)) {
        (None, None) => return Vec::new(),
        (Some(_), None) => {
            return vec![Effect::new("shadow", "requests are no longer mirrored to green")];
        }
        (None, Some(to)) => {
            let what = format!(
                "the requests of {} of all units are mirrored to green: {} gets as many more requests",
                percent(to.share.fraction()),
                new.green_cluster
            );
            return vec![Effect::new(field, what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = Vec::new();
    let [share_before, share] = [&from, &to].map(|it| it.share.fraction());
    if share_before != share {
        let who = if share > share_before { "the same units and more" } else { "a part of them" };
        let what = format!(
            "the mirrored share of units changes from {} to {}: {who}",
            percent(share_before),
            percent(share)
        );
        effects.push(Effect::new(field, what));
    }
    if from.header != to.header {
        let what = format!(
            "{} becomes {}: Envoy's bootstrap must use it too, in early header mutation and in the \
             route with the mirror, or no requests are mirrored",
            from.header, to.header
        );
        effects.push(Effect::new("shadow.header", what));
    }
    effects
}
