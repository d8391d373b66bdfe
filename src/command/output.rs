//! What is printed: for people by default, as JSON where it is asked for.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use textwrap::core::display_width;

/// What a subcommand has found.
pub trait Report: Serialize {
    /// The same for people. Colours are taken out again where none are wanted.
    fn text(&self) -> String;

    /// Whether there is nothing to mend.
    fn is_fine(&self) -> bool {
        true
    }
}

/// Why a subcommand has no result.
#[derive(Debug)]
pub enum CliError {
    /// What was given is to be mended.
    ToMend(String),
    /// It cannot be done as it was asked for.
    Usage(String),
    /// The console cannot be reached, or what answers is none.
    Unreached(String),
}

/// A table whose columns stand below each other.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

#[derive(Default)]
struct Row {
    cells: Vec<String>,
    /// What stands below it, in no column.
    note: String,
}

pub const HEAD: Style = Style::new().bold();
pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub const FAINT: Style = Style::new().dimmed();

/// Prints a report, and says whether there is nothing to mend.
pub fn print(report: &impl Report, as_json: bool) -> Result<bool, CliError> {
    let text = match as_json {
        true => serde_json::to_string_pretty(report).unwrap_or_default() + "\n",
        false => report.text(),
    };
    write(&mut anstream::stdout(), text.as_bytes()).map(|()| report.is_fine())
}

/// Writes all of it.
pub fn write(to: &mut impl std::io::Write, bytes: &[u8]) -> Result<(), CliError> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        // Whoever reads has enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| CliError::Usage(format!("cannot be written: {error}"))),
    }
}

/// How many columns there are for text.
pub fn columns() -> usize {
    const WIDEST: usize = 100;
    let size = terminal_size::terminal_size();
    size.map_or(WIDEST, |(width, _)| usize::from(width.0).clamp(40, WIDEST))
}

/// A text in lines of so many columns, the first after `first`, the others as far in.
pub fn wrapped(first: &str, text: &str, columns: usize) -> String {
    let others = " ".repeat(display_width(first));
    let options = textwrap::Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(&others)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}

/// A text in a style.
pub fn styled(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A share as percent: `25 %`, `0.52 %`, `0.013 %`.
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

/// A number of seconds: `12 s`, `3 min`, `1.5 h`, `2.1 d`.
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

/// A whole number with commas: `1,234,567`.
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

/// A word with its number: `1 file`, `2 files`.
pub fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

// === impl Table ===

impl Table {
    /// A table with this head.
    pub fn new(head: &[&str]) -> Self {
        let cells = head.iter().map(|it| (*it).to_owned()).collect();
        Self { rows: vec![Row { cells, note: String::new() }] }
    }

    pub fn add(&mut self, row: impl Into<Vec<String>>) {
        self.rows.push(Row { cells: row.into(), note: String::new() });
    }

    /// Whole lines below the last row.
    pub fn note(&mut self, note: String) {
        self.rows.last_mut().into_iter().for_each(|row| row.note.push_str(&note));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(|it| it.cells.len()).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
            cells.map(|cell| display_width(cell)).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (at, Row { cells, note }) in self.rows.iter().enumerate() {
            let mut line = String::from("  ");
            for (cell, width) in cells.iter().zip(&widths) {
                let missing = width.saturating_sub(display_width(cell)) + 2;
                write!(line, "{cell}{:missing$}", "")?;
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
