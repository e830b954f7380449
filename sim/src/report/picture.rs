//! The report as one SVG picture: a bar per format, as long as its cycles, cut by what the MAC array did.

use super::{FormatReport, Report};
use crate::activity::Unit;
use crate::cause::State;
use crate::table::grouped;
use crate::written::escaped;
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 120.0;
const RIGHT: f64 = 40.0;
const BAR_HEIGHT: f64 = 44.0;
const BAR_PITCH: f64 = 92.0;
const TOP: f64 = 84.0;

/// Fill colours, in the order of [`State::all`]; chosen to differ in lightness as well as in hue.
const COLOURS: [&str; State::COUNT] = [
    "#1b6ca8", "#d1495b", "#7f2a3c", "#f2d5a0", "#edae49", "#66a182", "#8d6a9f", "#b8c4cc", "#3d405b", "#7a8b99",
    "#e07a5f", "#c9ada7", "#5f0f40", "#9a8c98", "#495057",
];

impl Report {
    /// The picture, as a complete SVG document.
    pub fn to_svg(&self) -> String {
        let mut svg = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_svg(&mut svg);
        svg
    }

    fn write_svg(&self, out: &mut String) -> std::fmt::Result {
        let most = self
            .formats
            .iter()
            .map(FormatReport::cycles_per_pass)
            .fold(1.0, f64::max);
        let states: Vec<State> = State::all()
            .filter(|state| self.formats.iter().any(|format| mac_cycles(format, *state) > 0))
            .collect();
        let legend_top = TOP + BAR_PITCH * self.formats.len() as f64;
        let legend_rows = states.len().div_ceil(4);
        let height = legend_top + 26.0 * legend_rows as f64 + 20.0;
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"14\">"
        )?;
        writeln!(out, "<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>")?;
        writeln!(
            out,
            "<text x=\"20\" y=\"30\" font-size=\"18\">{}: cycles, and what the MAC array did in them</text>",
            escaped(&self.workload)
        )?;
        writeln!(
            out,
            "<text x=\"20\" y=\"54\" fill=\"#495057\">memory \"{}\", {} MHz; bars are to scale</text>",
            escaped(self.memory.name()),
            self.clock_mhz
        )?;
        for (index, format) in self.formats.iter().enumerate() {
            write_bar(out, format, TOP + BAR_PITCH * index as f64, most)?;
        }
        for (index, state) in states.iter().enumerate() {
            let x = 20.0 + (index % 4) as f64 * 215.0;
            let y = legend_top + 26.0 * (index / 4) as f64;
            writeln!(
                out,
                "<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" fill=\"{}\"/>",
                COLOURS[state.index()]
            )?;
            writeln!(
                out,
                "<text x=\"{}\" y=\"{}\">{}</text>",
                x + 20.0,
                y + 12.0,
                state.label()
            )?;
        }
        writeln!(out, "</svg>")
    }
}

fn write_bar(out: &mut String, format: &FormatReport, top: f64, most: f64) -> std::fmt::Result {
    let passes = format.passes.max(1) as f64;
    let scale = (WIDTH - LEFT - RIGHT) / most / passes;
    writeln!(
        out,
        "<text x=\"20\" y=\"{}\">{}</text>",
        top + BAR_HEIGHT / 2.0 + 5.0,
        escaped(&format.label())
    )?;
    let mut x = LEFT;
    for state in State::all() {
        let cycles = mac_cycles(format, state);
        let width = cycles as f64 * scale;
        if cycles > 0 {
            writeln!(
                out,
                "<rect x=\"{x:.2}\" y=\"{top}\" width=\"{width:.2}\" height=\"{BAR_HEIGHT}\" fill=\"{}\"><title>{}: {} cycles</title></rect>",
                COLOURS[state.index()],
                state.label(),
                grouped(cycles)
            )?;
        }
        x += width;
    }
    let per_token = if format.generated.is_some() { " per token" } else { "" };
    let mut caption = format!("{} cycles{per_token}", grouped(format.cycles_per_pass().round() as u64));
    if let Some(ratio) = format.speedup_over_fp16.filter(|_| format.format != "fp16") {
        write!(caption, ", {ratio:.2} x faster than fp16")?;
    }
    write!(
        caption,
        ", {:.1} % of peak bandwidth",
        100.0 * format.bandwidth_share_of_peak
    )?;
    writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{}\" fill=\"#495057\">{caption}</text>",
        top + BAR_HEIGHT + 18.0
    )
}

fn mac_cycles(format: &FormatReport, state: State) -> u64 {
    let mac = format.units.iter().find(|unit| unit.unit == Unit::MacArray.label());
    mac.map_or(0, |unit| unit.cycles_in(state.label()))
}
