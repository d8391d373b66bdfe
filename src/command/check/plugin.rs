//! One plugin configuration, and what stands around it.

use std::path::Path;

use serde_json::Value;

use super::findings::Findings;
use super::suggestion;
use crate::command::source::{Finding, PluginConfigText, Quoting, Source, Wrapper};
use crate::config::{Config, FieldError, Plugin, Role};

/// A plugin configuration that can be run, and where it stands.
pub struct ParsedPlugin<'a> {
    pub source: &'a Source,
    pub excerpt: &'a PluginConfigText,
    pub plugin: Plugin,
}

/// What a `.wasm` begins with.
const MAGIC: &[u8] = b"\0asm";

/// Parses a plugin configuration as the filter does; `None` where it is refused.
pub fn parse<'a>(
    source: &'a Source,
    excerpt: &'a PluginConfigText,
    findings: &mut Findings,
) -> Option<ParsedPlugin<'a>> {
    let refused = match Plugin::parse(excerpt.json.as_bytes()) {
        Ok(plugin) => return Some(ParsedPlugin { source, excerpt, plugin }),
        Err(refused) => refused,
    };
    findings.problems.extend(refused.errors.into_iter().map(|mut problem| {
        let line = line_of(source, excerpt, &mut problem);
        suggestion::add(&mut problem);
        Finding {
            file: source.name.clone(),
            line,
            field: problem.field,
            value: Some(problem.value),
            mend: problem.fix,
        }
    }));
    None
}

/// The file's line of a problem. A text that is no JSON has no fields, but the parser says how far
/// it has come.
fn line_of(source: &Source, excerpt: &PluginConfigText, problem: &mut FieldError) -> usize {
    let of_field = source.line_of(excerpt, &problem.field);
    if problem.field != "plugin configuration" {
        return of_field;
    }
    let Some(line) = suggestion::take_line(problem) else { return of_field };
    if let Some(text) = excerpt.json.lines().nth(line.saturating_sub(1))
        && excerpt.json.trim().contains('\n')
    {
        problem.value = Value::from(text.trim()).to_string();
    }
    let before = excerpt.json.len() - excerpt.json.trim_start().len();
    let blank = excerpt.json.get(..before).unwrap_or_default().matches('\n').count();
    match excerpt.place.style {
        Quoting::Quoted | Quoting::Escaped => of_field,
        _ => (of_field + line).saturating_sub(1 + blank),
    }
}

// === impl Found ===

impl ParsedPlugin<'_> {
    pub fn role(&self) -> Option<Role> {
        match &self.plugin {
            Plugin::Rollout(config) => config.role,
            Plugin::Console(_) => None,
        }
    }

    /// The rollout's configuration, if it is one for users, and neither the shadow's own nor green's.
    pub fn release(&self) -> Option<&Config> {
        match &self.plugin {
            Plugin::Rollout(config) if matches!(config.role, None | Some(Role::Release)) => {
                Some(config)
            }
            _ => None,
        }
    }

    /// Looks at it and at what stands around it; `all` are all that were found.
    pub fn look(&self, all: &[Self], findings: &mut Findings) {
        findings.problems.extend(self.waits_in_vain());
        findings.warnings.extend(self.is_alone(all));
        findings.warnings.extend(self.has_no_failure_policy());
        findings.warnings.extend(self.has_fractions());
        self.look_for_wasm(findings);
    }

    /// A request whose body is needed and that Envoy does not let wait would hang.
    fn waits_in_vain(&self) -> Option<Finding> {
        let around = self.excerpt.around.as_ref()?;
        let (false, line) = around.may_wait else { return None };
        let what = match &self.plugin {
            Plugin::Console(_) if around.can_steer => {
                "without it an order is answered before its body has come"
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
                "this configuration looks into requests' bodies, and without it such a request hangs"
            }
        };
        let mend = match around.wrapper {
            Wrapper::Envoy => format!("write true beside root_id: {what}"),
            other => format!(
                "{what}, and {} may not have it: use an EnvoyFilter or EnvoyPatchPolicy with \
                              Envoy's Wasm filter",
                other.as_str()
            ),
        };
        Some(self.remark(line, "allow_on_headers_stop_iteration", "missing or false", &mend))
    }

    /// A console in a VM of its own knows of no rollout.
    fn is_alone(&self, all: &[Self]) -> Option<Finding> {
        let Plugin::Console(_) = &self.plugin else { return None };
        let (line, vm) = self.excerpt.around.as_ref()?.vm.as_ref()?;
        let rollouts = all.iter().filter(|it| matches!(it.plugin, Plugin::Rollout(_)));
        let vm_of = |it: &'_ Self| it.excerpt.around.as_ref()?.vm.clone();
        let mut others = rollouts.filter_map(|it| Some((it, vm_of(it)?)));
        let (other, (other_line, first)) = others.next()?;
        if first == *vm || others.any(|(_, (_, other))| other == *vm) {
            return None;
        }
        let mend = format!(
            "write all of it as {}:{other_line} has it, or it is another VM, which knows of no \
             rollout",
            other.source.name
        );
        Some(self.remark(*line, "vm_config", "is another one", &mend))
    }

    /// By default a VM that has trapped is never replaced.
    fn has_no_failure_policy(&self) -> Option<Finding> {
        let around = self.excerpt.around.as_ref()?;
        let line = around.no_failure_policy?;
        let (field, closed) = match around.wrapper {
            Wrapper::WasmPlugin => ("failStrategy", "FAIL_CLOSE"),
            _ => ("failure_policy", "FAIL_CLOSED"),
        };
        let mend = format!(
            "the default, {closed}, answers 503 to everything once the filter has trapped: write \
             {field}: FAIL_RELOAD, with which the next request has a new VM"
        );
        Some(self.remark(line, field, "missing", &mend))
    }

    /// Shares that were meant as fractions of 1 are percent.
    fn has_fractions(&self) -> Option<Finding> {
        let json: Value = serde_json::from_str(&self.excerpt.json).ok()?;
        let steps = json.pointer("/ramp/steps")?.as_array()?;
        let percent = |it: &Value| it.get("percent").unwrap_or(it).as_f64();
        let shares: Vec<f64> = steps.iter().filter_map(percent).collect();
        let most = shares.iter().copied().fold(0.0, f64::max);
        if most > 1.0 || !shares.iter().any(|it| *it < 1.0) {
            return None;
        }
        let shares: Vec<_> = shares.iter().map(|it| (it * 10_000.0).round() / 100.0).collect();
        let shares = serde_json::to_string(&shares).unwrap_or_default().replace(".0", "");
        let mend = format!(
            "steps are percent, so green gets at most {most} % of users; if these are fractions, write {shares}"
        );
        let line = self.source.line_of(self.excerpt, "ramp.steps");
        let value = serde_json::to_string(steps).unwrap_or_default();
        Some(self.remark(line, "ramp.steps", &value, &mend))
    }

    /// The `.wasm` may be on another machine, so that it is not here is only noted.
    fn look_for_wasm(&self, findings: &mut Findings) {
        let around = self.excerpt.around.as_ref();
        let Some((path, line)) = around.and_then(|it| it.wasm.as_ref()) else { return };
        let beside = Path::new(&self.source.name).parent().unwrap_or(Path::new("")).join(path);
        let places = [beside.as_path(), Path::new(path)];
        let field = "vm_config.code.local.filename";
        let value = format!("{path:?}");
        let Some(found) = places.into_iter().find(|it| it.exists()) else {
            // The folder of what comes by the standard input is not known.
            if self.source.name == "stdin"
                || findings.notes.iter().any(|it| it.value.as_ref() == Some(&value))
            {
                return;
            }
            let place = match Path::new(path).is_absolute() {
                true => "on this machine",
                false => "in this file's folder; Envoy looks in the folder in which it is started",
            };
            let mend = format!(
                "is not {place}: where Envoy does not find it, it refuses this configuration, and everyone \
                 is on blue"
            );
            findings.notes.push(self.remark(*line, field, &value, &mend));
            return;
        };
        if !begins_like_wasm(found) {
            let mend = "is no .wasm file, and Envoy refuses this configuration";
            findings.warnings.push(self.remark(*line, field, &value, mend));
        }
    }

    pub fn remark(&self, line: usize, field: &str, value: &str, mend: &str) -> Finding {
        let file = self.source.name.clone();
        let (field, value, mend) = (field.to_owned(), Some(value.to_owned()), mend.to_owned());
        Finding { file, line, field, value, mend }
    }
}

fn begins_like_wasm(path: &Path) -> bool {
    use std::io::Read as _;

    let mut begin = [0; MAGIC.len()];
    let read = std::fs::File::open(path).and_then(|mut it| it.read_exact(&mut begin));
    read.is_ok() && begin == MAGIC
}
