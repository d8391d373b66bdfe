//! What is simulated, and what the simulation requires of the result.

use super::*;

/// A world, a schedule, and the requirement on the runs.
#[derive(Clone)]
pub struct Cell {
    pub name: String,
    plan: AnalysisPlan,
    world: World,
    schedule: Schedule,
    requirement: Requirement,
}

/// The requirement on the runs of a cell.
#[derive(Clone, Copy)]
enum Requirement {
    /// At most α of the runs are rolled back.
    NoRollback,
    /// At most β of the runs pass.
    NoAdvance,
    /// At least this fraction of the runs is promoted.
    Promotion(f64),
    /// The median time to a rollback is this many seconds, within a quarter; `None` where no
    /// reference is known.
    Detection(Option<f64>),
    /// At least 99 % of the runs are rolled back after these healthy seconds, and at most α before.
    LateRollback { healthy_s: u64 },
    /// No requirement: how often and how soon a run is rolled back.
    Rollback,
}

/// The results of one cell.
pub struct Row {
    pub name: String,
    /// The number of runs.
    pub runs: u64,
    pub columns: Vec<(&'static str, String)>,
}

/// What marks a row whose requirement is not met.
pub const MARK: &str = " **requirement not met**";

const ALPHA: f64 = 0.05;
const BETA: f64 = 0.1;
const PER_SECOND: f64 = 50.0;
const HOUR: u64 = 3600;
const WARMUP: u64 = 120 * 1_000_000_000;
const SHARES: [f64; 4] = [0.01, 0.05, 0.25, 0.5];

const INDEPENDENT: Users = Users::Independent;

/// Users whose failure rates have an exponential distribution.
const fn alike(count: usize) -> Users {
    Users::Sticky { count, shape: 1.0 }
}

/// Users of whom a tenth has more than half of all failures.
const fn unlike(count: usize) -> Users {
    Users::Sticky { count, shape: 0.2 }
}

/// Small services: users and requests per second.
const SMALL_SERVICES: [(usize, f64); 2] = [(2_000, 5.0), (200, 0.5)];

/// The populations, with their names.
const POPULATIONS: [(Users, &str); 5] = [
    (INDEPENDENT, "independent"),
    (alike(2_000), "2000 users"),
    (alike(20_000), "20000 users"),
    (unlike(2_000), "2000 unlike users"),
    (unlike(20_000), "20000 unlike users"),
];

/// The seven metrics of a typical service, with a green that is like blue.
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

/// The same with one metric in which green is worse by this factor.
fn worse(metric: Metric, factor: f64) -> Vec<Behaviour> {
    let worse =
        |it: Behaviour| Behaviour { green: if it.metric == metric { factor } else { 1.0 }, ..it };
    usual(0.01).into_iter().map(worse).collect()
}

fn world(users: Users, behaviours: Vec<Behaviour>) -> World {
    World {
        per_second: PER_SECOND,
        users,
        behaviours,
        green_differs_s: World::WHOLE_RUN,
        incident: None,
        unread: ByVersion::default(),
        failure_ms: None,
        timing: Timing::default(),
        explained: 0.0,
        judged_pairs: 0.0,
        drift: None,
    }
}

fn plan(world: &World, shares: &[f64], has_margins: bool) -> AnalysisPlan {
    let steps = StepDesign::from_shares(shares);
    let gate = |behaviour: &Behaviour| {
        let mut spec = GateSpec::with_defaults(behaviour.metric, shares);
        if !has_margins {
            spec.margin = 0.0;
        }
        Gate::new(spec, &steps)
    };
    let gates = world.behaviours.iter().map(gate).collect();
    let unit = match world.users {
        Users::Independent => AnalysisUnit::EveryRequest,
        Users::Sticky { .. } | Users::Unequal { .. } => AnalysisUnit::Units,
    };
    AnalysisPlan {
        gates,
        steps,
        alpha: ALPHA,
        beta: BETA,
        learns_objective: false,
        adjusts: false,
        compares_all: true,
        unit,
        warmup_ns: WARMUP,
        cold_start_ns: 0,
        max_units: MAX_UNITS,
    }
}

fn fixed(shares: &[f64], step_s: u64) -> Schedule {
    Schedule {
        shares: shares.to_vec(),
        pacing: Pacing::Fixed { step_s },
        takes_time: true,
        max_delay_s: 0,
    }
}

fn gated(shares: &[f64], bake_s: u64, timeout_s: u64) -> Schedule {
    Schedule {
        shares: shares.to_vec(),
        pacing: Pacing::Gated { bake_s, timeout_s },
        takes_time: true,
        max_delay_s: 0,
    }
}

pub fn all() -> Vec<(&'static str, Vec<Cell>)> {
    vec![
        ("False rollbacks", false_rollbacks()),
        ("False advances", false_advances()),
        ("False advances of heavy users", false_advances_of_heavy_users()),
        ("False advances of small services", false_advances_of_small_services()),
        ("Long steps", long_steps()),
        ("Late regressions", late_regressions()),
        ("Promotions", promotions()),
        ("Times to detect", detections()),
        ("Whole ramps of a worse green", bad_ramps()),
        ("Values adjusted by their requests", adjusted().0),
        ("Values adjusted by the past of users", adjusted_by_the_past().0),
        ("False rollbacks of adjusted values", [adjusted().1, adjusted_by_the_past().1].concat()),
        (
            "False advances of adjusted values",
            [adjusted_false_advances(), false_advances_with_a_past()].concat(),
        ),
    ]
}

fn false_rollbacks() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |name: String, world: World, has_margins, max_delay_s| {
        let plan = plan(&world, &SHARES, has_margins);
        let schedule = Schedule { max_delay_s, ..fixed(&SHARES, HOUR / 2) };
        let margins = if has_margins { "margins" } else { "margin 0" };
        let name = format!("{name}, {margins}");
        cells.push(Cell { name, plan, world, schedule, requirement: Requirement::NoRollback });
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
        for (users, name) in POPULATIONS.into_iter().skip(1) {
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
            for (users, population) in POPULATIONS {
                let is_value = metric.comparison() != Comparison::Rate;
                if is_value && matches!(users, Users::Sticky { shape: 0.2, .. }) {
                    continue;
                }
                let factor = 1.0 + metric.default_tolerance(share);
                let name = format!("{name} ×{factor} at {} %, {population}", share * 100.0);
                cells.push(at_the_tolerance(name, metric, share, (users, PER_SECOND, HOUR)));
            }
        }
    }
    cells
}

/// Some seconds with a green that is worse by the default tolerance in one metric.
fn at_the_tolerance(name: String, metric: Metric, share: f64, traffic: (Users, f64, u64)) -> Cell {
    at_the_tolerance_of(RampProfile::Default, name, metric, share, traffic)
}

/// Some seconds with a green that is worse by a profile's tolerance in one metric.
fn at_the_tolerance_of(
    profile: RampProfile,
    name: String,
    metric: Metric,
    share: f64,
    (users, per_second, seconds): (Users, f64, u64),
) -> Cell {
    let tolerance = profile.gate(metric, &[share]).tolerance;
    let behaviours = worse(metric, 1.0 + tolerance[0]);
    let behaviours = behaviours.into_iter().filter(|it| it.metric == metric).collect();
    let world = World { per_second, ..world(users, behaviours) };
    let mut plan = plan(&world, &[share], true);
    // With a margin that is never exceeded, no run is rolled back.
    let gates = plan.gates.iter().map(|gate| {
        let spec = GateSpec { margin: 10.0, tolerance: tolerance.clone(), ..gate.spec.clone() };
        Gate::new(spec, &plan.steps)
    });
    plan.gates = gates.collect();
    let schedule = gated(&[share], 0, seconds);
    Cell { name, plan, world, schedule, requirement: Requirement::NoAdvance }
}

/// A green that is worse by the tolerance, where few users send much.
fn false_advances_of_heavy_users() -> Vec<Cell> {
    let of = |activity| Users::Unequal { count: 20_000, activity, shape: None };
    let populations = [
        (of(Activity::OneSends(0.5)), "one user sends half"),
        (of(Activity::OneSends(0.2)), "one user sends a fifth"),
        (of(Activity::Zipf(1.1)), "Zipf(1.1)"),
        (of(Activity::OnePercentSends(0.8)), "1 % send 80 %"),
    ];
    let cell = |(metric, name): (Metric, &str), share: f64, (users, population)| {
        let factor = 1.0 + metric.default_tolerance(share);
        let name = format!("{name} ×{factor} at {} %, {population}", share * 100.0);
        at_the_tolerance(name, metric, share, (users, PER_SECOND, HOUR))
    };
    let metrics = [(Metric::ErrorRate, "errors"), (Metric::Duration, "duration")];
    let of_metric = |metric| {
        SHARES.into_iter().flat_map(move |share| populations.map(|it| cell(metric, share, it)))
    };
    metrics.into_iter().flat_map(of_metric).collect()
}

/// A day with a green that is worse by the tolerance, where few users send little.
fn false_advances_of_small_services() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (metric, name) in [(Metric::ErrorRate, "errors"), (Metric::Duration, "duration")] {
        for (count, per_second) in SMALL_SERVICES {
            for share in SHARES.into_iter().skip(1) {
                let factor = 1.0 + metric.default_tolerance(share);
                let name = format!(
                    "{name} ×{factor} at {} %, {count} users, {per_second} requests a second",
                    share * 100.0
                );
                let traffic = (alike(count), per_second, 24 * HOUR);
                cells.push(at_the_tolerance(name, metric, share, traffic));
            }
        }
    }
    for (metric, name) in [(Metric::ErrorRate, "errors"), (Metric::Duration, "duration")] {
        for (count, per_second) in SMALL_SERVICES {
            let profile = RampProfile::Small;
            let factor = 1.0 + profile.gate(metric, &[0.5]).tolerance[0];
            let name = format!(
                "profile small: {name} ×{factor}, {count} users, {per_second} requests a second"
            );
            let traffic = (alike(count), per_second, 24 * HOUR);
            cells.push(at_the_tolerance_of(profile, name, metric, 0.5, traffic));
        }
    }
    cells
}

/// Twelve hours in a step of 25 %, with a green that is like blue.
fn long_steps() -> Vec<Cell> {
    let cell = |(users, population): (Users, &str)| {
        let world = world(users, usual(0.01));
        let plan = plan(&world, &[0.25], false);
        let schedule = fixed(&[0.25], 12 * HOUR);
        let name = format!("{population}, margin 0");
        Cell { name, plan, world, schedule, requirement: Requirement::NoRollback }
    };
    POPULATIONS.into_iter().map(cell).collect()
}

/// Four hours like blue in a step of 25 %, and then a regression.
fn late_regressions() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (users, population) in [(INDEPENDENT, "independent"), (alike(20_000), "20000 users")] {
        for (name, metric, factor, _) in REGRESSIONS {
            let healthy_s = 4 * HOUR;
            let green_differs_s = healthy_s..u64::MAX;
            let world = World { green_differs_s, ..world(users, worse(metric, factor)) };
            let plan = plan(&world, &[0.25], true);
            let schedule = fixed(&[0.25], healthy_s + 2 * HOUR);
            let requirement = Requirement::LateRollback { healthy_s };
            cells.push(Cell {
                name: format!("{name}, {population}"),
                plan,
                world,
                schedule,
                requirement,
            });
        }
    }
    cells
}

fn promotions() -> Vec<Cell> {
    let cell = |name: &str, world: World, min_promoted| {
        let plan = plan(&world, &SHARES, true);
        let schedule = gated(&SHARES, 600, HOUR);
        Cell {
            name: name.to_owned(),
            plan,
            world,
            schedule,
            requirement: Requirement::Promotion(min_promoted),
        }
    };
    vec![
        cell("errors 1 %, independent", world(INDEPENDENT, usual(0.01)), 0.9),
        cell("errors 1 %, 20000 users", world(alike(20_000), usual(0.01)), 0.8),
        cell("errors 1 %, 20000 unlike users", world(unlike(20_000), usual(0.01)), 0.0),
        cell("errors 0.1 %, independent", world(INDEPENDENT, usual(0.001)), 0.9),
        cell("errors 0.1 %, 20000 users", world(alike(20_000), usual(0.001)), 0.0),
        cell("errors 0.01 %, independent", world(INDEPENDENT, usual(0.0001)), 0.9),
        cell("no errors, independent", world(INDEPENDENT, usual(0.0)), 0.9),
        cell("errors 0.01 %, 20000 users", world(alike(20_000), usual(0.0001)), 0.85),
        cell("no errors, 20000 users", world(alike(20_000), usual(0.0)), 0.85),
    ]
}

/// Regressions, with their reference times to detect at 1, 5 and 25 %, in seconds. That of cost is after the
/// warm-up of two minutes, during which it is not compared.
const REGRESSIONS: [(&str, Metric, f64, [f64; 3]); 5] = [
    ("errors 1 → 3 %", Metric::ErrorRate, 3.0, [1485.0, 326.0, 90.0]),
    ("refusals 2 → 5 %", Metric::RefusalRate, 2.5, [1346.0, 300.0, 84.0]),
    ("duration +30 %", Metric::Duration, 1.3, [795.0, 189.0, 54.0]),
    ("ttft +30 %", Metric::Ttft, 1.3, [400.0, 109.0, 31.0]),
    ("cost +20 %", Metric::Cost, 1.2, [1581.0, 456.0, 212.0]),
];

fn detections() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |(name, metric, factor): (&str, Metric, f64), share, takes_time, reference_s| {
        let world = world(INDEPENDENT, worse(metric, factor));
        let plan = plan(&world, &[share], true);
        let name = format!("{name} at {} %", share * 100.0);
        let schedule = Schedule { takes_time, ..fixed(&[share], 4 * HOUR) };
        cells.push(Cell {
            name,
            plan,
            world,
            schedule,
            requirement: Requirement::Detection(reference_s),
        });
    };
    for (name, metric, factor, references_s) in REGRESSIONS {
        for (share, reference_s) in SHARES.into_iter().zip(references_s) {
            add((name, metric, factor), share, false, Some(reference_s));
        }
    }
    for share in SHARES {
        let name = "duration +30 %, observed when answers end,";
        add((name, Metric::Duration, 1.3), share, true, None);
    }
    cells
}

fn bad_ramps() -> Vec<Cell> {
    let cell =
        |(name, metric, factor, _): (&str, Metric, f64, [f64; 3]), users, population: &str| {
            let world = world(users, worse(metric, factor));
            let plan = plan(&world, &SHARES, true);
            let schedule = gated(&SHARES, 600, 2 * HOUR);
            let name = format!("{name}, {population}");
            Cell { name, plan, world, schedule, requirement: Requirement::Rollback }
        };
    let all = |users, population| {
        REGRESSIONS.into_iter().map(move |regression| cell(regression, users, population))
    };
    all(INDEPENDENT, "independent").chain(all(alike(20_000), "20000 users")).collect()
}

/// Durations of which the request explains a part, in a step of 25 %: not adjusted and adjusted.
fn adjusted() -> (Vec<Cell>, Vec<Cell>) {
    let mut cells = Vec::new();
    let mut add = |name: String, world: World, adjusts, margin, requirement| {
        let mut plan = plan(&world, &[0.25], margin);
        plan.adjusts = adjusts;
        let hours = if matches!(requirement, Requirement::Rollback) { 4 } else { 1 };
        let schedule = fixed(&[0.25], hours * HOUR);
        cells.push(Cell { name, plan, world, schedule, requirement });
    };
    let duration =
        |green| vec![Behaviour { metric: Metric::Duration, blue: 4000.0, spread: 0.85, green }];
    for explained in [0.0, 0.5, 0.7] {
        for (adjusts, how) in [(false, "not adjusted"), (true, "adjusted")] {
            let world = World { explained, ..world(INDEPENDENT, duration(1.15)) };
            let name = format!("duration ×1.15, R² {explained}, {how}");
            add(name, world, adjusts, true, Requirement::Rollback);
        }
    }
    let drift = Some(Drift { period_s: 2 * HOUR, peak: 2_f64.sqrt() });
    for (users, population) in
        [(INDEPENDENT, "independent"), (alike(2_000), "2000 users"), (alike(20_000), "20000 users")]
    {
        let identical = World { explained: 0.7, ..world(users, duration(1.0)) };
        let name = format!("identical, R² 0.7, {population}, margin 0, adjusted");
        add(name, identical.clone(), true, false, Requirement::NoRollback);
        let name = format!("identical, R² 0.7, {population}, drift, margin 0, adjusted");
        add(name, World { drift, ..identical }, true, false, Requirement::NoRollback);
    }
    cells.into_iter().partition(|cell| matches!(cell.requirement, Requirement::Rollback))
}

/// Whole ramps in which the past of users is what they were answered in earlier steps.
fn adjusted_by_the_past() -> (Vec<Cell>, Vec<Cell>) {
    let duration =
        |green| vec![Behaviour { metric: Metric::Duration, blue: 4000.0, spread: 0.85, green }];
    let cell = |name: String, world: World, adjusts, has_margins, schedule, requirement| {
        let plan = AnalysisPlan { adjusts, ..plan(&world, &SHARES, has_margins) };
        Cell { name, plan, world, schedule, requirement }
    };
    let (mut worse, mut nulls) = (Vec::new(), Vec::new());
    for (count, population) in [(2_000, "2000 users"), (20_000, "20000 users")] {
        for (adjusts, how) in [(false, "not adjusted"), (true, "adjusted")] {
            let world = world(alike(count), duration(1.3));
            let name = format!("duration ×1.3 in four steps, {population}, {how}");
            let schedule = fixed(&SHARES, HOUR / 2);
            worse.push(cell(name, world, adjusts, true, schedule, Requirement::Rollback));
        }
        let drift = Some(Drift { period_s: 2 * HOUR, peak: 2_f64.sqrt() });
        for (drift, with) in [(None, ""), (drift, ", drift")] {
            let world = World { drift, ..world(alike(count), duration(1.0)) };
            let name = format!("identical in four steps, {population}{with}, margin 0, adjusted");
            let schedule = fixed(&SHARES, HOUR / 2);
            nulls.push(cell(name, world, true, false, schedule, Requirement::NoRollback));
        }
    }
    (worse, nulls)
}

/// A green that is worse by the tolerance of the last step, whose users have a past, and some are on
/// green since an earlier step.
fn false_advances_with_a_past() -> Vec<Cell> {
    let cell = |(count, population): (usize, &str)| {
        let tolerances = SHARES.map(|share| Metric::Duration.default_tolerance(share));
        let world = world(
            alike(count),
            vec![Behaviour {
                metric: Metric::Duration,
                blue: 4000.0,
                spread: 0.85,
                green: 1.0 + tolerances[3],
            }],
        );
        let mut plan = AnalysisPlan { adjusts: true, ..plan(&world, &SHARES, true) };
        // With a margin that is never exceeded, no run is rolled back.
        let gates = plan.gates.iter().map(|gate| {
            let spec =
                GateSpec { margin: 10.0, tolerance: tolerances.to_vec(), ..gate.spec.clone() };
            Gate::new(spec, &plan.steps)
        });
        plan.gates = gates.collect();
        let name = format!("duration ×{} in four steps, {population}", 1.0 + tolerances[3]);
        let schedule = gated(&SHARES, 600, HOUR);
        Cell { name, plan, world, schedule, requirement: Requirement::NoAdvance }
    };
    [(2_000, "2000 users"), (20_000, "20000 users")].map(cell).to_vec()
}

/// A green that is worse by the tolerance, adjusted.
fn adjusted_false_advances() -> Vec<Cell> {
    let cell = |share: f64, (users, population): (Users, &str)| {
        let factor = 1.0 + Metric::Duration.default_tolerance(share);
        let name = format!("duration ×{factor} at {} %, R² 0.7, {population}", share * 100.0);
        let traffic = (users, PER_SECOND, HOUR);
        let mut cell = at_the_tolerance(name, Metric::Duration, share, traffic);
        cell.plan.adjusts = true;
        cell.world.explained = 0.7;
        cell
    };
    let populations = [(INDEPENDENT, "independent"), (alike(2_000), "2000 users")];
    SHARES.into_iter().skip(1).flat_map(|share| populations.map(|it| cell(share, it))).collect()
}

// === impl Cell ===

impl Cell {
    /// The number of runs: `ramps`, or a quarter of them where a time is measured.
    pub fn count(&self, ramps: u64) -> u64 {
        let is_probability =
            matches!(self.requirement, Requirement::NoRollback | Requirement::NoAdvance);
        if is_probability { ramps } else { ramps.div_ceil(4) }
    }

    /// Simulates the cell so many times.
    pub fn run(&self, count: u64) -> Row {
        let runs = run_many(&self.plan, &self.world, &self.schedule, count);
        let share = |end: fn(RunEnd) -> bool| runs.share(end);
        let error = |p: f64| 2.5 * (p * (1.0 - p) / count as f64).sqrt();
        let is_rolled_back = |end| end == RunEnd::RolledBack;
        let is_done = |end| end == RunEnd::Done;
        let quantile = |q, value: fn(&SimulatedRun) -> u64| runs.quantile(q, is_rolled_back, value);
        let mut columns = Vec::new();
        let mut is_met = true;
        match self.requirement {
            Requirement::NoRollback => {
                let found = share(is_rolled_back);
                is_met = found <= ALPHA + error(ALPHA);
                columns.push(("rolled back", percent(found)));
            }
            Requirement::NoAdvance => {
                let found = share(is_done);
                is_met = found <= BETA + error(BETA);
                columns.push(("passed", percent(found)));
            }
            Requirement::Promotion(min_promoted) => {
                is_met = share(is_done) >= min_promoted;
                let minutes = runs.quantile(0.5, is_done, |run| run.seconds) / 60.0;
                columns.push(("promoted", percent(share(is_done))));
                columns.push(("rolled back", percent(share(is_rolled_back))));
                let held = runs.share(|end| matches!(end, RunEnd::Held(_)));
                columns.push(("held an hour", percent(held)));
                columns.push(("minutes, median", format!("{minutes:.0}")));
            }
            Requirement::Detection(reference_s) => {
                let median = quantile(0.5, |run| run.seconds);
                is_met = reference_s.is_none_or(|it| (median / it - 1.0).abs() <= 0.25);
                let reference = reference_s.map_or("–".to_owned(), |it| format!("{it:.0}"));
                columns.push(("seconds, median", format!("{median:.0}")));
                columns.push(("reference", reference));
                columns.push(("expected", format!("{:.0}", self.expected_s())));
                columns.push(("10 % within", format!("{:.0}", quantile(0.1, |run| run.seconds))));
                columns.push(("90 % within", format!("{:.0}", quantile(0.9, |run| run.seconds))));
            }
            Requirement::LateRollback { healthy_s } => {
                let late = |run: &&SimulatedRun| is_rolled_back(run.end) && run.seconds > healthy_s;
                let mut seconds: Vec<_> =
                    runs.0.iter().filter(late).map(|run| run.seconds - healthy_s).collect();
                seconds.sort_unstable();
                let found = seconds.len() as f64 / count as f64;
                let early = share(is_rolled_back) - found;
                is_met = found >= 0.99 - early && early <= ALPHA + error(ALPHA);
                let at = |quantile: f64| {
                    let index = (quantile * seconds.len().saturating_sub(1) as f64).round();
                    seconds.get(index as usize).map_or("–".to_owned(), u64::to_string)
                };
                columns.push(("rolled back before", percent(early)));
                columns.push(("rolled back after", percent(found)));
                columns.push(("seconds after, median", at(0.5)));
                columns.push(("90 % within", at(0.9)));
            }
            Requirement::Rollback => {
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
        Row { name: self.name.clone(), runs: count, columns }.marked(is_met)
    }

    /// The expected time to detect the regression, in seconds.
    fn expected_s(&self) -> f64 {
        let green = self.plan.steps[0].all_units;
        let worse = self.world.behaviours.iter().find(|it| it.green != 1.0);
        let Behaviour { metric, blue, spread, green: factor } = *worse.unwrap();
        let query = PowerQuery {
            per_second: PER_SECOND,
            green,
            margin: metric.default_margin(),
            regression: factor - 1.0,
        };
        let (metrics, steps) = (self.plan.gates.len(), self.plan.steps.len());
        let expected = match metric.comparison() {
            Comparison::Rate => query.for_rate(blue, ALPHA, metrics, steps),
            _ => query.for_values(spread, ALPHA, metrics, steps),
        };
        let warmup_s = if metric.is_of_size() { self.plan.warmup_ns as f64 / 1e9 } else { 0.0 };
        expected.map_or(f64::NAN, |expected| warmup_s + expected.seconds)
    }
}

// === impl Row ===

impl Row {
    /// The row, marked in its first column if its requirement is not met.
    pub fn marked(mut self, is_met: bool) -> Self {
        if let Some((_, value)) = self.columns.first_mut().filter(|_| !is_met) {
            *value += MARK;
        }
        self
    }

    /// Whether the requirement is met.
    pub fn is_met(&self) -> bool {
        !self.columns.iter().any(|(_, value)| value.contains(MARK))
    }

    /// The results on one line.
    pub fn figures(&self) -> String {
        let figures = self.columns.iter().map(|(name, value)| format!("{name} {value}"));
        figures.collect::<Vec<_>>().join("  ")
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
