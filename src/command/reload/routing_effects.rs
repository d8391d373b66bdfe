//! Where requests go after a reload, and how: clusters, headers, conversations, shadows and
//! feedback.

use super::Effect;
use crate::assignment::{MissingUnitPolicy, RollbackPolicy, Version};
use crate::command::output::percent;
use crate::config::{Config, Role};

pub(super) fn conversations(old: &Config, new: &Config) -> Vec<Effect> {
    let field = "conversation";
    let (from, to) = match (&old.conversation, &new.conversation) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => {
            let what = "the conversation's id takes the user's place: whoever has a conversation \
                        under way is dealt anew by its id";
            return vec![Effect::of(field, what)];
        }
        (Some(_), None) => {
            let what = "the user takes the place of the conversation's id: conversations under way \
                        are dealt anew by their user";
            return vec![Effect::of(field, what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = Vec::new();
    if (&from.ids, &from.pointers) != (&to.ids, &to.pointers) {
        let what = "the id is looked for elsewhere: conversations that have another id now are dealt \
                    anew";
        effects.push(Effect::of("conversation.id", what));
    }
    if !from.markers.iter().all(|it| to.markers.contains(it)) {
        let what = "a marker is not looked at any more: conversations whose beginning it told are \
                    taken to begin now, and go by the weights of now";
        effects.push(Effect::of("conversation.marker", what));
    }
    if to.max_age_ms != from.max_age_ms {
        let what = match to.max_age_ms < from.max_age_ms {
            true => "conversations older than the new max_age go by the weights of now",
            false => {
                "conversations older than max_age was go by the weights of their beginning again, \
                 up to the new one"
            }
        };
        effects.push(Effect::of("conversation.drain.max_age", what));
    }
    if to.history != from.history {
        let what = "conversations that began before the filter knew the weights go by what history \
                    says now";
        effects.push(Effect::of("conversation.history", what));
    }
    if from.on_rollback == RollbackPolicy::Finish && to.on_rollback == RollbackPolicy::Move {
        let what = "after a rollback conversations on green do not end there any more";
        effects.push(Effect::of("conversation.on_rollback", what));
    }
    effects
}

pub(super) fn clusters(old: &Config, new: &Config) -> Vec<Effect> {
    let mut effects = Vec::new();
    for version in Version::ALL {
        let (from, to) = (old.cluster(version), new.cluster(version));
        if from != to {
            let what = format!("{version}'s requests go to {to} from now on, and not to {from}");
            effects.push(Effect::of(format!("versions.{version}.cluster"), what));
        }
    }
    if old.default_cluster != new.default_cluster {
        let what = format!(
            "Envoy's early header mutation is to put {} from now on, and not {}; as long as it does \
             not, requests for {} go to what it puts",
            new.default_cluster, old.default_cluster, new.default_cluster
        );
        effects.push(Effect::of("default_cluster", what));
    }
    effects
}

pub(super) fn failover(old: &Config, new: &Config) -> Option<Effect> {
    if old.green_failover == new.green_failover {
        return None;
    }
    let what = match &new.green_failover {
        Some(cluster) => format!(
            "green's requests go to {cluster} from now on, which must try green and then blue: blue \
             answers what green fails, and it is still green's error"
        ),
        None => "users get green's failures from now on, and not blue's answers".to_owned(),
    };
    Some(Effect::of("versions.green.failover", what))
}

pub(super) fn requests(old: &Config, new: &Config, is_renamed: bool) -> Vec<Effect> {
    let is_other = |version| old.request(version) != new.request(version);
    let changed = Version::ALL.into_iter().filter(|version| is_other(*version));
    let ramp = match &new.ramp {
        Some(_) if !is_renamed && old.ramp.is_some() => {
            "; the ramp does not see this, and goes on with the evidence of before: give restart \
             another text"
        }
        _ => "",
    };
    let effect = |version: Version| {
        let what = format!(
            "{version} changes its requests otherwise, at once and for all its users{ramp}"
        );
        Effect::of(format!("versions.{version}.request"), what)
    };
    changed.map(effect).collect()
}

pub(super) fn missing(old: &Config, new: &Config) -> Option<Effect> {
    if old.on_missing == new.on_missing {
        return None;
    }
    let what = match new.on_missing {
        MissingUnitPolicy::Blue => "requests without a unit go to blue from now on, all of them",
        MissingUnitPolicy::Random => {
            "requests without a unit are dealt one by one from now on, by green's share, and do not \
             all go to blue any more"
        }
    };
    Some(Effect::of("on_missing", what))
}

pub(super) fn headers(old: &Config, new: &Config) -> Vec<Effect> {
    let mut effects = Vec::new();
    match (&old.force_header, &new.force_header) {
        (Some(from), None) => {
            let what = format!("nobody can force a version by {from} any more");
            effects.push(Effect::of("force_header", what));
        }
        (None, Some(to)) => {
            let what = format!("whoever sends {to} has the version that it names from now on");
            effects.push(Effect::of("force_header", what));
        }
        (Some(from), Some(to)) if from != to => {
            let what = format!("a version is forced by {to}, and not by {from} any more");
            effects.push(Effect::of("force_header", what));
        }
        _ => {}
    }
    let own = [
        ("cluster_header", &old.cluster_header, &new.cluster_header),
        ("version_header", &old.version_header, &new.version_header),
    ];
    for (field, from, to) in own.into_iter().filter(|(_, from, to)| from != to) {
        let what = format!(
            "{from} becomes {to}: Envoy's bootstrap must name it too, in early header mutation and \
             route, or green's users go to what stands in {from}"
        );
        effects.push(Effect::of(field, what));
    }
    effects
}

pub(super) fn roles(old: &Config, new: &Config) -> Option<Effect> {
    if old.role == new.role {
        return None;
    }
    let what = match new.role {
        Some(Role::Shadow) => {
            "green answers every request of this listener, for nobody: it decides nothing any more"
        }
        Some(Role::Green) => "it sends every request of this listener to green",
        Some(Role::Release) => "it decides who answers, whatever the listener's metadata say",
        None => "the listener's metadata say what the filter does there, and else it decides",
    };
    Some(Effect::of("role", what))
}

pub(super) fn shadows(old: &Config, new: &Config) -> Vec<Effect> {
    let field = "shadow.percent";
    let (from, to) = match (&old.shadow, &new.shadow) {
        (None, None) => return Vec::new(),
        (Some(_), None) => {
            return vec![Effect::of("shadow", "no request is copied for green any more")];
        }
        (None, Some(to)) => {
            let what = format!(
                "of {} of all units green is asked as well, for nobody: so many more requests for \
                 {}",
                percent(to.share.fraction()),
                new.green_cluster
            );
            return vec![Effect::of(field, what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = Vec::new();
    let [share_before, share] = [from, to].map(|it| it.share.fraction());
    if share_before != share {
        let who = if share > share_before { "the same ones and more" } else { "some of the same" };
        let what = format!(
            "green is asked of {} of all units, and not of {}: {who}",
            percent(share),
            percent(share_before)
        );
        effects.push(Effect::of(field, what));
    }
    if from.header != to.header {
        let what = format!(
            "{} becomes {}: Envoy's bootstrap must name it too, in early header mutation and the \
             route with the mirror, or nobody's requests have a shadow",
            from.header, to.header
        );
        effects.push(Effect::of("shadow.header", what));
    }
    effects
}

pub(super) fn feedback(old: &Config, new: &Config) -> Vec<Effect> {
    let (from, to) = match (&old.feedback, &new.feedback) {
        (None, None) => return Vec::new(),
        (Some(from), None) => {
            let what = format!(
                "nobody's thumb or score is taken any more: requests to {} are decided like any \
                 other, and answers carry no receipt",
                from.path
            );
            return vec![Effect::of("feedback", what)];
        }
        (None, Some(to)) => {
            let what = format!(
                "POSTs to {} are taken for feedback{}; answers of before carry no receipt, so what \
                 is said of them is shown and is no evidence",
                to.path,
                if to.passes_on { "" } else { ", and reach no upstream" }
            );
            return vec![Effect::of("feedback", what)];
        }
        (Some(from), Some(to)) => (from, to),
    };
    let mut effects = Vec::new();
    let mut note = |field: &str, what: String| effects.push(Effect::of(field, what));
    if from.path != to.path {
        let what = format!(
            "POSTs to {} are taken for feedback, and those to {} are decided like any other",
            to.path, from.path
        );
        note("feedback.path", what);
    }
    let places = [
        ("feedback.thumb", &from.pointers.thumb, &to.pointers.thumb, "a thumb"),
        ("feedback.score", &from.pointers.score, &to.pointers.score, "a score"),
        ("feedback.step", &from.pointers.step, &to.pointers.step, "a receipt"),
    ];
    for (field, from, to, what) in places {
        if from.is_some() && from != to {
            note(field, format!("{what} is not looked for any more where it was until now"));
        }
    }
    if from.max_per_minute != to.max_per_minute {
        let what = format!(
            "a unit is heard {} times a minute, and not {}; what it has said in this minute is \
             forgotten",
            to.max_per_minute, from.max_per_minute
        );
        note("feedback.max_per_minute", what);
    }
    if from.passes_on != to.passes_on {
        let (now, before) = match to.passes_on {
            true => ("the upstream", "the filter"),
            false => ("the filter", "the upstream"),
        };
        note("feedback.answered_by", format!("{now} answers feedback, and not {before}"));
    }
    let names_others = old.rollout != new.rollout
        || old.unit != new.unit
        || old.conversation.is_some() != new.conversation.is_some();
    if names_others {
        let what = "receipts are of rollout and unit, and those of before may not hold: what is said \
                    of answers from before is then shown under the version of now, and is no \
                    evidence";
        note("feedback", what.to_owned());
    }
    effects
}
