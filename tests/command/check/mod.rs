//! `verdigris check`. Each file has the checks of the source file of the same name.

mod bootstrap;
mod buffers;
mod clusters;
mod console;
mod discovery;
mod failover;
mod files;
mod filters;
mod fleet;
mod general;
mod judge;
mod plugin;
mod readers;
mod routes;
mod samples;
mod several;
mod source;
mod stats;
mod wasm_fields;

use serde_json::{Value, json};

use super::run::{CommandOutput, Files, config, filter_yaml, verdigris};

const FILTER: &str = include_str!("../../../envoy/config/filter.yaml");
const ENVOY: &str = include_str!("../../../envoy/envoy.yaml");
const CONSOLE: &str = include_str!("../../../envoy/config/console.yaml");
const LISTENER: &str = "  - name: llm\n";
const HTTP_FILTERS: &str = "          http_filters:\n";
const ROUTER: &str = "          - name: envoy.filters.http.router\n";
const ROUTE: &str = "              - match: {prefix: /}\n                route:\n";

/// The two files of a check.
#[derive(Clone)]
struct Setup {
    filter: String,
    envoy: String,
}

/// A finding: its kind, file name, line, and its text without the position.
#[derive(Debug, PartialEq)]
struct FoundFinding {
    kind: &'static str,
    file: String,
    line: u64,
    text: String,
}

/// The one expected finding of a check.
struct Expected<'a> {
    /// `problem`, `warning` or `note`.
    kind: &'a str,
    file: &'a str,
    /// A text in the line of the finding.
    at: &'a str,
    /// How the finding's text begins.
    text: &'a str,
}

/// The shipped bootstrap with another rollout.
fn with_filter(filter: String) -> Setup {
    Setup { filter, envoy: ENVOY.to_owned() }
}

/// The shipped rollout with another bootstrap.
fn with_envoy(envoy: String) -> Setup {
    Setup { filter: FILTER.to_owned(), envoy }
}

/// The text with the first `from` replaced. In a bootstrap, the first in the release's listener or
/// after it, if there is one.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    let at = text.find(LISTENER).filter(|at| text[*at..].contains(from)).unwrap_or_default();
    format!("{}{}", &text[..at], text[at..].replacen(from, to, 1))
}

/// The shipped `filter.yaml` with a rollout with these fields.
fn plugin(fields: Value) -> String {
    filter_yaml(&config(fields).to_string())
}

/// A rollout that reads answers.
fn reading() -> String {
    plugin(json!({"answers": {}}))
}

/// A rollout that changes requests.
fn patched() -> String {
    plugin(json!({"versions": {
        "blue": {"cluster": "llm-blue"},
        "green": {"cluster": "llm-green", "request": {"model": "m"}},
    }}))
}

/// The line of the first occurrence, counted from 1.
fn line(text: &str, of: &str) -> u64 {
    let at = text.find(of).unwrap_or_else(|| panic!("{of} is not in\n{text}"));
    1 + text[..at].matches('\n').count() as u64
}

// === impl Setup ===

impl Setup {
    /// The same with another rollout.
    fn with_filter(self, filter: &str) -> Self {
        Self { filter: filter.to_owned(), ..self }
    }

    /// Checks both files, in a folder with a `.wasm`.
    fn check(&self) -> CommandOutput {
        let files = Files::new();
        files.add("verdigris.wasm", "\0asm");
        let filter = files.add("filter.yaml", &self.filter);
        let envoy = files.add("envoy.yaml", &self.envoy);
        verdigris(&["check", &filter, &envoy, "--json"])
    }

    /// Asserts that the check has this finding and no other.
    fn expect(&self, expected: &Expected<'_>) {
        let output = self.check();
        let findings = findings(&output);
        let [found] = findings.as_slice() else { panic!("{}: {findings:#?}", expected.text) };
        assert_eq!((found.kind, found.file.as_str()), (expected.kind, expected.file), "{found:?}");
        let text = if expected.file == "filter.yaml" { &self.filter } else { &self.envoy };
        assert_eq!(found.line, line(text, expected.at), "{found:?}");
        assert!(found.text.starts_with(expected.text), "{found:?}\n{}", expected.text);
        assert_eq!(output.code, i32::from(expected.kind == "problem"), "{output:?}");
    }

    /// Asserts that the check has no findings.
    fn expect_none(&self) {
        let output = self.check();
        assert_eq!((findings(&output), output.code), (Vec::new(), 0), "{}", self.envoy);
    }
}

fn findings(output: &CommandOutput) -> Vec<FoundFinding> {
    let report: Value = serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
    let mut all = Vec::new();
    for (kind, list) in [("problem", "problems"), ("warning", "warnings"), ("note", "notes")] {
        for it in report[list].as_array().unwrap() {
            let file = it["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            let value = it["value"].as_str().map(|it| format!("{it}: ")).unwrap_or_default();
            let (field, fix) = (it["field"].as_str().unwrap(), it["mend"].as_str().unwrap());
            let text = format!("{field}: {value}{fix}");
            all.push(FoundFinding { kind, file, line: it["line"].as_u64().unwrap(), text });
        }
    }
    all
}
