//! The decoder: any code, any output, all threads.

use crate::block::BlockRows;
use crate::bytes;
use crate::chained::ChainedRows;
use crate::destination::Destination;
use crate::error::DecodeError;
use crate::loops;
use crate::row_bits::RowBits;
use crate::stores::{Fence, Stores};
use half::bf16;
use rayon::prelude::*;
use seedlm_codec::{Code, PARTIAL_SUMS, WeightMatrix};
use seedlm_instructions::Instructions;
use std::ops::Range;

/// About so many weights are decoded by a thread before it takes more.
const TASK_WEIGHTS: usize = 1 << 16;

/// Decodes matrices in one code.
pub struct Decoder {
    code: Code,
    instructions: Instructions,
    rows: Rows,
}

enum Rows {
    Block(Box<BlockRows>),
    Chained(Box<ChainedRows>),
}

/// What a thread needs for a row.
#[derive(Default)]
struct Workspace<'a> {
    bits: RowBits<'a>,
    values: Vec<f32>,
    fence: Option<Fence>,
}

impl Workspace<'_> {
    /// Has a fence follow where it must.
    fn announce(&mut self, stores: Stores) {
        if stores == Stores::Around {
            self.fence.get_or_insert_default();
        }
    }
}

impl Decoder {
    /// A decoder with the fastest instructions of this machine, or those that the environment variable `SEEDLM_SIMD` names.
    ///
    /// # Errors
    /// [`DecodeError::Instructions`] when `SEEDLM_SIMD` names none that this machine has.
    pub fn new(code: &Code) -> Result<Self, DecodeError> {
        Decoder::with_instructions(code, Instructions::choose()?)
    }

    /// A decoder with the given instructions.
    ///
    /// # Errors
    /// [`DecodeError::Instructions`] when this machine lacks them.
    pub fn with_instructions(code: &Code, instructions: Instructions) -> Result<Self, DecodeError> {
        let instructions = instructions.checked()?;
        let rows = match code {
            Code::Block(code) => Rows::Block(Box::new(BlockRows::new(code, instructions))),
            Code::Chained(code) => Rows::Chained(Box::new(ChainedRows::new(code, instructions))),
        };
        Ok(Decoder {
            code: code.clone(),
            instructions,
            rows,
        })
    }

    /// The code.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The instructions.
    pub fn instructions(&self) -> Instructions {
        self.instructions
    }

    /// Rows of weights in `f32`, row by row, `rows.len() * columns` in all, as
    /// [`row_values`](seedlm_codec::WeightMatrix::row_values) has them.
    ///
    /// # Errors
    /// [`DecodeError`] when the matrix is in another code, or the rows or the places for the weights are not there.
    pub fn f32_rows(&self, matrix: &WeightMatrix, rows: Range<usize>, out: &mut [f32]) -> Result<(), DecodeError> {
        self.check(matrix, &rows, out.len())?;
        let stores = Stores::for_output(out);
        let out = out.par_chunks_exact_mut(matrix.columns().max(1));
        self.each_row(matrix, rows.start, out, |workspace, row, out| {
            workspace.announce(stores);
            self.row(workspace, matrix.scale(row), Destination::Full { out, stores });
        });
        Ok(())
    }

    /// The same in bfloat16, as [`row_bf16`](seedlm_codec::WeightMatrix::row_bf16) has them.
    ///
    /// # Errors
    /// [`DecodeError`] when the matrix is in another code, or the rows or the places for the weights are not there.
    pub fn bf16_rows(&self, matrix: &WeightMatrix, rows: Range<usize>, out: &mut [bf16]) -> Result<(), DecodeError> {
        self.check(matrix, &rows, out.len())?;
        let out = out.par_chunks_exact_mut(matrix.columns().max(1));
        self.each_row(matrix, rows.start, out, |workspace, row, out| {
            self.row(workspace, matrix.scale(row), Destination::Bfloats { out });
        });
        Ok(())
    }

    /// The same in 8-bit integers, with `rows.len()` scales, as [`row_i8`](seedlm_codec::WeightMatrix::row_i8) has them: a weight is
    /// `integer * scale` of its row. Nothing is lost with the presets of the chained code; the block code is quantised once more.
    ///
    /// # Errors
    /// [`DecodeError`] when the matrix is in another code, or the rows or the places for weights or scales are not there.
    pub fn i8_rows(
        &self,
        matrix: &WeightMatrix,
        rows: Range<usize>,
        out: &mut [i8],
        scales: &mut [f32],
    ) -> Result<(), DecodeError> {
        self.check(matrix, &rows, out.len())?;
        check_length("scales", rows.len(), scales.len())?;
        for (scale, row) in scales.iter_mut().zip(rows.clone()) {
            *scale = matrix.scale(row);
        }
        let stores = Stores::for_output(out);
        let out = out.par_chunks_exact_mut(matrix.columns().max(1)).zip(scales);
        self.each_row(matrix, rows.start, out, |workspace, _, (out, scale)| {
            *scale *= self.round_row(workspace, stores, out);
        });
        Ok(())
    }

    /// The product of the matrix with `columns` finite activations: `rows` results, as
    /// [`row_product`](seedlm_codec::WeightMatrix::row_product) has them. Weights are decoded on the way, and none is written.
    ///
    /// Activations that are not finite do what they do in IEEE 754; only which NaN a result is may differ.
    ///
    /// # Errors
    /// [`DecodeError`] when the matrix is in another code, or activations or places for results are too few or too many.
    pub fn product(&self, matrix: &WeightMatrix, activations: &[f32], out: &mut [f32]) -> Result<(), DecodeError> {
        self.check_code(matrix)?;
        check_length("activations", matrix.columns(), activations.len())?;
        check_length("results", matrix.rows(), out.len())?;
        self.each_row(matrix, 0, out.par_iter_mut(), |workspace, row, out| {
            let mut sums = [0.0; PARTIAL_SUMS];
            let sums_of_row = Destination::Products {
                activations,
                sums: &mut sums,
            };
            self.row(workspace, 1.0, sums_of_row);
            *out = loops::total(sums) * matrix.scale(row);
        });
        Ok(())
    }

    fn check(&self, matrix: &WeightMatrix, rows: &Range<usize>, found: usize) -> Result<(), DecodeError> {
        self.check_code(matrix)?;
        if rows.start > rows.end || rows.end > matrix.rows() {
            return Err(DecodeError::Rows {
                rows: rows.clone(),
                matrix: matrix.rows(),
            });
        }
        // No overflow: the matrix counts its weights.
        check_length("weights", rows.len() * matrix.columns(), found)
    }

    fn check_code(&self, matrix: &WeightMatrix) -> Result<(), DecodeError> {
        let is_ours = match (&self.code, matrix) {
            (Code::Block(code), WeightMatrix::Block(matrix)) => code == matrix.code(),
            (Code::Chained(code), WeightMatrix::Chained(matrix)) => code == matrix.code(),
            _ => false,
        };
        if is_ours {
            return Ok(());
        }
        Err(DecodeError::Code {
            decoder: self.code.label(),
            matrix: matrix.format().label(),
        })
    }

    /// Runs `work` for the rows from `first` on, on all threads, the row's bits being in the workspace.
    fn each_row<'a, R: Send>(
        &self,
        matrix: &'a WeightMatrix,
        first: usize,
        rows: impl IndexedParallelIterator<Item = R>,
        work: impl Fn(&mut Workspace<'a>, usize, R) + Sync,
    ) {
        let at_least = TASK_WEIGHTS.div_ceil(matrix.columns().max(1));
        let rows = rows.enumerate().with_min_len(at_least);
        rows.for_each_init(Workspace::default, |workspace, (index, out)| {
            let row = first + index;
            match (&self.rows, matrix) {
                (Rows::Block(rows), WeightMatrix::Block(matrix)) => rows.load(matrix, row, &mut workspace.bits),
                (Rows::Chained(rows), WeightMatrix::Chained(matrix)) => rows.load(matrix, row, &mut workspace.bits),
                _ => unreachable!("the code has been checked"),
            }
            work(workspace, row, out);
        });
    }

    /// Gives the weights of the row in the workspace to where they go: the integers times `factor`, rounded once.
    fn row(&self, workspace: &mut Workspace, factor: f32, destination: Destination) {
        let left = match &self.rows {
            Rows::Block(rows) => rows.row(&workspace.bits, factor, destination),
            Rows::Chained(rows) => rows.row(&workspace.bits, factor, destination),
        };
        let instructions = self.instructions;
        match left {
            None => {}
            Some(Destination::Full { out, .. }) => self.values(&workspace.bits, 0, factor, out),
            Some(Destination::Largest { out, largest }) => {
                self.values(&workspace.bits, 0, factor, out);
                *largest = loops::largest_magnitude(instructions, out);
            }
            Some(Destination::Bfloats { out }) => {
                self.each_piece(workspace, out.len(), factor, |columns, values| {
                    loops::round_to_bf16(instructions, values, &mut out[columns]);
                });
            }
            Some(Destination::Products { activations, sums }) => {
                self.each_piece(workspace, activations.len(), factor, |columns, values| {
                    loops::add_products(instructions, values, &activations[columns], sums);
                });
            }
        }
    }

    /// Weights of a row from column `first` on, the start of a piece, where there is no way for whole rows.
    fn values(&self, bits: &RowBits, first: usize, factor: f32, out: &mut [f32]) {
        match &self.rows {
            Rows::Block(rows) => rows.values(bits, first, factor, out),
            Rows::Chained(rows) => rows.values(bits, first, factor, out),
        }
    }

    /// Calls `work` with the weights of the row in the workspace, times `factor`, a few at a time so that they stay in a near
    /// cache.
    fn each_piece(
        &self,
        workspace: &mut Workspace,
        columns: usize,
        factor: f32,
        mut work: impl FnMut(Range<usize>, &[f32]),
    ) {
        let piece = match &self.rows {
            Rows::Block(rows) => rows.piece(),
            Rows::Chained(rows) => rows.piece(),
        };
        let Workspace { bits, values, .. } = workspace;
        for first in (0..columns).step_by(piece) {
            let count = piece.min(columns - first);
            values.resize(count, 0.0);
            self.values(bits, first, factor, values);
            work(first..first + count, values);
        }
    }

    /// Rounds the row in the workspace to 8 bits; returns by what the scale grows.
    fn round_row(&self, workspace: &mut Workspace, stores: Stores, out: &mut [i8]) -> f32 {
        match &self.rows {
            Rows::Chained(rows) if rows.is_narrow() => {
                rows.narrow(&workspace.bits, out);
                1.0
            }
            Rows::Block(rows) if !rows.is_narrow() => {
                let integers = rows.integers(&workspace.bits, out.len());
                let largest = integers.iter().map(|integer| integer.unsigned_abs()).max().unwrap_or(0);
                let step = step_for(largest);
                for (rounded, integer) in out.iter_mut().zip(integers) {
                    // Exact before the rounding: an integer weight has at most 53 bits, and the step is a power of two.
                    *rounded = (integer as f64 / f64::from(step)).round_ties_even() as i8;
                }
                step
            }
            _ => {
                let mut values = std::mem::take(&mut workspace.values);
                values.resize(out.len(), 0.0);
                let mut largest = 0.0;
                let in_full = Destination::Largest {
                    out: &mut values,
                    largest: &mut largest,
                };
                // The integers are exact in `f32`.
                self.row(workspace, 1.0, in_full);
                let step = step_for(largest as u64);
                workspace.announce(stores);
                bytes::round(self.instructions, &values, 1.0 / step, stores, out);
                workspace.values = values;
                step
            }
        }
    }
}

/// The smallest power of two by which a number must be divided so that it rounds to at most 127.
fn step_for(largest: u64) -> f32 {
    // 127.5 would round to the even 128.
    let shift = (0..).find(|&shift| 2 * largest < 255 << shift);
    (1_u64 << shift.expect("some shift is enough")) as f32
}

fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), DecodeError> {
    if expected == found {
        Ok(())
    } else {
        Err(DecodeError::Length { what, expected, found })
    }
}
