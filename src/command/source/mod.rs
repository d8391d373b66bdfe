//! The plugin configurations that files hold: JSON as it is, or within Envoy's
//! configuration, as YAML or JSON.
//!
//! | file | concept |
//! |---|---|
//! | `excerpt` | a plugin configuration in a file, and what stands around it |
//! | `wasm` | Envoy's Wasm filters |
//! | `kubernetes` | ConfigMaps, WasmPlugin, EnvoyExtensionPolicy |
//! | `remark` | something to be said of a place |

mod finding;
mod kubernetes;
mod plugin_config;
mod wasm;

use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use super::json_span;
use super::output::CliError;
use super::yaml::{self, YamlNode};

pub use finding::Finding;
pub use plugin_config::{ConfigLocation, PluginConfigText, Quoting, SurroundingConfig, Wrapper};
pub use wasm::{WASM, filter_of, is_nearly_wasm};

use wasm::{BINARY, OF_A_PLUGIN};

/// A file, and what of it concerns the filter.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
    pub plugins: Vec<PluginConfigText>,
    /// What is wrong around the plugin configurations.
    pub problems: Vec<Finding>,
    /// Whether it is Envoy's configuration.
    pub is_envoy: bool,
    /// Whether it is no YAML.
    pub is_broken: bool,
    /// Its documents, where they are not plugin configurations.
    pub documents: Vec<Document>,
}

/// A document of a file, and where it stands.
#[derive(Clone, Debug)]
pub struct Document {
    pub root: Rc<YamlNode>,
    pub lines: Lines,
    /// The file in which Envoy finds it: a ConfigMap's key is one.
    pub file_name: String,
}

/// How the lines of a text relate to those of the file that it stands in.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// The line in which the text begins.
    pub first: usize,
    /// Whether all of it stands in one line.
    pub is_one: bool,
}

// === impl Source ===

impl Source {
    /// Reads a file; `-` is the standard input.
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
            Ok(text) => Ok(Self::of(name, text)),
            Err(_) => Err(CliError::Usage(format!("{name}: is no text: it is not UTF-8"))),
        }
    }

    /// What a file of this name and text holds.
    pub fn of(name: &str, text: String) -> Self {
        let documents = yaml::parse(&text);
        let mut source = Self {
            name: name.to_owned(),
            text,
            plugins: Vec::new(),
            problems: Vec::new(),
            is_envoy: false,
            is_broken: documents.is_err(),
            documents: Vec::new(),
        };
        if source.text.starts_with('\u{feff}') {
            let mend = "begins with a byte order mark, which is none of JSON's: save it as UTF-8 \
                        without one";
            source.remark(1, "file", None, mend.to_owned());
            return source;
        }
        let (all, again) = match &documents {
            Ok(documents) => (documents.all.as_slice(), documents.again.as_slice()),
            Err(_) => (&[][..], &[][..]),
        };
        let has_filters = source.add_documents(all);
        let is_json = source.text.trim_start().starts_with('{') && !source.is_envoy;
        // The parser of a plugin configuration says it itself.
        if !is_json {
            source.remark_what_is_not_read(all, again);
        }
        match documents {
            _ if has_filters || !source.plugins.is_empty() => {}
            // Something is wrong with what was to be one.
            Ok(_) if !is_json && !source.problems.is_empty() => {}
            _ if is_json => source.add_whole(),
            Err(error) => source.remark(
                error.line,
                "YAML",
                None,
                format!("{}: Envoy would not read it either", error.why),
            ),
            Ok(_) if source.is_envoy => {}
            Ok(_) => {
                let mend = format!(
                    "holds neither a plugin configuration, one JSON object, nor Envoy's \
                     configuration with a filter {WASM} that has one, or {BINARY}: no Verdigris \
                     configuration found"
                );
                source.remark(1, "file", None, mend);
            }
        }
        source
    }

    /// Takes in what the documents hold, and says whether they have filters of Verdigris.
    fn add_documents(&mut self, all: &[Rc<YamlNode>]) -> bool {
        for document in all {
            kubernetes::add(document, self);
        }
        let mut filters = Vec::new();
        // A field too many does not make a plugin configuration Envoy's.
        let of_envoy = |it: &&Rc<YamlNode>| OF_A_PLUGIN.iter().all(|name| it.get(name).is_none());
        for document in all.iter().filter(of_envoy) {
            self.is_envoy |= is_of_envoy(document);
            document.walk(&mut |node| filters.extend(filter_of(node).map(Rc::clone)));
            self.documents.push(Document {
                root: Rc::clone(document),
                lines: Lines { first: 1, is_one: false },
                file_name: self.name.rsplit('/').next().unwrap_or_default().to_owned(),
            });
        }
        filters.iter().for_each(|it| wasm::add(it, self));
        !filters.is_empty()
    }

    /// Takes all of the file for a plugin configuration.
    fn add_whole(&mut self) {
        let start = self.text.len() - self.text.trim_start().len();
        let line = 1 + lines(&self.text, 0..start);
        let place = ConfigLocation { span: 0..self.text.len(), line, style: Quoting::Whole };
        self.plugins.push(PluginConfigText { json: self.text.clone(), place, around: None });
    }

    /// Leaves out other programs' JSON.
    pub fn keep_plugins_only(&mut self) {
        self.plugins.retain(|it| {
            let has = |name: &&str| it.json.contains(&format!("\"{name}\""));
            it.around.is_some() || OF_A_PLUGIN.iter().any(has)
        });
    }

    /// The only plugin configuration; a console's beside a rollout's does not count.
    pub fn only(&self) -> Result<&PluginConfigText, CliError> {
        let problem = |it: &Finding| CliError::ToMend(it.to_string());
        let of_rollouts = self.plugins.iter().filter(|it| !it.is_console()).collect::<Vec<_>>();
        match (of_rollouts.as_slice(), self.plugins.as_slice()) {
            ([only], _) => return Ok(only),
            ([], [console, ..]) => return Ok(console),
            _ => {}
        }
        match self.plugins.as_slice() {
            [] => Err(self.problems.first().map_or_else(
                || {
                    CliError::ToMend(format!(
                        "{}: has no plugin configuration of Verdigris",
                        self.name
                    ))
                },
                problem,
            )),
            _ => Err(CliError::Usage(format!(
                "{}: has {} plugin configurations of rollouts, and this looks at one: write the one \
                 as JSON into a file of its own",
                self.name,
                of_rollouts.len()
            ))),
        }
    }

    /// The line in which a field of a plugin configuration stands.
    pub fn line_of(&self, plugin: &PluginConfigText, name: &str) -> usize {
        let json = &plugin.json;
        let start = json.len() - json.trim_start().len();
        match plugin.place.style {
            Quoting::Whole | Quoting::Block | Quoting::Yaml => {
                plugin.place.line + lines(json, start..json_span::offset(json, name))
            }
            Quoting::Quoted | Quoting::Escaped => plugin.place.line,
        }
    }

    /// Of fields that are written twice, and of documents after the first, Envoy reads one.
    fn remark_what_is_not_read(&mut self, documents: &[Rc<YamlNode>], again: &[(usize, String)]) {
        for (line, name) in again {
            let mend = "is written twice in one map, of which Envoy takes the last: write it once";
            self.remark(*line, name, None, mend.to_owned());
        }
        let is_of_kubernetes = |it: &Rc<YamlNode>| it.get("kind").is_some();
        if documents.first().is_none_or(is_of_kubernetes) {
            return;
        }
        let is_empty = |it: &Rc<YamlNode>| it.text().is_some_and(|it| it.is_empty() || it == "~");
        for document in documents.iter().skip(1).filter(|it| !is_empty(it)) {
            let mend = "begins a second document, and Envoy reads only the first of a file: write \
                        it into a file of its own";
            self.remark(document.line, "YAML", None, mend.to_owned());
        }
    }

    fn remark(&mut self, line: usize, field: &str, value: Option<&str>, mend: String) {
        let (file, field) = (self.name.clone(), field.to_owned());
        self.problems.push(Finding { file, line, field, value: value.map(str::to_owned), mend });
    }
}

/// Whether a document is Envoy's bootstrap, or a response of its xDS.
fn is_of_envoy(document: &YamlNode) -> bool {
    let resources = document.get("resources").map(|it| it.items()).unwrap_or_default();
    let of_bootstrap = ["static_resources", "dynamic_resources", "admin", "node"];
    of_bootstrap.iter().any(|name| document.get(name).is_some())
        || resources.iter().any(|it| it.get("@type").is_some())
}

/// How many lines end within these bytes.
fn lines(text: &str, bytes: Range<usize>) -> usize {
    text.get(bytes).unwrap_or_default().matches('\n').count()
}

// === impl Lines ===

impl Lines {
    /// The file's line of a line of the text, both counted from 1.
    pub fn line(self, line: usize) -> usize {
        self.first + if self.is_one { 0 } else { line.saturating_sub(1) }
    }
}
