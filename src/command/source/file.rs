//! A file and the configurations in it.

use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;

use saphyr_parser::ScalarStyle;

use super::document::{Document, Placement};
use super::finding::Finding;
use super::kubernetes::{self, KubernetesConfig};
use super::plugin_config::{ConfigLocation, PluginConfigText, Quoting};
use super::wasm::{self, BINARY, PLUGIN_FIELDS, WASM, filter_config};
use super::yaml_json::YamlReader;
use crate::command::output::CliError;
use crate::command::position::Position;
use crate::command::yaml::{self, InvalidYaml, NodeKind, YamlNode};

/// A file and the configurations in it.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
    pub plugins: Vec<PluginConfigText>,
    /// Errors in the file outside of the plugin configurations.
    pub problems: Vec<Finding>,
    /// Whether the file is an Envoy configuration.
    pub is_envoy: bool,
    /// Whether the file is no valid YAML.
    pub is_broken: bool,
    /// The documents that are no plugin configurations.
    pub documents: Vec<Document>,
}

// === impl Source ===

impl Source {
    /// Reads a file; `-` is the standard input.
    ///
    /// # Errors
    /// The file cannot be read or is not UTF-8.
    pub fn read(name: &str) -> Result<Self, CliError> {
        let mut bytes = Vec::new();
        let read = if name == "-" {
            std::io::stdin().read_to_end(&mut bytes).map(|_| ())
        } else {
            std::fs::read(Path::new(name)).map(|read| bytes = read)
        };
        read.map_err(|error| CliError::Usage(format!("{name}: {error}")))?;
        let name = if name == "-" { "stdin" } else { name };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::parse(name, text)),
            Err(_) => Err(CliError::Usage(format!("{name}: is not a text file in UTF-8"))),
        }
    }

    /// Finds the configurations in a text. Errors become [`Source::problems`].
    pub fn parse(name: &str, text: String) -> Self {
        Self::parse_as(name, name, text)
    }

    /// As [`parse`](Self::parse), for a text that Envoy reads as a file of the name `file_name`.
    fn parse_as(name: &str, file_name: &str, text: String) -> Self {
        let is_json_file = file_name.ends_with(".json");
        let documents = if is_json_file { yaml::parse_json(&text) } else { yaml::parse(&text) };
        let documents = documents.and_then(as_kubernetes_merges);
        let mut source = Self {
            name: name.to_owned(),
            text,
            plugins: Vec::new(),
            problems: Vec::new(),
            is_envoy: false,
            is_broken: documents.is_err(),
            documents: Vec::new(),
        };
        let (documents, error) = match documents {
            Ok(documents) => (documents, None),
            Err(error) => (yaml::Documents::default(), Some(error)),
        };
        let has_filters = source.add_documents(&documents.roots, is_json_file);
        let has_brace = yaml::without_mark(&source.text).trim_start().starts_with('{');
        let is_json =
            has_brace && !source.is_envoy && !documents.roots.iter().any(is_kubernetes_object);
        if source.text.starts_with('\u{feff}') && !is_named_yaml(file_name) && has_brace {
            let fix = "begins with a byte order mark, which JSON does not allow: save the file as \
                       UTF-8 without one";
            source.plugins.clear();
            source.add_problem(Position::START, "file", fix);
            return source;
        }
        if source.is_envoy && is_json_file {
            source.report_no_json();
        }
        // In a plugin configuration, its parser reports these.
        if !is_json {
            source.report_ignored(&documents.roots, &documents.duplicates);
        }
        if !has_filters && source.plugins.is_empty() {
            source.add_remainder(is_json, error);
        }
        source
    }

    /// Adds the contents of the documents. Returns whether they have Wasm filters of Verdigris.
    fn add_documents(&mut self, roots: &[Rc<YamlNode>], is_json_file: bool) -> bool {
        for root in roots {
            for config in kubernetes::configs(root, &self.name) {
                match config {
                    KubernetesConfig::File { name, node } => self.add_config_map_file(name, node),
                    KubernetesConfig::Plugin(plugin) => self.add_plugin(plugin.map(|it| *it)),
                }
            }
        }
        let mut has_filters = false;
        // A plugin configuration with an unknown field such as "node" is no bootstrap.
        let is_envoy = |it: &&Rc<YamlNode>| PLUGIN_FIELDS.iter().all(|name| it.get(name).is_none());
        for root in roots.iter().filter(is_envoy) {
            self.is_envoy |= is_envoy_config(root);
            let reader = match is_kubernetes_object(root) {
                true => YamlReader::KubernetesWithStruct,
                false if is_json_file => YamlReader::EnvoyJson,
                false => YamlReader::Envoy,
            };
            let mut filters = Vec::new();
            root.walk(&mut |node| filters.extend(filter_config(node)));
            has_filters |= !filters.is_empty();
            for filter in filters {
                self.add_plugin(wasm::plugin_config(filter, reader, &self.name));
            }
            self.documents.push(Document {
                root: Rc::clone(root),
                placement: Placement::WHOLE,
                file_name: self.name.rsplit('/').next().unwrap_or_default().to_owned(),
            });
        }
        has_filters
    }

    fn add_plugin(&mut self, plugin: Result<PluginConfigText, Finding>) {
        match plugin {
            Ok(plugin) => self.plugins.push(plugin),
            Err(finding) => self.problems.push(finding),
        }
    }

    /// Adds a file in a ConfigMap, if it has a plugin or Envoy configuration.
    fn add_config_map_file(&mut self, name: &str, node: &YamlNode) {
        let Some(text) = node.text() else {
            if node.flow().contains("verdigris") || wasm::is_plugin_config(node) {
                let fix = "is no text, which is all that Kubernetes accepts in a ConfigMap's data: write \
                           it after a |";
                self.add_problem(node.position, &format!("data.{name}"), fix);
            }
            return;
        };
        let mut inner = Self::parse_as(&self.name, name, text.to_owned());
        inner.keep_plugins_only();
        if inner.plugins.is_empty() && !inner.is_envoy && !inner.must_be_reported(name) {
            return;
        }
        let is_block = matches!(node.kind, NodeKind::Scalar(_, ScalarStyle::Literal));
        let placement = Placement::new(node.position, text, is_block);
        let problems = inner.problems.into_iter();
        self.problems
            .extend(problems.map(|it| Finding { position: placement.position(it.position), ..it }));
        self.is_envoy |= inner.is_envoy;
        self.documents.extend(inner.documents.into_iter().map(|mut document| {
            document.placement = placement;
            document.file_name = name.to_owned();
            document
        }));
        for mut plugin in inner.plugins {
            plugin.relocate(placement);
            self.plugins.push(plugin);
        }
    }

    /// Treats a file without filters as a plugin configuration, or reports why it is none.
    fn add_remainder(&mut self, is_json: bool, error: Option<InvalidYaml>) {
        if is_json {
            self.add_whole();
        } else if let Some(InvalidYaml { position, why }) = error {
            self.add_problem(
                position,
                "YAML",
                format!("{why}: neither Envoy nor Kubernetes can read it"),
            );
        } else if !self.is_envoy && self.problems.is_empty() {
            let fix = format!(
                "is neither a plugin configuration, which is one JSON object, nor an Envoy \
                 configuration with a filter {WASM} that has one, or that has {BINARY}: no Verdigris \
                 configuration found"
            );
            self.add_problem(Position::START, "file", fix);
        }
    }

    /// Adds the whole file as a plugin configuration.
    fn add_whole(&mut self) {
        let spaces = self.text.len() - self.text.trim_start().len();
        let start = Position::in_text(&self.text, spaces);
        let location = ConfigLocation { span: 0..self.text.len(), start, quoting: Quoting::Whole };
        let json = self.text.clone();
        self.plugins.push(PluginConfigText { json, location, yaml: None, surrounding: None });
    }

    /// Whether the file must be reported although it has no configuration: it is broken, and mentions
    /// Verdigris. Other programs have files of other kinds.
    pub fn must_be_reported(&self, file_name: &str) -> bool {
        let is_configuration = is_named_yaml(file_name) || file_name.ends_with(".json");
        self.is_broken && is_configuration && self.text.contains("verdigris")
    }

    /// Removes JSON files of other programs.
    pub fn keep_plugins_only(&mut self) {
        self.plugins.retain(|it| {
            let has_field = |name: &&str| it.json.contains(&format!("\"{name}\""));
            it.surrounding.is_some() || PLUGIN_FIELDS.iter().any(has_field)
        });
    }

    /// The only plugin configuration of a rollout, or else of a console.
    ///
    /// # Errors
    /// There is none, or there are several rollouts.
    pub fn only(&self) -> Result<&PluginConfigText, CliError> {
        let rollouts = self.plugins.iter().filter(|it| !it.is_console()).collect::<Vec<_>>();
        match (rollouts.as_slice(), self.plugins.as_slice()) {
            ([only], _) => Ok(only),
            ([], [console, ..]) => Ok(console),
            ([], []) => Err(CliError::Invalid(match self.problems.first() {
                Some(problem) => problem.to_string(),
                None => format!("{}: has no plugin configuration of Verdigris", self.name),
            })),
            (rollouts, _) => Err(CliError::Usage(format!(
                "{}: has {} plugin configurations of rollouts, but this command takes one: write it \
                 as JSON to a file of its own",
                self.name,
                rollouts.len()
            ))),
        }
    }

    pub(super) fn add_problem(&mut self, position: Position, field: &str, fix: impl Into<String>) {
        self.problems.push(Finding::new(&self.name, position, field, None, fix));
    }
}

/// The documents as their readers merge maps: Envoy does not.
fn as_kubernetes_merges(documents: yaml::Documents) -> Result<yaml::Documents, InvalidYaml> {
    let merged = |root: &Rc<YamlNode>| match is_kubernetes_object(root) {
        true => yaml::with_merged_maps(root),
        false => Ok(Rc::clone(root)),
    };
    let roots = documents.roots.iter().map(merged).collect::<Result<_, _>>()?;
    Ok(yaml::Documents { roots, ..documents })
}

/// Whether a document is an object of Kubernetes, which Kubernetes reads.
pub(super) fn is_kubernetes_object(document: &Rc<YamlNode>) -> bool {
    document.get("kind").is_some()
}

/// Whether Envoy reads a file of this name as YAML. It reads any other text file as JSON
/// (`MessageUtil::loadFromFile` of Envoy 1.40).
fn is_named_yaml(file_name: &str) -> bool {
    file_name.ends_with(".yaml") || file_name.ends_with(".yml")
}

/// Whether a document is a bootstrap, or an xDS response in a file.
fn is_envoy_config(document: &YamlNode) -> bool {
    let resources = document.get("resources").map(|it| it.items()).unwrap_or_default();
    let bootstrap_fields = ["static_resources", "dynamic_resources", "admin", "node"];
    bootstrap_fields.iter().any(|name| document.get(name).is_some())
        || resources.iter().any(|it| it.get("@type").is_some())
}
