//! What an Envoy without requests does.

use serde_json::{Value, json};

use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy, config};

const RELOADS: u32 = 200;

/// A worker's event loop runs at each tick of a root context, when a second's histograms are merged,
/// and for the admin interface's requests: 10 to 15 times a second. With a timer left by each reload it ran
/// 70 to 90 times a second, since timers that expire together share a run.
const MAX_LOOPS_PER_SECOND: u64 = 35;

/// Has Envoy count the runs of each thread's event loop.
fn count_loops(bootstrap: &str) -> String {
    format!("enable_dispatcher_stats: true\nstats_flush_interval: 1s\n{bootstrap}")
}

/// How often the event loop of the first worker has run.
fn loops(envoy: &Envoy) -> u64 {
    const NAME: &str = "envoy_listener_manager_worker_dispatcher_loop_duration_us_count";
    let stats = envoy.admin("/stats/prometheus?filter=dispatcher");
    let is_first_worker = |line: &&str| line.starts_with(NAME) && line.contains("worker_id=\"0\"");
    let line = stats.lines().find(is_first_worker).unwrap_or_else(|| panic!("{stats}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// How often the worker's event loop runs in a second, measured over some seconds of Envoy's clock.
fn loops_per_second(envoy: &Envoy) -> u64 {
    let uptime = || envoy.read_stat("server.uptime").unwrap();
    let next_second = |after| {
        wait_for("the next seconds", || {
            let now = uptime();
            (now >= after).then(|| (now, loops(envoy)))
        })
    };
    let (began, before) = next_second(uptime() + 2);
    let (ended, after) = next_second(began + 4);
    (after - before) / (ended - began)
}

fn assert_idle_after_reloads(configs: &dyn Fn(u32) -> Value) {
    let mut envoy = Envoy::start_with(&Setup {
        filter: Some(&filter_yaml(&configs(0))),
        token: Some("a-token-of-the-tests"),
        edit_bootstrap: &|shipped, _| count_loops(&shipped),
        ..Setup::default()
    });
    for reload in 1..=RELOADS {
        envoy.push(&configs(reload)).unwrap();
    }
    let found = loops_per_second(&envoy);
    assert!(found <= MAX_LOOPS_PER_SECOND, "{found} runs of the event loop in a second");
}

#[test]
fn an_idle_envoy_ticks_one_ramp_after_many_reloads() {
    assert_idle_after_reloads(&|reload| {
        config(json!({"ramp": {"steps": [50], "timeout": format!("{}h", reload + 10)}}))
    });
}

#[test]
fn an_idle_envoy_ticks_one_rollout_with_weights_after_many_reloads() {
    assert_idle_after_reloads(&|reload| {
        config(json!({"weights": {"blue": 1000 - reload, "green": reload}}))
    });
}
