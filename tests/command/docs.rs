//! What the README shows of the command is what it prints.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::run::{Files, config};
use super::status::Console;

const README: &str = include_str!("../../README.md");

/// Each example: the command line, and the lines below it.
fn examples() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut examples: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut is_within = false;
    for line in README.lines() {
        if let Some(arguments) = line.strip_prefix("    $ verdigris ") {
            examples.push((arguments, Vec::new()));
            is_within = true;
        } else if is_within && (line.is_empty() || line.starts_with("    ")) {
            let (_, shown) = examples.last_mut().unwrap();
            shown.push(line.strip_prefix("    ").unwrap_or(line));
        } else {
            is_within = false;
        }
    }
    examples
}

/// The words of a command line; quotes hold some together.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// Figures of simulations may differ with the machine's mathematics.
fn without_digits(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(|it: char| it.is_ascii_digit() || ".,".contains(it))
        .filter(|it| !it.is_empty())
        .collect()
}

#[test]
fn examples_are_what_is_printed() {
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
    for (line, shown) in examples {
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
