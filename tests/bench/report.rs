//! The results as a table, as CSV and as a chart.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::rounds::{CPU, Figure, Row, median};

/// The median and the range of values.
struct Spread {
    median: f64,
    minimum: f64,
    maximum: f64,
}

fn spread(values: &[f64]) -> Spread {
    Spread {
        median: median(values.to_vec()),
        minimum: values.iter().copied().fold(f64::INFINITY, f64::min),
        maximum: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}

/// A row for each figure, a column for each target.
pub fn table(rows: &[Row]) -> String {
    let width = 22;
    let mut text = format!("{:16}", "median [min–max]");
    for row in rows {
        write!(text, " {:>width$}", row.name.trim_start_matches("Verdigris, ")).unwrap();
    }
    for (figure, _) in &rows[0].values {
        write!(text, "\n{:16}", figure.name).unwrap();
        for row in rows {
            write!(text, " {:>width$}", cell(*figure, row.values_of(*figure))).unwrap();
        }
    }
    text
}

fn cell(figure: Figure, values: &[f64]) -> String {
    let decimals = figure.decimals;
    let Spread { median, minimum, maximum } = spread(values);
    if values.len() == 1 {
        return format!("{median:.decimals$}");
    }
    format!("{median:.decimals$} [{minimum:.decimals$}–{maximum:.decimals$}]")
}

/// A line for each target, figure and round.
pub fn write_csv(rows: &[Row], file: &Path) {
    let mut text = "target,figure,round,value\n".to_owned();
    for row in rows {
        for (figure, values) in &row.values {
            for (round, value) in (1..).zip(values) {
                writeln!(text, "\"{}\",{},{round},{value:.4}", row.name, figure.name).unwrap();
            }
        }
    }
    fs::write(file, text).unwrap();
}

/// Draws a bar for each target: the CPU time of the proxy per request.
pub fn draw(rows: &[Row], file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    const GREEN: RGBColor = RGBColor(67, 137, 118);
    const GREY: RGBColor = RGBColor(150, 150, 150);
    let count = u32::try_from(rows.len())?;
    let root = SVGBackend::new(file, (720, 60 + 34 * count)).into_drawing_area();
    root.fill(&WHITE)?;
    let maximum = rows.iter().map(|row| spread(row.values_of(CPU)).maximum).fold(0.0, f64::max);
    let places = rows.len();
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "CPU of the proxy per request, µs (median, minimum to maximum)",
            ("sans-serif", 15).into_font(),
        )
        .margin(10)
        .margin_right(30)
        .x_label_area_size(24)
        .y_label_area_size(170)
        .build_cartesian_2d(0.0..maximum * 1.05, (0..places - 1).into_segmented())?;
    let name = |place: &SegmentValue<usize>| match place {
        SegmentValue::CenterOf(at) => {
            rows.get(places - 1 - at).map_or_else(String::new, |row| row.name.clone())
        }
        _ => String::new(),
    };
    chart.configure_mesh().disable_y_mesh().y_labels(places).y_label_formatter(&name).draw()?;
    for (at, row) in rows.iter().rev().enumerate() {
        let Spread { median, minimum, maximum } = spread(row.values_of(CPU));
        let color = if row.name.starts_with("Verdigris") { GREEN } else { GREY };
        let (bottom, top) = (SegmentValue::Exact(at), SegmentValue::Exact(at + 1));
        let mut bar = Rectangle::new([(0.0, bottom), (median, top)], color.filled());
        bar.set_margin(5, 5, 0, 0);
        chart.draw_series([bar])?;
        let center = SegmentValue::CenterOf(at);
        let whisker = PathElement::new(vec![(minimum, center.clone()), (maximum, center)], BLACK);
        chart.draw_series([whisker])?;
    }
    root.present()?;
    Ok(())
}
