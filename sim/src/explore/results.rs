//! What is found out about a code.

use seedlm_codec::Code;
use serde::{Deserialize, Serialize};

/// Everything about one code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeResult {
    /// The preset's name, or the parameters in a short form.
    pub label: String,
    /// The code.
    pub code: Code,
    /// Stored bits per weight, scales not counted.
    pub stored_bits: f64,
    /// On normally distributed weights, with the best word of all.
    pub gaussian: ErrorFigures,
    /// The same with the rule that the paper prints (block codes only), on the first of the same weights.
    pub printed_rule: Option<ErrorFigures>,
    /// The same with rounded least squares at the best exponent.
    pub rounded_rule: Option<ErrorFigures>,
    /// On a model.
    pub model: Option<ModelFigures>,
    /// What encoding takes.
    pub encode: EncodeCost,
    /// What a decoder takes.
    pub area: AreaFigures,
    /// What comes of it on each machine of the grid, in the grid's order.
    pub machines: Vec<MachineResult>,
}

impl CodeResult {
    /// Whether this is one of the paper's codes, not a chained one.
    pub fn is_block(&self) -> bool {
        matches!(self.code, Code::Block(_))
    }
}

/// A relative error with what it was measured on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorFigures {
    /// `||W - W'|| / ||W||`.
    pub relative_error: f64,
    /// Standard error of that figure, by the scatter of parts of the weights.
    pub standard_error: f64,
    /// Weights.
    pub weights: usize,
}

/// Error and size on a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelFigures {
    /// `||W - W'|| / ||W||` over the rows that were taken, rotated where that pays.
    pub relative_error: f64,
    /// Weights that were encoded.
    pub weights: usize,
    /// Matrices of which rows were encoded.
    pub matrices: usize,
    /// Those that were rotated.
    pub rotated_matrices: usize,
    /// Bits per weight of all matrices, scales and partial words included: counted, not measured.
    pub stored_bits: f64,
}

/// What encoding takes, measured on the normally distributed weights while other threads did the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncodeCost {
    /// Weights per second on one thread.
    pub weights_per_s_and_core: f64,
    /// Seconds for 1e9 weights on one thread.
    pub seconds_per_billion_weights: f64,
    /// Seconds for the encoder's tables, once for a code.
    pub prepare_seconds: f64,
}

/// What the decode lanes take for each weight of a cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaFigures {
    /// Family of FPGAs.
    pub family: String,
    /// Look-up tables.
    pub luts_per_weight: f64,
    /// Flip-flops.
    pub flip_flops_per_weight: f64,
    /// Where the figures are from.
    pub origin: AreaOrigin,
}

/// Where an area is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AreaOrigin {
    /// Counted by yosys, now or before, in the Verilog that `hdl` writes now.
    Measured,
    /// Counted by yosys when the table in this program was made.
    Table,
    /// From a formula fitted to the table.
    Fitted,
}

impl AreaOrigin {
    /// A mark behind a figure, explained below the tables.
    pub fn mark(self) -> &'static str {
        match self {
            AreaOrigin::Measured => "",
            AreaOrigin::Table => "t",
            AreaOrigin::Fitted => "f",
        }
    }
}

/// A code on a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineResult {
    /// Name of the machine point.
    pub machine: String,
    /// What is known of it, or why the machine cannot be built for the code.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Whether there is such a machine for a code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There is.
    Estimate(TokenEstimate),
    /// There is not, for this reason.
    LeftOut(String),
}

/// A token on a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenEstimate {
    /// Width of the memory's port in bytes.
    pub beat_bytes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Multipliers: weights that are decoded and multiplied in a cycle.
    pub multipliers: usize,
    /// Look-up tables of all lanes: those for a weight times the multipliers.
    pub decoder_luts: f64,
    /// Flip-flops of all lanes.
    pub decoder_flip_flops: f64,
    /// DSP blocks by a model: for each multiplier as many 25 x 18 multipliers as its factors need.
    pub dsps: u64,
    /// Tokens per second of the matrices alone.
    pub tokens_per_second: f64,
    /// How that is known: `bound` is what memory and lanes allow, `simulated` is extrapolated from simulated products.
    pub method: String,
    /// What limits it, where it is a bound: `memory` or `lanes`.
    pub limited_by: Option<String>,
    /// Energy of a token in J; none where memory or code is in no table.
    pub energy_j: Option<f64>,
}

impl CodeResult {
    /// The token on the machine with that number in the grid.
    pub fn token(&self, machine: usize) -> Option<&TokenEstimate> {
        match &self.machines.get(machine)?.outcome {
            Outcome::Estimate(token) => Some(token),
            Outcome::LeftOut(_) => None,
        }
    }
}
