//! Whole matrices: checks, scale, threads, and the words' bytes.

use crate::encoded::EncodedMatrix;
use crate::error::EncodeError;
use crate::metric::ErrorMetric;
use crate::prefetch::fetched;
use crate::quantizer::Quantizer;
use crate::scale::{legal_scale, roomy_bias, step_at};
use crate::search::{SearchRules, SeedSearch, WeightedSearch};
use crate::sorted::{Branch, Direction, branches, sort};
use crate::target::Target;
use rayon::prelude::*;
use seedlm_codec::bits::write_field;
use seedlm_codec::{BlockCode, CodecError, CodedMatrix};
use seedlm_instructions::Instructions;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// The largest blocks of a matrix, which decide its bias: this many.
const PILOT_BLOCKS: usize = 32;
/// Blocks of a job where they are sorted, at most: all seeds are scanned once for it, and all that is known of them should stay near.
const LARGEST_JOB: usize = 1 << 12;
/// Blocks whose words are written by one thread.
const WRITTEN_BLOCKS: usize = 1 << 13;
/// Blocks of a job of a search with a metric.
const WEIGHTED_JOB: usize = 64;
/// Exponents that these blocks may choose from.
const PILOT_LARGEST_EXPONENT: u32 = 15;

/// Encodes matrices in one block code.
///
/// ```
/// use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr};
/// use seedlm_encoder::{BlockEncoder, Quantizer};
/// use std::ops::ControlFlow;
///
/// let mut fields: BlockCodeFields = BlockCode::preset("paper-4b")?.into();
/// fields.lfsr = Lfsr::paper(10)?; // A short register, so that this example is quick.
/// let encoder = BlockEncoder::new(&BlockCode::new(fields)?)?;
/// let weights = [0.5, -0.25, 0.0, 0.125, 1.0, -1.0, 0.75, 0.3];
/// let encoded = encoder.encode(1, 8, &weights, Quantizer::Exact, &|_| ControlFlow::Continue(()))?;
/// assert!(encoded.relative_error() < 0.4);
/// # Ok::<(), seedlm_encoder::EncodeError>(())
/// ```
pub struct BlockEncoder {
    code: BlockCode,
    search: SeedSearch,
}

/// What became of one block.
#[derive(Clone, Default)]
struct EncodedBlock {
    /// The word's bits.
    word: u128,
    /// Squared error over the real weights, in their units.
    squared_error: f64,
    /// Squared norm of the real weights.
    squared_norm: f64,
}

impl BlockEncoder {
    /// Prepares the tables for a code, on the current `rayon` pool. Every legal code is accepted; registers of 10 to 20
    /// bits are searched fast, with tables of some 80 (`P = 1`) to 370 (`P = 8`) bytes per seed, and 96 (192 with `P = 4`) more for
    /// blocks of at most 8 weights in at most 4 columns: 217 with `paper-4b` and 158 with `paper-3b`; longer ones take seconds per
    /// block. Uses the fastest instructions that the machine has, or those
    /// that the environment variable `SEEDLM_SIMD` names (`scalar`, `avx2`, `avx512`).
    ///
    /// # Errors
    /// [`EncodeError::Instructions`] for instructions that there are not.
    pub fn new(code: &BlockCode) -> Result<Self, EncodeError> {
        BlockEncoder::with_instructions(code, Instructions::choose()?)
    }

    /// The same with the given instructions.
    ///
    /// # Errors
    /// As [`BlockEncoder::new`].
    pub fn with_instructions(code: &BlockCode, instructions: Instructions) -> Result<Self, EncodeError> {
        Ok(BlockEncoder {
            code: code.clone(),
            search: SeedSearch::new(code, instructions.checked()?),
        })
    }

    /// The code that this encoder writes.
    pub fn code(&self) -> &BlockCode {
        &self.code
    }

    /// Encodes `rows x columns` weights, row by row. `advance` is told, from any thread, how many weights have been
    /// finished since its last call, and may ask to stop.
    ///
    /// The result depends on the weights, the code and the quantizer only.
    ///
    /// # Errors
    /// [`EncodeError::Shape`] when there are not `rows * columns` values, [`EncodeError::NotFinite`] with the first weight
    /// that is not finite, [`EncodeError::Stopped`] when `advance` breaks, [`EncodeError::Codec`] when the matrix is
    /// too large to address.
    pub fn encode(
        &self,
        rows: usize,
        columns: usize,
        values: &[f32],
        quantizer: Quantizer,
        advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<EncodedMatrix, EncodeError> {
        self.check(rows, columns, values)?;
        let bytes = CodedMatrix::word_bytes(&self.code, rows, columns)
            .ok_or_else(|| CodecError::Tensor(format!("{rows} x {columns} weights are too many to address")))?;
        let blocks = Blocks::new(columns, self.code.block_size(), values);
        let scale = legal_scale(&self.code, self.bias(&blocks, quantizer));
        let encoded = self.encode_blocks(&blocks, scale, quantizer, advance)?;

        let width = self.code.word_bits() as usize;
        let mut words = vec![0; bytes];
        // Every eight words begin at a byte.
        let parts = words.par_chunks_mut(WRITTEN_BLOCKS / 8 * width);
        parts
            .zip(encoded.par_chunks(WRITTEN_BLOCKS))
            .for_each(|(words, encoded)| {
                for (index, block) in encoded.iter().enumerate() {
                    write_field(words, index * width, width, block.word);
                }
            });
        Ok(EncodedMatrix {
            matrix: CodedMatrix::new(&self.code, rows, columns, scale, words)?,
            // One order of summation, however the blocks were shared out.
            squared_error: encoded.iter().map(|block| block.squared_error).sum(),
            squared_norm: encoded.iter().map(|block| block.squared_norm).sum(),
        })
    }

    /// Checks what comes from the caller.
    pub(crate) fn check(&self, rows: usize, columns: usize, values: &[f32]) -> Result<(), EncodeError> {
        if rows.checked_mul(columns) != Some(values.len()) {
            let values = values.len();
            return Err(EncodeError::Shape { rows, columns, values });
        }
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(index) => Err(EncodeError::NotFinite {
                row: index / columns,
                column: index % columns,
                value: values[index],
            }),
        }
    }

    /// The scale of a matrix.
    pub(crate) fn scale_of(&self, columns: usize, values: &[f32], quantizer: Quantizer) -> f32 {
        let blocks = Blocks::new(columns, self.code.block_size(), values);
        legal_scale(&self.code, self.bias(&blocks, quantizer))
    }

    /// The bits of the words of rows with a given scale, block after block.
    pub(crate) fn words(
        &self,
        columns: usize,
        values: &[f32],
        scale: f32,
        quantizer: Quantizer,
        advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<u128>, EncodeError> {
        let blocks = Blocks::new(columns, self.code.block_size(), values);
        let encoded = self.encode_blocks(&blocks, scale, quantizer, advance)?;
        Ok(encoded.iter().map(|block| block.word).collect())
    }

    /// The same for rows of one block each, or of part of one, whose errors are counted in a metric.
    pub(crate) fn weighted_words(
        &self,
        columns: usize,
        values: &[f32],
        scale: f32,
        quantizer: Quantizer,
        metric: ErrorMetric,
    ) -> Vec<u128> {
        let weighted = WeightedSearch::new(&self.search, &self.code, metric);
        let rules = SearchRules {
            quantizer,
            largest_exponent: self.code.largest_exponent(),
        };
        let blocks = Blocks::new(columns, self.code.block_size(), values);
        let jobs = (0..blocks.count().div_ceil(WEIGHTED_JOB)).into_par_iter();
        let words = jobs.flat_map_iter(|job| {
            let indices = job * WEIGHTED_JOB..blocks.count().min((job + 1) * WEIGHTED_JOB);
            let targets = indices.map(|index| blocks.target(index, f64::from(scale))).collect();
            let words = weighted.search(targets, rules).into_iter();
            words.map(|candidate| candidate.word(&self.code).pack(&self.code))
        });
        words.collect()
    }

    /// The bias that puts the largest exponent of the matrix's largest blocks (by norm) on the top of the exponent field.
    ///
    /// The largest blocks are encoded with exponents to spare to find that out. 0 for a matrix of zeros.
    fn bias(&self, blocks: &Blocks<'_>, quantizer: Quantizer) -> i32 {
        let squared_norm = |index: usize| -> f64 {
            let squares = blocks
                .weights(index)
                .iter()
                .map(|&weight| f64::from(weight) * f64::from(weight));
            squares.sum()
        };
        let mut largest: Vec<(f64, usize)> = (0..blocks.count())
            .into_par_iter()
            .map(|index| (squared_norm(index), index))
            .collect();
        let larger = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if largest.len() > PILOT_BLOCKS {
            largest.select_nth_unstable_by(PILOT_BLOCKS, larger);
            largest.truncate(PILOT_BLOCKS);
        }
        largest.retain(|&(square, _)| square > 0.0);
        largest.sort_unstable_by(larger);
        let Some(&(square, _)) = largest.first() else {
            return 0;
        };
        let bias = roomy_bias(&self.code, square.sqrt());
        let step = step_at(&self.code, bias);
        let targets: Vec<Target> = largest.iter().map(|&(_, index)| blocks.target(index, step)).collect();
        let rules = SearchRules {
            quantizer,
            largest_exponent: PILOT_LARGEST_EXPONENT,
        };
        let words = self.search.search(&targets, rules, None);
        let top = words.iter().map(|word| word.exponent).max().unwrap_or(0);
        bias + top as i32 - self.code.largest_exponent() as i32
    }

    fn encode_blocks(
        &self,
        blocks: &Blocks<'_>,
        scale: f32,
        quantizer: Quantizer,
        advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<EncodedBlock>, EncodeError> {
        let stopped = AtomicBool::new(false);
        let go_on = |weights: usize| {
            if advance(weights).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
        };
        let encoded: Vec<Vec<(usize, EncodedBlock)>> = match self.search.leaf(blocks.count()) {
            Some(leaf) => {
                let mut directions: Vec<Direction> = (0..blocks.count())
                    .into_par_iter()
                    .map(|index| Direction::new(index as u32, blocks.weights(index)))
                    .collect();
                sort(&mut directions, self.search.instructions);
                let branches = branches(&directions, self.search.instructions);
                let threads = rayon::current_num_threads();
                // Large jobs scan more centres of branches at once; small ones share the work better, and say sooner how far it is.
                let size = (branches.len() / (8 * threads)).clamp(1, LARGEST_JOB / (leaf * leaf));
                let jobs = branches.par_chunks(size);
                let encoded = jobs.filter(|_| !stopped.load(Ordering::Relaxed)).map(|branches| {
                    let indices: Vec<usize> = branches.iter().flat_map(|branch| branch.blocks(&directions)).collect();
                    let encoded = self.encode_some(blocks, &indices, scale, quantizer, Some(branches));
                    go_on(indices.iter().map(|&index| blocks.size(index)).sum());
                    encoded
                });
                encoded.collect()
            }
            None => {
                // Large jobs fill the scan's batches better; small ones share the work better. It changes nothing else.
                let threads = rayon::current_num_threads();
                let size = (blocks.count() / (4 * threads)).clamp(32, 1024).next_multiple_of(32);
                let jobs = (0..blocks.count().div_ceil(size)).into_par_iter();
                let encoded = jobs.filter(|_| !stopped.load(Ordering::Relaxed)).map(|job| {
                    let indices: Vec<usize> = (job * size..blocks.count().min((job + 1) * size)).collect();
                    let encoded = self.encode_some(blocks, &indices, scale, quantizer, None);
                    go_on(indices.iter().map(|&index| blocks.size(index)).sum());
                    encoded
                });
                encoded.collect()
            }
        };
        if stopped.load(Ordering::Relaxed) {
            return Err(EncodeError::Stopped);
        }
        let mut ordered: Vec<EncodedBlock> = vec![EncodedBlock::default(); blocks.count()];
        for (index, block) in encoded.into_iter().flatten() {
            ordered[index] = block;
        }
        Ok(ordered)
    }

    /// Encodes the blocks of the given numbers; `branches` are theirs, if they come in branches.
    fn encode_some(
        &self,
        blocks: &Blocks<'_>,
        indices: &[usize],
        scale: f32,
        quantizer: Quantizer,
        branches: Option<&[Branch]>,
    ) -> Vec<(usize, EncodedBlock)> {
        let step = f64::from(scale);
        let weights = blocks.gather(indices);
        let weights_of = || weights.chunks_exact(self.code.block_size());
        let sizes = indices.iter().map(|&index| blocks.size(index));
        let targets: Vec<Target> = weights_of()
            .map(|weights| Target::new(weights, weights.len(), step))
            .collect();
        let rules = SearchRules {
            quantizer,
            largest_exponent: self.code.largest_exponent(),
        };
        let words = self.search.search(&targets, rules, branches);
        let matrices = self.search.matrices(&words);
        let words = words.iter().zip(matrices).zip(indices);
        let encoded = words
            .zip(weights_of().zip(sizes))
            .map(|(((candidate, matrix), &index), (weights, size))| {
                let (mut squared_error, mut squared_norm) = (0.0, 0.0);
                let integers = candidate.integers(matrix, self.code.latent_dimension());
                for (&weight, integer) in weights.iter().zip(integers).take(size) {
                    let decoded = (integer as f64 * step) as f32;
                    let difference = f64::from(weight) - f64::from(decoded);
                    squared_error += difference * difference;
                    squared_norm += f64::from(weight) * f64::from(weight);
                }
                let block = EncodedBlock {
                    word: candidate.word(&self.code).pack(&self.code),
                    squared_error,
                    squared_norm,
                };
                (index, block)
            });
        encoded.collect()
    }
}

/// A matrix as the blocks of its rows, one after the other.
struct Blocks<'a> {
    columns: usize,
    block_size: usize,
    per_row: usize,
    values: &'a [f32],
}

impl<'a> Blocks<'a> {
    fn new(columns: usize, block_size: usize, values: &'a [f32]) -> Self {
        Blocks {
            columns,
            block_size,
            per_row: columns.div_ceil(block_size),
            values,
        }
    }

    fn count(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0) * self.per_row
    }

    /// The real weights of a block: fewer than `C` at the end of a row.
    fn weights(&self, index: usize) -> &'a [f32] {
        let row = &self.values[index / self.per_row * self.columns..][..self.columns];
        let start = index % self.per_row * self.block_size;
        &row[start..][..self.size(index)]
    }

    /// How many those are.
    fn size(&self, index: usize) -> usize {
        (self.columns - index % self.per_row * self.block_size).min(self.block_size)
    }

    /// The weights of some blocks side by side, each filled up with zeros.
    fn gather(&self, indices: &[usize]) -> Vec<f32> {
        let mut weights = Vec::with_capacity(indices.len() * self.block_size);
        // Sorted blocks are anywhere in memory.
        let slices = fetched(indices.iter().map(|&index| self.weights(index)).collect());
        for (number, slice) in slices.enumerate() {
            weights.extend_from_slice(slice);
            weights.resize((number + 1) * self.block_size, 0.0);
        }
        weights
    }

    fn target(&self, index: usize, scale: f64) -> Target {
        Target::new(self.weights(index), self.block_size, scale)
    }
}
