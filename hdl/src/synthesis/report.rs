//! The figures as Markdown.

use super::measure::Measurement;
use super::table::Published;
use super::timing::PathPlace;
use crate::options::Target;

/// A Markdown table.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heads: Vec<String> = heads.iter().map(|head| head.to_string()).collect();
    let rule = format!("|{}\n", "---|".repeat(heads.len()));
    line(&heads) + &rule + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// A whole number with commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// All that a reader wants of some rows: areas, with what others have published, clocks and longest paths.
pub fn markdown(measured: &[Measurement], published: &[Published]) -> String {
    let mut parts = vec![areas(measured, published)];
    if measured.iter().any(|row| row.placement.is_some()) {
        parts.push(clocks(measured));
    }
    parts.push(tools(measured));
    parts.join("\n")
}

/// The areas, a line for each row.
pub fn areas(measured: &[Measurement], published: &[Published]) -> String {
    let heads = [
        "row",
        "weights",
        "module",
        "target",
        "weights per cycle",
        "LUT",
        "of them memory",
        "FF",
        "carry cells",
        "BRAM",
        "DSP",
        "LUT per weight",
        "verified",
    ];
    let mut rows: Vec<Vec<String>> = measured.iter().map(area_row).collect();
    rows.extend(published.iter().map(|row| {
        vec![
            row.name.clone(),
            String::new(),
            String::new(),
            String::new(),
            row.weights_per_cycle.to_string(),
            grouped(row.luts),
            String::new(),
            row.flip_flops.map(grouped).unwrap_or_default(),
            String::new(),
            row.block_rams.to_string(),
            row.dsps.to_string(),
            format!("{:.1}", row.luts as f64 / row.weights_per_cycle as f64),
            format!("published, at {} MHz", row.clock_mhz),
        ]
    }));
    table(&heads, &rows)
}

fn area_row(row: &Measurement) -> Vec<String> {
    let area = &row.area;
    vec![
        format!("`{}`", row.name),
        format!("`{}`", row.format),
        row.top.name().into(),
        row.target.name().into(),
        row.weights_per_cycle.to_string(),
        grouped(area.luts),
        grouped(area.memory_luts),
        grouped(area.flip_flops),
        grouped(area.carries),
        area.block_rams.to_string(),
        area.dsps.to_string(),
        format!("{:.1}", area.luts as f64 / row.weights_per_cycle as f64),
        row.verified.clone(),
    ]
}

/// The clocks of the rows that were placed, and what decides them.
pub fn clocks(measured: &[Measurement]) -> String {
    let heads = [
        "row",
        "chip",
        "cells, packed",
        "with pins",
        "seeds",
        "worst MHz",
        "median MHz",
        "best MHz",
        "weights/s",
        "longest path of the median seed",
        "logic : routing",
    ];
    let rows: Vec<Vec<String>> = measured.iter().filter_map(clock_row).collect();
    table(&heads, &rows)
}

fn clock_row(row: &Measurement) -> Option<Vec<String>> {
    let placement = row.placement.as_ref()?;
    let (device, path) = (&placement.device, &placement.median_run().path);
    let chip = match device.speed_grade {
        Some(grade) => format!("{}-{grade}", device.name),
        None => device.name.clone(),
    };
    let place = match path.place {
        PathPlace::Design => "",
        PathPlace::Entry => ", from the pins",
        PathPlace::Exit => ", to the pins",
        PathPlace::Harness => ", outside the design",
    };
    let seeds = match placement.runs.len() == placement.seeds as usize {
        true => placement.seeds.to_string(),
        false => format!("{} of {}", placement.runs.len(), placement.seeds),
    };
    let logic = 100.0 * path.logic_share();
    Some(vec![
        format!("`{}`", row.name),
        format!("{} {chip}", row.target),
        row.packed_cells.map(grouped).unwrap_or_default(),
        grouped(placement.cells_with_pins),
        seeds,
        format!("{:.1}", placement.worst_mhz),
        format!("{:.1}", placement.median_mhz),
        format!("{:.1}", placement.best_mhz),
        format!("{:.2} G", placement.weights_per_s / 1e9),
        format!("`{}` to `{}`{place}", path.from, path.to),
        format!("{logic:.0} : {:.0}", 100.0 - logic),
    ])
}

/// The programs that made the figures, and how a look-up table is counted.
pub fn tools(measured: &[Measurement]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in measured.iter().flat_map(|row| row.tools.iter().chain([&row.generator])) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let seconds: f64 = measured.iter().map(|row| row.seconds).sum();
    let units = [
        (
            Target::Xc7,
            "xc7: LUT1 to LUT6, LUT6_2 and INV are one each; of memories RAM32M and RAM64M four, RAM32X1D and RAM64X1D two, \
             SRL16E one.",
        ),
        (
            Target::Ecp5,
            "ecp5: LUT4 one, CCU2C two, TRELLIS_DPR16X4 six; packed cells are TRELLIS_COMB.",
        ),
        (
            Target::Ice40,
            "ice40: SB_LUT4 one; packed cells are ICESTORM_LC, which hold the flip-flops as well.",
        ),
    ];
    let units = units
        .into_iter()
        .filter(|(target, _)| measured.iter().any(|row| row.target == *target));
    let units: Vec<&str> = units.map(|(_, text)| text).collect();
    format!("{}; {seconds:.0} s. LUT: {}\n", names.join(", "), units.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::measure::sample;

    #[test]
    fn every_figure_has_its_place() {
        let published = Published {
            name: "paper".into(),
            weights_per_cycle: 128,
            luts: 67034,
            flip_flops: None,
            block_rams: 144.0,
            dsps: 0,
            clock_mhz: 200.0,
        };
        let text = markdown(&[sample()], &[published]);
        for line in [
            "| `sample` | `chained-4b` | decoder | ecp5 | 16 | 1,000 | 0 | 500 | 100 | 0.5 | 0 | 62.5 | lockstep |",
            "| paper |  |  |  | 128 | 67,034 |  |  |  | 144 | 0 | 523.7 | published, at 200 MHz |",
            "| `sample` | ecp5 85k-6 | 1,200 | 1,500 | 1 | 200.0 | 200.0 | 200.0 | 3.20 G | \
             `lane_0.in_word` to `lane_0.out_mantissas` | 40 : 60 |",
            "Yosys 0.70, seedlm-hdl; 12 s. LUT: ecp5: LUT4 one,",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
