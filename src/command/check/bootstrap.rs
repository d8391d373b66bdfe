//! Checks that a rollout agrees with Envoy's bootstrap: clusters, headers and shadow.

use super::listener::{Disagreement, ListenerHeaders};
use crate::assignment::Version;
use crate::command::position::Position;
use crate::command::source::{Finding, Source};
use crate::command::yaml::YamlNode;
use crate::config::{Config, Role, RouteBy, ShadowConfig};

/// The clusters and listeners of all files.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// The static clusters; `None` without a bootstrap.
    clusters: Option<Vec<String>>,
    /// Whether a CDS server may have further clusters.
    has_cds: bool,
    listeners: Vec<ListenerHeaders>,
}

// === impl Bootstrap ===

impl Bootstrap {
    /// Finds clusters and listeners in all documents.
    pub fn from_sources(sources: &[Source]) -> Self {
        let mut all = Self::default();
        let documents = sources.iter().flat_map(|it| &it.documents);
        documents.for_each(|it| all.add(&it.root));
        all
    }

    fn add(&mut self, document: &YamlNode) {
        if let Some(clusters) = document.at(&["static_resources", "clusters"]) {
            let names = clusters.items().iter().filter_map(|it| it.get("name")?.text());
            self.clusters.get_or_insert_default().extend(names.map(str::to_owned));
        }
        self.has_cds |= document.at(&["dynamic_resources", "cds_config"]).is_some();
        self.has_cds |= document.at(&["dynamic_resources", "ads_config"]).is_some();
        let mut listeners = Vec::new();
        document.walk(&mut |node| {
            listeners.extend(node.get("filter_chains").map(|_| node));
        });
        // A file may have only a part of a listener, such as its routes.
        if listeners.is_empty() {
            listeners.push(document);
        }
        self.listeners.extend(listeners.into_iter().map(ListenerHeaders::from_yaml));
    }

    /// Checks a rollout. `has_shadow` is whether another configuration has the role `shadow`.
    fn disagreements(&self, config: &Config, has_shadow: bool) -> Vec<Disagreement> {
        let mut found = self.unknown_clusters(config);
        let all = self.listeners.iter().filter(|it| it.has_role(Role::Release));
        let all: Vec<_> = all.filter(|it| !(has_shadow && it.is_closed(config))).collect();
        if matches!(config.role, Some(Role::Shadow | Role::Green)) {
            return found;
        }
        let mut releases: Vec<_> = all.iter().filter(|it| it.uses_headers_of(config)).collect();
        if releases.is_empty() {
            releases.extend(all.iter().filter(|it| it.mutates_early()));
        }
        let is_only = releases.len() == 1;
        for listener in &releases {
            let name = listener.name.as_ref().filter(|_| !is_only);
            let prefix = name.map(|it| format!("in the listener {it:?}, ")).unwrap_or_default();
            found.extend(listener.disagreements(config, &prefix));
        }
        if let Some(shadow) = &config.shadow
            && !releases.is_empty()
        {
            found.extend(self.shadow_disagreements(shadow, config, has_shadow));
        }
        found
    }

    /// A message if the bootstrap is known not to have this cluster.
    pub fn lacks_cluster(&self, cluster: &str) -> Option<String> {
        let known = self.clusters.as_ref().filter(|_| !self.has_cds)?;
        let fix = || format!("is no cluster of the bootstrap, which has {}", known.join(", "));
        (!known.iter().any(|it| it == cluster)).then(fix)
    }

    fn unknown_clusters(&self, config: &Config) -> Vec<Disagreement> {
        if config.route_by == RouteBy::VersionHeader {
            return Vec::new();
        }
        let unknown = |version: Version| {
            let cluster = config.cluster(version).as_str();
            let fix = self.lacks_cluster(cluster)?;
            let (field, value) = (format!("versions.{version}.cluster"), format!("{cluster:?}"));
            Some(Disagreement { field, value, fix })
        };
        Version::ALL.into_iter().filter_map(unknown).collect()
    }

    /// Checks that marked requests have a route that mirrors them to the shadow's listener.
    fn shadow_disagreements(
        &self,
        shadow: &ShadowConfig,
        config: &Config,
        has_shadow: bool,
    ) -> Vec<Disagreement> {
        let header = shadow.header.as_str();
        let mut releases = self.listeners.iter().filter(|it| it.has_role(Role::Release));
        let mut shadows = self.listeners.iter().filter(|it| it.has_role(Role::Shadow));
        let mut fixes = Vec::new();
        if !releases.clone().any(|it| it.mirrored.iter().any(|it| it == header)) {
            fixes.push(
                "no route with request_mirror_policies matches it, so no requests are mirrored: copy \
                 the route from the shipped envoy.yaml"
                    .to_owned(),
            );
        }
        let has_step = config.ramp.as_ref().is_some_and(|ramp| ramp.shadow.is_some());
        if has_step && releases.clone().any(|it| it.omits_request_ids) {
            fixes.push(
                "generate_request_id is false, so a request and its copy have no id in common and the \
                 ramp's shadow step has no pairs: remove it"
                    .to_owned(),
            );
        }
        if !releases.any(|it| it.removed.iter().any(|it| it == header)) {
            fixes.push(
                "no early header mutation removes it, so clients can have their requests mirrored: \
                 remove it there"
                    .to_owned(),
            );
        }
        let cluster_header = config.cluster_header.as_str();
        match shadows.next() {
            None if !has_shadow => fixes.push(
                "no listener has the metadata verdigris.role: shadow, so mirrored requests would \
                 count as clients' requests: copy llm-shadow from the shipped envoy.yaml, or give its \
                 filter a configuration of its own with \"role\": \"shadow\""
                    .to_owned(),
            ),
            Some(it) if !it.removed.iter().any(|it| it == cluster_header) => fixes.push(format!(
                "the shadow's listener does not remove {cluster_header} early, so while the filter \
                 is not loaded, a mirrored request may reach a model: remove it in early header \
                 mutation"
            )),
            _ => {}
        }
        let disagreement = |fix| Disagreement {
            field: "shadow.header".to_owned(),
            value: format!("{header:?}"),
            fix,
        };
        fixes.into_iter().map(disagreement).collect()
    }

    /// Checks a rollout. `position` is that of a field of its configuration in `file`.
    pub fn findings(
        &self,
        config: &Config,
        has_shadow: bool,
        file: &str,
        position: impl Fn(&str) -> Position,
    ) -> Vec<Finding> {
        let finding = |it: Disagreement| {
            Finding::new(file, position(&it.field), &it.field, Some(&it.value), it.fix)
        };
        self.disagreements(config, has_shadow).into_iter().map(finding).collect()
    }
}
