//! One chart of points, as part of an SVG picture.

use crate::written::escaped;
use std::fmt::Write;

/// How an axis runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equal differences.
    Linear,
    /// Equal steps are equal ratios.
    Logarithmic,
}

/// An axis: its label and its range.
#[derive(Clone, Debug)]
pub struct Axis {
    label: &'static str,
    scale: Scale,
    low: f64,
    high: f64,
}

/// How a kind of point looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A circle.
    Circle,
    /// A square on its corner.
    Diamond,
    /// A square.
    Square,
    /// A triangle.
    Triangle,
}

/// Where a chart stands in the picture, in pixels: the corner of its plot, and the plot's size.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

const GREY: &str = "#495057";

impl Axis {
    /// An axis that has room for all values.
    pub fn around(label: &'static str, scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match scale {
            _ if !least.is_finite() => (0.5, 1.5),
            Scale::Linear => {
                let room = (0.08 * (most - least)).max(0.02 * most.abs()).max(1e-9);
                (least - room, most + room)
            }
            Scale::Logarithmic => {
                let room = (most / least).powf(0.08).max(1.05);
                (least / room, most * room)
            }
        };
        Axis {
            label,
            scale,
            low,
            high,
        }
    }

    /// Where a value stands, from 0 to 1.
    fn position(&self, value: f64) -> f64 {
        let of = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.ln(),
        };
        (of(value) - of(self.low)) / (of(self.high) - of(self.low))
    }

    /// Round values within the range: 1, 2 or 5 times a power of ten, or multiples of such a step.
    fn ticks(&self) -> Vec<f64> {
        let powers = |from: f64| from.log10().floor() as i32;
        let within = |value: &f64| (self.low..=self.high).contains(value);
        match self.scale {
            Scale::Logarithmic => (powers(self.low)..=powers(self.high) + 1)
                .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)))
                .filter(within)
                .collect(),
            Scale::Linear => {
                let raw = (self.high - self.low) / 5.0;
                let unit = 10_f64.powi(powers(raw));
                let step = [1.0, 2.0, 5.0, 10.0]
                    .into_iter()
                    .find(|step| step * unit >= raw)
                    .unwrap_or(10.0)
                    * unit;
                let first = (self.low / step).ceil() as i64;
                (first..first + 20)
                    .map(|count| count as f64 * step)
                    .filter(within)
                    .collect()
            }
        }
    }
}

impl Place {
    /// Where a point stands in the picture.
    pub fn at(&self, [x, y]: [&Axis; 2], point: [f64; 2]) -> [f64; 2] {
        [
            self.left + self.width * x.position(point[0]),
            self.top + self.height * (1.0 - y.position(point[1])),
        ]
    }

    /// Frame, ticks and labels.
    pub fn write_axes(&self, out: &mut String, title: &str, [x, y]: [&Axis; 2]) -> std::fmt::Result {
        let Place {
            left,
            top,
            width,
            height,
        } = *self;
        let (right, bottom) = (left + width, top + height);
        writeln!(
            out,
            "<text x=\"{left}\" y=\"{}\" font-size=\"15\">{}</text>",
            top - 12.0,
            escaped(title)
        )?;
        for tick in x.ticks() {
            let [at, _] = self.at([x, y], [tick, y.low]);
            writeln!(
                out,
                "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#e9ecef\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"{GREY}\">{}</text>",
                bottom + 17.0,
                number(tick)
            )?;
        }
        for tick in y.ticks() {
            let [_, at] = self.at([x, y], [x.low, tick]);
            writeln!(
                out,
                "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#e9ecef\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{GREY}\">{}</text>",
                left - 6.0,
                at + 4.0,
                number(tick)
            )?;
        }
        writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"{GREY}\"/>"
        )?;
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            left + width / 2.0,
            bottom + 36.0,
            x.label
        )?;
        let (middle, beside) = (top + height / 2.0, left - 46.0);
        writeln!(
            out,
            "<text x=\"{beside}\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 {beside} {middle})\">{}</text>",
            y.label
        )
    }
}

/// Draws a point.
pub fn write_mark(out: &mut String, shape: Shape, colour: &str, [x, y]: [f64; 2], title: &str) -> std::fmt::Result {
    let path = match shape {
        Shape::Circle => format!("M{:.1} {y:.1}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", x - 4.0),
        Shape::Diamond => format!("M{x:.1} {:.1}l5.5 5.5l-5.5 5.5l-5.5 -5.5z", y - 5.5),
        Shape::Square => format!("M{:.1} {:.1}h8v8h-8z", x - 4.0, y - 4.0),
        Shape::Triangle => format!("M{x:.1} {:.1}l5 9h-10z", y - 5.0),
    };
    writeln!(
        out,
        "<path d=\"{path}\" fill=\"{colour}\" fill-opacity=\"0.75\" stroke=\"white\" stroke-width=\"0.8\"><title>{}</title></path>",
        escaped(title)
    )
}

/// A number for an axis.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        let ticks = |scale, values: &[f64]| Axis::around("x", scale, values.iter().copied()).ticks();
        assert_eq!(ticks(Scale::Linear, &[2.0, 4.0]), [2.0, 2.5, 3.0, 3.5, 4.0]);
        assert_eq!(ticks(Scale::Logarithmic, &[0.06, 0.3]), [0.1, 0.2]);
        for scale in [Scale::Linear, Scale::Logarithmic] {
            for values in [&[][..], &[3.0], &[1e-3, 1e6]] {
                let axis = Axis::around("x", scale, values.iter().copied());
                assert!(axis.ticks().len() < 40 && axis.low < axis.high);
                assert!(values.iter().all(|&value| (0.0..=1.0).contains(&axis.position(value))));
            }
        }
    }
}
