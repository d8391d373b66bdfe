//! What Envoy's bootstrap says that a rollout must agree with.

use std::rc::Rc;

use super::source::Remark;
use super::yaml::Node;
use crate::assign::Version;
use crate::config::{Config, Role, Shadow};

/// What Envoy's configuration says, of one file or of several.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// Whether it is Envoy's configuration at all.
    pub is_envoy: bool,
    /// The static clusters, where there is a bootstrap.
    clusters: Option<Vec<String>>,
    /// Whether there may be other clusters: a CDS server has them.
    has_others: bool,
    listeners: Vec<Listener>,
}

/// What a listener does with the headers that the filter uses.
#[derive(Clone, Debug, Default)]
struct Listener {
    /// What the filter is told to be there for.
    role: Option<String>,
    name: Option<String>,
    /// Whether it may be only a part of one, such as its routes.
    is_part: bool,
    /// What early header mutation puts, whatever a client has sent: names and values.
    puts: Vec<(String, String)>,
    /// What it only adds to what a client has sent.
    adds: Vec<String>,
    /// What it takes out.
    removes: Vec<String>,
    /// The headers by which routes with a mirror are chosen.
    mirrored: Vec<String>,
    /// The headers by which its routes choose clusters; `None` where its routes are elsewhere.
    routed: Option<Vec<String>>,
}

/// What does not agree: the field, its value, and the mend.
type Disagreement = (String, String, String);

/// Takes in a document.
pub fn add(document: &Node, to: &mut Bootstrap) {
    let is_envoy = ["static_resources", "dynamic_resources", "admin", "node", "resources"];
    to.is_envoy |= is_envoy.iter().any(|name| document.get(name).is_some());
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
    to.listeners.extend(listeners.into_iter().map(Listener::of));
}

// === impl Listener ===

impl Listener {
    fn of(node: &Node) -> Self {
        let role = node.at(&["metadata", "filter_metadata", "verdigris", "role"]);
        let role = role.and_then(Node::text).map(str::to_owned);
        let name = node.get("name").and_then(|it| it.text()).map(str::to_owned);
        let is_part = node.get("filter_chains").is_none();
        let mut listener = Self { role, name, is_part, ..Self::default() };
        node.walk(&mut |node| {
            if node.get("route_config").is_some() {
                listener.routed.get_or_insert_default();
            }
            if let Some(header) = node.get("cluster_header").and_then(|it| lower(it)) {
                listener.routed.get_or_insert_default().push(header);
            }
            let early = node.get("early_header_mutation_extensions");
            for extension in early.map(|it| it.items()).unwrap_or_default() {
                let mutations = extension.at(&["typed_config", "mutations"]);
                for mutation in mutations.map(|it| it.items()).unwrap_or_default() {
                    listener.add_mutation(mutation);
                }
            }
            if node
                .at(&["route", "request_mirror_policies"])
                .is_some_and(|it| !it.items().is_empty())
            {
                let headers = node.at(&["match", "headers"]).map(|it| it.items());
                let names = headers.unwrap_or_default().iter();
                listener.mirrored.extend(names.filter_map(|it| lower(it.get("name")?)));
            }
        });
        listener
    }

    fn add_mutation(&mut self, mutation: &Rc<Node>) {
        if let Some(removed) = mutation.get("remove").and_then(|it| lower(it)) {
            self.puts.retain(|(it, _)| *it != removed);
            self.adds.retain(|it| *it != removed);
            self.removes.push(removed);
        }
        let put = mutation.at(&["append", "header"]).and_then(|header| {
            Some((lower(header.get("key")?)?, header.get("value")?.text()?.to_owned()))
        });
        let Some((name, value)) = put else { return };
        // The default appends, and a client's value would be the first; after a removal there
        // is none.
        let action = mutation.at(&["append", "append_action"]).and_then(Node::text);
        let overwrites = matches!(action, Some("OVERWRITE_IF_EXISTS_OR_ADD" | "2"));
        if overwrites {
            self.puts.retain(|(it, _)| *it != name);
            self.adds.retain(|it| *it != name);
        }
        let adds = !matches!(action, Some("OVERWRITE_IF_EXISTS" | "3"));
        if overwrites || adds && self.removes.contains(&name) {
            self.removes.retain(|it| *it != name);
            self.puts.push((name, value));
        } else if self.put_into(&name).is_none() {
            self.adds.push(name);
        }
    }

    /// What early header mutation puts into a header.
    fn put_into(&self, header: &str) -> Option<&str> {
        self.puts.iter().find(|(it, _)| it == header).map(|(_, value)| value.as_str())
    }

    /// Whether it is one for this rollout's releases, as far as headers tell.
    fn is_of(&self, config: &Config) -> bool {
        let names = [config.cluster_header.as_str(), config.version_header.as_str()];
        names.iter().any(|it| self.put_into(it).is_some() || self.adds.iter().any(|add| add == it))
            || !self.is_part
                && self.routed.iter().flatten().any(|it| it == config.cluster_header.as_str())
    }

    /// Whether it is a shadow's by what it does: without the filter's word nothing goes anywhere.
    fn is_shut(&self, config: &Config) -> bool {
        self.removes.iter().any(|it| it == config.cluster_header.as_str())
    }

    /// In what a rollout does not agree with it.
    fn disagreements(&self, config: &Config, place: &str) -> Vec<Disagreement> {
        let mut found = Vec::new();
        let wanted = [
            ("cluster_header", config.cluster_header.as_str(), config.default_cluster.as_str()),
            ("version_header", config.version_header.as_str(), Version::Blue.as_str()),
        ];
        for (field, header, value) in wanted {
            let mend = match self.put_into(header) {
                Some(is) if is == value => continue,
                None if self.adds.iter().any(|it| it == header) => format!(
                    "{place}early header mutation only adds to what a client has sent, which may \
                     so choose: write append_action: OVERWRITE_IF_EXISTS_OR_ADD"
                ),
                Some(is) if field == "cluster_header" => format!(
                    "{place}early header mutation puts {is:?} there, and default_cluster is {value:?}: \
                     they are to be one"
                ),
                Some(is) => {
                    format!("{place}early header mutation puts {is:?} there, and not {value:?}")
                }
                None => format!(
                    "{place}no early header mutation puts {value:?} there, so a client may choose: let \
                     one overwrite it"
                ),
            };
            found.push((field.to_owned(), format!("{header:?}"), mend));
        }
        let header = config.cluster_header.as_str();
        if self.routed.as_ref().is_some_and(|all| all.iter().all(|it| it != header)) {
            let mend = format!(
                "{place}no route has it as its cluster_header, so nobody reaches green: write \
                 cluster_header: {header} in the place of the route's cluster"
            );
            found.push(("cluster_header".to_owned(), format!("{header:?}"), mend));
        }
        found
    }

    /// Whether it does anything to headers early, as one for releases must.
    fn mutates(&self) -> bool {
        !self.puts.is_empty() || !self.adds.is_empty() || !self.removes.is_empty()
    }

    fn is_for(&self, role: Role) -> bool {
        self.role.as_deref().unwrap_or(Role::Release.as_str()) == role.as_str()
    }
}

fn lower(node: &Node) -> Option<String> {
    Some(node.text()?.to_ascii_lowercase())
}

// === impl Bootstrap ===

impl Bootstrap {
    /// With what another file says.
    pub fn and(mut self, other: &Self) -> Self {
        self.is_envoy |= other.is_envoy;
        self.has_others |= other.has_others;
        if let Some(clusters) = &other.clusters {
            self.clusters.get_or_insert_default().extend_from_slice(clusters);
        }
        self.listeners.extend_from_slice(&other.listeners);
        self
    }

    /// In what a rollout does not agree with it. `has_shadow` says whether another
    /// configuration is the shadow's own.
    fn disagreements(&self, config: &Config, has_shadow: bool) -> Vec<Disagreement> {
        let mut found = self.unknown_clusters(config);
        let all = self.listeners.iter().filter(|it| it.is_for(Role::Release));
        let all: Vec<_> = all.filter(|it| !(has_shadow && it.is_shut(config))).collect();
        if config.role == Some(Role::Shadow) {
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

    fn unknown_clusters(&self, config: &Config) -> Vec<Disagreement> {
        let Some(known) = self.clusters.as_ref().filter(|_| !self.has_others) else {
            return Vec::new();
        };
        let unknown = |version: Version| {
            let cluster = config.cluster(version).as_str();
            if known.iter().any(|it| it == cluster) {
                return None;
            }
            let mend = format!("is no cluster of the bootstrap, which has {}", known.join(", "));
            Some((format!("versions.{version}.cluster"), format!("{cluster:?}"), mend))
        };
        Version::ALL.into_iter().filter_map(unknown).collect()
    }

    /// What of a shadow's way is not there: it goes from a marked request by a route that
    /// copies it to a listener that is the shadow's.
    fn no_way_for(&self, shadow: &Shadow, config: &Config, has_shadow: bool) -> Vec<Disagreement> {
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
    ) -> Vec<Remark> {
        let found = self.disagreements(config, has_shadow).into_iter();
        let remark = |(field, value, mend): Disagreement| Remark {
            file: file.to_owned(),
            line: line(&field),
            field,
            value: Some(value),
            mend,
        };
        found.map(remark).collect()
    }
}
