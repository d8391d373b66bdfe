//! Loads the one valid configuration of a file.

use super::output::CliError;
use super::source::Source;
use crate::config::{Config, InvalidConfig, Plugin};

/// The rollout configuration of a file; `-` is the standard input.
///
/// # Errors
/// The file cannot be read, or does not have exactly one rollout configuration that is valid.
pub fn config(file: &str) -> Result<Config, CliError> {
    config_of(&Source::read(file)?)
}

/// The rollout configuration of a source.
///
/// # Errors
/// The source does not have exactly one rollout configuration that is valid.
pub fn config_of(source: &Source) -> Result<Config, CliError> {
    parse_only(source, Config::parse)
}

/// The plugin configuration of a source: a rollout's, or else a console's.
///
/// # Errors
/// The source does not have exactly one such configuration that is valid.
pub fn plugin_of(source: &Source) -> Result<Plugin, CliError> {
    parse_only(source, Plugin::parse)
}

fn parse_only<T>(
    source: &Source,
    parse: fn(&[u8]) -> Result<T, InvalidConfig>,
) -> Result<T, CliError> {
    let plugin = source.only()?;
    parse(plugin.json.as_bytes()).map_err(|invalid| {
        let findings = invalid.errors.into_iter().map(|it| source.field_finding(plugin, it));
        let texts = findings.map(|it| format!("{it}\n{}", source.excerpt(it.position)));
        CliError::Invalid(texts.collect::<String>().trim_end().to_owned())
    })
}
