//! The best streams of many rows, by the fastest means that can prove them.

use super::instructions::{Width, lanes, search_with};
use super::objective::Grid;
use super::plain::PlainRow;
use super::search::{Batch, stream_cost};
use super::trellis::Trellis;
use crate::error::EncodeError;
use rayon::prelude::*;
use seedlm_instructions::Instructions;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most bytes for back-pointers in one thread.
const MOST_BACK_BYTES: usize = 256 << 20;
/// Weights of which the back-pointers are kept: the best stream and another one of today differ in fewer, hardly ever in more.
/// (Of 124 Gaussian rows of 4096 weights, 1 or none needs more, with windows of 16 bits at 2, 3 and 4 bits per weight.)
const NARROW_WINDOW: usize = 1024;
/// The same where that was not enough.
const WIDE_WINDOW: usize = 4096;

/// How rows are searched.
pub(crate) struct RowSearch<'a> {
    pub trellis: &'a Trellis,
    pub grid: Grid,
    pub instructions: Instructions,
    pub column_weights: Option<&'a [u32]>,
    /// Weights in a row.
    pub columns: usize,
    /// Told how many rows have been finished.
    pub advance: &'a (dyn Fn(usize) -> ControlFlow<()> + Sync),
}

/// Weights of a job, where rows are so long that a few of them are as many.
const WEIGHTS_PER_JOB: usize = 1 << 18;

/// A row that is done.
pub(crate) struct EncodedRow<T> {
    pub row: usize,
    pub symbols: Vec<u8>,
    pub value: T,
}

/// A way to search; the later ones are slower and leave fewer rows unproven.
#[derive(Clone, Copy, Debug)]
enum Means {
    /// Vectors, which keep the back-pointers of so many weights.
    Vectors(Width, usize),
    Plain,
}

impl RowSearch<'_> {
    /// The streams of the rows of the given numbers, in no particular order. `targets` makes the targets of a row, and says in
    /// which state it begins; `value` makes what else the caller wants to know of its stream.
    ///
    /// # Errors
    /// [`EncodeError::Stopped`].
    pub fn encode<T: Send>(
        &self,
        rows: Vec<usize>,
        targets: &(dyn Fn(usize) -> (u32, Vec<i32>) + Sync),
        value: &(dyn Fn(usize, &[u8]) -> T + Sync),
    ) -> Result<Vec<EncodedRow<T>>, EncodeError> {
        let stopped = AtomicBool::new(false);
        let (mut open, mut done) = (rows, Vec::new());
        for means in self.means() {
            let size = match means {
                // Buffers are large: a job uses them several times. With few rows, threads matter more.
                Means::Vectors(width, _) => {
                    let lanes = lanes(self.instructions, width);
                    let batches = open.len() / (lanes * rayon::current_num_threads() * 4);
                    // Long rows: not so many that nobody is asked for long whether to go on.
                    let short = WEIGHTS_PER_JOB / (lanes * self.columns.max(1));
                    lanes * batches.min(short).clamp(1, 8)
                }
                Means::Plain => 1,
            };
            let found: Vec<(Vec<EncodedRow<T>>, Vec<usize>)> = open
                .par_chunks(size)
                .map(|group| {
                    let (mut found, mut unproven) = (Vec::new(), Vec::new());
                    if stopped.load(Ordering::Relaxed) {
                        return (found, unproven);
                    }
                    let (states, targets): (Vec<u32>, Vec<Vec<i32>>) = group.iter().map(|&row| targets(row)).unzip();
                    for (&row, symbols) in group.iter().zip(self.group(means, &states, &targets)) {
                        match symbols {
                            Some(symbols) => found.push(EncodedRow {
                                row,
                                value: value(row, &symbols),
                                symbols,
                            }),
                            None => unproven.push(row),
                        }
                    }
                    if (self.advance)(found.len()).is_break() {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    (found, unproven)
                })
                .collect();
            if stopped.load(Ordering::Relaxed) {
                return Err(EncodeError::Stopped);
            }
            open.clear();
            for (found, unproven) in found {
                done.extend(found);
                open.extend(unproven);
            }
        }
        Ok(done)
    }

    fn means(&self) -> Vec<Means> {
        let mut means = Vec::new();
        if self.trellis.is_regular() {
            for (width, most) in [(Width::Narrow, NARROW_WINDOW), (Width::Wide, WIDE_WINDOW)] {
                let lanes = lanes(self.instructions, width);
                let column_bytes = self.trellis.states() * lanes * self.trellis.stored.next_power_of_two() as usize / 8;
                let window = most.min(MOST_BACK_BYTES / column_bytes).max(4);
                // Weighted costs do not fit 16 bits.
                if width == Width::Wide || self.column_weights.is_none() {
                    means.push(Means::Vectors(width, window));
                }
            }
        }
        means.push(Means::Plain);
        means
    }

    /// The streams of a few rows, `None` where there is no proof.
    fn group(&self, means: Means, states: &[u32], rows: &[Vec<i32>]) -> Vec<Option<Vec<u8>>> {
        match means {
            Means::Vectors(width, window) => {
                let found = search_with(
                    self.instructions,
                    width,
                    &Batch {
                        trellis: self.trellis,
                        grid: self.grid,
                        rows,
                        states,
                        column_weights: self.column_weights,
                        window,
                    },
                );
                let cost = |row: (u32, &[i32]), symbols: &[u8]| {
                    stream_cost(self.trellis, self.grid, row, self.column_weights, symbols)
                };
                let found = found
                    .into_iter()
                    .zip(states.iter().zip(rows))
                    .map(|(found, (&state, targets))| {
                        let proven = found.joined && cost((state, targets), &found.symbols) == u128::from(found.cost);
                        proven.then_some(found.symbols)
                    });
                found.collect()
            }
            Means::Plain => rows
                .iter()
                .zip(states)
                .map(|(targets, &state)| {
                    let row = PlainRow {
                        trellis: self.trellis,
                        grid: self.grid,
                        state,
                        targets,
                        column_weights: self.column_weights,
                    };
                    Some(row.encode())
                })
                .collect(),
        }
    }
}
