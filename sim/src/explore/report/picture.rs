//! The exploration as one SVG picture: three charts with their Pareto fronts.

use super::chart::{Axis, Place, Scale, Shape, write_mark};
use super::{Exploration, Figure, Front};
use crate::explore::results::CodeResult;
use crate::written::escaped;
use seedlm_codec::Code;
use std::fmt::Write;

const WIDTH: f64 = 1320.0;
const HEIGHT: f64 = 520.0;
const CHART_WIDTH: f64 = 350.0;
const CHART_HEIGHT: f64 = 330.0;
const TOP: f64 = 92.0;
const LEFT: f64 = 70.0;
const PITCH: f64 = 435.0;

/// Codes that the paper chose: they are ringed.
const PAPER: [&str; 2] = ["paper-4b", "paper-3b"];

/// What kinds of codes there are, with their marks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    LongChain,
    ShortChain,
    OwnChain,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Block, Kind::LongChain, Kind::ShortChain, Kind::OwnChain];

    fn of(result: &CodeResult) -> Self {
        match &result.code {
            Code::Block(_) => Kind::Block,
            Code::Chained(code) => match (code.preset_name(), code.map().length()) {
                (Some(_), 16) => Kind::LongChain,
                (Some(_), _) => Kind::ShortChain,
                (None, _) => Kind::OwnChain,
            },
        }
    }

    fn label(self) -> &'static str {
        match self {
            Kind::Block => "block codes (C, P, K)",
            Kind::LongChain => "chained codes, K = 16",
            Kind::ShortChain => "chained codes, K = 12",
            Kind::OwnChain => "chained codes, other maps",
        }
    }

    fn mark(self) -> (Shape, &'static str) {
        match self {
            Kind::Block => (Shape::Circle, "#1b6ca8"),
            Kind::LongChain => (Shape::Diamond, "#d1495b"),
            Kind::ShortChain => (Shape::Square, "#e08e0b"),
            Kind::OwnChain => (Shape::Triangle, "#66a182"),
        }
    }
}

impl Exploration {
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
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">"
        )?;
        writeln!(out, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>")?;
        writeln!(
            out,
            "<text x=\"20\" y=\"30\" font-size=\"18\">{} codes: relative error against size, area and speed</text>",
            self.codes.len()
        )?;
        let name = |figure: Figure| move |front: &&Front| front.x == figure;
        let fronts = [Figure::StoredBits, Figure::Error, Figure::TokensPerSecond];
        let fronts = fronts.map(|figure| self.fronts.iter().find(name(figure)));
        for (number, front) in fronts.into_iter().flatten().enumerate() {
            let place = Place {
                left: LEFT + PITCH * number as f64,
                top: TOP,
                width: CHART_WIDTH,
                height: CHART_HEIGHT,
            };
            self.write_chart(out, front, place)?;
        }
        self.write_legend(out)?;
        writeln!(out, "</svg>")
    }

    fn write_chart(&self, out: &mut String, front: &Front, place: Place) -> std::fmt::Result {
        // The error stands on the left in every chart.
        let (x_figure, y_figure) = match front.x {
            Figure::Error => (front.y, front.x),
            _ => (front.x, front.y),
        };
        let point = |result: &CodeResult| {
            let figures = [x_figure, y_figure].map(|figure| figure.of(result, front.machine));
            Some([figures[0]?, figures[1]?])
        };
        let points: Vec<(&CodeResult, [f64; 2])> = self
            .codes
            .iter()
            .filter_map(|result| Some((result, point(result)?)))
            .collect();
        let scale = |figure: Figure| match figure {
            Figure::StoredBits | Figure::ModelBits | Figure::TokensPerSecond => Scale::Linear,
            _ => Scale::Logarithmic,
        };
        let axis = |figure: Figure, number: usize| {
            let values = points.iter().map(move |(_, point)| point[number]);
            Axis::around(figure.label(), scale(figure), values)
        };
        let (x, y) = (axis(x_figure, 0), axis(y_figure, 1));
        place.write_axes(out, &front.name, [&x, &y])?;
        let at = |label: &str| {
            let found = points.iter().find(|(result, _)| result.label == label);
            found.map(|(_, point)| place.at([&x, &y], *point))
        };
        let on_front: Vec<[f64; 2]> = front.members.iter().filter_map(|label| at(label)).collect();
        let line: Vec<String> = on_front.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#495057\" stroke-width=\"1.2\" stroke-dasharray=\"5 3\"/>",
            line.join(" ")
        )?;
        for (result, point) in &points {
            let (shape, colour) = Kind::of(result).mark();
            write_mark(out, shape, colour, place.at([&x, &y], *point), &result.label)?;
        }
        for [x, y] in PAPER.iter().filter_map(|label| at(label)) {
            writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"8.5\" fill=\"none\" stroke=\"black\" stroke-width=\"1.5\"/>"
            )?;
        }
        self.write_names(out, front, place, &at)
    }

    /// The paper's choices and the front's codes by name, where the names do not meet.
    fn write_names(
        &self,
        out: &mut String,
        front: &Front,
        place: Place,
        at: &dyn Fn(&str) -> Option<[f64; 2]>,
    ) -> std::fmt::Result {
        const LINE: f64 = 13.0;
        const LETTER: f64 = 5.8;
        let mut taken: Vec<[f64; 4]> = Vec::new();
        let names = PAPER.into_iter().chain(front.members.iter().map(String::as_str));
        for name in names {
            let Some([x, y]) = at(name) else {
                continue;
            };
            let width = LETTER * name.len() as f64;
            let is_left = x + 10.0 + width > place.left + place.width;
            let left = if is_left { x - 10.0 - width } else { x + 10.0 };
            let own = [left, y - LINE / 2.0, left + width, y + LINE / 2.0];
            let meets =
                |other: &[f64; 4]| own[0] < other[2] && other[0] < own[2] && own[1] < other[3] && other[1] < own[3];
            if taken.iter().any(meets) || own[1] < place.top || left < place.left {
                continue;
            }
            taken.push(own);
            let (edge, anchor) = if is_left {
                (x - 10.0, "end")
            } else {
                (x + 10.0, "start")
            };
            writeln!(
                out,
                "<text x=\"{edge:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"11\" stroke=\"white\" stroke-width=\"3\" paint-order=\"stroke\">{}</text>",
                y + 4.0,
                escaped(name)
            )?;
        }
        Ok(())
    }

    fn write_legend(&self, out: &mut String) -> std::fmt::Result {
        let y = HEIGHT - 28.0;
        let mut x = LEFT;
        for kind in Kind::ALL {
            if !self.codes.iter().any(|result| Kind::of(result) == kind) {
                continue;
            }
            let (shape, colour) = kind.mark();
            write_mark(out, shape, colour, [x, y - 4.0], kind.label())?;
            writeln!(out, "<text x=\"{}\" y=\"{y}\">{}</text>", x + 11.0, kind.label())?;
            x += 185.0;
        }
        writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"8.5\" fill=\"none\" stroke=\"black\" stroke-width=\"1.5\"/><text x=\"{}\" y=\"{y}\">the paper's choices</text>",
            y - 4.0,
            x + 14.0
        )?;
        x += 185.0;
        writeln!(
            out,
            "<path d=\"M{x} {0}h26\" stroke=\"#495057\" stroke-width=\"1.2\" stroke-dasharray=\"5 3\"/><text x=\"{1}\" y=\"{y}\">Pareto front</text>",
            y - 4.0,
            x + 33.0
        )
    }
}
