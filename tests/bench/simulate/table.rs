//! The results as a table.

use std::fs;
use std::path::Path;

use super::cells::Row;

/// The table of one group of cells.
pub fn markdown(title: &str, runs: u64, rows: &[Row]) -> String {
    let mut text = format!("### {title}\n\n{runs} ramps of each.\n\n| |");
    for (name, _) in &rows[0].columns {
        text += &format!(" {name} |");
    }
    text += "\n|---|";
    text += &"---|".repeat(rows[0].columns.len());
    for row in rows {
        text += &format!("\n| {} |", row.name);
        for (_, value) in &row.columns {
            text += &format!(" {value} |");
        }
    }
    text + "\n"
}

/// Replaces the tables in the documents; tables that were not made stay as they are.
pub fn accept(tables: &[String]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/simulated.md");
    let mut text = fs::read_to_string(&file).unwrap();
    for table in tables {
        let (title, _) = table.split_once('\n').unwrap();
        let Some(begin) = text.find(&format!("{title}\n")) else {
            text = format!("{}\n\n{table}", text.trim_end());
            continue;
        };
        let next = text[begin..].match_indices("\n### ").next();
        let end = next.map_or(text.len(), |(at, _)| begin + at + 1);
        let after = if end < text.len() { "\n" } else { "" };
        text.replace_range(begin..end, &format!("{table}{after}"));
    }
    fs::write(file, text).unwrap();
}
