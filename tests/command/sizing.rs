//! The tables of docs/explanation/sizing.md have the figures of `verdigris plan`.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::run::{Files, config, verdigris};

/// The users of the rows; `None`: each request comes from another user.
const USERS: [Option<u32>; 6] =
    [Some(500), Some(2000), Some(7000), Some(20_000), Some(50_000), None];

/// The plan of the default ramp, as text.
fn plan(file: &str, users: Option<u32>, per_second: u32) -> String {
    let (users, per_second) = (users.map(|it| it.to_string()), per_second.to_string());
    let mut arguments = vec!["plan", file, "--rps", &per_second];
    arguments.extend(users.iter().flat_map(|it| ["--users", it]));
    let output = verdigris(&arguments);
    assert_eq!(output.code, 0, "{output:?}");
    output.out.replace('\u{a0}', " ")
}

/// What is between two parts of a text, if it has both.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}

/// The cell of the first table, by a plan.
fn cell_of_ramp(plan: &str) -> String {
    let end = plan.lines().find(|line| line.contains(" completes ")).unwrap();
    if let Some((_, after)) = end.split_once("completes the ramp after ") {
        return after.trim_end_matches('.').to_owned();
    }
    match (between(end, "about ", " of ramps"), between(end, "of ramps, after ", ". The")) {
        (Some(share), Some(after)) => format!("{share}, {after}"),
        _ => "held at 1 %".to_owned(),
    }
}

/// The rows of the second table for the plan's steps: time, requests of green, users of green.
fn rows_of_steps(plan: &str) -> [Vec<String>; 3] {
    let steps = plan.lines().filter_map(|line| line.strip_prefix("  A green like blue advances "));
    let mut rows = [const { Vec::new() }; 3];
    for step in steps {
        let after = between(step, "after ", ",").unwrap();
        rows[0].push(after.split(" (").next().unwrap().to_owned());
        rows[1].push(between(step, "with ", " requests").unwrap().to_owned());
        rows[2].extend(between(step, "requests of ", " users").map(str::to_owned));
    }
    rows
}

#[test]
fn the_tables_of_sizing_have_the_planned_figures() {
    let files = Files::new();
    let file = files.add("ramp.json", &config(json!({"ramp": {}})).to_string());
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explanation/sizing.md");
    let page = fs::read_to_string(page).unwrap().replace('\u{a0}', " ");
    let has_row = |first: &str, cells: &[String]| {
        let row = format!("| {first} | {} |", cells.join(" | "));
        assert!(page.lines().any(|line| line == row), "sizing.md has no row\n{row}");
    };
    let name = |users: Option<u32>| match users {
        None => "each request from another user".to_owned(),
        Some(users @ ..1000) => users.to_string(),
        Some(users) => format!("{},000", users / 1000),
    };
    std::thread::scope(|scope| {
        for users in USERS {
            let (file, has_row) = (&file, &has_row);
            scope.spawn(move || {
                let plans = [5, 50, 500].map(|per_second| plan(file, users, per_second));
                has_row(&name(users), &plans.each_ref().map(|it| cell_of_ramp(it)));
                if !matches!(users, Some(7000 | 50_000) | None) {
                    return;
                }
                let [times, requests, of_users] = rows_of_steps(&plans[1]);
                let unit = users.map_or("", |_| " users");
                has_row(&format!("{}{unit}: time", name(users)), &times);
                has_row("requests of green", &requests);
                if !of_users.is_empty() {
                    has_row("users of green", &of_users);
                }
            });
        }
    });
}
