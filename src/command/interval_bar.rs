//! A gate's interval against its margin and tolerance, drawn with characters.

use anstyle::Style;

use super::output::{BAD, GOOD, styled};
use crate::console::interval_chart::IntervalChart;
use crate::console::view::GateView;

/// The width of a bar in characters, where there is room.
pub const MAX_CELLS: usize = 25;
/// The smallest width in which a bar has all its parts.
const MIN_CELLS: usize = 9;

/// The legend.
pub const KEY: &str = "├◆┤ confidence interval of the difference, ◆ measured; │ no difference; · not safe; ░ worse than \
     the margin allows, ▓ the same within the interval";

/// The column head above bars of this many characters.
pub fn head(cells: usize) -> String {
    let cells = cells.max(MIN_CELLS);
    let (left, right) = if cells < 18 { ("←", "→") } else { ("← better", "worse →") };
    // Where there is room, the head is two characters narrower than the bars.
    let words = left.chars().count() + right.chars().count() + 2;
    format!("{left}{:1$}{right}", "", cells.saturating_sub(words))
}

/// The bar of a gate in this many characters. As on the page, worse is to the right.
pub fn bar(gate: &GateView, cells: usize) -> String {
    let cells = cells.max(MIN_CELLS);
    let chart = IntervalChart::from_gate(gate);
    let cell = |position: f64| (position / 100.0 * (cells - 1) as f64).round() as usize;
    let zone = |at: usize| {
        let is_from = |limit: Option<f64>| limit.is_some_and(|it| at >= cell(it));
        let is_to = |limit: Option<f64>| limit.is_some_and(|it| at <= cell(it));
        if is_from(chart.margin) || is_to(chart.left.margin) {
            '░'
        } else if is_from(chart.tolerance) || is_to(chart.left.tolerance) {
            '·'
        } else {
            ' '
        }
    };
    let zero = cell(chart.zero);
    let span = chart.interval.map(|it| (it, cell(it.from), cell(it.to)));
    let measured = chart.measured.map(cell);
    let is_worse = |at: usize| zone(at) == '░';
    let character = |at: usize| match span {
        _ if measured == Some(at) => '◆',
        Some((it, from, _)) if at == from => match (it.is_cut_left, is_worse(at)) {
            (true, _) => '◂',
            (false, true) => '╞',
            (false, false) => '├',
        },
        Some((it, _, to)) if at == to => match (it.is_cut_right, is_worse(at)) {
            (true, _) => '▸',
            (false, true) => '╡',
            (false, false) => '┤',
        },
        Some((_, from, to)) if (from..to).contains(&at) => match (at == zero, is_worse(at)) {
            (_, true) => '▓',
            (true, false) => '┼',
            (false, false) => '─',
        },
        _ if at == zero => '│',
        _ => zone(at),
    };
    let text: String = (0..cells).map(character).collect();
    styled(style(&gate.verdict), text)
}

/// The colour of a verdict.
pub fn style(verdict: &str) -> Style {
    match verdict {
        "pass" => GOOD,
        "fail" => BAD,
        _ => Style::new(),
    }
}
