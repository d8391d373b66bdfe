//! The documents' examples of the command have the command's output.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::documents::documents;
use super::run::{Files, config};
use super::status::Console;

/// An example in a document.
struct Example {
    /// The command line without the program's name.
    arguments: String,
    /// The output; `…` at the end stands for the rest.
    output: Vec<String>,
}

/// The commands in the documents' blocks of the language `console`, each with its output.
fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for document in documents() {
        for block in document.blocks("console") {
            let mut is_output = false;
            for line in block.lines() {
                if let Some(command) = line.strip_prefix("$ ") {
                    let arguments = command.strip_prefix("verdigris ");
                    is_output = arguments.is_some();
                    examples.extend(
                        arguments
                            .map(|it| Example { arguments: it.to_owned(), output: Vec::new() }),
                    );
                } else if is_output {
                    examples.last_mut().unwrap().output.push(line.to_owned());
                }
            }
        }
    }
    examples
}

/// The arguments of a command line, which may be in quotes.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// Figures of simulations may differ between machines, whose floating point functions do.
fn without_digits(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(|it: char| it.is_ascii_digit() || ".,".contains(it))
        .filter(|it| !it.is_empty())
        .collect()
}

/// A ramp with a step at 50 % and three gates.
fn small_ramp() -> Value {
    let gate = |metric: &str, tolerance: f64| json!({"metric": metric, "tolerance": tolerance});
    let gates = [gate("error_rate", 1.0), gate("duration", 0.3), gate("ttft", 0.3)];
    json!({"steps": [50, 100], "bake": "1h", "gates": gates})
}

#[test]
fn the_examples_have_the_command_s_output() {
    let files = Files::new();
    let filter = fs::read_to_string("envoy/config/filter.yaml").unwrap();
    files.add("filter.yaml", &filter);
    files.add("verdigris.wasm", "\0asm");
    files.add(
        "new.yaml",
        &filter.replace("\"blue\": 95, \"green\": 5}", "\"blue\": 98, \"green\": 2}"),
    );
    files.add("wrong.yaml", &filter.replace("\"green\": 5}", "\"green\": \"five\"}"));
    files.add("envoy.yaml", &fs::read_to_string("envoy/envoy.yaml").unwrap());
    files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    files.add("small.json", &config(json!({"ramp": small_ramp()})).to_string());
    files.add("rolled-back.json", &config(json!({"ramp": {"rolled_back": true}})).to_string());
    let console = Console::start();
    let examples = examples();
    assert!(examples.len() >= 7, "{}", examples.len());
    for Example { arguments: line, output: shown } in examples {
        let output = Command::new(env!("CARGO_BIN_EXE_verdigris"))
            .args(words(&line.replace("localhost:9902", &format!("{}/ramping", console.address))))
            .current_dir(files.folder())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let shown = shown.join("\n");
        let shown = shown.trim_end();
        if line.starts_with("simulate") {
            assert_eq!(without_digits(&printed), without_digits(shown), "{line}\n{printed}");
        } else if let Some(beginning) = shown.strip_suffix('…') {
            assert!(printed.starts_with(beginning), "{line}\n{printed}");
        } else {
            assert_eq!(printed.trim_end(), shown, "{line}");
        }
    }
}

/// Configurations as YAML in the documents.
#[test]
fn the_yaml_in_the_documents_is_valid() {
    let shipped = fs::read_to_string("envoy/config/filter.yaml").unwrap();
    let (before, _) = shipped.split_once("      configuration:\n").unwrap();
    let files = Files::new();
    files.add("verdigris.wasm", "\0asm");
    let documents = documents();
    let blocks = documents.iter().flat_map(|it| it.blocks("yaml"));
    let blocks: Vec<_> = blocks.filter(|it| it.starts_with("configuration:")).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let lines: String = block.lines().map(|line| format!("      {line}\n")).collect();
        let file = files.add("filter.yaml", &format!("{before}{lines}"));
        let output = super::run::verdigris(&["check", "--strict", &file]);
        assert_eq!(output.code, 0, "{output:?}");
    }
}

/// Commands without output in the documents (` ```sh `): the subcommand is there, and its options.
#[test]
fn the_commands_in_the_documents_are_there() {
    let help = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_verdigris");
        let output = Command::new(program).args(arguments).arg("--help").output().unwrap();
        assert!(output.status.success(), "verdigris {arguments:?} --help");
        String::from_utf8(output.stdout).unwrap()
    };
    let makefile = fs::read_to_string("Makefile").unwrap();
    let mut count = 0;
    for document in documents() {
        let blocks = [document.blocks("sh"), document.blocks("console")].concat();
        for line in blocks.iter().flat_map(|block| block.lines()) {
            let line = line.trim_start_matches("$ ");
            let line = line.split('#').next().unwrap();
            if let Some(target) = line.strip_prefix("make ") {
                let target = target.split_whitespace().next().unwrap();
                let is_there = makefile.lines().any(|it| it.starts_with(&format!("{target}:")));
                assert!(is_there, "{}: make {target}", document.path);
                count += 1;
            }
            let Some(arguments) = line.strip_prefix("verdigris ") else { continue };
            let arguments = words(arguments);
            let options = help(&[arguments[0].as_str()]);
            for option in arguments.iter().filter(|it| it.starts_with("--")) {
                let option = option.split('=').next().unwrap();
                assert!(options.contains(option), "{}: {line}", document.path);
            }
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}
