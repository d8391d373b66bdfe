//! The files that `check` reads.

use std::path::Path;

use crate::command::output::CliError;
use crate::command::source::Source;

/// Reads files. Of a folder, the files with a configuration of Verdigris or Envoy.
///
/// # Errors
/// A file cannot be read, or a folder has no such file.
pub fn read(names: &[String]) -> Result<Vec<Source>, CliError> {
    let mut all = Vec::new();
    for name in names {
        if Path::new(name).is_dir() {
            all.extend(read_folder(name)?);
        } else {
            all.push(Source::read(name)?);
        }
    }
    Ok(all)
}

fn read_folder(name: &str) -> Result<Vec<Source>, CliError> {
    let failed = |error: std::io::Error| CliError::Usage(format!("{name}: {error}"));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(name).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        if ["yaml", "yml", "json"].contains(&extension) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if is_foreign(&path) {
            continue;
        }
        let mut source = Source::read(&path.to_string_lossy())?;
        source.keep_plugins_only();
        let is_reported = source.must_be_reported(&source.name);
        if !source.plugins.is_empty() || source.is_envoy || is_reported {
            found.push(source);
        }
    }
    if found.is_empty() {
        return Err(CliError::Invalid(format!(
            "{name}: no Verdigris configuration found: no .yaml, .yml or .json file in this folder has one"
        )));
    }
    Ok(found)
}

/// Whether the file is no text in UTF-8, and has nothing of Verdigris: another program's.
fn is_foreign(path: &Path) -> bool {
    const NAME: &[u8] = b"verdigris";
    std::fs::read(path).is_ok_and(|bytes| {
        std::str::from_utf8(&bytes).is_err() && !bytes.windows(NAME.len()).any(|it| it == NAME)
    })
}
