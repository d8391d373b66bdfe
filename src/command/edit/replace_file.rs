//! Replacing a file by a rename, so that Envoy never reads an incomplete one.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use crate::command::output::CliError;

/// Requires a regular file: a rename would replace a link itself, or leave the file that Envoy
/// watches unchanged.
///
/// # Errors
/// The file is missing, is a link, or is not a regular file.
pub fn require_regular_file(file: &Path) -> Result<(), CliError> {
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

/// Replaces the file atomically, with the same mode and owner, if its text is still `old`.
///
/// # Errors
/// The file has changed, or cannot be written.
pub fn replace_file(file: &Path, old: &str, text: &str) -> std::io::Result<()> {
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
