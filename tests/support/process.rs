//! Child processes that do not outlive their test, and waiting with a timeout.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The time after which a test fails that waits for an event. Events take milliseconds; the
/// timeout allows for a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(120);

/// A child process, killed when it is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` and appends its output to the file `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log).unwrap();
        let errors = output.try_clone().unwrap();
        let child = command.stdout(output).stderr(errors).spawn().unwrap();
        Self { child, log: log.to_owned() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether the process exited with success; `None` while it runs.
    pub fn exit_success(&mut self) -> Option<bool> {
        self.child.try_wait().unwrap().map(|status| status.success())
    }

    /// Sends SIGINT, as Ctrl-C does, if the process still runs.
    pub fn interrupt(&mut self) {
        if self.exit_success().is_none() {
            // An error means that the process has ended in the meantime.
            let _ = Command::new("kill").args(["-INT", &self.id().to_string()]).status();
        }
    }

    pub fn stop(&mut self) {
        // Errors mean that the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(60)..];
            eprintln!("--- end of {} ---\n{}", self.log.display(), tail.join("\n"));
        }
    }
}

/// A process that has lost its parent, killed when it is dropped.
pub struct OrphanProcess {
    id: String,
}

impl OrphanProcess {
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned() }
    }

    pub fn is_running(&self) -> bool {
        // A zombie process has an empty command line.
        std::fs::read(format!("/proc/{}/cmdline", self.id))
            .is_ok_and(|command_line| !command_line.is_empty())
    }
}

impl Drop for OrphanProcess {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.id]).status();
    }
}

/// Polls `condition` until it returns a value. Panics after [`TIMEOUT`]; the message contains
/// `what`.
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_at_most(TIMEOUT, what, condition)
}

/// As [`wait_for`], with another timeout.
pub fn wait_at_most<T>(timeout: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    poll_within(timeout, condition).unwrap_or_else(|| panic!("waited {timeout:?} for {what}"))
}

/// Polls `condition` until it returns a value. Returns `None` after the timeout.
pub fn poll_within<T>(timeout: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let is_timed_out = start.elapsed() >= timeout;
        let value = condition();
        if value.is_some() || is_timed_out {
            return value;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
