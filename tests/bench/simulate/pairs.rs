//! Pairs of a shadow step: how many a verdict needs, and how often it is wrong.

use verdigris::analysis::{
    AnalysisPlan, AnalysisUnit, ByVersion, Gate, GateSpec, Metric, StepDesign, Verdict,
    plan::MAX_UNITS,
};
use verdigris::simulate::{
    Activity, Behaviour, Pacing, PairedRun, RunEnd, Schedule, Timing, Users, World, in_parallel,
    run_many, run_pairs,
};

use super::cells::Row;

/// A world, and the requirement on the runs.
pub struct PairCase {
    pub name: String,
    plan: AnalysisPlan,
    world: World,
    shared: f64,
    max_pairs: u64,
    requirement: Requirement,
}

/// The requirement on the runs of a case.
#[derive(Clone, Copy)]
enum Requirement {
    /// At most α of the runs are rolled back.
    NoRollback,
    /// At most β of the runs go on.
    NoAdvance,
    /// At least this fraction of the runs advances.
    Advance(f64),
    /// At least this fraction of the runs is rolled back.
    Rollback(f64),
}

/// Half of a ramp's α, as the configuration divides it.
const ALPHA: f64 = 0.025;
const BETA: f64 = 0.1;
/// Of a step of 50 %, as in the comparison with a step.
const SHARES: [f64; 4] = [0.01, 0.05, 0.25, 0.5];
/// The fractions of the variance that both responses to a request share.
const SHARED: [f64; 4] = [0.0, 0.5, 0.7, 0.9];

const INDEPENDENT: Users = Users::Independent;

pub fn groups() -> Vec<(&'static str, Vec<PairCase>)> {
    vec![
        ("Pairs until a rollback", rollbacks()),
        ("Pairs until green is safe", promotions()),
        ("False rollbacks by pairs", false_rollbacks()),
        ("False advances by pairs", false_advances()),
    ]
}

/// The seven metrics of a typical service; green is worse in one of them by this factor.
fn behaviours(worse: Option<(Metric, f64)>) -> Vec<Behaviour> {
    let behaviour = |(metric, blue, spread)| {
        let green = worse.filter(|(it, _)| *it == metric).map_or(1.0, |(_, factor)| factor);
        Behaviour { metric, blue, spread, green }
    };
    let all = [
        (Metric::ErrorRate, 0.01, 0.0),
        (Metric::RefusalRate, 0.02, 0.0),
        (Metric::TruncationRate, 0.01, 0.0),
        (Metric::Duration, 4000.0, 0.85),
        (Metric::Ttft, 600.0, 0.6),
        (Metric::OutputTokens, 250.0, 0.8),
        (Metric::Cost, 0.004, 0.9),
    ];
    all.map(behaviour).into()
}

fn world(users: Users, behaviours: Vec<Behaviour>) -> World {
    World {
        per_second: 50.0,
        users,
        behaviours,
        green_differs_s: World::WHOLE_RUN,
        incident: None,
        drift: None,
        explained: 0.0,
        judged_pairs: 0.0,
        unread: ByVersion::default(),
        failure_ms: None,
        timing: Timing::default(),
    }
}

fn plan(world: &World, shares: &[f64], change: impl Fn(&mut GateSpec)) -> AnalysisPlan {
    let steps = StepDesign::from_shares(shares);
    let gate = |behaviour: &Behaviour| {
        let mut spec = GateSpec::with_defaults(behaviour.metric, shares);
        change(&mut spec);
        Gate::new(spec, &steps)
    };
    AnalysisPlan {
        adjusts: false,
        compares_all: true,
        gates: world.behaviours.iter().map(gate).collect(),
        steps,
        alpha: ALPHA,
        beta: BETA,
        learns_objective: false,
        unit: match world.users {
            Users::Independent => AnalysisUnit::EveryRequest,
            Users::Sticky { .. } | Users::Unequal { .. } => AnalysisUnit::Units,
        },
        warmup_ns: 0,
        cold_start_ns: 0,
        max_units: MAX_UNITS,
    }
}

fn case(
    name: String,
    world: World,
    shared: f64,
    max_pairs: u64,
    requirement: Requirement,
) -> PairCase {
    let plan = plan(&world, &SHARES, |_| {});
    PairCase { name, plan, world, shared, max_pairs, requirement }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

const REGRESSIONS: [(&str, Metric, f64); 5] = [
    ("duration ×1.3", Metric::Duration, 1.3),
    ("time to first token ×1.3", Metric::Ttft, 1.3),
    ("cost ×1.2", Metric::Cost, 1.2),
    ("errors 1 → 3 %", Metric::ErrorRate, 3.0),
    ("refusals 2 → 5 %", Metric::RefusalRate, 2.5),
];

/// A green that is worse in one metric.
fn rollbacks() -> Vec<PairCase> {
    let of_regression = |(name, metric, factor): (&str, Metric, f64)| {
        let name = name.to_owned();
        SHARED.map(|shared| {
            let world = world(INDEPENDENT, behaviours(Some((metric, factor))));
            let name = format!("{name}, {} shared", percent(shared));
            // Errors ×3 are within the tolerance of the first step: such a green may go on.
            let requirement = Requirement::Rollback(0.0);
            case(name, world, shared, 20_000, requirement)
        })
    };
    REGRESSIONS.into_iter().flat_map(of_regression).collect()
}

/// A green that is like blue, in 2,000 pairs.
fn promotions() -> Vec<PairCase> {
    let users =
        [(INDEPENDENT, "independent"), (Users::Sticky { count: 2_000, shape: 1.0 }, "2000 users")];
    let of_users = |(users, name): (Users, &'static str)| {
        SHARED.map(move |shared| {
            let name = format!("{name}, {} shared", percent(shared));
            let world = world(users, behaviours(None));
            case(name, world, shared, 2_000, Requirement::Advance(0.0))
        })
    };
    users.into_iter().flat_map(of_users).collect()
}

/// A green that is like blue, without margins, in 5,000 pairs.
fn false_rollbacks() -> Vec<PairCase> {
    let users = [
        (INDEPENDENT, "independent"),
        (Users::Sticky { count: 2_000, shape: 1.0 }, "2000 users"),
        (Users::Sticky { count: 2_000, shape: 0.2 }, "2000 unlike users"),
        (
            Users::Unequal { count: 20_000, activity: Activity::OneSends(0.5), shape: None },
            "one user sends half",
        ),
    ];
    let of_users = |(users, name): (Users, &'static str)| {
        [0.0, 0.9].map(move |shared| {
            let world = world(users, behaviours(None));
            // No tolerance that green could be found within, or the run would end early.
            let plan = plan(&world, &SHARES, |spec| {
                spec.margin = 0.0;
                spec.tolerance = vec![1e-9];
                spec.ceiling = None;
            });
            PairCase {
                name: format!("{name}, {} shared, margin 0", percent(shared)),
                plan,
                world,
                shared,
                max_pairs: 5_000,
                requirement: Requirement::NoRollback,
            }
        })
    };
    users.into_iter().flat_map(of_users).collect()
}

/// A green that is worse by the tolerance in one metric, in 5,000 pairs. That of a rate is the first
/// step's, that of a time the smallest one.
fn false_advances() -> Vec<PairCase> {
    let users = [
        (INDEPENDENT, "independent"),
        (Users::Sticky { count: 2_000, shape: 1.0 }, "2000 users"),
        (
            Users::Unequal { count: 20_000, activity: Activity::OneSends(0.5), shape: None },
            "one user sends half",
        ),
    ];
    let mut cases = Vec::new();
    for (metric, name) in [(Metric::ErrorRate, "errors"), (Metric::Duration, "duration")] {
        for (users, population) in users {
            for shared in [0.0, 0.9] {
                let share = if metric == Metric::Duration { SHARES[3] } else { SHARES[0] };
                let factor = 1.0 + metric.default_tolerance(share);
                let all = behaviours(Some((metric, factor)));
                let one = all.into_iter().filter(|it| it.metric == metric).collect();
                let world = world(users, one);
                // With a margin that is never exceeded, no run is rolled back.
                let plan = plan(&world, &SHARES, |spec| spec.margin = 10.0);
                cases.push(PairCase {
                    name: format!("{name} ×{factor}, {population}, {} shared", percent(shared)),
                    plan,
                    world,
                    shared,
                    max_pairs: 5_000,
                    requirement: Requirement::NoAdvance,
                });
            }
        }
    }
    cases
}

// === impl PairCase ===

impl PairCase {
    /// The number of runs: `ramps`, or a quarter of them where no probability is bounded.
    pub fn count(&self, ramps: u64) -> u64 {
        let is_null = matches!(self.requirement, Requirement::NoRollback | Requirement::NoAdvance);
        if is_null { ramps } else { ramps.div_ceil(4) }
    }

    /// Simulates the case so many times.
    pub fn run(&self, count: u64) -> Row {
        let Self { name, plan, world, shared, max_pairs, requirement } = self;
        let runs = in_parallel(count, |seed| run_pairs(plan, world, *shared, *max_pairs, seed));
        let share = |verdict: Verdict| {
            runs.iter().filter(|run| run.verdict == verdict).count() as f64 / count as f64
        };
        let (rolled_back, advances) = (share(Verdict::Fail), share(Verdict::Pass));
        let limit = |p: f64| p + 2.5 * (p * (1.0 - p) / count as f64).sqrt();
        let is_met = match requirement {
            Requirement::NoRollback => rolled_back <= limit(ALPHA),
            Requirement::NoAdvance => advances <= limit(BETA),
            Requirement::Advance(min) => advances >= *min,
            Requirement::Rollback(min) => rolled_back >= *min,
        };
        let shown = |share: f64| format!("{:.1} %", share * 100.0);
        let columns = match requirement {
            Requirement::NoRollback => vec![("rolled back", shown(rolled_back))],
            Requirement::NoAdvance => vec![("advances", shown(advances))],
            Requirement::Advance(_) => vec![
                ("advances", shown(advances)),
                ("pairs, median (p90)", pairs(&runs, Verdict::Pass)),
                ("rolled back", shown(rolled_back)),
            ],
            Requirement::Rollback(_) => vec![
                ("rolled back", shown(rolled_back)),
                ("pairs, median (p90)", pairs(&runs, Verdict::Fail)),
                ("advances within the tolerance", shown(advances)),
                ("responses of both in a step of 50 %", self.responses_in_step(count)),
            ],
        };
        Row { name: name.clone(), runs: count, columns }.marked(is_met)
    }

    /// How many responses of both versions a step of 50 % needs for a rollback: median and p90.
    fn responses_in_step(&self, count: u64) -> String {
        let plan = plan(&self.world, &[0.5], |_| {});
        let schedule = Schedule {
            shares: vec![0.5],
            pacing: Pacing::Fixed { step_s: 3600 },
            takes_time: false,
            max_delay_s: 0,
        };
        let runs = run_many(&plan, &self.world, &schedule, count);
        let is = |end| end == RunEnd::RolledBack;
        let responses = |quantile| {
            let seconds = runs.quantile(quantile, is, |run| run.seconds);
            seconds * self.world.per_second
        };
        format!("{:.0} ({:.0})", responses(0.5), responses(0.9))
    }
}

/// The pairs of the runs with this verdict: median and 90th percentile.
fn pairs(runs: &[PairedRun], verdict: Verdict) -> String {
    let mut pairs: Vec<u64> =
        runs.iter().filter(|run| run.verdict == verdict).map(|run| run.pairs).collect();
    pairs.sort_unstable();
    let at = |quantile: f64| {
        let at = (quantile * pairs.len().saturating_sub(1) as f64).round() as usize;
        pairs.get(at).map_or("-".to_owned(), u64::to_string)
    };
    format!("{} ({})", at(0.5), at(0.9))
}
