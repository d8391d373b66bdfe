//! What is wrong with a configuration.
//!
//! | file | what its rules look at |
//! |---|---|
//! | `plugin`, `suggestion` | a plugin configuration, and what stands around it |
//! | `bootstrap`, `listener` | clusters and headers, and whether a rollout agrees with them |
//! | `discovery` | whether Envoy takes the configuration at all |
//! | `filters` | the order of HTTP filters |
//! | `routes`, `clusters` | where requests go |
//! | `failover` | what `versions.green.failover` needs |
//! | `stats` | whether Envoy keeps the stats |
//! | `envoy` | Envoy's configuration as these rules look at it |
//! | `files`, `findings` | what is read, and what is found |

mod bootstrap;
mod clusters;
mod discovery;
mod envoy;
mod failover;
mod files;
mod filters;
mod findings;
mod listener;
mod plugin;
mod routes;
mod stats;
mod suggestion;

use clap::Args;
use serde::Serialize;

use super::output::{BAD, CliError, DOUBTFUL, GOOD, HEAD, Report, counted, styled};
use super::reload::{self, Effect};
use super::source::{Finding, Source};
use crate::config::{Config, Plugin, Role};
use bootstrap::Bootstrap;
use envoy::Envoy;
use findings::Findings;
use plugin::ParsedPlugin;

/// Checks plugin configurations with the filter's own parser.
///
/// A FILE is a plugin configuration as JSON, a rollout's or the console's, or Envoy's
/// configuration, as YAML or JSON, with such configurations somewhere in it; or a Kubernetes
/// object: a ConfigMap of these, a WasmPlugin or an EnvoyExtensionPolicy. Of a folder, the files
/// that hold any of these are read. Where one of the files is Envoy's bootstrap, clusters,
/// headers, routes, filters and stats are checked against the rollout.
///
/// Exits with 1 where there is a problem, which the filter or Envoy refuses. Warnings, of what does
/// something that is probably not wanted, exit with 0 unless --strict is given. Notes, of what cannot
/// be checked here, always do.
#[derive(Args)]
pub struct Check {
    /// The files or folders; - is the standard input.
    #[arg(required_unless_present = "schema", value_name = "FILE")]
    files: Vec<String>,
    /// Warns of what a reload would do in the place of this file. That green's share
    /// grows, and what would end of what was ordered by hand, are notes and no warnings.
    #[arg(long, value_name = "OLD")]
    from: Option<String>,
    /// The step in which OLD's ramp stands, counted from 0; else the worst of all is told.
    #[arg(long, value_name = "N", requires = "from")]
    step: Option<usize>,
    /// Exits with 1 where there are warnings, too.
    #[arg(long)]
    strict: bool,
    /// Prints the JSON Schema of a plugin configuration.
    #[arg(long, conflicts_with_all = ["files", "from"])]
    pub schema: bool,
}

/// The schema of a plugin configuration.
pub const SCHEMA: &str = include_str!("../../config/schema.json");

/// What was found.
#[derive(Serialize)]
pub struct Checked {
    files: Vec<CheckedFile>,
    #[serde(flatten)]
    findings: Findings,
    /// What a reload would do, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    reload: Option<Vec<Effect>>,
    #[serde(skip)]
    is_strict: bool,
}

#[derive(Serialize)]
struct CheckedFile {
    file: String,
    /// The rollouts that can be run.
    rollouts: Vec<String>,
    /// How many consoles there are.
    consoles: usize,
}

// === impl Check ===

impl Check {
    pub fn run(self) -> Result<Checked, CliError> {
        let sources = files::read(&self.files)?;
        let mut checked = Checked {
            files: Vec::new(),
            findings: Findings::default(),
            reload: None,
            is_strict: self.strict,
        };
        let mut found = Vec::new();
        for source in &sources {
            checked.findings.problems.extend(source.problems.iter().cloned());
            let (mut rollouts, mut consoles) = (Vec::new(), 0);
            for excerpt in &source.plugins {
                let parsed = plugin::parse(source, excerpt, &mut checked.findings);
                let Some(parsed) = parsed else { continue };
                match &parsed.plugin {
                    Plugin::Rollout(config) => rollouts.push(config.rollout.to_string()),
                    Plugin::Console(_) => consoles += 1,
                }
                found.push(parsed);
            }
            checked.files.push(CheckedFile { file: source.name.clone(), rollouts, consoles });
        }
        look(&sources, &found, &mut checked.findings);
        if let Some(old) = &self.from
            && checked.findings.problems.is_empty()
        {
            checked.reload = Some(self.reload(old, &found)?);
        }
        Ok(checked)
    }

    fn reload(&self, old: &str, found: &[ParsedPlugin<'_>]) -> Result<Vec<Effect>, CliError> {
        let old = Source::read(old)?;
        let before = (old.only()?, super::plugin_of_source(&old)?);
        // A console beside a rollout has nothing that a reload could disturb.
        let of_rollouts = || found.iter().filter(|it| matches!(it.plugin, Plugin::Rollout(_)));
        let now = match (found, of_rollouts().count()) {
            ([only], _) => Some(only),
            (_, 1) => of_rollouts().next(),
            _ => None,
        };
        let Some(now) = now else {
            let count = found.len();
            let mend = "--from compares with one plugin configuration, and here are";
            return Err(CliError::Usage(format!("{mend} {count}")));
        };
        match (&before.1, &now.plugin) {
            (Plugin::Rollout(from), Plugin::Rollout(to)) => {
                let (old, new) = ((before.0.json.as_str(), &**from), (&*now.excerpt.json, &**to));
                let can_steer = now.excerpt.may_be_steered();
                reload::effects(&old, &new, self.step, can_steer)
            }
            (from, to) => Ok(reload::of_console(from, to)),
        }
    }
}

/// Applies all rules.
fn look(sources: &[Source], found: &[ParsedPlugin<'_>], findings: &mut Findings) {
    let (bootstrap, envoy) = (Bootstrap::of(sources), Envoy::of(sources));
    let rollout = |it: &'_ ParsedPlugin<'_>| matches!(it.plugin, Plugin::Rollout(_));
    let has_shadow = found.iter().any(|it| it.role() == Some(Role::Shadow));
    for it in found {
        it.look(found, findings);
    }
    for it in found.iter().filter(|it| rollout(it)) {
        let Plugin::Rollout(config) = &it.plugin else { continue };
        let line = |field: &str| it.source.line_of(it.excerpt, field);
        let remarks = bootstrap.remarks(config, has_shadow, &it.source.name, line);
        findings.warnings.extend(remarks);
    }
    let rollouts: Vec<&Config> = found.iter().filter_map(ParsedPlugin::release).collect();
    discovery::look(&envoy, findings);
    filters::look(&envoy.managers, &rollouts, findings);
    for manager in envoy.releases() {
        routes::look(manager, &rollouts, findings);
    }
    for config in &rollouts {
        clusters::look(&envoy, config, findings);
    }
    let has_green = found.iter().any(|it| it.role() == Some(Role::Green));
    for it in found {
        failover::look(&envoy, &bootstrap, it, has_green, findings);
    }
    stats::look(&envoy, &rollouts, findings);
    if found.is_empty() && findings.problems.is_empty() {
        found_nothing(sources, &envoy, findings);
    }
}

/// No plugin configuration was found, and nothing is wrong so far.
fn found_nothing(sources: &[Source], envoy: &Envoy<'_>, findings: &mut Findings) {
    let mut files = Vec::new();
    for manager in &envoy.managers {
        let Some(filter) = manager.filter() else { continue };
        let file = envoy::discovered_file(filter).unwrap_or("what its config_source names");
        if files.contains(&file) {
            continue;
        }
        files.push(file);
        let mend = format!(
            "has its plugin configuration in {file}, which was not checked: name that file too"
        );
        let name = Some(manager.filter_name());
        findings.notes.push(manager.scope.remark(filter, "http_filters", name, mend));
    }
    if envoy.managers.is_empty() {
        let remark = |source: &Source| Finding {
            file: source.name.clone(),
            line: 1,
            field: "file".to_owned(),
            value: None,
            mend: "no Verdigris configuration found: no HTTP filter here is Verdigris".to_owned(),
        };
        findings.problems.extend(sources.iter().map(remark));
    }
}

// === impl Checked ===

impl Report for Checked {
    fn text(&self) -> String {
        let Findings { problems, warnings, notes } = &self.findings;
        let add = |text: &mut String, kind: String, remarks: &[Finding]| {
            text.extend(remarks.iter().map(|it| format!("{kind} {it}\n")));
        };
        let mut text = String::new();
        add(&mut text, styled(BAD, "problem:"), problems);
        add(&mut text, styled(DOUBTFUL, "warning:"), warnings);
        if let Some(effects) = &self.reload {
            text.push_str(&reload::text(effects));
            if effects.iter().all(|it| it.if_ordered) {
                text.push_str("reload: moves nobody, and disturbs no ramp\n");
            }
        }
        for CheckedFile { file, rollouts, consoles } in &self.files {
            if !self.findings.refuses(file) {
                let mut names: Vec<&str> = rollouts.iter().map(String::as_str).collect();
                names.extend((*consoles > 0).then_some("the console"));
                let names = names.join(", ");
                let about = if names.is_empty() { String::new() } else { format!(" ({names})") };
                text.push_str(&format!("{} {file}{about}\n", styled(GOOD, "fine:")));
            }
        }
        add(&mut text, styled(HEAD, "note:"), notes);
        if !problems.is_empty() {
            text.push_str(&format!("{}\n", counted(problems.len(), "problem")));
        }
        text
    }

    fn is_fine(&self) -> bool {
        let mut effects = self.reload.iter().flatten();
        let Findings { problems, warnings, .. } = &self.findings;
        let has_warnings = !warnings.is_empty() || effects.any(Effect::is_warning);
        problems.is_empty() && !(self.is_strict && has_warnings)
    }
}
