//! The map from a window of the row's bit stream to an integer weight.

use crate::error::CodecError;
use crate::lfsr::{LONGEST_LFSR, Lfsr, SHORTEST_LFSR};
use serde::{Deserialize, Serialize};

/// Lengths `K` of the windows for which the format names a map, the default first.
pub const CHAIN_LENGTHS: [u32; 2] = [16, 12];

/// Most fields of a map, and most bits of a field.
const MOST_FIELDS: usize = 8;
const MOST_FIELD_BITS: usize = 8;

/// The map for windows of 16 bits: `docs/chained-map.md` says how it was found.
const MAP_16: [&[u32]; 3] = [
    &[0xe208, 0x6848, 0x884a, 0x4056],
    &[0xd140, 0x6b00, 0x6a40, 0x6441],
    &[0x0c19, 0x8289, 0xca08, 0xb022],
];

/// The map for windows of 12 bits.
const MAP_12: [&[u32]; 3] = [
    &[0x080, 0x001, 0x004, 0x800],
    &[0x680, 0xc08, 0x908, 0x501],
    &[0x411, 0x484, 0x442, 0x288],
];

/// A fixed map over GF(2) from a window of `K` bits to a few unsigned *fields*, whose sum, less its mean, is the weight.
///
/// Bit `j` of a field is the parity of `window & mask`. The newest bit of a window is bit `K - 1`. The integer weight is
/// `2 * (sum of the fields) - (sum over fields of 2^bits - 1)`, so weights lie symmetrically around 0 and are all odd, or
/// all even.
///
/// ```
/// use seedlm_codec::ChainMap;
/// // One field of two bits, the XORs of bits 2 and 0 and of bits 1 and 0.
/// let map = ChainMap::new(3, vec![vec![0b101, 0b011]])?;
/// assert_eq!(map.weight(0b100), 2 * 1 - 3);
/// assert_eq!(map.weight(0b010), 2 * 2 - 3);
/// # Ok::<(), seedlm_codec::CodecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ChainMapFields", into = "ChainMapFields")]
pub struct ChainMap {
    fields: ChainMapFields,
}

/// A map as it is written down, not yet checked; see [`ChainMap::new`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainMapFields {
    /// Length `K` of the window in bits, 2..=24.
    pub length: u32,
    /// For each field, 1..=8 of them, its masks, 1..=8 of them, least significant bit of the field first.
    pub fields: Vec<Vec<u32>>,
}

impl TryFrom<ChainMapFields> for ChainMap {
    type Error = CodecError;
    fn try_from(fields: ChainMapFields) -> Result<Self, CodecError> {
        ChainMap::new(fields.length, fields.fields)
    }
}

impl From<ChainMap> for ChainMapFields {
    fn from(map: ChainMap) -> Self {
        map.fields
    }
}

impl ChainMap {
    /// Checks a map.
    ///
    /// # Errors
    /// [`CodecError::Code`] when the length, the number of fields or of masks is out of range, a mask is zero or names a bit
    /// that the window does not have, or the newest bit of the window reaches no field.
    pub fn new(length: u32, fields: Vec<Vec<u32>>) -> Result<Self, CodecError> {
        let refuse = |reason: String| Err(CodecError::Code(format!("chain map: {reason}")));
        if !(SHORTEST_LFSR..=LONGEST_LFSR).contains(&length) {
            return refuse(format!(
                "the window has {length} bits, and must have {SHORTEST_LFSR} to {LONGEST_LFSR}"
            ));
        }
        if !(1..=MOST_FIELDS).contains(&fields.len()) {
            return refuse(format!("{} fields, and there must be 1 to {MOST_FIELDS}", fields.len()));
        }
        for (field, masks) in fields.iter().enumerate() {
            if !(1..=MOST_FIELD_BITS).contains(&masks.len()) {
                return refuse(format!(
                    "field {field} has {} bits, and must have 1 to {MOST_FIELD_BITS}",
                    masks.len()
                ));
            }
            if let Some(bit) = masks.iter().position(|&mask| mask == 0 || mask >> length != 0) {
                return refuse(format!(
                    "the mask {:#x} of bit {bit} of field {field} must name bits of a window of {length} bits, at least one",
                    masks[bit]
                ));
            }
        }
        if fields.iter().flatten().all(|mask| mask >> (length - 1) == 0) {
            return refuse(format!("no mask names bit {}, the newest of the window", length - 1));
        }
        Ok(ChainMap {
            fields: ChainMapFields { length, fields },
        })
    }

    /// The map that version 2 of the format names for windows of `length` bits.
    ///
    /// # Errors
    /// [`CodecError::Code`] when there is none; [`CHAIN_LENGTHS`] lists the lengths.
    pub fn standard(length: u32) -> Result<Self, CodecError> {
        let fields: &[&[u32]] = match length {
            16 => &MAP_16,
            12 => &MAP_12,
            _ => {
                return Err(CodecError::Code(format!(
                    "there is no standard chain map for windows of {length} bits, only for {CHAIN_LENGTHS:?}; a map can be given"
                )));
            }
        };
        ChainMap::new(length, fields.iter().map(|masks| masks.to_vec()).collect())
    }

    /// The map that runs an LFSR on: the window is its seed, and the fields, of the given widths in bits, are cut one after
    /// the other from the bits that follow the seed in the register's sequence, after skipping `jump` of them.
    ///
    /// # Errors
    /// As [`ChainMap::new`].
    pub fn from_lfsr(lfsr: &Lfsr, jump: usize, field_bits: &[usize]) -> Result<Self, CodecError> {
        let first = lfsr.length() as usize + jump;
        let masks = lfsr.sequence_masks(first + field_bits.iter().sum::<usize>());
        let mut rest = masks[first..].iter().copied();
        let fields = field_bits
            .iter()
            .map(|&bits| rest.by_ref().take(bits).collect())
            .collect();
        ChainMap::new(lfsr.length(), fields)
    }

    /// Length `K` of the window in bits.
    pub fn length(&self) -> u32 {
        self.fields.length
    }

    /// The masks of each field, least significant bit of the field first.
    pub fn fields(&self) -> &[Vec<u32>] {
        &self.fields.fields
    }

    /// The largest sum of the fields, which is also the largest magnitude of a weight.
    pub fn largest_weight(&self) -> i64 {
        self.fields().iter().map(|masks| (1_i64 << masks.len()) - 1).sum()
    }

    /// A number by which software recognises the map of a machine: the CRC-32 (IEEE 802.3) of one byte for the number of
    /// bits of each field and four bytes, lowest first, for each of its masks, field by field.
    pub fn fingerprint(&self) -> u32 {
        let mut checksum = crc32fast::Hasher::new();
        for masks in self.fields() {
            checksum.update(&[masks.len() as u8]);
            masks.iter().for_each(|mask| checksum.update(&mask.to_le_bytes()));
        }
        checksum.finalize()
    }

    /// The integer weight of a window; bits above `K` are ignored.
    pub fn weight(&self, window: u32) -> i64 {
        let parity = |mask: u32| i64::from((window & mask).count_ones() % 2);
        let sum: i64 = self
            .fields()
            .iter()
            .flat_map(|masks| masks.iter().enumerate())
            .map(|(bit, &mask)| parity(mask) << bit)
            .sum();
        2 * sum - self.largest_weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_standard_maps_are_legal_and_their_weights_are_balanced() {
        for length in CHAIN_LENGTHS {
            let map = ChainMap::standard(length).unwrap();
            assert_eq!(map.length(), length);
            let sum: i64 = (0..1 << length).map(|window| map.weight(window)).sum();
            assert_eq!(sum, 0, "K = {length}");
            let largest = (0..1 << length).map(|window| map.weight(window).abs()).max().unwrap();
            assert!(largest <= map.largest_weight());
        }
        assert!(ChainMap::standard(13).unwrap_err().to_string().contains("[16, 12]"));
    }

    #[test]
    fn broken_maps_are_refused_with_the_reason() {
        for (length, fields, reason) in [
            (1, vec![vec![1]], "the window has 1 bits"),
            (25, vec![vec![1]], "the window has 25 bits"),
            (8, vec![], "0 fields"),
            (8, vec![vec![128]; 9], "9 fields"),
            (8, vec![vec![]], "field 0 has 0 bits"),
            (8, vec![vec![128], vec![1; 9]], "field 1 has 9 bits"),
            (8, vec![vec![128, 0]], "mask 0x0 of bit 1 of field 0"),
            (8, vec![vec![128, 256]], "mask 0x100 of bit 1 of field 0"),
            (8, vec![vec![127]], "no mask names bit 7"),
        ] {
            let error = ChainMap::new(length, fields).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let text = r#"{"length": 8, "fields": [[128]], "taps": []}"#;
        assert!(serde_json::from_str::<ChainMap>(text).is_err());
    }

    proptest! {
        /// The register's own states say what the fields are.
        #[test]
        fn an_lfsr_as_map_reads_the_states_after_the_seed(seed in 1_u32..65536, jump in 0_usize..40) {
            let lfsr = Lfsr::paper(16).unwrap();
            let map = ChainMap::from_lfsr(&lfsr, jump, &[4, 4, 5]).unwrap();
            // The state after n steps starts at bit n of the sequence: the 16 bits after the seed and the jump.
            let state = *lfsr.states_after(seed, 16 + jump).last().unwrap();
            let sum = (state & 15) + (state >> 4 & 15) + (state >> 8 & 31);
            prop_assert_eq!(map.weight(seed), 2 * i64::from(sum) - 61);
        }
    }
}
