//! The report as one SVG picture: the largest errors as bars, and the error of each matrix over its stored bits.

use super::{Compressed, WORST, worst_first};
use crate::stdout::{decibels, printable};
use crate::svg_text::{escaped, shortened};
use seedlm_model::MatrixReport;
use std::fmt::{Result, Write};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 870.0;
/// Where the bars begin, to the right of the names, and how far apart they are.
const BARS_LEFT: f64 = 400.0;
const BARS_RIGHT: f64 = 800.0;
const BARS_TOP: f64 = 106.0;
const BAR_PITCH: f64 = 22.0;
/// Letters of a name that have room beside a bar.
const NAME_LETTERS: usize = 50;
/// Height of the points' panel.
const POINTS_HEIGHT: f64 = 300.0;
/// From the last bar to the points' panel, and from there to the lower edge.
const BETWEEN: f64 = 56.0;
const BELOW: f64 = 84.0;

/// Fill colours by code, the most frequent first; they differ in lightness as well as in hue.
const COLOURS: [&str; 4] = ["#1b6ca8", "#d1495b", "#0b3c5d", "#868e96"];

/// The picture, as a complete SVG document.
pub fn svg(compressed: Compressed<'_>) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write_svg(compressed, &mut svg);
    svg
}

fn write_svg(compressed: Compressed<'_>, out: &mut String) -> Result {
    let report = compressed.report;
    let worst = worst_first(report);
    let bars = worst.len().min(WORST);
    let points_top = BARS_TOP + bars as f64 * BAR_PITCH + BETWEEN;
    let height = match worst.is_empty() {
        true => BARS_TOP,
        false => points_top + POINTS_HEIGHT + BELOW,
    };
    let input = escaped(&shortened(&printable(compressed.input), 60));
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"20\" y=\"30\" font-size=\"18\">{input} in {}</text>",
        escaped(&report.code)
    )?;
    if worst.is_empty() {
        return writeln!(
            out,
            "<text x=\"20\" y=\"52\" fill=\"#495057\">nothing was compressed</text>\n</svg>"
        );
    }
    writeln!(
        out,
        "<text x=\"20\" y=\"52\" fill=\"#495057\">{} matrices, {:.3} stored bits per weight; relative error {:.4} over all, {}</text>",
        worst.len(),
        report.bits_per_compressed_weight,
        report.relative_error,
        decibels(report.sqnr_db)
    )?;
    let codes = codes(&report.matrices);
    write_bars(out, &worst[..bars], &codes)?;
    let axes = Axes::over(&report.matrices, points_top);
    write_axes(out, &axes)?;
    // The worst last, so that they lie on top.
    for matrix in worst.iter().rev() {
        writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4.5\" fill=\"{}\" fill-opacity=\"0.6\"><title>{}: {:.3} bits per weight, relative error {:.4}</title></circle>",
            axes.bits.at(matrix.bits_per_weight),
            axes.errors.at(matrix.relative_error),
            colour(&codes, matrix),
            escaped(&printable(&matrix.name)),
            matrix.bits_per_weight,
            matrix.relative_error
        )?;
    }
    write_legend(out, &codes, height)?;
    writeln!(out, "</svg>")
}

/// The codes, the most frequent first.
fn codes(matrices: &[MatrixReport]) -> Vec<&str> {
    let mut counted: Vec<(usize, &str)> = Vec::new();
    for matrix in matrices {
        match counted.iter_mut().find(|(_, code)| *code == matrix.code) {
            Some((count, _)) => *count += 1,
            None => counted.push((1, &matrix.code)),
        }
    }
    counted.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
    counted.into_iter().map(|(_, code)| code).collect()
}

/// Codes beyond the fourth share its colour.
fn colour(codes: &[&str], matrix: &MatrixReport) -> &'static str {
    let place = codes.iter().position(|code| *code == matrix.code).unwrap_or(0);
    COLOURS[place.min(COLOURS.len() - 1)]
}

fn write_bars(out: &mut String, worst: &[&MatrixReport], codes: &[&str]) -> Result {
    let title = match worst.len() {
        1 => "The relative error".into(),
        count => format!("The {count} largest relative errors"),
    };
    writeln!(
        out,
        "<text x=\"20\" y=\"{}\" font-weight=\"bold\">{title}</text>",
        BARS_TOP - 20.0
    )?;
    let longest = worst.iter().map(|matrix| matrix.relative_error).fold(0.0, f64::max);
    for (place, matrix) in worst.iter().enumerate() {
        let top = BARS_TOP + place as f64 * BAR_PITCH;
        let share = if longest > 0.0 {
            matrix.relative_error / longest
        } else {
            0.0
        };
        let length = share * (BARS_RIGHT - BARS_LEFT);
        writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{BARS_LEFT}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{}\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{:.4}</text>",
            BARS_LEFT - 8.0,
            top + 5.0,
            escaped(&shortened(&printable(&matrix.name), NAME_LETTERS)),
            top - 7.0,
            BAR_PITCH - 6.0,
            colour(codes, matrix),
            BARS_LEFT + length + 6.0,
            top + 5.0,
            matrix.relative_error
        )?;
    }
    Ok(())
}

fn write_axes(out: &mut String, axes: &Axes) -> Result {
    let line = "stroke=\"#e9ecef\"";
    let (top, bottom) = (axes.errors.end, axes.errors.begin);
    for (value, text) in axes.bits.ticks() {
        let x = axes.bits.at(value);
        writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\" {line}/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            bottom + 18.0
        )?;
    }
    for (value, text) in axes.errors.ticks() {
        let y = axes.errors.at(value);
        writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\" {line}/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 8.0,
            y + 4.0
        )?;
    }
    writeln!(
        out,
        "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#adb5bd\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">stored bits per weight, words and scales</text>\
         <text x=\"20\" y=\"{}\" font-weight=\"bold\">Relative error of each matrix</text>",
        RIGHT - LEFT,
        bottom - top,
        (LEFT + RIGHT) / 2.0,
        bottom + 40.0,
        top - 14.0
    )
}

fn write_legend(out: &mut String, codes: &[&str], height: f64) -> Result {
    let mut x = LEFT;
    for (code, colour) in codes.iter().zip(COLOURS) {
        let is_last = colour == COLOURS[COLOURS.len() - 1];
        let name = if is_last && codes.len() > COLOURS.len() {
            "other codes".into()
        } else {
            shortened(&printable(code), 24)
        };
        writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"5\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            height - 18.0,
            x + 12.0,
            height - 14.0,
            escaped(&name)
        )?;
        x += 200.0;
    }
    Ok(())
}

/// The scales of the points' panel.
struct Axes {
    bits: Axis,
    errors: Axis,
}

impl Axes {
    fn over(matrices: &[MatrixReport], top: f64) -> Self {
        let bits = matrices.iter().map(|matrix| matrix.bits_per_weight);
        let errors = matrices.iter().map(|matrix| matrix.relative_error);
        Axes {
            bits: Axis::over(bits, LEFT, RIGHT),
            errors: Axis::over(errors, top + POINTS_HEIGHT, top),
        }
    }
}

/// A linear scale between two places of the picture, from one multiple of its step to another.
struct Axis {
    first: i64,
    last: i64,
    /// A power of ten, or two or five times it.
    step: f64,
    digits: usize,
    begin: f64,
    end: f64,
}

impl Axis {
    /// Over all values, with some room at either end; where all are the same, around that one.
    fn over(values: impl Iterator<Item = f64>, begin: f64, end: f64) -> Self {
        let (least, most) = values.fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), value| {
            (least.min(value), most.max(value))
        });
        let room = (0.05 * (most - least)).max(0.002 * most).max(1e-6);
        let (least, most) = ((least - room).max(0.0), most + room);
        let rough = (most - least) / 6.0;
        let power = rough.log10().floor();
        let unit = 10_f64.powf(power);
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * unit);
        let step = step.clone().find(|step| *step >= rough).unwrap_or(10.0 * unit);
        let digits = (-(step * 1.000_001).log10().floor()).max(0.0) as usize;
        Axis {
            first: (least / step).floor() as i64,
            last: (most / step).ceil() as i64,
            step,
            digits,
            begin,
            end,
        }
    }

    /// Where a value lies.
    fn at(&self, value: f64) -> f64 {
        let share = (value / self.step - self.first as f64) / (self.last - self.first) as f64;
        self.begin + share * (self.end - self.begin)
    }

    /// The multiples of the step, each with its text.
    fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        (self.first..=self.last).map(|multiple| {
            let value = multiple as f64 * self.step;
            (value, format!("{value:.*}", self.digits))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_all_values_between_round_ends() {
        let axis = Axis::over([4.05, 4.17, 4.1].into_iter(), 100.0, 700.0);
        let ticks: Vec<String> = axis.ticks().map(|(_, text)| text).collect();
        assert_eq!(
            (ticks.first().unwrap().as_str(), ticks.last().unwrap().as_str()),
            ("4.00", "4.20")
        );
        assert!((axis.at(4.0) - 100.0).abs() < 1e-6 && (axis.at(4.2) - 700.0).abs() < 1e-6);
        // Values that are all the same, and zero, have an axis too.
        for value in [0.0, 0.1, 4.0, 1e6] {
            let axis = Axis::over([value].into_iter(), 0.0, 1.0);
            assert!((0.0..=1.0).contains(&axis.at(value)), "{value}");
            assert!((2..=12).contains(&axis.ticks().count()), "{value}");
        }
    }
}
