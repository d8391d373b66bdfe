//! Configurations that the filter rejected, until another one is accepted.
//!
//! Envoy tries a new configuration in a VM of its own, and keeps the old one in force if the
//! filter rejects it. That VM records the rejection in shared data, which the console reads.
//! The format is JSON with named fields, so that different versions of the filter can read each
//! other's records: unknown fields are ignored, and unreadable text counts as no rejections.

use serde_json::{Value, json};

use super::time_format::UtcTime;
use super::view::ProblemView;
use crate::config::read_json;
use crate::rollout::is_unseen;

/// The last accepted configuration and the last rejection of each plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejections {
    accepted: Vec<AcceptedConfig>,
    rejected: Vec<Rejection>,
}

/// The role of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginKind {
    /// The filter of a rollout.
    Rollout,
    /// The console.
    Console,
}

/// The last configuration that a plugin accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AcceptedConfig {
    plugin: String,
    is_console: bool,
    /// A hash of the configuration's text.
    hash: u64,
    /// When the first VM accepted it, in milliseconds since 1970; `None` in the record of an older
    /// filter.
    at_ms: Option<u64>,
}

/// A rejected configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The plugin's name in Envoy's configuration; empty if Envoy does not provide it.
    pub plugin: String,
    /// The time of the rejection, in milliseconds since 1970.
    pub at_ms: u64,
    /// The rollout's name in the configuration, if there is one.
    pub rollout: Option<String>,
    /// Whether the configuration is a console's; `None` if its text is not a JSON object.
    pub is_console: Option<bool>,
    /// The first lines of the error.
    pub why: String,
}

/// When the configuration in force was accepted, and whether a later one was rejected.
#[derive(Clone, Copy, Default)]
pub struct Acceptance<'a> {
    /// When it was accepted first, in milliseconds since 1970, if that is recorded.
    pub accepted_at_ms: Option<u64>,
    /// The rejection of a later configuration.
    pub rejection: Option<&'a Rejection>,
}

/// How many plugins' accepted configurations are recorded. Without its record, a VM that accepts the
/// configuration in force would clear a rejection. So there is room for the rollouts that a console shows,
/// and as many others.
const MAX_ACCEPTED: usize = 128;
/// How many plugins' rejections are recorded.
const MAX_REJECTED: usize = 8;
/// How many lines of an error are kept, and how many characters of a line.
const MAX_LINES: usize = 3;
const MAX_LINE_CHARS: usize = 300;
/// How many characters of a name are kept.
const MAX_NAME_CHARS: usize = 100;

// === impl PluginKind ===

impl PluginKind {
    fn is_console(self) -> bool {
        self == Self::Console
    }
}

// === impl Rejection ===

impl Rejection {
    /// Records that the configuration `text` of `plugin` was rejected with the error `why`.
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

    fn from_json(json: &Value) -> Option<Self> {
        Some(Self {
            plugin: json.get("plugin")?.as_str()?.to_owned(),
            at_ms: json.get("at_ms")?.as_u64()?,
            rollout: json.get("rollout").and_then(Value::as_str).map(str::to_owned),
            is_console: json.get("is_console").and_then(Value::as_bool),
            why: json.get("why").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    }

    fn to_json(&self) -> Value {
        let Self { plugin, at_ms, rollout, is_console, why } = self;
        json!({
            "plugin": plugin,
            "at_ms": at_ms,
            "rollout": rollout,
            "is_console": is_console,
            "why": why,
        })
    }

    /// Whether the rejected configuration would have replaced that of `plugin` for `rollout`.
    pub fn is_for(&self, plugin: &str, rollout: &str) -> bool {
        self.is_console != Some(true)
            && (self.plugin == shorten(plugin, MAX_NAME_CHARS)
                || self.rollout.as_deref() == Some(rollout))
    }

    /// The problem that the console shows.
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
                "A configuration{of} was rejected at {at} UTC. The previous one, if there is one, \
                 stays in force. {why}"
            ),
            fix: "Correct the file and push it again; verdigris check lists all errors. This note \
                   stays until another configuration is accepted: Envoy does not call the filter \
                   when the previous file is restored, or when the same bad file is pushed again."
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
        1 => text.push("and one more error".to_owned()),
        more => text.push(format!("and {more} more errors")),
    }
    text.join("; ")
}

/// The first `max_chars` characters of a text, without control characters and those that are not seen.
fn shorten(text: &str, max_chars: usize) -> String {
    let printable = text.chars().map(|it| if is_unseen(it) { ' ' } else { it });
    let mut short: String = printable.clone().take(max_chars).collect();
    if printable.count() > max_chars {
        short.push('…');
    }
    short
}

// === impl AcceptedConfig ===

impl AcceptedConfig {
    fn from_json(json: &Value) -> Option<Self> {
        Some(Self {
            plugin: json.get("plugin")?.as_str()?.to_owned(),
            is_console: json.get("is_console")?.as_bool()?,
            hash: json.get("hash")?.as_u64()?,
            at_ms: json.get("at_ms").and_then(Value::as_u64),
        })
    }

    fn to_json(&self) -> Value {
        let Self { plugin, is_console, hash, at_ms } = self;
        json!({"plugin": plugin, "is_console": is_console, "hash": hash, "at_ms": at_ms})
    }
}

// === impl Rejections ===

impl Rejections {
    /// Reads the shared record.
    pub fn read(bytes: &[u8]) -> Self {
        let json = read_json(bytes).unwrap_or_default();
        let list = |name: &str| {
            json.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        };
        Self {
            accepted: list("accepted").iter().filter_map(AcceptedConfig::from_json).collect(),
            rejected: list("rejected").iter().filter_map(Rejection::from_json).collect(),
        }
    }

    /// The record to share with other VMs.
    pub fn write(&self) -> Vec<u8> {
        let accepted: Vec<_> = self.accepted.iter().map(AcceptedConfig::to_json).collect();
        let rejected: Vec<_> = self.rejected.iter().map(Rejection::to_json).collect();
        json!({"accepted": accepted, "rejected": rejected}).to_string().into_bytes()
    }

    /// The rejections, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Rejection> {
        self.rejected.iter()
    }

    /// Records a rejection in the place of an earlier one of the same plugin.
    pub fn reject(&mut self, rejection: Rejection) {
        self.rejected.retain(|it| it.plugin != rejection.plugin);
        self.rejected.push(rejection);
        keep_last(&mut self.rejected, MAX_REJECTED);
    }

    /// When `plugin` accepted the configuration of a rollout that it accepted last, in milliseconds
    /// since 1970; `None` if that is not recorded.
    pub fn accepted_at_ms(&self, plugin: &str) -> Option<u64> {
        let plugin = shorten(plugin, MAX_NAME_CHARS);
        self.accepted.iter().find(|it| it.plugin == plugin && !it.is_console)?.at_ms
    }

    /// Records that `plugin` accepted a configuration whose text has this hash, and clears its
    /// rejection. Returns whether the record has changed.
    ///
    /// Every VM accepts the configuration in force: workers late, and new VMs at any time. So a
    /// configuration that is recorded as accepted already does not clear a rejection.
    pub fn accept(&mut self, plugin: &str, kind: PluginKind, hash: u64, at_ms: u64) -> bool {
        let (plugin, is_console) = (shorten(plugin, MAX_NAME_CHARS), kind.is_console());
        let is_same = |it: &AcceptedConfig| it.plugin == plugin && it.is_console == is_console;
        if self.accepted.iter().any(|it| is_same(it) && it.hash == hash) {
            return false;
        }
        self.accepted.retain(|it| !is_same(it));
        let is_superseded = |it: &Rejection| {
            it.plugin == plugin && it.is_console.is_none_or(|rejected| rejected == is_console)
        };
        self.rejected.retain(|it| !is_superseded(it));
        self.accepted.push(AcceptedConfig { plugin, is_console, hash, at_ms: Some(at_ms) });
        keep_last(&mut self.accepted, MAX_ACCEPTED);
        true
    }
}

fn keep_last<T>(list: &mut Vec<T>, max: usize) {
    list.drain(..list.len().saturating_sub(max));
}
