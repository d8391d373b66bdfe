//! Checks that a rollout agrees with Envoy's bootstrap: clusters, headers and shadow.

use std::rc::Rc;

use super::envoy::{Envoy, listeners};
use super::listener::{Disagreement, ListenerHeaders};
use crate::command::yaml::YamlNode;
use crate::config::{Config, Role, ShadowConfig};

/// The clusters and listeners of all files.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// The static clusters; `None` without a bootstrap.
    clusters: Option<Vec<String>>,
    /// Whether a CDS server may have further clusters.
    has_cds: bool,
    listeners: Vec<ListenerHeaders>,
}

/// Whether the bootstrap has a cluster.
pub enum FoundCluster {
    Found,
    /// A CDS server may have it.
    FromCds,
    Missing {
        /// The clusters that the bootstrap has.
        known: String,
    },
    /// There is no bootstrap.
    NotChecked,
}

// === impl Bootstrap ===

impl Bootstrap {
    /// Finds clusters and listeners in all documents.
    pub fn new(envoy: &Envoy<'_>) -> Self {
        let mut all = Self::default();
        envoy.scopes.iter().for_each(|it| all.add(&it.document.root, envoy));
        all
    }

    fn add(&mut self, document: &YamlNode, envoy: &Envoy<'_>) {
        if let Some(clusters) = document.at(&["static_resources", "clusters"]) {
            let names = clusters.items().iter().filter_map(|it| it.get("name")?.text());
            self.clusters.get_or_insert_default().extend(names.map(str::to_owned));
        }
        self.has_cds |= document.at(&["dynamic_resources", "cds_config"]).is_some();
        for listener in listeners(document) {
            self.listeners.extend(ListenerHeaders::all(listener, envoy));
        }
    }

    /// Checks a rollout. `filter` is the `config` of its filter, if it is known, and `has_shadow`
    /// whether another configuration has the role `shadow`.
    pub(super) fn disagreements(
        &self,
        config: &Config,
        filter: Option<&Rc<YamlNode>>,
        has_shadow: bool,
    ) -> Vec<Disagreement> {
        if matches!(config.role, Some(Role::Shadow | Role::Green)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        let all = self.listeners.iter().filter(|it| it.has_role(Role::Release));
        let all: Vec<_> = all.filter(|it| !(has_shadow && it.is_closed(config))).collect();
        let runs_it = |it: &ListenerHeaders| filter.is_some_and(|filter| it.runs(filter));
        let is_found = all.iter().any(|it| runs_it(it));
        // If its own listener is known, one with other filters is another rollout's.
        let may_run_it = |it: &ListenerHeaders| {
            runs_it(it) || it.uses_headers_of(config) && !(is_found && it.has_filters())
        };
        let mut releases: Vec<_> = all.iter().filter(|it| may_run_it(it)).collect();
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

    /// Whether the bootstrap has the cluster.
    pub fn find_cluster(&self, name: &str) -> FoundCluster {
        match &self.clusters {
            None => FoundCluster::NotChecked,
            Some(known) if known.iter().any(|it| it == name) => FoundCluster::Found,
            Some(_) if self.has_cds => FoundCluster::FromCds,
            Some(known) => FoundCluster::Missing { known: known.join(", ") },
        }
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
}
