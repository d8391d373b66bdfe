//! The documents agree with the code and the shipped files.

#[path = "support/documents.rs"]
mod documents;

use std::collections::BTreeSet;

use documents::{documents, page};
use serde_json::{Value, json};
use verdigris::analysis::Metric;
use verdigris::assignment::Version;
use verdigris::config::{Config, ConsoleConfig, Plugin};
use verdigris::fleet::format::FORMAT;
use verdigris::stats::names::{
    Counter, EvidenceCounter, Gauge, Histogram, StatScope, gauge_name, metric_name,
};

const FILTER_YAML: &str = include_str!("../envoy/config/filter.yaml");
const CONSOLE_YAML: &str = include_str!("../envoy/config/console.yaml");
const ENVOY_YAML: &str = include_str!("../envoy/envoy.yaml");
const ALERTS: &str = include_str!("../envoy/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../envoy/grafana/dashboard.json");

/// The configurations in the documents, as JSON text: the whole ones, and fragments
/// (` ```json,fragment `) in the least configuration.
fn json_examples() -> Vec<String> {
    let mut examples = Vec::new();
    for document in documents() {
        examples.extend(document.blocks("json").into_iter().map(str::to_owned));
        for fragment in document.blocks("json,fragment") {
            let mut config = json!({
                "rollout": "r",
                "unit": {"header": "x-user-id"},
                "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}},
            });
            let fragment: Value = serde_json::from_str(fragment)
                .unwrap_or_else(|error| panic!("{}: {fragment}\n{error}", document.path));
            json_patch::merge(&mut config, &fragment);
            examples.push(config.to_string());
        }
    }
    examples
}

#[test]
fn every_example_of_a_configuration_is_valid() {
    let examples = json_examples();
    assert!(examples.len() >= 11, "{}", examples.len());
    for example in examples {
        Plugin::parse(example.as_bytes()).unwrap_or_else(|error| panic!("{example}\n{error}"));
    }
}

#[test]
fn the_shipped_rollout_agrees_with_the_shipped_bootstrap() {
    let (_, text) = FILTER_YAML.split_once("value: |\n").unwrap();
    let config = Config::parse(text.as_bytes()).unwrap();
    let early_mutation = [
        (config.cluster_header.as_str(), config.default_cluster.as_str()),
        (config.version_header.as_str(), "blue"),
    ];
    for (key, value) in early_mutation {
        let header = format!("header: {{key: {key}, value: {value}}}");
        assert!(ENVOY_YAML.contains(&header), "{header}");
    }
    for version in Version::ALL {
        let cluster = format!("  - name: {}\n", config.cluster(version));
        assert!(ENVOY_YAML.contains(&cluster), "{cluster}");
    }
}

/// In another VM the console would have no rollout.
#[test]
fn the_shipped_console_shares_the_vm_of_the_shipped_rollout() {
    let vm = |text: &'static str| -> Vec<&'static str> {
        let (_, rest) = text.split_once("      vm_config:\n").unwrap();
        let lines = rest.lines().take_while(|line| line.starts_with("       "));
        lines.filter(|line| !line.trim_start().starts_with('#')).collect()
    };
    assert_eq!(vm(CONSOLE_YAML), vm(FILTER_YAML));
    assert_eq!(vm(CONSOLE_YAML).len(), 4);
    let (_, text) = CONSOLE_YAML.split_once("value: |\n").unwrap();
    assert_eq!(Plugin::parse(text.as_bytes()), Ok(Plugin::Console(ConsoleConfig::default())));
}

#[test]
fn the_reference_describes_each_field_of_the_state() {
    let reference = page("reference/state.md");
    let word = |it: char| !it.is_ascii_alphanumeric() && it != '_';
    let described: BTreeSet<&str> = reference.split(word).collect();
    let mut count = 0;
    for file in std::fs::read_dir("src/console").unwrap().map(|it| it.unwrap().path()) {
        if !file.file_name().unwrap().to_str().unwrap().starts_with("view") {
            continue;
        }
        let types = std::fs::read_to_string(&file).unwrap();
        let types = types.split("\nmod by_name").next().unwrap();
        let mut renamed = None;
        for line in types.lines().map(str::trim_start) {
            if let Some((_, name)) = line.split_once("rename = \"") {
                renamed = name.split('"').next();
            } else if let Some((field, _)) =
                line.strip_prefix("pub ").and_then(|line| line.split_once(": "))
                && !field.contains([' ', '('])
            {
                let field = renamed.take().unwrap_or(field);
                assert!(described.contains(field), "{}: {field}", file.display());
                count += 1;
            }
        }
    }
    assert!(count > 120, "{count}");
}

/// The fields that the parser knows at the place where `config` has an unknown one. The parser's
/// error lists them.
fn known_fields(config: &str) -> Vec<String> {
    let refused = Config::parse(config.as_bytes()).unwrap_err().to_string();
    let (_, list) = refused.split_once("no_such_field: 1: unknown field; the fields are ").unwrap();
    list.lines().next().unwrap().split(", ").map(str::to_owned).collect()
}

/// The pages of the reference of the configuration.
fn reference() -> String {
    page("reference/configuration.md") + &page("reference/ramp.md")
}

/// The first column of the table with this heading.
fn table<'a>(reference: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, rest) = reference.split_once(&format!("\n| {heading} | default |")).unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with("| `"));
    rows.map(|row| row.split('`').nth(1).unwrap()).collect()
}

#[test]
fn the_format_of_a_fleet_s_records_is_the_documented_one() {
    let page = std::fs::read_to_string("docs/explanation/fleet.md").unwrap();
    let text = format!("with the version of the format, {FORMAT},");
    assert!(page.replace('\n', " ").contains(&text), "{text}");
}

#[test]
fn the_reference_describes_every_field() {
    // No single example can have both weights and a ramp.
    let examples = json_examples().into_iter().map(|it| serde_json::from_str(&it).unwrap());
    let examples: Vec<Value> = examples.collect();
    let reference = reference();
    let places = [
        ("field", "", r#"{"no_such_field": 1}"#),
        ("field of `conversation`", "/conversation", r#"{"conversation": {"no_such_field": 1}}"#),
        (
            "field of `request`",
            "/versions/green/request",
            r#"{"versions": {"green": {"request": {"no_such_field": 1}}}}"#,
        ),
        ("field of `shadow`", "/shadow", r#"{"shadow": {"no_such_field": 1}}"#),
        ("field of `feedback`", "/feedback", r#"{"feedback": {"no_such_field": 1}}"#),
        ("field of `fleet`", "/fleet", r#"{"fleet": {"no_such_field": 1}}"#),
        ("field of `answers`", "/answers", r#"{"answers": {"no_such_field": 1}}"#),
        (
            "field of a version",
            "/versions/green",
            r#"{"versions": {"green": {"no_such_field": 1}}}"#,
        ),
        (
            "field of `failover`",
            "/versions/green/failover",
            r#"{"versions": {"green": {"failover": {"no_such_field": 1}}}}"#,
        ),
        ("field of `judge`", "/judge", r#"{"judge": {"no_such_field": 1}}"#),
        ("field of `samples`", "/samples", r#"{"samples": {"no_such_field": 1}}"#),
        ("field of `ramp`", "/ramp", r#"{"ramp": {"no_such_field": 1}}"#),
        ("field of a gate", "/ramp/gates/*", r#"{"ramp": {"gates": [{"no_such_field": 1}]}}"#),
        (
            "field of a tripwire",
            "/ramp/tripwires/*",
            r#"{"ramp": {"tripwires": [{"no_such_field": 1}]}}"#,
        ),
    ];
    for (heading, place, unknown) in places {
        let fields = known_fields(unknown);
        assert!(!fields.is_empty(), "{heading}");
        assert_eq!(table(&reference, heading), fields, "{heading}");
        let written: Vec<&Value> = match place.strip_suffix("/*") {
            None => examples.iter().filter_map(|example| example.pointer(place)).collect(),
            Some(list) => {
                let lists = examples.iter().filter_map(|example| example.pointer(list)?.as_array());
                lists.flatten().collect()
            }
        };
        for field in fields {
            let is_shown = written.iter().any(|object| object.get(&field).is_some());
            assert!(is_shown, "no example has {place}/{field}");
        }
    }
}

/// Exactly the metrics that a gate accepts.
#[test]
fn the_reference_describes_every_metric() {
    let config = r#"{"ramp": {"gates": [{"metric": "x"}]}}"#;
    let error = Config::parse(config.as_bytes()).unwrap_err().to_string();
    let (_, known) = error.split_once("\"x\": write one of ").unwrap();
    let known: Vec<&str> = known.lines().next().unwrap().split(", ").collect();
    let reference = reference();
    let (_, row) = reference.split_once("| field of a gate |").unwrap();
    let row = row.lines().find(|line| line.starts_with("| `metric` ")).unwrap();
    for metric in Metric::ALL {
        let name = metric.as_str();
        assert_eq!(row.contains(&format!("`{name}`")), known.contains(&name), "{name}");
    }
}

#[test]
fn the_reference_describes_every_stat() {
    let reference = page("reference/stats.md");
    let counters = Counter::DECISIONS
        .into_iter()
        .chain(Counter::OUTCOMES)
        .chain(Counter::FEEDBACK)
        .chain(Counter::SAMPLES)
        .chain(Counter::EXPORTS)
        .chain(Counter::judge_of_shadow());
    for counter in counters {
        let name = metric_name("r", StatScope::Of(Version::Blue), counter);
        let metric = name.strip_prefix("verdigris.r.blue.").unwrap();
        assert!(reference.contains(&format!("\n| `{metric}` | counter")), "{metric}");
    }
    for counter in EvidenceCounter::ALL {
        assert!(reference.contains(&format!("\n| `{counter}.s<step>` | counter")), "{counter}");
    }
    for histogram in Histogram::ALL {
        assert!(reference.contains(&format!("\n| `{histogram}` | histogram")), "{histogram}");
    }
    for gauge in Gauge::ALL.into_iter().chain([Gauge::JudgeSpentMicrousd]) {
        let name = gauge_name("r", gauge);
        let metric = name.strip_prefix("verdigris.r.").unwrap();
        assert!(reference.contains(&format!("\n| `{metric}` | gauge")), "{metric}");
    }
}

/// Name, severity and duration of each alert, and the dashboard's panel for it.
#[test]
fn the_reference_describes_every_alert() {
    let reference = page("reference/alerts.md");
    let (_, table) = reference.split_once("\n| alert | severity | for | panel |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let described: Vec<[&str; 3]> = rows
        .map(|row| {
            let cells: Vec<&str> =
                row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [_, alert, severity, duration, panel, ..] = cells[..] else { panic!("{row}") };
            assert!(panels.iter().any(|it| it["title"] == panel), "no panel {panel:?}");
            [alert, severity, duration]
        })
        .collect();
    let shipped: Vec<[&str; 3]> = ALERTS
        .split("\n  - alert: ")
        .skip(1)
        .map(|alert| {
            let find =
                |what: &str| Some(alert.split_once(what)?.1.split(['\n', '}']).next()?.trim());
            let (severity, duration) = (find("{severity: "), find("\n    for: "));
            [alert.lines().next().unwrap(), severity.unwrap(), duration.unwrap_or("0")]
        })
        .collect();
    assert_eq!(described, shipped);
}

#[test]
fn the_example_of_an_invalid_configuration_has_the_parser_s_error() {
    let example = json!({
        "rollout": "assistant-v8",
        "unit": {"header": "x-user-id"},
        "versions": {"blue": {"cluster": "llm-blue"}, "green": {"cluster": "llm-green"}},
        "weights": {"blue": 0, "green": 0},
    });
    let error = Config::parse(example.to_string().as_bytes()).unwrap_err().to_string();
    let line = format!("configuration rejected, the one in force stays: {error}\n");
    assert!(page("reference/configuration.md").contains(&line), "{line}");
}

/// Every file that a document for contributors names is there.
#[test]
fn the_paths_in_the_documents_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (document, text) in [
        ("ARCHITECTURE.md", include_str!("../ARCHITECTURE.md")),
        ("CONTRIBUTING.md", include_str!("../CONTRIBUTING.md")),
        ("docs/explanation/envoy.md", include_str!("../docs/explanation/envoy.md")),
    ] {
        let quoted = text.split('`').skip(1).step_by(2);
        let is_path = |it: &&str| {
            let is_in = |folder: &str| it.starts_with(folder) && it.contains('/');
            let folders = std::fs::read_dir(root.join("src")).unwrap();
            let mut folders =
                folders.map(|it| it.unwrap().file_name().into_string().unwrap() + "/");
            let is_top = ["src/", "tests/", "envoy/", "docs/"].into_iter().any(is_in);
            is_top || folders.any(|folder| it.starts_with(&folder))
        };
        let paths: Vec<_> =
            quoted.filter(|it| !it.contains(['<', ' ', '*', ':'])).filter(is_path).collect();
        assert!(!paths.is_empty(), "{document}");
        for path in paths {
            let is_there = root.join(path).exists() || root.join("src").join(path).exists();
            assert!(is_there, "{document}: {path}");
        }
    }
}

/// All Rust source of the tests.
fn test_sources(folder: &std::path::Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = entries.map(|path| match path {
        path if path.is_dir() => test_sources(&path),
        path if path.extension().is_some_and(|it| it == "rs") => {
            std::fs::read_to_string(path).unwrap()
        }
        _ => String::new(),
    });
    text.collect()
}

/// Tests in the last column of the tables of a page.
#[test]
fn the_tests_that_the_threat_model_and_the_attacks_name_exist() {
    let (_, threats) =
        include_str!("../docs/explanation/security.md").split_once("## Tests\n").unwrap();
    let attacks = include_str!("../docs/reference/attacks.md");
    let source = test_sources(std::path::Path::new("tests"));
    let makefile = include_str!("../Makefile");
    for (page, least) in [(threats, 20), (attacks, 15)] {
        let rows = page.lines().filter(|line| line.starts_with("| ") && !line.ends_with(" test |"));
        let rows: Vec<_> = rows.filter(|line| !line.ends_with(" tests |")).collect();
        assert!(rows.len() >= least, "{rows:#?}");
        for row in rows {
            let tests = row.rsplit('|').nth(1).unwrap();
            let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
            assert!(!names.is_empty(), "{row}");
            for name in names {
                let is_target = |it: &str| makefile.contains(&format!("\n{it}: "));
                assert!(
                    ['(', '<'].iter().any(|end| source.contains(&format!("fn {name}{end}")))
                        || name.strip_prefix("make ").is_some_and(is_target),
                    "{name} does not exist: {row}"
                );
            }
        }
    }
}

/// Rust belongs to a user: as root the targets would not find it.
#[test]
fn the_release_workflow_calls_targets_that_exist() {
    let workflow = include_str!("../.github/workflows/release.yml");
    let makefile = include_str!("../Makefile");
    let lines = workflow.lines().map(str::trim);
    let commands: Vec<&str> = lines.filter_map(|line| line.strip_prefix("- run: ")).collect();
    let targets: Vec<&str> = commands.iter().filter_map(|it| it.strip_prefix("make ")).collect();
    assert!(targets.contains(&"dist"), "{targets:?}");
    for target in targets {
        assert!(makefile.contains(&format!("\n{target}:")), "{target}");
    }
    assert!(commands.contains(&".ci/run"), "{commands:?}");
}
