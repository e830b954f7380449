//! The report of a run: one structure, written as text, JSON, CSV and SVG.

mod comma_separated;
mod picture;
mod speculation;
mod spoken;
mod text;

pub use speculation::{ProjectedSpeedUp, SpeculationReport};
pub use spoken::{SpokenFormat, SpokenReport};

use crate::dram::CommandCounts;
use crate::energy::{Energy, EnergyTable, Traffic, operation_counts};
use crate::memory_model::MemoryModel;
use crate::workload::PassMeaning;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::{DatapathConfig, TileOrder};
use serde::Serialize;

/// Version of the JSON form. It is raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// A run of one workload in one or more formats.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Program and version.
    pub tool: String,
    /// What was run.
    pub workload: String,
    /// What one pass over the matrices is.
    pub pass: PassMeaning,
    /// Clock of machine and memory port, in MHz; a DRAM has its own beside it.
    pub clock_mhz: f64,
    /// What stood in the accelerator's place.
    #[serde(flatten)]
    pub accelerator: Accelerator,
    /// The memory.
    pub memory: MemoryModel,
    /// Name of the table of energies, where energies have been worked out.
    pub energy_table: Option<String>,
    /// One entry per format, in the order of the run.
    pub formats: Vec<FormatReport>,
}

/// What stood in the accelerator's place. Both give the same cycles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "accelerator", rename_all = "snake_case")]
pub enum Accelerator {
    /// The model.
    Model,
    /// The Verilog.
    Verilog {
        /// Name and version of the tool that has built it.
        verilator: String,
    },
}

/// A pass in one format.
#[derive(Clone, Debug, Serialize)]
pub struct FormatReport {
    /// Name of the format.
    pub format: String,
    /// Layers of the matrices that were run, where they were asked for: the codes of all of them are the format's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<usize>,
    /// ||W - W'|| / ||W|| over all matrices, where the original weights are known.
    pub relative_error: Option<f64>,
    /// Matrices whose rows are rotated; the host rotates their activations, which takes no cycles here.
    pub rotated_matrices: usize,
    /// The machine.
    pub machine: DatapathConfig,
    /// Multipliers of the machine.
    pub multipliers: usize,
    /// Weights of all matrices.
    pub weights: u64,
    /// Passes over all matrices that were run: of a generated text one per token that was read, and where it was written
    /// speculatively, one per token that had to be. Cycles, bytes, commands and
    /// results are those of all passes together.
    pub passes: u64,
    /// Bits read per weight, padding of tiles and beats included, activations not.
    pub read_bits_per_weight: f64,
    /// Cycles from the first read to the last result, over all matrices.
    pub cycles: u64,
    /// The same in seconds, at the clock.
    pub seconds_at_clock: f64,
    /// Passes per second at the clock: tokens or products.
    pub passes_per_second: f64,
    /// Cycles of the fp16 reference over these cycles, in each of a pass, where it was run.
    pub speedup_over_fp16: Option<f64>,
    /// Bytes read from memory: weights and activations, whole beats.
    pub read_bytes: u64,
    /// Bytes read over time, in 1e9 bytes per second.
    pub read_gb_per_s: f64,
    /// A beat in every cycle, or what the memory's data pins carry if that is less, in 1e9 bytes per second.
    pub peak_gb_per_s: f64,
    /// The one over the other.
    pub bandwidth_share_of_peak: f64,
    /// The peak less the time in which refresh lets nothing be read, in 1e9 bytes per second.
    pub refresh_limited_gb_per_s: f64,
    /// Bytes read over time, over that.
    pub bandwidth_share_of_refresh_limited: f64,
    /// Commands given to the DRAM, over all matrices; nothing for a memory without banks.
    pub dram_commands: Option<CommandCounts>,
    /// Weights used per cycle.
    pub weights_per_cycle: f64,
    /// Energy of a pass, by where it goes; none where the table does not know the memory, or no netlist of the code has been counted.
    pub energy: Option<Energy>,
    /// Useful multiplications over multipliers times cycles.
    pub mac_utilisation: f64,
    /// Share of cycles in which the decode lanes pass on a group.
    pub decoder_utilisation: f64,
    /// Results held against the golden product; all were equal, or there would be no report.
    pub results_checked: u64,
    /// What each unit did, summed over all matrices: for each unit the cycles add up to `cycles`.
    pub units: Vec<UnitReport>,
    /// Seconds that the cycles took to simulate; laying out, the golden product and reports are not counted.
    pub host_seconds: f64,
    /// Speed of the simulator itself.
    pub simulated_cycles_per_second: f64,
    /// The text that was generated, where one was.
    pub generated: Option<GeneratedText>,
    /// What speculative decoding has brought, where the text was written so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speculation: Option<SpeculationReport>,
    /// Each matrix.
    pub matrices: Vec<MatrixReport>,
}

impl FormatReport {
    /// What tables call it.
    pub fn label(&self) -> String {
        match self.layers {
            None => self.format.clone(),
            Some(1) => format!("{}, 1 layer", self.format),
            Some(layers) => format!("{}, {layers} layers", self.format),
        }
    }

    /// What is nearest to the most it can do: the name of the unit, and its share of that.
    pub fn roof(&self) -> (&'static str, f64) {
        let units = [
            ("memory", self.bandwidth_share_of_refresh_limited),
            ("decode lanes", self.decoder_utilisation),
            ("MACs", self.mac_utilisation),
        ];
        units
            .into_iter()
            .fold(units[0], |most, unit| if unit.1 > most.1 { unit } else { most })
    }

    /// Cycles of one pass: formats that have written texts of different lengths are compared by it.
    pub fn cycles_per_pass(&self) -> f64 {
        self.cycles as f64 / self.passes.max(1) as f64
    }
}

/// A text that came out of the machine, or of its arithmetic without a machine.
#[derive(Clone, Debug, Serialize)]
pub struct GeneratedText {
    /// What it continues.
    pub prompt: String,
    /// The text, without the prompt.
    pub text: String,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the text.
    pub tokens: Vec<u32>,
    /// Weights of the matrices that the host works out itself, as the head.
    pub host_weights: u64,
    /// Tokens read per second of wall time, the host's work included.
    pub wall_tokens_per_s: f64,
}

/// One matrix of a pass.
#[derive(Clone, Debug, Serialize)]
pub struct MatrixReport {
    /// Name of the tensor.
    pub name: String,
    /// Rows: results.
    pub rows: usize,
    /// Columns: activations.
    pub columns: usize,
    /// Whether its rows are rotated, and its activations were.
    pub rotated: bool,
    /// Cycles to its last result: from the first read, or from the one behind the last result of the matrix before.
    pub cycles: u64,
    /// Beats of activations read.
    pub activation_beats: usize,
    /// Beats of weights read.
    pub weight_beats: usize,
    /// What each unit did in these cycles, perhaps for the next matrix already.
    pub units: Vec<UnitReport>,
}

/// One unit's cycles.
#[derive(Clone, Debug, Serialize)]
pub struct UnitReport {
    /// Name of the unit.
    pub unit: &'static str,
    /// A shorter name, for narrow tables.
    #[serde(skip)]
    pub short_name: &'static str,
    /// Its states that occurred.
    pub states: Vec<StateReport>,
}

/// Cycles of one state of one unit.
#[derive(Clone, Debug, Serialize)]
pub struct StateReport {
    /// `busy`, or what the unit waited for.
    pub state: &'static str,
    /// Number of cycles.
    pub cycles: u64,
}

impl UnitReport {
    /// Cycles in a state of that name.
    pub fn cycles_in(&self, state: &str) -> u64 {
        self.states
            .iter()
            .filter(|entry| entry.state == state)
            .map(|entry| entry.cycles)
            .sum()
    }
}

impl Report {
    /// Puts a report together and fills in the speed-ups.
    pub fn new(
        workload: String,
        pass: PassMeaning,
        clock_mhz: f64,
        accelerator: Accelerator,
        memory: MemoryModel,
        mut formats: Vec<FormatReport>,
    ) -> Self {
        let reference = formats.iter().find(|format| format.format == "fp16");
        if let Some(reference) = reference.map(FormatReport::cycles_per_pass) {
            for format in formats.iter_mut().filter(|format| format.cycles > 0) {
                format.speedup_over_fp16 = Some(reference / format.cycles_per_pass());
            }
        }
        Report {
            schema_version: SCHEMA_VERSION,
            tool: format!("seedlm-sim {}", env!("CARGO_PKG_VERSION")),
            workload,
            pass,
            clock_mhz,
            accelerator,
            memory,
            energy_table: None,
            formats,
        }
    }

    /// Fills in the energies; `formats` are those of the run, in its order.
    pub fn account(&mut self, table: &EnergyTable, formats: &[WeightFormat]) {
        self.energy_table = Some(table.name.clone());
        for (report, format) in self.formats.iter_mut().zip(formats) {
            // Matrices and results are counted over all passes, which are alike; the energy is that of one.
            let passes = report.passes.max(1);
            let groups = report
                .matrices
                .iter()
                .map(|matrix| TileOrder::new(&report.machine, format, matrix.rows, matrix.columns).groups() as u64);
            let weight_beats: u64 = report.matrices.iter().map(|matrix| matrix.weight_beats as u64).sum();
            let activation_beats: u64 = report
                .matrices
                .iter()
                .map(|matrix| matrix.activation_beats as u64)
                .sum();
            let traffic = Traffic {
                weight_beats: weight_beats / passes,
                activation_beats: activation_beats / passes,
                groups: groups.sum(),
                results: report.results_checked / passes,
            };
            if report.speculation.is_some() {
                // Its passes are of two kinds, and the table knows of one.
                continue;
            }
            report.energy = operation_counts(&report.format).and_then(|counts| {
                Energy::of(&traffic, (&report.machine, format), counts, (table, self.memory.name()))
            });
        }
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data") + "\n"
    }
}
