//! What a process and its children take: time on a CPU, and memory.
//!
//! Source: Linux, `proc_pid_schedstat(5)`, `proc_pid_status(5)`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The process and all that it has started.
fn tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    for task in entries(pid) {
        let children = fs::read_to_string(task.join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().flat_map(|pid| tree(pid.parse().unwrap())));
    }
    found
}

fn entries(pid: u32) -> Vec<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    tasks.into_iter().flatten().flatten().map(|task| task.path()).collect()
}

/// The time that all threads have run so far.
pub fn time(pid: u32) -> Duration {
    let nanoseconds = tree(pid).into_iter().flat_map(entries).map(|task| {
        let stat = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or_default()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The memory that is resident, in KiB.
pub fn memory(pid: u32) -> f64 {
    let resident = tree(pid).into_iter().map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
    });
    resident.flatten().sum()
}
