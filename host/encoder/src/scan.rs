//! The first sieve: the residuals of all seeds in 16-bit integers, a batch of blocks side by side.
//!
//! Blocks of norm 1 lie in the lanes of a batch. Inner products with sign vectors are signed subset sums of a block: they
//! come from a table that is made once per batch and indexed by bits of the register's sequence, the same for all lanes.
//! The inner product with the idealised column `u_0` follows from them by the recursion `h <- (h + S) / 2`
//! (see `span`, whose triangle `t` is used here in another form).
//!
//! # The energy
//!
//! With `rho = 1 / t[P-1][P-1]`, the length of `u_0` outside the span of the sign vectors, and `d[k] = t[P-1][k] rho`, the
//! energy `E` of a block in the span of a seed obeys
//!
//! `rho^2 E = (h + sum over k of d[k] S[k])^2 + rho^2 sum over i < P-1 of (sum over k <= i of t[i][k] S[k])^2`,
//!
//! a square and a quadratic form in the `P - 1` sign products `S`. No factor stands at `h`; products of the same two places of
//! the sequence are shared by neighbouring seeds.
//!
//! # Fixed point
//!
//! Numbers count in units of 2^-15. `X = S / sqrt(C)`, `H = h / (2 sqrt(C))`; the energy comes out as `rho^2 E / 4C`, with factors
//! `d/2` in the square and a quarter of the form's. What rounding can do to a seed's energy is its margin, and the
//! margin is part of the seed's threshold. Seeds with factors of 1 or more have no threshold: they are always hits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
mod lanes;
mod sums;

pub(crate) use kernel::Scanner;
pub(crate) use lanes::{Floats, Lanes, Work, dispatch};

use crate::orbit::Orbit;
use crate::span::SeedSpan;
use lanes::pair;
use seedlm_codec::BlockCode;

/// Steps of the recursion before the first seed, after which its start no longer matters.
const WARM_UP: usize = 24;
/// Bits of an index into the table of subset sums.
const INDEX_BITS: usize = 8;
/// The most parts of a block: those of 64 weights.
const MOST_PARTS: usize = 8;
/// Bytes of an index into the tables of so many parts.
const fn index_bytes(parts: usize) -> usize {
    if parts <= 2 { parts } else { MOST_PARTS }
}
/// How far a table entry can be from the real subset sum: half a step of rounding, and the terms' own rounding.
const ENTRY_ERROR: f64 = 0.6;
/// 1 in fixed point, and the largest number that leaves room for what rounding adds.
const ONE: f64 = 32768.0;
const LARGEST: f64 = ONE - 17.0;
/// The largest slack that a threshold allows for. Seeds beyond it are listed: see [`ScanTable::coarse_seeds`].
pub(crate) const COARSE_SLACK: f64 = 0.02;

/// Energies are below 8192 + margin; differences from thresholds within this limit stay in 16 bits.
const LIMIT: i16 = 16384;

/// With so many columns there are two sign vectors, of the same length: their squares have the same factor.
const SHARED_SQUARES: usize = 3;

/// The factors of a seed: the form's, row by row of its lower triangle (one less where squares share one), then `d / 2`. One
/// column needs none and has one.
const fn factors_per_seed(columns: usize) -> usize {
    match columns {
        1 => 1,
        SHARED_SQUARES => 4,
        _ => (columns - 1) * (columns + 2) / 2,
    }
}

/// Factors and thresholds of all seeds.
pub(crate) struct ScanTable {
    /// `P`.
    columns: usize,
    /// `X` of an inner product of 1.
    unit: f64,
    /// Bits in each part of an index; together `C`.
    parts: Vec<usize>,
    /// From `WARM_UP` before the first seed, [`index_bytes`] each: for each part, the signs of sequence bits `m + K + cP`, `c` in
    /// the part.
    indices: Vec<u8>,
    /// Per seed, [`factors_per_seed`] factors, ready to be spread to all lanes.
    factors: Vec<u32>,
    /// Per seed: computed energy of a block that lies in the span.
    full: Vec<f32>,
    /// Per seed: how much smaller than the real energy the computed one can be. Infinite: no bound.
    margins: Vec<f32>,
    /// Per seed, at most [`COARSE_SLACK`].
    slacks: Vec<f32>,
    coarse: Vec<u32>,
    seeds: usize,
}

impl ScanTable {
    /// A table without seeds. `positions` is the number of seeds it will have, padding included.
    pub fn new(code: &BlockCode, orbit: &Orbit, positions: usize) -> Self {
        let (rows, columns) = (code.block_size(), code.latent_dimension());
        let count = rows.div_ceil(INDEX_BITS);
        let parts: Vec<usize> = (0..count).map(|part| (rows + part) / count).collect();
        let start = WARM_UP.div_ceil(orbit.seeds) * orbit.seeds - WARM_UP;
        let length = code.lfsr().length() as usize;
        let stride = index_bytes(parts.len());
        let mut indices = Vec::with_capacity((WARM_UP + positions + columns) * stride);
        for position in start..start + WARM_UP + positions + columns {
            let mut index = [0; MOST_PARTS];
            let mut first = 0;
            for (index, &bits) in index.iter_mut().zip(&parts) {
                for bit in 0..bits {
                    *index |= u8::from(orbit.bit(position + length + (first + bit) * columns)) << bit;
                }
                first += bits;
            }
            indices.extend(&index[..stride]);
        }
        ScanTable {
            columns,
            unit: LARGEST / (rows as f64).sqrt(),
            indices,
            parts,
            factors: Vec::new(),
            full: Vec::new(),
            margins: Vec::new(),
            slacks: Vec::new(),
            coarse: Vec::new(),
            seeds: orbit.seeds,
        }
    }

    /// Adds the next seed.
    pub fn push(&mut self, span: &SeedSpan) {
        let signs = self.columns - 1;
        let triangle = &span.triangle;
        let rho = 1.0 / triangle[signs][signs];
        // What an inner product and `H` can be off by: the recursion halves its old error, adds a quarter of the entry's
        // and two roundings downwards, of half a unit and three quarters.
        let entry_error = ENTRY_ERROR * self.parts.len() as f64;
        let start_error = entry_error / 2.0 + 2.6;
        // A product of two inner products, each at most 1; an average of two of them is rounded once more.
        let product_error = 2.0 * entry_error + 1.02;
        let mut factors = Vec::with_capacity(factors_per_seed(self.columns));
        for i in 0..signs {
            for k in 0..=i {
                let rows = (i..signs).map(|row| triangle[row][i] * triangle[row][k]);
                let form = rho * rho / 4.0 * rows.sum::<f64>();
                if self.columns != SHARED_SQUARES || i != k {
                    let twice = if i == k { 1.0 } else { 2.0 };
                    factors.push((twice * form, product_error));
                } else if i > 0 {
                    // The factor of the average of the two squares. Dependent sign vectors have the same square, and only the
                    // first of them is in the form.
                    let first = triangle[0][0] * triangle[0][0];
                    let is_dependent = triangle[i][i] == 0.0;
                    let both = if is_dependent { rho * rho / 4.0 * first } else { 2.0 * form };
                    factors.push((both, product_error));
                }
            }
        }
        let form_factors = factors.len();
        factors.extend((0..signs).map(|k| (triangle[signs][k] * rho / 2.0, entry_error)));
        factors.resize(factors_per_seed(self.columns), (0.0, 0.0));
        let known = !span.unknown && rho.is_finite() && factors.iter().all(|(factor, _)| factor.abs() < LARGEST / ONE);
        // Half a unit each for the rounding of the product and of the factor, and what the factor is multiplied with.
        let error = |&(factor, error): &(f64, f64)| 1.0 + factor.abs() * error;
        let square_error = start_error + factors[form_factors..].iter().map(error).sum::<f64>();
        let size = rho * self.unit / 2.0;
        // The square of `Z`, which is `size` at most.
        let margin = 0.5 + (2.0 * size + square_error) * square_error / ONE
            + factors[..form_factors].iter().map(error).sum::<f64>();
        let stored = factors.iter().map(|(factor, _)| if known { factor * ONE } else { 0.0 });
        self.factors.extend(stored.map(|factor| pair(factor.round() as i16)));
        if span.slack > COARSE_SLACK {
            self.coarse.push(self.margins.len() as u32);
        }
        self.full.push(if known { (size * size / ONE) as f32 } else { 0.0 });
        // 1 more is for the blocks' own norm.
        self.margins.push(if known { margin as f32 + 1.0 } else { f32::INFINITY });
        self.slacks.push(span.slack.min(COARSE_SLACK) as f32);
    }

    /// Seeds whose slack is larger than the thresholds allow for, by position: for a block whose slack by range exceeds
    /// [`COARSE_SLACK`], the scan says nothing about them.
    pub fn coarse_seeds(&self) -> &[u32] {
        &self.coarse
    }

    /// Energies from which a seed may have a word of relative error `error` (`|t - A x|^2 / |t|^2`) or less, ready to be
    /// spread to all lanes.
    pub fn thresholds(&self, error: f64) -> Vec<u32> {
        let thresholds = (0..self.full.len()).map(|seed| {
            let distance = error.sqrt() + f64::from(self.slacks[seed]);
            let energy = f64::from(self.full[seed]) * (1.0 - distance * distance) - f64::from(self.margins[seed]);
            // Padding repeats the first seeds: never a hit. A saturating cast takes care of the infinite margin.
            pair(if seed < self.seeds {
                (energy - 1.0).floor().max(f64::from(-LIMIT)) as i16
            } else {
                LIMIT
            })
        });
        thresholds.collect()
    }

    /// Number of seeds, padding excluded.
    pub fn seeds(&self) -> usize {
        self.seeds
    }
}
