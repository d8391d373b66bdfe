//! `make run`: the filter in front of servers with the OpenAI API, used by the official client.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::artifacts;
use crate::envoy::process::{Process, TIMEOUT, poll_within, wait_at_most, wait_for};

/// The time after which a ramp of the demo must have ended, longer than the demo's own timeout.
const RAMP_TIMEOUT: Duration = Duration::from_secs(400);

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
            .arg("--etcd")
            .arg(artifacts::etcd())
            .arg("--folder")
            .arg(folder.path().join("run"))
            .arg("--free-ports")
            .args(options);
        let process = Process::start(&mut command, &folder.path().join("demo.log"));
        Self { process, folder }
    }

    /// The number of processes whose working directory is the demo's folder or in it: Envoy, the
    /// upstreams and etcd.
    fn running_processes(&self) -> usize {
        let run = self.folder.path().join("run");
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter(|process| {
                std::fs::read_link(process.path().join("cwd"))
                    .is_ok_and(|cwd| cwd.starts_with(&run))
            })
            .count()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // A killed demo could not stop its own processes.
        self.process.interrupt();
        // A second panic would abort the test binary and hide the first one.
        let _ = poll_within(TIMEOUT, || self.process.exit_success());
        if std::thread::panicking() {
            let files = std::fs::read_dir(self.folder.path().join("run"));
            let files = files.into_iter().flatten().flatten().map(|file| file.path());
            for log in files.filter(|file| file.extension() == Some("log".as_ref())) {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                eprintln!("--- {}\n{text}", log.display());
            }
        }
    }
}

#[test]
fn make_run_shows_the_growing_share_and_leaves_no_process_behind() {
    let mut demo = Demo::start(&["--seconds=3", "--no-keep"]);
    let success = wait_for("the demo's end", || demo.process.exit_success());
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
        log.contains(" 0 failed; while green's share grew, no users returned to blue"),
        "{log}"
    );
    assert_eq!(demo.running_processes(), 0);
}

/// Runs an act of the demo that shows a ramp, with short steps. Returns its output.
fn run_ramp_act(act: &str) -> String {
    let mut demo = Demo::start(&[act, "--seconds=5", "--no-keep"]);
    let success = wait_at_most(RAMP_TIMEOUT, "the ramp's end", || demo.process.exit_success());
    let log = demo.process.log();
    assert!(success, "{log}");
    assert!(log.contains(" 0 failed"), "{log}");
    // The weights before the ramp are no decision of it.
    assert!(!log.contains("by_hand") && !log.contains("\n  paused"), "{log}");
    assert!(log.contains("while it runs (make run DEMO=\""), "{log}");
    assert_eq!(demo.running_processes(), 0);
    log
}

#[test]
fn the_act_bad_shows_the_rollback_of_a_green_that_refuses_more() {
    let log = run_ramp_act("bad");
    let (_, why) = log.split_once("-> rolled_back at 0 %: green is worse").expect(&log);
    // The gate may be undecided if all gates together caused the rollback; it then comes first.
    let is_reason =
        |verdict: &str| why.trim_start().starts_with(&format!("refusal_rate {verdict}: "));
    assert!(is_reason("fail") || is_reason("undecided"), "{log}");
    assert!(log.contains("all users are on blue: green refused "), "{log}");
}

#[test]
fn the_act_good_shows_the_promotion_of_a_green_like_blue() {
    let log = run_ramp_act("good");
    for decision in [
        // The previous phase is `ramping`, or `holding` if the evidence took longer than the step.
        " at 25 % -> ramping at 50 %: green is safe",
        "ramping at 100 % -> promoted at 100 %",
        "all users are on green: green refused ",
        " 0 failed; no users returned to blue",
    ] {
        assert!(log.contains(decision), "no {decision:?}: {log}");
    }
}

/// Green's answers are worse and never fail: only the judge finds it.
#[test]
fn the_act_judge_shows_that_worse_answers_are_rolled_back_before_a_user_sees_them() {
    let log = run_ramp_act("judge");
    let (_, why) = log.split_once("-> rolled_back at 0 %: green is worse").expect(&log);
    assert!(why.contains("preference fail: "), "{log}");
    assert!(log.contains(" No requests of users were on green. "), "{log}");
    let number = |before: &str| -> u64 {
        let (_, rest) = log.split_once(before).expect(&log);
        let digits: String =
            rest.chars().take_while(|it| it.is_ascii_digit() || *it == ',').collect();
        digits.replace(',', "").parse().expect(&log)
    };
    let (blue, green) = (number("blue's answer is better in "), number("green's in "));
    assert!(blue > 3 * green, "{log}");
    assert!(log.contains("The judge is a scripted server, too, and no model"), "{log}");
}

#[test]
fn the_act_fleet_shows_a_rollback_and_a_promotion_on_three_envoys() {
    let log = run_ramp_act("fleet");
    let (bad, good) = log.split_once("A good green replaces it").expect(&log);
    for (part, shown) in [
        (bad, "-> rolled_back at 0 %: green is worse"),
        (bad, "3 Envoys have 0% for green"),
        (bad, "  rolled_back  gateway-1   0%  gateway-2   0%  gateway-3   0%"),
        (good, "-> ramping at 25 %: the ramp begins again: restart is \"2\""),
        (good, ", which decides, is killed (kill -9)"),
        (good, " has the fleet's share, "),
        (good, "etcd is killed (kill -9)"),
        (good, " 0 failed; the shares are as before"),
        (good, "-> promoted at 100 %"),
        (good, "  promoted     gateway-1 100%  gateway-2 100%  gateway-3 100%"),
    ] {
        assert_eq!(part.matches(shown).count(), 1, "{shown:?}: {log}");
    }
    for gateway in ["gateway-1", "gateway-2", "gateway-3"] {
        for said in ["away; the ramp does not advance", "back"] {
            let line = format!("{gateway} says: the fleet's store is {said}");
            assert!(good.contains(&line), "{line:?}: {log}");
        }
    }
    // The first decider, and the one that took over from it.
    assert!(log.matches(" decides for the fleet").count() >= 2, "{log}");
}

#[test]
fn ctrl_c_stops_make_run_cleanly() {
    let mut demo = Demo::start(&["--seconds=1", "--keep"]);
    wait_for("the first step", || demo.process.log().contains("weights ").then_some(()));
    assert!(demo.running_processes() >= 3, "Envoy and the two upstreams");
    demo.process.interrupt();
    assert!(wait_for("the demo's end", || demo.process.exit_success()));
    let log = demo.process.log();
    assert!(log.ends_with("stopped\n"), "{log}");
    assert_eq!(demo.running_processes(), 0);
}
