//! Which counters each possible end of a request moves. A real Envoy produces each row of
//! `table.md`.

mod bodies;
mod bootstrap;
mod client;
pub mod frames;
mod rows;
mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::client::TestHooks;
use self::client::http3::{Certificate, Client};
use self::rows::Row;
use self::upstream::{Reply, ScriptedUpstream};
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{ROLLOUT, config};

/// The time after which a row fails whose counters are not the expected ones.
const COUNTER_TIMEOUT: Duration = Duration::from_secs(10);

type Counts = BTreeMap<String, u64>;

/// A real Envoy whose green gives the replies of the rows.
struct Rig {
    envoy: Envoy,
    green: ScriptedUpstream,
    /// The address of Envoy's HTTP/3 listener.
    udp: SocketAddr,
    http3: Client,
}

/// What Envoy logged of a row, and the counters that moved.
struct Outcome {
    logged: String,
    counted: Vec<String>,
}

// === impl Rig ===

impl Rig {
    /// Starts Envoy with this value of `answers` in the filter's configuration.
    fn start(answers: &Value) -> Self {
        let (green, authz) = (ScriptedUpstream::start(), ScriptedUpstream::start());
        authz.answer(&[Reply::with_status(403)]);
        let certificate = Certificate::generate();
        let filter = filter_yaml(&config(json!({
            "weights": {"blue": 0, "green": 1},
            "answers": answers,
        })));
        let envoy = Envoy::start_with(&Setup {
            filter: Some(&filter),
            edit_bootstrap: &|shipped, upstreams| {
                bootstrap::edit(&shipped, upstreams, green.port, authz.port, &certificate)
            },
            ..Setup::default()
        });
        let listeners = envoy.admin("/listeners");
        let udp = listeners.lines().find_map(|line| line.strip_prefix("llm-http3::"));
        let udp = udp.unwrap().parse().unwrap();
        Self { envoy, green, udp, http3: Client::new(&certificate) }
    }

    /// Sends the request of a row. `number` identifies it in Envoy's log.
    fn run(&self, number: usize, row: &Row) -> Outcome {
        let case = number.to_string();
        let before = self.counts();
        self.green.answer(&row.replies);
        let wait_for_log = || wait_for(&format!("{}: its end", row.id), || self.logged(&case));
        let hooks = TestHooks {
            tcp: self.envoy.url.trim_start_matches("http://").parse().unwrap(),
            udp: self.udp,
            wait_for_request: &|| self.green.wait_for_request(),
            answer_began: &|| self.green.allow_break_off(),
            wait_for_end: &|| drop(wait_for_log()),
            http3: &self.http3,
        };
        row.request.clone().with("x-user-id", "ada").with("x-case", &case).send(&hooks);
        let logged = wait_for_log();
        // Envoy counts a request when it destroys the stream, after it has logged it.
        let since = Instant::now();
        let counted = wait_for(&row.id, || {
            let counted = counter_names(self.increments_since(&before));
            (counted == row.counts || since.elapsed() > COUNTER_TIMEOUT).then_some(counted)
        });
        Outcome { logged, counted }
    }

    /// The outcome of a request in Envoy's access log; `None` until Envoy has logged it.
    fn logged(&self, case: &str) -> Option<String> {
        let log = std::fs::read_to_string(self.envoy.folder.path().join(bootstrap::LOG)).ok()?;
        // The last line may be incomplete.
        let lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.map(|line| line.split('\t').collect::<Vec<_>>()).find_map(|fields| {
            let [number, status, flags, details, grpc] = fields[..] else { panic!("{fields:?}") };
            let (details, _) = details.split_once('{').unwrap_or((details, ""));
            let grpc = if grpc == "-" { String::new() } else { format!(" grpc {grpc}") };
            (number == case).then(|| format!("{status} {flags} {details}{grpc}"))
        })
    }

    /// The counters of all versions without their namespace. The counters of requests and
    /// decisions are left out.
    fn counts(&self) -> Counts {
        let prefix = format!("wasmcustom.verdigris.{ROLLOUT}.");
        let stats = self.envoy.admin(&format!("/stats?filter=^{}", prefix.replace('.', "\\.")));
        let counters = stats.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix(&prefix)?.split_once(": ")?;
            let is_decision = name.ends_with(".requests") || name.contains(".decisions_");
            if is_decision { None } else { Some((name.to_owned(), value.parse().ok()?)) }
        });
        counters.collect()
    }

    /// The counters that have moved, and their increments.
    fn increments_since(&self, before: &Counts) -> Counts {
        let increment = |(name, count): (String, u64)| {
            let increment = count - before.get(&name).copied().unwrap_or_default();
            (increment > 0).then_some((name, increment))
        };
        self.counts().into_iter().filter_map(increment).collect()
    }
}

/// The names of the counters as the table writes them: green's without the version.
fn counter_names(increments: Counts) -> Vec<String> {
    let name = |(name, count): (String, u64)| {
        let name = name.strip_prefix("green.").unwrap_or(&name).to_owned();
        if count == 1 { name } else { format!("{name} {count} times") }
    };
    increments.into_iter().map(name).collect()
}

/// Runs all rows of a section of the table and asserts their outcomes.
fn assert_section(rig: &Rig, title: &str) {
    let mut wrong = Vec::new();
    let before = rig.counts();
    let mut expected_increments = Counts::new();
    for (number, row) in (1..).zip(Row::parse_section(title)) {
        let Outcome { logged, counted } = rig.run(number, &row);
        let counted = counted.join(" ");
        println!("{}\t{logged}\t{counted}", row.id);
        for name in &row.counts {
            *expected_increments.entry(format!("green.{name}")).or_default() += 1;
        }
        let counts = row.counts.join(" ");
        if logged != row.logged || counted != counts {
            let Row { id, logged: expected, .. } = row;
            wrong.push(format!(
                "{id}\n  found    {logged}: {counted}\n  expected {expected}: {counts}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // No counter moved after its row ended.
    assert_eq!(rig.increments_since(&before), expected_increments);
}

#[test]
fn each_status_moves_its_counters() {
    assert_section(&Rig::start(&json!({})), "Statuses");
}

#[test]
fn each_answer_at_a_models_path_moves_its_counters() {
    assert_section(&Rig::start(&json!({})), "Answers at a model's path");
}

#[test]
fn each_grpc_status_moves_its_counters() {
    assert_section(&Rig::start(&json!({})), "gRPC");
}

#[test]
fn an_answer_to_a_grpc_request_that_is_not_grpc_is_an_error() {
    assert_section(&Rig::start(&json!({})), "gRPC requests with other answers");
}

#[test]
fn each_grpc_web_status_moves_its_counters() {
    assert_section(&Rig::start(&json!({})), "gRPC-Web");
}

#[test]
fn each_end_of_an_upgrade_moves_its_counters() {
    assert_section(&Rig::start(&json!({})), "Upgrades");
}

#[test]
fn requests_that_expect_no_answer_are_counted_by_status() {
    assert_section(&Rig::start(&json!({})), "No answer is expected");
}

#[test]
fn each_exit_of_a_client_moves_its_counters() {
    assert_section(&Rig::start(&json!({})), "Clients that leave or violate the protocol");
}

#[test]
fn each_failure_of_an_upstream_moves_its_counters() {
    assert_section(&Rig::start(&json!({})), "Upstreams that fail");
}

#[test]
fn each_limit_and_denial_moves_its_counters() {
    assert_section(&Rig::start(&json!({})), "Limits and authorization");
}

#[test]
fn with_a_neutral_429_limits_are_not_errors() {
    let rig = Rig::start(&json!({"status_429": "neutral"}));
    assert_section(&rig, "Limits with `status_429` set to `neutral`");
}

#[test]
fn requests_that_an_overloaded_envoy_refuses_are_not_counted() {
    let rig = Rig::start(&json!({}));
    let folder = rig.envoy.folder.path();
    std::fs::write(folder.join("pressure.new"), "1").unwrap();
    std::fs::rename(folder.join("pressure.new"), folder.join(bootstrap::PRESSURE)).unwrap();
    wait_for("Envoy to be overloaded", || {
        let stat = "overload.envoy.overload_actions.stop_accepting_requests.active";
        (rig.envoy.read_stat(stat) == Some(1)).then_some(())
    });
    assert_section(&rig, "An overloaded Envoy");
}
