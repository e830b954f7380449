//! A run as one SVG picture: divergence over stored bits per weight.

use super::report::{Run, VariantFigures};
use crate::svg_text::escaped;
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 870.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 480.0;
/// Height of a label, and width of its letters at most.
const LABEL_HEIGHT: f64 = 14.0;
const LETTER_WIDTH: f64 = 7.2;

/// Fill colours by kind; they differ in lightness as well as in hue.
const KINDS: [(&str, &str); 4] = [
    ("code", "#1b6ca8"),
    ("baseline", "#d1495b"),
    ("compressed", "#0b3c5d"),
    ("plain", "#868e96"),
];

/// A point with its error, in the picture's units.
struct Point<'a> {
    variant: &'a VariantFigures,
    x: f64,
    y: f64,
    error: (f64, f64),
}

/// Linear in the bits, logarithmic in the divergence.
struct Axes {
    bits: (f64, f64),
    decades: (i32, i32),
}

impl Axes {
    fn over(variants: &[&VariantFigures]) -> Self {
        let bits = || variants.iter().map(|variant| variant.bits_per_weight);
        let divergences = || variants.iter().map(|variant| variant.scores.divergence.mean);
        let least = divergences().fold(f64::INFINITY, f64::min);
        let most = divergences().fold(f64::MIN_POSITIVE, f64::max);
        let low = least.log10().floor() as i32;
        Axes {
            bits: (
                (bits().fold(f64::INFINITY, f64::min) - 0.05).floor().max(0.0),
                (bits().fold(0.0, f64::max) + 0.05).ceil(),
            ),
            decades: (low, (most.log10().ceil() as i32).max(low + 1)),
        }
    }

    fn x(&self, bits: f64) -> f64 {
        LEFT + (bits - self.bits.0) / (self.bits.1 - self.bits.0) * (RIGHT - LEFT)
    }

    /// Values beyond the ends lie at them.
    fn y(&self, divergence: f64) -> f64 {
        let (low, high) = (f64::from(self.decades.0), f64::from(self.decades.1));
        let share = (divergence.max(f64::MIN_POSITIVE).log10() - low) / (high - low);
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

/// The picture, as a complete SVG document.
pub fn svg(run: &Run) -> String {
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write_svg(run, &mut svg);
    svg
}

fn write_svg(run: &Run, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"20\" y=\"30\" font-size=\"18\">{}: what compression changes</text>\n\
         <text x=\"20\" y=\"52\" fill=\"#495057\">{} windows {}; bars: one standard error</text>",
        escaped(&run.reference),
        run.finished_windows,
        escaped(&run.passage.cut())
    )?;
    // A logarithmic axis has no place for a divergence of zero.
    let shown: Vec<&VariantFigures> = run
        .variants
        .iter()
        .filter(|variant| variant.activations.is_none() && variant.scores.divergence.mean > 0.0)
        .collect();
    if shown.is_empty() {
        return writeln!(
            out,
            "<text x=\"20\" y=\"{TOP}\">no variant differs from the reference</text>\n</svg>"
        );
    }
    let axes = Axes::over(&shown);
    write_axes(out, &axes)?;
    let points: Vec<Point<'_>> = shown
        .into_iter()
        .map(|variant| {
            let divergence = variant.scores.divergence;
            Point {
                variant,
                x: axes.x(variant.bits_per_weight),
                y: axes.y(divergence.mean),
                error: (
                    axes.y(divergence.mean - divergence.standard_error),
                    axes.y(divergence.mean + divergence.standard_error),
                ),
            }
        })
        .collect();
    for point in &points {
        write_point(out, point)?;
    }
    write_labels(out, &points)?;
    let kinds = KINDS
        .iter()
        .filter(|(kind, _)| points.iter().any(|point| point.variant.kind == *kind));
    for (place, (kind, colour)) in kinds.enumerate() {
        let x = LEFT + 160.0 * place as f64;
        writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"5\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{kind}</text>",
            HEIGHT - 18.0,
            x + 12.0,
            HEIGHT - 14.0
        )?;
    }
    writeln!(out, "</svg>")
}

fn write_axes(out: &mut String, axes: &Axes) -> std::fmt::Result {
    let line = "stroke=\"#e9ecef\"";
    for bits in axes.bits.0 as i32..=axes.bits.1 as i32 {
        let x = axes.x(bits.into());
        writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\" {line}/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{bits}</text>",
            BOTTOM + 18.0
        )?;
    }
    for decade in axes.decades.0..=axes.decades.1 {
        for step in [1.0, 2.0, 5.0] {
            let value = step * 10_f64.powi(decade);
            if step > 1.0 && decade == axes.decades.1 {
                break;
            }
            let y = axes.y(value);
            writeln!(
                out,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\" {line}/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                LEFT - 8.0,
                y + 4.0
            )?;
        }
    }
    writeln!(
        out,
        "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#adb5bd\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">stored bits per weight, all scales included</text>\
         <text x=\"{LEFT}\" y=\"{}\">KL divergence to the reference, nats per token (less is better)</text>",
        RIGHT - LEFT,
        BOTTOM - TOP,
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 40.0,
        TOP - 8.0
    )
}

fn write_point(out: &mut String, point: &Point<'_>) -> std::fmt::Result {
    let colour = KINDS.iter().find(|(kind, _)| *kind == point.variant.kind);
    let colour = colour.map_or("#212529", |(_, colour)| colour);
    let divergence = point.variant.scores.divergence;
    writeln!(
        out,
        "<line x1=\"{0:.1}\" y1=\"{1:.1}\" x2=\"{0:.1}\" y2=\"{2:.1}\" stroke=\"{colour}\"/>\
         <circle cx=\"{0:.1}\" cy=\"{3:.1}\" r=\"5\" fill=\"{colour}\"><title>{4}: {5:.3} bits per weight, {6:.6} ± {7:.6} nats per token</title></circle>",
        point.x,
        point.error.0,
        point.error.1,
        point.y,
        escaped(&point.variant.name),
        point.variant.bits_per_weight,
        divergence.mean,
        divergence.standard_error
    )
}

/// Puts each name beside its point: where it meets neither another point nor an earlier name, if there is such a place.
fn write_labels(out: &mut String, points: &[Point<'_>]) -> std::fmt::Result {
    let mut taken: Vec<[f64; 4]> = points
        .iter()
        .map(|point| [point.x - 6.0, point.y - 6.0, point.x + 6.0, point.y + 6.0])
        .collect();
    for point in points {
        let width = LETTER_WIDTH * point.variant.name.chars().count() as f64;
        let boxes = [(1.0, 0.0), (-1.0, 0.0)]
            .into_iter()
            .chain(
                [-1.0, 1.0, -2.0, 2.0]
                    .into_iter()
                    .flat_map(|up| [(1.0, up), (-1.0, up)]),
            )
            .map(|(side, lines): (f64, f64)| {
                let left = if side > 0.0 {
                    point.x + 9.0
                } else {
                    point.x - 9.0 - width
                };
                let middle = point.y + lines * LABEL_HEIGHT;
                let half = LABEL_HEIGHT / 2.0;
                [left, middle - half, left + width, middle + half]
            });
        let boxes: Vec<[f64; 4]> = boxes.collect();
        let meets = |a: &[f64; 4], b: &[f64; 4]| a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
        let is_free =
            |label: &&[f64; 4]| label[0] > LEFT && label[2] < RIGHT && !taken.iter().any(|other| meets(label, other));
        let chosen = *boxes.iter().find(is_free).unwrap_or(&boxes[0]);
        taken.push(chosen);
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            chosen[0],
            chosen[3] - 3.0,
            escaped(&point.variant.name)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_are_equally_far_apart() {
        let axes = Axes {
            bits: (2.0, 5.0),
            decades: (-3, -1),
        };
        assert_eq!((axes.x(2.0), axes.x(5.0)), (LEFT, RIGHT));
        assert!((axes.y(0.001) - BOTTOM).abs() < 1e-9 && (axes.y(0.1) - TOP).abs() < 1e-9);
        assert!((axes.y(0.01) - (TOP + BOTTOM) / 2.0).abs() < 1e-9);
        assert_eq!((axes.y(0.0), axes.y(-1.0)), (BOTTOM, BOTTOM));
    }
}
