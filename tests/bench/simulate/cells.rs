//! What is simulated, and what is asked of it.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A world, a course through it, and what is asked of the ramps.
pub struct Cell {
    pub name: String,
    rules: AnalysisPlan,
    world: World,
    course: Schedule,
    asks: Ask,
}

/// What is asked.
#[derive(Clone, Copy)]
enum Ask {
    /// That green is rolled back no more often than α.
    NoRollback,
    /// That green passes no more often than β.
    NoAdvance,
    /// That so many are promoted.
    Promotion(f64),
    /// That half are rolled back after so many seconds, give or take a quarter; `None`
    /// where no figure is known.
    Detection(Option<f64>),
    /// How often and how soon it is rolled back.
    Rollback,
}

pub struct Row {
    pub name: String,
    /// How many there were.
    pub ramps: u64,
    pub columns: Vec<(&'static str, String)>,
}

/// How many figures were not what is asked.
pub static MISSED: AtomicU32 = AtomicU32::new(0);

const ALPHA: f64 = 0.05;
const BETA: f64 = 0.1;
const PER_SECOND: f64 = 50.0;
const HOUR: u64 = 3600;
const WARMUP: u64 = 120 * 1_000_000_000;
const SHARES: [f64; 4] = [0.01, 0.05, 0.25, 0.5];

const INDEPENDENT: Users = Users::Independent;

/// Users some of whom fail more often than others.
const fn alike(count: usize) -> Users {
    Users::Sticky { count, shape: 1.0 }
}

/// Users a tenth of whom has more than half of all failures.
const fn unlike(count: usize) -> Users {
    Users::Sticky { count, shape: 0.2 }
}

/// Each kind of users, with its name.
const CROWDS: [(Users, &str); 5] = [
    (INDEPENDENT, "independent"),
    (alike(2_000), "2000 users"),
    (alike(20_000), "20000 users"),
    (unlike(2_000), "2000 unlike users"),
    (unlike(20_000), "20000 unlike users"),
];

/// The seven metrics, as they are on a usual service, and the same on green.
fn usual(error_rate: f64) -> Vec<Behaviour> {
    let behaviour = |metric, blue, spread| Behaviour { metric, blue, spread, green: 1.0 };
    vec![
        behaviour(Metric::ErrorRate, error_rate, 0.0),
        behaviour(Metric::RefusalRate, 0.02, 0.0),
        behaviour(Metric::TruncationRate, 0.01, 0.0),
        behaviour(Metric::Duration, 4000.0, 0.85),
        behaviour(Metric::Ttft, 600.0, 0.6),
        behaviour(Metric::OutputTokens, 250.0, 0.8),
        behaviour(Metric::Cost, 0.004, 0.9),
    ]
}

/// The same, but for one metric in which green is so many times blue.
fn worse(metric: Metric, times: f64) -> Vec<Behaviour> {
    let worse =
        |it: Behaviour| Behaviour { green: if it.metric == metric { times } else { 1.0 }, ..it };
    usual(0.01).into_iter().map(worse).collect()
}

fn world(users: Users, behaviours: Vec<Behaviour>) -> World {
    World {
        per_second: PER_SECOND,
        users,
        behaviours,
        incident: None,
        unread: ByVersion::default(),
        failure_ms: None,
    }
}

fn rules(world: &World, shares: &[f64], has_margins: bool) -> AnalysisPlan {
    let steps = StepDesign::from_shares(shares);
    let gate = |behaviour: &Behaviour| {
        let mut terms = GateSpec::with_defaults(behaviour.metric, shares);
        if !has_margins {
            terms.margin = 0.0;
        }
        Gate::new(terms, &steps)
    };
    let gates = world.behaviours.iter().map(gate).collect();
    let counting = match world.users {
        Users::Independent => AnalysisUnit::EveryRequest,
        Users::Sticky { .. } => AnalysisUnit::Units,
    };
    AnalysisPlan {
        gates,
        steps,
        alpha: ALPHA,
        beta: BETA,
        unit: counting,
        warmup_ns: WARMUP,
        max_units: MAX_UNITS,
    }
}

fn fixed(shares: &[f64], step_s: u64) -> Schedule {
    Schedule {
        shares: shares.to_vec(),
        pacing: Pacing::Fixed { step_s },
        takes_time: true,
        late_s: 0,
    }
}

fn gated(shares: &[f64], bake_s: u64, most_s: u64) -> Schedule {
    Schedule {
        shares: shares.to_vec(),
        pacing: Pacing::Gated { bake_s, most_s },
        takes_time: true,
        late_s: 0,
    }
}

pub fn all() -> Vec<(&'static str, Vec<Cell>)> {
    vec![
        ("False rollbacks", false_rollbacks()),
        ("False advances", false_advances()),
        ("Promotions", promotions()),
        ("Times to detect", detections()),
        ("Whole ramps of a worse green", bad_ramps()),
    ]
}

fn false_rollbacks() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |name: String, world: World, has_margins, late_s| {
        let rules = rules(&world, &SHARES, has_margins);
        let course = Schedule { late_s, ..fixed(&SHARES, HOUR / 2) };
        let margins = if has_margins { "margins" } else { "margin 0" };
        let name = format!("{name}, {margins}");
        cells.push(Cell { name, rules, world, course, asks: Ask::NoRollback });
    };
    for has_margins in [false, true] {
        for error_rate in [0.001, 0.005, 0.01] {
            let name = format!("errors {:.1} %", error_rate * 100.0);
            add(name, world(INDEPENDENT, usual(error_rate)), has_margins, 0);
        }
        let seconds = HOUR + 300..HOUR + 900;
        let incident = Some(Incident { seconds, times: 5.0, failing: ByVersion::default() });
        let hit = World { incident, ..world(INDEPENDENT, usual(0.01)) };
        add("incident ×5 on both in step 3".to_owned(), hit, has_margins, 0);
        for (users, name) in CROWDS.into_iter().skip(1) {
            add(name.to_owned(), world(users, usual(0.01)), has_margins, 0);
        }
    }
    let late = world(alike(20_000), usual(0.01));
    add("20000 users, workers up to 5 s late".to_owned(), late, false, 5);
    cells
}

fn false_advances() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (metric, name) in [(Metric::ErrorRate, "errors"), (Metric::Duration, "duration")] {
        for share in SHARES {
            for (users, of) in CROWDS {
                let is_value = metric.comparison() != Comparison::Rate;
                if is_value && matches!(users, Users::Sticky { shape: 0.2, .. }) {
                    continue;
                }
                let times = 1.0 + metric.default_tolerance(share);
                let behaviours = worse(metric, times);
                let behaviours = behaviours.into_iter().filter(|it| it.metric == metric).collect();
                let world = world(users, behaviours);
                let mut rules = rules(&world, &[share], true);
                // Only going on is looked at.
                let gates = rules.gates.iter().map(|gate| {
                    Gate::new(GateSpec { margin: 10.0, ..gate.spec.clone() }, &rules.steps)
                });
                rules.gates = gates.collect();
                let name = format!("{name} ×{times} at {} %, {of}", share * 100.0);
                let course = gated(&[share], 0, HOUR);
                cells.push(Cell { name, rules, world, course, asks: Ask::NoAdvance });
            }
        }
    }
    cells
}

fn promotions() -> Vec<Cell> {
    let cell = |name: &str, world: World, least| {
        let rules = rules(&world, &SHARES, true);
        let course = gated(&SHARES, 600, HOUR);
        Cell { name: name.to_owned(), rules, world, course, asks: Ask::Promotion(least) }
    };
    vec![
        cell("errors 1 %, independent", world(INDEPENDENT, usual(0.01)), 0.9),
        cell("errors 1 %, 20000 users", world(alike(20_000), usual(0.01)), 0.9),
        cell("errors 1 %, 20000 unlike users", world(unlike(20_000), usual(0.01)), 0.0),
        cell("errors 0.1 %, independent", world(INDEPENDENT, usual(0.001)), 0.9),
        cell("errors 0.1 %, 20000 users", world(alike(20_000), usual(0.001)), 0.0),
        cell("errors 0.01 %, independent", world(INDEPENDENT, usual(0.0001)), 0.9),
        cell("no errors, independent", world(INDEPENDENT, usual(0.0)), 0.9),
        cell("errors 0.01 %, 20000 users", world(alike(20_000), usual(0.0001)), 0.9),
        cell("no errors, 20000 users", world(alike(20_000), usual(0.0)), 0.9),
    ]
}

/// Regressions, and the seconds that it is known to take at 1, 5 and 25 %.
const REGRESSIONS: [(&str, Metric, f64, [f64; 3]); 5] = [
    ("errors 1 → 3 %", Metric::ErrorRate, 3.0, [1485.0, 326.0, 90.0]),
    ("refusals 2 → 5 %", Metric::RefusalRate, 2.5, [1346.0, 300.0, 84.0]),
    ("duration +30 %", Metric::Duration, 1.3, [795.0, 189.0, 54.0]),
    ("ttft +30 %", Metric::Ttft, 1.3, [400.0, 109.0, 31.0]),
    ("cost +20 %", Metric::Cost, 1.2, [1461.0, 336.0, 92.0]),
];

fn detections() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |(name, metric, times): (&str, Metric, f64), share, takes_time, known| {
        let world = world(INDEPENDENT, worse(metric, times));
        let rules = rules(&world, &[share], true);
        let name = format!("{name} at {} %", share * 100.0);
        let course = Schedule { takes_time, ..fixed(&[share], 4 * HOUR) };
        cells.push(Cell { name, rules, world, course, asks: Ask::Detection(known) });
    };
    for (name, metric, times, known) in REGRESSIONS {
        for (share, seconds) in SHARES.into_iter().zip(known) {
            add((name, metric, times), share, false, Some(seconds));
        }
    }
    for share in SHARES {
        let name = "duration +30 %, told when answers end,";
        add((name, Metric::Duration, 1.3), share, true, None);
    }
    cells
}

fn bad_ramps() -> Vec<Cell> {
    let cell = |(name, metric, times, _): (&str, Metric, f64, [f64; 3]), users, of: &str| {
        let world = world(users, worse(metric, times));
        let rules = rules(&world, &SHARES, true);
        let course = gated(&SHARES, 600, 2 * HOUR);
        let name = format!("{name}, {of}");
        Cell { name, rules, world, course, asks: Ask::Rollback }
    };
    let with = |users, of| REGRESSIONS.into_iter().map(move |it| cell(it, users, of));
    with(INDEPENDENT, "independent").chain(with(alike(20_000), "20000 users")).collect()
}

// === impl Cell ===

impl Cell {
    pub fn run(&self, ramps: u64) -> Row {
        let is_chance = matches!(self.asks, Ask::NoRollback | Ask::NoAdvance);
        let ramps = if is_chance { ramps } else { ramps.div_ceil(4) };
        let runs = run_many(&self.rules, &self.world, &self.course, ramps);
        let share = |end: fn(RunEnd) -> bool| runs.share(end);
        let error = |of: f64| 2.5 * (of * (1.0 - of) / ramps as f64).sqrt();
        let is_rolled_back = |end| end == RunEnd::RolledBack;
        let is_done = |end| end == RunEnd::Done;
        let quantile = |at, what: fn(&SimulatedRun) -> u64| runs.quantile(at, is_rolled_back, what);
        let mut columns = Vec::new();
        let mut is_met = true;
        match self.asks {
            Ask::NoRollback => {
                let seen = share(is_rolled_back);
                is_met = seen <= ALPHA + error(ALPHA);
                columns.push(("rolled back", percent(seen)));
            }
            Ask::NoAdvance => {
                let seen = share(is_done);
                is_met = seen <= BETA + error(BETA);
                columns.push(("passed", percent(seen)));
            }
            Ask::Promotion(least) => {
                is_met = share(is_done) >= least;
                let minutes = runs.quantile(0.5, is_done, |run| run.seconds) / 60.0;
                columns.push(("promoted", percent(share(is_done))));
                columns.push(("rolled back", percent(share(is_rolled_back))));
                let waits = runs.share(|end| matches!(end, RunEnd::Held(_)));
                columns.push(("held an hour", percent(waits)));
                columns.push(("minutes, median", format!("{minutes:.0}")));
            }
            Ask::Detection(known) => {
                let median = quantile(0.5, |run| run.seconds);
                is_met = known.is_none_or(|known| (median / known - 1.0).abs() <= 0.25);
                let known = known.map_or("–".to_owned(), |known| format!("{known:.0}"));
                columns.push(("seconds, median", format!("{median:.0}")));
                columns.push(("known", known));
                columns.push(("planned", format!("{:.0}", self.planned_s())));
                columns.push(("10 % within", format!("{:.0}", quantile(0.1, |run| run.seconds))));
                columns.push(("90 % within", format!("{:.0}", quantile(0.9, |run| run.seconds))));
            }
            Ask::Rollback => {
                let requests = quantile(0.5, |run| run.green_requests);
                columns.push(("rolled back", percent(share(is_rolled_back))));
                columns.push(("promoted", percent(share(is_done))));
                columns.push((
                    "minutes, median",
                    format!("{:.0}", quantile(0.5, |run| run.seconds) / 60.0),
                ));
                columns.push(("green's requests, median", format!("{requests:.0}")));
            }
        }
        let mark = if is_met { "" } else { " **not as asked**" };
        MISSED.fetch_add(u32::from(!is_met), Ordering::Relaxed);
        Row { name: format!("{}{mark}", self.name), ramps, columns }
    }

    /// What the plan says of the time to detect.
    fn planned_s(&self) -> f64 {
        let green = self.rules.steps[0].all;
        let worse = self.world.behaviours.iter().find(|it| it.green != 1.0);
        let Behaviour { metric, blue, spread, green: times } = *worse.unwrap();
        let question = PowerQuery {
            per_second: PER_SECOND,
            green,
            margin: metric.default_margin(),
            regression: times - 1.0,
        };
        let (metrics, steps) = (self.rules.gates.len(), self.rules.steps.len());
        let expected = match metric.comparison() {
            Comparison::Rate => question.for_rate(blue, ALPHA, metrics, steps),
            _ => question.for_values(spread, ALPHA, metrics, steps),
        };
        expected.map_or(f64::NAN, |expected| expected.seconds)
    }
}

// === impl Row ===

impl Row {
    pub fn figures(&self) -> String {
        let figures = self.columns.iter().map(|(name, value)| format!("{name} {value}"));
        figures.collect::<Vec<_>>().join("  ")
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
