//! What is wrong with a configuration.

use clap::Args;
use serde::Serialize;

use super::bootstrap::Bootstrap;
use super::output::{BAD, DOUBTFUL, GOOD, Report, Stop, counted, styled};
use super::reload::{self, Effect};
use super::source::{Excerpt, Remark, Source};
use crate::config::{Plugin, Role};

/// Checks plugin configurations with the filter's own parser.
///
/// A FILE is a plugin configuration as JSON, a rollout's or the console's, or Envoy's
/// configuration, as YAML or JSON, with such configurations somewhere in it. Where one of
/// the files is Envoy's bootstrap, clusters, headers and the shadow's way are compared with
/// it. Exits with 1 where there is a problem;
/// warnings alone exit with 0, unless --strict is given.
#[derive(Args)]
pub struct Check {
    /// The files; - is the standard input.
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
    /// How many consoles there are.
    consoles: usize,
}

/// A plugin configuration that can be run, and where it stands.
struct Found<'a> {
    source: &'a Source,
    excerpt: &'a Excerpt,
    plugin: Plugin,
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
        let mut found = Vec::new();
        for source in &sources {
            checked.problems.extend(source.problems.iter().cloned());
            let (mut rollouts, mut consoles) = (Vec::new(), 0);
            for excerpt in &source.plugins {
                let Some(plugin) = parse(source, excerpt, &mut checked.problems) else { continue };
                match &plugin {
                    Plugin::Rollout(config) => rollouts.push(config.rollout.to_string()),
                    Plugin::Console(_) => consoles += 1,
                }
                found.push(Found { source, excerpt, plugin });
            }
            checked.files.push(CheckedFile { file: source.name.clone(), rollouts, consoles });
        }
        let bootstrap =
            sources.iter().fold(Bootstrap::default(), |all, source| all.and(&source.bootstrap));
        let has_shadow = found.iter().any(|it| it.role() == Some(Role::Shadow));
        for it in &found {
            checked.problems.extend(it.waits_in_vain());
            checked.warnings.extend(it.is_alone(&found));
            if let Plugin::Rollout(config) = &it.plugin {
                let line = |field: &str| it.source.line_of(it.excerpt, field);
                let remarks = bootstrap.remarks(config, has_shadow, &it.source.name, line);
                checked.warnings.extend(remarks);
            }
        }
        if let Some(old) = &self.from
            && checked.problems.is_empty()
        {
            checked.reload = Some(self.reload(old, &found)?);
        }
        Ok(checked)
    }

    fn reload(&self, old: &str, found: &[Found<'_>]) -> Result<Vec<Effect>, Stop> {
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
            return Err(Stop::Usage(format!("{mend} {count}")));
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

fn parse(source: &Source, excerpt: &Excerpt, problems: &mut Vec<Remark>) -> Option<Plugin> {
    let refused = match Plugin::parse(excerpt.json.as_bytes()) {
        Ok(plugin) => return Some(plugin),
        Err(refused) => refused,
    };
    problems.extend(refused.problems.into_iter().map(|problem| Remark {
        file: source.name.clone(),
        line: source.line_of(excerpt, &problem.field),
        field: problem.field,
        value: Some(problem.value),
        mend: problem.mend,
    }));
    None
}

// === impl Found ===

impl Found<'_> {
    fn role(&self) -> Option<Role> {
        match &self.plugin {
            Plugin::Rollout(config) => config.role,
            Plugin::Console(_) => None,
        }
    }

    /// A request whose body is needed and that Envoy does not let wait would hang.
    fn waits_in_vain(&self) -> Option<Remark> {
        let around = self.excerpt.around.as_ref()?;
        let (false, line) = around.may_wait else { return None };
        let mend = match &self.plugin {
            Plugin::Console(_) if around.can_steer => {
                "write true beside root_id: without it an order is answered before its body has come"
            }
            Plugin::Console(_) => return None,
            Plugin::Rollout(config) => {
                let patches = [&config.blue_request, &config.green_request];
                let mut patches = patches.into_iter().flatten();
                let by_patch = patches.any(|it| it.body.is_required() || it.body.asks_for_usage);
                let by_id = config.conversation.as_ref().is_some_and(|it| !it.pointers.is_empty());
                if !by_patch && !by_id && config.feedback.is_none() {
                    return None;
                }
                "write true beside root_id: this configuration looks into requests' bodies, and \
                 without it such a request hangs"
            }
        };
        let (field, value) = ("allow_on_headers_stop_iteration", "missing or false");
        Some(self.remark(line, field, value, mend))
    }

    /// A console in a VM of its own knows of no rollout.
    fn is_alone(&self, all: &[Self]) -> Option<Remark> {
        let Plugin::Console(_) = &self.plugin else { return None };
        let (line, vm) = &self.excerpt.around.as_ref()?.vm;
        let rollouts = all.iter().filter(|it| matches!(it.plugin, Plugin::Rollout(_)));
        let mut others = rollouts.filter_map(|it| Some((it, &it.excerpt.around.as_ref()?.vm)));
        let (other, (other_line, _)) = others.clone().next()?;
        if others.any(|(_, (_, other))| other == vm) {
            return None;
        }
        let mend = format!(
            "write all of it as {}:{other_line} has it, or it is another VM, which knows of no \
             rollout",
            other.source.name
        );
        Some(self.remark(*line, "vm_config", "is another one", &mend))
    }

    fn remark(&self, line: usize, field: &str, value: &str, mend: &str) -> Remark {
        let file = self.source.name.clone();
        let (field, value, mend) = (field.to_owned(), Some(value.to_owned()), mend.to_owned());
        Remark { file, line, field, value, mend }
    }
}

// === impl Checked ===

impl Report for Checked {
    fn text(&self) -> String {
        let problems = self.problems.iter().map(|it| (styled(BAD, "problem:"), it));
        let warnings = self.warnings.iter().map(|it| (styled(DOUBTFUL, "warning:"), it));
        let mut text: String =
            problems.chain(warnings).map(|(kind, it)| format!("{kind} {it}\n")).collect();
        if let Some(effects) = &self.reload {
            text.push_str(&reload::text(effects));
            if effects.iter().all(|it| it.if_ordered) {
                text.push_str("reload: moves nobody, and disturbs no ramp\n");
            }
        }
        for CheckedFile { file, rollouts, consoles } in &self.files {
            let is_bad = self.problems.iter().any(|it| it.file == *file);
            if !is_bad {
                let mut names: Vec<&str> = rollouts.iter().map(String::as_str).collect();
                names.extend((*consoles > 0).then_some("the console"));
                let names = names.join(", ");
                let about = if names.is_empty() { String::new() } else { format!(" ({names})") };
                text.push_str(&format!("{} {file}{about}\n", styled(GOOD, "fine:")));
            }
        }
        if !self.problems.is_empty() {
            text.push_str(&format!("{}\n", counted(self.problems.len(), "problem")));
        }
        text
    }

    fn is_fine(&self) -> bool {
        let mut effects = self.reload.iter().flatten();
        let has_warnings = !self.warnings.is_empty() || effects.any(Effect::is_warning);
        self.problems.is_empty() && !(self.is_strict && has_warnings)
    }
}
