//! Any block code, with tables for the bytes of the seed instead of steps of the register.

use crate::row_bits::RowBits;
use seedlm_codec::BlockCode;

/// Most bytes of a seed.
const SEED_BYTES: usize = 3;
/// Bytes of the longest sequence: 64 times 8 states of 24 bits start at bits 1 to 512. Eight more are for reading a word anywhere.
const SEQUENCE_BYTES: usize = 80;

/// For each byte of a seed and each of its values: the bits that follow the seed's first one in the register's sequence.
pub(crate) struct General {
    code: BlockCode,
    /// `length` bytes for each of the 256 values of each byte.
    tables: [Vec<u64>; SEED_BYTES],
    /// Words of a sequence.
    length: usize,
}

impl General {
    pub(crate) fn new(code: &BlockCode) -> Self {
        let states = code.block_size() * code.latent_dimension();
        let masks = code.lfsr().sequence_masks(states + code.lfsr().length() as usize);
        // The first state starts at bit 1.
        let masks = &masks[1..];
        let length = masks.len().div_ceil(64);
        let sequence = |seed: u32| {
            masks.chunks(64).map(move |masks| {
                let bits = masks.iter().enumerate();
                bits.fold(0, |word, (bit, mask)| {
                    word | u64::from((seed & mask).count_ones() & 1) << bit
                })
            })
        };
        let tables = [0, 8, 16].map(|shift| (0..256).flat_map(|byte| sequence(byte << shift)).collect());
        General {
            code: code.clone(),
            tables,
            length,
        }
    }

    pub(crate) fn code(&self) -> &BlockCode {
        &self.code
    }

    /// The integer weights from a block on.
    pub(crate) fn integers(&self, bits: &RowBits, first_block: usize, out: &mut [i64]) {
        self.decode(bits, first_block, out, |mantissa, exponent| mantissa << exponent);
    }

    /// The weights from a block on: the integers times `factor`, exact in `f64`, rounded.
    pub(crate) fn values(&self, bits: &RowBits, first_block: usize, factor: f32, out: &mut [f32]) {
        let factor = f64::from(factor);
        self.decode(bits, first_block, out, |mantissa, exponent| {
            ((mantissa << exponent) as f64 * factor) as f32
        });
    }

    #[inline(always)]
    fn decode<T>(&self, bits: &RowBits, first_block: usize, out: &mut [T], number: impl Fn(i64, u32) -> T) {
        let (length, width) = (self.code.lfsr().length(), self.code.coefficient_bits());
        let (word_bits, latent) = (self.code.word_bits() as usize, self.code.latent_dimension());
        let state_mask = (1_u64 << length) - 1;
        let centre = 1_i64 << (length - 1);
        let mut coefficients = [0_i64; 8];
        let mut sequence = [0_u8; SEQUENCE_BYTES];
        for (index, block) in out.chunks_mut(self.code.block_size()).enumerate() {
            let start = (first_block + index) * word_bits;
            let low = bits.from(start);
            let seed = (low & state_mask) as usize;
            let exponent = (low >> length) as u32 & self.code.largest_exponent();
            let coefficient_bits = bits.from(start + (length + self.code.exponent_bits()) as usize);
            // At most 8 coefficients of 8 bits: the last one may need bits beyond the 57th.
            let more_bits = bits.from(start + word_bits - width as usize);
            for (p, coefficient) in coefficients[..latent].iter_mut().enumerate() {
                let field = if p + 1 == latent {
                    more_bits
                } else {
                    coefficient_bits >> (p as u32 * width)
                };
                *coefficient = (field << (64 - width)) as i64 >> (64 - width);
            }
            self.sequence(seed, &mut sequence);
            let mut position = 0;
            for weight in block {
                let window = u64::from_le_bytes(sequence[position / 8..][..8].try_into().expect("8 bytes"));
                let mut states = window >> (position % 8);
                let mut mantissa = 0;
                for &coefficient in &coefficients[..latent] {
                    mantissa += coefficient * ((states & state_mask) as i64 - centre);
                    states >>= 1;
                }
                position += latent;
                *weight = number(mantissa, exponent);
            }
        }
    }

    #[inline(always)]
    fn sequence(&self, seed: usize, out: &mut [u8; SEQUENCE_BYTES]) {
        let [low, middle, high] = &self.tables;
        let entry = |table: &[u64], byte: usize, word: usize| table[(byte & 255) * self.length + word];
        for word in 0..self.length {
            let bits = entry(low, seed, word) ^ entry(middle, seed >> 8, word) ^ entry(high, seed >> 16, word);
            out[8 * word..][..8].copy_from_slice(&bits.to_le_bytes());
        }
    }
}
