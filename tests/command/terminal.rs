//! Runs the command at a pseudoterminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(120);

/// A command at a terminal of its own.
pub struct Terminal {
    child: Child,
    input: File,
    written: Arc<Mutex<Written>>,
    reader: Option<JoinHandle<()>>,
}

/// The output of the command.
#[derive(Default)]
struct Written {
    /// The output since the last match of [`Terminal::wait_for`].
    new: String,
    all: String,
}

impl Terminal {
    /// Starts the command at a terminal of 24 rows and 100 columns.
    pub fn start(arguments: &[&str], in_colour: bool) -> Self {
        let no_colour = [("NO_COLOR", "1")];
        Self::start_with(arguments, if in_colour { &[] } else { &no_colour })
    }

    /// Starts the command with these environment variables.
    pub fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_at(100, arguments, variables)
    }

    /// Starts the command at a terminal of this many columns.
    pub fn start_at(columns: u16, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let open =
            || OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_verdigris"));
        command.args(arguments).env("TERM", "xterm-256color").env_remove("NO_COLOR");
        command.envs(variables.iter().copied());
        let child = command.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
        // Closes this process's descriptors, so that the terminal ends with the command.
        drop(command);
        let written = Arc::default();
        let ours = File::from(ours);
        let input = ours.try_clone().unwrap();
        let reader = std::thread::spawn({
            let written: Arc<Mutex<Written>> = Arc::clone(&written);
            move || read(ours, &written)
        });
        Self { child, input, written, reader: Some(reader) }
    }

    /// Waits for this output, and discards everything before it.
    pub fn wait_for(&self, part: &str) {
        let began = Instant::now();
        while !self.has_written(part) {
            if began.elapsed() > PATIENCE {
                let written = self.written.lock().unwrap().new.clone();
                let last: Vec<_> = written.lines().rev().take(60).collect();
                panic!("no {part:?}; the last lines, from the end: {last:#?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn has_written(&self, part: &str) -> bool {
        let new = &mut self.written.lock().unwrap().new;
        let Some(at) = new.find(part) else { return false };
        new.drain(..at + part.len());
        true
    }

    /// Ends the command by a signal. Returns its exit code and all its output.
    pub fn end(self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.wait()
    }

    /// Writes a text, as the keyboard does.
    pub fn write(&self, text: &str) {
        (&self.input).write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the command has ended. Returns its exit code and all its output.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        let all = std::mem::take(&mut self.written.lock().unwrap().all);
        (code, all)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the command has closed the terminal, which is an error.
fn read(mut terminal: File, written: &Mutex<Written>) {
    let (mut bytes, mut rest) = ([0; 4096], Vec::new());
    while let Ok(count @ 1..) = terminal.read(&mut bytes) {
        rest.extend_from_slice(&bytes[..count]);
        // A character may be split between two reads.
        let whole = match std::str::from_utf8(&rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8(rest.drain(..whole).collect()).unwrap();
        let mut written = written.lock().unwrap();
        written.new += &text;
        written.all += &text;
    }
}
