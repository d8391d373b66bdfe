//! `verdigris set-weights`: changes the weights in the file that Envoy watches.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::output::{CliError, GOOD, Report, styled};
use super::reload::{self, ConfigWithText, Effect};
use super::source::{PluginConfigText, Quoting, Source};
use super::yaml::YamlNode;
use super::{json_span, load, traffic};
use crate::assignment::Share;
use crate::config::{Config, whole_number};

/// Changes the weights in the file that Envoy watches, and nothing else in it.
///
/// The file is checked first. It is replaced by a rename within its folder, so that Envoy never
/// reads a partial file. The effects of the reload are shown. Whether Envoy accepted the file is
/// in its stat update_rejected.
#[derive(Args)]
pub struct SetWeightsArgs {
    /// A plugin configuration, or an Envoy configuration with one in it.
    file: PathBuf,
    /// Green's share in percent, such as 25 or 0.5; or the weights of blue and green: 75/25.
    #[arg(value_parser = parse_weights)]
    weights: WeightPair,
    /// Shows what would be done, without doing it.
    #[arg(long)]
    dry_run: bool,
}

/// What was done.
#[derive(Serialize)]
pub struct WeightsSet {
    file: String,
    before: WeightPair,
    after: WeightPair,
    /// Whether the new weights were written to the file.
    written: bool,
    /// The effects of the reload.
    reload: Vec<Effect>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
struct WeightPair {
    blue: u64,
    green: u64,
}

/// JSON text taken out of quotes, and where each of its bytes is in the quoted text.
struct Unquoted {
    json: String,
    /// For each byte of `json` its byte offset; the last entry is the end of the quoted text.
    offsets: Vec<usize>,
}

// === impl SetWeightsArgs ===

impl SetWeightsArgs {
    /// Changes the weights.
    ///
    /// # Errors
    /// The file is a link, has a ramp, has no valid configuration with weights, or cannot be
    /// replaced.
    pub fn run(self) -> Result<WeightsSet, CliError> {
        let name = self.file.display().to_string();
        require_regular_file(&self.file)?;
        let source = Source::read(&name)?;
        let plugin = source.only()?;
        let old = load::config_of(&source)?;
        if old.ramp.is_some() {
            let fix = format!(
                "{name}: ramp: this rollout has a ramp, which sets the weights itself; to roll back, \
                 pause, promote or set weights now, use the page or its HTTP commands, such as POST \
                 /rollback; without a token for these, replace \"ramp\" with \"weights\""
            );
            return Err(CliError::Invalid(fix));
        }
        let (before, after) = (current_weights(&name, plugin)?, self.weights);
        let text = with_weights(&source, plugin, after)
            .ok_or_else(|| CliError::Invalid(not_editable(&name, plugin)))?;
        let changed = Source::parse(&name, text);
        require_only_weights_changed(&source, &changed, after)?;
        let (new, new_json) = (load::config_of(&changed)?, &changed.only()?.json);
        let reload = reload::effects(
            ConfigWithText { json: &plugin.json, config: &old },
            ConfigWithText { json: new_json, config: &new },
            None,
            plugin.may_have_commands(),
        )?;
        let is_written = !self.dry_run && before != after;
        if is_written {
            replace(&self.file, &source.text, &changed.text)
                .map_err(|error| CliError::Usage(format!("{name}: cannot be replaced: {error}")))?;
        }
        Ok(WeightsSet { file: name, before, after, written: is_written || before == after, reload })
    }
}

/// Parses a share in percent, or two weights.
fn parse_weights(text: &str) -> Result<WeightPair, String> {
    let Some((blue, green)) = text.split_once('/') else {
        let (blue, green) = traffic::percentage(text)?.into();
        return Ok(WeightPair { blue: blue.into(), green: green.into() });
    };
    let whole = |text: &str| {
        let is_whole = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_whole)
    };
    let weights = whole(blue).zip(whole(green)).filter(|it| Share::new(it.0, it.1).is_some());
    weights.map(|(blue, green)| WeightPair { blue, green }).ok_or_else(|| {
        "write two whole numbers, at least one of them positive and their sum at most 2147483647, \
         such as 75/25"
            .to_owned()
    })
}

/// A rename would replace a link itself, or leave the file that Envoy watches unchanged.
fn require_regular_file(file: &Path) -> Result<(), CliError> {
    let name = file.display();
    let meta =
        fs::symlink_metadata(file).map_err(|error| CliError::Usage(format!("{name}: {error}")))?;
    if meta.is_symlink() {
        let target = fs::read_link(file).unwrap_or_default();
        return Err(CliError::Usage(format!(
            "{name}: is a link to {}, which a rename would replace: change its source, such as the \
             ConfigMap, or give the file in the folder that Envoy watches",
            target.display()
        )));
    }
    if !meta.is_file() {
        return Err(CliError::Usage(format!("{name}: is not a regular file")));
    }
    Ok(())
}

fn current_weights(name: &str, plugin: &PluginConfigText) -> Result<WeightPair, CliError> {
    let json: Value = serde_json::from_str(&plugin.json).unwrap_or_default();
    let weight = |version: &str| whole_number(json.get("weights")?.get(version)?.as_number()?);
    match (weight("blue"), weight("green")) {
        (Some(blue), Some(green)) => Ok(WeightPair { blue, green }),
        _ => {
            let fix = match plugin.location.quoting {
                Quoting::Yaml => "weights: {blue: 100, green: 0}",
                _ => "\"weights\": {\"blue\": 100, \"green\": 0}",
            };
            Err(CliError::Invalid(format!("{name}: weights: missing: add {fix} first")))
        }
    }
}

fn not_editable(name: &str, plugin: &PluginConfigText) -> String {
    let fix = match plugin.location.quoting {
        _ if plugin.location.span.is_empty() => {
            "the configuration is in a text within this file, such as in a ConfigMap: change the \
             weights in its source"
        }
        Quoting::Yaml => {
            "the weights are used in several places of this YAML by an alias: write them as numbers \
             in the plugin configuration"
        }
        _ => {
            "the JSON text cannot be edited in these quotes: write it after value: | as in the \
             shipped filter.yaml"
        }
    };
    format!("{name}: {fix}")
}

/// The file's text with these weights; `None` if they cannot be edited where they are.
fn with_weights(source: &Source, plugin: &PluginConfigText, weights: WeightPair) -> Option<String> {
    let [blue, green] = match &plugin.yaml {
        Some(yaml) => spans_in_yaml(&yaml.node, &plugin.location.span)?,
        None => spans_in_json(source, plugin)?,
    };
    let mut edits = [(blue, weights.blue), (green, weights.green)];
    edits.sort_by_key(|(place, _)| place.start);
    let mut text = source.text.clone();
    // From the end, so that earlier offsets stay valid.
    for (place, weight) in edits.into_iter().rev() {
        text.get(place.clone())?;
        text.replace_range(place, &weight.to_string());
    }
    Some(text)
}

/// The byte ranges of both weights in the file, in JSON text.
fn spans_in_json(source: &Source, plugin: &PluginConfigText) -> Option<[Range<usize>; 2]> {
    let span = plugin.location.span.clone();
    let raw = source.text.get(span.clone())?;
    let Unquoted { json, offsets } = Unquoted::new(raw, plugin.location.quoting)?;
    // Quotes and white space may surround the object.
    let (start, end) = (json.find('{')?, json.rfind('}')? + 1);
    let object = json.get(start..end)?;
    let place = |version| {
        let place = json_span::span(object, &["weights", version])?;
        let at = |offset: usize| Some(span.start + offsets.get(start + offset)?);
        Some(at(place.start)?..at(place.end)?)
    };
    Some([place("blue")?, place("green")?])
}

/// The byte ranges of both weights in the file, in YAML. `None` if an alias refers to one of them,
/// because an edit would change the other places as well.
fn spans_in_yaml(config: &YamlNode, within: &Range<usize>) -> Option<[Range<usize>; 2]> {
    let is_own = |node: &&Rc<YamlNode>| {
        let is_within = within.start <= node.span.start && node.span.end <= within.end;
        is_within && Rc::strong_count(node) == 1
    };
    let weights = config.get("weights").filter(is_own)?;
    let place = |version| Some(weights.get(version).filter(is_own)?.span.clone());
    Some([place("blue")?, place("green")?])
}

// === impl Unquoted ===

impl Unquoted {
    /// The JSON text in `raw`; `None` if there is none, or if it has other escapes than JSON needs.
    fn new(raw: &str, quoting: Quoting) -> Option<Self> {
        match quoting {
            Quoting::Escaped => Self::unescape(raw),
            Quoting::Yaml => None,
            Quoting::Whole | Quoting::Block | Quoting::Quoted => {
                Some(Self { json: raw.to_owned(), offsets: (0..=raw.len()).collect() })
            }
        }
    }

    /// Removes double quotes and escapes.
    fn unescape(raw: &str) -> Option<Self> {
        let (mut json, mut offsets) = (String::new(), Vec::new());
        let mut characters = raw.char_indices();
        while let Some((at, character)) = characters.next() {
            let character = match character {
                '\\' => match characters.next()?.1 {
                    'n' | 't' | 'r' => ' ',
                    it @ ('"' | '\\' | '/') => it,
                    _ => return None,
                },
                '\n' | '\r' => ' ',
                // The quotes around the text.
                '"' => continue,
                it => it,
            };
            json.push(character);
            offsets.resize(json.len(), at);
        }
        offsets.push(raw.len());
        Some(Self { json, offsets })
    }
}

/// Guards against an edit at the wrong position.
fn require_only_weights_changed(
    old: &Source,
    new: &Source,
    weights: WeightPair,
) -> Result<(), CliError> {
    let parse = |source: &Source| serde_json::from_str::<Value>(&source.only().ok()?.json).ok();
    let expected = parse(old).and_then(|mut json| {
        json.as_object_mut()?.insert("weights".to_owned(), json!(weights));
        Some(json)
    });
    let config = new.only().and_then(|it| {
        Config::parse(it.json.as_bytes()).map_err(|error| CliError::Invalid(error.to_string()))
    })?;
    let share = Share::new(weights.blue, weights.green);
    if expected.is_none() || expected != parse(new) || share != Some(config.share) {
        let fix = "the edit would change more than the weights; change them manually";
        return Err(CliError::Invalid(format!("{}: {fix}", old.name)));
    }
    Ok(())
}

/// Replaces the file atomically, with the same mode and owner, if its text is still `old`.
fn replace(file: &Path, old: &str, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
    let meta = fs::metadata(file)?;
    let mut new = tempfile::Builder::new().prefix(".verdigris-").tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    let created = new.as_file().metadata()?;
    if (created.uid(), created.gid()) != (meta.uid(), meta.gid()) {
        fchown(new.as_file(), Some(meta.uid()), Some(meta.gid()))?;
    }
    new.as_file().set_permissions(meta.permissions())?;
    new.as_file().sync_all()?;
    // A change between this check and the rename, some microseconds later, would be lost.
    if fs::read(file)? != old.as_bytes() {
        return Err(std::io::Error::other(
            "the file has changed meanwhile; check it and try again",
        ));
    }
    new.persist(file)?;
    // The folder's sync makes the rename durable.
    File::open(folder)?.sync_all()
}

// === impl WeightsSet ===

impl Report for WeightsSet {
    fn text(&self) -> String {
        let Self { file, before, after, .. } = self;
        let text = reload::text(&self.reload);
        let weights = |it: &WeightPair| format!("{}/{}", it.blue, it.green);
        let done = if before == after {
            format!("{} {file}: the weights are {} already", styled(GOOD, "fine:"), weights(after))
        } else if self.written {
            let (before, after) = (weights(before), weights(after));
            format!("{} {file}: weights {before} -> {after}", styled(GOOD, "written:"))
        } else {
            format!("{file}: weights {} -> {} would be written", weights(before), weights(after))
        };
        text + &done + "\n"
    }
}
