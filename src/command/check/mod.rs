//! `verdigris check`: finds errors in configurations.
//!
//! | file | what it checks |
//! |---|---|
//! | `plugin` | a plugin configuration and the filter around it |
//! | `agreement`, `bootstrap`, `listener` | clusters and headers that a rollout must agree with |
//! | `discovery` | whether Envoy accepts the configuration |
//! | `wasm_fields` | the names of fields and choices in Envoy's Wasm filter |
//! | `filters` | the order of HTTP filters |
//! | `buffers` | whether Envoy buffers the bodies that are read |
//! | `routes`, `version_routes`, `clusters` | where requests go |
//! | `failover` | what `versions.green.failover` needs |
//! | `fleet` | what `fleet` needs |
//! | `called_clusters` | what `judge` and `samples` need |
//! | `stats` | whether Envoy keeps the stats |
//! | `envoy` | the parts of an Envoy configuration that the checks use |
//! | `files`, `findings` | the input and the result |

mod agreement;
mod bootstrap;
mod buffers;
mod called_clusters;
mod clusters;
mod discovery;
mod envoy;
mod failover;
mod files;
mod filters;
mod findings;
mod fleet;
mod listener;
mod plugin;
mod routes;
mod shadow;
mod stats;
mod version_routes;
mod wasm_fields;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::load;
use super::numbers::index;
use super::output::{
    BAD, CliError, DOUBTFUL, GOOD, HEAD, Report, ReportOutcome, pluralized, styled,
};
use super::position::Position;
use super::reload::{self, ConfigWithText, Effect};
use super::source::{Finding, Source};
use crate::config::{Artifact, Config, Plugin, Role};
use bootstrap::Bootstrap;
use envoy::{Envoy, Manager, Purpose, TakenOut};
use findings::Findings;
use plugin::ParsedPlugin;

/// Checks plugin configurations with the filter's own parser.
///
/// A FILE is a plugin configuration of a rollout or of the console, as JSON; an Envoy configuration
/// with plugin configurations in it, as YAML or JSON; or a Kubernetes object: a ConfigMap of these,
/// a WasmPlugin, a TrafficExtension or an EnvoyExtensionPolicy. Of a folder, the files with any of these are checked.
/// If one of the files is Envoy's bootstrap, clusters, headers, routes, filters and stats are
/// checked against the rollout.
///
/// Exits with 1 if there is a problem, which the filter or Envoy rejects. Warnings are about
/// probable mistakes; they exit with 0 unless --strict is given. Notes are about what cannot be
/// checked here, and exit with 0.
#[derive(Args)]
pub struct CheckArgs {
    /// The files or folders; - is the standard input.
    #[arg(required_unless_present = "schema", value_name = "FILE")]
    files: Vec<String>,
    /// Shows the effects of a reload in the place of this file. A larger share for green and the
    /// end of an operator command are notes; all others are warnings.
    #[arg(long, value_name = "OLD")]
    from: Option<String>,
    /// The current step of OLD's ramp, counted from 0; without it, the worst case of all steps is
    /// shown. In a ramp with a shadow step, 0 is the first step, in which more users may move.
    #[arg(long, value_name = "N", requires = "from", value_parser = index::<usize>(), allow_negative_numbers = true)]
    step: Option<usize>,
    /// The build of the filter that Envoy loads: verdigris.wasm, or verdigris-route.wasm, which refuses
    /// what needs bodies or responses.
    #[arg(long, value_enum, default_value_t)]
    artifact: ArtifactName,
    /// Exits with 1 if there are warnings.
    #[arg(long)]
    strict: bool,
    /// Prints the JSON Schema of a plugin configuration.
    #[arg(long, conflicts_with_all = ["files", "from"])]
    pub schema: bool,
}

/// A build of the filter, as it is named on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ArtifactName {
    #[default]
    Full,
    Route,
}

/// The JSON Schema of a plugin configuration.
pub const SCHEMA: &str = include_str!("../../config/schema.json");

/// The result of a check.
#[derive(Serialize)]
pub struct Checked {
    files: Vec<CheckedFile>,
    #[serde(flatten)]
    findings: Findings,
    /// The effects of a reload, with `--from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reload: Option<Vec<Effect>>,
    /// The files, for the lines of findings.
    #[serde(skip)]
    sources: Vec<Source>,
    #[serde(skip)]
    is_strict: bool,
}

#[derive(Serialize)]
struct CheckedFile {
    file: String,
    /// The names of the valid rollouts.
    rollouts: Vec<String>,
    /// The number of valid consoles.
    consoles: usize,
}

impl From<ArtifactName> for Artifact {
    fn from(name: ArtifactName) -> Self {
        match name {
            ArtifactName::Full => Self::Full,
            ArtifactName::Route => Self::Route,
        }
    }
}

// === impl CheckArgs ===

impl CheckArgs {
    /// Checks the files.
    ///
    /// # Errors
    /// A file cannot be read, or `--from` cannot be compared.
    pub fn run(self) -> Result<Checked, CliError> {
        let sources = files::read(&self.files)?;
        let mut checked = Checked {
            files: Vec::new(),
            findings: Findings::default(),
            reload: None,
            sources: Vec::new(),
            is_strict: self.strict,
        };
        let mut plugins = Vec::new();
        for source in &sources {
            checked.findings.problems.extend(source.problems.iter().cloned());
            let (mut rollouts, mut consoles) = (Vec::new(), 0);
            for text in &source.plugins {
                let parsed =
                    plugin::parse(source, text, self.artifact.into(), &mut checked.findings);
                let Some(parsed) = parsed else { continue };
                match &parsed.plugin {
                    Plugin::Rollout(config) => rollouts.push(config.rollout.to_string()),
                    Plugin::Console(_) => consoles += 1,
                }
                plugins.push(parsed);
            }
            checked.files.push(CheckedFile { file: source.name.clone(), rollouts, consoles });
        }
        let envoy = Envoy::from_sources(&sources);
        check_all(&sources, &envoy, &plugins, &mut checked.findings);
        if let Some(old) = &self.from
            && checked.findings.problems.is_empty()
        {
            checked.reload = Some(self.reload(old, &envoy, &plugins)?);
        }
        checked.sources = sources;
        Ok(checked)
    }

    /// The effects of a reload in the place of the file `old`.
    fn reload(
        &self,
        old: &str,
        envoy: &Envoy<'_>,
        plugins: &[ParsedPlugin<'_>],
    ) -> Result<Vec<Effect>, CliError> {
        let old = Source::read(old)?;
        let (old_text, old_plugin) = (old.only()?, load::plugin_of(&old)?);
        let is_same_kind = |it: &&ParsedPlugin<'_>| {
            matches!(it.plugin, Plugin::Rollout(_)) == matches!(old_plugin, Plugin::Rollout(_))
        };
        let of_same_kind: Vec<_> = plugins.iter().filter(is_same_kind).collect();
        let new = match (of_same_kind.as_slice(), plugins, &old_plugin) {
            ([only], ..) => only,
            ([], _, Plugin::Rollout(old)) if !envoy.taken_out.is_empty() => {
                return reload::taken_out(old, self.step);
            }
            // A console and a rollout of several files are not in each other's place.
            ([], [only], _) if self.files.len() == 1 => only,
            _ => {
                let kind = match old_plugin {
                    Plugin::Rollout(_) => "rollout",
                    Plugin::Console(_) => "console",
                };
                let count = of_same_kind.len();
                return Err(CliError::Usage(format!(
                    "--from has the configuration of a {kind}, which it compares with one, but the \
                     files have {count} configurations of a {kind}"
                )));
            }
        };
        match (&old_plugin, &new.plugin) {
            (Plugin::Rollout(old), Plugin::Rollout(config)) => reload::effects(
                ConfigWithText { json: &old_text.json, config: old },
                ConfigWithText { json: &new.text.json, config },
                self.step,
                new.text.may_have_commands(),
            ),
            (old, new) => Ok(reload::console_effects(old, new)),
        }
    }
}

/// Applies all checks.
fn check_all(
    sources: &[Source],
    envoy: &Envoy<'_>,
    plugins: &[ParsedPlugin<'_>],
    findings: &mut Findings,
) {
    let bootstrap = Bootstrap::new(envoy);
    let has_role = |role| plugins.iter().any(|it| it.role() == Some(role));
    for plugin in plugins {
        plugin.check(plugins, findings);
    }
    for plugin in plugins {
        shadow::check(plugin, plugins, findings);
        agreement::check(&bootstrap, plugin, has_role(Role::Shadow), findings);
    }
    let rollouts: Vec<&Config> = plugins.iter().filter_map(ParsedPlugin::release).collect();
    discovery::check(envoy, findings);
    for (at, manager) in envoy.managers.iter().enumerate() {
        let rollouts = rollouts_of(manager, envoy, plugins);
        filters::check(manager, &rollouts, findings);
        let mut before = envoy.managers.iter().take(at);
        let is_same =
            |it: &Manager<'_>| it.purpose == manager.purpose && it.shares_manager(manager);
        // The routes and the buffers are the same for all its filters.
        if before.any(is_same) {
            continue;
        }
        if manager.purpose == Purpose::Release {
            routes::check(manager, &rollouts, findings);
            version_routes::check(manager, &rollouts, findings);
        }
        buffers::check(manager, &rollouts, findings);
    }
    for config in &rollouts {
        clusters::check(envoy, config, findings);
    }
    for plugin in plugins {
        failover::check(envoy, &bootstrap, plugin, has_role(Role::Green), findings);
        fleet::check(envoy, &bootstrap, plugin, findings);
        called_clusters::check(&bootstrap, plugin, findings);
    }
    stats::check(envoy, &rollouts, findings);
    let has_rollout = plugins.iter().any(|it| matches!(it.plugin, Plugin::Rollout(_)));
    for TakenOut { scope, node } in envoy.taken_out.iter().filter(|_| !has_rollout) {
        let name = node.get("name").and_then(|it| it.text());
        let fix = "the filter is out: all users are on blue";
        findings.notes.push(scope.finding(node, "resources", name, fix));
    }
    if plugins.is_empty() && findings.problems.is_empty() && envoy.taken_out.is_empty() {
        report_missing_plugin(sources, envoy, findings);
    }
}

/// The rollouts of a filter's HTTP connection manager: those that run there, and those of which it is
/// not known where they run.
fn rollouts_of<'a>(
    manager: &Manager<'_>,
    envoy: &Envoy<'_>,
    plugins: &'a [ParsedPlugin<'_>],
) -> Vec<&'a Config> {
    let is_here = |it: &&ParsedPlugin<'_>| {
        let Some(config) = it.filter().filter(|it| envoy.runs(it)) else { return true };
        let mut here = envoy.managers.iter().filter(|it| it.shares_manager(manager));
        here.any(|it| it.runs(config))
    };
    plugins.iter().filter(is_here).filter_map(ParsedPlugin::release).collect()
}

/// Reports that there is no plugin configuration, or where it is.
fn report_missing_plugin(sources: &[Source], envoy: &Envoy<'_>, findings: &mut Findings) {
    let mut files = Vec::new();
    for manager in &envoy.managers {
        let Some(filter) = manager.filter() else { continue };
        let file = envoy::discovered_file(filter).unwrap_or("its config_source");
        if files.contains(&file) {
            continue;
        }
        files.push(file);
        let fix =
            format!("has its plugin configuration in {file}, which was not checked: add that file");
        let name = Some(manager.filter_name());
        findings.notes.push(manager.scope.finding(filter, "http_filters", name, fix));
    }
    if envoy.managers.is_empty() {
        let fix = "no Verdigris configuration found: no HTTP filter is Verdigris";
        let finding =
            |source: &Source| Finding::new(&source.name, Position::START, "file", None, fix);
        findings.problems.extend(sources.iter().map(finding));
    }
}

// === impl Checked ===

impl Checked {
    /// The line of a finding, with a caret.
    fn excerpt(&self, finding: &Finding) -> String {
        let source = self.sources.iter().find(|it| it.name == finding.file);
        source.map(|it| it.excerpt(finding.position)).unwrap_or_default()
    }

    /// The number of effects of a reload that are warnings.
    fn reload_warnings(&self) -> usize {
        self.reload.iter().flatten().filter(|it| it.is_warning()).count()
    }

    /// The line that says why `--strict` exits with 1; empty if it does not.
    fn strict_line(&self) -> String {
        let counts =
            [(self.findings.warnings.len(), ""), (self.reload_warnings(), " about the reload")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> =
            counts.map(|(count, about)| pluralized(*count, "warning") + about).collect();
        match parts.is_empty() {
            true => String::new(),
            false => format!("{}; --strict exits with 1\n", parts.join(", ")),
        }
    }
}

impl Report for Checked {
    fn text(&self) -> String {
        let Findings { problems, warnings, notes } = &self.findings;
        let add = |text: &mut String, kind: String, findings: &[Finding]| {
            for finding in findings {
                text.push_str(&format!("{kind} {finding}\n{}", self.excerpt(finding)));
            }
        };
        let mut text = String::new();
        add(&mut text, styled(BAD, "problem:"), problems);
        add(&mut text, styled(DOUBTFUL, "warning:"), warnings);
        if let Some(effects) = &self.reload {
            text.push_str(&reload::text(effects));
            if effects.iter().all(|it| it.if_ordered) {
                text.push_str("reload: moves no users and affects no ramp\n");
            }
        }
        for CheckedFile { file, rollouts, consoles } in &self.files {
            if !self.findings.has_problem_in(file) {
                let mut names: Vec<&str> = rollouts.iter().map(String::as_str).collect();
                names.extend((*consoles > 0).then_some("the console"));
                let names = names.join(", ");
                let names = if names.is_empty() { String::new() } else { format!(" ({names})") };
                text.push_str(&format!("{} {file}{names}\n", styled(GOOD, "fine:")));
            }
        }
        text.extend(notes.iter().map(|it| format!("{} {it}\n", styled(HEAD, "note:"))));
        if !problems.is_empty() {
            text.push_str(&format!("{}\n", pluralized(problems.len(), "problem")));
        } else if self.is_strict {
            text.push_str(&self.strict_line());
        }
        text
    }

    fn outcome(&self) -> ReportOutcome {
        let Findings { problems, warnings, .. } = &self.findings;
        let has_warnings = !warnings.is_empty() || self.reload_warnings() > 0;
        if !problems.is_empty() || self.is_strict && has_warnings {
            ReportOutcome::Findings
        } else {
            ReportOutcome::Ok
        }
    }
}
