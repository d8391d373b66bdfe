//! `make run`, which also shows the filter in front of servers that speak the
//! OpenAI API, under the official client, plain and streamed.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::artifacts;
use crate::envoy::process::{PATIENCE, Process, found_within, wait_at_most, wait_for};

/// How long a ramp of the demo may take on a busy machine: longer than the demo itself waits.
const RAMP: Duration = Duration::from_secs(400);

struct Demo {
    process: Process,
    folder: TempDir,
}

impl Demo {
    fn start(options: &[&str]) -> Self {
        let folder = TempDir::with_prefix("verdigris-").unwrap();
        let mut command = Command::new(artifacts::python());
        command
            .arg(artifacts::shipped("demo/demo.py"))
            .arg("--wasm")
            .arg(artifacts::filter_wasm())
            .arg("--envoy")
            .arg(artifacts::envoy())
            .arg("--folder")
            .arg(folder.path().join("run"))
            .arg("--free-ports")
            .args(options);
        let process = Process::start(&mut command, &folder.path().join("demo.log"));
        Self { process, folder }
    }

    /// How many processes run in the demo's folder: Envoy and the upstreams.
    fn children(&self) -> usize {
        let run = self.folder.path().join("run");
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter(|process| {
                std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == run)
            })
            .count()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Not killed: it is to stop what it has started.
        self.process.interrupt();
        // No panic here: a second one would end the whole binary, and hide the first.
        let _ = found_within(PATIENCE, || self.process.exit());
        if std::thread::panicking() {
            let files = std::fs::read_dir(self.folder.path().join("run"));
            let files = files.into_iter().flatten().flatten().map(|file| file.path());
            for log in files.filter(|it| it.extension() == Some("log".as_ref())) {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                eprintln!("--- {}\n{text}", log.display());
            }
        }
    }
}

#[test]
fn make_run_shows_the_split_moving_and_leaves_nothing_behind() {
    let mut demo = Demo::start(&["--seconds=3", "--no-keep"]);
    let success = wait_for("the demo's end", || demo.process.exit());
    let log = demo.process.log();
    assert!(success, "{log}");
    let shares: Vec<f64> = log
        .lines()
        .filter(|line| line.trim_start().starts_with("weights "))
        .map(|line| {
            let (before, _) = line.split_once("% green").unwrap();
            before.rsplit(' ').next().unwrap().parse().unwrap()
        })
        .collect();
    let [five, fifty, hundred, zero] = shares[..] else { panic!("{log}") };
    assert!(five < 25.0 && (25.0..75.0).contains(&fifty), "{log}");
    assert!((hundred, zero) == (100.0, 0.0), "{log}");
    assert!(
        log.contains(" 0 failed; while green's share grew, no users went back to blue"),
        "{log}"
    );
    assert_eq!(demo.children(), 0);
}

/// Runs an act in which a ramp is walked, with short steps.
fn watch_ramp(act: &str) -> String {
    let mut demo = Demo::start(&[act, "--seconds=5", "--no-keep"]);
    let success = wait_at_most(RAMP, "the ramp's end", || demo.process.exit());
    let log = demo.process.log();
    assert!(success, "{log}");
    assert!(log.contains(" 0 failed"), "{log}");
    assert_eq!(demo.children(), 0);
    log
}

#[test]
fn a_green_that_refuses_more_is_rolled_back_while_one_watches() {
    let log = watch_ramp("bad");
    let (_, why) = log.split_once("-> rolled_back at 0 %: green is worse").expect(&log);
    // Undecided where it took all gates together, of which this one says most.
    let is_why = |it: &str| why.trim_start().starts_with(&format!("refusal_rate {it}: "));
    assert!(is_why("fail") || is_why("undecided"), "{log}");
    assert!(log.contains("everyone is on blue: green refused "), "{log}");
}

#[test]
fn a_green_like_blue_is_promoted_while_one_watches() {
    let log = watch_ramp("good");
    for decision in [
        // From ramping, or from holding where the evidence took longer than the step.
        " at 25 % -> ramping at 50 %: green is safe",
        "ramping at 100 % -> promoted at 100 %",
        "everyone is on green: green refused ",
        " 0 failed; no users went back to blue",
    ] {
        assert!(log.contains(decision), "no {decision:?}: {log}");
    }
}

#[test]
fn ctrl_c_stops_make_run_cleanly() {
    let mut demo = Demo::start(&["--seconds=1", "--keep"]);
    wait_for("the first step", || demo.process.log().contains("weights ").then_some(()));
    assert!(demo.children() >= 3, "Envoy and the two upstreams");
    demo.process.interrupt();
    assert!(wait_for("the demo's end", || demo.process.exit()));
    let log = demo.process.log();
    assert!(log.ends_with("stopped\n"), "{log}");
    assert_eq!(demo.children(), 0);
}
