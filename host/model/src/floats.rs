//! The floating-point types that weights come in.

use half::{bf16, f16};
use safetensors::Dtype;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A type of weight that can be compressed, and that decoded weights can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FloatDtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// bfloat16: the upper half of a binary32.
    BF16,
}

impl FloatDtype {
    /// The floating-point type of a tensor, if it is one that can be compressed.
    pub fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F32 => Some(FloatDtype::F32),
            Dtype::F16 => Some(FloatDtype::F16),
            Dtype::BF16 => Some(FloatDtype::BF16),
            _ => None,
        }
    }

    /// The same type in the words of the safetensors format.
    pub fn dtype(self) -> Dtype {
        match self {
            FloatDtype::F32 => Dtype::F32,
            FloatDtype::F16 => Dtype::F16,
            FloatDtype::BF16 => Dtype::BF16,
        }
    }

    /// Bytes of a weight.
    pub fn bytes(self) -> usize {
        match self {
            FloatDtype::F32 => 4,
            FloatDtype::F16 | FloatDtype::BF16 => 2,
        }
    }

    /// The largest finite number.
    pub(crate) fn largest(self) -> f64 {
        match self {
            FloatDtype::F32 => f64::from(f32::MAX),
            FloatDtype::F16 => f16::MAX.to_f64(),
            FloatDtype::BF16 => bf16::MAX.to_f64(),
        }
    }

    /// Reads little-endian weights; exact.
    pub(crate) fn read(self, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::with_capacity(bytes.len() / self.bytes());
        self.read_into(bytes, &mut values);
        values
    }

    /// Reads little-endian weights and appends them; exact.
    pub(crate) fn read_into(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            FloatDtype::F32 => {
                let (words, _) = bytes.as_chunks();
                values.extend(words.iter().map(|&word| f32::from_le_bytes(word)));
            }
            FloatDtype::F16 => {
                let (words, _) = bytes.as_chunks();
                values.extend(words.iter().map(|&word| f16::from_le_bytes(word).to_f32()));
            }
            FloatDtype::BF16 => {
                let (words, _) = bytes.as_chunks();
                values.extend(words.iter().map(|&word| bf16::from_le_bytes(word).to_f32()));
            }
        }
    }

    /// Appends finite weights, little-endian, rounded to nearest, ties to even. What is beyond the type's range becomes
    /// its largest finite number: a decoded weight never turns into an infinity.
    pub(crate) fn write(self, values: &[f32], bytes: &mut Vec<u8>) {
        match self {
            FloatDtype::F32 => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            FloatDtype::F16 => bytes.extend(values.iter().flat_map(|&value| {
                let largest = f16::MAX.to_f32();
                f16::from_f32(value.clamp(-largest, largest)).to_le_bytes()
            })),
            FloatDtype::BF16 => bytes.extend(values.iter().flat_map(|&value| {
                let largest = bf16::MAX.to_f32();
                bf16::from_f32(value.clamp(-largest, largest)).to_le_bytes()
            })),
        }
    }
}

impl fmt::Display for FloatDtype {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.dtype().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        for dtype in [FloatDtype::F32, FloatDtype::F16, FloatDtype::BF16] {
            let bytes: Vec<u8> = (0_u8..64).collect();
            let values = dtype.read(&bytes);
            assert_eq!(values.len(), 64 / dtype.bytes());
            let mut again = Vec::new();
            dtype.write(&values, &mut again);
            assert_eq!(again, bytes, "{dtype}");
        }
    }

    #[test]
    fn what_is_too_large_stays_finite() {
        for dtype in [FloatDtype::F16, FloatDtype::BF16] {
            let mut bytes = Vec::new();
            dtype.write(&[f32::MAX, f32::MIN], &mut bytes);
            let values = dtype.read(&bytes);
            assert!(values[0].is_finite() && values[0] > 65503.0 && values[1] == -values[0]);
        }
    }
}
