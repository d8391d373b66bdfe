//! Running the command.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What came of it.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the command in the project's folder.
pub fn verdigris(arguments: &[&str]) -> Done {
    verdigris_with(arguments, "")
}

/// The same, with this on its standard input.
pub fn verdigris_with(arguments: &[&str], input: &str) -> Done {
    let mut child = Command::new(env!("CARGO_BIN_EXE_verdigris"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that does not read it has ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs it with `--json`, and it is fine.
pub fn told(arguments: &[&str]) -> Value {
    let done = verdigris(&[arguments, &["--json"]].concat());
    assert_eq!(done.code, 0, "{done:?}");
    serde_json::from_str(&done.out).unwrap()
}

/// The least configuration with these fields as well; `null` takes one out.
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

/// A folder with files.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file; its path.
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

/// Envoy's configuration with this plugin configuration in it, line by line.
pub fn filter_yaml(config: &str) -> String {
    let shipped = include_str!("../../envoy/filter.yaml");
    let (before, _) = shipped.split_once("value: |\n").unwrap();
    let lines: String = config.lines().map(|line| format!("          {line}\n")).collect();
    format!("{before}value: |\n{lines}")
}
