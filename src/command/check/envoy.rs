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
    /// The resources in the place of the rollout's filter that take it out, as the shipped `filter-off.yaml`
    /// does.
    pub taken_out: Vec<TakenOut<'a>>,
}

/// A resource that takes the filter out: it has the filter's name, and does nothing.
pub struct TakenOut<'a> {
    pub scope: Scope<'a>,
    pub node: &'a YamlNode,
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
    /// The `config` of the Wasm filter in it.
    pub config: &'a Rc<YamlNode>,
    pub is_console: bool,
}

/// A filter of Verdigris in an HTTP connection manager, which may have several.
pub struct Manager<'a> {
    pub scope: Scope<'a>,
    pub node: &'a YamlNode,
    pub purpose: Purpose,
    /// The `config` of the Wasm filter; `None` if no given file has it.
    pub config: Option<&'a Rc<YamlNode>>,
    /// The HTTP filters, in order.
    pub filters: &'a [Rc<YamlNode>],
    /// The index of the filter in them.
    pub at: usize,
}

/// The type of Envoy's HTTP filter that changes headers. Without mutations it does nothing.
const HEADER_MUTATION: &str = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";

/// What is known of the resources of all files.
struct KnownResources<'r, 'a> {
    resources: &'r [Resource<'a>],
    /// The names of the files that HTTP filters read.
    files: Vec<&'a str>,
}

/// Which filter of Verdigris an HTTP filter is.
struct Identity<'a> {
    is_console: bool,
    /// The `config` of the Wasm filter, if a given file has it.
    config: Option<&'a Rc<YamlNode>>,
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
        let files = scopes.iter().flat_map(|it| discovered_files(&it.document.root)).collect();
        let known = KnownResources { resources: &resources, files };
        let managers: Vec<_> =
            scopes.iter().flat_map(|scope| Manager::all(*scope, &known)).collect();
        let is_in_place = |scope: &Scope<'_>| {
            let mut paths =
                managers.iter().filter_map(|it| discovered_path(it.filter()?)).peekable();
            paths.peek().is_none() || paths.any(|path| scope.common_names(path) > 0)
        };
        // A spare file beside the bootstrap is not in the place of the filter's.
        let taken_out =
            scopes.iter().filter(|it| is_in_place(it)).flat_map(|it| TakenOut::all(*it));
        let taken_out = taken_out.collect();
        Self { scopes, resources, managers, taken_out }
    }

    /// Whether a filter in one of the managers has this `config`.
    pub fn runs(&self, config: &Rc<YamlNode>) -> bool {
        self.managers.iter().any(|it| it.runs(config))
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

    /// How many names at the end of `path` are those of the document's file: 0 if it is another file.
    fn common_names(&self, path: &str) -> usize {
        let names = |path: &'_ str| path.split('/').rev().map(str::to_owned).collect::<Vec<_>>();
        let common = names(self.file).into_iter().zip(names(path)).take_while(|(a, b)| a == b);
        let is_same = path.rsplit('/').next() == Some(self.document.file_name.as_str());
        common.count().max(usize::from(is_same))
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

// === impl TakenOut ===

impl<'a> TakenOut<'a> {
    fn all(scope: Scope<'a>) -> Vec<Self> {
        let resources = scope.document.root.get("resources").map(|it| it.items());
        let does_nothing = |node: &YamlNode| {
            let Some(filter) = node.get("typed_config") else { return false };
            let url = filter.get("@type").and_then(|it| it.text()).unwrap_or_default();
            url.ends_with(HEADER_MUTATION) && filter.get("mutations").is_none()
        };
        let is_ours = |node: &YamlNode| {
            let name = node.get("name").and_then(|it| it.text()).unwrap_or_default();
            name.contains("verdigris") && !name.contains("console")
        };
        let nodes = resources.unwrap_or_default().iter().map(Rc::as_ref);
        let nodes = nodes.filter(|it| is_ours(it) && does_nothing(it));
        nodes.map(|node| Self { scope, node }).collect()
    }
}

// === impl Resource ===

impl<'a> Resource<'a> {
    fn all(scope: Scope<'a>) -> Vec<Self> {
        let root = &scope.document.root;
        let lists = root.fields().iter().map(|(_, list)| list.items());
        let ours = |node: &'a Rc<YamlNode>| {
            let config = filter_config(node.get("typed_config")?)?;
            Some(Self { scope, node, config, is_console: is_console(config) })
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
    fn all(scope: Scope<'a>, known: &KnownResources<'_, 'a>) -> Vec<Self> {
        let mut all = Vec::new();
        for listener in listeners(&scope.document.root) {
            let role = listener.at(&["metadata", "filter_metadata", "verdigris", "role"]);
            let role = role.and_then(YamlNode::text);
            listener.walk(&mut |node| {
                let Some(filters) = node.get("http_filters").map(|it| it.items()) else { return };
                for (at, filter) in filters.iter().enumerate() {
                    let Some(Identity { is_console, config }) = known.identify(filter) else {
                        continue;
                    };
                    let purpose = match role {
                        _ if is_console => Purpose::Console,
                        Some(it) if it == Role::Shadow.as_str() => Purpose::Shadow,
                        Some(it) if it == Role::Green.as_str() => Purpose::Green,
                        _ => Purpose::Release,
                    };
                    all.push(Self { scope, node, purpose, config, filters, at });
                }
            });
        }
        all
    }

    /// Whether the filter has this `config`.
    pub fn runs(&self, config: &Rc<YamlNode>) -> bool {
        self.config.is_some_and(|it| Rc::ptr_eq(it, config))
    }

    /// Whether both filters are in the same HTTP connection manager.
    pub fn shares_manager(&self, other: &Self) -> bool {
        std::ptr::eq(self.node, other.node)
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

// === impl KnownResources ===

impl<'a> KnownResources<'_, 'a> {
    /// The identity of an HTTP filter; `None` if it is not of Verdigris.
    fn identify(&self, filter: &'a YamlNode) -> Option<Identity<'a>> {
        if let Some(config) = filter.get("typed_config").and_then(|it| filter_config(it)) {
            return Some(Identity { is_console: is_console(config), config: Some(config) });
        }
        filter.get("config_discovery")?;
        let name = filter.get("name").and_then(|it| it.text()).unwrap_or_default();
        let path = discovered_path(filter);
        let same = |it: &&Resource<'_>| path.map_or(0, |path| it.scope.common_names(path));
        // Of several in a file, the first.
        let by_file = self.resources.iter().filter(|it| same(it) > 0).rev().max_by_key(same);
        if let Some(Resource { config, is_console, .. }) = by_file {
            return Some(Identity { is_console: *is_console, config: Some(config) });
        }
        // In production its file may have another name, unless a filter reads one of that name.
        let is_read =
            |it: &Resource<'_>| self.files.contains(&it.scope.document.file_name.as_str());
        let mut by_name = self.resources.iter().filter(|it| it.name() == name && !is_read(it));
        if let Some(Resource { config, is_console, .. }) = by_name.next() {
            let config = Some(*config).filter(|_| by_name.next().is_none());
            return Some(Identity { is_console: *is_console, config });
        }
        let file = discovered_file(filter);
        let is_console =
            || name.contains("console") || file.is_some_and(|it| it.contains("console"));
        let is_named = name.contains("verdigris") && has_wasm_type(filter);
        is_named.then(|| Identity { is_console: is_console(), config: None })
    }
}

/// The listeners of a document; the document itself, if it has only parts of them.
pub fn listeners(root: &YamlNode) -> Vec<&YamlNode> {
    let mut listeners = Vec::new();
    root.walk(&mut |node| listeners.extend(node.get("filter_chains").map(|_| node)));
    if listeners.is_empty() {
        listeners.push(root);
    }
    listeners
}

/// The names of the files from which HTTP filters are read.
fn discovered_files(root: &YamlNode) -> Vec<&str> {
    let mut files = Vec::new();
    root.walk(&mut |node| files.extend(discovered_file(node)));
    files
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
    discovered_path(filter)?.rsplit('/').next()
}

/// The path of the file that ECDS reads a filter's configuration from.
fn discovered_path(filter: &YamlNode) -> Option<&str> {
    let source = filter.at(&["config_discovery", "config_source"])?;
    source.at(&["path_config_source", "path"]).or_else(|| source.at(&["path"]))?.text()
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
