//! Block codes of the presets' sizes: C = 8, P = 3 or C = 12, P = 4; K = 16, with any taps; 4 bits each of exponent and coefficient.

#[cfg(target_arch = "x86_64")]
use super::vector::{avx2, avx512};
use crate::row_bits::RowBits;
use seedlm_codec::{BlockCode, BlockDecoder};
use seedlm_instructions::Instructions;

/// The centred states of a seed, 16 bits each, in places of two 32-bit lanes per weight: lane 1 of a weight has states 0 and 1, lane 2 has states
/// 2 and 3 (0 where P is 3). Weights 0 to 7 have lanes 0 to 7 and 8 to 15, weights 8 to 11 lanes 16 to 19 and 20 to 23.
///
/// States are linear in the seed over GF(2), so an entry for the low byte XOR one for the high byte is the entry of the seed. Centring flips
/// the top bit: it is done in the entries for the low byte.
#[repr(align(64))]
#[derive(Clone, Copy)]
pub(crate) struct States<const PLACES: usize>(pub(crate) [i16; PLACES]);

/// Places of a block of 8, of which a zero coefficient meets every fourth.
pub(crate) const PLACES_OF_8: usize = 32;
/// Places of a block of 12, and 16 more that fill the last line of the caches.
pub(crate) const PLACES_OF_12: usize = 64;

/// The tables of one size of block.
pub(crate) struct Tables<const PLACES: usize> {
    /// By the low byte of the seed, centred.
    pub(crate) low: Box<[States<PLACES>; 256]>,
    /// By the high byte.
    pub(crate) high: Box<[States<PLACES>; 256]>,
    /// Two coefficients of 4 bits as 16-bit numbers, the first one in the lower half.
    pub(crate) pairs: [i32; 256],
}

/// Tables for the block size.
pub(crate) enum Presets {
    /// C = 8, P = 3: words of 32 bits.
    Four(Tables<PLACES_OF_8>),
    /// C = 12, P = 4: words of 36 bits.
    Three(Tables<PLACES_OF_12>),
}

impl<const PLACES: usize> Tables<PLACES> {
    fn new(code: &BlockCode) -> Self {
        let latent = code.latent_dimension();
        let decoder = BlockDecoder::new(code);
        // State 0 is no seed, and what is linear maps it to 0: states are 0 and entries, which are centred, -2^15.
        let states = |seed: u32, centre: i32| {
            let mut places = [0; PLACES];
            for (index, entry) in decoder.entries(seed).into_iter().enumerate() {
                let (weight, p) = (index / latent, index % latent);
                let lane = match weight {
                    0..8 => weight + 8 * (p / 2),
                    _ => weight + 8 + 4 * (p / 2),
                };
                places[2 * lane + p % 2] = ((entry + (1 << 15)) ^ centre) as i16;
            }
            States(places)
        };
        let table = |shift: u32, centre: i32| {
            let entries: Vec<_> = (0..256).map(|byte| states(byte << shift, centre)).collect();
            entries.into_boxed_slice().try_into().ok().expect("256 entries")
        };
        let coefficient = |bits: usize| ((bits << 28) as u32 as i32) >> 28;
        Tables {
            low: table(0, 1 << 15),
            high: table(8, 0),
            pairs: std::array::from_fn(|pair| coefficient(pair & 15) & 0xffff | coefficient(pair >> 4) << 16),
        }
    }
}

/// `factor * 2^e` for all exponents. All are finite: no weight of a matrix reaches the largest finite number.
pub(crate) fn factors(factor: f32) -> [f32; 16] {
    std::array::from_fn(|exponent| factor * (1 << exponent) as f32)
}

impl Presets {
    /// Tables, if the code is of such a size.
    pub(crate) fn new(code: &BlockCode) -> Option<Self> {
        if (code.lfsr().length(), code.exponent_bits(), code.coefficient_bits()) != (16, 4, 4) {
            return None;
        }
        match (code.block_size(), code.latent_dimension()) {
            (8, 3) => Some(Presets::Four(Tables::new(code))),
            (12, 4) => Some(Presets::Three(Tables::new(code))),
            _ => None,
        }
    }

    /// The weights from a block on. A mantissa has at most 21 bits and `factor * 2^e` is exact, so one multiplication in `f32` rounds as
    /// the exact product does.
    pub(crate) fn values(
        &self,
        instructions: Instructions,
        bits: &RowBits,
        first: usize,
        factor: f32,
        out: &mut [f32],
    ) {
        let factors = factors(factor);
        match (self, instructions) {
            #[cfg(target_arch = "x86_64")]
            (Presets::Four(tables), Instructions::Avx2) => avx2::four(tables, bits, first, &factors, out),
            #[cfg(target_arch = "x86_64")]
            (Presets::Four(tables), Instructions::Avx512) => avx512::four(tables, bits, first, &factors, out),
            #[cfg(target_arch = "x86_64")]
            (Presets::Three(tables), Instructions::Avx2) => avx2::three(tables, bits, first, &factors, out),
            #[cfg(target_arch = "x86_64")]
            (Presets::Three(tables), Instructions::Avx512) => avx512::three(tables, bits, first, &factors, out),
            (Presets::Four(tables), _) => portable::<8, _>(tables, bits, first, &factors, out),
            (Presets::Three(tables), _) => portable::<12, _>(tables, bits, first, &factors, out),
        }
    }
}

/// The word of a block, `C * 4 - 12` bits wide; bits above it may be anything.
#[inline(always)]
pub(crate) fn word<const C: usize>(bits: &RowBits, block: usize) -> u64 {
    match C {
        8 => bits.from(32 * block) & 0xffff_ffff,
        _ => bits.from(36 * block),
    }
}

fn portable<const C: usize, const PLACES: usize>(
    tables: &Tables<PLACES>,
    bits: &RowBits,
    first: usize,
    factors: &[f32; 16],
    out: &mut [f32],
) {
    for (index, block) in out.chunks_mut(C).enumerate() {
        let word = word::<C>(bits, first + index);
        let low = &tables.low[word as usize & 255].0;
        let high = &tables.high[word as usize >> 8 & 255].0;
        let states: [i16; PLACES] = std::array::from_fn(|place| low[place] ^ high[place]);
        let (front, back) = (
            tables.pairs[word as usize >> 20 & 255],
            tables.pairs[word as usize >> 28 & 255],
        );
        let factor = factors[word as usize >> 16 & 15];
        let product = |lane: usize, pair: i32| {
            i32::from(states[2 * lane]) * i32::from(pair as i16) + i32::from(states[2 * lane + 1]) * (pair >> 16)
        };
        let values: [f32; C] = std::array::from_fn(|weight| {
            let mantissa = match weight {
                0..8 => product(weight, front) + product(weight + 8, back),
                _ => product(weight + 8, front) + product(weight + 12, back),
            };
            mantissa as f32 * factor
        });
        block.copy_from_slice(&values[..block.len()]);
    }
}
