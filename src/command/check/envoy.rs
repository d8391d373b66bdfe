//! Envoy's configuration as the rules look at it: the HTTP connection managers that have the
//! filter, and the resources that ECDS reads it from.

use std::rc::Rc;

use crate::command::source::{Document, Finding, Source, WASM, filter_of, is_nearly_wasm};
use crate::command::yaml::YamlNode;
use crate::config::Role;

/// What all files say of Envoy's configuration.
pub struct Envoy<'a> {
    pub scopes: Vec<Scope<'a>>,
    pub resources: Vec<Resource<'a>>,
    pub managers: Vec<Manager<'a>>,
}

/// A document, and its file.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub file: &'a str,
    pub document: &'a Document,
}

/// A resource that has a configuration of the filter for ECDS.
pub struct Resource<'a> {
    pub scope: Scope<'a>,
    pub node: &'a YamlNode,
    pub is_console: bool,
}

/// An HTTP connection manager that has the filter.
pub struct Manager<'a> {
    pub scope: Scope<'a>,
    pub node: &'a YamlNode,
    pub purpose: Purpose,
    /// Its HTTP filters, in order.
    pub filters: &'a [Rc<YamlNode>],
    /// Which of them the filter is.
    pub at: usize,
}

/// What the filter is there for at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Release,
    Shadow,
    /// What goes to green, with failover.
    Green,
    Console,
}

// === impl Envoy ===

impl<'a> Envoy<'a> {
    pub fn of(sources: &'a [Source]) -> Self {
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

    /// Those whose requests are of the release.
    pub fn releases(&self) -> impl Iterator<Item = &Manager<'a>> {
        self.managers.iter().filter(|it| it.purpose == Purpose::Release)
    }
}

// === impl Scope ===

impl<'a> Scope<'a> {
    pub fn line(&self, node: &YamlNode) -> usize {
        self.document.lines.line(node.line)
    }

    /// Where a node stands, as a message names it.
    pub fn place(&self, node: &YamlNode) -> String {
        format!("{}:{}", self.file, self.line(node))
    }

    pub fn remark(
        &self,
        node: &YamlNode,
        field: &str,
        value: Option<&str>,
        mend: String,
    ) -> Finding {
        Finding {
            file: self.file.to_owned(),
            line: self.line(node),
            field: field.to_owned(),
            value: value.map(|it| format!("{it:?}")),
            mend,
        }
    }
}

// === impl Resource ===

impl<'a> Resource<'a> {
    fn all(scope: Scope<'a>) -> Vec<Self> {
        let root = &scope.document.root;
        let lists = root.fields().iter().map(|(_, list)| list.items());
        let ours = |node: &'a Rc<YamlNode>| {
            let config = filter_of(node.get("typed_config")?)?;
            Some(Self { scope, node, is_console: is_console(config) })
        };
        lists.flatten().filter_map(ours).collect()
    }

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
        // A part of a listener may be all there is.
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

    /// The HTTP filter's entry.
    pub fn filter(&self) -> Option<&'a YamlNode> {
        self.filters.get(self.at).map(Rc::as_ref)
    }

    /// The HTTP filter's name, by which routes and ECDS know it.
    pub fn filter_name(&self) -> &'a str {
        let name = self.filter().and_then(|it| it.get("name"));
        name.and_then(|it| it.text()).unwrap_or_default()
    }

    /// The filters that requests come to earlier, and those they come to later. Responses take
    /// the other way.
    pub fn before_and_after(&self) -> (&'a [Rc<YamlNode>], &'a [Rc<YamlNode>]) {
        let (before, rest) = self.filters.split_at_checked(self.at).unwrap_or_default();
        (before, rest.get(1..).unwrap_or_default())
    }
}

/// Whether an HTTP filter is Verdigris, and then whether it is the console's.
fn is_ours(filter: &YamlNode, resources: &[Resource<'_>]) -> Option<bool> {
    if let Some(config) = filter.get("typed_config").and_then(|it| filter_of(it)) {
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
    let is_called_so = name.contains("verdigris") && has_wasm_type(filter);
    is_called_so.then(|| name.contains("console") || file.is_some_and(|it| it.contains("console")))
}

/// Whether ECDS may give the filter a Wasm filter's configuration.
pub fn has_wasm_type(filter: &YamlNode) -> bool {
    let kinds =
        filter.at(&["config_discovery", "type_urls"]).map(YamlNode::items).unwrap_or_default();
    let is_wasm = |it: &str| it.ends_with(WASM) || is_nearly_wasm(it);
    kinds.iter().filter_map(|it| it.text()).any(is_wasm)
}

/// The name of the file that ECDS reads a filter's configuration from.
pub fn discovered_file(filter: &YamlNode) -> Option<&str> {
    let source = filter.at(&["config_discovery", "config_source"])?;
    let path = source.at(&["path_config_source", "path"]).or_else(|| source.at(&["path"]))?;
    path.text()?.rsplit('/').next()
}

/// Whether the `config` of a filter of ours is the console's.
fn is_console(config: &YamlNode) -> bool {
    let json = config.at(&["configuration", "value"]).and_then(YamlNode::text).unwrap_or_default();
    let json = serde_json::from_str::<serde_json::Value>(json);
    json.is_ok_and(|it| it.get("role").is_some_and(|it| it == "console"))
}
