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
//! Numbers count in units of 2^-15. `X = r S / sqrt(C)`, `H = r h / (2 sqrt(C))`, where `r = LARGEST / 2^15` is a little less
//! than 1 so that what rounding adds still fits 16 bits; the energy comes out as `r^2 rho^2 E / 4C`, with factors `d/2` in
//! the square and a quarter of the form's. What rounding can do to a seed's energy is its margin, and the margin is part of
//! the seed's threshold. Seeds with factors of 1 or more have no threshold: they are always hits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
mod lanes;
mod listed;
mod sums;

pub(crate) use kernel::Scanner;
pub(crate) use lanes::{Doubles, Floats, Lanes, Piece, Work, dispatch, lanes};
pub(crate) use listed::{ListedScanner, ListedSeeds};
pub(crate) use sums::MOST_LANES;

use crate::orbit::Orbit;
use crate::sorted::MOST_WEIGHTS;
use crate::span::{IdealWindows, SeedSpan};
use lanes::pair;
use seedlm_codec::BlockCode;
use std::f64::consts::FRAC_PI_2;

/// Steps of the recursion before the first seed, after which its start no longer matters.
const WARM_UP: usize = 24;
/// Bits of an index into the table of subset sums.
const INDEX_BITS: usize = 8;
/// The most parts of a block: those of 64 weights.
const MOST_PARTS: usize = 8;
/// The most columns of codes whose blocks are searched in leaves.
pub(crate) const MOST_LISTED_COLUMNS: usize = 4;

/// Bytes of an index into the tables of all parts: as few as the kernel is compiled for.
const fn index_bytes(columns: usize, parts: usize) -> usize {
    match (columns, parts) {
        (1..=MOST_LISTED_COLUMNS, 1) => 1,
        (4, 2) => 2,
        _ => MOST_PARTS,
    }
}

/// How far a table entry can be from the real subset sum: half a step of rounding, and the terms' own rounding.
const ENTRY_ERROR: f64 = 0.6;
/// 1 in fixed point, and the largest number that leaves room for what rounding adds.
const ONE: f64 = 32768.0;
const LARGEST: f64 = ONE - 17.0;
/// The largest slack that a threshold allows for. Seeds beyond it are listed: see [`ScanTable::coarse_seeds`].
pub(crate) const COARSE_SLACK: f64 = 0.02;

/// Energies are below 8192 + margin, and margins are of some dozens of units; differences from thresholds within this limit stay in 16 bits, and so
/// do those from thresholds that are not negative, but for their margin, with a fall ([`ScanTable::listed_falls`]) within this limit added.
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
    /// What `H` can be off by where it comes from the entries.
    listed_error: f64,
    /// Bits in each part of an index; together `C`.
    parts: Vec<usize>,
    /// From `WARM_UP` before the first seed, [`index_bytes`] each: for each part, the signs of sequence bits `m + K + cP`, `c` in
    /// the part.
    indices: Vec<u8>,
    index_bytes: usize,
    /// Per seed, [`factors_per_seed`] factors, ready to be spread to all lanes.
    factors: Vec<u32>,
    /// [`IdealWindows::rounded_entries`].
    entries: Vec<i16>,
    /// Per seed: computed energy of a block that lies in the span.
    full: Vec<f32>,
    /// Per seed: how much smaller than the real energy the computed one can be. Infinite: no bound.
    margins: Vec<f32>,
    /// The same where `H` comes from the entries themselves, not from the recursion.
    listed_margins: Vec<f32>,
    /// Per seed, at most [`COARSE_SLACK`].
    slacks: Vec<f32>,
    coarse: Vec<u32>,
    seeds: usize,
}

impl ScanTable {
    /// A table without seeds. `positions` is the number of seeds it will have, padding included.
    pub fn new(code: &BlockCode, orbit: &Orbit, windows: &IdealWindows, positions: usize) -> Self {
        let (rows, columns) = (code.block_size(), code.latent_dimension());
        let count = rows.div_ceil(INDEX_BITS);
        let parts: Vec<usize> = (0..count).map(|part| (rows + part) / count).collect();
        let start = WARM_UP.div_ceil(orbit.seeds) * orbit.seeds - WARM_UP;
        let length = code.lfsr().length() as usize;
        let stride = index_bytes(columns, parts.len());
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
        let mut entries = windows.rounded_entries();
        // Blocks of fewer weights are filled up with zeros, which are multiplied with something.
        entries.resize(entries.len() + MOST_WEIGHTS * columns, 0);
        ScanTable {
            columns,
            unit: LARGEST / (rows as f64).sqrt(),
            // Weights are off by half a unit each, and entries are at most 1; entries are off by half a unit, of weights which in their units
            // are below 1 all together. `H` counts halves of that, and is rounded down by up to 1. A quarter is to spare.
            listed_error: 0.25 * MOST_WEIGHTS as f64 + 1.5,
            index_bytes: stride,
            indices,
            parts,
            factors: Vec::new(),
            entries,
            full: Vec::new(),
            margins: Vec::new(),
            listed_margins: Vec::new(),
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
                    let both = if is_dependent {
                        rho * rho / 4.0 * first
                    } else {
                        2.0 * form
                    };
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
        let size = rho * self.unit / 2.0;
        let form_error = factors[..form_factors].iter().map(error).sum::<f64>();
        let start_factors_error = factors[form_factors..].iter().map(error).sum::<f64>();
        let margin = |start_error: f64| {
            let square_error = start_error + start_factors_error;
            // The square of `Z`, which is `size` at most. 1 more is for the blocks' own norm.
            1.5 + (2.0 * size + square_error) * square_error / ONE + form_error
        };
        let stored = factors.iter().map(|(factor, _)| if known { factor * ONE } else { 0.0 });
        self.factors.extend(stored.map(|factor| pair(factor.round() as i16)));
        if span.slack > COARSE_SLACK {
            self.coarse.push(self.margins.len() as u32);
        }
        self.full.push(if known { (size * size / ONE) as f32 } else { 0.0 });
        let margin_of = |start_error| {
            if known {
                margin(start_error) as f32
            } else {
                f32::INFINITY
            }
        };
        self.margins.push(margin_of(start_error));
        self.listed_margins.push(margin_of(self.listed_error));
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
        let mut thresholds = Vec::new();
        self.set_thresholds(&mut thresholds, error.sqrt(), &self.margins);
        thresholds
    }

    /// The same for [`ListedSeeds`].
    pub fn listed_thresholds(&self, error: f64) -> Vec<u32> {
        let mut thresholds = Vec::new();
        self.set_thresholds(&mut thresholds, error.sqrt(), &self.listed_margins);
        thresholds
    }

    /// Energies of the centre of a ball, of norm 1, from which a seed may have such a word for a block in the ball. `radius` is
    /// the ball's, for blocks of norm 1.
    pub fn ball_thresholds(&self, thresholds: &mut Vec<u32>, error: f64, radius: f64) {
        self.set_thresholds(thresholds, reach_from_centre(error, radius), &self.margins);
    }

    /// Per seed, the full energy times a bound on the second factor in [`fall_in_ball`]: `1 + s / a`. `None` where nothing is known
    /// of the seed, or that is too much to subtract in 16 bits: that takes a slack above `a`, so a code of more than 7 bits per weight.
    pub fn listed_falls(&self, error: f64) -> Vec<Option<i16>> {
        let seeds = self.full.iter().zip(&self.slacks).zip(&self.listed_margins);
        let fall = |((full, slack), margin): ((&f32, &f32), &f32)| {
            let fall = (f64::from(*full) * (1.0 + f64::from(*slack) / error.sqrt()) * 1.000_001).ceil();
            (fall <= f64::from(LIMIT) && margin.is_finite()).then_some(fall as i16)
        };
        let mut falls: Vec<Option<i16>> = seeds.map(fall).collect();
        // Padding is never a hit.
        falls[self.seeds..].fill(Some(0));
        falls
    }

    /// Energies of blocks that are no farther than `reach` from the span of the idealised matrix, but for the seed's slack.
    /// With a ball that is enough: `sin(asin(distance + slack) + angle) <= sin(asin(distance) + angle) + slack` up to a right angle,
    /// as the derivative by `slack` is at most `cos(angle)`.
    fn set_thresholds(&self, thresholds: &mut Vec<u32>, reach: f64, margins: &[f32]) {
        let reach = reach as f32 * 1.000_001;
        let seeds = self.full.iter().zip(margins).zip(&self.slacks);
        thresholds.clear();
        thresholds.extend(seeds.map(|((full, margin), slack)| {
            let distance = reach + slack;
            let rest = (1.0 - distance * distance).max(0.0);
            // A saturating cast takes care of the infinite margin. Two units are more than this rounds.
            let energy = full * rest - margin - 2.0;
            pair(energy.max(f32::from(-LIMIT)) as i16)
        }));
        // Padding repeats the first seeds: never a hit.
        thresholds[self.seeds..].fill(pair(LIMIT));
    }

    /// Whether there is a scan of single seeds, for blocks in leaves.
    pub fn has_lists(&self) -> bool {
        self.index_bytes == 1
    }

    /// Weights in a block.
    pub fn block_size(&self) -> usize {
        self.parts.iter().sum()
    }
}

/// By how much the thresholds of [`ListedSeeds`] are lower for the centre of a ball, in units of [`ScanTable::listed_falls`]: a fraction.
///
/// With `b` the reach from the centre, `a` that from a block and `s` the slack, energies from which on a seed counts are lower by
/// `(b + s)^2 - (a + s)^2 = (b^2 - a^2) (1 + 2 s / (a + b))` of the full one. This is the first factor, rounded up.
pub(crate) fn fall_in_ball(error: f64, radius: f64) -> i16 {
    let reach = reach_from_centre(error, radius);
    (((reach * reach - error).max(0.0) * ONE).ceil() as i16).saturating_add(1)
}

/// How far the centre of a ball can be from the span of a seed that is no farther from a block in the ball than the square root of
/// `error`; all over the norm.
///
/// The angle between a block and a span is the smallest angle between the block and a vector of the span, and angles between
/// vectors obey the triangle inequality. So the angle of the centre is at most that of the block, `asin(sqrt(error))`, and
/// the ball's, `2 asin(radius / 2)`, together.
fn reach_from_centre(error: f64, radius: f64) -> f64 {
    let angle = error.sqrt().min(1.0).asin() + 2.0 * (radius / 2.0).min(1.0).asin();
    if angle < FRAC_PI_2 { angle.sin() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::GROUP;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};
    use seedlm_codec::{BlockCodeFields, Lfsr};
    use seedlm_instructions::Instructions;

    /// For every seed, the lanes that reach a threshold, in all ways to scan.
    struct Scans<'a>(&'a ScanTable, &'a [u32], Vec<&'a [f32]>);

    impl Work for Scans<'_> {
        type Output = (Vec<bool>, Option<Vec<bool>>, Option<Vec<bool>>);

        #[inline(always)]
        fn run<V: Lanes>(self) -> Self::Output {
            let Scans(table, thresholds, blocks) = self;
            let positions = table.margins.len();
            // The last two lanes: one even, one odd.
            let lane = |hits: u32| {
                let [even, odd] = [2, 1].map(|back| hits & V::bit(blocks.len() - back) != 0);
                assert_eq!(even, odd);
                even
            };
            let groups = Scanner::<V>::new(table)
                .scan(thresholds, &blocks)
                .iter()
                .map(|&hits| lane(hits))
                .collect();
            let each = table.has_lists().then(|| {
                let mut scanner = Scanner::<V>::new(table);
                let hits = scanner.scan_each(thresholds, &blocks).iter();
                hits.map(|&hits| lane(hits)).collect()
            });
            let listed = table.has_lists().then(|| {
                let seeds = ListedSeeds::new(table, thresholds, &vec![Some(0); positions]);
                let mut scanner = ListedScanner::<V>::new(table, &seeds);
                scanner.set(&blocks);
                let (all, mut hits) = (Vec::from_iter(0..positions as u32), Vec::new());
                let hits = scanner.scan(&all, &mut hits);
                let mut found = vec![false; positions];
                hits.iter()
                    .for_each(|&(position, hits)| found[position as usize] = lane(hits));
                found
            });
            (groups, each, listed)
        }
    }

    /// What is known of all seeds of a register of 11 bits.
    struct Tables {
        windows: IdealWindows,
        spans: Vec<SeedSpan>,
        scan: ScanTable,
    }

    impl Tables {
        fn new(block_size: u32, columns: u32) -> Self {
            let fields = BlockCodeFields {
                block_size,
                latent_dimension: columns,
                coefficient_bits: 2,
                exponent_bits: 2,
                lfsr: Lfsr::paper(11).unwrap(),
            };
            let code = BlockCode::new(fields).unwrap();
            let orbit = Orbit::new(&code, GROUP);
            let positions = orbit.seeds.next_multiple_of(32);
            let windows = IdealWindows::new(&code, &orbit, positions);
            let mut scan = ScanTable::new(&code, &orbit, &windows, positions);
            let spans: Vec<SeedSpan> = (0..positions).map(|position| windows.span(position, None)).collect();
            spans.iter().for_each(|span| scan.push(span));
            Tables { windows, spans, scan }
        }
    }

    /// A seed reaches a threshold that is its margin below its energy, and not one that is its margin above it.
    #[test]
    fn margins_cover_what_rounding_does() {
        for (block_size, columns) in [
            (1, 1),
            (8, 1),
            (8, 2),
            (8, 3),
            (5, 2),
            (7, 3),
            (8, 4),
            (9, 3),
            (12, 4),
            (24, 5),
            (40, 6),
            (21, 7),
            (8, 8),
            (64, 8),
        ] {
            let Tables {
                windows,
                spans,
                scan: table,
            } = Tables::new(block_size, columns);
            let positions = spans.len();
            let mut random = ChaCha8Rng::seed_from_u64(7);
            let size = block_size as usize;
            let mut values: Vec<f32> = StandardNormal.sample_iter(&mut random).take(6 * size).collect();
            // All the same, and one weight alone.
            values.extend(vec![1.0; size]);
            values.extend((0..size).map(|c| if c == size / 2 { -1.0 } else { 0.0 }));
            for block in values.chunks(size) {
                let norm = block.iter().map(|w| f64::from(*w) * f64::from(*w)).sum::<f64>().sqrt();
                let block: Vec<f32> = block.iter().map(|w| (f64::from(*w) / norm) as f32).collect();
                let energies: Vec<f64> = (0..positions)
                    .map(|position| {
                        f64::from(table.full[position]) * windows.energy(position, &spans[position], &block)
                    })
                    .collect();
                for instructions in Instructions::available() {
                    for listed in [false, true] {
                        let margins = if listed { &table.listed_margins } else { &table.margins };
                        for direction in [-1.0, 1.0] {
                            let threshold = |position: usize| match margins[position] {
                                margin if margin.is_infinite() => pair(-1),
                                margin => {
                                    let threshold = energies[position] + direction * f64::from(margin);
                                    pair(if direction < 0.0 {
                                        threshold.floor()
                                    } else {
                                        threshold.ceil() + 1.0
                                    } as i16)
                                }
                            };
                            let thresholds: Vec<u32> = (0..positions).map(threshold).collect();
                            let blocks = vec![&block[..]; 6];
                            let (groups, each, in_list) = dispatch(instructions, Scans(&table, &thresholds, blocks));
                            let Some(found) = (if listed { in_list } else { each }) else {
                                continue;
                            };
                            for position in 0..positions {
                                let expected = direction < 0.0 || margins[position].is_infinite();
                                let seed = (block_size, columns, position, listed);
                                assert_eq!(found[position], expected, "{instructions}, {seed:?}");
                            }
                            if !listed {
                                let of_groups = found.chunks(GROUP).map(|group| group.contains(&true));
                                assert!(of_groups.eq(groups.iter().copied()), "{instructions}");
                            }
                        }
                    }
                }
            }
        }
    }

    /// For every seed, the lanes whose ball it may be near enough to.
    struct ScanBalls<'a> {
        table: &'a ScanTable,
        error: f64,
        centres: Vec<&'a [f32]>,
        radii: &'a [f32],
    }

    impl Work for ScanBalls<'_> {
        type Output = Vec<Vec<bool>>;

        #[inline(always)]
        fn run<V: Lanes>(self) -> Self::Output {
            let (table, error) = (self.table, self.error);
            let seeds = ListedSeeds::new(table, &table.listed_thresholds(error), &table.listed_falls(error));
            let mut scanner = ListedScanner::<V>::new(table, &seeds);
            scanner.set(&self.centres);
            let all = Vec::from_iter(0..table.seeds as u32);
            // What was there before does not count.
            let mut sets = vec![u32::MAX; 7 * table.seeds];
            let falls = self.radii.iter().map(|&radius| fall_in_ball(error, radius.into()));
            scanner.scan_balls(&all, falls, &mut sets);
            assert_eq!(sets.len(), table.seeds.next_multiple_of(32));
            assert!(sets[table.seeds..].iter().all(|&set| set == 0));
            let lanes = |set: &u32| (0..self.centres.len()).map(|lane| set & V::bit(lane) != 0).collect();
            sets[..table.seeds].iter().map(lanes).collect()
        }
    }

    #[test]
    fn centres_of_balls_keep_what_any_block_in_the_ball_needs() {
        for (block_size, columns) in [(1, 1), (8, 1), (5, 2), (8, 2), (8, 3), (7, 3), (8, 4)] {
            let tables = Tables::new(block_size, columns);
            let size = block_size as usize;
            let mut random = ChaCha8Rng::seed_from_u64(11);
            let mut unit = |centre: &[f32], spread: f32| -> Vec<f32> {
                let noise = StandardNormal.sample_iter(&mut random).take(size);
                let vector: Vec<f32> = noise
                    .zip(centre)
                    .map(|(noise, c): (f32, _)| c + spread * noise)
                    .collect();
                let norm = vector.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
                vector.iter().map(|v| (f64::from(*v) / norm) as f32).collect()
            };
            // From balls of one block to such that reach everywhere.
            let spreads = [0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 1.0, 3.0, f32::INFINITY];
            let balls = spreads.map(|spread| {
                // Around zero, which is near nothing, there is any block at all.
                let (is_anywhere, nothing) = (spread == f32::INFINITY, vec![0.0; size]);
                let centre = if is_anywhere {
                    nothing.clone()
                } else {
                    unit(&nothing, 1.0)
                };
                let spread = if is_anywhere { 1.0 } else { spread };
                let members: Vec<Vec<f32>> = (0..4).map(|_| unit(&centre, spread)).collect();
                (centre, members)
            });
            let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
            let radii = balls.each_ref().map(|(centre, members)| {
                let distances = members.iter().map(|member| distance(centre, member));
                let is_anywhere = centre.iter().all(|&c| c == 0.0);
                if is_anywhere {
                    2.0
                } else {
                    distances.fold(0.0, f32::max) + 1e-5
                }
            });
            for error in [1e-4, 0.025, 0.15] {
                for instructions in Instructions::available() {
                    let found = dispatch(
                        instructions,
                        ScanBalls {
                            table: &tables.scan,
                            error,
                            centres: balls.iter().map(|(centre, _)| &centre[..]).collect(),
                            radii: &radii,
                        },
                    );
                    let mut left_out = 0;
                    for (position, (found, span)) in found.iter().zip(&tables.spans).enumerate() {
                        for (lane, (_, members)) in balls.iter().enumerate() {
                            let is_needed = members.iter().any(|member| {
                                let square = 1.0 - tables.windows.energy(position, span, member);
                                square.max(0.0).sqrt() <= error.sqrt() + f64::from(tables.scan.slacks[position])
                            });
                            let known = !span.unknown;
                            assert!(
                                found[lane] || (known && !is_needed),
                                "{instructions}, {block_size} x {columns}, {error}, ball {lane}, position {position}"
                            );
                            left_out += usize::from(!found[lane]);
                        }
                    }
                    // Where a block is anywhere near all spans there is nothing to leave out.
                    let is_small = size > columns as usize + 1;
                    assert!(
                        !is_small || left_out > found.len(),
                        "{block_size} x {columns}: {left_out}"
                    );
                }
            }
        }
    }
}
