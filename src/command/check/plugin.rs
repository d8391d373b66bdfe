//! Checks a plugin configuration and the filter around it.

use std::path::Path;
use std::rc::Rc;

use serde_json::Value;

use super::bootstrap::{Bootstrap, FoundCluster};
use super::findings::Findings;
use crate::assignment::UnitSource;
use crate::command::position::Position;
use crate::command::source::{Finding, Located, PluginConfigText, Source, Wrapper};
use crate::command::yaml::YamlNode;
use crate::config::{Artifact, Config, Plugin, Role};
use crate::console::TOKEN_VARIABLE;

/// A valid plugin configuration and its position.
pub struct ParsedPlugin<'a> {
    pub source: &'a Source,
    pub text: &'a PluginConfigText,
    pub plugin: Plugin,
}

/// The first bytes of a `.wasm` file.
const MAGIC: &[u8] = b"\0asm";

/// Paths of the usual APIs of models.
const API_PATHS: [&str; 11] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/models",
    "/v1beta/models",
    "/v2/chat",
    "/chat/completions",
    "/api/chat",
    "/openai/deployments",
    "/model",
];

/// Parses a plugin configuration as a build of the filter does; `None` if the build refuses it.
pub fn parse<'a>(
    source: &'a Source,
    text: &'a PluginConfigText,
    artifact: Artifact,
    findings: &mut Findings,
) -> Option<ParsedPlugin<'a>> {
    let plugin = Plugin::parse(text.json.as_bytes());
    let invalid = match plugin.and_then(|it| artifact.check(&it).map(|()| it)) {
        Ok(plugin) => return Some(ParsedPlugin { source, text, plugin }),
        Err(invalid) => invalid,
    };
    let problems = invalid.errors.into_iter().map(|error| source.field_finding(text, error));
    findings.problems.extend(problems);
    None
}

// === impl ParsedPlugin ===

impl ParsedPlugin<'_> {
    /// The `config` of the Wasm filter, if the file has it.
    pub fn filter(&self) -> Option<&Rc<YamlNode>> {
        self.text.surrounding.as_ref()?.config.as_ref()
    }

    /// Checks that the bootstrap has the cluster `name`, which `field` has. `fix` says what does not
    /// work without it, and what to do. One that is missing is a problem, whatever it is for; where a
    /// CDS server may have it, a note says so.
    pub fn check_cluster(
        &self,
        bootstrap: &Bootstrap,
        field: &str,
        name: &str,
        fix: &str,
        findings: &mut Findings,
    ) {
        let value = format!("{name:?}");
        match bootstrap.find_cluster(name) {
            FoundCluster::Missing { known } => {
                let fix = format!("is no cluster of the bootstrap, which has {known}: {fix}");
                findings.problems.push(self.finding_at_field(field, &value, fix));
            }
            FoundCluster::FromCds => {
                let fix = "is no static cluster of the bootstrap, so its CDS server must have it, which \
                           cannot be checked here";
                findings.notes.push(self.finding_at_field(field, &value, fix));
            }
            FoundCluster::Found | FoundCluster::NotChecked => {}
        }
    }

    /// The role of a rollout's configuration.
    pub fn role(&self) -> Option<Role> {
        match &self.plugin {
            Plugin::Rollout(config) => config.role,
            Plugin::Console(_) => None,
        }
    }

    /// The configuration of a rollout that assigns clients' requests; `None` for other roles.
    pub fn release(&self) -> Option<&Config> {
        match &self.plugin {
            Plugin::Rollout(config) if matches!(config.role, None | Some(Role::Release)) => {
                Some(config)
            }
            _ => None,
        }
    }

    /// Checks the configuration and the filter around it. `all` are all configurations.
    pub fn check(&self, all: &[Self], findings: &mut Findings) {
        findings.problems.extend(self.cannot_wait());
        findings.warnings.extend(self.separate_vm(all));
        findings.warnings.extend(self.missing_failure_policy());
        findings.warnings.extend(self.missing_token());
        findings.warnings.extend(self.console_at_api());
        findings.warnings.extend(self.fractional_steps());
        findings.warnings.extend(self.units_that_clients_make());
        self.check_wasm_file(findings);
    }

    /// Without `allow_on_headers_stop_iteration`, a request that waits for its body goes to blue after 5 s.
    fn cannot_wait(&self) -> Option<Finding> {
        let surrounding = self.text.surrounding.as_ref()?;
        let Located { value: false, position } = surrounding.allows_waiting else { return None };
        let what = match &self.plugin {
            Plugin::Console(_) if surrounding.has_token => {
                "without it, an operator command is answered before its body has arrived"
            }
            Plugin::Console(_) => return None,
            Plugin::Rollout(config) if !config.waits_for_bodies() => return None,
            Plugin::Rollout(_) => {
                "this configuration reads request bodies, and without it such a request waits for 5 s \
                 and then goes to blue"
            }
        };
        let fix = match surrounding.wrapper {
            Wrapper::Envoy => format!("write true beside root_id: {what}"),
            other => format!(
                "{what}, and {} does not support it: write \"read_body\": \"after_routing\", or use an \
                 EnvoyFilter or EnvoyPatchPolicy with Envoy's Wasm filter",
                other.as_str()
            ),
        };
        Some(self.finding(position, "allow_on_headers_stop_iteration", "missing or false", fix))
    }

    /// Without a token the console's path answers 404.
    fn missing_token(&self) -> Option<Finding> {
        let surrounding = self.text.surrounding.as_ref().filter(|it| !it.has_token)?;
        let Plugin::Rollout(config) = &self.plugin else { return None };
        let path = &config.console.as_ref()?.path;
        let place = match surrounding.wrapper {
            Wrapper::Envoy => "vm_config.environment_variables.host_env_keys",
            Wrapper::WasmPlugin | Wrapper::TrafficExtension => "vmConfig.env, with valueFrom: HOST",
            Wrapper::EnvoyExtensionPolicy => "env.hostKeys",
        };
        let fix =
            format!("answers 404, since the VM has no token: add {TOKEN_VARIABLE} to {place}");
        Some(self.finding(self.text.position_of("console.path"), "console.path", path, fix))
    }

    /// No request to the console's path or below it reaches a version.
    fn console_at_api(&self) -> Option<Finding> {
        let console = self.release()?.console.as_ref()?;
        let api = API_PATHS.iter().find(|it| console.rest(it.as_bytes()).is_some())?;
        let fix = format!(
            "the console answers all requests to this path and below it, so none to {api} reaches a \
             version: write a path that is no API's, such as \"/verdigris\""
        );
        Some(self.finding_at_field("console.path", &format!("{:?}", console.path), fix))
    }

    /// A console in a VM of its own knows only what the VMs of its `vm_id` share.
    fn separate_vm(&self, all: &[Self]) -> Option<Finding> {
        let Plugin::Console(_) = &self.plugin else { return None };
        let vm_config = |it: &'_ Self| it.text.surrounding.as_ref()?.vm_config.clone();
        let Located { value: own, position } = vm_config(self)?;
        let rollouts = all.iter().filter(|it| matches!(it.plugin, Plugin::Rollout(_)));
        let mut others = rollouts.filter_map(|it| Some((it, vm_config(it)?)));
        let (other, first) = others.next()?;
        if first.value == own || others.any(|(_, other)| other.value == own) {
            return None;
        }
        let fix = format!(
            "must equal that in {}:{}, or the console is in another VM, which knows only what the VMs of one \
             vm_id share, and nothing with another vm_id",
            other.source.name, first.position
        );
        Some(self.finding(position, "vm_config", "differs", fix))
    }

    /// By default, Envoy never replaces a VM that has trapped.
    fn missing_failure_policy(&self) -> Option<Finding> {
        let surrounding = self.text.surrounding.as_ref()?;
        let position = surrounding.missing_failure_policy?;
        let (field, default) = match surrounding.wrapper {
            Wrapper::WasmPlugin | Wrapper::TrafficExtension => ("failStrategy", "FAIL_CLOSE"),
            _ => ("failure_policy", "FAIL_CLOSED"),
        };
        let fix = format!(
            "the default, {default}, answers every request with 503 after the filter has trapped: \
             write {field}: FAIL_RELOAD, which creates a new VM for the next request"
        );
        Some(self.finding(position, field, "missing", fix))
    }

    /// Steps are percent, and may have been meant as fractions of 1.
    fn fractional_steps(&self) -> Option<Finding> {
        let json: Value = serde_json::from_str(&self.text.json).ok()?;
        let steps = json.pointer("/ramp/steps")?.as_array()?;
        // Envoy passes the decimals of YAML as text. A percentage such as "0.5%" is meant as it is.
        let percent = |it: &Value| match it.get("percent").unwrap_or(it) {
            Value::String(text) => text.parse().ok(),
            it => it.as_f64(),
        };
        let shares = steps.iter().map(percent).collect::<Option<Vec<f64>>>()?;
        let largest = shares.iter().copied().fold(0.0, f64::max);
        if largest > 1.0 || !shares.iter().any(|it| *it < 1.0) {
            return None;
        }
        let shares: Vec<_> = shares.iter().map(|it| (it * 10_000.0).round() / 100.0).collect();
        let shares = serde_json::to_string(&shares).unwrap_or_default().replace(".0", "");
        let fix = format!(
            "steps are in percent, so green gets at most {largest} % of users; if these are fractions, \
             write {shares}"
        );
        let value = serde_json::to_string(steps).unwrap_or_default();
        Some(self.finding_at_field("ramp.steps", &value, fix))
    }

    /// A client can throw a cookie away and get another one, and so be as many units as it likes.
    fn units_that_clients_make(&self) -> Option<Finding> {
        let config = self.release().filter(|it| it.is_unit_made_by_clients())?;
        let name = config.unit.iter().find_map(|source| match source {
            UnitSource::Cookie(name) => Some(name),
            UnitSource::Header(_) => None,
        })?;
        let fix = "a client can throw the cookie away and be a new unit of the ramp each time, so that a \
                   few clients can roll a release back or advance it: use a header that your \
                   authentication sets and that clients cannot send, such as {\"header\":\"x-user-id\"}, \
                   or let people decide with \"approve\": true in the steps that matter";
        Some(self.finding_at_field("unit", &format!("cookie {name}"), fix))
    }

    /// A missing `.wasm` is only a note, since it may be on another machine.
    fn check_wasm_file(&self, findings: &mut Findings) {
        let surrounding = self.text.surrounding.as_ref();
        let Some(Located { value: path, position }) =
            surrounding.and_then(|it| it.wasm_path.as_ref())
        else {
            return;
        };
        let beside = Path::new(&self.source.name).parent().unwrap_or(Path::new("")).join(path);
        let candidates = [beside.as_path(), Path::new(path)];
        let field = "vm_config.code.local.filename";
        let value = format!("{path:?}");
        let found: Vec<_> = candidates.into_iter().filter(|it| it.exists()).collect();
        if found.is_empty() {
            // The folder of the standard input is not known.
            if self.source.name == "stdin"
                || findings.notes.iter().any(|it| it.value.as_ref() == Some(&value))
            {
                return;
            }
            let place = match Path::new(path).is_absolute() {
                true => "on this machine",
                false => "in this file's folder (Envoy uses the folder that it is started in)",
            };
            let fix = format!(
                "is not {place}: if Envoy does not find it, Envoy rejects this configuration: when Envoy \
                 starts, everyone is then on blue; later the configuration in force stays"
            );
            findings.notes.push(self.finding(*position, field, &value, fix));
        } else if !found.into_iter().any(may_be_wasm) {
            let fix = "is no .wasm file, so Envoy rejects this configuration: write the path of \
                       verdigris.wasm";
            findings.problems.push(self.finding(*position, field, &value, fix));
        }
    }

    /// A finding at a field of the plugin configuration.
    pub fn finding_at_field(&self, field: &str, value: &str, fix: impl Into<String>) -> Finding {
        self.finding(self.text.position_of(field), field, value, fix)
    }

    fn finding(
        &self,
        position: Position,
        field: &str,
        value: &str,
        fix: impl Into<String>,
    ) -> Finding {
        Finding::new(&self.source.name, position, field, Some(value), fix)
    }
}

/// Whether a file begins as a `.wasm` does, or cannot be read by this user, who may not be Envoy's.
fn may_be_wasm(path: &Path) -> bool {
    use std::io::Read as _;

    let mut begin = [0; MAGIC.len()];
    let Ok(mut file) = std::fs::File::open(path) else { return true };
    file.read_exact(&mut begin).is_ok() && begin == MAGIC
}
