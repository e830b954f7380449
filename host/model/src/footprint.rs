//! What a compression holds in memory, estimated from above before it begins.
//!
//! | what | how much |
//! |---|---|
//! | the program itself, pieces that are read and written, what the allocator keeps | [`PROGRAM_BYTES`] |
//! | the encoder's tables | some hundred bytes per seed, or 4 per window |
//! | the encoder's buffers, per thread | the chained code: back-pointers of up to 256 MiB, less for short windows and rows |
//! | the matrix in work | 4 bytes per weight, what the encoder notes of each block or weight, and its words |
//! | the trial of a rotation | copies of some rows, where one is made |
//! | the trials of scales, in layers | what is left of the matrix, and two layers as the best trial, another one and both together have them |
//! | the matrix before it | its words, until they are on the disk |
//! | the matrix after it | like the matrix in work, if there is room to read ahead |

use crate::encode::TRIAL_ROWS;
use crate::encoding::{Encoding, stored_bytes};
use crate::error::ModelError;
use crate::plan::{Plan, PlannedMatrix};
use crate::rotate::Rotate;
use crate::scale_trials::has_trials;
use crate::source::Source;
use seedlm_codec::{BlockCode, ChainedCode, Code};
use std::collections::HashSet;

/// What does not depend on the model: measured, some 30 MiB, and room for what the allocator does not give back.
const PROGRAM_BYTES: u64 = 64 << 20;
/// Besides the encoder's own: stack, and pieces of a matrix that are rotated or measured.
const THREAD_BYTES: u64 = 2 << 20;
/// Bytes of a weight in work.
const WEIGHT_BYTES: u64 = 4;
/// The block encoder's tables, per seed: factors, margins and thresholds of the scan, triangles of the second sieve; with the most
/// coefficients some 370 bytes, and the sequences that they are made from.
const SEED_BYTES: u64 = 512;
/// What the block encoder notes of a block: its number, word and errors, 48 bytes, in the threads' lists, which may be half empty,
/// and in one list of all while those are joined. What comes before (norms, 16 bytes) and after (without numbers, in the matrix's
/// order, 32 bytes beside the list) is less.
const BLOCK_BYTES: u64 = 3 * 48;
/// Blocks of at most so many weights are searched in the order of their directions...
const LONGEST_SORTED_BLOCK: usize = 8;
/// ... where a matrix has at least so many of them.
const FEWEST_SORTED_BLOCKS: u64 = 1 << 16;
/// What is noted of a block for that as long as the lists are filled: its direction with its number and key, and its share of a
/// leaf's ball (48 bytes for 16 blocks or more), which is sorted too.
const SORTED_BLOCK_BYTES: u64 = 40 + 8;
/// What the chained encoder notes of a row: its number, errors and where its symbols are, 48 bytes, in the list of its job and in
/// one of all rows, which may be half empty; and again its number, its scale, sums, and what the allocator adds to its symbols.
const ROW_BYTES: u64 = 3 * 48 + 64;
/// Most bytes for back-pointers in one thread of the chained encoder.
const MOST_BACK_BYTES: u64 = 256 << 20;
/// Lanes, bytes of a lane and weights with back-pointers of the chained encoder's searches.
const SEARCHES: [(u64, u64, u64); 2] = [(32, 2, 1024), (16, 4, 4096)];
/// Weights of a job of the chained encoder, where rows are short.
const WEIGHTS_PER_JOB: u64 = 1 << 18;
/// Bytes of a weight of such a job: target, symbol, state and symbol of the trace.
const JOB_WEIGHT_BYTES: u64 = 10;
/// Bytes of a weight in the trial of a rotation: the copy, and the symbols of both ways.
const TRIAL_WEIGHT_BYTES: u64 = 4 + 1 + 1;
/// Bytes of a row in the trials of scales: two errors, whether one is less, where the row is taken from, and scales in binary32 twice
/// for each of three pairs of layers.
const TRIAL_ROW_BYTES: u64 = 2 * 8 + 1 + 16 + 3 * 2 * 4;
/// Bytes of a weight, per thread, where the error of a rotated row is measured: the row as it was, and as it is decoded.
const MEASURED_WEIGHT_BYTES: u64 = 8;

/// What a compression holds in memory, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// What is there all the time.
    shared: u64,
    /// Of each matrix in the plan's order: what is held while it is encoded, its words included.
    working: Vec<u64>,
    /// Of the matrix with the most words: what is held while they are written.
    writing: u64,
}

impl Footprint {
    /// Estimates the memory for a plan, with the threads of the current rayon pool.
    pub fn new(plan: &Plan) -> Self {
        let threads = rayon::current_num_threads() as u64;
        let columns = plan.compressed.iter().map(|matrix| matrix.shape[1] as u64);
        let most_columns = columns.max().unwrap_or(0);
        let codes: HashSet<&Code> = plan.encodings.iter().flat_map(Encoding::layers).collect();
        let (mut tables, mut per_thread) = (0, 0);
        for code in codes {
            let (of_code, of_thread) = match code {
                Code::Block(code) => block_shared(code),
                Code::Chained(code) => chained_shared(code, most_columns),
            };
            tables += of_code;
            // One code at a time is at work.
            per_thread = of_thread.max(per_thread);
        }
        let measured = match plan.encodings.iter().any(is_measured) {
            true => MEASURED_WEIGHT_BYTES * most_columns,
            false => 0,
        };
        Footprint {
            shared: PROGRAM_BYTES + tables + threads * (THREAD_BYTES + per_thread + measured),
            working: plan.compressed.iter().map(working).collect(),
            writing: plan
                .compressed
                .iter()
                .map(|matrix| matrix.output_bytes)
                .max()
                .unwrap_or(0),
        }
    }

    /// What is there all the time, in bytes.
    pub(crate) fn shared(&self) -> u64 {
        self.shared
    }

    /// What a matrix takes while it is encoded, in bytes.
    pub(crate) fn working(&self, number: usize) -> u64 {
        self.working[number]
    }

    /// The least memory that the compression can be done in, in bytes.
    pub fn least_bytes(&self) -> u64 {
        self.shared + self.working.iter().max().unwrap_or(&0)
    }

    /// The most that the compression takes where memory is not limited, in bytes: one matrix is written, one encoded and one
    /// read, whichever they are.
    pub fn most_bytes(&self) -> u64 {
        let mut working = self.working.clone();
        working.sort_unstable();
        let ahead: u64 = working.iter().rev().take(2).sum();
        self.shared + ahead + if working.len() > 2 { self.writing } else { 0 }
    }

    /// Checks that the compression can be done in that much memory.
    ///
    /// # Errors
    /// [`ModelError::Memory`] names the matrix that needs most, and how much would do.
    pub fn check(&self, source: &Source, plan: &Plan, allowed_bytes: Option<u64>) -> Result<(), ModelError> {
        let largest = plan
            .compressed
            .iter()
            .zip(&self.working)
            .max_by_key(|(_, bytes)| **bytes);
        match (allowed_bytes, largest) {
            (Some(allowed_bytes), Some((matrix, _))) if allowed_bytes < self.least_bytes() => Err(ModelError::Memory {
                path: source.file_path(matrix.info.file).to_path_buf(),
                tensor: matrix.name.clone(),
                needed_bytes: self.least_bytes(),
                allowed_bytes,
            }),
            _ => Ok(()),
        }
    }
}

/// What a matrix takes while it is encoded.
fn working(matrix: &PlannedMatrix) -> u64 {
    let [rows, columns] = matrix.coded_shape.map(|size| size as u64);
    let trial_rows = matrix.shape[0].min(TRIAL_ROWS) as u64;
    let row_columns = matrix.shape[1] as u64;
    let noted = matrix
        .encoding
        .layers()
        .iter()
        .enumerate()
        .map(|(number, code)| match code {
            Code::Block(code) => {
                let blocks = rows * columns.div_ceil(code.block_size() as u64);
                let is_sorted = code.block_size() <= LONGEST_SORTED_BLOCK && blocks >= FEWEST_SORTED_BLOCKS;
                blocks * (BLOCK_BYTES + if is_sorted { SORTED_BLOCK_BYTES } else { 0 })
            }
            Code::Chained(_) => {
                let trial = match matrix.encoding.rotate() {
                    Rotate::Auto if number == 0 => TRIAL_WEIGHT_BYTES * trial_rows * row_columns,
                    Rotate::Auto | Rotate::Always | Rotate::Never => 0,
                };
                // A symbol for each weight.
                rows * (columns + ROW_BYTES) + trial
            }
        });
    // One layer after the other.
    WEIGHT_BYTES * rows * columns + noted.max().unwrap_or(0) + matrix.output_bytes + trials(matrix)
}

/// What the trials of scales take besides.
fn trials(matrix: &PlannedMatrix) -> u64 {
    let [rows, columns] = matrix.shape;
    let layers = matrix.encoding.layers();
    let has_trials = |&number: &usize| has_trials(&matrix.encoding, columns, number);
    let pairs = (0..layers.len())
        .filter(has_trials)
        .map(|number| &layers[number..=number + 1]);
    let mut pairs = pairs.peekable();
    if pairs.peek().is_none() {
        return 0;
    }
    let pair_bytes = pairs
        .filter_map(|pair| stored_bytes(pair, [rows, columns]))
        .max()
        .unwrap_or(0);
    // One of the three is among the words that are counted already.
    WEIGHT_BYTES * rows as u64 * columns as u64 + 2 * pair_bytes + TRIAL_ROW_BYTES * rows as u64
}

/// Whether the errors of some matrix have to be measured against its weights: those of a rotated one, or of one in layers.
fn is_measured(encoding: &Encoding) -> bool {
    let may_rotate = match encoding.rotate() {
        Rotate::Always => true,
        Rotate::Auto => matches!(encoding.layers()[0], Code::Chained(_)),
        Rotate::Never => false,
    };
    may_rotate || encoding.layers().len() > 1
}

/// Tables of the block encoder, and buffers of a thread.
fn block_shared(code: &BlockCode) -> (u64, u64) {
    let seeds = u64::from(code.lfsr().period());
    // Long registers are searched without tables, seed by seed in a list.
    (SEED_BYTES * seeds.min(1 << 20) + 4 * seeds, 16 * seeds)
}

/// Tables of the chained encoder, and buffers of a thread, for rows of that many weights.
fn chained_shared(code: &ChainedCode, columns: u64) -> (u64, u64) {
    let stored = code.bits_per_weight();
    let states = 1_u64 << code.history_bits();
    let pointer_bits = u64::from(stored.next_power_of_two());
    let vectors = SEARCHES.map(|(lanes, lane_bytes, most_weights)| {
        let column_bytes = (states * lanes * pointer_bits).div_ceil(8);
        let weights = most_weights
            .min(MOST_BACK_BYTES / column_bytes.max(1))
            .max(4)
            .min(columns);
        let metrics = 2 * (states + (1 << stored)) * lanes * lane_bytes;
        weights * column_bytes + metrics
    });
    // The search that is left when nothing else is sure: one row, metrics at the start of every stretch of it.
    let stretch = columns.isqrt().max(1);
    let plain = states * (8 * (columns.div_ceil(stretch) + 3) + stretch);
    let search = vectors.into_iter().fold(plain, u64::max);
    let job = JOB_WEIGHT_BYTES * WEIGHTS_PER_JOB.max(SEARCHES[0].0 * columns);
    (4 << code.map().length(), search + job)
}
