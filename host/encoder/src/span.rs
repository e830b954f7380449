//! How far a block is from what a seed can reach at all, in `f32`: the second sieve.
//!
//! # The idealised matrix
//!
//! A state is a window of `K` bits of one sequence `b`, newest bit on top. Write `sigma = 2b - 1` and let the window go on
//! into the past for ever:
//!
//! `u[m] = sum over i >= 1 of 2^-i sigma[m + K - i]`, so that `u[m+1] = (u[m] + sigma[m+K]) / 2`.
//!
//! An entry `A = state - 2^(K-1)` of the real matrix is `2^(K-1) u - d` with `0 <= d <= 1` (the past is worth one step at
//! most). The idealised matrix of a seed has `u` in place of `A`. Its columns 1.. are combinations of its column 0 and of
//! the *sign vectors* `s_p[c] = sigma[n + p + K + cP]`, so its span is that of `s_1 .. s_{P-1}, u_0`: easy to orthogonalise,
//! exactly rank-deficient where two sign vectors agree, and its inner products with a block obey the recursion above.
//!
//! # The bound
//!
//! For a word `A x` with error at most `|t|^2`, `|t - A x| >= dist(t, span) - |d x|`, and `|d x| <= sqrt(C) |x|_1`. Two
//! bounds on `x` serve: it comes from the code's coefficients and exponents; and `|A x| <= 2 |t|`, so
//! `|x| <= 2 |t| / sigma_min(A)`. `slack` is the resulting bound on `|d x| / |t|`.
//!
//! # With a metric
//!
//! Where errors are counted in a metric `F` ([`ErrorMetric`]), all of this holds for `F A` and `F t`: `|F d x| <= |d x|`, since no
//! vector becomes longer. The coordinates of `F t` come from inner products of the same columns with `F^T F t`, the direction that
//! [`crate::target::Target::direction`] gives, so only the triangles are others.

use crate::candidate::MOST_COEFFICIENTS;
use crate::metric::ErrorMetric;
use crate::orbit::Orbit;
use crate::scan::Floats;
use seedlm_codec::BlockCode;
use seedlm_instructions::prefetch;

mod single;

pub(crate) use single::{SingleCandidate, SingleSeeds};

/// Seeds that are treated side by side.
pub(crate) const GROUP: usize = 8;
/// Inner products of a group: a seed needs those at its position and `P - 1` further ones.
const REACH: usize = GROUP + MOST_COEFFICIENTS;
/// Squared length below which a sign vector is a combination of those before it. Gram determinants of sign vectors are
/// integers and at most `C^r`, so the squared length outside the span of `r <= 6` others is 0 or at least 64^-6 > 1e-11.
const DEPENDENT: f64 = 1e-13;

/// An orthonormal basis of one seed's idealised span, as the triangle that turns inner products into coordinates.
pub(crate) struct SeedSpan {
    /// `triangle[i][k]`: coordinate `i` of a block `w` is the sum over `k <= i` of `triangle[i][k] * g[k]`, with
    /// `g = (<s_1, w>, .., <s_{P-1}, w>, <u_0, w>)`. A dependent vector has a row of zeros.
    pub triangle: [[f64; MOST_COEFFICIENTS]; MOST_COEFFICIENTS],
    /// Bound on `|d x| / |t|`; infinite where only the code's range bounds `x`.
    pub slack: f64,
    /// Lower bound on `|A x|`, in integer steps, for integers `x` that are not all zero; 0 where none is known.
    pub shortest: f64,
    /// Whether the span could not be computed safely: no bound then.
    pub unknown: bool,
}

impl SeedSpan {
    /// The slack as it is stored: no less.
    fn slack_above(&self) -> f32 {
        self.slack as f32 * 1.000_001
    }
}

/// 1 in units of rounded entries: the largest number of 16 bits.
const ENTRY_UNITS: f64 = 32767.0;

/// The sequences behind all idealised matrices.
pub(crate) struct IdealWindows {
    columns: usize,
    rows: usize,
    /// `u[m]`, `m` from 0.
    u: Vec<f64>,
    /// `sigma[m + K]`.
    newest: Vec<f64>,
    /// One step of an entry in the unit of `u`: `2^(1-K)`.
    resolution: f64,
}

impl IdealWindows {
    /// Windows for every position below `positions` and all that a seed there needs.
    pub fn new(code: &BlockCode, orbit: &Orbit, positions: usize) -> Self {
        let (rows, columns) = (code.block_size(), code.latent_dimension());
        let length = code.lfsr().length() as usize;
        let count = positions + rows * columns + REACH + 1;
        let sign = |position: usize| if orbit.bit(position) { 1.0 } else { -1.0 };
        // 64 steps of the recursion forget where it started.
        let start = 64_usize.div_ceil(orbit.seeds) * orbit.seeds;
        let past = (start - 64..start).fold(0.0, |u, position| (u + sign(position + length)) / 2.0);
        let newest: Vec<f64> = (0..count).map(|position| sign(position + length)).collect();
        let mut u = vec![past];
        for sign in &newest[..count - 1] {
            u.push((u[u.len() - 1] + sign) / 2.0);
        }
        IdealWindows {
            columns,
            rows,
            u,
            newest,
            resolution: 2_f64.powi(1 - length as i32),
        }
    }

    /// `u`, from position 0, in units of 1 / [`ENTRY_UNITS`].
    pub fn rounded_entries(&self) -> Vec<i16> {
        (0..self.u.len()).map(|place| self.rounded_entry(place)).collect()
    }

    fn rounded_entry(&self, place: usize) -> i16 {
        (self.u[place] * ENTRY_UNITS).round() as i16
    }

    /// The relative energy of a block of norm 1 in the span of the seed at a position.
    #[cfg(test)]
    pub fn energy(&self, position: usize, span: &SeedSpan, block: &[f32]) -> f64 {
        let products = self.products(position, block);
        let rows = span.triangle.iter();
        let coordinates = rows.map(|row| row.iter().zip(&products).map(|(t, g)| t * g).sum::<f64>());
        coordinates.map(|coordinate| coordinate * coordinate).sum()
    }

    /// The inner products of a block with the sign vectors and `u_0` of the seed at a position, which the triangle turns into
    /// coordinates.
    #[cfg(test)]
    fn products(&self, position: usize, block: &[f32]) -> [f64; MOST_COEFFICIENTS] {
        let mut products = [0.0; MOST_COEFFICIENTS];
        for (index, product) in products.iter_mut().enumerate().take(self.columns) {
            let (source, first) = if index + 1 < self.columns {
                (&self.newest, position + index + 1)
            } else {
                (&self.u, position + 1)
            };
            let entries = source[first..].iter().step_by(self.columns);
            *product = entries
                .zip(block)
                .map(|(entry, &weight)| entry * f64::from(weight))
                .sum();
        }
        products
    }

    /// Orthogonalises the span of the seed at a position, as errors are counted.
    pub fn span(&self, position: usize, metric: Option<&ErrorMetric>) -> SeedSpan {
        let (rows, columns) = (self.rows, self.columns);
        // What a metric may leave of a squared length.
        let dependent = DEPENDENT * metric.map_or(1.0, |_| ErrorMetric::SMALLEST);
        let mut triangle = [[0.0; MOST_COEFFICIENTS]; MOST_COEFFICIENTS];
        let mut directions: [[f64; 64]; MOST_COEFFICIENTS] = [[0.0; 64]; MOST_COEFFICIENTS];
        let mut unknown = false;
        let mut full_rank = true;
        for index in 0..columns {
            let (done, rest) = directions.split_at_mut(index);
            let vector = &mut rest[0][..rows];
            let (source, first) = if index + 1 < columns {
                (&self.newest, position + index + 1)
            } else {
                (&self.u, position + 1)
            };
            for (value, &entry) in vector.iter_mut().zip(source[first..].iter().step_by(columns)) {
                *value = entry;
            }
            if let Some(metric) = metric {
                metric.apply(vector);
            }
            let mut row = [0.0; MOST_COEFFICIENTS];
            row[index] = 1.0;
            for _ in 0..2 {
                for (other, direction) in done.iter().enumerate() {
                    let part: f64 = vector.iter().zip(direction).map(|(a, b)| a * b).sum();
                    vector
                        .iter_mut()
                        .zip(direction)
                        .for_each(|(value, direction)| *value -= part * direction);
                    for k in 0..=other {
                        row[k] -= part * triangle[other][k];
                    }
                }
            }
            let square: f64 = vector.iter().map(|value| value * value).sum();
            if square > dependent {
                let factor = 1.0 / square.sqrt();
                vector.iter_mut().for_each(|value| *value *= factor);
                triangle[index] = row.map(|value| value * factor);
            } else {
                vector.fill(0.0);
                full_rank = false;
                // The argument for DEPENDENT holds for sign vectors only.
                unknown |= index + 1 == columns;
            }
        }
        let smallest = if full_rank { self.smallest(&triangle) } else { 0.0 };
        // |x|_1 <= sqrt(P) |x|, and 2 |t| / smallest bounds |x|.
        let slack = if smallest > 0.0 {
            2.0 * self.change() / smallest
        } else {
            f64::INFINITY
        };
        SeedSpan {
            triangle,
            slack,
            // |x| >= 1, and `u` counts in units of 2^(K-1).
            shortest: smallest.max(0.0) / self.resolution,
            unknown,
        }
    }

    /// The norm of what idealising changed: `sqrt(C P) 2^(1-K)` where `u` counts in units of `2^(K-1)`.
    fn change(&self) -> f64 {
        (self.rows as f64 * self.columns as f64).sqrt() * self.resolution
    }

    /// A lower bound on `sigma_min(A)` in units of `2^(K-1)`: from the Frobenius norm of the idealised matrix's
    /// pseudo-inverse, made smaller by [`Self::change`].
    fn smallest(&self, triangle: &[[f64; MOST_COEFFICIENTS]; MOST_COEFFICIENTS]) -> f64 {
        let columns = self.columns;
        let mut square = 0.0;
        for row in &triangle[..columns] {
            // Coefficients of one direction in the columns of the matrix, by `s_p = 2 u_p - u_{p-1}`.
            let mut coefficients = [0.0; MOST_COEFFICIENTS];
            coefficients[0] = row[columns - 1];
            for p in 1..columns {
                coefficients[p] += 2.0 * row[p - 1];
                coefficients[p - 1] -= row[p - 1];
            }
            square += coefficients.iter().map(|value| value * value).sum::<f64>();
        }
        1.0 / square.sqrt() - self.change()
    }
}

/// Inner products of a block with eight windows, `P` apart from weight to weight; the windows start one after the other. `C`: weights
/// in the block, or 0 for any number.
#[inline(always)]
fn inner_products<F: Floats, const P: usize, const C: usize>(windows: &[f32], block: &[f32]) -> F {
    if C == 0 {
        let mut sum = F::spread(0.0);
        for (c, &weight) in block.iter().enumerate() {
            sum = window::<F>(windows, c * P).multiply_add(F::spread(weight), sum);
        }
        return sum;
    }
    let (windows, block) = (&windows[..(C - 1) * P + GROUP], &block[..C]);
    // Two sums, which do not wait for each other.
    let mut sums = [F::spread(0.0); 2];
    for c in 0..C {
        sums[c % 2] = window::<F>(windows, c * P).multiply_add(F::spread(block[c]), sums[c % 2]);
    }
    sums[0].add(sums[1])
}

#[inline(always)]
fn window<F: Floats>(windows: &[f32], start: usize) -> F {
    F::load(windows[start..][..GROUP].try_into().expect("as long as asked for"))
}

/// How much larger the relative energy of a block in a seed's span can be than computed in `f32`; infinite: unknown. `entry_error` is what the
/// inner product with `u_0` may be off by besides, for a block of norm 1.
fn margin(span: &SeedSpan, rows: usize, columns: usize, entry_error: f64) -> f32 {
    if span.unknown {
        return f32::INFINITY;
    }
    let (rows, columns) = (rows as f64, columns as f64);
    // Inner products of C terms, with |u| <= 1 and a block of norm 1, are off by (C + 3) sqrt(C) 2^-24 at most; the
    // triangle's sum of P terms adds P + 1 roundings of terms below the bound sqrt(C) on an inner product. Twice the norm of
    // all that bounds the change of the energy; it is at most 1.
    let square: f64 = span.triangle.iter().flatten().map(|value| value * value).sum();
    let product = rows.sqrt() * 2_f64.powi(-24) * (rows + columns + 6.0);
    // `u_0` is in the last coordinate only.
    let last = span.triangle[columns as usize - 1][columns as usize - 1] * entry_error;
    (2.0 * ((square * columns).sqrt() * product + last) + 1e-5) as f32
}

/// A lower bound on the relative error of a seed's words, from a lower bound on the block's squared distance from its span, over its norm.
/// `range_slack` is the bound on `|d x| / |t|` by the code's range.
#[inline(always)]
fn bound(square: f64, slack: f32, range_slack: f64) -> f64 {
    let distance = (square.max(0.0).sqrt() - f64::from(slack).min(range_slack)).max(0.0);
    distance * distance
}

/// What a block is to the seeds of a group.
#[derive(Clone, Copy, Default)]
pub(crate) struct GroupEnergies {
    /// Those that may do, one bit each.
    lanes: u32,
    /// The relative energies in the seeds' spans.
    energies: [f32; GROUP],
}

/// The seeds of a group that may do.
pub(crate) struct GroupCandidates<'a> {
    first: usize,
    /// Those that are left, one bit each.
    lanes: u32,
    energies: &'a [f32; GROUP],
    margins: &'a [f32; GROUP],
    slacks: &'a [f32; GROUP],
    range_slack: f64,
    admitted: f64,
}

impl GroupCandidates<'_> {
    /// The next position, with a lower bound on its words' relative error, as far as that is below 1.
    #[inline(always)]
    pub fn next(&mut self) -> Option<(usize, f64)> {
        while self.lanes != 0 {
            let lane = self.lanes.trailing_zeros() as usize;
            self.lanes &= self.lanes - 1;
            let square = 1.0 - f64::from(self.energies[lane]) - f64::from(self.margins[lane]);
            let bound = bound(square, self.slacks[lane], self.range_slack);
            if bound <= self.admitted {
                return Some((self.first + lane, bound));
            }
        }
        None
    }
}

/// Triangles of all seeds in `f32`, eight seeds side by side.
pub(crate) struct SpanTable {
    seeds: usize,
    rows: usize,
    columns: usize,
    u: Vec<f32>,
    /// Signs of the sequence, as [`IdealWindows`] has them.
    newest: Vec<f32>,
    /// All that is known of a group stands together: for each `i`, for each `k <= i`, the eight seeds' `triangle[i][k]`; then, per
    /// seed, how much larger the relative energy can be than computed (infinite: unknown); then [`SeedSpan::slack`].
    groups: Vec<[f32; GROUP]>,
    /// Per seed, [`SeedSpan::shortest`].
    shortest: Vec<f32>,
}

impl SpanTable {
    /// An empty table, for so many seeds; what else is pushed is padding.
    pub fn new(windows: &IdealWindows, seeds: usize) -> Self {
        SpanTable {
            seeds,
            rows: windows.rows,
            columns: windows.columns,
            u: windows.u.iter().map(|&u| u as f32).collect(),
            newest: windows.newest.iter().map(|&sign| sign as f32).collect(),
            groups: Vec::new(),
            shortest: Vec::new(),
        }
    }

    /// Adds the next eight seeds.
    pub fn push(&mut self, group: &[SeedSpan]) {
        for i in 0..self.columns {
            for k in 0..=i {
                let mut column = [0.0; GROUP];
                for (value, span) in column.iter_mut().zip(group) {
                    *value = span.triangle[i][k] as f32;
                }
                self.groups.push(column);
            }
        }
        let (mut margins, mut slacks) = ([0.0; GROUP], [0.0; GROUP]);
        for (lane, span) in group.iter().enumerate() {
            margins[lane] = margin(span, self.rows, self.columns, 0.0);
            slacks[lane] = span.slack_above();
            self.shortest.push(span.shortest as f32 * 0.999_999);
        }
        self.groups.extend([margins, slacks]);
    }

    /// The energies of a block in the spans of a group's seeds, and which seeds can have a word of relative error
    /// (`|t - A x|^2 / |t|^2`) `admitted` or less. `block` is `t` over its norm. No branch depends on the numbers.
    #[inline(always)]
    pub fn energies<F: Floats>(&self, group: usize, block: &[f32], admitted: f64) -> GroupEnergies {
        let energies = match (self.columns, block.len()) {
            // The presets' blocks need no loop.
            (3, 8) => self.energies_of::<F, 3, 8>(group, block),
            (4, 12) => self.energies_of::<F, 4, 12>(group, block),
            (1, _) => self.energies_of::<F, 1, 0>(group, block),
            (2, _) => self.energies_of::<F, 2, 0>(group, block),
            (3, _) => self.energies_of::<F, 3, 0>(group, block),
            (4, _) => self.energies_of::<F, 4, 0>(group, block),
            (5, _) => self.energies_of::<F, 5, 0>(group, block),
            (6, _) => self.energies_of::<F, 6, 0>(group, block),
            (7, _) => self.energies_of::<F, 7, 0>(group, block),
            _ => self.energies_of::<F, 8, 0>(group, block),
        };
        let [margins, slacks] = self.limits(group);
        // An energy from which on the bound can be low enough, whatever the block's range; with room for its own rounding.
        let distance = F::spread(admitted.sqrt() as f32 * 1.000_001).add(F::load(slacks));
        let rest = F::spread(1.0 - 1e-5).sub(F::load(margins));
        let threshold = rest.sub(distance.multiply(distance));
        GroupEnergies {
            lanes: energies.at_least(threshold),
            energies: energies.store(),
        }
    }

    /// The seeds of a group (but for padding) that can have a word of relative error `admitted` or less, given the energies of
    /// a block. `range_slack` is the bound on `|d x| / |t|` by the code's range.
    #[inline(always)]
    pub fn candidates<'a>(
        &'a self,
        group: usize,
        energies: &'a GroupEnergies,
        range_slack: f64,
        admitted: f64,
    ) -> GroupCandidates<'a> {
        let [margins, slacks] = self.limits(group);
        GroupCandidates {
            first: group * GROUP,
            lanes: energies.lanes,
            energies: &energies.energies,
            margins,
            slacks,
            range_slack,
            admitted,
        }
    }

    /// The margins and slacks of a group's seeds.
    #[inline(always)]
    fn limits(&self, group: usize) -> &[[f32; GROUP]; 2] {
        let terms = self.columns * (self.columns + 1) / 2;
        let limits = &self.groups[group * (terms + 2) + terms..][..2];
        limits.try_into().expect("as long as asked for")
    }

    /// Brings a group nearer that will be asked for soon.
    #[inline(always)]
    pub fn prefetch(&self, group: usize) {
        let terms = self.columns * (self.columns + 1) / 2 + 2;
        // Two to a line.
        for numbers in self.groups[group * terms..][..terms].iter().step_by(2) {
            prefetch(numbers);
        }
        let reach = (self.rows - 1) * self.columns + GROUP;
        for windows in [&self.u, &self.newest] {
            let (lines, _) = windows[group * GROUP..][..reach].as_chunks::<GROUP>();
            for numbers in lines.iter().step_by(2) {
                prefetch(numbers);
            }
        }
    }

    /// The relative energies of a block of norm 1 in the spans of a group's seeds: 1 less the squared distance.
    #[inline(always)]
    fn energies_of<F: Floats, const P: usize, const C: usize>(&self, group: usize, block: &[f32]) -> F {
        let first = group * GROUP;
        // The sign vectors first.
        let mut products = [F::spread(0.0); P];
        for p in 1..P {
            products[p - 1] = inner_products::<F, P, C>(&self.newest[first + p..], block);
        }
        products[P - 1] = inner_products::<F, P, C>(&self.u[first + 1..], block);
        let terms = P * (P + 1) / 2;
        let triangle = &self.groups[group * (terms + 2)..][..terms];
        let mut energies = F::spread(0.0);
        for i in 0..P {
            let mut coordinate = F::spread(0.0);
            for k in 0..=i {
                coordinate = F::load(&triangle[i * (i + 1) / 2 + k]).multiply_add(products[k], coordinate);
            }
            energies = coordinate.multiply_add(coordinate, energies);
        }
        energies
    }

    /// [`SeedSpan::shortest`] of the seed at a position.
    pub fn shortest(&self, position: usize) -> f64 {
        f64::from(self.shortest[position])
    }

    /// Number of seeds, without padding.
    pub fn seeds(&self) -> usize {
        self.seeds
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.shortest.len() / GROUP
    }
}
