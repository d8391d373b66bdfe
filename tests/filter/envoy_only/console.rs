//! The console of a real Envoy: it agrees with the stats, closes itself to whom it is not
//! for, and is missed by no request.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Method;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use verdigris::console::View;

use super::ramp::{GOOD, RAMP, counter, gauge, new_client, set_models, while_clients};
use crate::artifacts;
use crate::envoy::process::{wait_at_most, wait_for};
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{Proxy as _, ROLLOUT, Request, config, weights};

const TOKEN: &str = "a-token-that-is-long";

fn start(config: &Value, token: Option<&'static str>, workers: u32) -> Envoy {
    let filter = filter_yaml(config);
    Envoy::start_with(&Setup { filter: Some(&filter), token, workers, ..Setup::default() })
}

fn console(envoy: &Envoy, path: &str) -> String {
    format!("{}{path}", envoy.console.as_ref().unwrap())
}

/// Asks by a connection of its own, which another worker may have.
fn view(envoy: &Envoy) -> View {
    let answer = new_client().get(console(envoy, "/state.json")).send().unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.bytes().unwrap()).unwrap()
}

fn order(envoy: &Envoy, order: &str, body: &Value) -> Response {
    let request = new_client().post(console(envoy, &format!("/{order}")));
    request.bearer_auth(TOKEN).body(body.to_string()).send().unwrap()
}

/// All counters of versions, as `/stats` has them.
fn stats(envoy: &Envoy) -> BTreeMap<String, u64> {
    let prefix = format!("wasmcustom.verdigris.{ROLLOUT}.");
    let stats = envoy.admin(&format!("/stats?type=Counters&filter=^{prefix}"));
    let counters = stats.lines().map(|line| {
        let (name, count) = line.split_once(": ").unwrap();
        (name.strip_prefix(&prefix).unwrap().to_owned(), count.parse().unwrap())
    });
    counters.filter(|(name, _)| !name.contains(".evidence_")).collect()
}

/// The same, as `/state.json` has them.
fn counters(view: &View) -> BTreeMap<String, u64> {
    let versions = view.rollouts[0].versions.iter().flat_map(|version| {
        let name = |(name, count): &(String, u64)| (format!("{}.{name}", version.version), *count);
        version.counters.iter().map(name)
    });
    versions.collect()
}

#[test]
fn the_state_agrees_with_the_stats_under_load_to_the_request() {
    let ramp = json!({
        "steps": [50, 100], "bake": "1h", "gates": [{"metric": "ttft"}], "tripwires": [],
    });
    let feedback = json!({"path": "/feedback", "thumb": "/thumb"});
    let shadow = json!({"percent": 10});
    let envoy =
        start(&config(json!({"ramp": ramp, "feedback": feedback, "shadow": shadow})), None, 2);
    set_models(&envoy, [GOOD, GOOD]);
    wait_for("the ramp", || (gauge(&envoy, "green_bp") == 5000).then_some(()));
    let url = format!("{}/model/completions", envoy.url);
    let sent = AtomicU64::new(0);
    let ask = |client: &Client, user: String| {
        let answer = client.post(&url).header("x-user-id", user).send().unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().unwrap();
        sent.fetch_add(1, Ordering::Relaxed);
    };
    let looks = while_clients(ask, || {
        wait_for("requests", || (sent.load(Ordering::Relaxed) > 100).then_some(()));
        for _ in 0..50 {
            let before = stats(&envoy);
            let shown = counters(&view(&envoy));
            let after = stats(&envoy);
            let names: Vec<_> = shown.keys().collect();
            assert_eq!(names, before.keys().collect::<Vec<_>>());
            for (name, count) in &shown {
                let range = before[name]..=after[name];
                assert!(range.contains(count), "{name}: {count} is not in {range:?}");
            }
        }
        sent.load(Ordering::Relaxed)
    });
    assert!(looks > 200, "only {looks} requests were under way");
    // Shadows end after their requests.
    let requests = |of: &BTreeMap<String, u64>, name: &str| {
        of[&format!("blue.{name}")] + of[&format!("green.{name}")]
    };
    wait_for("the last responses to be counted", || {
        let stats = stats(&envoy);
        let is_over = |version: &str| {
            stats[&format!("{version}.responses_2xx")] == stats[&format!("{version}.requests")]
        };
        ["blue", "green"].iter().all(|it| is_over(it)).then_some(())
    });
    for _ in 0..8 {
        let (shown, stats) = (counters(&view(&envoy)), stats(&envoy));
        assert_eq!(shown, stats);
        assert_eq!(requests(&shown, "requests"), sent.load(Ordering::Relaxed));
        assert_eq!(requests(&shown, "answers"), sent.load(Ordering::Relaxed));
    }
    // What is judged is what is counted of it.
    wait_for("the evidence to be counted", || {
        let view = view(&envoy);
        let judged = view.rollouts[0].ramp.as_ref()?.judgement.as_ref()?;
        let evidence = |version| counter(&envoy, version, "evidence_units.s0");
        let known = (evidence("blue"), evidence("green"));
        (known == (judged.blue_units, judged.green_units) && known.0 > 0).then_some(())
    });
}

/// What a client that writes bytes of its own is answered.
fn answer_to(envoy: &Envoy, bytes: &[u8]) -> String {
    let address = envoy.console.as_ref().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has answered what it has.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Everything but the time, the counters and what follows from them.
fn standing(envoy: &Envoy) -> Value {
    let mut view = view(envoy);
    view.now_ms = 0;
    for rollout in &mut view.rollouts {
        rollout.versions.clear();
        rollout.problems.clear();
    }
    serde_json::to_value(view).unwrap()
}

#[test]
fn without_the_token_nothing_changes_and_nothing_leaks() {
    let host = "127.0.0.1";
    let reason = r#"{"reason": "because"}"#;
    let weights_of = r#"{"reason": "because", "weights": {"blue": 0, "green": 1}}"#;
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    let long = "x".repeat(100_000);
    let post = |path: &str, headers: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        )
    };
    let plain = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n")
    };
    let mut requests = vec![
        post("/rollback", "authorization: Bearer wrong\r\n", reason),
        post("/rollback", &format!("authorization: Bearer {TOKEN}x\r\n"), reason),
        post("/rollback", &format!("authorization: Basic {TOKEN}\r\n"), reason),
        post("/rollback", &format!("authorization: {TOKEN}\r\n"), reason),
        post("/rollback", &format!("x-authorization: Bearer {TOKEN}\r\n"), reason),
        post(&format!("/rollback?token={TOKEN}"), "", reason),
        post(&format!("/rollback?authorization=Bearer+{TOKEN}"), "", reason),
        post("/rollback", "cookie: token=x\r\nx-envoy-internal: true\r\n", reason),
        post("/rollback", &format!("{right}origin: http://elsewhere.example\r\n"), reason),
        post("/rollback", &format!("{right}origin: null\r\n"), reason),
        post("/rollback", &format!("{right}sec-fetch-site: cross-site\r\n"), reason),
        post("/rollback", &format!("{right}{right}"), reason),
        post("/rollback", &right, ""),
        post("/rollback", &right, "{"),
        post("/rollback", &right, "{}"),
        post("/rollback", &right, "[[[[[[[[[[[["),
        post("/rollback", &right, &"[".repeat(4000)),
        post("/rollback", &right, &format!(r#"{{"reason": "{long}"}}"#)),
        post("/rollback", &right, "\u{0}\u{0}"),
        post("/rollback?rollout=another", &right, reason),
        post("/rollback?rollout=a&rollout=b", &right, reason),
        post("/weights", &right, reason),
        post("/weights", &right, r#"{"reason": "b", "weights": {"blue": 0, "green": 0}}"#),
        post("/weights", &right, r#"{"reason": "b", "weights": {"blue": 1e9, "green": -1}}"#),
        post("/pause", &right, reason),
        post("/approve", &right, reason),
        post("/resume", &right, reason),
        post("/rollback/", &right, reason),
        post("//rollback", &right, reason),
        post("/ROLLBACK", &right, reason),
        post("/%72ollback", &right, reason),
        post("/x/../rollback", &right, reason),
        post("/", &right, reason),
        post("/state.json", &right, reason),
        plain("GET /rollback", &right),
        plain("OPTIONS /rollback", &format!("{right}access-control-request-method: POST\r\n")),
        plain("DELETE /", &right),
        plain("TRACE /", &right),
        plain("PROPFIND /", ""),
        plain("GET /config_dump", ""),
        plain("GET /quitquitquit", ""),
        plain("POST /quitquitquit", ""),
        plain("GET /../../etc/passwd", ""),
        plain(&format!("GET /{long}"), ""),
        plain("GET /", &format!("x: {long}\r\n")),
        format!("POST /rollback HTTP/1.0\r\n{right}content-length: 21\r\n\r\n{reason}"),
        format!("POST /rollback HTTP/1.1\r\n{right}content-length: 21\r\n\r\n{reason}"),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: elsewhere.example\r\n{right}content-length: 21\r\n\r\n{reason}"
        ),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {host}\r\nhost: {host}\r\n{right}content-length: 21\r\n\r\n{reason}"
        ),
        // A body that never ends.
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {host}\r\n{right}content-length: 99\r\n\r\n{reason}"
        ),
        format!(
            "POST /rollback HTTP/1.1\r\nhost: {host}\r\n{right}transfer-encoding: chunked\r\n\r\nffff\r\n{reason}"
        ),
        "\r\n\r\n".to_owned(),
        "\u{0}\u{1}\u{2}".to_owned(),
    ];
    // No order of any kind without the token.
    for order in ["pause", "resume", "rollback", "promote", "approve", "weights"] {
        requests.push(post(&format!("/{order}"), "", weights_of));
    }
    let envoy = start(&weights(50, 50), Some(TOKEN), 2);
    let before = standing(&envoy);
    for request in &requests {
        let answer = answer_to(&envoy, request.as_bytes());
        let shown = &request[..request.len().min(200)];
        assert!(!answer.starts_with("HTTP/1.1 2"), "{shown}\n{answer}");
        assert!(!answer.contains(TOKEN), "{shown}\n{answer}");
        assert!(!answer.contains("access-control"), "{shown}\n{answer}");
    }
    assert_eq!(standing(&envoy), before, "{}", envoy.log());
    for path in ["/config_dump", "/stats", "/clusters", "/server_info"] {
        assert!(!envoy.admin(path).contains(TOKEN), "{path}");
    }
    let html = new_client().get(console(&envoy, "/")).send().unwrap().text().unwrap();
    assert!(html.contains("data-order=\"rollback\"") && !html.contains(TOKEN));
    assert!(!envoy.log().contains(TOKEN));
    // It was nothing but the token that was missing.
    let done = order(&envoy, "rollback", &json!({"reason": "because"}));
    assert_eq!(done.status(), 200);
    assert_ne!(standing(&envoy), before);
    drop(envoy);

    // Where there is none, there is nothing to steer with.
    for token in [None, Some("")] {
        let envoy = start(&weights(50, 50), token, 2);
        let before = standing(&envoy);
        for request in &requests {
            let answer = answer_to(&envoy, request.as_bytes());
            assert!(!answer.starts_with("HTTP/1.1 2"), "{request}\n{answer}");
        }
        assert_eq!(order(&envoy, "rollback", &json!({"reason": "because"})).status(), 404);
        assert_eq!(standing(&envoy), before);
        assert!(!view(&envoy).can_steer);
        let html = new_client().get(console(&envoy, "/")).send().unwrap().text().unwrap();
        assert!(!html.contains("data-order=\""));
    }
}

#[test]
fn an_order_reaches_every_worker() {
    let mut envoy = start(&weights(100, 0), Some(TOKEN), 4);
    let body =
        |green: u32| json!({"reason": "to see", "weights": {"blue": 100 - green, "green": green}});
    for (green, cluster) in [(100, "llm-green"), (0, "llm-blue"), (100, "llm-green")] {
        assert_eq!(order(&envoy, "weights", &body(green)).status(), 200);
        // Of so many connections each worker has some.
        wait_for("all workers to obey", || {
            let clusters = (0..24).map(|_| envoy.answer_on_a_new_connection().cluster);
            clusters.into_iter().all(|it| it == cluster).then_some(())
        });
    }
    // It outlives a reload that leaves the weights alone, and ends with one that does not.
    let mut config = weights(100, 0);
    config["pins"] = json!({"green": ["tia"]});
    envoy.push(&config).unwrap();
    assert!((0..24).all(|_| envoy.answer_on_a_new_connection().cluster == "llm-green"));
    envoy.push(&weights(70, 30)).unwrap();
    assert_eq!(gauge(&envoy, "green_bp"), 3000);
    assert_eq!(view(&envoy).rollouts[0].order, None);
}

/// The bootstrap with the console's listener in a file of its own, which Envoy watches.
fn with_listener_apart(bootstrap: &str, folder: &std::path::Path) -> (String, String) {
    let (before, rest) = bootstrap.split_once("  - name: console\n").unwrap();
    let (listener, after) = rest.split_once("\n  clusters:\n").unwrap();
    let comments = before.rfind("\n  # The operator's page").unwrap();
    let dynamic = format!(
        "dynamic_resources:\n  lds_config:\n    path_config_source:\n      path: {0}/lds.yaml\n      \
         watched_directory: {{path: {0}}}\n\n",
        folder.display()
    );
    let bootstrap = format!("{}\n\n  clusters:\n{after}", &before[..comments]);
    let bootstrap =
        bootstrap.replace("static_resources:\n", &format!("{dynamic}static_resources:\n"));
    let kind = "\"@type\": type.googleapis.com/envoy.config.listener.v3.Listener";
    (bootstrap, format!("resources:\n  - {kind}\n    name: console\n{listener}\n"))
}

#[test]
fn the_console_going_away_leaves_traffic_alone() {
    let folder = tempfile::TempDir::with_prefix("verdigris-lds-").unwrap();
    let lds = folder.path().join("lds.yaml");
    let write = |text: &str| {
        let new = folder.path().join("new.yaml");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &lds).unwrap();
    };
    let apart = std::cell::RefCell::new(String::new());
    let change = |bootstrap: String, _: &_| {
        let (bootstrap, listener) = with_listener_apart(&bootstrap, folder.path());
        write(&listener);
        apart.replace(listener);
        bootstrap
    };
    let filter = filter_yaml(&weights(50, 50));
    let setup =
        Setup { filter: Some(&filter), token: Some(TOKEN), change: &change, ..Setup::default() };
    let envoy = Envoy::start_with(&setup);
    let sent = AtomicU64::new(0);
    let ask = |client: &Client, user: String| {
        let answer = client.get(&envoy.url).header("x-user-id", user).send().unwrap();
        assert_eq!(answer.status(), 200);
        sent.fetch_add(1, Ordering::Relaxed);
    };
    let some_more = || {
        let before = sent.load(Ordering::Relaxed);
        wait_for("more requests", || (sent.load(Ordering::Relaxed) > before + 200).then_some(()));
    };
    let is_there = || new_client().get(console(&envoy, "/state.json")).send().is_ok();
    while_clients(ask, || {
        some_more();
        assert!(is_there(), "{}", envoy.log());
        // It goes, it returns, it goes.
        for text in ["resources: []", &apart.borrow(), "resources: []"] {
            write(text);
            let listens = text.contains("console");
            wait_for("the listener to come and go", || {
                let listeners = envoy.admin("/listeners");
                (listeners.contains("console::") == listens).then_some(())
            });
            some_more();
        }
        wait_for("the console to be gone", || (!is_there()).then_some(()));
        envoy.write_filter(&filter_yaml(&weights(0, 1))).unwrap();
        some_more();
    });
    let requests = |version| envoy.read_stat(&crate::proxy::counter(version, "requests")).unwrap();
    assert_eq!(requests("blue") + requests("green"), sent.load(Ordering::Relaxed));
}

#[test]
fn a_console_that_cannot_be_loaded_says_so_and_is_taken_when_it_can() {
    let mut envoy = start(&weights(50, 50), None, 2);
    let shipped = std::fs::read_to_string(artifacts::shipped("console.yaml")).unwrap();
    let file = envoy.folder.path().join("console.yaml");
    let refused = shipped.replace("\"console\"}", "\"console\", \"tokens\": 1}");
    assert_ne!(shipped, refused);
    for text in [None, Some("resources: []"), Some(&*refused), Some("resources: [")] {
        std::fs::remove_file(&file).unwrap();
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        envoy.restart();
        let status = || envoy.client.get(console(&envoy, "/")).send().unwrap().status();
        assert_eq!(status(), 503, "{text:?}");
        assert_eq!(envoy.client.get(&envoy.url).send().unwrap().status(), 200, "{text:?}");
        let new = envoy.folder.path().join("console.new");
        std::fs::write(&new, &shipped).unwrap();
        std::fs::rename(&new, &file).unwrap();
        wait_for("the console", || (status() == 200).then_some(()));
    }
    assert!(envoy.log().contains("tokens: 1: is no field here"), "{}", envoy.log());
}

#[test]
fn a_console_is_there_again_after_a_trap() {
    let filter = filter_yaml(&weights(0, 1));
    let envoy = Envoy::start_with(&Setup {
        filter: Some(&filter),
        wasm: artifacts::trapping_wasm(),
        token: Some(TOKEN),
        ..Setup::default()
    });
    let uptime = || envoy.read_stat("server.uptime").unwrap();
    let ready = uptime();
    // Envoy makes no VM anew within a second of its making.
    wait_for("the VMs to be older than that", || (uptime() >= ready + 2).then_some(()));
    let marked = Request::of("ada").header("x-verdigris-trap", "1");
    assert_eq!(envoy.get("/", &marked).unwrap().status(), 503);
    wait_at_most(RAMP, "all workers to show the rollout", || {
        let shows = |_| {
            envoy.answer_on_a_new_connection();
            let answer = new_client().get(console(&envoy, "/state.json")).send().unwrap();
            let view = serde_json::from_slice::<View>(&answer.bytes().unwrap());
            view.is_ok_and(|view| view.rollouts.len() == 1)
        };
        (0..24).all(shows).then_some(())
    });
    let body = json!({"reason": "to see", "weights": {"blue": 1, "green": 0}});
    assert_eq!(order(&envoy, "weights", &body).status(), 200);
    wait_for("all workers to obey", || {
        let answers = (0..24).map(|_| envoy.answer_on_a_new_connection());
        answers.into_iter().all(|it| it.cluster == "llm-blue").then_some(())
    });
}

/// Envoy takes up an old root context where a configuration returns while its streams last,
/// and a worker that nobody asks anything does not notice.
#[test]
fn a_configuration_that_returns_is_the_one_that_is_shown_and_steered() {
    let ramp = |bake: &str| {
        let gates = json!([{"metric": "error_rate"}]);
        config(json!({"ramp": {"steps": [50, 100], "bake": bake, "gates": gates}}))
    };
    for (first, second) in [(weights(95, 5), weights(50, 50)), (ramp("1h"), ramp("2h"))] {
        let mut envoy = start(&first, Some(TOKEN), 2);
        let hold = |envoy: &Envoy| -> Vec<_> {
            let hold = |user| envoy.get("/hold", &Request::of(format!("user-{user}"))).unwrap();
            (0..8).map(hold).collect()
        };
        let of_first = hold(&envoy);
        envoy.push(&second).unwrap();
        let of_second = hold(&envoy);
        envoy.push(&first).unwrap();
        let (share, phase) =
            if first["ramp"].is_null() { (500, "by_hand") } else { (5000, "ramping") };
        wait_for("all workers to show it", || {
            let shows = |_| {
                let view = view(&envoy);
                let it = &view.rollouts[0];
                view.rollouts.len() == 1
                    && (it.is_known, it.green_bp, it.phase.as_str()) == (true, share, phase)
            };
            (0..16).all(shows).then_some(())
        });
        for attempt in 0..8 {
            let (verb, body) = match attempt % 2 {
                0 => ("weights", json!({"reason": "a", "weights": {"blue": 9, "green": 1}})),
                _ => ("resume", json!({"reason": "b"})),
            };
            let answer = order(&envoy, verb, &body);
            assert_eq!(answer.status(), 200, "{}", answer.text().unwrap());
        }
        envoy.upstreams.iter().for_each(|upstream| upstream.release());
        for stream in of_first.into_iter().chain(of_second) {
            stream.text().unwrap();
        }
    }
}

/// A rollout whose last answers are still under way is not taken for one that goes on.
#[test]
fn a_rollout_that_was_replaced_is_shown_as_that() {
    let mut envoy = start(&weights(50, 50), Some(TOKEN), 1);
    let stream = envoy.get("/hold", &Request::of("ada")).unwrap();
    let mut next = weights(90, 10);
    next["rollout"] = json!("assistant-v9");
    envoy.push(&next).unwrap();
    let shown: Vec<_> =
        view(&envoy).rollouts.into_iter().map(|it| (it.rollout, it.is_replaced)).collect();
    assert_eq!(shown, [(ROLLOUT.to_owned(), true), ("assistant-v9".to_owned(), false)]);
    let answer = order(&envoy, "rollback", &json!({"reason": "to see"}));
    assert!(answer.text().unwrap().starts_with("assistant-v9: by_hand at 10 %"));
    envoy.upstreams.iter().for_each(|upstream| upstream.release());
    stream.text().unwrap();
    wait_for("the old one to go", || (view(&envoy).rollouts.len() == 1).then_some(()));
}

#[test]
fn an_order_for_a_step_is_not_done_in_another() {
    let gates = json!([{"metric": "error_rate"}]);
    let ramp = json!({"steps": [50, 100], "bake": "1h", "gates": gates});
    let envoy = start(&config(json!({"ramp": ramp})), Some(TOKEN), 2);
    wait_for("the ramp", || view(&envoy).rollouts[0].is_known.then_some(()));
    let of_step = |step: u32| json!({"reason": "to see", "step": step});
    let answer = order(&envoy, "pause", &of_step(1));
    assert_eq!(answer.status(), 409);
    assert!(answer.text().unwrap().contains("another step"));
    assert_eq!(order(&envoy, "pause", &of_step(0)).status(), 200);
}

/// As a secret has it that was made by `echo`; and one that no header can carry.
#[test]
fn a_token_is_taken_without_what_is_around_it() {
    for (token, status) in [("a-token-that-is-long\n", 200), ("a-tökén-that-is-long", 404)] {
        let envoy = start(&weights(50, 50), Some(token), 1);
        let done = order(&envoy, "rollback", &json!({"reason": "to see"}));
        assert_eq!(done.status(), status, "{token:?}");
        assert_eq!(envoy.log().contains("other than visible ASCII"), status == 404);
    }
}

/// The command, of a console that is the filter's own.
#[test]
fn the_command_shows_what_the_console_says() {
    let envoy = start(&weights(50, 50), Some(TOKEN), 2);
    let status = |address: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verdigris"));
        let output = command.args(["status", address]).env("NO_COLOR", "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
    };
    let console = envoy.console.clone().unwrap();
    let (code, text) = status(&console);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Weights by hand: 50 % on green, and nothing is judged."), "{text}");
    order(&envoy, "rollback", &json!({"reason": "to see"}));
    let (code, text) = status(&console);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Rolled back by hand: to see"), "{text}");
    assert_eq!(status(&envoy.url).0, Some(3), "the listener of the release is no console");
}

#[test]
fn head_and_the_policy_are_as_they_should_be() {
    let envoy = start(&weights(50, 50), None, 2);
    for path in ["/", "/state.json"] {
        let head = new_client().request(Method::HEAD, console(&envoy, path)).send().unwrap();
        let get = new_client().get(console(&envoy, path)).send().unwrap();
        for answer in [&head, &get] {
            assert_eq!(answer.status(), 200, "{path}");
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("cache-control"), "no-store");
            let policy = header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
        }
        assert!(head.text().unwrap().is_empty());
        assert!(!get.text().unwrap().is_empty());
    }
}
