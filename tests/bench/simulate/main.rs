//! Thousands of simulated ramps, in worlds whose truth is known.
//!
//!     cargo bench --bench simulate -- [--accept] [cell…]
//!
//! `RAMPS` is the number of runs of each cell where a probability is measured (400 by default); where
//! a time is measured, it is a quarter of that. `--accept` writes the tables into the documents.

use std::time::Instant;

use verdigris::analysis::metric::Comparison;
use verdigris::analysis::plan::MAX_UNITS;
use verdigris::analysis::power::PowerQuery;
use verdigris::analysis::{
    AnalysisPlan, AnalysisUnit, ByVersion, Gate, GateSpec, Metric, StepDesign,
};
use verdigris::rollout::RampProfile;
use verdigris::simulate::{
    Activity, Behaviour, Incident, Pacing, RunEnd, Schedule, SimulatedRun, Timing, Users, World,
    run_many,
};

mod cells;
mod cost;
mod pairs;
mod table;
mod worlds;

use cells::Cell;
use worlds::Case;

fn main() {
    // Cargo itself passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let (flags, names): (Vec<_>, Vec<_>) =
        arguments.iter().map(String::as_str).partition(|it| it.starts_with('-'));
    let ramps = std::env::var("RAMPS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let began = Instant::now();
    let mut tables = Vec::new();
    for (title, cells) in cells::all() {
        let is_named = |cell: &Cell| {
            let name = format!("{title}: {}", cell.name);
            names.is_empty() || names.iter().any(|it| name.contains(it))
        };
        let cells: Vec<_> = cells.into_iter().filter(is_named).collect();
        let rows = cells.iter().map(|cell| {
            let row = cell.run(ramps);
            eprintln!(
                "{:4} s  {title}: {}  {}",
                began.elapsed().as_secs(),
                cell.name,
                row.figures()
            );
            row
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            tables.push(table::markdown(title, rows[0].runs, &rows));
        }
    }
    for (title, cases) in worlds::groups() {
        let is_named = |case: &Case| {
            let name = format!("{title}: {}", case.name);
            names.is_empty() || names.iter().any(|it| name.contains(it))
        };
        let rows = cases.iter().filter(|case| is_named(case)).map(|case| {
            let row = case.run(ramps);
            eprintln!("{}  {}", row.name, row.figures());
            row
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            tables.push(table::markdown(title, rows[0].runs, &rows));
        }
    }
    for (title, cases) in pairs::groups() {
        let is_named = |case: &pairs::PairCase| {
            let name = format!("{title}: {}", case.name);
            names.is_empty() || names.iter().any(|it| name.contains(it))
        };
        let rows = cases.iter().filter(|case| is_named(case)).map(|case| {
            let row = case.run(ramps);
            eprintln!("{}  {}", row.name, row.figures());
            row
        });
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            tables.push(table::markdown(title, rows[0].runs, &rows));
        }
    }
    if names.is_empty() || names.contains(&"state") {
        tables.push(cost::table());
    }
    println!("{}", tables.join("\n"));
    if flags.contains(&"--accept") {
        table::accept(&tables);
    }
    let missed = cells::MISSED.load(std::sync::atomic::Ordering::Relaxed);
    assert!(missed == 0, "{missed} results do not meet their requirement");
}
