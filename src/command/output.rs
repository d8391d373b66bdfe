//! Reports, errors, tables and number formats of the command.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use textwrap::core::display_width;

use crate::assignment::Share;

/// The result of a subcommand. It serializes to the output of `--json`.
pub trait Report: Serialize {
    /// The output without `--json`, with ANSI colours, which are removed where there is no
    /// terminal.
    fn text(&self) -> String;

    /// What the text says and JSON does not. It is printed to standard error with `--json`.
    fn beside_json(&self) -> Option<String> {
        None
    }

    /// The outcome of the report.
    fn outcome(&self) -> ReportOutcome {
        ReportOutcome::Ok
    }
}

/// The outcome of a report, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportOutcome {
    /// There is nothing to fix.
    Ok,
    /// There are findings to fix, or a console rejected a command.
    Findings,
    /// A console could not be reached.
    Unreachable,
}

/// Why a subcommand has no result.
#[derive(Debug)]
pub enum CliError {
    /// The input has errors to fix.
    Invalid(String),
    /// The command cannot be run as given.
    Usage(String),
    /// The console cannot be reached, or the address is not a console's.
    Unreachable(String),
}

/// A table with aligned columns.
#[derive(Default)]
pub struct TextTable {
    rows: Vec<TextRow>,
}

#[derive(Default)]
struct TextRow {
    cells: Vec<String>,
    /// Lines that are printed below the row, across the full width of the table.
    note: String,
}

pub const HEAD: Style = Style::new().bold();
pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub const FAINT: Style = Style::new().dimmed();

/// Prints a report.
///
/// # Errors
/// The output cannot be written.
pub fn print(report: &impl Report, as_json: bool) -> Result<ReportOutcome, CliError> {
    let text = match as_json {
        true => serde_json::to_string_pretty(report).unwrap_or_default() + "\n",
        false => report.text(),
    };
    write(&mut anstream::stdout(), text.as_bytes())?;
    if let Some(text) = report.beside_json().filter(|_| as_json) {
        write(&mut anstream::stderr(), text.as_bytes())?;
    }
    Ok(report.outcome())
}

/// Writes and flushes. A closed pipe is no error: the reader has what it wanted.
///
/// # Errors
/// The output cannot be written.
pub fn write(to: &mut impl std::io::Write, bytes: &[u8]) -> Result<(), CliError> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written
            .map_err(|error| CliError::Usage(format!("the output cannot be written: {error}"))),
    }
}

/// The width of the terminal in columns, from 40 to 100.
pub fn columns() -> usize {
    const MAX: usize = 100;
    let size = terminal_size::terminal_size();
    size.map_or(MAX, |(width, _)| usize::from(width.0).clamp(40, MAX))
}

/// Wraps a text to `columns`. The first line begins with `first`, the others are indented by its
/// width.
pub fn wrapped(first: &str, text: &str, columns: usize) -> String {
    let others = " ".repeat(display_width(first));
    let options = textwrap::Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(&others)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}

/// A text in an ANSI style.
pub fn styled(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A share from 0 to 1 as percent: `25 %`, `0.52 %`, `0.013 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let text = match percent {
        _ if percent == percent.round() => format!("{percent:.0}"),
        _ if percent >= 10.0 => format!("{percent:.1}"),
        _ if percent >= 0.1 => format!("{percent:.2}"),
        _ => format!("{percent:.4}"),
    };
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// A share as percent.
pub fn share_percent(share: Share) -> String {
    percent(share.fraction())
}

/// Seconds in the largest suitable unit: `12 s`, `3 min`, `1.5 h`, `2.1 d`.
pub fn time(seconds: f64) -> String {
    let in_unit = |unit: f64, name: &str| {
        let number = seconds / unit;
        let decimals = usize::from(number < 9.95 && (number * 10.0).round() % 10.0 != 0.0);
        format!("{number:.decimals$} {name}")
    };
    match seconds {
        _ if seconds < 90.0 => format!("{seconds:.0} s"),
        _ if seconds < 90.0 * 60.0 => in_unit(60.0, "min"),
        _ if seconds < 36.0 * 3600.0 => in_unit(3600.0, "h"),
        _ => in_unit(86_400.0, "d"),
    }
}

/// A number rounded to a whole one, with thousands separators: `1,234,567`.
pub fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 file`, `2 files`.
pub fn pluralized(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

// === impl TextTable ===

impl TextTable {
    /// A table with these column heads and no rows.
    pub fn new(head: &[&str]) -> Self {
        let cells = head.iter().map(|it| (*it).to_owned()).collect();
        Self { rows: vec![TextRow { cells, note: String::new() }] }
    }

    /// Adds a row.
    pub fn add(&mut self, row: impl Into<Vec<String>>) {
        self.rows.push(TextRow { cells: row.into(), note: String::new() });
    }

    /// Adds lines below the last row, which span all columns.
    pub fn note(&mut self, note: String) {
        self.rows.last_mut().into_iter().for_each(|row| row.note.push_str(&note));
    }

    /// The width of the longest row, without notes.
    pub fn width(&self) -> usize {
        self.widths().iter().map(|width| width + 2).sum()
    }

    /// The widths of the columns.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(|it| it.cells.len()).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
            cells.map(|cell| display_width(cell)).max().unwrap_or_default()
        };
        (0..columns).map(width).collect()
    }
}

impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (at, TextRow { cells, note }) in self.rows.iter().enumerate() {
            let mut line = String::from("  ");
            for (cell, width) in cells.iter().zip(&widths) {
                let padding = width.saturating_sub(display_width(cell)) + 2;
                write!(line, "{cell}{:padding$}", "")?;
            }
            let line = line.trim_end();
            if at == 0 {
                writeln!(f, "{}", styled(HEAD, line))?
            } else {
                writeln!(f, "{line}")?
            }
            f.write_str(note)?;
        }
        Ok(())
    }
}
