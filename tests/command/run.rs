//! Runs the command as a process.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The exit code and the output of a command.
#[derive(Debug)]
pub struct CommandOutput {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// Runs the command in the project's root.
pub fn verdigris(arguments: &[&str]) -> CommandOutput {
    verdigris_with(arguments, "")
}

/// Runs the command with this text on its standard input.
pub fn verdigris_with(arguments: &[&str], input: &str) -> CommandOutput {
    let mut child = Command::new(env!("CARGO_BIN_EXE_verdigris"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // This fails if the command ends without reading it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// Runs the command with `--json`, asserts that it succeeds, and parses its output.
pub fn json_output(arguments: &[&str]) -> Value {
    let output = verdigris(&[arguments, &["--json"]].concat());
    assert_eq!(output.code, 0, "{output:?}");
    serde_json::from_str(&output.out).unwrap()
}

/// The smallest configuration with further fields.
pub fn config(fields: Value) -> Value {
    let mut config = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
    });
    let Value::Object(fields) = fields else { panic!("fields") };
    for (name, value) in fields {
        config[&name] = value;
    }
    config
}

/// A temporary folder with files.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file and returns its path.
    pub fn add(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// The shipped `filter.yaml` with another plugin configuration.
pub fn filter_yaml(config: &str) -> String {
    let shipped = include_str!("../../envoy/config/filter.yaml");
    let (before, _) = shipped.split_once("value: |\n").unwrap();
    let lines: String = config.lines().map(|line| format!("          {line}\n")).collect();
    format!("{before}value: |\n{lines}")
}

/// The shipped `filter.yaml` with a plugin configuration as YAML in a `google.protobuf.Struct`.
pub fn struct_yaml(config: &str) -> String {
    let text = filter_yaml(config).replace("value: |\n", "value:\n");
    text.replace("google.protobuf.StringValue", "google.protobuf.Struct")
}
