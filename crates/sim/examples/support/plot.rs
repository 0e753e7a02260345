//! Line plots as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
pub use plotters::chart::SeriesLabelPosition as Legend;
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    drawing::IntoDrawingArea as _,
    element::PathElement,
    prelude::SVGBackend,
    series::LineSeries,
    style::{BLACK, Color as _, RGBColor, WHITE},
};

/// A line of a plot.
pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// Colours that people who do not see all colours tell apart (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// Draws lines of percentages, or of larger figures, over what `axes[0]` names.
pub fn draw(file: &Path, title: &str, axes: [&str; 2], legend: SeriesLabelPosition, lines: &[Line]) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("cannot draw {}: {error}", file.display());
    let area = SVGBackend::new(file, (900, 540)).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let widest = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|(x, _)| *x)
        .fold(0.0, f64::max);
    // Shares fill the whole of a hundred; other figures what they need.
    let highest = lines
        .iter()
        .flat_map(|line| &line.points)
        .map(|(_, y)| *y)
        .fold(100.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..widest, 0.0..highest)
        .map_err(|error| failed(&error))?;
    chart
        .configure_mesh()
        .x_desc(axes[0])
        .y_desc(axes[1])
        .light_line_style(WHITE)
        .draw()
        .map_err(|error| failed(&error))?;
    for (line, colour) in lines.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))
            .map_err(|error| failed(&error))?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(legend)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK)
        .draw()
        .map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))
}
