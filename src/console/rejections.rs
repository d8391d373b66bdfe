//! Configurations that the filter rejected, until one is accepted in their place.
//!
//! Envoy tries a new configuration in a VM of its own and keeps the old one in force where
//! the filter rejects it. That VM writes a note here, which all VMs share and the console
//! shows. The form is JSON with named fields, so that modules of different versions read
//! each other's notes: unknown fields are ignored, and unreadable text counts as no notes.

use serde_json::{Value, json};

use super::time_format::UtcTime;
use super::view::ProblemView;
use crate::config::read_json;

/// What is known of each plugin, by its name and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejections {
    accepted: Vec<AcceptedConfig>,
    rejected: Vec<Rejection>,
}

/// What a plugin is configured as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginKind {
    /// A rollout's filter.
    Rollout,
    /// The operator's page.
    Console,
}

/// The configuration that a plugin accepted last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AcceptedConfig {
    plugin: String,
    is_console: bool,
    /// A hash of its text.
    hash: u64,
}

/// A rejected configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The plugin's name in Envoy's configuration; empty where Envoy does not tell it.
    pub plugin: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The rollout that its text names, if it names one.
    pub rollout: Option<String>,
    /// Whether its text is a console's; `None` where the text is no JSON object.
    pub is_console: Option<bool>,
    /// The first lines of what is wrong.
    pub why: String,
}

/// How many plugins are remembered.
const MAX_PLUGINS: usize = 8;
/// How many lines of an error are kept, and how many characters of a line.
const MAX_LINES: usize = 3;
const MAX_LINE_CHARS: usize = 300;
/// How many characters of a name are kept.
const MAX_NAME_CHARS: usize = 100;

// === impl Kind ===

impl PluginKind {
    fn is_console(self) -> bool {
        self == Self::Console
    }
}

// === impl Rejection ===

impl Rejection {
    /// The note of a configuration with this text.
    pub fn new(plugin: &str, text: &[u8], why: &str, at_ms: u64) -> Self {
        let json = read_json(text);
        let json = json.as_ref().and_then(Value::as_object);
        let field = |name: &str| json?.get(name)?.as_str();
        Self {
            plugin: shorten(plugin, MAX_NAME_CHARS),
            at_ms,
            rollout: field("rollout").map(|name| shorten(name, MAX_NAME_CHARS)),
            is_console: json.map(|_| field("role") == Some("console")),
            why: first_lines(why),
        }
    }

    fn read(json: &Value) -> Option<Self> {
        Some(Self {
            plugin: json.get("plugin")?.as_str()?.to_owned(),
            at_ms: json.get("at_ms")?.as_u64()?,
            rollout: json.get("rollout").and_then(Value::as_str).map(str::to_owned),
            is_console: json.get("is_console").and_then(Value::as_bool),
            why: json.get("why").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    }

    fn write(&self) -> Value {
        let Self { plugin, at_ms, rollout, is_console, why } = self;
        json!({
            "plugin": plugin,
            "at_ms": at_ms,
            "rollout": rollout,
            "is_console": is_console,
            "why": why,
        })
    }

    /// Whether it was to replace what `plugin` runs on for `rollout`.
    pub fn is_for(&self, plugin: &str, rollout: &str) -> bool {
        self.is_console != Some(true)
            && (self.plugin == shorten(plugin, MAX_NAME_CHARS)
                || self.rollout.as_deref() == Some(rollout))
    }

    /// What is said of it.
    pub fn problem(&self, now_ms: u64) -> ProblemView {
        let Self { plugin, at_ms, rollout, is_console, why } = self;
        let of = match (is_console, rollout) {
            (Some(true), _) => " of the console".to_owned(),
            (_, Some(rollout)) => format!(" of rollout {rollout}"),
            (_, None) if plugin.is_empty() => String::new(),
            (_, None) => format!(" of plugin {plugin}"),
        };
        let at = UtcTime { at_ms: *at_ms, now_ms };
        ProblemView {
            is_severe: false,
            what: format!(
                "A configuration{of} was rejected at {at} UTC, and the one before it, if there is \
                 one, stays in force. {why}"
            ),
            mend: "Correct the file and push it again; `verdigris check` finds all that is wrong. \
                   This note stays until another configuration is accepted: Envoy does not tell \
                   the filter that a file was put back, or that the same bad file was pushed again."
                .to_owned(),
        }
    }
}

fn first_lines(why: &str) -> String {
    let mut lines = why.lines();
    let mut text: Vec<_> =
        lines.by_ref().take(MAX_LINES).map(|line| shorten(line, MAX_LINE_CHARS)).collect();
    match lines.count() {
        0 => {}
        1 => text.push("and one more problem".to_owned()),
        more => text.push(format!("and {more} more problems")),
    }
    text.join("; ")
}

/// The beginning of a text, without control characters.
fn shorten(text: &str, most: usize) -> String {
    let shown = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    let mut short: String = shown.clone().take(most).collect();
    if shown.count() > most {
        short.push('…');
    }
    short
}

// === impl Accepted ===

impl AcceptedConfig {
    fn read(json: &Value) -> Option<Self> {
        Some(Self {
            plugin: json.get("plugin")?.as_str()?.to_owned(),
            is_console: json.get("is_console")?.as_bool()?,
            hash: json.get("hash")?.as_u64()?,
        })
    }

    fn write(&self) -> Value {
        let Self { plugin, is_console, hash } = self;
        json!({"plugin": plugin, "is_console": is_console, "hash": hash})
    }
}

// === impl Rejections ===

impl Rejections {
    /// Reads what VMs share.
    pub fn read(bytes: &[u8]) -> Self {
        let json = read_json(bytes).unwrap_or_default();
        let list = |name: &str| {
            json.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        };
        Self {
            accepted: list("accepted").iter().filter_map(AcceptedConfig::read).collect(),
            rejected: list("rejected").iter().filter_map(Rejection::read).collect(),
        }
    }

    /// Writes it for other VMs.
    pub fn write(&self) -> Vec<u8> {
        let accepted: Vec<_> = self.accepted.iter().map(AcceptedConfig::write).collect();
        let rejected: Vec<_> = self.rejected.iter().map(Rejection::write).collect();
        json!({"accepted": accepted, "rejected": rejected}).to_string().into_bytes()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Rejection> {
        self.rejected.iter()
    }

    /// Notes a rejected configuration, instead of an earlier one of the same plugin.
    pub fn reject(&mut self, rejection: Rejection) {
        self.rejected.retain(|it| it.plugin != rejection.plugin);
        self.rejected.push(rejection);
        keep_last(&mut self.rejected);
    }

    /// Notes that `plugin` has accepted a configuration whose text has this hash. Whether
    /// anything has changed.
    ///
    /// Each VM accepts it, some of them late and new ones at any time, so only one that was
    /// not the last accepted before settles what was rejected.
    pub fn accept(&mut self, plugin: &str, kind: PluginKind, hash: u64) -> bool {
        let (plugin, is_console) = (shorten(plugin, MAX_NAME_CHARS), kind.is_console());
        let is_it = |it: &AcceptedConfig| it.plugin == plugin && it.is_console == is_console;
        if self.accepted.iter().any(|it| is_it(it) && it.hash == hash) {
            return false;
        }
        self.accepted.retain(|it| !is_it(it));
        let is_settled = |it: &Rejection| {
            it.plugin == plugin && it.is_console.is_none_or(|rejected| rejected == is_console)
        };
        self.rejected.retain(|it| !is_settled(it));
        self.accepted.push(AcceptedConfig { plugin, is_console, hash });
        keep_last(&mut self.accepted);
        true
    }
}

fn keep_last<T>(list: &mut Vec<T>) {
    list.drain(..list.len().saturating_sub(MAX_PLUGINS));
}
