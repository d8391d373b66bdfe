//! What a listener does with the headers that the filter uses.

use std::rc::Rc;

use crate::assignment::Version;
use crate::command::yaml::YamlNode;
use crate::config::{Config, Role};

/// What a listener does with the headers that the filter uses.
#[derive(Clone, Debug, Default)]
pub(super) struct ListenerSecurity {
    /// What the filter is told to be there for.
    pub(super) role: Option<String>,
    pub(super) name: Option<String>,
    /// Whether it may be only a part of one, such as its routes.
    pub(super) is_part: bool,
    /// What early header mutation puts, whatever a client has sent: names and values.
    pub(super) puts: Vec<(String, String)>,
    /// What it only adds to what a client has sent.
    pub(super) adds: Vec<String>,
    /// What it takes out.
    pub(super) removes: Vec<String>,
    /// The headers by which routes with a mirror are chosen.
    pub(super) mirrored: Vec<String>,
    /// The headers by which its routes choose clusters; `None` where its routes are elsewhere.
    pub(super) routed: Option<Vec<String>>,
}

/// What does not agree: the field, its value, and the mend.
pub(super) type Disagreement = (String, String, String);

// === impl Listener ===

impl ListenerSecurity {
    pub(super) fn of(node: &YamlNode) -> Self {
        let role = node.at(&["metadata", "filter_metadata", "verdigris", "role"]);
        let role = role.and_then(YamlNode::text).map(str::to_owned);
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

    pub(super) fn add_mutation(&mut self, mutation: &Rc<YamlNode>) {
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
        let action = mutation.at(&["append", "append_action"]).and_then(YamlNode::text);
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
    pub(super) fn put_into(&self, header: &str) -> Option<&str> {
        self.puts.iter().find(|(it, _)| it == header).map(|(_, value)| value.as_str())
    }

    /// Whether it is one for this rollout's releases, as far as headers tell.
    pub(super) fn is_of(&self, config: &Config) -> bool {
        let names = [config.cluster_header.as_str(), config.version_header.as_str()];
        names.iter().any(|it| self.put_into(it).is_some() || self.adds.iter().any(|add| add == it))
            || !self.is_part
                && self.routed.iter().flatten().any(|it| it == config.cluster_header.as_str())
    }

    /// Whether it is a shadow's by what it does: without the filter's word nothing goes anywhere.
    pub(super) fn is_shut(&self, config: &Config) -> bool {
        self.removes.iter().any(|it| it == config.cluster_header.as_str())
    }

    /// In what a rollout does not agree with it.
    pub(super) fn disagreements(&self, config: &Config, place: &str) -> Vec<Disagreement> {
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
    pub(super) fn mutates(&self) -> bool {
        !self.puts.is_empty() || !self.adds.is_empty() || !self.removes.is_empty()
    }

    pub(super) fn is_for(&self, role: Role) -> bool {
        self.role.as_deref().unwrap_or(Role::Release.as_str()) == role.as_str()
    }
}

fn lower(node: &YamlNode) -> Option<String> {
    Some(node.text()?.to_ascii_lowercase())
}
