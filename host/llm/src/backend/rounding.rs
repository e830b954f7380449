//! Activations rounded to integers, for measurements of what that costs.

use crate::error::LlmError;
use std::fmt;
use std::str::FromStr;

/// How activations are rounded: as [`seedlm_codec::Activations::quantise`] does it, with one scale for each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActivationRounding {
    /// Width of an integer, in bits, 2 to 16.
    pub bits: u32,
    /// What shares a scale.
    pub group: ScaleGroup,
}

/// Activations that share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScaleGroup {
    /// All of a vector, as in the machine.
    Vector,
    /// So many neighbours.
    Neighbours(usize),
}

impl ActivationRounding {
    /// Rounds vectors of `columns` values each to multiples of their groups' scales.
    pub fn apply(&self, columns: usize, vectors: &mut [f32]) {
        let largest_step = ((1_i64 << (self.bits - 1)) - 1) as f32;
        let group = match self.group {
            ScaleGroup::Vector => columns,
            ScaleGroup::Neighbours(count) => count,
        };
        for vector in vectors.chunks_mut(columns.max(1)) {
            for values in vector.chunks_mut(group.max(1)) {
                let largest = values.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
                let scale = largest / largest_step;
                if scale > 0.0 {
                    for value in values {
                        *value = (*value / scale).round_ties_even().clamp(-largest_step, largest_step) * scale;
                    }
                }
            }
        }
    }
}

impl fmt::Display for ActivationRounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "int{}", self.bits)?;
        match self.group {
            ScaleGroup::Vector => Ok(()),
            ScaleGroup::Neighbours(count) => write!(f, "-g{count}"),
        }
    }
}

impl FromStr for ActivationRounding {
    type Err = LlmError;
    /// Reads `int8` (a scale per vector) or `int8-g64` (one for each 64 neighbours).
    fn from_str(text: &str) -> Result<Self, LlmError> {
        let read = || {
            let text = text.strip_prefix("int")?;
            let (bits, group) = match text.split_once("-g") {
                None => (text, ScaleGroup::Vector),
                Some((bits, count)) => (
                    bits,
                    ScaleGroup::Neighbours(count.parse().ok().filter(|&count| count > 0)?),
                ),
            };
            let bits = bits.parse().ok().filter(|bits| (2..=16).contains(bits))?;
            Some(ActivationRounding { bits, group })
        };
        read().ok_or_else(|| {
            LlmError::Text(format!(
                "{text:?} is no width of activations; write int8, int16 (2 to 16 bits), or int8-g64 for a scale per 64 neighbours"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seedlm_codec::Activations;

    proptest! {
        #[test]
        fn a_scale_per_vector_is_the_machines_rounding(values in prop::collection::vec(-9.0..9.0_f32, 1..60), bits in 2_u32..=16) {
            let machine = Activations::quantise(bits, &values).unwrap();
            let rounding = ActivationRounding { bits, group: ScaleGroup::Vector };
            let mut rounded = values.clone();
            rounding.apply(values.len(), &mut rounded);
            let expected: Vec<f32> = machine.values().iter().map(|&value| value as f32 * machine.scale()).collect();
            prop_assert_eq!(rounded, expected);
        }

        #[test]
        fn what_is_written_is_read(bits in 2_u32..=16, count in 0_usize..500) {
            let group = if count == 0 { ScaleGroup::Vector } else { ScaleGroup::Neighbours(count) };
            let rounding = ActivationRounding { bits, group };
            prop_assert_eq!(rounding.to_string().parse::<ActivationRounding>().unwrap(), rounding);
        }
    }

    #[test]
    fn groups_have_scales_of_their_own() {
        let mut values = [100.0, 1.0, 0.5, 0.25];
        let rounding: ActivationRounding = "int2-g2".parse().unwrap();
        rounding.apply(4, &mut values);
        assert_eq!(values, [100.0, 0.0, 0.5, 0.0]);
        for wrong in ["", "8", "int1", "int17", "int8-g0", "int8-64", "float16"] {
            assert!(wrong.parse::<ActivationRounding>().is_err(), "{wrong}");
        }
    }
}
