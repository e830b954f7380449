//! Estimates of a shape in several formats, as text, JSON and CSV.

use super::{Check, Estimate, ModelShape};
use crate::energy::Energy;
use crate::energy::no_energy;
use crate::memory_model::MemoryModel;
use crate::table::{align_right, grouped, joules, percent, plain_table, significant};
use crate::written::csv_text;
use crate::written::without_spaces_at_ends;
use comfy_table::Table;
use serde::Serialize;
use std::fmt::Write;

/// Version of the JSON form. It is raised when a field changes its meaning or goes away.
const SCHEMA_VERSION: u32 = 1;

/// A model's shape on a machine, in one or more formats.
#[derive(Clone, Debug, Serialize)]
pub struct ShapeReport {
    /// Version of this form.
    pub schema_version: u32,
    /// Program and version.
    pub tool: String,
    /// The model.
    pub shape: ModelShape,
    /// Clock of machine and memory port, in MHz.
    pub clock_mhz: f64,
    /// The memory.
    pub memory: MemoryModel,
    /// Name of the table of energies.
    pub energy_table: String,
    /// What in `formats` comes from where.
    pub how: How,
    /// One entry per format.
    pub formats: Vec<Estimate>,
    /// For each format the extrapolation of a small model beside its simulation.
    pub checks: Vec<Check>,
}

/// What the figures of an estimate are.
#[derive(Clone, Debug, Serialize)]
pub struct How {
    /// From cycles of products of fewer rows that were simulated; simulated themselves where the format's `origin` says so.
    pub extrapolated: [&'static str; 4],
    /// From the layout of the streams.
    pub exact: [&'static str; 2],
    /// From exact counts of reads and operations, and a table.
    pub from_a_table: [&'static str; 1],
}

const HOW: How = How {
    extrapolated: ["cycles", "seconds_at_clock", "tokens_per_second", "read_gb_per_s"],
    exact: ["read_bytes", "read_bits_per_weight"],
    from_a_table: ["energy"],
};

impl ShapeReport {
    /// Puts a report together.
    pub fn new(
        shape: ModelShape,
        clock_mhz: f64,
        memory: MemoryModel,
        energy_table: String,
        formats: Vec<Estimate>,
        checks: Vec<Check>,
    ) -> Self {
        ShapeReport {
            schema_version: SCHEMA_VERSION,
            tool: format!("seedlm-sim {}", env!("CARGO_PKG_VERSION")),
            shape,
            clock_mhz,
            memory,
            energy_table,
            how: HOW,
            formats,
            checks,
        }
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data") + "\n"
    }

    /// One line per format and shape of matrix.
    ///
    /// # Errors
    /// When a record cannot be written to memory: never, in practice.
    pub fn to_csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "format",
            "matrix",
            "rows",
            "columns",
            "count",
            "weight_beats",
            "activation_beats",
            "extrapolated_cycles",
        ])?;
        for format in &self.formats {
            for matrix in &format.matrices {
                writer.write_record([
                    &format.format,
                    &matrix.shape.name,
                    &matrix.shape.rows.to_string(),
                    &matrix.shape.columns.to_string(),
                    &matrix.shape.count.to_string(),
                    &matrix.weight_beats.to_string(),
                    &matrix.activation_beats.to_string(),
                    &format!("{:.0}", matrix.cycles),
                ])?;
            }
        }
        csv_text(writer)
    }

    /// The report as text of about 100 columns.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut text);
        without_spaces_at_ends(&text)
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let Some(first) = self.formats.first() else {
            return writeln!(out, "Nothing was run.");
        };
        writeln!(
            out,
            "Shape     {}: one token = {} matrices, {} weights; {}",
            self.shape.name,
            grouped(self.shape.matrix_count() as u64),
            grouped(self.shape.weights()),
            self.shape.source
        )?;
        writeln!(
            out,
            "Machine   {}-byte beats at {} MHz, {}-bit activations; memory \"{}\": {}",
            first.machine.beat_bits / 8,
            self.clock_mhz,
            first.machine.activation_bits,
            self.memory.name(),
            self.memory.description()
        )?;
        writeln!(
            out,
            "How       ~ is extrapolated in the rows from products that were simulated cycle by cycle, or simulated as a whole where all cycles were;\n          \
             bytes and bits are exact; energies are exact counts of bits moved and the reference machine's operations, times the table \"{}\"",
            self.energy_table
        )?;
        let first_model = self.checks.first().map_or("", |check| check.model.as_str());
        let is_one_model = self.checks.iter().all(|check| check.model == first_model);
        let checks = self.formats.iter().zip(&self.checks).map(|(format, check)| {
            let of_model = if is_one_model {
                String::new()
            } else {
                format!(" ({})", check.model)
            };
            format!("{} {:+.2} %{of_model}", format.format, 100.0 * check.deviation)
        });
        writeln!(
            out,
            "Check     extrapolation against simulation of all matrices of {}:\n          {}",
            if is_one_model { first_model } else { "a small model" },
            checks.collect::<Vec<_>>().join(", ")
        )?;
        writeln!(out, "\n{}", self.table())?;
        if self.formats.iter().any(|format| format.energy.is_none()) {
            writeln!(out, "\n{}", no_energy(&self.energy_table, self.memory.name()))?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let reference = self.formats.iter().find(|format| format.format == "fp16");
        let mut table = plain_table();
        let names = self.formats.iter().map(|format| format.format.clone());
        table.set_header(std::iter::once(String::new()).chain(names));
        let mut row = |name: &str, value: &dyn Fn(&Estimate) -> String| {
            table.add_row(std::iter::once(name.to_string()).chain(self.formats.iter().map(value)));
        };
        row("~ tokens per second (matrices only)", &|f| {
            significant(f.tokens_per_second)
        });
        row("~ speed-up over fp16", &|f| {
            reference.map_or("-".into(), |fp16| {
                format!("{:.2} x", fp16.seconds_at_clock / f.seconds_at_clock)
            })
        });
        row("~ cycles per token", &|f| grouped(f.cycles));
        row("  of these simulated", &|f| grouped(f.simulated_cycles));
        row("bytes read per token", &|f| grouped(f.read_bytes));
        row("bits read per weight", &|f| format!("{:.3}", f.read_bits_per_weight));
        row("~ bandwidth, GB/s", &|f| {
            format!("{:.2} of {:.2}", f.read_gb_per_s, f.refresh_limited_gb_per_s)
        });
        row("~ bandwidth, % of refresh-limited", &|f| {
            percent(f.read_gb_per_s / f.refresh_limited_gb_per_s)
        });
        let known = |f: &Estimate, part: fn(&Energy) -> String| f.energy.as_ref().map_or("-".into(), part);
        row("energy per token", &|f| known(f, |energy| joules(energy.total_j)));
        row("  DRAM", &|f| known(f, |energy| joules(energy.dram_j)));
        row("  buffers", &|f| known(f, |energy| joules(energy.sram_j)));
        row("  decoding", &|f| known(f, |energy| joules(energy.decode_j)));
        row("  MACs", &|f| known(f, |energy| joules(energy.mac_j)));
        row("multipliers (MACs)", &|f| f.multipliers.to_string());
        align_right(&mut table);
        table
    }
}
