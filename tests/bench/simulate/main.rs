//! Thousands of simulated ramps, in worlds whose truth is known.
//!
//!     cargo bench --bench simulate -- [--accept] [cell…]
//!
//! `RAMPS` is the number of runs of each cell where a probability is measured (400 by default); where
//! a time is measured, it is a quarter of that, and beside other tools, or where a ramp may take a
//! day, a tenth or less. The seeds are the numbers below it.
//!
//! `--accept` writes each row into the documentation as soon as it is known, and leaves rows out
//! that are there with the same commit and number of runs, so that a simulation can be ended and
//! continued. Without it, what differs from the documentation is printed. The exit status is 1 if a
//! result does not meet its requirement.

use std::process::ExitCode;
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

/// A number of runs, and what makes a row of them.
struct NamedCell {
    name: String,
    runs: u64,
    run: Box<dyn Fn(u64) -> Row>,
}

fn main() -> ExitCode {
    // Cargo itself passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let (flags, names): (Vec<_>, Vec<_>) =
        arguments.iter().map(String::as_str).partition(|it| it.starts_with('-'));
    let ramps = std::env::var("RAMPS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    let accepts = flags.contains(&"--accept");
    let began = Instant::now();
    let (mut tables, mut missed) = (Vec::new(), 0);
    for (title, cells) in groups(ramps) {
        let all: Vec<_> = cells.iter().map(|cell| cell.name.clone()).collect();
        let is_named = |cell: &NamedCell| {
            let name = format!("{title}: {}", cell.name);
            names.is_empty() || names.iter().any(|it| name.contains(it))
        };
        let mut rows = Vec::new();
        for NamedCell { name, runs, run } in cells.into_iter().filter(is_named) {
            if let Some(is_met) = table::recorded(title, &name, runs).filter(|_| accepts) {
                missed += u32::from(!is_met);
                continue;
            }
            let row = run(runs);
            let elapsed_s = began.elapsed().as_secs();
            eprintln!("{elapsed_s:4} s  {title}: {name}  {}", row.figures());
            missed += u32::from(!row.is_met());
            if accepts {
                table::accept(Table::new(title, std::slice::from_ref(&row)));
            }
            rows.push(row);
        }
        if accepts && names.is_empty() {
            table::arrange(title, &all);
        }
        if !rows.is_empty() {
            tables.push(Table::new(title, &rows));
        }
    }
    if names.is_empty() || names.contains(&"state") {
        let table = cost::table();
        if accepts {
            table::accept(table.clone());
        }
        tables.push(table);
    }
    tables.iter().for_each(|table| println!("{table}"));
    if !accepts {
        println!("{}", table::compare(&tables));
    }
    if missed > 0 {
        eprintln!("{missed} results do not meet their requirement");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// All cells, by the title of their table.
fn groups(ramps: u64) -> Vec<(&'static str, Vec<NamedCell>)> {
    let mut groups = Vec::new();
    for (title, cells) in cells::all() {
        let cell = |it: cells::Cell| NamedCell {
            name: it.name.clone(),
            runs: it.count(ramps),
            run: Box::new(move |count| it.run(count)),
        };
        groups.push((title, cells.into_iter().map(cell).collect()));
    }
    for (title, cases) in worlds::groups() {
        let cell = |it: worlds::Case| NamedCell {
            name: it.name.to_owned(),
            runs: it.count(ramps),
            run: Box::new(move |count| it.run(count)),
        };
        groups.push((title, cases.into_iter().map(cell).collect()));
    }
    for (title, compared) in peers::groups() {
        let cell = |it: peers::Compared| NamedCell {
            name: it.case.name.to_owned(),
            runs: it.count(ramps),
            run: Box::new(move |count| it.run(count)),
        };
        groups.push((title, compared.into_iter().map(cell).collect()));
    }
    for (title, cases) in pairs::groups() {
        let cell = |it: pairs::PairCase| NamedCell {
            name: it.name.clone(),
            runs: it.count(ramps),
            run: Box::new(move |count| it.run(count)),
        };
        groups.push((title, cases.into_iter().map(cell).collect()));
    }
    groups
}
