//! Thousands of simulated ramps, in worlds whose truth is known.
//!
//!     cargo bench --bench simulate -- [--accept] [cell…]
//!
//! `RAMPS` is the number of runs of each cell where a probability is measured (400 by default); where
//! a time is measured, it is a quarter of that, and beside other tools, or where a ramp may take a
//! day, a tenth or less. The seeds are the
//! numbers below it. `--accept` writes the tables into the documentation; without it, what differs
//! from there is printed.

use std::time::Instant;

use verdigris::analysis::metric::Comparison;
use verdigris::analysis::plan::MAX_UNITS;
use verdigris::analysis::power::PowerQuery;
use verdigris::analysis::{
    AnalysisPlan, AnalysisUnit, ByVersion, Gate, GateSpec, Metric, StepDesign,
};
use verdigris::rollout::RampProfile;
use verdigris::simulate::{
    Activity, Behaviour, Drift, Incident, Pacing, RunEnd, Schedule, SimulatedRun, Timing, Users,
    World, run_many,
};

mod cells;
mod cost;
mod pairs;
mod peers;
mod table;
mod worlds;

use cells::Row;
use table::Table;

fn main() {
    // Cargo itself passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let (flags, names): (Vec<_>, Vec<_>) =
        arguments.iter().map(String::as_str).partition(|it| it.starts_with('-'));
    let ramps = std::env::var("RAMPS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let began = Instant::now();
    let mut tables = Vec::new();
    let mut simulate = |title: &str, cells: Vec<(String, Box<dyn Fn() -> Row>)>| {
        let is_named = |name: &str| {
            let name = format!("{title}: {name}");
            names.is_empty() || names.iter().any(|it| name.contains(it))
        };
        let rows = cells.into_iter().filter(|(name, _)| is_named(name)).map(|(name, run)| {
            let row = run();
            let elapsed_s = began.elapsed().as_secs();
            eprintln!("{elapsed_s:4} s  {title}: {name}  {}", row.figures());
            row
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            tables.push(Table::new(title, &rows));
        }
    };
    for (title, cells) in cells::all() {
        simulate(title, runs(cells, |cell| cell.name.clone(), move |cell| cell.run(ramps)));
    }
    for (title, cases) in worlds::groups() {
        simulate(title, runs(cases, |case| case.name.to_owned(), move |case| case.run(ramps)));
    }
    for (title, compared) in peers::groups() {
        simulate(title, runs(compared, |it| it.case.name.to_owned(), move |it| it.run(ramps)));
    }
    for (title, cases) in pairs::groups() {
        simulate(title, runs(cases, |case| case.name.clone(), move |case| case.run(ramps)));
    }
    if names.is_empty() || names.contains(&"state") {
        tables.push(cost::table());
    }
    tables.iter().for_each(|table| println!("{table}"));
    match flags.contains(&"--accept") {
        true => table::accept(tables, !names.is_empty()),
        false => println!("{}", table::compare(&tables)),
    }
    let missed = cells::MISSED.load(std::sync::atomic::Ordering::Relaxed);
    assert!(missed == 0, "{missed} results do not meet their requirement");
}

/// What is simulated, by its name.
fn runs<T: 'static>(
    of: Vec<T>,
    name: impl Fn(&T) -> String,
    run: impl Fn(&T) -> Row + Copy + 'static,
) -> Vec<(String, Box<dyn Fn() -> Row>)> {
    let named = |it: T| (name(&it), Box::new(move || run(&it)) as Box<dyn Fn() -> Row>);
    of.into_iter().map(named).collect()
}
