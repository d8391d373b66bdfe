//! What each way in which a request can end comes to: the rows of `table.md`, each
//! produced in the real Envoy.

mod bodies;
mod bootstrap;
mod client;
mod frames;
mod rows;
mod upstream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::client::Around;
use self::client::http3::{Certificate, Client};
use self::rows::Row;
use self::upstream::{Reply, Scripted};
use crate::envoy::process::wait_for;
use crate::envoy::{Envoy, Setup, filter_yaml};
use crate::proxy::{ROLLOUT, config};

/// How late a counter may move; a wrong one is waited for as long.
const LATEST: Duration = Duration::from_secs(10);

type Counts = BTreeMap<String, u64>;

struct Bench {
    envoy: Envoy,
    green: Scripted,
    /// Where Envoy's HTTP/3 listens.
    udp: SocketAddr,
    http3: Client,
}

// === impl Bench ===

impl Bench {
    /// With this in the configuration as `answers`.
    fn start(answers: &Value) -> Self {
        let (green, authz) = (Scripted::start(), Scripted::start());
        authz.answer(&[Reply::of(403)]);
        let certificate = Certificate::generate();
        let filter = filter_yaml(&config(json!({
            "weights": {"blue": 0, "green": 1},
            "answers": answers,
        })));
        let envoy = Envoy::start_with(&Setup {
            filter: Some(&filter),
            change: &|shipped, upstreams| {
                bootstrap::change(&shipped, upstreams, green.port, authz.port, &certificate)
            },
            ..Setup::default()
        });
        let listeners = envoy.admin("/listeners");
        let udp = listeners.lines().find_map(|line| line.strip_prefix("llm-http3::"));
        let udp = udp.unwrap().parse().unwrap();
        Self { envoy, green, udp, http3: Client::new(&certificate) }
    }

    /// What a row comes to: what Envoy logs, and what is counted.
    fn run(&self, number: usize, row: &Row) -> (String, Vec<String>) {
        let case = number.to_string();
        let before = self.counts();
        self.green.answer(&row.replies);
        let end = || wait_for(&format!("{}: its end", row.id), || self.logged(&case));
        let around = Around {
            tcp: self.envoy.url.trim_start_matches("http://").parse().unwrap(),
            udp: self.udp,
            wait_for_request: &|| self.green.wait_for_request(),
            answer_began: &|| self.green.begin(),
            wait_for_end: &|| drop(end()),
            http3: &self.http3,
        };
        row.ask.clone().with("x-user-id", "ada").with("x-case", &case).send(&around);
        let logged = end();
        // It is counted when Envoy has done with it, a moment after its client.
        let since = Instant::now();
        let counted = wait_for(&row.id, || {
            let counted = names(self.moved(&before));
            (counted == row.counts || since.elapsed() > LATEST).then_some(counted)
        });
        (logged, counted)
    }

    /// What Envoy logs of a request.
    fn logged(&self, case: &str) -> Option<String> {
        let log = std::fs::read_to_string(self.envoy.folder.path().join(bootstrap::LOG)).ok()?;
        // The last line may still be written.
        let lines = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.map(|line| line.split('\t').collect::<Vec<_>>()).find_map(|fields| {
            let [number, status, flags, details, grpc] = fields[..] else { panic!("{fields:?}") };
            let (details, _) = details.split_once('{').unwrap_or((details, ""));
            let grpc = if grpc == "-" { String::new() } else { format!(" grpc {grpc}") };
            (number == case).then(|| format!("{status} {flags} {details}{grpc}"))
        })
    }

    /// All versions' counters but those of decisions, without their namespace.
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

    /// Those that have moved, and by how much.
    fn moved(&self, before: &Counts) -> Counts {
        let by = |(name, count): (String, u64)| {
            let by = count - before.get(&name).copied().unwrap_or_default();
            (by > 0).then_some((name, by))
        };
        self.counts().into_iter().filter_map(by).collect()
    }
}

/// The names of green's counters as the table has them; of others, with their version.
fn names(moved: Counts) -> Vec<String> {
    let name = |(name, count): (String, u64)| {
        let name = name.strip_prefix("green.").unwrap_or(&name).to_owned();
        if count == 1 { name } else { format!("{name} {count} times") }
    };
    moved.into_iter().map(name).collect()
}

/// Produces each row of the section with this title.
fn produce(bench: &Bench, title: &str) {
    let mut wrong = Vec::new();
    let before = bench.counts();
    let mut all = Counts::new();
    for (number, row) in (1..).zip(Row::of_section(title)) {
        let (logged, counted) = bench.run(number, &row);
        let counted = counted.join(" ");
        println!("{}\t{logged}\t{counted}", row.id);
        for name in &row.counts {
            *all.entry(format!("green.{name}")).or_default() += 1;
        }
        let counts = row.counts.join(" ");
        if logged != row.logged || counted != counts {
            let Row { id, logged: due, .. } = row;
            wrong.push(format!("{id}\n  is  {logged}: {counted}\n  due {due}: {counts}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // Nothing was counted later than it was looked for.
    assert_eq!(bench.moved(&before), all);
}

#[test]
fn statuses() {
    produce(&Bench::start(&json!({})), "Statuses");
}

#[test]
fn answers() {
    produce(&Bench::start(&json!({})), "Answers at a model's path");
}

#[test]
fn grpc() {
    produce(&Bench::start(&json!({})), "gRPC");
}

#[test]
fn grpc_that_is_answered_with_something_else() {
    produce(&Bench::start(&json!({})), "gRPC that is answered with something else");
}

#[test]
fn grpc_web() {
    produce(&Bench::start(&json!({})), "gRPC-Web");
}

#[test]
fn upgrades() {
    produce(&Bench::start(&json!({})), "Upgrades");
}

#[test]
fn no_answer_expected() {
    produce(&Bench::start(&json!({})), "No answer is expected");
}

#[test]
fn clients_that_leave() {
    produce(&Bench::start(&json!({})), "Clients that leave or break the protocol");
}

#[test]
fn upstreams_that_fail() {
    produce(&Bench::start(&json!({})), "Upstreams that fail");
}

#[test]
fn limits_and_authorization() {
    produce(&Bench::start(&json!({})), "Limits and authorization");
}

#[test]
fn limits_that_are_neutral() {
    let bench = Bench::start(&json!({"status_429": "neutral"}));
    produce(&bench, "Limits where `status_429` is `neutral`");
}

#[test]
fn an_envoy_that_is_overloaded() {
    let bench = Bench::start(&json!({}));
    let folder = bench.envoy.folder.path();
    std::fs::write(folder.join("pressure.new"), "1").unwrap();
    std::fs::rename(folder.join("pressure.new"), folder.join(bootstrap::PRESSURE)).unwrap();
    wait_for("Envoy to be overloaded", || {
        let stat = "overload.envoy.overload_actions.stop_accepting_requests.active";
        (bench.envoy.read_stat(stat) == Some(1)).then_some(())
    });
    produce(&bench, "An Envoy that is overloaded");
}
