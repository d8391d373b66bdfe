//! Releases with the default ramp, or with other gates, in worlds where the right outcome is known.
//!
//! Each world names the outcome that it requires. `before` is the outcome of 500 ramps before
//! responses were classified and compared as they are now.

use std::ops::Range;

use verdigris::config::Config;
use verdigris::rollout::RampSpec;
use verdigris::simulate::{SimulatedRollout, in_parallel};

use super::cells::Row;
use super::*;

/// A world, and the outcome that it requires.
#[derive(Clone)]
pub struct Case {
    pub name: &'static str,
    users: Users,
    /// Blue's rate and green's, of each kind.
    errors: (f64, f64),
    client_errors: (f64, f64),
    empty: (f64, f64),
    refusals: (f64, f64),
    incident: Option<Incident>,
    unread: ByVersion<bool>,
    failure_ms: Option<f64>,
    /// The duration of green's answers as a multiple of blue's.
    duration: f64,
    /// The rates of requests that users abort at once, where they do not lose patience.
    aborts: (f64, f64),
    timing: Timing,
    /// Requests per second.
    per_second: f64,
    /// The standard deviation of the logarithm of durations, and their median in milliseconds.
    durations: (f64, f64),
    drift: Option<Drift>,
    /// In which seconds green differs from blue.
    green_differs_s: Range<u64>,
    /// After how many seconds in a step a ramp counts as held.
    held_after_s: u64,
    /// The ramp, as JSON.
    ramp: &'static str,
    required: Required,
    before: &'static str,
}

/// A ramp that compares green with four times as many units of blue.
const RATIO: &str = r#"{"control": {"ratio": 4}}"#;

/// Few of them send much and have most of the bad answers.
const UNLIKE: Users =
    Users::Unequal { count: 20_000, activity: Activity::Zipf(1.0), shape: Some(0.2) };

/// A day, in seconds.
const DAY_S: u64 = 24 * 3600;

#[derive(Clone, Copy, PartialEq)]
enum Required {
    /// At least 99 % of the ramps are rolled back.
    RolledBack,
    /// At least this fraction is promoted, and at most α is rolled back.
    Promoted(f64),
    /// At most α is rolled back.
    NotRolledBack,
    /// At most β is promoted.
    NotPromoted,
    /// At least 99 % are held, because the versions cannot be compared.
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
    aborts: (0.01, 0.01),
    timing: SAME_TIMING,
    per_second: 50.0,
    durations: (0.85, 4000.0),
    drift: None,
    green_differs_s: World::WHOLE_RUN,
    held_after_s: 2 * 3600,
    ramp: "{}",
    required: Required::Promoted(0.9),
    before: "–",
};

const SAME_TIMING: Timing = Timing {
    patience_s: ByVersion { blue: None, green: None },
    green_tail: None,
    green_growth_per_minute: 0.0,
    green_hangs: 0.0,
};

/// Users who give up after these mean times, in seconds.
const fn patience(blue: f64, green: f64) -> Timing {
    Timing { patience_s: ByVersion { blue: Some(blue), green: Some(green) }, ..SAME_TIMING }
}

/// An incident in the middle of a step, in which these fractions fail.
fn incident(from: u64, seconds: u64, blue: f64, green: f64) -> Option<Incident> {
    Some(Incident { seconds: from..from + seconds, times: 1.0, failing: ByVersion { blue, green } })
}

fn cases() -> Vec<Case> {
    use Required::{Held, Promoted, RolledBack};
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
            name: "identical, 20,000 users, a control of ratio 4",
            users: Users::Sticky { count: 20_000, shape: 1.0 },
            ramp: RATIO,
            // It observes a twentieth of blue's users in the first step, so some ramps need more than two hours.
            required: Required::NotRolledBack,
            ..USUAL
        },
        Case {
            name: "errors 1 → 3 %, 20,000 users, a control of ratio 4",
            users: Users::Sticky { count: 20_000, shape: 1.0 },
            errors: (0.01, 0.03),
            ramp: RATIO,
            required: Required::NotPromoted,
            ..USUAL
        },
        Case {
            name: "identical, 2,000 users",
            users: sticky(2_000),
            required: Required::NotRolledBack,
            before: "held 100 %",
            ..USUAL
        },
        Case {
            name: "identical, 20,000 users, Zipf(1), unlike luck",
            users: UNLIKE,
            required: Required::NotRolledBack,
            before: "held 99 %",
            ..USUAL
        },
        Case {
            name: "green answers 400 to all",
            client_errors: (0.01, 1.0),
            failure_ms: fast,
            required: RolledBack,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "green answers 400 to one in five",
            client_errors: (0.01, 0.2),
            failure_ms: fast,
            required: RolledBack,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "green's answers are empty",
            empty: (0.005, 1.0),
            required: RolledBack,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "green fails one in ten, in 50 ms",
            errors: (0.01, 0.1),
            failure_ms: fast,
            required: RolledBack,
            before: "promoted 93 % (duration alone)",
            ..USUAL
        },
        Case {
            name: "green takes 30 s instead of 4 s",
            duration: 7.5,
            required: RolledBack,
            before: "rolled back after 598 s, 7,493 requests (step of 25 %)",
            ..USUAL
        },
        Case {
            name: "green takes 60 s instead of 4 s at 50 %, 500 requests a second",
            duration: 15.0,
            per_second: 500.0,
            ramp: r#"{"steps": [50, 100]}"#,
            required: RolledBack,
            before: "held for ever, 84,000 requests",
            ..USUAL
        },
        Case {
            name: "green takes 30 % longer in its first 5 min",
            duration: 1.3,
            green_differs_s: 0..300,
            // The operator chooses whether a cold start rolls back.
            required: Promoted(0.0),
            before: "rolled back 47 %",
            ..USUAL
        },
        Case {
            name: "the same, with a cold start of 5 min",
            duration: 1.3,
            green_differs_s: 0..300,
            ramp: r#"{"cold_start": "5m"}"#,
            ..USUAL
        },
        Case {
            name: "errors 1 → 2 % after four hours at 50 %",
            errors: (0.01, 0.02),
            green_differs_s: 4 * 3600..u64::MAX,
            held_after_s: 6 * 3600,
            ramp: r#"{"steps": [50, 100], "bake": "6h"}"#,
            required: RolledBack,
            ..USUAL
        },
        Case {
            name: "green is unread, refuses 20 %",
            refusals: (0.02, 0.2),
            unread: ByVersion { blue: false, green: true },
            required: Held,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "blue is unread",
            unread: ByVersion { blue: true, green: false },
            required: Held,
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
            before: "rolled back 100 %; before outages were left out 7.5 %",
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
            // The operator chooses whether a short outage of green rolls back.
            required: Promoted(0.0),
            before: "rolled back 94 %",
            ..USUAL
        },
        Case {
            name: "green fails 20 % for 30 s",
            incident: incident(1_500, 30, 0.0, 0.2),
            failure_ms: fast,
            required: Promoted(0.0),
            before: "rolled back 43 %",
            ..USUAL
        },
    ]
}

/// Worlds in which responses do not all end by themselves, or only some of them are slow.
fn timing_cases() -> Vec<Case> {
    use Required::{NotPromoted, NotRolledBack, Promoted, RolledBack};
    const USERS: Users = Users::Sticky { count: 20_000, shape: 1.0 };
    const QUANTILES: &str = r#"{"gates": [{"metric": "error_rate"}, {"metric": "duration_p90"},
        {"metric": "duration_p95"}, {"metric": "duration_p99"}, {"metric": "ttft_p95"}]}"#;
    /// Without margins, green that is like blue is at the edge of what is allowed.
    const NO_MARGINS: &str = r#"{"steps": [10, 50, 100], "gates": [
        {"metric": "slow_rate", "margin": 0}, {"metric": "duration_p95", "margin": 0},
        {"metric": "duration_p99", "margin": 0}, {"metric": "duration", "margin": 0},
        {"metric": "ttft", "margin": 0}]}"#;
    const TIMES: &str = r#"{"gates": [{"metric": "duration"}, {"metric": "ttft"}]}"#;
    let impatient =
        || Case { duration: 2.0, timing: patience(60.0, 10.0), required: RolledBack, ..USUAL };
    vec![
        Case {
            name: "green twice as slow, its users leave after 10 s instead of 60 s",
            before: "promoted 100 %",
            ..impatient()
        },
        Case {
            name: "the same, 20,000 users",
            users: USERS,
            before: "promoted 60 %",
            ..impatient()
        },
        Case { name: "the same, times alone", ramp: TIMES, ..impatient() },
        Case { name: "users leave after 20 s on both", timing: patience(20.0, 20.0), ..USUAL },
        Case {
            name: "green's users leave after 10 s, blue's after 60 s, equal times, times alone",
            timing: patience(60.0, 10.0),
            ramp: TIMES,
            required: NotRolledBack,
            ..USUAL
        },
        Case {
            name: "30 % of green's users press stop",
            aborts: (0.01, 0.3),
            required: RolledBack,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "3 % of green's answers take six times as long",
            timing: Timing { green_tail: Some((0.03, 6.0)), ..SAME_TIMING },
            required: NotPromoted,
            before: "promoted 100 %",
            ..USUAL
        },
        Case {
            name: "the same, with gates on quantiles",
            timing: Timing { green_tail: Some((0.03, 6.0)), ..SAME_TIMING },
            ramp: QUANTILES,
            required: NotPromoted,
            before: "–",
            ..USUAL
        },
        Case { name: "identical, with gates on quantiles", ramp: QUANTILES, ..USUAL },
        Case {
            name: "identical, with gates on quantiles, 20,000 users",
            users: USERS,
            ramp: QUANTILES,
            required: NotRolledBack,
            ..USUAL
        },
        Case { name: "identical, no margins", ramp: NO_MARGINS, required: NotRolledBack, ..USUAL },
        Case {
            name: "identical, no margins, 2,000 users",
            users: Users::Sticky { count: 2_000, shape: 1.0 },
            ramp: NO_MARGINS,
            required: NotRolledBack,
            ..USUAL
        },
        Case {
            name: "identical, no margins, users leave after 20 s on both",
            timing: patience(20.0, 20.0),
            ramp: NO_MARGINS,
            required: NotRolledBack,
            ..USUAL
        },
        Case {
            name: "green hangs until its streams are cut after 300 s",
            timing: Timing { green_hangs: 1.0, ..SAME_TIMING },
            required: RolledBack,
            before: "rolled back after 404 s",
            ..USUAL
        },
        Case {
            name: "the same with steps of 25 and 50 %",
            timing: Timing { green_hangs: 1.0, ..SAME_TIMING },
            ramp: r#"{"steps": [25, 50, 100]}"#,
            required: RolledBack,
            before: "rolled back after 404 s, 3,770 requests",
            ..USUAL
        },
        Case {
            name: "green slows down by 1 % a minute in each step",
            timing: Timing { green_growth_per_minute: 0.01, ..SAME_TIMING },
            required: Promoted(0.0),
            before: "promoted 87 %",
            ..USUAL
        },
        Case {
            name: "the same with a bake time of 30 minutes",
            timing: Timing { green_growth_per_minute: 0.01, ..SAME_TIMING },
            ramp: r#"{"bake": "30m"}"#,
            required: NotPromoted,
            ..USUAL
        },
    ]
}

/// The worlds in which the gate is compared with other tools, all with the default ramp.
pub fn comparable() -> Vec<Case> {
    use Required::RolledBack;
    let more = vec![
        Case {
            name: "requests, rates and times ×2 and back within 2 h",
            drift: Some(Drift { period_s: 7200, peak: 2_f64.sqrt() }),
            ..USUAL
        },
        Case {
            name: "both fail 20 % for 10 min",
            incident: incident(3_900, 600, 0.2, 0.2),
            ..USUAL
        },
        Case { name: "heavy tails", durations: (1.8, 2000.0), ..USUAL },
        Case { name: "answers of 2 min", durations: (0.5, 120_000.0), ..USUAL },
        Case { name: "errors 1 → 3 %", errors: (0.01, 0.03), required: RolledBack, ..USUAL },
        Case {
            name: "errors 1 → 3 %, 20,000 users",
            errors: (0.01, 0.03),
            users: sticky(20_000),
            required: RolledBack,
            ..USUAL
        },
        Case { name: "duration +30 %", duration: 1.3, required: RolledBack, ..USUAL },
        Case {
            name: "duration +30 %, 20,000 users",
            duration: 1.3,
            users: sticky(20_000),
            required: RolledBack,
            ..USUAL
        },
        Case {
            name: "errors 1 → 3 % after an hour",
            errors: (0.01, 0.03),
            green_differs_s: 3_600..u64::MAX,
            required: RolledBack,
            ..USUAL
        },
    ];
    let others = [
        "identical",
        "identical, 20,000 users",
        "identical, 2,000 users",
        "identical, 20,000 users, Zipf(1), unlike luck",
        "blue fails 10 % in 50 ms, green 1 %",
        "blue alone is down for 5 min",
        "both fail 60 % for 60 s",
        "users leave after 20 s on both",
        "green answers 400 to one in five",
        "green's answers are empty",
        "green fails one in ten, in 50 ms",
        "green takes 30 s instead of 4 s",
        "green twice as slow, its users leave after 10 s instead of 60 s",
        "30 % of green's users press stop",
        "3 % of green's answers take six times as long",
        "green hangs until its streams are cut after 300 s",
    ];
    let cases = cases().into_iter().chain(timing_cases());
    more.into_iter().chain(cases.filter(|case| others.contains(&case.name))).collect()
}

const fn sticky(count: usize) -> Users {
    Users::Sticky { count, shape: 1.0 }
}

/// Services of four sizes, with the profile that suits them.
fn profile_cases() -> Vec<Case> {
    use Required::{NotPromoted, NotRolledBack, Promoted};
    const SMALL_WITHOUT_MARGINS: &str = r#"{"profile": "small", "gates": [
        {"metric": "duration", "margin": 0}, {"metric": "ttft", "margin": 0}]}"#;
    const SMALL: &str = r#"{"profile": "small"}"#;
    const LARGE: &str = r#"{"profile": "large"}"#;
    let service = |count, per_second, ramp| Case {
        users: sticky(count),
        per_second,
        ramp,
        held_after_s: DAY_S,
        required: Promoted(0.9),
        ..USUAL
    };
    let errors = |case: Case| Case { errors: (0.01, 0.03), required: NotPromoted, ..case };
    let slower = |case: Case| Case { duration: 1.3, required: NotPromoted, ..case };
    let (tiny, small) = (service(200, 0.5, SMALL), service(2_000, 5.0, SMALL));
    let (usual, large) = (service(20_000, 50.0, "{}"), service(1_000_000, 200.0, LARGE));
    vec![
        Case {
            name: "small: 200 users, 0.5 rps: identical",
            before: "promoted 93 %",
            ..tiny.clone()
        },
        Case {
            name: "small: 200 users, 0.5 rps: errors ×3",
            before: "promoted 10 %",
            ..errors(tiny.clone())
        },
        Case {
            name: "small: 200 users, 0.5 rps: duration +30 %",
            before: "promoted 25 %",
            ..slower(tiny.clone())
        },
        Case {
            name: "small: 200 users, 0.5 rps: duration ×2",
            duration: 2.0,
            required: NotPromoted,
            before: "rolled back 42 %",
            ..tiny.clone()
        },
        Case {
            name: "small: 200 users, 0.5 rps: identical, no margins on times",
            ramp: SMALL_WITHOUT_MARGINS,
            required: NotRolledBack,
            ..tiny.clone()
        },
        Case {
            name: "small: 200 users, 0.5 rps: duration +30 %, without a baseline",
            ramp: r#"{"profile": "small", "baseline": "0s", "adjust": false}"#,
            ..slower(tiny.clone())
        },
        Case { name: "small: 2,000 users, 5 rps: identical", ..small.clone() },
        Case {
            name: "small: 2,000 users, 5 rps: identical, no margins on times",
            ramp: SMALL_WITHOUT_MARGINS,
            required: NotRolledBack,
            ..small.clone()
        },
        Case { name: "small: 2,000 users, 5 rps: errors ×3", ..errors(small.clone()) },
        Case { name: "small: 2,000 users, 5 rps: duration +30 %", ..slower(small) },
        Case { name: "default: 20,000 users, 50 rps: identical", ..usual.clone() },
        Case { name: "default: 20,000 users, 50 rps: errors ×3", ..errors(usual.clone()) },
        Case { name: "default: 20,000 users, 50 rps: duration +30 %", ..slower(usual) },
        Case { name: "large: 1,000,000 users, 200 rps: identical", ..large.clone() },
        Case { name: "large: 1,000,000 users, 200 rps: errors ×3", ..errors(large.clone()) },
        Case { name: "large: 1,000,000 users, 200 rps: duration +30 %", ..slower(large) },
        Case {
            name: "small: 20 users, 0.5 rps: green fails everything",
            errors: (0.01, 1.0),
            users: sticky(20),
            required: Required::RolledBack,
            ..tiny
        },
    ]
}

/// The groups of worlds, with their titles.
pub fn groups() -> [(&'static str, Vec<Case>); 3] {
    [
        ("Worlds", cases()),
        ("Open, aborted and rarely slow", timing_cases()),
        ("Profiles", profile_cases()),
    ]
}

// === impl Case ===

impl Case {
    /// The number of runs: `ramps`, or a tenth of them where a ramp may take a day.
    pub fn count(&self, ramps: u64) -> u64 {
        if self.held_after_s >= DAY_S { ramps.div_ceil(10) } else { ramps }
    }

    /// Simulates the world so many times.
    pub fn run(&self, count: u64) -> Row {
        let rollout = SimulatedRollout::new(&self.spec(), self.world(), false, self.held_after_s);
        let runs: Vec<SimulatedRun> = in_parallel(count, |seed| rollout.run(seed));
        let share = |is: fn(RunEnd) -> bool| {
            runs.iter().filter(|run| is(run.end)).count() as f64 / runs.len() as f64
        };
        let rolled_back = share(|end| end == RunEnd::RolledBack);
        let promoted = share(|end| end == RunEnd::Done);
        let held = share(|end| matches!(end, RunEnd::Held(_)));
        let max_false_rollbacks = 0.05 + 2.5 * (0.05 * 0.95 / runs.len() as f64).sqrt();
        let is_met = match self.required {
            Required::RolledBack => rolled_back >= 0.99,
            Required::Promoted(0.0) => true,
            Required::Promoted(min_promoted) => {
                promoted >= min_promoted && rolled_back <= max_false_rollbacks
            }
            Required::NotPromoted => promoted <= 0.1,
            Required::NotRolledBack => rolled_back <= max_false_rollbacks,
            Required::Held => held >= 0.99,
        };
        let mut ended: Vec<_> = runs.iter().filter(|run| run.end == RunEnd::RolledBack).collect();
        ended.sort_unstable_by_key(|run| run.seconds);
        let median = ended.get(ended.len() / 2);
        let figure = |value: fn(&SimulatedRun) -> u64| {
            median.map_or("–".to_owned(), |run| value(run).to_string())
        };
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        Row {
            name: self.name.to_owned(),
            runs: count,
            columns: vec![
                ("rolled back", percent(rolled_back)),
                ("promoted", percent(promoted)),
                ("held", percent(held)),
                ("seconds until rollback, median", figure(|run| run.seconds)),
                ("green's requests, median", figure(|run| run.green_requests)),
                ("before", self.before.to_owned()),
            ],
        }
        .marked(is_met)
    }

    /// The ramp.
    pub fn spec(&self) -> RampSpec {
        let config = r#"{"rollout": "r", "unit": {"header": "u"}, "ramp": RAMP,
            "versions": {"blue": {"cluster": "b"}, "green": {"cluster": "g"}}}"#
            .replace("RAMP", self.ramp);
        Config::parse(config.as_bytes()).unwrap().ramp.unwrap()
    }

    /// Whether green should be rolled back, or not be promoted.
    pub fn is_worse(&self) -> bool {
        matches!(self.required, Required::RolledBack | Required::NotPromoted)
    }

    /// In which seconds green differs from blue.
    pub fn green_differs_s(&self) -> Range<u64> {
        self.green_differs_s.clone()
    }

    pub fn world(&self) -> World {
        let rate = |metric, (blue, green): (f64, f64)| Behaviour {
            metric,
            blue,
            spread: 0.0,
            green: green / blue,
        };
        let has_patience = self.timing.patience_s.blue.is_some();
        let aborts = (!has_patience).then(|| rate(Metric::AbortRate, self.aborts));
        let value = |metric, blue, spread| Behaviour { metric, blue, spread, green: 1.0 };
        World {
            per_second: self.per_second,
            users: self.users,
            behaviours: [
                rate(Metric::ErrorRate, self.errors),
                rate(Metric::ClientErrorRate, self.client_errors),
                rate(Metric::RefusalRate, self.refusals),
                rate(Metric::EmptyRate, self.empty),
                Behaviour {
                    green: self.duration,
                    ..value(Metric::Duration, self.durations.1, self.durations.0)
                },
                value(Metric::Ttft, 600.0, 0.6),
            ]
            .into_iter()
            .chain(aborts)
            .collect(),
            green_differs_s: self.green_differs_s.clone(),
            incident: self.incident.clone(),
            unread: self.unread,
            failure_ms: self.failure_ms,
            timing: self.timing,
            explained: 0.0,
            judged_pairs: 0.0,
            drift: self.drift,
        }
    }
}
