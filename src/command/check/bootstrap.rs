//! What Envoy's bootstrap says that a rollout must agree with.

use super::listener::{Disagreement, ListenerSecurity};
use crate::assignment::Version;
use crate::command::source::{Finding, Source};
use crate::command::yaml::YamlNode;
use crate::config::{Config, Role, ShadowConfig};

/// What Envoy's configuration says, of one file or of several.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// The static clusters, where there is a bootstrap.
    clusters: Option<Vec<String>>,
    /// Whether there may be other clusters: a CDS server has them.
    has_others: bool,
    listeners: Vec<ListenerSecurity>,
}

/// Takes in a document.
fn add(document: &YamlNode, to: &mut Bootstrap) {
    if let Some(clusters) = document.at(&["static_resources", "clusters"]) {
        let names = clusters.items().iter().filter_map(|it| it.get("name")?.text());
        to.clusters.get_or_insert_default().extend(names.map(str::to_owned));
    }
    to.has_others |= document.at(&["dynamic_resources", "cds_config"]).is_some();
    to.has_others |= document.at(&["dynamic_resources", "ads_config"]).is_some();
    let mut listeners = Vec::new();
    document.walk(&mut |node| {
        listeners.extend(node.get("filter_chains").map(|_| node));
    });
    // A part of a listener may be all there is.
    if listeners.is_empty() {
        listeners.push(document);
    }
    to.listeners.extend(listeners.into_iter().map(ListenerSecurity::of));
}

// === impl Bootstrap ===

impl Bootstrap {
    /// What all files say.
    pub fn of(sources: &[Source]) -> Self {
        let mut all = Self::default();
        let documents = sources.iter().flat_map(|it| &it.documents);
        documents.for_each(|it| add(&it.root, &mut all));
        all
    }

    /// In what a rollout does not agree with it. `has_shadow` says whether another
    /// configuration is the shadow's own.
    fn disagreements(&self, config: &Config, has_shadow: bool) -> Vec<Disagreement> {
        let mut found = self.unknown_clusters(config);
        let all = self.listeners.iter().filter(|it| it.is_for(Role::Release));
        let all: Vec<_> = all.filter(|it| !(has_shadow && it.is_shut(config))).collect();
        if matches!(config.role, Some(Role::Shadow | Role::Green)) {
            return found;
        }
        let mut releases: Vec<_> = all.iter().filter(|it| it.is_of(config)).collect();
        if releases.is_empty() {
            releases.extend(all.iter().filter(|it| it.mutates()));
        }
        let is_one = releases.len() == 1;
        for listener in &releases {
            let name = listener.name.as_ref().filter(|_| !is_one);
            let place = name.map(|it| format!("in the listener {it:?} ")).unwrap_or_default();
            found.extend(listener.disagreements(config, &place));
        }
        if let Some(shadow) = &config.shadow
            && !releases.is_empty()
        {
            found.extend(self.no_way_for(shadow, config, has_shadow));
        }
        found
    }

    /// That there is no cluster of this name, if that is known.
    pub fn misses(&self, cluster: &str) -> Option<String> {
        let known = self.clusters.as_ref().filter(|_| !self.has_others)?;
        let mend = || format!("is no cluster of the bootstrap, which has {}", known.join(", "));
        (!known.iter().any(|it| it == cluster)).then(mend)
    }

    fn unknown_clusters(&self, config: &Config) -> Vec<Disagreement> {
        let unknown = |version: Version| {
            let cluster = config.cluster(version).as_str();
            let mend = self.misses(cluster)?;
            Some((format!("versions.{version}.cluster"), format!("{cluster:?}"), mend))
        };
        Version::ALL.into_iter().filter_map(unknown).collect()
    }

    /// What of a shadow's way is not there: it goes from a marked request by a route that
    /// copies it to a listener that is the shadow's.
    fn no_way_for(
        &self,
        shadow: &ShadowConfig,
        config: &Config,
        has_shadow: bool,
    ) -> Vec<Disagreement> {
        let header = shadow.header.as_str();
        let mut releases = self.listeners.iter().filter(|it| it.is_for(Role::Release));
        let mut shadows = self.listeners.iter().filter(|it| it.is_for(Role::Shadow));
        let mut found = Vec::new();
        let mut note = |mend: String| {
            found.push(("shadow.header".to_owned(), format!("{header:?}"), mend));
        };
        if !releases.clone().any(|it| it.mirrored.iter().any(|it| it == header)) {
            note(
                "no route that has request_mirror_policies matches it, so nobody's requests have a \
                 shadow: take the route from the shipped envoy.yaml"
                    .to_owned(),
            );
        }
        if !releases.any(|it| it.removes.iter().any(|it| it == header)) {
            note(
                "no early header mutation removes it, so a client may have its requests copied: let \
                 one remove it"
                    .to_owned(),
            );
        }
        let cluster_header = config.cluster_header.as_str();
        match shadows.next() {
            None if !has_shadow => note(
                "no listener's metadata say verdigris.role: shadow, so copies would be taken for \
                 requests: take llm-shadow from the shipped envoy.yaml, or give its filter a \
                 configuration of its own with \"role\": \"shadow\""
                    .to_owned(),
            ),
            Some(it) if !it.removes.iter().any(|it| it == cluster_header) => note(format!(
                "the shadow's listener does not remove {cluster_header} early, so where the filter \
                 is missing a copy may reach a model: let early header mutation remove it"
            )),
            _ => {}
        }
        found
    }

    /// As remarks on a plugin configuration in a file.
    pub fn remarks(
        &self,
        config: &Config,
        has_shadow: bool,
        file: &str,
        line: impl Fn(&str) -> usize,
    ) -> Vec<Finding> {
        let found = self.disagreements(config, has_shadow).into_iter();
        let remark = |(field, value, mend): Disagreement| Finding {
            file: file.to_owned(),
            line: line(&field),
            field,
            value: Some(value),
            mend,
        };
        found.map(remark).collect()
    }
}
