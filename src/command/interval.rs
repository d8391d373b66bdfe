//! A difference against its margin, as a picture of characters.

use anstyle::Style;

use super::output::{BAD, GOOD, styled};
use crate::console::interval_chart::IntervalChart;
use crate::console::view::GateView;

/// How many characters wide it is.
const CELLS: usize = 25;

/// What it is made of.
pub const KEY: &str = "├◆┤ where the difference lies, ◆ measured; │ none; · not safe; ░ worse than the margin allows, \
     and ═ where both are";

/// What stands above it.
pub const HEAD: &str = "← better        worse →";

/// The picture of a gate: as on the page, worse is to the right.
pub fn picture(gate: &GateView) -> String {
    let picture = IntervalChart::of(gate);
    let cell = |place: f64| (place / 100.0 * (CELLS - 1) as f64).round() as usize;
    let (other_margin, other_tolerance) = picture.other.unwrap_or_default();
    let zone = |at: usize| {
        let is_from = |limit: Option<f64>| limit.is_some_and(|it| at >= cell(it));
        let is_to = |limit: Option<f64>| limit.is_some_and(|it| at <= cell(it));
        if is_from(picture.margin) || is_to(other_margin) {
            '░'
        } else if is_from(picture.tolerance) || is_to(other_tolerance) {
            '·'
        } else {
            ' '
        }
    };
    let zero = cell(picture.zero);
    let span = picture.interval.map(|it| (it, cell(it.from), cell(it.to)));
    let measured = picture.measured.map(cell);
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
            (true, true) => '╪',
            (true, false) => '┼',
            (false, true) => '═',
            (false, false) => '─',
        },
        _ if at == zero => '│',
        _ => zone(at),
    };
    let text: String = (0..CELLS).map(character).collect();
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
