//! The CPU time and memory of a process and its children.
//!
//! Source: Linux, `proc_pid_schedstat(5)`, `proc_pid_status(5)`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The ids of the process and its descendants.
fn process_tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    for task in task_folders(pid) {
        let children = fs::read_to_string(task.join("children")).unwrap_or_default();
        found
            .extend(children.split_whitespace().flat_map(|pid| process_tree(pid.parse().unwrap())));
    }
    found
}

fn task_folders(pid: u32) -> Vec<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    tasks.into_iter().flatten().flatten().map(|task| task.path()).collect()
}

/// The CPU time that all threads have used so far.
pub fn cpu_time(pid: u32) -> Duration {
    let nanoseconds = process_tree(pid).into_iter().flat_map(task_folders).map(|task| {
        let stat = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or_default()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The resident memory, in KiB.
pub fn resident_kib(pid: u32) -> f64 {
    let resident = process_tree(pid).into_iter().map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
    });
    resident.flatten().sum()
}
