//! Error against area as one SVG picture.

use crate::Finding;
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 430.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 60.0;

/// The picture, as a complete SVG document: a point for each finding, its number in the legend.
pub fn draw(findings: &[Finding]) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut svg, findings);
    svg
}

fn write(out: &mut String, findings: &[Finding]) -> std::fmt::Result {
    let most_lut = findings
        .iter()
        .fold(0_f64, |most, finding| most.max(finding.lut_per_weight));
    let lut_end = (most_lut / 5.0).ceil() * 5.0;
    let errors = findings.iter().map(|finding| finding.errors[0]);
    let error_end = (errors.fold(0_f64, f64::max) * 200.0).ceil() / 200.0;
    let error_start = 0.0625;
    let x = |lut: f64| LEFT + lut / lut_end * (WIDTH - LEFT - RIGHT);
    let y = |error: f64| HEIGHT - BOTTOM - (error - error_start) / (error_end - error_start) * (HEIGHT - TOP - BOTTOM);
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">"
    )?;
    writeln!(out, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>")?;
    writeln!(
        out,
        "<text x=\"20\" y=\"30\" font-size=\"17\">Maps of the chained code, 4 bits per weight: relative error against area</text>"
    )?;
    for step in 0..=(lut_end / 5.0) as usize {
        let lut = 5.0 * step as f64;
        writeln!(
            out,
            "<line x1=\"{0:.1}\" y1=\"{TOP}\" x2=\"{0:.1}\" y2=\"{1:.1}\" stroke=\"#dee2e6\"/><text x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\">{lut}</text>",
            x(lut),
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 20.0
        )?;
    }
    let mut error = error_start;
    while error < error_end + 1e-9 {
        writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{0:.1}\" x2=\"{1:.1}\" y2=\"{0:.1}\" stroke=\"#dee2e6\"/><text x=\"{2:.1}\" y=\"{3:.1}\" text-anchor=\"end\">{error:.4}</text>",
            y(error),
            WIDTH - RIGHT,
            LEFT - 8.0,
            y(error) + 4.0
        )?;
        error += if error_end - error_start > 0.02 { 0.005 } else { 0.0025 };
    }
    writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">LUT per weight and cycle (xc7, 128 weights per cycle)</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 16.0
    )?;
    writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{:.1}\" fill=\"#495057\">relative error on N(0,1); the axis starts at the rate-distortion bound</text>",
        TOP - 10.0
    )?;
    for (index, finding) in findings.iter().enumerate() {
        let number = index + 1;
        writeln!(
            out,
            "<circle cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"9\" fill=\"#1b6ca8\"/><text x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\" font-size=\"11\" fill=\"white\">{number}</text>",
            x(finding.lut_per_weight),
            y(finding.errors[0]),
            y(finding.errors[0]) + 4.0
        )?;
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\">{number}: {}</text>",
            WIDTH - RIGHT + 16.0,
            TOP + 22.0 * index as f64 + 10.0,
            finding.shape
        )?;
    }
    writeln!(out, "</svg>")
}
