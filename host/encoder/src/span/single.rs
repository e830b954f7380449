//! The second sieve for single seeds, where it is known which one is meant: all that is known of it is in one line of the cache, or in two
//! with four columns.

use super::{ENTRY_UNITS, IdealWindows, SeedSpan, bound, margin};
use crate::scan::{Floats, Lanes, MOST_LISTED_COLUMNS};
use crate::sorted::MOST_WEIGHTS;
use seedlm_instructions::prefetch;

/// One seed. `T`: entries of the triangle.
#[repr(C, align(64))]
pub(crate) struct SingleSeed<const T: usize> {
    /// `u_0`, in units of 1 / [`ENTRY_UNITS`].
    entries: [i16; MOST_WEIGHTS],
    /// The triangle, row by row, in units of the inner products. Rows for two or three sign vectors, and then that of `u_0`: what is not
    /// used is zero.
    triangle: [f32; T],
    /// How much larger the relative energy can be than computed; infinite: unknown.
    margin: f32,
    /// [`SeedSpan::slack`].
    slack: f32,
    /// The signs of the sign vectors, one bit for each weight.
    signs: [u8; MOST_LISTED_COLUMNS - 1],
}

const _: () = assert!(size_of::<SingleSeed<6>>() == 64 && size_of::<SingleSeed<10>>() == 128);

/// All seeds of a code of at most [`MOST_WEIGHTS`] weights in at most [`MOST_LISTED_COLUMNS`] columns.
pub(crate) enum SingleSeeds {
    UpToThree(Vec<SingleSeed<6>>),
    Four(Vec<SingleSeed<10>>),
}

impl SingleSeeds {
    /// An empty table.
    ///
    /// # Panics
    /// Where blocks or columns are too many.
    pub fn new(windows: &IdealWindows) -> Self {
        assert!(windows.rows <= MOST_WEIGHTS, "blocks are too large");
        match windows.columns {
            1..=3 => SingleSeeds::UpToThree(Vec::new()),
            MOST_LISTED_COLUMNS => SingleSeeds::Four(Vec::new()),
            columns => panic!("{columns} columns are too many"),
        }
    }

    /// Adds the next seeds.
    pub fn push(&mut self, windows: &IdealWindows, spans: &[SeedSpan]) {
        match self {
            SingleSeeds::UpToThree(seeds) => seeds.extend(new_seeds::<3, _>(windows, seeds.len(), spans)),
            SingleSeeds::Four(seeds) => seeds.extend(new_seeds::<4, _>(windows, seeds.len(), spans)),
        }
    }
}

/// `P`: rows of the triangle, that of `u_0` last.
fn new_seeds<const P: usize, const T: usize>(
    windows: &IdealWindows,
    first: usize,
    spans: &[SeedSpan],
) -> impl Iterator<Item = SingleSeed<T>> {
    let (rows, columns) = (windows.rows, windows.columns);
    spans.iter().zip(first..).map(move |(span, position)| {
        let mut entries = [0; MOST_WEIGHTS];
        let mut signs = [0; MOST_LISTED_COLUMNS - 1];
        for (c, entry) in entries.iter_mut().enumerate().take(rows) {
            *entry = windows.rounded_entry(position + 1 + c * columns);
            for p in 1..columns {
                signs[p - 1] |= u8::from(windows.newest[position + p + c * columns] > 0.0) << c;
            }
        }
        let mut triangle = [0.0; T];
        for (i, row) in span.triangle[..columns].iter().enumerate() {
            // `u_0` comes last, however many sign vectors there are.
            let (place, unit) = if i + 1 < columns {
                (i, 1.0)
            } else {
                (P - 1, ENTRY_UNITS)
            };
            let first = place * (place + 1) / 2;
            for k in 0..i {
                triangle[first + k] = row[k] as f32;
            }
            triangle[first + place] = (row[i] / unit) as f32;
        }
        SingleSeed {
            entries,
            triangle,
            margin: margin(span, rows, columns, entry_error(rows)),
            slack: span.slack_above(),
            signs,
        }
    })
}

/// What the inner product of a block of norm 1 with the rounded entries may be off by: half a unit of each.
fn entry_error(rows: usize) -> f64 {
    0.51 / ENTRY_UNITS * (rows as f64).sqrt()
}

/// A seed that may do for a block.
#[derive(Clone, Copy, Default)]
pub(crate) struct SingleCandidate {
    pub position: u32,
    /// The block's lane.
    pub lane: u32,
    /// At least the block's squared distance from the seed's span, over its norm.
    square: f32,
    slack: f32,
}

impl SingleCandidate {
    /// A lower bound on the relative error of its words. `range_slack` is the bound on `|d x| / |t|` by the code's range.
    #[inline(always)]
    pub fn bound(&self, range_slack: f64) -> f64 {
        bound(f64::from(self.square), self.slack, range_slack)
    }
}

impl SingleSeeds {
    /// Keeps those (position, lane) that can have a word of relative error `admitted` or less, whatever the block's range. Blocks have
    /// norm 1 and are filled up with zeros. Returns how many there are, first of all in `found`, which has room for all.
    #[inline(always)]
    pub fn keep<V: Lanes>(
        &self,
        looks: &[(u32, u32)],
        blocks: &[[f32; MOST_WEIGHTS]],
        admitted: f64,
        found: &mut [SingleCandidate],
    ) -> usize {
        match self {
            SingleSeeds::UpToThree(seeds) => keep::<V, 3, 6>(seeds, looks, blocks, admitted, found),
            SingleSeeds::Four(seeds) => keep::<V, 4, 10>(seeds, looks, blocks, admitted, found),
        }
    }
}

/// So many seeds that will be looked at are on their way from memory.
const AHEAD: usize = 12;

#[inline(always)]
fn keep<V: Lanes, const P: usize, const T: usize>(
    seeds: &[SingleSeed<T>],
    looks: &[(u32, u32)],
    blocks: &[[f32; MOST_WEIGHTS]],
    admitted: f64,
    found: &mut [SingleCandidate],
) -> usize {
    // Room for its own rounding.
    let distance = admitted.sqrt() as f32 * 1.000_001;
    let mut count = 0;
    for (number, &(position, lane)) in looks.iter().enumerate() {
        if let Some(&(later, _)) = looks.get(number + AHEAD) {
            let later = &seeds[later as usize];
            prefetch(&later.entries);
            if size_of::<SingleSeed<T>>() > 64 {
                prefetch(&later.signs);
            }
        }
        let seed = &seeds[position as usize];
        let block = V::Floats::load(&blocks[lane as usize]);
        let mut terms = [V::Floats::spread(0.0); 4];
        for (p, terms) in terms[..P - 1].iter_mut().enumerate() {
            *terms = block.multiply(V::Floats::load(&SIGNS[usize::from(seed.signs[p])]));
        }
        terms[P - 1] = block.multiply(V::Floats::from_words(&seed.entries));
        let products = V::Floats::sums(terms);
        let mut energy = 0.0;
        for i in 0..P {
            let mut coordinate = 0.0;
            let row = &seed.triangle[i * (i + 1) / 2..][..=i];
            for (factor, product) in row.iter().zip(&products) {
                coordinate += factor * product;
            }
            energy += coordinate * coordinate;
        }
        let square = 1.0 - 1e-5 - energy - seed.margin;
        let reach = distance + seed.slack;
        // All are written, and those that will not do are written over: a branch would be guessed wrong often.
        found[count] = SingleCandidate {
            position,
            lane,
            square,
            slack: seed.slack,
        };
        count += usize::from(square <= reach * reach);
    }
    count
}

/// The signs of a byte's bits, lowest first: 1 where it is set.
static SIGNS: [[f32; MOST_WEIGHTS]; 256] = {
    let mut signs = [[-1.0; MOST_WEIGHTS]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < MOST_WEIGHTS {
            if byte >> bit & 1 == 1 {
                signs[byte][bit] = 1.0;
            }
            bit += 1;
        }
        byte += 1;
    }
    signs
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orbit::Orbit;
    use crate::scan::{Work, dispatch};
    use crate::span::GROUP;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};
    use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr};
    use seedlm_instructions::Instructions;

    /// All seeds, for one block, with an error that all may have.
    struct KeepAll<'a>(&'a SingleSeeds, usize, [f32; MOST_WEIGHTS]);

    impl Work for KeepAll<'_> {
        type Output = Vec<SingleCandidate>;

        #[inline(always)]
        fn run<V: Lanes>(self) -> Vec<SingleCandidate> {
            let KeepAll(seeds, count, block) = self;
            let looks: Vec<(u32, u32)> = (0..count as u32).map(|position| (position, 1)).collect();
            let mut found = vec![SingleCandidate::default(); count];
            let kept = seeds.keep::<V>(&looks, &[[0.0; MOST_WEIGHTS], block], 1.0, &mut found);
            found.truncate(kept);
            found
        }
    }

    #[test]
    fn squares_are_below_the_distance_and_not_by_more_than_their_margin() {
        for (block_size, latent_dimension) in [(1, 1), (8, 1), (5, 2), (8, 3), (7, 3), (4, 4), (8, 4)] {
            let fields = BlockCodeFields {
                block_size,
                latent_dimension,
                coefficient_bits: 2,
                exponent_bits: 2,
                lfsr: Lfsr::paper(11).unwrap(),
            };
            let code = BlockCode::new(fields).unwrap();
            let orbit = Orbit::new(&code, GROUP);
            let windows = IdealWindows::new(&code, &orbit, orbit.seeds);
            let spans: Vec<SeedSpan> = (0..orbit.seeds).map(|position| windows.span(position, None)).collect();
            let mut seeds = SingleSeeds::new(&windows);
            spans.chunks(100).for_each(|spans| seeds.push(&windows, spans));
            let size = code.block_size();
            let random = ChaCha8Rng::seed_from_u64(9);
            let mut values: Vec<f32> = StandardNormal.sample_iter(random).take(4 * size).collect();
            values.extend(vec![1.0; size]);
            values.extend((0..size).map(|c| if c == size / 2 { -1.0 } else { 0.0 }));
            for weights in values.chunks(size) {
                let norm = weights
                    .iter()
                    .map(|w| f64::from(*w) * f64::from(*w))
                    .sum::<f64>()
                    .sqrt();
                let mut block = [0.0; MOST_WEIGHTS];
                for (value, weight) in block.iter_mut().zip(weights) {
                    *value = (f64::from(*weight) / norm) as f32;
                }
                let kept = dispatch(Instructions::Scalar, KeepAll(&seeds, spans.len(), block));
                assert_eq!(kept.len(), spans.len());
                for instructions in Instructions::available() {
                    let same = dispatch(instructions, KeepAll(&seeds, spans.len(), block));
                    let squares = |found: &[SingleCandidate]| -> Vec<u32> {
                        found.iter().map(|candidate| candidate.square.to_bits()).collect()
                    };
                    assert_eq!(squares(&same), squares(&kept), "{instructions}");
                }
                for (position, (candidate, span)) in kept.iter().zip(&spans).enumerate() {
                    let distance = 1.0 - windows.energy(position, span, &block[..size]);
                    let square = f64::from(candidate.square);
                    let seed = (block_size, latent_dimension, position);
                    if span.unknown {
                        assert_eq!(square, f64::NEG_INFINITY, "{seed:?}");
                        continue;
                    }
                    let margin = f64::from(margin(span, size, code.latent_dimension(), entry_error(size)));
                    assert!(square <= distance, "{seed:?}: {square} {distance}");
                    assert!(
                        square >= distance - 2.0 * margin - 3e-5,
                        "{seed:?}: {square} {distance}"
                    );
                }
            }
        }
    }
}
