//! The shipped alerts and the dashboard, checked with Prometheus' and Grafana's own tools. Their
//! queries are tested on a live run in `filter/`.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const ALERTS: &str = include_str!("../envoy/prometheus/alerts.yml");
const CASES: &str = include_str!("../envoy/prometheus/alerts_test.yml");
const DASHBOARD: &str = include_str!("../envoy/grafana/dashboard.json");

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

#[test]
fn every_alert_has_a_test_in_which_it_fires() {
    let alerts = ALERTS.lines().filter_map(|line| line.strip_prefix("  - alert: "));
    for alert in alerts {
        let fires = format!("exp_samples: [{{labels: '{{alertname=\"{alert}\"}}', value: 1}}]");
        assert!(CASES.contains(&fires), "{alert}");
    }
    assert!(CASES.matches("exp_samples: []").count() >= 12);
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
        (r#""unit": "ms""#, r#""units": "ms""#, "/fieldConfig/defaults/units: 'ms' is read as"),
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
