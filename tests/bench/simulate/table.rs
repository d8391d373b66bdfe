//! The results as tables, and their comparison with those of the documentation.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::cells::{MARK, Row};

/// A table of the documentation.
#[derive(Clone)]
pub struct Table {
    title: String,
    /// What stands above the rows.
    text: String,
    /// The names of the columns.
    header: String,
    /// The name and the cells of each row.
    rows: Vec<(String, String)>,
}

// === impl Table ===

impl Table {
    /// The table of one group of cells. Each row has its number of ramps, and the commit that was
    /// simulated.
    pub fn new(title: &str, rows: &[Row]) -> Self {
        let commit = COMMIT.as_str();
        let columns = rows.first().map(|row| row.columns.as_slice()).unwrap_or_default();
        let header = columns.iter().fold("| | ramps | commit |".to_owned(), |header, (name, _)| {
            header + &format!(" {name} |")
        });
        let with_cells = |row: &Row| {
            let cells = format!(" {} | {commit} |", row.runs);
            let cells =
                row.columns.iter().fold(cells, |cells, (_, value)| cells + &format!(" {value} |"));
            (row.name.clone(), cells)
        };
        let rows = rows.iter().map(with_cells).collect();
        Self { title: title.to_owned(), text: String::new(), header, rows }
    }

    /// The table with this title in the documentation.
    fn parse(document: &str, title: &str) -> Option<Self> {
        let (begin, end) = range(document, title)?;
        let lines = || document[begin..end].lines().skip(1);
        let text: Vec<_> = lines().take_while(|line| !line.starts_with('|')).collect();
        let mut of_table = lines().filter(|line| line.starts_with('|'));
        let header = of_table.next()?.to_owned();
        let row = |line: &str| {
            let (name, cells) = line.strip_prefix("| ")?.split_once(" |")?;
            Some((name.to_owned(), cells.to_owned()))
        };
        let rows = of_table.skip(1).filter_map(row).collect();
        Some(Self {
            title: title.to_owned(),
            text: text.join("\n").trim().to_owned(),
            header,
            rows,
        })
    }

    /// This table after `before`: its text, and its rows that were not simulated now. Rows with
    /// other columns are dropped.
    fn after(self, before: Self) -> Self {
        let mut rows = self.rows.clone();
        if before.header == self.header {
            rows = before.rows;
            for (name, cells) in self.rows {
                match rows.iter_mut().find(|(it, _)| *it == name) {
                    Some(row) => row.1 = cells,
                    None => rows.push((name, cells)),
                }
            }
        }
        Self { text: before.text, rows, ..self }
    }

    /// The rows that differ from those of the documentation, as text.
    fn changes(&self, before: Option<&Self>) -> String {
        let mut text = String::new();
        for (name, cells) in &self.rows {
            let recorded = before.and_then(|table| table.rows.iter().find(|(it, _)| it == name));
            match recorded {
                Some((_, recorded)) if results(recorded) == results(cells) => {}
                Some((_, recorded)) => {
                    let _ = writeln!(text, "{}: {name}:{cells}\n  recorded:{recorded}", self.title);
                }
                None => {
                    let _ = writeln!(text, "{}: {name}:{cells}\n  not recorded", self.title);
                }
            }
        }
        text
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(to, "### {}\n", self.title)?;
        if !self.text.is_empty() {
            writeln!(to, "{}\n", self.text)?;
        }
        let columns = self.header.matches('|').count() - 1;
        writeln!(to, "{}\n|{}", self.header, "---|".repeat(columns))?;
        self.rows.iter().try_for_each(|(name, cells)| writeln!(to, "| {name} |{cells}"))
    }
}

/// The cells without the commit.
fn results(cells: &str) -> Vec<&str> {
    cells.split('|').enumerate().filter(|(index, _)| *index != 1).map(|(_, it)| it).collect()
}

/// Writes the rows of the table into the documentation. Other rows stay as they are.
pub fn accept(table: Table) {
    let mut document = read_document();
    let title = table.title.clone();
    match Table::parse(&document, &title) {
        Some(before) => replace(&mut document, &table.after(before)),
        None => document = format!("{}\n\n{table}", document.trim_end()),
    }
    fs::write(file(), document).unwrap();
}

/// Keeps the rows with these names of the table in the documentation, in this order.
pub fn arrange(title: &str, names: &[String]) {
    let mut document = read_document();
    if let Some(mut table) = Table::parse(&document, title) {
        let place = |name: &str| names.iter().position(|it| it == name);
        table.rows.retain(|(name, _)| place(name).is_some());
        table.rows.sort_by_key(|(name, _)| place(name));
        replace(&mut document, &table);
        fs::write(file(), document).unwrap();
    }
}

/// Whether the row of the documentation, if it has one of this commit and with so many runs, meets
/// its requirement. The same commit gives the same row.
pub fn recorded(title: &str, name: &str, runs: u64) -> Option<bool> {
    let commit = COMMIT.as_str();
    let table = Table::parse(&read_document(), title)?;
    let (_, cells) = table.rows.into_iter().find(|(it, _)| it == name)?;
    let is_same = !commit.ends_with('+') && cells.starts_with(&format!(" {runs} | {commit} |"));
    is_same.then(|| !cells.contains(MARK))
}

/// Replaces the table with the title of `table`.
fn replace(document: &mut String, table: &Table) {
    if let Some((begin, end)) = range(document, &table.title) {
        let after = if end < document.len() { "\n" } else { "" };
        document.replace_range(begin..end, &format!("{table}{after}"));
    }
}

/// What differs from the documentation, as text.
pub fn compare(tables: &[Table]) -> String {
    let document = read_document();
    let changes = |table: &Table| table.changes(Table::parse(&document, &table.title).as_ref());
    let changes: String = tables.iter().map(changes).collect();
    match changes.is_empty() {
        true => "as in docs/reference/simulated.md\n".to_owned(),
        false => format!("differs from docs/reference/simulated.md:\n{changes}"),
    }
}

/// Where the part with this title is in the document.
fn range(document: &str, title: &str) -> Option<(usize, usize)> {
    let begin = document.find(&format!("### {title}\n"))?;
    let next = document[begin..].match_indices("\n### ").next();
    Some((begin, next.map_or(document.len(), |(at, _)| begin + at + 1)))
}

fn file() -> PathBuf {
    project().join("docs/reference/simulated.md")
}

/// The folder of the project. Cargo names it when it runs the simulation.
fn project() -> PathBuf {
    let named = std::env::var_os("CARGO_MANIFEST_DIR");
    named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(), PathBuf::from)
}

fn read_document() -> String {
    fs::read_to_string(file()).unwrap()
}

/// What decides the results, in the project.
const SIMULATED: [&str; 6] = [
    "src/analysis",
    "src/assignment",
    "src/config",
    "src/rollout",
    "src/simulate",
    "tests/bench/simulate",
];

/// The newest commit that changed what is simulated, with a + where it has changed since.
static COMMIT: LazyLock<String> = LazyLock::new(|| {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(project()).args(arguments).arg("--").args(SIMULATED);
        let output = git.output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["log", "-1", "--format=%h"]).filter(|it| !it.is_empty());
    let is_changed = git(&["status", "--porcelain"]).is_some_and(|it| !it.is_empty());
    let changed = if is_changed { "+" } else { "" };
    commit.map_or_else(|| env!("CARGO_PKG_VERSION").to_owned(), |commit| commit + changed)
});
