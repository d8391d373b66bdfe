//! The files that `check` reads.

use std::path::Path;

use crate::command::output::CliError;
use crate::command::source::Source;

/// Reads files. Of a folder those that hold a configuration of Verdigris or Envoy.
pub fn read(names: &[String]) -> Result<Vec<Source>, CliError> {
    let mut all = Vec::new();
    for name in names {
        if Path::new(name).is_dir() {
            all.extend(in_folder(name)?);
        } else {
            all.push(Source::read(name)?);
        }
    }
    Ok(all)
}

fn in_folder(name: &str) -> Result<Vec<Source>, CliError> {
    let failed = |error: std::io::Error| CliError::Usage(format!("{name}: {error}"));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(name).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        if ["yaml", "yml", "json"].contains(&ending) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let mut source = Source::read(&path.to_string_lossy())?;
        source.keep_plugins_only();
        // One of Verdigris that cannot be read is not to be passed over.
        let is_broken = source.is_broken && source.text.contains("verdigris");
        if !source.plugins.is_empty() || source.is_envoy || is_broken {
            found.push(source);
        }
    }
    if found.is_empty() {
        return Err(CliError::ToMend(format!(
            "{name}: no Verdigris configuration found: no .yaml, .yml or .json file in this folder holds one"
        )));
    }
    Ok(found)
}
