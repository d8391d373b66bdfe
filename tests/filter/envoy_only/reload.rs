//! Reloads of the filter's configuration under load, and the script that changes weights.

use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::json;

use crate::artifacts;
use crate::envoy::process::wait_for;
use crate::envoy::upstream::{FIRST_EVENT, LAST_EVENT};
use crate::envoy::{Envoy, read_answer};
use crate::proxy::{Proxy, ROLLOUT, Request, config, counter, weights};

const CLIENTS: usize = 4;
const USERS_PER_CLIENT: usize = 50;
const RELOADS: u32 = 100;
const STREAMS: usize = 12;

/// Sends requests of a client's users in turn until `stop` is set. Panics if an answer is not
/// 200, or if a user returns to blue.
fn send_until_stopped(envoy: &Envoy, client: usize, sent: &AtomicU64, stop: &AtomicBool) {
    let mut on_green = [false; USERS_PER_CLIENT];
    while !stop.load(Ordering::Relaxed) {
        for (user, on_green) in on_green.iter_mut().enumerate() {
            let user = format!("client-{client}-user-{user}");
            let answer = read_answer(envoy.send_to("/", &Request::from_user(&user)).unwrap());
            assert_eq!(answer.status, 200, "{user}");
            let is_green = answer.cluster == "llm-green";
            assert_eq!(is_green, answer.version == "green", "{user}");
            assert!(is_green || !*on_green, "{user} returned to blue");
            *on_green = is_green;
            sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sets the flag when it is dropped.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_hundred_reloads_under_load_lose_no_request_and_no_stream() {
    let envoy = Envoy::start(&weights(100, 0));
    let streams: Vec<_> = (0..STREAMS)
        .map(|user| envoy.send_to("/hold", &Request::from_user(format!("stream-{user}"))).unwrap())
        .collect();
    let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        // The clients must stop if this thread panics, because the scope waits for them.
        let _stop = StopOnDrop(&stop);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (envoy, sent, stop) = (&envoy, &sent, &stop);
                scope.spawn(move || send_until_stopped(envoy, number, sent, stop))
            })
            .collect();
        for green in 1..=RELOADS {
            envoy
                .write_filter(&crate::envoy::filter_yaml(&weights(RELOADS - green, green)))
                .unwrap();
            // Each configuration handles some requests.
            let goal = sent.load(Ordering::Relaxed) + 20;
            wait_for("requests", || {
                let is_done = sent.load(Ordering::Relaxed) >= goal;
                (is_done
                    || clients.iter().any(|send_until_stopped| send_until_stopped.is_finished()))
                .then_some(())
            });
        }
    });
    for upstream in &envoy.upstreams {
        upstream.release_streams();
    }
    for mut stream in streams {
        let mut body = String::new();
        stream.read_to_string(&mut body).unwrap();
        assert_eq!(body, format!("{FIRST_EVENT}{LAST_EVENT}"), "a stream was cut");
    }
    let count = |version| envoy.read_stat(&counter(version, "requests")).unwrap();
    let (blue, green) = (count("blue"), count("green"));
    assert_eq!(blue + green, sent.load(Ordering::Relaxed) + STREAMS as u64);
    assert!(blue > 0 && green > 0);
    let updates = "extension_config_discovery.http_filter.verdigris";
    assert_eq!(envoy.read_stat(&format!("{updates}.update_rejected")), Some(0));
    assert_eq!(envoy.read_stat(&format!("{updates}.config_reload")), Some(u64::from(RELOADS) + 1));
}

/// While a stream of a configuration is open, Envoy keeps its root context, and uses it again when
/// the configuration returns.
#[test]
fn a_configuration_that_returns_while_its_streams_are_open_is_in_force_again() {
    let gauge = format!("wasmcustom.verdigris.{ROLLOUT}.green_bp");
    let mut envoy = Envoy::start(&weights(75, 25));
    let streams: Vec<_> = (0..STREAMS)
        .map(|user| envoy.send_to("/hold", &Request::from_user(format!("stream-{user}"))).unwrap())
        .collect();
    for (blue, green, basis_points) in
        [(50, 50, 5000), (75, 25, 2500), (0, 1, 10_000), (75, 25, 2500)]
    {
        envoy.push(&weights(blue, green)).unwrap();
        // The gauge is right both before and after the first requests.
        assert_eq!(envoy.stat(&gauge), Some(basis_points));
        let before = envoy.stat(&counter("green", "requests")).unwrap();
        for _ in 0..8 {
            envoy.send_on_new_connection();
        }
        let green_requests = envoy.stat(&counter("green", "requests")).unwrap() - before;
        let is_green = crate::assignment::is_green(b"ada", blue, green);
        assert_eq!(green_requests, if is_green { 8 } else { 0 }, "{blue}/{green}");
        assert_eq!(envoy.stat(&gauge), Some(basis_points));
    }
    envoy.upstreams.iter().for_each(|upstream| upstream.release_streams());
    for stream in streams {
        assert_eq!(stream.text().unwrap(), format!("{FIRST_EVENT}{LAST_EVENT}"));
    }
}

#[test]
fn a_refused_configuration_is_counted_in_envoys_stats() {
    let mut envoy = Envoy::start(&weights(0, 1));
    let rejected = "extension_config_discovery.http_filter.verdigris.update_rejected";
    assert_eq!(envoy.stat(rejected), Some(0));
    envoy.push(&config(json!({"weights": {"blue": 0, "green": 0}}))).unwrap_err();
    assert_eq!(envoy.stat(rejected), Some(1));
    assert_eq!(envoy.send(&Request::from_user("ada")).version, "green");
}

/// Envoy does not apply it. docs/reference/failure-modes.md warns operators of the misleading counter.
#[test]
fn envoy_counts_a_repeated_refused_configuration_as_a_success() {
    let envoy = Envoy::start(&weights(0, 1));
    let refused = crate::envoy::filter_yaml(&weights(0, 0));
    envoy.write_filter(&refused).unwrap_err();
    let stat = |name: &str| {
        envoy
            .read_stat(&format!("extension_config_discovery.http_filter.verdigris.{name}"))
            .unwrap()
    };
    let (taken, rejected) = (stat("update_success"), stat("update_rejected"));
    let again = envoy.folder.path().join("again");
    std::fs::write(&again, refused).unwrap();
    std::fs::rename(again, envoy.folder.path().join("config/filter.yaml")).unwrap();
    wait_for("Envoy to read it", || (stat("update_success") == taken + 1).then_some(()));
    assert_eq!(stat("update_rejected"), rejected);
    assert_eq!(envoy.send_on_new_connection().version, "green");
}

/// The files of a ConfigMap are symbolic links into a folder that is a symbolic link itself. An
/// update replaces the link to the folder.
#[test]
fn an_update_of_a_kubernetes_config_map_is_applied() {
    let mut envoy = Envoy::start(&weights(1, 0));
    let folder = envoy.folder.path().join("config");
    let data = folder.join("..data");
    for (version, green) in [("..1", 1), ("..2", 0), ("..3", 1)] {
        std::fs::create_dir(folder.join(version)).unwrap();
        let text = crate::envoy::filter_yaml(&weights(1 - green, green));
        std::fs::write(folder.join(version).join("filter.yaml"), text).unwrap();
        if !data.exists() {
            symlink(version, &data).unwrap();
            envoy.replace_filter(|filter| symlink("..data/filter.yaml", filter).unwrap()).unwrap();
        } else {
            let new = folder.join("..data_tmp");
            symlink(version, &new).unwrap();
            envoy.await_update(|| std::fs::rename(&new, &data).unwrap()).unwrap();
        }
        let expected = if green == 1 { "green" } else { "blue" };
        assert_eq!(envoy.send(&Request::from_user("ada")).version, expected, "{version}");
    }
}

#[test]
fn the_weights_script_fails_without_a_confirmation_of_envoy() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("filter.yaml");
    let shipped = std::fs::read_to_string(artifacts::shipped("config/filter.yaml")).unwrap();
    let ramp = shipped.replace("\"weights\": {\"blue\": 95, \"green\": 5}", "\"ramp\": {}");
    // The listener is dropped at once, so that nothing listens at its address.
    let unused_address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (text, code, messages) in [
        (&shipped, 3, ["written, but not confirmed", "set ADMIN to its address"]),
        (
            &ramp,
            1,
            [
                "has a ramp, which changes the weights itself",
                "all users to blue now: weights 100 0",
            ],
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("sh");
        command.arg(artifacts::shipped("weights")).args(["75", "25"]).arg(&file);
        let output = command.env("ADMIN", format!("http://{unused_address}")).output().unwrap();
        let output_text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{output_text}");
        assert!(messages.iter().all(|message| output_text.contains(message)), "{output_text}");
        let has_changed = std::fs::read_to_string(&file).unwrap().contains("\"blue\": 75");
        assert_eq!(has_changed, code == 3);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a file was left");
    }
}

#[test]
fn the_weights_script_reports_whether_envoy_applied_the_weights() {
    let mut envoy = Envoy::start(&weights(1, 0));
    let shipped = std::fs::read_to_string(artifacts::shipped("config/filter.yaml")).unwrap();
    envoy.write_filter(&shipped).unwrap();
    let weights = |blue: &str, green: &str| {
        let output = Command::new("sh")
            .arg(artifacts::shipped("weights"))
            .args([blue, green])
            .arg(envoy.folder.path().join("config/filter.yaml"))
            .env("ADMIN", envoy.admin_url())
            .output()
            .unwrap();
        let output_text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), output_text)
    };
    // The weights, the exit code, and what is printed.
    let cases = [
        ("0", "100", 0, "weights 0/100 in force"),
        ("0", "100", 0, "the weights are already 0/100"),
        ("0", "0", 2, "usage: weights BLUE GREEN"),
        ("-1", "2", 2, "usage: weights BLUE GREEN"),
        ("", "5", 2, "usage: weights BLUE GREEN"),
        ("05", "5", 2, "usage: weights BLUE GREEN"),
        ("75", "25", 0, "weights 75/25 in force"),
        ("0", "1", 0, "weights 0/1 in force"),
    ];
    for (blue, green, expected, message) in cases {
        let (code, output_text) = weights(blue, green);
        assert!(
            code == expected && output_text.contains(message),
            "{blue} {green}: {code} {output_text}"
        );
    }
    // Envoy reads a file that is written in place only when the script replaces it.
    let file = envoy.folder.path().join("config/filter.yaml");
    let in_force = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        in_force,
        shipped.replace("\"blue\": 95, \"green\": 5}", "\"blue\": 0, \"green\": 1}")
    );
    let invalid = in_force.replace("\"weights\":", "\"no_such_field\": 1, \"weights\":");
    std::fs::write(&file, &invalid).unwrap();
    for _ in 0..2 {
        let (code, output_text) = weights("50", "50");
        let message = "Envoy refused weights 50/50; the previous weights stay in force";
        assert!(code == 1 && output_text.contains(message), "{code} {output_text}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), invalid);
    }
    std::fs::write(&file, &in_force).unwrap();
    // The refused weights are not applied by a restart either.
    for _ in 0..2 {
        assert_eq!(envoy.send(&Request::from_user("ada")).version, "green");
        envoy.restart();
    }
}
