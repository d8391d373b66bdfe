//! A file with one rollout, and edits of its fields that keep all other bytes.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::field_edit::{FieldEdit, TextEdit};
use super::file_change::FileChange;
use super::replace_file::{replace_file, require_regular_file};
use super::unquoted::Unquoted;
use super::yaml_text::YamlText;
use crate::command::output::CliError;
use crate::command::reload::{self, ConfigWithText};
use crate::command::source::{PluginConfigText, Quoting, Source};
use crate::command::{json_span, load};
use crate::config::Config;

/// A file with exactly one rollout, whose configuration is valid.
pub struct EditableFile {
    path: PathBuf,
    source: Source,
    config: Config,
}

/// A changed field, as a report shows it.
pub struct ChangedField {
    pub field: &'static str,
    pub before: Value,
    pub after: Value,
}

// === impl EditableFile ===

impl EditableFile {
    /// Reads a file.
    ///
    /// # Errors
    /// The file is a link, cannot be read, or does not have exactly one rollout that is valid.
    pub fn open(path: PathBuf) -> Result<Self, CliError> {
        require_regular_file(&path)?;
        let source = Source::read(&path.display().to_string())?;
        let config = load::config_of(&source)?;
        Ok(Self { path, source, config })
    }

    /// The file's name in messages.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// The rollout's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the configuration is written as YAML.
    pub fn is_yaml(&self) -> bool {
        self.source.only().is_ok_and(|it| it.yaml.is_some())
    }

    /// The value at a path of field names, if the file has it.
    pub fn value(&self, path: &[&str]) -> Option<Value> {
        let json = self.source.only().ok()?.json.trim();
        serde_json::from_str(json.get(json_span::span(json, path)?)?).ok()
    }

    /// Makes the edits, unless `is_dry_run`, and reports them as the change of one field.
    ///
    /// # Errors
    /// The fields cannot be edited, the result is not valid, or the file cannot be replaced.
    pub fn change(
        self,
        reported: ChangedField,
        edits: &[FieldEdit],
        is_dry_run: bool,
    ) -> Result<FileChange, CliError> {
        let ChangedField { field, before, after } = reported;
        let Self { path, source, config: old } = &self;
        let plugin = source.only()?;
        let text = with_edits(source, plugin, edits)
            .ok_or_else(|| CliError::Invalid(not_editable(&source.name, plugin, field)))?;
        let changed = Source::parse(&source.name, text);
        require_only_these_edits(source, &changed, edits)?;
        let (new, new_json) = (load::config_of(&changed)?, &changed.only()?.json);
        let reload = reload::effects(
            ConfigWithText { json: &plugin.json, config: old },
            ConfigWithText { json: new_json, config: &new },
            None,
            plugin.may_have_commands(),
        )?;
        let is_changed = source.text != changed.text;
        if is_changed && !is_dry_run {
            replace_file(path, &source.text, &changed.text).map_err(|error| {
                CliError::Usage(format!("{}: cannot be replaced: {error}", source.name))
            })?;
        }
        let file = source.name.clone();
        let written = !(is_changed && is_dry_run);
        Ok(FileChange { file, field, before, after, written, reload, next: None })
    }
}

/// The error for a field that cannot be edited.
fn not_editable(name: &str, plugin: &PluginConfigText, field: &str) -> String {
    let fix = match plugin.location.quoting {
        _ if plugin.location.span.is_empty() => {
            "the configuration is in a text within this file, such as in a ConfigMap: change the field \
             in its source"
        }
        Quoting::Yaml => {
            "this part of the YAML is used in several places by an alias: write it in the plugin \
             configuration itself"
        }
        _ => {
            "the JSON text cannot be edited in these quotes: write it after value: | as in the \
             shipped filter.yaml"
        }
    };
    format!("{name}: {field}: {fix}")
}

/// The file's text with these edits; `None` if one of them cannot be made.
fn with_edits(source: &Source, plugin: &PluginConfigText, edits: &[FieldEdit]) -> Option<String> {
    if plugin.location.span.is_empty() {
        return None;
    }
    let mut edits = match &plugin.yaml {
        Some(yaml) => {
            let config = YamlText { file: &source.text, node: &yaml.node };
            edits.iter().map(|it| config.edit(it)).collect::<Option<Vec<_>>>()?
        }
        None => json_edits(source, plugin, edits)?,
    };
    edits.sort_by_key(|it| it.at.start);
    let mut text = source.text.clone();
    // From the end, so that earlier offsets stay valid.
    for TextEdit { at, text: new } in edits.into_iter().rev() {
        text.get(at.clone())?;
        text.replace_range(at, &new);
    }
    Some(text)
}

/// The edits of the file for a configuration that is JSON text.
fn json_edits(
    source: &Source,
    plugin: &PluginConfigText,
    edits: &[FieldEdit],
) -> Option<Vec<TextEdit>> {
    let span = plugin.location.span.clone();
    let unquoted = Unquoted::new(source.text.get(span.clone())?, plugin.location.quoting)?;
    // Quotes and white space may surround the object.
    let (start, end) = (unquoted.json.find('{')?, unquoted.json.rfind('}')? + 1);
    let object = unquoted.json.get(start..end)?;
    let in_file = |edit: &FieldEdit| {
        let TextEdit { at, text } = TextEdit::in_json(object, edit)?;
        let range = unquoted.quoted_range(&(start + at.start..start + at.end))?;
        let at = span.start + range.start..span.start + range.end;
        Some(TextEdit { at, text: unquoted.quoted(&text) })
    };
    edits.iter().map(in_file).collect()
}

/// Guards against an edit at the wrong position.
fn require_only_these_edits(
    old: &Source,
    new: &Source,
    edits: &[FieldEdit],
) -> Result<(), CliError> {
    let parse = |source: &Source| serde_json::from_str::<Value>(&source.only().ok()?.json).ok();
    let expected = parse(old).map(|mut json| {
        edits.iter().for_each(|it| set(&mut json, it.path, &it.value));
        json
    });
    if expected.is_none() || expected != parse(new) {
        let fix = "the edit would change more than it should; edit the file manually";
        return Err(CliError::Invalid(format!("{}: {fix}", old.name)));
    }
    Ok(())
}

/// Sets the value at a path of field names, and creates missing objects.
fn set(json: &mut Value, path: &[&str], to: &Value) {
    match (path, json) {
        ([], json) => *json = to.clone(),
        ([name, rest @ ..], Value::Object(fields)) => {
            set(fields.entry(*name).or_insert_with(|| json!({})), rest, to);
        }
        _ => {}
    }
}
