//! A child process that does not outlive its test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a test waits for what should be there in milliseconds. Long, since
/// the machine may be busy; never the expected time.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, its output going to the file `log`.
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

    /// Whether it ended well; `None` while it runs.
    pub fn exit(&mut self) -> Option<bool> {
        self.child.try_wait().unwrap().map(|status| status.success())
    }

    /// As Ctrl-C in its terminal, if it still runs.
    pub fn interrupt(&mut self) {
        if self.exit().is_none() {
            // An error means that it has ended meanwhile.
            let _ = Command::new("kill").args(["-INT", &self.id().to_string()]).status();
        }
    }

    pub fn stop(&mut self) {
        // Errors mean that it has stopped already.
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

/// Waits until `condition` gives something; `what` names it in the failure.
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, what, condition)
}

/// As [`wait_for`], with another patience.
pub fn wait_at_most<T>(patience: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    found_within(patience, condition).unwrap_or_else(|| panic!("waited {patience:?} for {what}"))
}

/// What `condition` gives before the patience is over.
pub fn found_within<T>(patience: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let is_over = start.elapsed() >= patience;
        let found = condition();
        if found.is_some() || is_over {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
