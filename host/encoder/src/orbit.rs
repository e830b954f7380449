//! All seeds of a register, in the order in which the register runs through them.

use seedlm_codec::BlockCode;

/// The one cycle of a maximal register.
///
/// Position `n` is the state after `n` steps from state 1. In this order the matrix of a seed is a window of one
/// sequence: the `C * P` states after the seed at position `n` are those at `n + 1 ..= n + C * P`. All sequences here
/// are continued periodically, so that a window never has to wrap.
pub(crate) struct Orbit {
    /// Number of seeds, `2^K - 1`.
    pub seeds: usize,
    /// Length `K` of the register in bits.
    length: u32,
    /// Entries of one seed's matrix, `C * P`.
    window: usize,
    /// Matrix entries: state less `2^(K-1)`.
    entries: Vec<i32>,
    /// By state: where it stands.
    positions: Vec<u32>,
}

impl Orbit {
    /// Walks the register of `code`. `beyond` is how many positions after the last seed can be asked for as well.
    pub fn new(code: &BlockCode, beyond: usize) -> Self {
        let lfsr = code.lfsr();
        let seeds = lfsr.period() as usize;
        let window = code.block_size() * code.latent_dimension();
        let centre = 1_i32 << (lfsr.length() - 1);
        let mut state = 1;
        let mut positions = vec![0; seeds + 1];
        let entries = (0..seeds + beyond + window + 1)
            .map(|position| {
                if position < seeds {
                    positions[state as usize] = position as u32;
                }
                let entry = state as i32 - centre;
                state = lfsr.step(state);
                entry
            })
            .collect();
        Orbit {
            seeds,
            length: lfsr.length(),
            window,
            entries,
            positions,
        }
    }

    /// `2^(K-1)`: about the largest matrix entry.
    pub fn centre(&self) -> f64 {
        f64::from(1_u32 << (self.length - 1))
    }

    /// The seed at a position.
    pub fn seed(&self, position: usize) -> u32 {
        (self.entries[position] + (1 << (self.length - 1))) as u32
    }

    /// The position of a seed.
    pub fn position(&self, seed: u32) -> usize {
        self.positions[seed as usize] as usize
    }

    /// The matrix entries of the seed at a position, row by row: `C * P` integers.
    pub fn matrix(&self, position: usize) -> &[i32] {
        &self.entries[position + 1..][..self.window]
    }

    /// The bit of the register's sequence at a position: bit 0 of the state there. Bit `j` of the state at position `n`
    /// is sequence bit `n + j`.
    pub fn bit(&self, position: usize) -> bool {
        // The centre is even except for K = 1, which there is not: bit 0 of entry and state agree.
        self.entries[position % self.seeds] & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_codec::{BlockDecoder, Lfsr};

    #[test]
    fn windows_of_the_orbit_are_the_decoders_matrices() {
        let mut fields: seedlm_codec::BlockCodeFields = BlockCode::preset("paper-4b").unwrap().into();
        fields.lfsr = Lfsr::paper(5).unwrap();
        let code = BlockCode::new(fields).unwrap();
        let orbit = Orbit::new(&code, 8);
        let decoder = BlockDecoder::new(&code);
        let mut met = [false; 32];
        for position in 0..31 {
            let seed = orbit.seed(position);
            met[seed as usize] = true;
            assert_eq!(orbit.position(seed), position);
            assert_eq!(orbit.matrix(position), decoder.entries(seed));
            for bit in 0..5 {
                assert_eq!(orbit.bit(position + bit), seed >> bit & 1 == 1);
            }
        }
        assert_eq!(met.iter().filter(|&&met| met).count(), 31);
    }
}
