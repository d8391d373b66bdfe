//! The command at a terminal.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(120);

/// A command that has a terminal of its own.
pub struct Terminal {
    child: Child,
    /// What it has written since it was last waited for, and all.
    written: Arc<Mutex<(String, String)>>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Starts it at a terminal of 24 lines.
    pub fn start(arguments: &[&str], in_colour: bool) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let open =
            || OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_verdigris"));
        command.args(arguments).env("TERM", "xterm-256color").env_remove("NO_COLOR");
        if !in_colour {
            command.env("NO_COLOR", "1");
        }
        let child = command.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
        // Or the terminal would never end.
        drop(command);
        let written = Arc::default();
        let reader = std::thread::spawn({
            let written: Arc<Mutex<(String, String)>> = Arc::clone(&written);
            move || read(File::from(ours), &written)
        });
        Self { child, written, reader: Some(reader) }
    }

    /// Waits until this is written; what came before is not looked at again.
    pub fn wait_for(&self, part: &str) {
        let began = Instant::now();
        while !self.has_written(part) {
            if began.elapsed() > PATIENCE {
                let written = self.written.lock().unwrap().0.clone();
                let last: Vec<_> = written.lines().rev().take(60).collect();
                panic!("no {part:?}; the last lines, from the end: {last:#?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn has_written(&self, part: &str) -> bool {
        let (new, _) = &mut *self.written.lock().unwrap();
        let Some(at) = new.find(part) else { return false };
        new.drain(..at + part.len());
        true
    }

    /// Ends it by a signal: its exit code, and all that it has written.
    pub fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        let all = std::mem::take(&mut self.written.lock().unwrap().1);
        (code, all)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until nobody has the terminal any more, which is an error.
fn read(mut terminal: File, written: &Mutex<(String, String)>) {
    let (mut bytes, mut rest) = ([0; 4096], Vec::new());
    while let Ok(count @ 1..) = terminal.read(&mut bytes) {
        rest.extend_from_slice(&bytes[..count]);
        // A character may come in two parts.
        let whole = match std::str::from_utf8(&rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8(rest.drain(..whole).collect()).unwrap();
        let mut written = written.lock().unwrap();
        written.0 += &text;
        written.1 += &text;
    }
}
