//! What a version is: its cluster, and what it changes in its requests.

use std::fmt;

use super::html::{Escaped, Out};
use super::view::VersionAboutView;
use crate::assignment::Version;
use crate::config::{Config, RouteBy};
use crate::patch::{BodyPatch, HeaderPatch, Placement};

// === impl VersionAboutView ===

impl VersionAboutView {
    /// What the version with this name is; `None` for the shadow.
    ///
    /// Of a system prompt it says only how it changes, since its text may be confidential.
    pub fn new(config: &Config, version: &str) -> Option<Self> {
        let version = Version::ALL.into_iter().find(|it| it.as_str() == version)?;
        let mut about = Self {
            cluster: config.cluster(version).as_str().to_owned(),
            header: None,
            failover: None,
            model: None,
            system: None,
            fields: 0,
            headers: 0,
        };
        if config.route_by == RouteBy::VersionHeader {
            about.header = Some(format!("{}: {version}", config.version_header));
        }
        if version == Version::Green {
            about.failover = config.green_failover.as_ref().map(|it| it.as_str().to_owned());
        }
        if let Some(patch) = config.request(version) {
            let BodyPatch { model, system, merge, .. } = &patch.body;
            let HeaderPatch { remove, set } = &patch.headers;
            about.model = model.as_deref().map(str::to_owned);
            about.system = system.as_ref().map(|it| placement_name(it.placement).to_owned());
            (about.fields, about.headers) = (merge.len(), remove.len() + set.len());
        }
        Some(about)
    }

    /// The changes in words: "model gpt-5-mini", "system prompt replaced".
    pub(crate) fn changes(&self) -> Vec<String> {
        let mut changes = Vec::new();
        changes.extend(self.model.as_ref().map(|model| format!("model {model}")));
        changes.extend(self.system.as_deref().map(|how| match how {
            "replace" => "system prompt replaced".to_owned(),
            _ => "system prompt extended".to_owned(),
        }));
        let counted = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what} changed")),
            _ => Some(format!("{count} {what}s changed")),
        };
        changes.extend(counted(self.fields, "body field"));
        changes.extend(counted(self.headers, "header"));
        changes
    }
}

/// The name of a placement in the configuration.
fn placement_name(placement: Placement) -> &'static str {
    match placement {
        Placement::Replace => "replace",
        Placement::Prepend => "prepend",
        Placement::Append => "append",
    }
}

/// Writes what a version is.
///
/// # Errors
/// Writing to `out` failed.
pub fn write(out: Out<'_>, about: &VersionAboutView) -> fmt::Result {
    match &about.header {
        None => write!(out, "<p class=\"small\">cluster <code>{}</code>", Escaped(&about.cluster))?,
        Some(header) => write!(out, "<p class=\"small\">header <code>{}</code>", Escaped(header))?,
    }
    if let Some(failover) = &about.failover {
        write!(out, ", with failover to blue by <code>{}</code>", Escaped(failover))?;
    }
    out.write_str("</p>")?;
    for change in about.changes() {
        write!(out, "<p class=\"small change\">{}</p>", Escaped(&change))?;
    }
    Ok(())
}
