//! The parts of an Envoy configuration that the checks use: HTTP connection managers with the
//! filter, and the resources that ECDS reads its configuration from.

use std::rc::Rc;

use crate::command::position::Position;
use crate::command::source::{
    Document, Finding, Source, WASM, filter_config, is_misspelt_wasm_type,
};
use crate::command::yaml::YamlNode;
use crate::config::Role;

/// The Envoy configuration of all files.
pub struct Envoy<'a> {
    pub scopes: Vec<Scope<'a>>,
    pub resources: Vec<Resource<'a>>,
    pub managers: Vec<Manager<'a>>,
}

/// A document and its file.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub file: &'a str,
    pub document: &'a Document,
}

/// A resource with a configuration of the filter, for ECDS.
pub struct Resource<'a> {
    pub scope: Scope<'a>,
    pub node: &'a YamlNode,
    pub is_console: bool,
}

/// An HTTP connection manager with the filter.
pub struct Manager<'a> {
    pub scope: Scope<'a>,
    pub node: &'a YamlNode,
    pub purpose: Purpose,
    /// The HTTP filters, in order.
    pub filters: &'a [Rc<YamlNode>],
    /// The index of the filter in them.
    pub at: usize,
}

/// The HTTP filters before and after the filter.
#[derive(Clone, Copy)]
pub struct Neighbours<'a> {
    /// The filters before ours: they see a request before it does, and a response after it.
    pub before: &'a [Rc<YamlNode>],
    /// The filters that see a request later and a response earlier.
    pub after: &'a [Rc<YamlNode>],
}

/// The purpose of the filter at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Assigns requests of clients.
    Release,
    /// Receives mirrored requests.
    Shadow,
    /// Receives requests that are assigned to green, with failover.
    Green,
    Console,
}

// === impl Envoy ===

impl<'a> Envoy<'a> {
    /// Finds the parts in all documents.
    pub fn from_sources(sources: &'a [Source]) -> Self {
        let scopes: Vec<_> = sources
            .iter()
            .flat_map(|source| {
                let file = source.name.as_str();
                source.documents.iter().map(move |document| Scope { file, document })
            })
            .collect();
        let resources: Vec<_> = scopes.iter().flat_map(|scope| Resource::all(*scope)).collect();
        let managers = scopes.iter().flat_map(|scope| Manager::all(*scope, &resources)).collect();
        Self { scopes, resources, managers }
    }

    /// The managers that assign requests of clients.
    pub fn releases(&self) -> impl Iterator<Item = &Manager<'a>> {
        self.managers.iter().filter(|it| it.purpose == Purpose::Release)
    }
}

// === impl Scope ===

impl<'a> Scope<'a> {
    /// The position of a node in the file.
    pub fn position(&self, node: &YamlNode) -> Position {
        self.document.placement.position(node.position)
    }

    /// A finding at a node. The value is quoted.
    pub fn finding(
        &self,
        node: &YamlNode,
        field: &str,
        value: Option<&str>,
        fix: impl Into<String>,
    ) -> Finding {
        let value = value.map(|it| format!("{it:?}"));
        Finding::new(self.file, self.position(node), field, value.as_deref(), fix)
    }
}

// === impl Resource ===

impl<'a> Resource<'a> {
    fn all(scope: Scope<'a>) -> Vec<Self> {
        let root = &scope.document.root;
        let lists = root.fields().iter().map(|(_, list)| list.items());
        let ours = |node: &'a Rc<YamlNode>| {
            let config = filter_config(node.get("typed_config")?)?;
            Some(Self { scope, node, is_console: is_console(config) })
        };
        lists.flatten().filter_map(ours).collect()
    }

    /// The resource's name.
    pub fn name(&self) -> &'a str {
        self.node.get("name").and_then(|it| it.text()).unwrap_or_default()
    }
}

// === impl Manager ===

impl<'a> Manager<'a> {
    fn all(scope: Scope<'a>, resources: &[Resource<'_>]) -> Vec<Self> {
        let mut listeners: Vec<&'a YamlNode> = Vec::new();
        let root: &'a YamlNode = &scope.document.root;
        root.walk(&mut |node| listeners.extend(node.get("filter_chains").map(|_| node)));
        // A file may have only a part of a listener, such as its filters.
        if listeners.is_empty() {
            listeners.push(root);
        }
        let mut all = Vec::new();
        for listener in listeners {
            let role = listener.at(&["metadata", "filter_metadata", "verdigris", "role"]);
            let role = role.and_then(YamlNode::text);
            listener.walk(&mut |node| {
                let Some(filters) = node.get("http_filters").map(|it| it.items()) else { return };
                let mut found = filters.iter().enumerate();
                let found = found.find_map(|(at, it)| Some((at, is_ours(it, resources)?)));
                let Some((at, is_console)) = found else { return };
                let purpose = match role {
                    _ if is_console => Purpose::Console,
                    Some(it) if it == Role::Shadow.as_str() => Purpose::Shadow,
                    Some(it) if it == Role::Green.as_str() => Purpose::Green,
                    _ => Purpose::Release,
                };
                all.push(Self { scope, node, purpose, filters, at });
            });
        }
        all
    }

    /// The entry of the filter in `http_filters`.
    pub fn filter(&self) -> Option<&'a YamlNode> {
        self.filters.get(self.at).map(Rc::as_ref)
    }

    /// The name of the HTTP filter, which routes and ECDS refer to.
    pub fn filter_name(&self) -> &'a str {
        let name = self.filter().and_then(|it| it.get("name"));
        name.and_then(|it| it.text()).unwrap_or_default()
    }

    /// The other HTTP filters.
    pub fn neighbours(&self) -> Neighbours<'a> {
        let (before, rest) = self.filters.split_at_checked(self.at).unwrap_or_default();
        Neighbours { before, after: rest.get(1..).unwrap_or_default() }
    }
}

/// For an HTTP filter of Verdigris, whether it is the console's; `None` for any other filter.
fn is_ours(filter: &YamlNode, resources: &[Resource<'_>]) -> Option<bool> {
    if let Some(config) = filter.get("typed_config").and_then(|it| filter_config(it)) {
        return Some(is_console(config));
    }
    filter.get("config_discovery")?;
    let name = filter.get("name").and_then(|it| it.text()).unwrap_or_default();
    let file = discovered_file(filter);
    let by_file = |it: &&Resource<'_>| file == Some(it.scope.document.file_name.as_str());
    let by_name = resources.iter().find(|it| it.name() == name);
    if let Some(resource) = resources.iter().find(by_file).or(by_name) {
        return Some(resource.is_console);
    }
    let is_named = name.contains("verdigris") && has_wasm_type(filter);
    is_named.then(|| name.contains("console") || file.is_some_and(|it| it.contains("console")))
}

/// Whether ECDS accepts a Wasm filter in the place of this filter.
pub fn has_wasm_type(filter: &YamlNode) -> bool {
    let urls =
        filter.at(&["config_discovery", "type_urls"]).map(YamlNode::items).unwrap_or_default();
    let is_wasm = |it: &str| it.ends_with(WASM) || is_misspelt_wasm_type(it);
    urls.iter().filter_map(|it| it.text()).any(is_wasm)
}

/// The name of the file that ECDS reads a filter's configuration from, without its folder.
pub fn discovered_file(filter: &YamlNode) -> Option<&str> {
    let source = filter.at(&["config_discovery", "config_source"])?;
    let path = source.at(&["path_config_source", "path"]).or_else(|| source.at(&["path"]))?;
    path.text()?.rsplit('/').next()
}

/// Whether the `config` of a Verdigris filter is the console's.
fn is_console(config: &YamlNode) -> bool {
    let Some(value) = config.at(&["configuration", "value"]) else { return false };
    match value.text() {
        Some(json) => {
            let json = serde_json::from_str::<serde_json::Value>(json);
            json.is_ok_and(|it| it.get("role").is_some_and(|it| it == "console"))
        }
        None => value.get("role").is_some_and(|it| it.text() == Some("console")),
    }
}
