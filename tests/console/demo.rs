//! The demo's ramp of a good green, in a real Envoy.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use verdigris::console::View;
use verdigris::console::view::RolloutView;

/// The demo, which ends with it.
pub struct Demo {
    process: Child,
    /// The URL of the page.
    pub page: String,
}

/// How long the demo takes at most until its second step has evidence.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Steps are longer than in `make run`, so that the charts have more samples.
const BAKE_S: &str = "30";
/// How long the second step lasts at least when the page is ready.
const MIN_IN_STEP_S: u64 = 22;

impl Demo {
    /// Starts the demo on free ports. `make build tools` has built what it needs.
    pub fn start() -> Self {
        let envoy = std::env::var("ENVOY").unwrap_or_else(|_| ".tools/bin/envoy".to_owned());
        let mut process = Command::new(".tools/venv/bin/python")
            .arg("envoy/demo/demo.py")
            .args(["--wasm", "target/wasm32-wasip1/release/verdigris.wasm", "--envoy", &envoy])
            .args(["--folder", "target/run-screenshots", "--free-ports", "--keep"])
            .args(["--seconds", BAKE_S, "good"])
            .env("PYTHONUNBUFFERED", "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("`make tools` has installed the demo");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let page = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("The page is ")?;
            Some(rest.split(';').next()?.to_owned())
        });
        // Nobody else reads the output; the demo must not wait for it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, page: page.expect("the demo starts") }
    }

    /// Waits until the ramp is in its second step and both gates have evidence.
    pub async fn wait_for_evidence(&self) {
        let started = Instant::now();
        loop {
            let state = reqwest::get(format!("{}/state.json", self.page)).await.unwrap();
            let view: View = serde_json::from_slice(&state.bytes().await.unwrap()).unwrap();
            if view.rollouts.iter().any(has_evidence) {
                return;
            }
            assert!(started.elapsed() < TIMEOUT, "no evidence in the second step: {view:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn has_evidence(rollout: &RolloutView) -> bool {
    let Some(ramp) = rollout.ramp.as_ref().filter(|it| it.step == 1) else { return false };
    let Some(analysis) = &ramp.judgement else { return false };
    ramp.in_step_s >= MIN_IN_STEP_S && analysis.gates.iter().all(|gate| gate.low.is_some())
}

impl Drop for Demo {
    fn drop(&mut self) {
        // The demo ends its servers and Envoy when it is interrupted.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}
