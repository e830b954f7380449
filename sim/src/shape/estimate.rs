//! Cycles, bytes and energy of a token, extrapolated from products that are simulated.
//!
//! How long a product takes depends on its shape alone, and linearly on its rows: every tile of rows reads the same number of beats and
//! waits for the same refreshes, on average. So for each number of columns three runs are simulated (a few tiles, many tiles, and several
//! matrices one behind the other), which give the cycles per tile, per matrix and before the first; the rest is addition.

use super::{Layout, ModelShape, ShapeMatrix};
use crate::energy::{Energy, EnergyTable, OperationsPerGroup};
use crate::machine::{Machine, MachineError, SystemConfig};
use crate::measure::measure;
use crate::report::FormatReport;
use crate::workload::{NamedMatrix, Pass, random_matrix};
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{CodecError, ColumnGroup, WeightFormat};
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use thiserror::Error;

/// Where a number of cycles comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CyclesOrigin {
    /// Every cycle was simulated.
    Simulated,
    /// From some rows of each number of columns.
    Extrapolated,
}

/// A token of a model in one format.
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    /// Name of the format.
    pub format: String,
    /// The machine.
    pub machine: DatapathConfig,
    /// Its multipliers.
    pub multipliers: usize,
    /// Weights of a token.
    pub weights: u64,
    /// Whether cycles, seconds and what follows from them are simulated or extrapolated.
    pub origin: CyclesOrigin,
    /// Cycles from the first read to the last result.
    pub cycles: u64,
    /// The same in seconds, at the clock.
    pub seconds_at_clock: f64,
    /// Tokens per second at the clock.
    pub tokens_per_second: f64,
    /// Exact: bytes read, weights and activations, whole beats.
    pub read_bytes: u64,
    /// Exact: bits read per weight, padding of tiles and beats included, activations not.
    pub read_bits_per_weight: f64,
    /// Bytes read over time, in 1e9 bytes per second.
    pub read_gb_per_s: f64,
    /// What refresh leaves of the memory's peak, in 1e9 bytes per second.
    pub refresh_limited_gb_per_s: f64,
    /// From exact counts and a table of energies; none where the memory or the code is in no table.
    pub energy: Option<Energy>,
    /// Cycles that were simulated for this.
    pub simulated_cycles: u64,
    /// Each shape.
    pub matrices: Vec<MatrixEstimate>,
}

/// Matrices of one shape in a token.
#[derive(Clone, Debug, Serialize)]
pub struct MatrixEstimate {
    /// The shape.
    #[serde(flatten)]
    pub shape: ShapeMatrix,
    /// Cycles of all of them.
    pub cycles: f64,
    /// Beats of weights of all of them.
    pub weight_beats: u64,
    /// Beats of activations of all of them.
    pub activation_beats: u64,
}

/// The extrapolation held against a simulation of everything, on a model that is small enough.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Name of the small model.
    pub model: String,
    /// Cycles of a token, every one of them simulated.
    pub simulated_cycles: u64,
    /// The same, extrapolated.
    pub extrapolated_cycles: u64,
    /// (extrapolated - simulated) / simulated.
    pub deviation: f64,
}

/// Why a shape cannot be estimated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EstimateError {
    /// The machine cannot be built or has gone wrong.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A matrix does not fit the machine.
    #[error("{model}: a matrix of {columns} columns: {source}")]
    Columns {
        /// Name of the model.
        model: String,
        /// Columns of the matrix.
        columns: usize,
        /// What is wrong.
        source: CodecError,
    },
}

/// Beats of the long run; refreshes that begin or end it one cycle earlier or later then change less than a thousandth.
const LONG_RUN_BEATS: usize = 1 << 17;
/// Beats of each matrix of the other runs, at least.
const SHORT_RUN_BEATS: usize = 1 << 11;
/// Matrices that run one behind the other.
const MATRICES_IN_A_ROW: usize = 9;
/// A token of no more beats is simulated as a whole.
const WHOLE_BEATS: u64 = 1 << 16;

/// Estimates a token of `shape` in a format; small ones are simulated as a whole.
///
/// # Errors
/// When the machine cannot be built for the format and the shape.
pub fn estimate(
    shape: &ModelShape,
    format: &WeightFormat,
    system: &SystemConfig,
    accounts: (&EnergyTable, Option<&OperationsPerGroup>),
) -> Result<Estimate, EstimateError> {
    let system = with_room_for(shape, format, system)?;
    let cycles = if beats(shape, format, &system) <= WHOLE_BEATS {
        simulated_cycles(shape, format, &system)?
    } else {
        extrapolated_cycles(shape, format, &system)?
    };
    Ok(put_together(shape, format, system, cycles, accounts))
}

/// Simulates every matrix of a small model and extrapolates it too.
///
/// # Errors
/// As [`estimate`].
pub fn check(shape: &ModelShape, format: &WeightFormat, system: &SystemConfig) -> Result<Check, EstimateError> {
    let system = with_room_for(shape, format, system)?;
    let extrapolated = extrapolated_cycles(shape, format, &system)?;
    let simulated = simulated_cycles(shape, format, &system)?;
    let whole = |cycles: &TokenCycles| cycles.total.round() as u64;
    Ok(Check {
        model: shape.name.clone(),
        simulated_cycles: whole(&simulated),
        extrapolated_cycles: whole(&extrapolated),
        deviation: extrapolated.total / simulated.total - 1.0,
    })
}

/// Cycles of a token.
struct TokenCycles {
    /// Of each entry of the shape, all its matrices together.
    matrices: Vec<f64>,
    /// Of all, with what comes before the first.
    total: f64,
    /// How many cycles were simulated.
    simulated: u64,
    origin: CyclesOrigin,
}

/// Simulates every matrix.
fn simulated_cycles(
    shape: &ModelShape,
    format: &WeightFormat,
    system: &SystemConfig,
) -> Result<TokenCycles, EstimateError> {
    let all = shape
        .matrices
        .iter()
        .flat_map(|matrix| std::iter::repeat_n((matrix.rows, matrix.columns), matrix.count));
    let report = simulate(format, system, all)?;
    let mut each = report.matrices.iter().map(|matrix| matrix.cycles as f64);
    let matrices = shape
        .matrices
        .iter()
        .map(|matrix| each.by_ref().take(matrix.count).sum());
    Ok(TokenCycles {
        matrices: matrices.collect(),
        total: report.cycles as f64,
        simulated: report.cycles,
        origin: CyclesOrigin::Simulated,
    })
}

/// Simulates some rows of each number of columns and adds up.
fn extrapolated_cycles(
    shape: &ModelShape,
    format: &WeightFormat,
    system: &SystemConfig,
) -> Result<TokenCycles, EstimateError> {
    let mut lines: BTreeMap<usize, Line> = BTreeMap::new();
    let mut simulated = 0;
    for matrix in &shape.matrices {
        if let Entry::Vacant(vacant) = lines.entry(matrix.columns) {
            let (line, cycles) = line(format, system, matrix.columns)?;
            vacant.insert(line);
            simulated += cycles;
        }
    }
    let layout = Layout::new(&system.datapath, format);
    let beat_bytes = f64::from(system.datapath.beat_bits) / 8.0;
    let least_cycles_per_beat = beat_bytes / (system.refresh_limited_gb_per_s() * 1e9) * system.clock_mhz * 1e6;
    let matrices: Vec<f64> = shape
        .matrices
        .iter()
        .map(|matrix| {
            let cycles = lines[&matrix.columns].matrix(layout.tiles(matrix.rows));
            // Short matrices, whose start the runs do not show, are not read faster than the memory is.
            let beats = layout.beats(matrix.rows, matrix.columns);
            matrix.count as f64 * cycles.max(beats as f64 * least_cycles_per_beat)
        })
        .collect();
    let first = shape
        .matrices
        .first()
        .map_or(0.0, |matrix| lines[&matrix.columns].before);
    Ok(TokenCycles {
        total: first.max(0.0) + matrices.iter().sum::<f64>(),
        matrices,
        simulated,
        origin: CyclesOrigin::Extrapolated,
    })
}

/// Beats of a token.
fn beats(shape: &ModelShape, format: &WeightFormat, system: &SystemConfig) -> u64 {
    let traffic = Layout::new(&system.datapath, format).traffic(shape);
    traffic.weight_beats + traffic.activation_beats
}

/// Counts what is read and done, and puts the estimate together.
fn put_together(
    shape: &ModelShape,
    format: &WeightFormat,
    system: SystemConfig,
    token: TokenCycles,
    (table, operations): (&EnergyTable, Option<&OperationsPerGroup>),
) -> Estimate {
    let datapath = &system.datapath;
    let layout = Layout::new(datapath, format);
    let traffic = layout.traffic(shape);
    let matrices: Vec<MatrixEstimate> = shape
        .matrices
        .iter()
        .zip(&token.matrices)
        .map(|(matrix, &cycles)| {
            let count = matrix.count as u64;
            MatrixEstimate {
                cycles,
                weight_beats: count * layout.weight_beats(matrix.rows, matrix.columns),
                activation_beats: count * layout.activation_beats(matrix.columns),
                shape: matrix.clone(),
            }
        })
        .collect();
    let beat_bytes = u64::from(datapath.beat_bits) / 8;
    let cycles = token.total.round().max(1.0);
    let seconds = cycles / (system.clock_mhz * 1e6);
    let read_bytes = (traffic.weight_beats + traffic.activation_beats) * beat_bytes;
    Estimate {
        format: format.label(),
        multipliers: datapath.multipliers(format),
        weights: shape.weights(),
        origin: token.origin,
        cycles: cycles as u64,
        seconds_at_clock: seconds,
        tokens_per_second: 1.0 / seconds,
        read_bytes,
        read_bits_per_weight: (traffic.weight_beats * beat_bytes * 8) as f64 / shape.weights() as f64,
        read_gb_per_s: read_bytes as f64 / seconds / 1e9,
        refresh_limited_gb_per_s: system.refresh_limited_gb_per_s(),
        energy: operations
            .and_then(|operations| Energy::of(&traffic, (datapath, format), operations, (table, system.memory.name()))),
        simulated_cycles: token.simulated,
        matrices,
        machine: system.datapath,
    }
}

/// The cycles of products with one number of columns.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Before the first matrix.
    before: f64,
    /// For each matrix.
    per_matrix: f64,
    /// For each tile of rows.
    per_tile: f64,
}

impl Line {
    /// Cycles of one matrix among others.
    fn matrix(&self, tiles: u64) -> f64 {
        self.per_matrix + tiles as f64 * self.per_tile
    }
}

/// Simulates what gives the line, and says how many cycles that were.
fn line(format: &WeightFormat, system: &SystemConfig, columns: usize) -> Result<(Line, u64), EstimateError> {
    let layout = Layout::new(&system.datapath, format);
    let tile_rows = system.datapath.tile_rows as usize;
    let tile_beats = layout.weight_beats(tile_rows, columns).max(1) as usize;
    let short = SHORT_RUN_BEATS.div_ceil(tile_beats);
    let long = short + LONG_RUN_BEATS.div_ceil(tile_beats);
    let run = |tiles: usize, count: usize| -> Result<f64, EstimateError> {
        let shapes = std::iter::repeat_n((tiles * tile_rows, columns), count);
        Ok(simulate(format, system, shapes)?.cycles as f64)
    };
    let (one, large, many) = (run(short, 1)?, run(long, 1)?, run(short, MATRICES_IN_A_ROW)?);
    let per_tile = (large - one) / (long - short) as f64;
    let another = (many - one) / (MATRICES_IN_A_ROW - 1) as f64;
    let line = Line {
        before: one - another,
        per_matrix: another - short as f64 * per_tile,
        per_tile,
    };
    Ok((line, (one + large + many) as u64))
}

/// Runs matrices of random words, one behind the other. All results are held against the golden product.
fn simulate(
    format: &WeightFormat,
    system: &SystemConfig,
    shapes: impl Iterator<Item = (usize, usize)>,
) -> Result<FormatReport, EstimateError> {
    let matrices = shapes.enumerate().map(|(index, (rows, columns))| {
        Ok(NamedMatrix {
            name: format!("{rows} x {columns}, number {index}"),
            layer: 1,
            group: ColumnGroup::default(),
            matrix: random_matrix(format, rows, columns, index as u64)?,
            rotation: None,
            in_image: None,
        })
    });
    let pass = Pass {
        format: format.clone(),
        layers: None,
        matrices: matrices
            .collect::<Result<_, CodecError>>()
            .map_err(MachineError::from)?,
        relative_error: None,
    };
    let mut machine = Machine::new(format, system)?;
    Ok(measure(&pass, system, &mut machine, None, &mut |_| ())?)
}

/// The machine with an activation buffer that is large enough.
fn with_room_for(
    shape: &ModelShape,
    format: &WeightFormat,
    system: &SystemConfig,
) -> Result<SystemConfig, EstimateError> {
    let mut system = system.clone();
    let columns = shape.largest_columns();
    if columns > system.datapath.largest_columns as usize {
        // Shapes have at most 2^20 columns.
        system.datapath.largest_columns = columns.next_power_of_two() as u32;
    }
    system.datapath.check(format).map_err(|source| EstimateError::Columns {
        model: shape.name.clone(),
        columns,
        source,
    })?;
    Ok(system)
}
