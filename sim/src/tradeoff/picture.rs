//! The trade-off as one SVG picture: tokens per second over bandwidth, and the gain over fp16 over the batch size.

use super::{FormatLine, Origin, TradeOff};
use crate::table::significant;
use crate::written::escaped;
use std::fmt::Write;

const WIDTH: f64 = 1080.0;
const HEIGHT: f64 = 560.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 440.0;
/// Left and right edge of the two panels.
const PANELS: [(f64, f64); 2] = [(80.0, 520.0), (620.0, 1050.0)];

/// Stroke colours; they differ in lightness as well as in hue.
const COLOURS: [&str; 9] = [
    "#212529", "#1b6ca8", "#d1495b", "#66a182", "#edae49", "#8d6a9f", "#3c9d9b", "#7f2a3c", "#adb5bd",
];

/// An axis with a logarithmic scale.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Where a value lies; values beyond the ends lie at them.
    fn at(&self, value: f64) -> f64 {
        let share = (value / self.least).ln() / (self.most / self.least).ln();
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Powers of `base` within the axis.
    fn ticks(&self, base: f64) -> impl Iterator<Item = f64> {
        let first = (self.least.ln() / base.ln() - 1e-9).ceil() as i32;
        let last = (self.most.ln() / base.ln() + 1e-9).floor() as i32;
        (first..=last).map(move |power| base.powi(power))
    }
}

impl TradeOff {
    /// The picture, as a complete SVG document.
    pub fn to_svg(&self) -> String {
        let mut svg = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_svg(&mut svg);
        svg
    }

    fn write_svg(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"20\" y=\"30\" font-size=\"18\">{}: compute for memory traffic</text>\n\
             <text x=\"20\" y=\"52\" fill=\"#495057\">machines at {} MHz; memory \"{}\", {:.1} GB/s less refresh</text>",
            escaped(&self.model),
            self.clock_mhz,
            escaped(&self.memory),
            self.memory_gb_per_s
        )?;
        self.write_bandwidth(out, PANELS[0])?;
        self.write_batches(out, PANELS[1])?;
        for (index, line) in self.formats.iter().enumerate() {
            let (x, y) = (80.0 + (index % 5) as f64 * 195.0, 505.0 + (index / 5) as f64 * 24.0);
            let dashes = dashes(line);
            let name = match line.origin {
                Origin::Simulated => escaped(&line.format),
                Origin::Model => format!("{} (not simulated)", escaped(&line.format)),
            };
            writeln!(
                out,
                "<line x1=\"{x}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{}\" stroke-width=\"2.5\"{dashes}/><text x=\"{}\" y=\"{y}\">{name}</text>",
                y - 4.0,
                x + 26.0,
                y - 4.0,
                colour(index),
                x + 34.0
            )?;
        }
        writeln!(out, "</svg>")
    }

    fn write_bandwidth(&self, out: &mut String, (left, right): (f64, f64)) -> std::fmt::Result {
        let tokens = || self.over_bandwidth.iter().map(|point| point.tokens_per_second);
        let x = Axis {
            least: 1.0,
            most: 1000.0,
            from: left,
            to: right,
        };
        let y = Axis {
            least: power_below(tokens().fold(f64::INFINITY, f64::min)),
            most: power_below(tokens().fold(f64::MIN_POSITIVE, f64::max)) * 10.0,
            from: BOTTOM,
            to: TOP + 10.0,
        };
        frame(
            out,
            &x,
            &y,
            (10.0, 10.0),
            ("memory bandwidth, GB/s", "tokens per second"),
        )?;
        let at = x.at(self.memory_gb_per_s);
        writeln!(
            out,
            "<line x1=\"{at:.1}\" y1=\"{}\" x2=\"{at:.1}\" y2=\"{BOTTOM}\" stroke=\"#868e96\" stroke-dasharray=\"2 4\"/>\
             <text x=\"{:.1}\" y=\"{}\" fill=\"#495057\" font-size=\"11\">{}</text>",
            TOP + 10.0,
            at + 4.0,
            TOP + 22.0,
            escaped(&self.memory)
        )?;
        for (index, line) in self.formats.iter().enumerate() {
            let points = self
                .over_bandwidth
                .iter()
                .filter(|point| point.format == line.format)
                .map(|point| (x.at(point.gb_per_s), y.at(point.tokens_per_second)));
            path(out, points, line, index)?;
            if line.origin == Origin::Simulated {
                writeln!(
                    out,
                    "<circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"4.5\" fill=\"{}\" stroke=\"white\"><title>{}: {} tokens per second, simulated</title></circle>",
                    y.at(line.tokens_per_second),
                    colour(index),
                    escaped(&line.format),
                    significant(line.tokens_per_second)
                )?;
            }
        }
        Ok(())
    }

    fn write_batches(&self, out: &mut String, (left, right): (f64, f64)) -> std::fmt::Result {
        let batches = || self.over_batch.iter().map(|point| f64::from(point.batch));
        let gains = || self.over_batch.iter().filter_map(|point| point.speedup_over_fp16);
        if gains().next().is_none() {
            return writeln!(
                out,
                "<text x=\"{left}\" y=\"{}\" fill=\"#495057\">no gain over fp16: it is not among the formats</text>",
                TOP + 30.0
            );
        }
        let x = Axis {
            least: batches().fold(f64::INFINITY, f64::min).max(1.0),
            most: batches().fold(2.0, f64::max),
            from: left,
            to: right,
        };
        let y = Axis {
            least: gains().fold(1.0, f64::min).min(1.0),
            most: gains().fold(2.0, f64::max) * 1.1,
            from: BOTTOM,
            to: TOP + 10.0,
        };
        let title = format!(
            "batch size, {} multipliers for every format",
            self.multipliers_in_batches
        );
        frame(out, &x, &y, (2.0, 2.0), (&title, "gain over fp16 (times)"))?;
        for (index, line) in self.formats.iter().enumerate() {
            let points = self
                .over_batch
                .iter()
                .filter(|point| point.format == line.format)
                .filter_map(|point| Some((x.at(f64::from(point.batch)), y.at(point.speedup_over_fp16?))));
            path(out, points, line, index)?;
        }
        Ok(())
    }
}

/// The largest power of ten that is not above a value.
fn power_below(value: f64) -> f64 {
    10_f64.powf(value.log10().floor())
}

fn frame(out: &mut String, x: &Axis, y: &Axis, bases: (f64, f64), (below, beside): (&str, &str)) -> std::fmt::Result {
    for tick in x.ticks(bases.0) {
        let at = x.at(tick);
        writeln!(
            out,
            "<line x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"#e9ecef\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick}</text>",
            y.from,
            y.to,
            y.from + 18.0
        )?;
    }
    for tick in y.ticks(bases.1) {
        let at = y.at(tick);
        let label = if tick >= 1.0 {
            format!("{tick:.0}")
        } else {
            format!("{tick}")
        };
        writeln!(
            out,
            "<line x1=\"{:.1}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"#e9ecef\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            x.from,
            x.to,
            x.from - 8.0,
            at + 4.0
        )?;
    }
    writeln!(
        out,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" stroke=\"#adb5bd\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{below}</text><text x=\"{:.1}\" y=\"{:.1}\" fill=\"#212529\">{beside}</text>",
        x.from,
        y.to,
        x.to - x.from,
        y.from - y.to,
        (x.from + x.to) / 2.0,
        y.from + 40.0,
        x.from,
        y.to - 8.0
    )
}

fn path(
    out: &mut String,
    points: impl Iterator<Item = (f64, f64)>,
    line: &FormatLine,
    index: usize,
) -> std::fmt::Result {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}><title>{}</title></polyline>",
        points.join(" "),
        colour(index),
        dashes(line),
        escaped(&line.format)
    )
}

fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

fn dashes(line: &FormatLine) -> &'static str {
    match line.origin {
        Origin::Simulated => "",
        Origin::Model => " stroke-dasharray=\"6 4\"",
    }
}
