//! Starts Envoy until it listens on its ports, and finds their addresses.

use super::Envoy;
use super::process::{Process, wait_for};

/// The number of times that Envoy is started until it can listen.
const STARTS: usize = 5;

/// Texts of Envoy's log that say that another process has the port.
const PORT_TAKEN: [&str; 2] = ["errno=98", "Address already in use"];

impl Envoy {
    /// Stops Envoy, and starts it by `start`.
    pub(super) fn restart_by(&mut self, start: impl Fn(&Self) -> Process) {
        self.process.stop();
        std::fs::remove_file(self.folder.path().join("admin.txt")).unwrap();
        let log_before = self.log().len();
        self.process = start(self);
        self.wait_until_ready(log_before, start);
    }

    /// Waits until the started Envoy is ready. If it cannot listen, starts another one by
    /// `start`. `log_before` is the length of the log before the start, in bytes.
    ///
    /// Envoy binds port 0 with `SO_REUSEADDR`. For such a socket the kernel may choose a port
    /// that another process has bound in the same way; only one of them can listen on it.
    pub(super) fn wait_until_ready(
        &mut self,
        mut log_before: usize,
        start: impl Fn(&Self) -> Process,
    ) {
        for _ in 1..STARTS {
            if self.listens(log_before) {
                return;
            }
            self.process.stop();
            // Without an admin port Envoy has not written the file.
            let _ = std::fs::remove_file(self.folder.path().join("admin.txt"));
            log_before = self.log().len();
            self.process = start(self);
        }
        assert!(self.listens(log_before), "no free port in {STARTS} starts:\n{}", self.log());
    }

    /// Waits until Envoy is ready. Returns false if another process has one of its ports.
    fn listens(&mut self, log_before: usize) -> bool {
        let address = self.folder.path().join("admin.txt");
        let listeners = wait_for("Envoy to listen", || {
            if self.process.exit_success().is_some() {
                return Some(None);
            }
            self.admin = format!("http://{}", std::fs::read_to_string(&address).ok()?);
            let ready = self.client.get(format!("{}/ready", self.admin)).send().ok()?;
            (ready.status() == 200).then(|| Some(self.admin("/listeners")))
        });
        let log = self.log();
        let log = log.get(log_before..).unwrap_or_default();
        if PORT_TAKEN.iter().any(|text| log.contains(text)) {
            return false;
        }
        let listeners = listeners.unwrap_or_else(|| panic!("Envoy ended:\n{log}"));
        let url = |name| {
            let address = listeners.lines().find_map(|line| line.strip_prefix(name));
            address.map(|address| format!("http://{address}"))
        };
        self.url = url("llm::").unwrap();
        self.console = url("console::");
        true
    }
}
