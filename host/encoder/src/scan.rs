//! The first sieve: the residuals of all seeds in 16-bit integers, a batch of blocks side by side.
//!
//! Blocks of norm 1 lie in the lanes of a batch. Inner products with sign vectors are signed subset sums of a block: they
//! come from a table that is made once per batch and indexed by bits of the register's sequence, the same for all lanes.
//! The inner product with the idealised column `u_0` follows from them by the recursion `h <- (h + S) / 2`
//! (see `span`, whose triangle is used here in fixed point).
//!
//! # Fixed point
//!
//! With `alpha = (2^15 - 17) / sqrt(C)`, `X = alpha S` and `H = alpha h` fit 16 bits for every block. All coordinates of a
//! seed are scaled by the same size, as large as the factors of `X` and `H` (below a half) allow. A product keeps the upper 16 of 32 bits (one instruction on every SIMD machine), so it is too small by less
//! than 1; what that and all other rounding can do to a seed's energy is its margin, and the margin is part of the
//! seed's threshold.

use crate::candidate::MOST_COEFFICIENTS;
use crate::orbit::Orbit;
use crate::span::{GROUP, SeedSpan};
use seedlm_codec::BlockCode;

/// Steps of the recursion before the first seed, after which its start no longer matters.
const WARM_UP: usize = 24;
/// Bits of an index into the table of subset sums.
const INDEX_BITS: usize = 8;
/// How far a table entry can be from the real subset sum: half a step of rounding, and the terms' own rounding.
const ENTRY_ERROR: f64 = 0.6;
/// The largest slack that a threshold allows for. Seeds beyond it are listed: see [`ScanTable::coarse_seeds`].
pub(crate) const COARSE_SLACK: f64 = 0.02;

/// Factors of a seed with the most coefficients.
const MOST_FACTORS: usize = MOST_COEFFICIENTS * (MOST_COEFFICIENTS + 1) / 2;

/// The upper half of a product.
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// Coefficients and thresholds of all seeds.
pub(crate) struct ScanTable {
    columns: usize,
    /// `alpha`.
    unit: f64,
    /// Bits in each part of an index; together `C`.
    parts: Vec<usize>,
    /// Per part, from `WARM_UP` before the first seed: the signs of sequence bits `m + K + cP`, `c` in the part.
    indices: Vec<Vec<u8>>,
    /// Per seed, the `P (P+1) / 2` entries of its triangle, scaled, in units of 2^-16.
    factors: Vec<i16>,
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
        let mut first = 0;
        let indices = parts.iter().map(|&bits| {
            let part = first..first + bits;
            first += bits;
            let index = |position: usize| {
                let sequence = part.clone().map(|c| orbit.bit(position + length + c * columns));
                sequence
                    .enumerate()
                    .fold(0, |index, (bit, value)| index | u8::from(value) << bit)
            };
            (start..start + WARM_UP + positions + columns).map(index).collect()
        });
        ScanTable {
            columns,
            unit: (32767.0 - 16.0) / (rows as f64).sqrt(),
            indices: indices.collect(),
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
        let last = self.columns - 1;
        let entry_error = ENTRY_ERROR * self.parts.len() as f64;
        // The recursion halves an old error and adds less than 1/2 + 1/2 + entry_error / 2.
        let recursion_error = 2.0 + entry_error + 0.01;
        let entries = span.triangle[..=last].iter().flatten();
        let largest = entries.fold(0_f64, |largest, entry| largest.max(entry.abs()));
        let known = !span.unknown && largest > 0.0;
        let scaling = if known { 32767.0 / largest } else { 0.0 };
        let mut errors = 0.0;
        for i in 0..=last {
            let mut error = 0.0;
            for k in 0..=i {
                let factor = (scaling * span.triangle[i][k]).round();
                self.factors.push(factor as i16);
                // Half a unit of the factor, the error of X or H, and the lower half of the product.
                let input_error = if k == last { recursion_error } else { entry_error };
                error += 0.25 + factor.abs() / 65536.0 * input_error + 1.0;
            }
            errors += error * error;
        }
        let size = scaling * self.unit / 65536.0;
        // |Y|^2 changes by 2 |Y| |error| at most (the square of the error is to our favour); each square loses less
        // than 1; 1 more is for the blocks' own norm.
        let margin = 2.0 * size * errors.sqrt() / 65536.0 + self.columns as f64 + 1.0;
        if span.slack > COARSE_SLACK {
            self.coarse.push(self.margins.len() as u32);
        }
        self.full.push((size * size / 65536.0) as f32);
        self.margins.push(if known { margin as f32 } else { f32::INFINITY });
        self.slacks.push(span.slack.min(COARSE_SLACK) as f32);
    }

    /// Seeds whose slack is larger than the thresholds allow for, by position: for a block whose slack by range exceeds
    /// [`COARSE_SLACK`], the scan says nothing about them.
    pub fn coarse_seeds(&self) -> &[u32] {
        &self.coarse
    }

    /// Energies from which a seed may have a word of relative error `error` (`|t - A x|^2 / |t|^2`) or less.
    pub fn thresholds(&self, error: f64) -> Vec<i16> {
        (0..self.full.len())
            .map(|seed| {
                let distance = error.sqrt() + f64::from(self.slacks[seed]);
                let energy = f64::from(self.full[seed]) * (1.0 - distance * distance) - f64::from(self.margins[seed]);
                // Padding repeats the first seeds: never a hit. A saturating cast takes care of the infinite margin.
                if seed < self.seeds {
                    (energy - 1.0).floor().max(f64::from(-LIMIT)) as i16
                } else {
                    LIMIT
                }
            })
            .collect()
    }

    /// Number of seeds, padding excluded.
    pub fn seeds(&self) -> usize {
        self.seeds
    }
}

/// Energies are below 4096 + margin; differences from thresholds within this limit stay in 16 bits.
const LIMIT: i16 = 16384;

/// Signed subset sums of `LANES` blocks: for each part, `sums[index][lane]`.
struct SubsetSums<const LANES: usize>(Vec<Box<[[i16; LANES]; 1 << INDEX_BITS]>>);

impl<const LANES: usize> SubsetSums<LANES> {
    fn new(table: &ScanTable, blocks: &[&[f32]]) -> Self {
        /// Fractional bits in the sums before they are rounded.
        const FRACTION: i32 = 8;
        let mut first = 0;
        let parts = table.parts.iter().map(|&bits| {
            let mut terms = [[0_i32; LANES]; INDEX_BITS];
            for (c, terms) in terms.iter_mut().take(bits).enumerate() {
                for (term, block) in terms.iter_mut().zip(blocks) {
                    let scaled = f64::from(block[first + c]) * table.unit * f64::from(1 << FRACTION);
                    *term = scaled.round() as i32;
                }
            }
            first += bits;
            let mut sums = Box::new([[0_i16; LANES]; 1 << INDEX_BITS]);
            let mut exact = vec![[0_i32; LANES]; 1 << bits];
            for terms in &terms {
                for lane in 0..LANES {
                    exact[0][lane] -= terms[lane];
                }
            }
            for index in 0..1_usize << bits {
                if index > 0 {
                    let lowest = index.trailing_zeros() as usize;
                    let rest = exact[index & (index - 1)];
                    for lane in 0..LANES {
                        exact[index][lane] = rest[lane] + 2 * terms[lowest][lane];
                    }
                }
                for lane in 0..LANES {
                    sums[index][lane] = ((exact[index][lane] + (1 << (FRACTION - 1))) >> FRACTION) as i16;
                }
            }
            sums
        });
        SubsetSums(parts.collect())
    }

    /// The inner products at one position of the sequence.
    #[inline(always)]
    fn row(&self, table: &ScanTable, position: usize) -> [i16; LANES] {
        let mut row = self.0[0][usize::from(table.indices[0][position])];
        for (sums, indices) in self.0[1..].iter().zip(&table.indices[1..]) {
            let more = &sums[usize::from(indices[position])];
            for lane in 0..LANES {
                row[lane] += more[lane];
            }
        }
        row
    }
}

/// Scans all seeds for a batch of at most `LANES` blocks of norm 1. `hit(lane, group)` is called, groups ascending, for
/// every lane in which some seed of the group of eight reaches its threshold.
pub(crate) fn scan<const LANES: usize>(
    table: &ScanTable,
    thresholds: &[i16],
    blocks: &[&[f32]],
    hit: impl FnMut(usize, usize),
) {
    match table.columns {
        1 => scan_columns::<1, LANES>(table, thresholds, blocks, hit),
        2 => scan_columns::<2, LANES>(table, thresholds, blocks, hit),
        3 => scan_columns::<3, LANES>(table, thresholds, blocks, hit),
        4 => scan_columns::<4, LANES>(table, thresholds, blocks, hit),
        5 => scan_columns::<5, LANES>(table, thresholds, blocks, hit),
        6 => scan_columns::<6, LANES>(table, thresholds, blocks, hit),
        7 => scan_columns::<7, LANES>(table, thresholds, blocks, hit),
        _ => scan_columns::<8, LANES>(table, thresholds, blocks, hit),
    }
}

fn scan_columns<const P: usize, const LANES: usize>(
    table: &ScanTable,
    thresholds: &[i16],
    blocks: &[&[f32]],
    mut hit: impl FnMut(usize, usize),
) {
    let sums = SubsetSums::<LANES>::new(table, blocks);
    let factors_per_seed = P * (P + 1) / 2;
    let mut h = [0_i16; LANES];
    for position in 0..WARM_UP {
        let row = sums.row(table, position);
        for lane in 0..LANES {
            h[lane] = (h[lane] >> 1) + (row[lane] >> 1);
        }
    }
    // rows[j]: inner products at position j of the group; the first P - 1 of the next group are already there.
    let mut rows = [[0_i16; LANES]; GROUP + 7];
    for j in 0..P - 1 {
        rows[GROUP + j] = sums.row(table, WARM_UP + j);
    }
    // A factor per lane, all the same: the compiler sees a 16-bit product only where both sides are loaded as 16 bits.
    // (One factor for all lanes it widens to 32 bits before the loop, and the products then take ten instructions.)
    let mut lane_factors = [[0_i16; LANES]; MOST_FACTORS];
    for (group, thresholds) in thresholds.chunks_exact(GROUP).enumerate() {
        for j in 0..P - 1 {
            rows[j] = rows[GROUP + j];
        }
        for j in 0..GROUP {
            rows[P - 1 + j] = sums.row(table, WARM_UP + group * GROUP + P - 1 + j);
        }
        let mut best = [i16::MIN; LANES];
        for (j, &threshold) in thresholds.iter().enumerate() {
            let factors = &table.factors[(group * GROUP + j) * factors_per_seed..][..factors_per_seed];
            for (lanes, &factor) in lane_factors.iter_mut().zip(factors) {
                *lanes = [factor; LANES];
            }
            let x: &[[i16; LANES]; P] = rows[j..j + P].try_into().expect("P rows");
            energy_step::<P, LANES>(&lane_factors, threshold, x, &mut h, &mut best);
        }
        if best.iter().fold(i16::MIN, |most, &value| most.max(value)) >= 0 {
            for (lane, _) in best[..blocks.len()]
                .iter()
                .enumerate()
                .filter(|(_, value)| **value >= 0)
            {
                hit(lane, group);
            }
        }
    }
}

/// One seed, all lanes. `x[0]` are the inner products that go into `h`, `x[1..]` those with the sign vectors.
#[inline(always)]
fn energy_step<const P: usize, const LANES: usize>(
    factors: &[[i16; LANES]; MOST_FACTORS],
    threshold: i16,
    x: &[[i16; LANES]; P],
    h: &mut [i16; LANES],
    best: &mut [i16; LANES],
) {
    for lane in 0..LANES {
        let own = (h[lane] >> 1) + (x[0][lane] >> 1);
        h[lane] = own;
        let mut energy = -threshold;
        for i in 0..P {
            // Row i of the triangle: sign vectors 1..=i+1; in the last row all of them and `h`.
            let row = i * (i + 1) / 2;
            let mut coordinate = if i == P - 1 {
                high(factors[row + i][lane], own)
            } else {
                0
            };
            let count = if i == P - 1 { P - 1 } else { i + 1 };
            for k in 0..count {
                coordinate = coordinate.saturating_add(high(factors[row + k][lane], x[k + 1][lane]));
            }
            energy = energy.saturating_add(high(coordinate, coordinate));
        }
        best[lane] = best[lane].max(energy);
    }
}
