//! The plugin configurations that files hold: JSON as it is, or within Envoy's
//! configuration, as YAML or JSON.

use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use saphyr_parser::ScalarStyle;
use serde::Serialize;

use super::bootstrap::Bootstrap;
use super::output::Stop;
use super::yaml::{self, Node, What};
use super::{bootstrap, field};

/// A file, and what of it concerns the filter.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
    pub plugins: Vec<Excerpt>,
    /// What is wrong around the plugin configurations.
    pub problems: Vec<Remark>,
    /// What Envoy's configuration says besides.
    pub bootstrap: Bootstrap,
}

/// A plugin configuration in a file.
#[derive(Debug)]
pub struct Excerpt {
    /// Its JSON text.
    pub json: String,
    pub place: Place,
    /// What Envoy's configuration says around it; `None` where that is not at hand.
    pub around: Option<Around>,
}

/// What Envoy's configuration says around a plugin configuration.
#[derive(Clone, Debug)]
pub struct Around {
    /// Whether the filter may wait for a request's body, and the line that is to say so.
    pub may_wait: (bool, usize),
    /// The line of `vm_config`, and all that it says: filters share a VM where that is the
    /// same.
    pub vm: (usize, String),
    /// Whether the VM is given the token of who steers.
    pub can_steer: bool,
}

/// Where a plugin configuration stands in its file.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its bytes.
    pub span: Range<usize>,
    /// The line in which it begins, counted from 1.
    pub line: usize,
    pub style: Style,
}

/// How a plugin configuration stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// It is the file.
    Whole,
    /// Line by line.
    Block,
    /// In quotes, with nothing of JSON escaped.
    Quoted,
    /// In quotes, with escapes.
    Escaped,
}

/// Something to be said of a place.
#[derive(Clone, Debug, Serialize)]
pub struct Remark {
    pub file: String,
    pub line: usize,
    pub field: String,
    /// What stands there, where that is to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is to be done, or known, about it.
    pub mend: String,
}

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const ROOT_ID: &str = "verdigris";
const BINARY: &str = "verdigris.wasm";
/// The fields by one of which a plugin configuration is known.
const OF_A_PLUGIN: [&str; 4] = ["rollout", "unit", "versions", "role"];
const TOKEN: &str = "VERDIGRIS_CONSOLE_TOKEN";
const STRING_VALUE: &str = "google.protobuf.StringValue";

// === impl Source ===

impl Source {
    /// Reads a file; `-` is the standard input.
    pub fn read(name: &str) -> Result<Self, Stop> {
        let mut bytes = Vec::new();
        let read = if name == "-" {
            std::io::stdin().read_to_end(&mut bytes).map(|_| ())
        } else {
            std::fs::read(Path::new(name)).map(|read| bytes = read)
        };
        read.map_err(|error| Stop::Usage(format!("{name}: {error}")))?;
        let name = if name == "-" { "stdin" } else { name };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::of(name, text)),
            Err(_) => Err(Stop::Usage(format!("{name}: is no text: it is not UTF-8"))),
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
            bootstrap: Bootstrap::default(),
        };
        if source.text.starts_with('\u{feff}') {
            let mend = "begins with a byte order mark, which is none of JSON's: save it as UTF-8 \
                        without one";
            source.remark(1, "file", None, mend.to_owned());
            return source;
        }
        let mut filters = Vec::new();
        // A field too many does not make a plugin configuration Envoy's.
        let of_envoy = |it: &&Rc<Node>| OF_A_PLUGIN.iter().all(|name| it.get(name).is_none());
        let (all, again) = match &documents {
            Ok(documents) => (documents.all.as_slice(), documents.again.as_slice()),
            Err(_) => (&[][..], &[][..]),
        };
        let mut maps = Vec::new();
        for document in all.iter() {
            document.walk(&mut |node| {
                let is_map = node.get("kind").and_then(|it| it.text()) == Some("ConfigMap");
                maps.extend(node.get("data").filter(|_| is_map).map(Rc::clone));
            });
        }
        for file in maps.iter().flat_map(|it| it.values()) {
            source.add_file(file);
        }
        for document in all.iter().filter(of_envoy) {
            bootstrap::add(document, &mut source.bootstrap);
            document.walk(&mut |node| filters.extend(filter_of(node).map(Rc::clone)));
        }
        for filter in &filters {
            source.add(filter);
        }
        let is_json = source.text.trim_start().starts_with('{') && !source.bootstrap.is_envoy;
        // The parser of a plugin configuration says it itself.
        if !is_json {
            source.remark_what_is_not_read(all, again);
        }
        match documents {
            _ if !filters.is_empty() || !source.plugins.is_empty() => {}
            _ if is_json => {
                let start = source.text.len() - source.text.trim_start().len();
                let line = 1 + lines(&source.text, 0..start);
                let (json, span) = (source.text.clone(), 0..source.text.len());
                let place = Place { span, line, style: Style::Whole };
                source.plugins.push(Excerpt { json, place, around: None });
            }
            Err(error) => source.remark(
                error.line,
                "YAML",
                None,
                format!("{}: Envoy would not read it either", error.why),
            ),
            Ok(_) if source.bootstrap.is_envoy => {}
            Ok(_) => {
                let mend = format!(
                    "holds neither a plugin configuration, one JSON object, nor Envoy's \
                     configuration with a filter {WASM} that has one, or {BINARY}"
                );
                source.remark(1, "file", None, mend);
            }
        }
        source
    }

    /// The only plugin configuration; a console's beside a rollout's does not count.
    pub fn only(&self) -> Result<&Excerpt, Stop> {
        let problem = |it: &Remark| Stop::ToMend(it.to_string());
        let of_rollouts = self.plugins.iter().filter(|it| !it.is_console()).collect::<Vec<_>>();
        match (of_rollouts.as_slice(), self.plugins.as_slice()) {
            ([only], _) => return Ok(only),
            ([], [console, ..]) => return Ok(console),
            _ => {}
        }
        match self.plugins.as_slice() {
            [] => Err(self.problems.first().map_or_else(
                || Stop::ToMend(format!("{}: has no plugin configuration of Verdigris", self.name)),
                problem,
            )),
            _ => Err(Stop::Usage(format!(
                "{}: has {} plugin configurations of rollouts, and this looks at one: write the one \
                 as JSON into a file of its own",
                self.name,
                of_rollouts.len()
            ))),
        }
    }

    /// The line in which a field of a plugin configuration stands.
    pub fn line_of(&self, plugin: &Excerpt, name: &str) -> usize {
        let json = &plugin.json;
        let start = json.len() - json.trim_start().len();
        match plugin.place.style {
            Style::Whole | Style::Block => {
                plugin.place.line + lines(json, start..field::offset(json, name))
            }
            Style::Quoted | Style::Escaped => plugin.place.line,
        }
    }

    /// Takes in a file that a ConfigMap holds.
    fn add_file(&mut self, file: &Node) {
        let Some(text) = file.text() else { return };
        let mut inner = Self::of(&self.name, text.to_owned());
        // Other programs' JSON may be beside it.
        inner.plugins.retain(|it| {
            let has = |name: &&str| it.json.contains(&format!("\"{name}\""));
            it.around.is_some() || OF_A_PLUGIN.iter().any(has)
        });
        if inner.plugins.is_empty() && !inner.bootstrap.is_envoy {
            return;
        }
        let is_block = matches!(file.what, What::Scalar(_, ScalarStyle::Literal));
        let line = |inner: usize| file.line + if is_block { inner.saturating_sub(1) } else { 0 };
        let problems = inner.problems.into_iter();
        self.problems.extend(problems.map(|it| Remark { line: line(it.line), ..it }));
        self.bootstrap = std::mem::take(&mut self.bootstrap).and(&inner.bootstrap);
        for mut plugin in inner.plugins {
            plugin.place.line = line(plugin.place.line);
            // It is not to be changed in place: its bytes are those of another text.
            plugin.place.span = 0..0;
            if !is_block {
                plugin.place.style = Style::Escaped;
            }
            if let Some(around) = &mut plugin.around {
                around.may_wait.1 = line(around.may_wait.1);
                around.vm.0 = line(around.vm.0);
            }
            self.plugins.push(plugin);
        }
    }

    /// Takes in the `config` of a Wasm filter of Verdigris.
    fn add(&mut self, config: &Node) {
        let Some(configuration) = config.get("configuration") else {
            let mend = format!(
                "write the plugin configuration as {{\"@type\": \
                 \"type.googleapis.com/{STRING_VALUE}\", \"value\": …}}, with its JSON as the value"
            );
            self.remark(config.line, "configuration", Some("missing"), mend);
            return;
        };
        let kind = configuration.get("@type").and_then(|it| it.text()).unwrap_or("missing");
        if !kind.ends_with(STRING_VALUE) {
            let mend = format!(
                "write type.googleapis.com/{STRING_VALUE}, and the plugin configuration as JSON \
                 text in value: as a Struct it would not reach the filter as it is written"
            );
            self.remark(configuration.line, "configuration.@type", Some(kind), mend);
            return;
        }
        let value = configuration.get("value");
        let Some((value, What::Scalar(json, style))) = value.map(|it| (it, &it.what)) else {
            let mend = "write the plugin configuration as JSON text, such as after value: |";
            self.remark(configuration.line, "configuration.value", None, mend.to_owned());
            return;
        };
        let style = match style {
            ScalarStyle::Literal => Style::Block,
            ScalarStyle::DoubleQuoted => Style::Escaped,
            _ => Style::Quoted,
        };
        let wait = config.get("allow_on_headers_stop_iteration");
        let may_wait = match wait {
            Some(it) => (it.is_true(), it.line),
            None => (false, config.line),
        };
        let vm = config.get("vm_config");
        let around = Around {
            may_wait,
            vm: vm.map_or((config.line, String::new()), |it| (it.line, it.flow())),
            can_steer: vm.is_some_and(|it| is_given_token(it)),
        };
        let place = Place { span: value.span.clone(), line: value.line, style };
        self.plugins.push(Excerpt { json: json.clone(), place, around: Some(around) });
    }

    /// Of fields that are written twice, and of documents after the first, Envoy reads one.
    fn remark_what_is_not_read(&mut self, documents: &[Rc<Node>], again: &[(usize, String)]) {
        for (line, name) in again {
            let mend = "is written twice in one map, of which Envoy takes the last: write it once";
            self.remark(*line, name, None, mend.to_owned());
        }
        let is_of_kubernetes = |it: &Rc<Node>| it.get("kind").is_some();
        if documents.first().is_none_or(is_of_kubernetes) {
            return;
        }
        let is_empty = |it: &Rc<Node>| it.text().is_some_and(|it| it.is_empty() || it == "~");
        for document in documents.iter().skip(1).filter(|it| !is_empty(it)) {
            let mend = "begins a second document, and Envoy reads only the first of a file: write \
                        it into a file of its own";
            self.remark(document.line, "YAML", None, mend.to_owned());
        }
    }

    fn remark(&mut self, line: usize, field: &str, value: Option<&str>, mend: String) {
        let (file, field) = (self.name.clone(), field.to_owned());
        self.problems.push(Remark { file, line, field, value: value.map(str::to_owned), mend });
    }
}

/// The `config` of a Wasm filter of Verdigris, if the node is such a filter; also as a
/// `TypedStruct`, as Istio writes it. The filter itself does not look at `root_id`.
fn filter_of(node: &Node) -> Option<&Rc<Node>> {
    let is_wasm =
        |name| node.get(name).and_then(|it| it.text()).is_some_and(|it| it.ends_with(WASM));
    let config = if is_wasm("@type") {
        node.get("config")
    } else if is_wasm("type_url") {
        node.get("value")?.get("config")
    } else {
        None
    }?;
    let is_ours = config.get("root_id").is_some_and(|it| it.text() == Some(ROOT_ID))
        || config.get("vm_config").is_some_and(|it| it.flow().contains(BINARY))
        || config.at(&["configuration", "value"]).is_some_and(is_of_a_plugin);
    is_ours.then_some(config)
}

/// Whether it is a plugin configuration of Verdigris, as text or as a map.
fn is_of_a_plugin(value: &Node) -> bool {
    let json = value.text().and_then(|it| serde_json::from_str::<serde_json::Value>(it).ok());
    OF_A_PLUGIN.iter().any(|name| {
        value.get(name).is_some() || json.as_ref().is_some_and(|it| it.get(name).is_some())
    })
}

/// Whether a VM's environment has the token, from Envoy's own or as it is written.
fn is_given_token(vm: &Node) -> bool {
    let Some(environment) = vm.get("environment_variables") else { return false };
    let hosts = environment.get("host_env_keys").map(|it| it.items()).unwrap_or_default();
    hosts.iter().any(|it| it.text() == Some(TOKEN))
        || environment.at(&["key_values", TOKEN]).is_some()
}

/// How many lines end within these bytes.
fn lines(text: &str, bytes: Range<usize>) -> usize {
    text.get(bytes).unwrap_or_default().matches('\n').count()
}

// === impl Excerpt ===

impl Excerpt {
    /// Whether it says that it is a console's.
    pub fn is_console(&self) -> bool {
        let json = serde_json::from_str::<serde_json::Value>(&self.json);
        json.is_ok_and(|it| it.get("role").is_some_and(|it| it == "console"))
    }

    /// Whether anybody may be able to steer; not where Envoy's configuration has no token.
    pub fn may_be_steered(&self) -> bool {
        self.around.as_ref().is_none_or(|it| it.can_steer)
    }
}

// === impl Remark ===

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}: ", self.file, self.line, self.field)?;
        if let Some(value) = &self.value {
            write!(f, "{value}: ")?;
        }
        f.write_str(&self.mend)
    }
}
