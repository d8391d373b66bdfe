//! The README's examples of the command have the command's output.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::run::{Files, config};
use super::status::Console;

const README: &str = include_str!("../../README.md");

/// An example in the README.
struct Example {
    /// The command line without the program's name.
    arguments: &'static str,
    /// The output; `…` at the end stands for the rest.
    output: Vec<&'static str>,
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_output = false;
    for line in README.lines() {
        if let Some(arguments) = line.strip_prefix("    $ verdigris ") {
            examples.push(Example { arguments, output: Vec::new() });
            is_output = true;
        } else if is_output && (line.is_empty() || line.starts_with("    ")) {
            let example = examples.last_mut().unwrap();
            example.output.push(line.strip_prefix("    ").unwrap_or(line));
        } else {
            is_output = false;
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

#[test]
fn the_examples_have_the_command_s_output() {
    let files = Files::new();
    let filter = fs::read_to_string("envoy/filter.yaml").unwrap();
    files.add("filter.yaml", &filter);
    files.add("verdigris.wasm", "\0asm");
    files.add(
        "new.yaml",
        &filter.replace("\"blue\": 95, \"green\": 5}", "\"blue\": 98, \"green\": 2}"),
    );
    files.add("envoy.yaml", &fs::read_to_string("envoy/envoy.yaml").unwrap());
    files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let console = Console::start();
    let examples = examples();
    assert_eq!(examples.len(), 7);
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
