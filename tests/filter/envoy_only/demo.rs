//! `make run`, which also shows the filter in front of servers that speak the
//! OpenAI API, under the official client, plain and streamed.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::artifacts;
use crate::envoy::process::{Process, wait_for};

struct Demo {
    process: Process,
    _folder: TempDir,
}

fn start(options: &[&str]) -> Demo {
    let folder = TempDir::with_prefix("verdigris-").unwrap();
    let mut command = Command::new(python());
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
    Demo { process, _folder: folder }
}

fn python() -> PathBuf {
    let bin = artifacts::llmock().canonicalize().unwrap();
    bin.with_file_name("python")
}

/// Whether anything listens where the demo says that Envoy does.
fn is_up(log: &str) -> bool {
    let (_, rest) = log.split_once("listens on http://").unwrap();
    let address: SocketAddr = rest.split_once(',').unwrap().0.parse().unwrap();
    TcpStream::connect(address).is_ok()
}

#[test]
fn make_run_shows_the_split_moving_and_leaves_nothing_behind() {
    let mut demo = start(&["--seconds=3", "--no-keep"]);
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
    assert!(!is_up(&log));
}

#[test]
fn ctrl_c_stops_make_run_cleanly() {
    let mut demo = start(&["--seconds=1", "--keep"]);
    wait_for("the first step", || demo.process.log().contains("weights ").then_some(()));
    assert!(is_up(&demo.process.log()));
    demo.process.interrupt();
    assert!(wait_for("the demo's end", || demo.process.exit()));
    let log = demo.process.log();
    assert!(log.ends_with("stopped\n"), "{log}");
    assert!(!is_up(&log));
}
