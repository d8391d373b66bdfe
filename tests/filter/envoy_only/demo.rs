//! `make run`, which also shows the filter in front of servers that speak the
//! OpenAI API, under the official client, plain and streamed.

use std::process::Command;

use tempfile::TempDir;

use crate::artifacts;
use crate::envoy::process::{Process, wait_for};

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
        wait_for("the demo's end", || self.process.exit());
        if std::thread::panicking() {
            for name in ["envoy", "llmock-blue", "llmock-green"] {
                let log = self.folder.path().join("run").join(format!("{name}.log"));
                eprintln!("--- {name}\n{}", std::fs::read_to_string(log).unwrap_or_default());
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
