//! Other weights in the file that Envoy watches.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::output::{CliError, GOOD, Report, styled};
use super::reload::{self, Effect};
use super::source::{PluginConfigText, Quoting, Source};
use super::{json_span, traffic};
use crate::assignment::Share;
use crate::config::Config;

/// Changes the weights in the file that Envoy watches, and nothing else of it.
///
/// The file is checked first, and takes its new form by a rename within its folder, so
/// that Envoy never reads half of it. What a reload does is told. Whether Envoy took it,
/// only Envoy knows: see its update_rejected.
#[derive(Args)]
pub struct SetWeights {
    /// A plugin configuration, or Envoy's with one in it.
    file: PathBuf,
    /// Green's share in percent, such as 25 or 0.5; or blue's and green's weights: 75/25.
    #[arg(value_parser = weights)]
    weights: (u64, u64),
    /// Says what would be done, and does not do it.
    #[arg(long)]
    dry_run: bool,
}

/// What was done.
#[derive(Serialize)]
pub struct WeightsSet {
    file: String,
    before: WeightPair,
    after: WeightPair,
    /// Whether the file has them now.
    written: bool,
    /// What the reload does.
    reload: Vec<Effect>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
struct WeightPair {
    blue: u64,
    green: u64,
}

// === impl SetWeights ===

impl SetWeights {
    pub fn run(self) -> Result<WeightsSet, CliError> {
        let name = self.file.display().to_string();
        refuse_link(&self.file)?;
        let source = Source::read(&name)?;
        let plugin = source.only()?;
        let old = super::config_of_source(&source)?;
        if old.ramp.is_some() {
            let mend = format!(
                "{name}: ramp: this rollout has a ramp, which moves the weights itself; to roll back, \
                 pause, promote or set weights now, use the page or its HTTP orders, such as POST \
                 /rollback; without a token for these, write \"weights\" in the place of \"ramp\""
            );
            return Err(CliError::ToMend(mend));
        }
        let (blue, green) = self.weights;
        let (before, after) = (written_weights(&name, plugin)?, WeightPair { blue, green });
        let text = with_weights(&source, plugin, after).ok_or_else(|| {
            CliError::ToMend(match plugin.place.style {
                Quoting::Yaml => format!(
                    "{name}: the weights are YAML here, and set-weights changes JSON text only: \
                     change them in what makes this file"
                ),
                _ => format!(
                    "{name}: the JSON text cannot be edited as it is quoted here; write it after \
                     value: | as the shipped filter.yaml has it"
                ),
            })
        })?;
        let changed = Source::of(&name, text);
        refuse_other_change(&source, &changed, after)?;
        let (new, json) = (super::config_of_source(&changed)?, &changed.only()?.json);
        let can_steer = plugin.may_be_steered();
        let reload = reload::effects(&(&plugin.json, &old), &(json, &new), None, can_steer)?;
        let is_written = !self.dry_run && before != after;
        if is_written {
            replace(&self.file, &source.text, &changed.text)
                .map_err(|error| CliError::Usage(format!("{name}: is not replaced: {error}")))?;
        }
        Ok(WeightsSet { file: name, before, after, written: is_written || before == after, reload })
    }
}

/// A share in percent, or two weights.
fn weights(text: &str) -> Result<(u64, u64), String> {
    let Some((blue, green)) = text.split_once('/') else {
        let (blue, green) = traffic::percentage(text)?.into();
        return Ok((blue.into(), green.into()));
    };
    let whole = |text: &str| {
        let is_whole = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_whole)
    };
    let weights = whole(blue).zip(whole(green)).filter(|it| Share::new(it.0, it.1).is_some());
    weights.ok_or_else(|| {
        "write two whole numbers, at least one of them positive and their sum at most 2147483647, \
         such as 75/25"
            .to_owned()
    })
}

/// A rename would put a file into the link's place, or beside what Envoy watches.
fn refuse_link(file: &Path) -> Result<(), CliError> {
    let name = file.display();
    let meta =
        fs::symlink_metadata(file).map_err(|error| CliError::Usage(format!("{name}: {error}")))?;
    if meta.is_symlink() {
        let to = fs::read_link(file).unwrap_or_default();
        return Err(CliError::Usage(format!(
            "{name}: is a link to {}, and a rename would take its place: change what makes it, such \
             as the ConfigMap, or name the file in the folder that Envoy watches",
            to.display()
        )));
    }
    if !meta.is_file() {
        return Err(CliError::Usage(format!("{name}: is no file")));
    }
    Ok(())
}

fn written_weights(name: &str, plugin: &PluginConfigText) -> Result<WeightPair, CliError> {
    let number = |version: &str| {
        let span = json_span::span(plugin.json.trim(), &["weights", version])?;
        plugin.json.trim().get(span)?.parse().ok()
    };
    match (number("blue"), number("green")) {
        (Some(blue), Some(green)) => Ok(WeightPair { blue, green }),
        _ => Err(CliError::ToMend(format!(
            "{name}: weights: missing: write \"weights\": {{\"blue\": 100, \"green\": 0}} into it once"
        ))),
    }
}

/// The file's text with these weights; `None` where the place of them is not found.
fn with_weights(source: &Source, plugin: &PluginConfigText, weights: WeightPair) -> Option<String> {
    let span = plugin.place.span.clone();
    let raw = source.text.get(span.clone())?;
    // What stands in the file is JSON but for what its quotes want, and that around it.
    let (json, places) = match plugin.place.style {
        Quoting::Escaped => unescaped(raw)?,
        // That is no JSON text.
        Quoting::Yaml => return None,
        Quoting::Whole | Quoting::Block | Quoting::Quoted => {
            (raw.to_owned(), (0..=raw.len()).collect::<Vec<_>>())
        }
    };
    let (from, to) = (json.find('{')?, json.rfind('}')? + 1);
    let inner = json.get(from..to)?;
    let mut numbers = [("blue", weights.blue), ("green", weights.green)]
        .map(|(version, number)| (json_span::span(inner, &["weights", version]), number));
    numbers.sort_by_key(|(place, _)| place.as_ref().map(|it| it.start));
    let mut text = source.text.clone();
    for (place, number) in numbers.into_iter().rev() {
        let place = place?;
        let at = |offset: usize| Some(span.start + places.get(from + offset)?);
        text.replace_range(at(place.start)?..at(place.end)?, &number.to_string());
    }
    Some(text)
}

/// A text in double quotes without its escapes, and where in it each byte comes from;
/// `None` where it has an escape that JSON has no use for.
fn unescaped(raw: &str) -> Option<(String, Vec<usize>)> {
    let (mut text, mut places) = (String::new(), Vec::new());
    let mut characters = raw.char_indices();
    while let Some((at, character)) = characters.next() {
        let character = match character {
            '\\' => match characters.next()?.1 {
                'n' | 't' | 'r' => ' ',
                it @ ('"' | '\\' | '/') => it,
                _ => return None,
            },
            '\n' | '\r' => ' ',
            // The quotes around it.
            '"' => continue,
            it => it,
        };
        text.push(character);
        places.resize(text.len(), at);
    }
    places.push(raw.len());
    Some((text, places))
}

/// That the weights, and they alone, are other ones.
fn refuse_other_change(old: &Source, new: &Source, weights: WeightPair) -> Result<(), CliError> {
    let read = |source: &Source| serde_json::from_str::<Value>(&source.only().ok()?.json).ok();
    let wanted = read(old).and_then(|mut json| {
        json.as_object_mut()?.insert("weights".to_owned(), json!(weights));
        Some(json)
    });
    let config = new.only().and_then(|it| {
        Config::parse(it.json.as_bytes()).map_err(|refused| CliError::ToMend(refused.to_string()))
    })?;
    let share = Share::new(weights.blue, weights.green);
    if wanted.is_none() || wanted != read(new) || share != Some(config.share) {
        let mend = "the change would change more than the weights; change them by hand";
        return Err(CliError::ToMend(format!("{}: {mend}", old.name)));
    }
    Ok(())
}

/// Puts `text` into the file's place at once, with its mode and owner, if `old` is still what
/// stands there.
fn replace(file: &Path, old: &str, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
    let meta = fs::metadata(file)?;
    let mut new = tempfile::Builder::new().prefix(".verdigris-").tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    let made = new.as_file().metadata()?;
    if (made.uid(), made.gid()) != (meta.uid(), meta.gid()) {
        fchown(new.as_file(), Some(meta.uid()), Some(meta.gid()))?;
    }
    new.as_file().set_permissions(meta.permissions())?;
    new.as_file().sync_all()?;
    // What is left between this look and the rename is some microseconds.
    if fs::read(file)? != old.as_bytes() {
        return Err(std::io::Error::other(
            "somebody has changed it meanwhile; look, and try again",
        ));
    }
    new.persist(file)?;
    // The rename itself is to outlive a crash, too.
    File::open(folder)?.sync_all()
}

// === impl Set ===

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
