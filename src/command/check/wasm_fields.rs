//! Checks the names of the fields and of the choices in Envoy's Wasm filter: Envoy rejects a
//! configuration with one that it does not know.
//!
//! Source: `envoy.extensions.wasm.v3` and `envoy.config.core.v3` of Envoy 1.40.

use super::envoy::Scope;
use super::findings::Findings;
use crate::command::source::{Finding, filter_config};
use crate::command::yaml::{YamlNode, is_merge_key, snake};
use crate::config::nearest::{did_you_mean, nearest};

/// The fields of a message, and where it is below the `config` of the Wasm filter.
struct Message {
    path: &'static [&'static str],
    fields: &'static [&'static str],
}

const MESSAGES: [Message; 6] = [
    // PluginConfig
    Message {
        path: &[],
        fields: &[
            "name",
            "root_id",
            "vm_config",
            "configuration",
            "fail_open",
            "failure_policy",
            "reload_config",
            "capability_restriction_config",
            "allow_on_headers_stop_iteration",
        ],
    },
    // VmConfig
    Message {
        path: &["vm_config"],
        fields: &[
            "vm_id",
            "runtime",
            "code",
            "configuration",
            "allow_precompiled",
            "nack_on_code_cache_miss",
            "environment_variables",
            "capability_restriction_config",
        ],
    },
    // AsyncDataSource
    Message { path: &["vm_config", "code"], fields: &["local", "remote"] },
    // DataSource
    Message {
        path: &["vm_config", "code", "local"],
        fields: &[
            "filename",
            "inline_bytes",
            "inline_string",
            "environment_variable",
            "watched_directory",
        ],
    },
    // RemoteDataSource
    Message {
        path: &["vm_config", "code", "remote"],
        fields: &["http_uri", "sha256", "retry_policy"],
    },
    // EnvironmentVariables
    Message {
        path: &["vm_config", "environment_variables"],
        fields: &["host_env_keys", "key_values"],
    },
];

/// The values of `failure_policy`. Protobuf accepts their numbers, too.
const FAILURE_POLICIES: [&str; 4] = ["UNSPECIFIED", "FAIL_RELOAD", "FAIL_CLOSED", "FAIL_OPEN"];

/// The values of `vm_config.runtime`.
const RUNTIMES: [&str; 4] = [
    "envoy.wasm.runtime.v8",
    "envoy.wasm.runtime.wamr",
    "envoy.wasm.runtime.wasmtime",
    "envoy.wasm.runtime.null",
];

/// Checks all Wasm filters of Verdigris in a document.
pub fn check(scope: Scope<'_>, findings: &mut Findings) {
    scope.document.root.walk(&mut |node| {
        if let Some(config) = filter_config(node) {
            check_filter(scope, config, findings);
        }
    });
}

fn check_filter(scope: Scope<'_>, config: &YamlNode, findings: &mut Findings) {
    for Message { path, fields } in MESSAGES {
        let Some(message) = config.at(path) else { continue };
        for (name, _) in message.fields() {
            let Some(text) = name.text().filter(|_| !is_merge_key(name)) else { continue };
            if !fields.contains(&text) && !fields.contains(&&*snake(text)) {
                let field = path.iter().chain([&text]).copied().collect::<Vec<_>>().join(".");
                let fix = format!(
                    "is an unknown field, so Envoy rejects the Wasm filter; {}the fields are {}",
                    suggestion(&snake(text), fields),
                    fields.join(", ")
                );
                findings.problems.push(scope.finding(name, &field, None, fix));
            }
        }
    }
    findings.problems.extend(two_policies(scope, config));
    let choices = [
        (&["failure_policy"][..], &FAILURE_POLICIES, &["0", "1", "2", "3"][..]),
        // Without a name, Envoy takes its first runtime.
        (&["vm_config", "runtime"], &RUNTIMES, &[""]),
    ];
    for (path, names, others) in choices {
        let Some(node) = config.at(path) else { continue };
        let Some(text) = node.text() else { continue };
        if !names.contains(&text) && !others.contains(&text) {
            let fix = format!(
                "is no value that Envoy knows, so it rejects the Wasm filter; {}write one of {}",
                suggestion(text, names),
                names.join(", ")
            );
            findings.problems.push(scope.finding(node, &path.join("."), Some(text), fix));
        }
    }
}

/// Envoy takes `fail_open`, the older field, or `failure_policy`.
fn two_policies(scope: Scope<'_>, config: &YamlNode) -> Option<Finding> {
    let fail_open = config.get("fail_open").filter(|it| it.is_true())?;
    let policy = config.get("failure_policy")?.text()?;
    if matches!(policy, "UNSPECIFIED" | "0") {
        return None;
    }
    let fix = format!(
        "Envoy rejects the Wasm filter with this beside failure_policy: {policy}; remove fail_open"
    );
    Some(scope.finding(fail_open, "fail_open", Some("true"), fix))
}

/// The beginning of a fix with the name that was probably meant: one that differs by a typing error, or
/// one that `written` abbreviates.
fn suggestion(written: &str, names: &[&str]) -> String {
    let abbreviated = || names.iter().copied().find(|name| is_abbreviation(written, name));
    let meant = nearest(written, names).or_else(abbreviated);
    did_you_mean(meant)
}

/// Whether the letters of `short` are in `long`, in this order.
fn is_abbreviation(short: &str, long: &str) -> bool {
    let mut letters = long.chars();
    short.len() > 1 && short.chars().all(|letter| letters.any(|it| it == letter))
}
