//! How a listener treats the headers that the filter uses.

use std::rc::Rc;

use super::envoy::Envoy;
use crate::assignment::Version;
use crate::command::yaml::YamlNode;
use crate::config::{Config, Role, RouteBy};

/// How a listener treats the headers that the filter uses. Header names are in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct ListenerHeaders {
    /// The `config` of each filter of Verdigris that assigns requests; `None` if it is not known.
    filters: Vec<Option<Rc<YamlNode>>>,
    /// The role of the filter in the listener's metadata.
    role: Option<String>,
    pub(super) name: Option<String>,
    /// Whether the node may be a part of a listener, such as its routes.
    is_part: bool,
    /// Headers that early header mutation overwrites.
    overwritten: Vec<OverwrittenHeader>,
    /// Headers that early header mutation adds to what a client has sent.
    added: Vec<String>,
    /// Headers that early header mutation removes.
    pub(super) removed: Vec<String>,
    /// Whether it gives no id to requests that have none.
    pub(super) omits_request_ids: bool,
    /// Headers that routes with a mirror match.
    pub(super) mirrored: Vec<String>,
    /// The `cluster_header` of each route; `None` if the routes are elsewhere.
    routed: Option<Vec<String>>,
    /// The headers that routes match, each with the value if it must be exact.
    matched: Vec<(String, Option<String>)>,
}

/// A header that early header mutation overwrites.
#[derive(Clone, Debug)]
struct OverwrittenHeader {
    name: String,
    value: String,
}

/// A field of a rollout that does not agree with the bootstrap.
pub(super) struct Disagreement {
    pub(super) field: String,
    pub(super) value: String,
    /// What is wrong, and how to fix it.
    pub(super) fix: String,
}

// === impl ListenerHeaders ===

impl ListenerHeaders {
    /// Reads a listener, or a part of one, in which each HTTP connection manager has headers of its
    /// own.
    pub(super) fn all(listener: &YamlNode, envoy: &Envoy<'_>) -> Vec<Self> {
        let mut managers = Vec::new();
        listener.walk(&mut |node| managers.extend(node.get("http_filters").map(|_| node)));
        if managers.is_empty() {
            managers.push(listener);
        }
        managers.into_iter().map(|node| Self::from_yaml(listener, node, envoy)).collect()
    }

    /// Reads an HTTP connection manager of a listener, or all of it.
    fn from_yaml(listener: &YamlNode, node: &YamlNode, envoy: &Envoy<'_>) -> Self {
        let role = listener.at(&["metadata", "filter_metadata", "verdigris", "role"]);
        let role = role.and_then(YamlNode::text).map(str::to_owned);
        let name = listener.get("name").and_then(|it| it.text()).map(str::to_owned);
        let is_part = listener.get("filter_chains").is_none();
        let filters = envoy.releases().filter(|it| std::ptr::eq(it.node, node));
        let filters = filters.map(|it| it.config.map(Rc::clone)).collect();
        let mut listener = Self { filters, role, name, is_part, ..Self::default() };
        node.walk(&mut |node| {
            if node.get("route_config").is_some() {
                listener.routed.get_or_insert_default();
            }
            if let Some(header) = node.get("cluster_header").and_then(|it| lower(it)) {
                listener.routed.get_or_insert_default().push(header);
            }
            let matched = node.at(&["match", "headers"]).map(|it| it.items());
            for matcher in matched.unwrap_or_default() {
                let exact = matcher.at(&["string_match", "exact"]);
                let exact = exact.or_else(|| matcher.get("exact_match").map(|it| &**it));
                let exact = exact.and_then(YamlNode::text).map(str::to_owned);
                let name = matcher.get("name").and_then(|it| lower(it));
                listener.matched.extend(name.map(|name| (name, exact)));
            }
            listener.omits_request_ids |=
                node.get("generate_request_id").is_some_and(|it| it.is_false());
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

    fn add_mutation(&mut self, mutation: &Rc<YamlNode>) {
        if let Some(removed) = mutation.get("remove").and_then(|it| lower(it)) {
            self.overwritten.retain(|it| it.name != removed);
            self.added.retain(|it| *it != removed);
            self.removed.push(removed);
        }
        let header = mutation.at(&["append", "header"]).and_then(|header| {
            let value = header.get("value")?.text()?.to_owned();
            Some(OverwrittenHeader { name: lower(header.get("key")?)?, value })
        });
        let Some(header) = header else { return };
        let name = header.name.clone();
        // By default Envoy appends its value to the header that the client sent. If the header is
        // removed first, only Envoy's value remains.
        let action = mutation.at(&["append", "append_action"]).and_then(YamlNode::text);
        let overwrites = matches!(action, Some("OVERWRITE_IF_EXISTS_OR_ADD" | "2"));
        if overwrites {
            self.overwritten.retain(|it| it.name != name);
            self.added.retain(|it| *it != name);
        }
        let adds = !matches!(action, Some("OVERWRITE_IF_EXISTS" | "3"));
        if overwrites || adds && self.removed.contains(&name) {
            self.removed.retain(|it| *it != name);
            self.overwritten.push(header);
        } else if self.value_of(&name).is_none() {
            self.added.push(name);
        }
    }

    /// The value that early header mutation gives a header.
    fn value_of(&self, header: &str) -> Option<&str> {
        self.overwritten.iter().find(|it| it.name == header).map(|it| it.value.as_str())
    }

    /// Whether one of its filters has this `config`.
    pub(super) fn runs(&self, config: &Rc<YamlNode>) -> bool {
        self.filters.iter().flatten().any(|it| Rc::ptr_eq(it, config))
    }

    /// Whether it has filters of Verdigris that assign requests.
    pub(super) fn has_filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// Whether the listener uses the headers of this rollout.
    pub(super) fn uses_headers_of(&self, config: &Config) -> bool {
        if config.route_by == RouteBy::VersionHeader {
            let header = config.version_header.as_str();
            return self.value_of(header).is_some()
                || self.added.iter().chain(&self.removed).any(|it| it == header)
                || !self.is_part && self.matched.iter().any(|(name, _)| name == header);
        }
        let names = [config.cluster_header.as_str(), config.version_header.as_str()];
        let mutates = |name: &&str| {
            self.value_of(name).is_some() || self.added.iter().any(|added| added == name)
        };
        names.iter().any(mutates)
            || !self.is_part
                && self.routed.iter().flatten().any(|it| it == config.cluster_header.as_str())
    }

    /// Whether requests reach no cluster unless the filter sets one, as at a shadow's listener.
    pub(super) fn is_closed(&self, config: &Config) -> bool {
        self.removed.iter().any(|it| it == config.cluster_header.as_str())
    }

    /// The fields of a rollout that do not agree with the listener. Each message begins with
    /// `prefix`.
    pub(super) fn disagreements(&self, config: &Config, prefix: &str) -> Vec<Disagreement> {
        if config.route_by == RouteBy::VersionHeader {
            return self.version_disagreements(config, prefix);
        }
        let mut found = Vec::new();
        let expected = [
            ("cluster_header", config.cluster_header.as_str(), config.default_cluster.as_str()),
            ("version_header", config.version_header.as_str(), Version::Blue.as_str()),
        ];
        for (field, header, value) in expected {
            let fix = match self.value_of(header) {
                Some(actual) if actual == value => continue,
                None if self.added.iter().any(|it| it == header) => format!(
                    "{prefix}early header mutation only appends to a client's value, so clients can \
                     choose: write append_action: OVERWRITE_IF_EXISTS_OR_ADD"
                ),
                Some(actual) if field == "cluster_header" => format!(
                    "{prefix}early header mutation sets it to {actual:?}, but default_cluster is \
                     {value:?}: use the same cluster"
                ),
                Some(actual) => {
                    format!(
                        "{prefix}early header mutation sets it to {actual:?} instead of {value:?}"
                    )
                }
                None => format!(
                    "{prefix}no early header mutation sets it to {value:?}, so clients can choose: \
                     overwrite it there"
                ),
            };
            let (field, value) = (field.to_owned(), format!("{header:?}"));
            found.push(Disagreement { field, value, fix });
        }
        let header = config.cluster_header.as_str();
        if self.routed.as_ref().is_some_and(|all| all.iter().all(|it| it != header)) {
            let fix = format!(
                "{prefix}no route uses it as its cluster_header, so no request reaches green: write \
                 cluster_header: {header} instead of the route's cluster"
            );
            let (field, value) = ("cluster_header".to_owned(), format!("{header:?}"));
            found.push(Disagreement { field, value, fix });
        }
        found
    }

    /// As [`disagreements`](Self::disagreements), where routes match the version header.
    fn version_disagreements(&self, config: &Config, prefix: &str) -> Vec<Disagreement> {
        let header = config.version_header.as_str();
        let mut found = Vec::new();
        let mut add = |fix: String| {
            let (field, value) = ("version_header".to_owned(), format!("{header:?}"));
            found.push(Disagreement { field, value, fix });
        };
        let blue = Version::Blue.as_str();
        match self.value_of(header) {
            Some(actual) if actual == blue => {}
            None if self.removed.iter().any(|it| it == header) => {}
            Some(actual) => add(format!(
                "{prefix}early header mutation sets it to {actual:?} instead of {blue:?}"
            )),
            None => add(format!(
                "{prefix}no early header mutation removes it, so clients can choose while the filter \
                 is not loaded: remove it there"
            )),
        }
        let green = Version::Green.as_str();
        let is_green = |(name, value): &(String, Option<String>)| {
            name == header && value.as_deref() == Some(green)
        };
        if self.routed.is_some() && !self.matched.iter().any(is_green) {
            add(format!(
                "{prefix}no route matches it, so no request reaches green: write a route to green's \
                 cluster with match: {{headers: [{{name: {header}, string_match: {{exact: {green}}}}}]}}"
            ));
        }
        found
    }

    /// Whether the listener has early header mutation, as one for clients must.
    pub(super) fn mutates_early(&self) -> bool {
        !self.overwritten.is_empty() || !self.added.is_empty() || !self.removed.is_empty()
    }

    /// Whether the metadata give the filter this role; the default is release.
    pub(super) fn has_role(&self, role: Role) -> bool {
        self.role.as_deref().unwrap_or(Role::Release.as_str()) == role.as_str()
    }
}

fn lower(node: &YamlNode) -> Option<String> {
    Some(node.text()?.to_ascii_lowercase())
}
