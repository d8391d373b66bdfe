//! The shipped alerts, their documents and the dashboard, checked with Prometheus' and Grafana's
//! own tools. Their queries are tested on a live run in `filter/`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const ALERTS: &str = include_str!("../envoy/prometheus/alerts.yml");
const CASES: &str = include_str!("../envoy/prometheus/alerts_test.yml");
const DASHBOARD: &str = include_str!("../envoy/grafana/dashboard.json");
const TROUBLESHOOTING: &str = include_str!("../docs/how-to/troubleshooting.md");
const MONITORING: &str = include_str!("../docs/how-to/monitoring.md");
const ARGO_FLAGGER: &str = include_str!("../docs/how-to/argo-flagger.md");

/// The name of each alert, and its definition with single spaces between words.
fn alerts() -> Vec<(&'static str, String)> {
    let definitions = ALERTS.split("\n  - alert: ").skip(1);
    let alerts = definitions.map(|text| {
        let (name, rest) = text.split_once('\n').unwrap();
        (name, rest.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    alerts.collect()
}

/// The first word of a field in a definition.
fn field(definition: &str, name: &str) -> Option<String> {
    let (_, rest) = definition.split_once(&format!(" {name}: "))?;
    rest.split([' ', '}']).next().map(str::to_owned)
}

/// Runs a tool from `make tools` in a folder of `envoy/`.
fn run(tool: &str, folder: &str, arguments: &[&str]) -> Output {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tool = project.join(".tools").join(tool);
    let mut command = Command::new(&tool);
    command.args(arguments).current_dir(project.join("envoy").join(folder));
    command.output().unwrap_or_else(|error| {
        panic!("{}: {error}; `make tools` installs it", tool.display());
    })
}

fn text(output: &Output) -> String {
    let of = String::from_utf8_lossy;
    format!("{}{}", of(&output.stdout), of(&output.stderr))
}

#[test]
fn promtool_accepts_the_alerts() {
    let checks: [&[&str]; 3] = [
        &["check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"],
        &["check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"],
        &["test", "rules", "alerts_test.yml"],
    ];
    for arguments in checks {
        let output = run("bin/promtool", "prometheus", arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }
}

/// The phases of two pods, and the values of the queries for Argo Rollouts and for Flagger.
#[test]
fn the_documented_queries_for_other_tools_follow_the_phases() {
    let lines = ARGO_FLAGGER.lines();
    let queries: Vec<&str> = lines.filter_map(|line| line.trim().strip_prefix("query: ")).collect();
    assert_eq!(queries.len(), 2);
    let cases = [
        ([0, 0], [0, 0]),
        ([3, 0], [0, 0]),
        ([3, 3], [1, 0]),
        ([3, 4], [-1, 1]),
        ([4, 5], [-1, 1]),
        ([5, 5], [0, 0]),
    ];
    let mut rules = String::from("tests:\n");
    for ([a, b], values) in cases {
        rules += "- interval: 1m\n  input_series:\n";
        for (pod, phase) in [("a", a), ("b", b)] {
            let series = format!(r#"verdigris_phase{{rollout="assistant-v8",pod="{pod}"}}"#);
            rules += &format!("  - {{series: '{series}', values: '{phase}'}}\n");
        }
        rules += "  promql_expr_test:\n";
        for (query, value) in queries.iter().zip(values) {
            let samples = format!("[{{labels: '{{}}', value: {value}}}]");
            rules += &format!("  - {{expr: '{query}', eval_time: 0m, exp_samples: {samples}}}\n");
        }
    }
    let folder = TempDir::with_prefix("verdigris-").unwrap();
    let path = folder.path().join("queries.yml");
    std::fs::write(&path, rules).unwrap();
    let output = run("bin/promtool", "prometheus", &["test", "rules", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn every_alert_has_a_test_in_which_it_fires() {
    let alerts = ALERTS.lines().filter_map(|line| line.strip_prefix("  - alert: "));
    for alert in alerts {
        let fires = format!("exp_samples: [{{labels: '{{alertname=\"{alert}\"}}', value: 1}}]");
        assert!(CASES.contains(&fires), "{alert}");
    }
    assert!(CASES.matches("exp_samples: []").count() >= 12);
}

/// The heading of an alert becomes an anchor that is its name in lower case.
#[test]
fn every_alert_has_a_runbook() {
    let (_, section) = TROUBLESHOOTING.split_once("\n## Alerts\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let headings: Vec<&str> = section.lines().filter_map(|it| it.strip_prefix("### ")).collect();
    let names: Vec<&str> = alerts().into_iter().map(|(name, _)| name).collect();
    assert_eq!(headings, names);
    for (name, definition) in alerts() {
        let page = "docs/how-to/troubleshooting.md";
        let expected = format!("{page}#{}", name.to_lowercase());
        assert_eq!(field(&definition, "runbook_url"), Some(expected), "{name}");
    }
}

/// The command in the document makes each runbook a link. The rules stay valid.
#[test]
fn the_documented_command_sets_the_address_of_the_runbooks() {
    let folder = TempDir::with_prefix("verdigris-").unwrap();
    let path = folder.path().join("alerts.yml");
    std::fs::write(&path, ALERTS).unwrap();
    let sed = MONITORING.lines().map(str::trim).find(|line| line.starts_with("sed -i")).unwrap();
    assert!(ALERTS.contains(&format!("#   {sed}\n")));
    let status = Command::new("sh").args(["-c", sed]).current_dir(folder.path()).status();
    assert!(status.unwrap().success(), "{sed}");
    let rules = std::fs::read_to_string(&path).unwrap();
    let linked = rules.matches("\n      runbook_url: https://docs.example.com/").count();
    assert_eq!(linked, alerts().len());
    let output = run("bin/promtool", "prometheus", &["check", "rules", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
}

/// Both ways to move all users to blue, in each alert about a bad green.
#[test]
fn alerts_contain_the_commands_that_abort_a_release() {
    let weights = "run `./weights 100 0` in Envoy's folder";
    let rollback = "`verdigris rollback http://127.0.0.1:9902`";
    let with_both: Vec<&str> = alerts()
        .into_iter()
        .filter(|(_, definition)| definition.contains(weights) && definition.contains(rollback))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        with_both,
        ["VerdigrisGreenErrors", "VerdigrisGreenRefusals", "VerdigrisRolledBack"]
    );
    let (_, section) = TROUBLESHOOTING.split_once("\n## Alerts\n").unwrap();
    for name in with_both {
        let (_, runbook) = section.split_once(&format!("### {name}\n")).unwrap();
        let runbook = runbook.split("\n### ").next().unwrap();
        for command in ["./weights 100 0", "verdigris rollback http://127.0.0.1:9902"] {
            assert!(runbook.contains(command), "{name}: {command}");
        }
    }
}

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

fn panels() -> Vec<Value> {
    dashboard()["panels"].as_array().unwrap().clone()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The query of each target and annotation.
fn queries() -> Vec<String> {
    let mut queries = Vec::new();
    for panel in panels() {
        let targets = panel["targets"].as_array().into_iter().flatten();
        queries.extend(targets.map(|target| string(&target["expr"])));
    }
    let dashboard = dashboard();
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    queries.extend(annotations.iter().map(|annotation| string(&annotation["expr"])));
    assert!(queries.len() > 60, "{}", queries.len());
    queries
}

#[test]
fn every_query_selects_the_chosen_envoys() {
    for query in queries() {
        // Each part has one selector.
        for selector in query.split('{').skip(1) {
            assert!(selector.contains("instance=~\"$instance"), "{query}");
        }
        assert!(query.contains('{') && !query.contains("$interval"), "{query}");
        for range in query.split('[').skip(1).filter(|it| !it.starts_with("0-9")) {
            assert!(range.starts_with("$__rate_interval]"), "{query}");
        }
    }
    let variables = dashboard()["templating"]["list"].as_array().unwrap().clone();
    let variable = |name| variables.iter().find(|it| it["name"] == name).unwrap();
    let instance = variable("instance");
    assert_eq!([&instance["multi"], &instance["includeAll"]], [true, true]);
    assert_eq!(variable("page")["type"], "textbox");
    assert_eq!(dashboard()["links"][0]["url"], "${page}");
}

/// A rollback on one Envoy stays visible if another has promoted.
#[test]
fn no_query_aggregates_phases_over_envoys() {
    for query in queries() {
        for gauge in ["phase", "step", "green_bp", "overdue"] {
            for (at, _) in query.match_indices(&format!("verdigris_{gauge}{{")) {
                let before = &query[..at];
                let is_by_envoy = before.ends_with("max by (instance) (");
                // The number of Envoys, and changes in each series.
                let is_other = before.ends_with("count(") || before.ends_with("changes(");
                assert!(is_by_envoy || is_other, "{query}");
            }
        }
    }
}

#[test]
fn times_are_in_seconds_with_a_99th_percentile_and_costs_in_dollars() {
    let panel = |title: &str| panels().into_iter().find(|panel| panel["title"] == title).unwrap();
    for title in ["Duration", "Time to first token"] {
        let panel = panel(title);
        assert_eq!(panel["fieldConfig"]["defaults"]["unit"], "s", "{title}");
        let targets = panel["targets"].as_array().unwrap();
        let legends: Vec<String> = targets.iter().map(|it| string(&it["legendFormat"])).collect();
        assert_eq!(legends, ["{{version}} p50", "{{version}} p95", "{{version}} p99"], "{title}");
        for target in targets {
            assert!(string(&target["expr"]).ends_with(" / 1000"), "{title}");
        }
    }
    let cost = panel("Cost per 1,000 answers");
    assert_eq!(cost["fieldConfig"]["defaults"]["unit"], "currencyUSD");
    assert!(string(&cost["targets"][0]["expr"]).ends_with(" / 1e6"));
}

#[test]
fn the_dashboard_is_generated_from_its_source() {
    let generated = run("venv/bin/python", "grafana", &["-B", "dashboard.py"]);
    assert!(generated.status.success(), "{}", text(&generated));
    assert!(generated.stdout == DASHBOARD.as_bytes(), "`make dashboard` generates it");
}

/// A replacement in the dashboard, and the problem that it causes.
#[test]
fn the_dashboard_complies_with_grafana_s_schema() {
    let changes = [
        ("{", "{", ""),
        (r#""refId": "A""#, r#""letter": "A""#, "/targets/0/letter: 'A' is read as None"),
        (r#""unit": "s""#, r#""units": "s""#, "/fieldConfig/defaults/units: 's' is read as"),
        (r#""lineWidth": 2"#, r#""lineWith": 2"#, "/custom/lineWith: 2 is read as None"),
    ];
    for (from, to, problem) in changes {
        let folder = TempDir::with_prefix("verdigris-").unwrap();
        let path = folder.path().join("dashboard.json");
        std::fs::write(&path, DASHBOARD.replace(from, to)).unwrap();
        let check = ["-B", "check.py", path.to_str().unwrap()];
        let output = run("venv/bin/python", "grafana", &check);
        assert_eq!(output.status.success(), problem.is_empty(), "{}", text(&output));
        assert!(text(&output).contains(problem), "{problem}: {}", text(&output));
    }
}
