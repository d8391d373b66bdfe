//! What is wrong with a configuration.

use clap::Args;
use serde::Serialize;

use super::bootstrap::Bootstrap;
use super::output::{BAD, DOUBTFUL, GOOD, Report, Stop, counted, styled};
use super::reload::{self, Effect};
use super::source::{Plugin, Remark, Source};
use crate::config::Config;

/// Checks plugin configurations with the filter's own parser.
///
/// A FILE is a plugin configuration as JSON, or Envoy's configuration, as YAML or JSON,
/// with such a configuration somewhere in it. Where one of the files is Envoy's bootstrap,
/// clusters and headers are compared with it. Exits with 1 where there is a problem;
/// warnings alone exit with 0, unless --strict is given.
#[derive(Args)]
pub struct Check {
    /// The files; - is the standard input.
    #[arg(required_unless_present = "schema", value_name = "FILE")]
    files: Vec<String>,
    /// Warns of what a reload would do in the place of this file.
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
pub const SCHEMA: &str = include_str!("../config/schema.json");

/// What was found.
#[derive(Serialize)]
pub struct Checked {
    files: Vec<CheckedFile>,
    problems: Vec<Remark>,
    warnings: Vec<Remark>,
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
}

// === impl Check ===

impl Check {
    pub fn run(self) -> Result<Checked, Stop> {
        let sources =
            self.files.iter().map(|it| Source::read(it)).collect::<Result<Vec<_>, Stop>>()?;
        let mut checked = Checked {
            files: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            reload: None,
            is_strict: self.strict,
        };
        let bootstrap =
            sources.iter().fold(Bootstrap::default(), |all, source| all.and(&source.bootstrap));
        let mut configs = Vec::new();
        for source in &sources {
            checked.problems.extend(source.problems.iter().cloned());
            let mut rollouts = Vec::new();
            for plugin in &source.plugins {
                let Some(config) = parse(source, plugin, &mut checked.problems) else { continue };
                checked.problems.extend(waits_in_vain(source, plugin, &config));
                checked.warnings.extend(
                    bootstrap.remarks(&config, &source.name, |it| source.line_of(plugin, it)),
                );
                rollouts.push(config.rollout.to_string());
                configs.push((plugin.json.as_str(), config));
            }
            checked.files.push(CheckedFile { file: source.name.clone(), rollouts });
        }
        if let Some(old) = &self.from
            && checked.problems.is_empty()
        {
            let old = Source::read(old)?;
            let before = (old.only()?.json.as_str(), super::config_of_source(&old)?);
            let [now] = configs.as_slice() else {
                return Err(Stop::Usage(format!(
                    "--from compares with one plugin configuration, and here are {}",
                    configs.len()
                )));
            };
            checked.reload = Some(reload::effects(&before, now, self.step)?);
        }
        Ok(checked)
    }
}

fn parse(source: &Source, plugin: &Plugin, problems: &mut Vec<Remark>) -> Option<Config> {
    let refused = match Config::parse(plugin.json.as_bytes()) {
        Ok(config) => return Some(config),
        Err(refused) => refused,
    };
    problems.extend(refused.problems.into_iter().map(|problem| Remark {
        file: source.name.clone(),
        line: source.line_of(plugin, &problem.field),
        field: problem.field,
        value: Some(problem.value),
        mend: problem.mend,
    }));
    None
}

/// A request whose body is needed and that Envoy does not let wait would hang.
fn waits_in_vain(source: &Source, plugin: &Plugin, config: &Config) -> Option<Remark> {
    let (false, line) = plugin.may_wait? else { return None };
    let patches = [&config.blue_request, &config.green_request];
    let by_patch = patches
        .iter()
        .filter_map(|it| it.as_ref())
        .any(|it| it.body.is_required() || it.body.asks_for_usage);
    let by_id = config.conversation.as_ref().is_some_and(|it| !it.pointers.is_empty());
    (by_patch || by_id).then(|| Remark {
        file: source.name.clone(),
        line,
        field: "allow_on_headers_stop_iteration".to_owned(),
        value: Some("missing or false".to_owned()),
        mend: "write true beside root_id: this configuration looks into requests' bodies, and \
               without it such a request hangs"
            .to_owned(),
    })
}

// === impl Checked ===

impl Report for Checked {
    fn text(&self) -> String {
        let problems = self.problems.iter().map(|it| (styled(BAD, "problem:"), it));
        let warnings = self.warnings.iter().map(|it| (styled(DOUBTFUL, "warning:"), it));
        let mut text: String =
            problems.chain(warnings).map(|(kind, it)| format!("{kind} {it}\n")).collect();
        for effect in self.reload.iter().flatten() {
            text.push_str(&format!("{} {effect}\n", styled(DOUBTFUL, "reload:")));
        }
        if self.reload.as_ref().is_some_and(Vec::is_empty) {
            text.push_str("reload: moves nobody, and disturbs no ramp\n");
        }
        for CheckedFile { file, rollouts } in &self.files {
            let is_bad = self.problems.iter().any(|it| it.file == *file);
            if !is_bad {
                let rollouts = rollouts.join(", ");
                let about =
                    if rollouts.is_empty() { String::new() } else { format!(" ({rollouts})") };
                text.push_str(&format!("{} {file}{about}\n", styled(GOOD, "fine:")));
            }
        }
        if !self.problems.is_empty() {
            text.push_str(&format!("{}\n", counted(self.problems.len(), "problem")));
        }
        text
    }

    fn is_fine(&self) -> bool {
        let has_warnings =
            !self.warnings.is_empty() || self.reload.as_ref().is_some_and(|it| !it.is_empty());
        self.problems.is_empty() && !(self.is_strict && has_warnings)
    }
}
