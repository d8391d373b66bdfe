//! Releases as operators configure them, with the default ramp, in worlds where the right
//! outcome is known.
//!
//! Each world names what the ramp must do. `before` is what it did before responses were
//! classified and compared as they are now, of 500 ramps.

use verdigris::config::Config;
use verdigris::simulate::{SimulatedRollout, in_parallel};

use super::cells::{MISSED, Row};
use super::*;

/// A world, and what a ramp through it must come to.
struct Case {
    name: &'static str,
    users: Users,
    /// Blue's rates of errors and of rejected requests, and what green's are.
    errors: (f64, f64),
    client_errors: (f64, f64),
    empty: (f64, f64),
    refusals: (f64, f64),
    incident: Option<Incident>,
    unread: ByVersion<bool>,
    failure_ms: Option<f64>,
    /// How many times as long as blue's answers green's take.
    duration: f64,
    wanted: Wanted,
    before: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// Rolled back in at least 99 % of ramps.
    RolledBack,
    /// Promoted in at least so many, and rolled back in at most α.
    Promoted(f64),
    /// Neither: it says that it cannot compare.
    Held,
}

const USUAL: Case = Case {
    name: "",
    users: Users::Independent,
    errors: (0.01, 0.01),
    client_errors: (0.01, 0.01),
    empty: (0.005, 0.005),
    refusals: (0.02, 0.02),
    incident: None,
    unread: ByVersion { blue: false, green: false },
    failure_ms: None,
    duration: 1.0,
    wanted: Wanted::Promoted(0.9),
    before: "–",
};

/// From when to when something fails, in the middle of a step.
fn incident(from: u64, seconds: u64, blue: f64, green: f64) -> Option<Incident> {
    Some(Incident { seconds: from..from + seconds, times: 1.0, failing: ByVersion { blue, green } })
}

fn cases() -> Vec<Case> {
    use Wanted::{Held, Promoted, RolledBack};
    let fast = Some(50.0);
    vec![
        Case { name: "identical", before: "rolled back 0.3 %", ..USUAL },
        Case {
            name: "identical, 20,000 users",
            users: Users::Sticky { count: 20_000, shape: 1.0 },
            before: "rolled back 0.1 %",
            ..USUAL
        },
        Case {
            name: "green answers 400 to all",
            client_errors: (0.01, 1.0),
            failure_ms: fast,
            wanted: RolledBack,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "green answers 400 to one in five",
            client_errors: (0.01, 0.2),
            failure_ms: fast,
            wanted: RolledBack,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "green's answers are empty",
            empty: (0.005, 1.0),
            wanted: RolledBack,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "green fails one in ten, in 50 ms",
            errors: (0.01, 0.1),
            failure_ms: fast,
            wanted: RolledBack,
            before: "promoted 93 % (duration alone)",
            ..USUAL
        },
        Case {
            name: "green takes 30 s instead of 4 s",
            duration: 7.5,
            wanted: RolledBack,
            before: "rolled back after 598 s, 7,493 requests (step of 25 %)",
            ..USUAL
        },
        Case {
            name: "green is unread, refuses 20 %",
            refusals: (0.02, 0.2),
            unread: ByVersion { blue: false, green: true },
            wanted: Held,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "blue is unread",
            unread: ByVersion { blue: true, green: false },
            wanted: Held,
            before: "rolled back 100 %",
            ..USUAL
        },
        Case {
            name: "blue fails 10 % in 50 ms, green 1 %",
            errors: (0.1, 0.01),
            failure_ms: fast,
            before: "rolled back 100 %",
            ..USUAL
        },
        Case {
            name: "blue fails 40 % in 50 ms, green 1 %",
            errors: (0.4, 0.01),
            failure_ms: fast,
            before: "rolled back 100 %",
            ..USUAL
        },
        Case {
            name: "blue alone is down for 30 s",
            incident: incident(1_500, 30, 1.0, 0.0),
            failure_ms: fast,
            before: "rolled back 25 %",
            ..USUAL
        },
        Case {
            name: "blue alone is down for 5 min",
            incident: incident(1_500, 300, 1.0, 0.0),
            failure_ms: fast,
            before: "rolled back 100 %",
            ..USUAL
        },
        Case {
            name: "half of blue's fail for 5 min",
            incident: incident(1_500, 300, 0.5, 0.0),
            failure_ms: fast,
            before: "rolled back 96 %",
            ..USUAL
        },
        Case {
            name: "both fail 60 % for 60 s",
            incident: incident(1_500, 60, 0.6, 0.6),
            failure_ms: fast,
            before: "rolled back 80 %",
            ..USUAL
        },
        Case {
            name: "green alone is down for 30 s",
            incident: incident(1_500, 30, 0.0, 1.0),
            failure_ms: fast,
            // Whether a short outage of green is to roll back is the operator's choice.
            wanted: Promoted(0.0),
            before: "rolled back 94 %",
            ..USUAL
        },
        Case {
            name: "green fails 20 % for 30 s",
            incident: incident(1_500, 30, 0.0, 0.2),
            failure_ms: fast,
            wanted: Promoted(0.0),
            before: "rolled back 43 %",
            ..USUAL
        },
    ]
}

/// All worlds whose names are asked for, each walked so many times.
pub fn rows(ramps: u64, is_named: impl Fn(&str) -> bool) -> Vec<Row> {
    cases().iter().filter(|case| is_named(case.name)).map(|case| case.run(ramps)).collect()
}

// === impl Case ===

impl Case {
    fn run(&self, ramps: u64) -> Row {
        let config = r#"{"rollout": "r", "unit": {"header": "u"}, "ramp": {},
            "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}}}"#;
        let settings = Config::parse(config.as_bytes()).unwrap().ramp.unwrap();
        let release = SimulatedRollout::new(&settings, self.world(), false, 2 * 3600);
        let runs: Vec<SimulatedRun> = in_parallel(ramps, |seed| release.run(seed));
        let share = |is: fn(RunEnd) -> bool| {
            runs.iter().filter(|run| is(run.end)).count() as f64 / runs.len() as f64
        };
        let back = share(|end| end == RunEnd::RolledBack);
        let done = share(|end| end == RunEnd::Done);
        let held = share(|end| matches!(end, RunEnd::Held(_)));
        let chance = 0.05 + 2.5 * (0.05 * 0.95 / runs.len() as f64).sqrt();
        let is_met = match self.wanted {
            Wanted::RolledBack => back >= 0.99,
            Wanted::Promoted(0.0) => true,
            Wanted::Promoted(least) => done >= least && back <= chance,
            Wanted::Held => held >= 0.99,
        };
        let mut ended: Vec<_> = runs.iter().filter(|run| run.end == RunEnd::RolledBack).collect();
        ended.sort_unstable_by_key(|run| run.seconds);
        let median = ended.get(ended.len() / 2);
        let figure = |of: fn(&SimulatedRun) -> u64| {
            median.map_or("–".to_owned(), |run| of(run).to_string())
        };
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        MISSED.fetch_add(u32::from(!is_met), std::sync::atomic::Ordering::Relaxed);
        let mark = if is_met { "" } else { " **not as asked**" };
        Row {
            name: format!("{}{mark}", self.name),
            ramps,
            columns: vec![
                ("rolled back", percent(back)),
                ("promoted", percent(done)),
                ("held", percent(held)),
                ("seconds until rollback, median", figure(|run| run.seconds)),
                ("green's requests, median", figure(|run| run.green_requests)),
                ("before", self.before.to_owned()),
            ],
        }
    }

    fn world(&self) -> World {
        let rate = |metric, (blue, green): (f64, f64)| Behaviour {
            metric,
            blue,
            spread: 0.0,
            green: green / blue,
        };
        let value = |metric, blue, spread| Behaviour { metric, blue, spread, green: 1.0 };
        World {
            per_second: 50.0,
            users: self.users,
            behaviours: vec![
                rate(Metric::ErrorRate, self.errors),
                rate(Metric::ClientErrorRate, self.client_errors),
                rate(Metric::RefusalRate, self.refusals),
                rate(Metric::EmptyRate, self.empty),
                Behaviour { green: self.duration, ..value(Metric::Duration, 4000.0, 0.85) },
                value(Metric::Ttft, 600.0, 0.6),
            ],
            incident: self.incident.clone(),
            unread: self.unread,
            failure_ms: self.failure_ms,
        }
    }
}
