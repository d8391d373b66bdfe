//! Load from `oha`, at a fixed rate or at the maximum rate.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::artifacts;
use crate::http::chat_body;
use crate::target::Target;

/// The number of connections: enough to saturate the proxy, or so few that a request seldom waits
/// for another.
const BUSY_CONNECTIONS: &str = "16";
const CALM_CONNECTIONS: &str = "4";

pub struct Load {
    seconds: u32,
    body: NamedTempFile,
}

/// The results of one run.
pub struct LoadResult {
    pub requests: f64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

// === impl Load ===

impl Load {
    pub fn new(seconds: u32) -> Self {
        let body = NamedTempFile::new().unwrap();
        fs::write(body.path(), chat_body(None)).unwrap();
        Self { seconds, body }
    }

    /// Loads `target`, with `rate` requests per second or at the maximum rate.
    ///
    /// # Panics
    /// If a request fails.
    pub fn run(&self, target: &Target, rate: Option<f64>) -> LoadResult {
        let mut command = Command::new(artifacts::tool("bin/oha"));
        command
            .args(["--no-tui", "--output-format", "json", "--worker-threads", "1"])
            .args([
                "-c",
                if rate.is_some() { CALM_CONNECTIONS } else { BUSY_CONNECTIONS },
                "-z",
                &format!("{}s", self.seconds),
            ])
            .args(["-m", "POST", "-T", "application/json", "-D"])
            .arg(self.body.path());
        for (name, value) in &target.headers {
            command.args(["-H", &format!("{name}: {value}")]);
        }
        if let Some(rate) = rate {
            // Latency counts from the time at which a request was due, not from its start.
            command.args(["-q", &format!("{rate:.0}"), "--latency-correction"]);
        }
        let output = command.arg(target.url()).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
        });
        let statuses = report["statusCodeDistribution"].as_object().unwrap();
        let requests = statuses.get("200").and_then(Value::as_f64).unwrap_or_default();
        let all: f64 = statuses.values().filter_map(Value::as_f64).sum();
        assert!(requests > 0.0 && requests == all, "{}: {statuses:?}", target.name);
        let latency = |percentile: &str| {
            report["latencyPercentiles"][percentile].as_f64().unwrap_or(f64::NAN) * 1000.0
        };
        LoadResult {
            requests,
            per_second: report["summary"]["requestsPerSec"].as_f64().unwrap(),
            p50_ms: latency("p50"),
            p99_ms: latency("p99"),
        }
    }
}
