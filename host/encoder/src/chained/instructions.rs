//! Which instruction set the search uses. It changes the speed only.

use super::search::{Batch, FoundRow, search};
#[cfg(target_arch = "x86_64")]
use super::vector::{avx2, avx512};
use crate::error::EncodeError;
use std::fmt;

/// The environment variable that forces an instruction set.
const VARIABLE: &str = "SEEDLM_SIMD";

/// An instruction set for the search for chained codes. Every one gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// What every machine has: 8 rows at a time, as the compiler sees fit.
    Scalar,
    /// AVX2 of x86-64: 16 rows at a time.
    Avx2,
    /// AVX-512 F and BW of x86-64: 32 rows at a time.
    Avx512,
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl Instructions {
    /// All that are known, the slowest first.
    pub const ALL: [Instructions; 3] = [Instructions::Scalar, Instructions::Avx2, Instructions::Avx512];

    /// The name by which `SEEDLM_SIMD` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Instructions::Scalar => "scalar",
            Instructions::Avx2 => "avx2",
            Instructions::Avx512 => "avx512",
        }
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            Instructions::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::is_available(),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => avx512::is_available(),

            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The one that the environment variable `SEEDLM_SIMD` names (`scalar`, `avx2` or `avx512`), or the fastest.
    ///
    /// # Errors
    /// [`EncodeError::Instructions`] when the name is unknown or this machine lacks the instructions.
    pub fn choose() -> Result<Self, EncodeError> {
        match std::env::var_os(VARIABLE) {
            Some(name) => Instructions::named(&name.to_string_lossy()),
            None => Ok(*Instructions::available().last().expect("every machine has one")),
        }
    }

    /// Those that this machine has, the slowest first.
    pub fn available() -> Vec<Instructions> {
        let all = Instructions::ALL.into_iter();
        all.filter(|instructions| instructions.is_available()).collect()
    }

    fn named(name: &str) -> Result<Self, EncodeError> {
        let refuse = |reason| EncodeError::Instructions {
            name: name.into(),
            reason,
        };
        Instructions::ALL
            .into_iter()
            .find(|instructions| instructions.name() == name)
            .ok_or_else(|| refuse("must be scalar, avx2 or avx512"))?
            .checked()
            .map_err(|_| refuse("is not an instruction set that this machine has"))
    }

    /// Itself, if this machine has it.
    ///
    /// # Errors
    /// [`EncodeError::Instructions`].
    pub(crate) fn checked(self) -> Result<Self, EncodeError> {
        if self.is_available() {
            Ok(self)
        } else {
            Err(EncodeError::Instructions {
                name: self.name().into(),
                reason: "is not an instruction set that this machine has",
            })
        }
    }

    /// Rows that are searched together in 16-bit integers, or in 32-bit integers.
    pub(crate) fn lanes(self, width: Width) -> usize {
        let bits = match self {
            Instructions::Scalar if width == Width::Wide => 256,
            Instructions::Scalar => 128,
            Instructions::Avx2 => 256,
            Instructions::Avx512 => 512,
        };
        bits / width.bits() as usize
    }

    /// Searches rows. The instruction set must be available.
    pub(crate) fn search(self, width: Width, batch: &Batch<'_>) -> Vec<FoundRow> {
        match (self, width) {
            #[cfg(target_arch = "x86_64")]
            (Instructions::Avx512, _) => avx512::search_rows(width, batch),
            #[cfg(target_arch = "x86_64")]
            (Instructions::Avx2, _) => avx2::search_rows(width, batch),
            (_, Width::Narrow) => search::<[u16; 8]>(batch),
            (_, Width::Wide) => search::<[u32; 8]>(batch),
        }
    }
}

/// The integers in which metrics are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// 16 bits: enough for nearly every row.
    Narrow,
    /// 32 bits: for rows with targets far beyond the code's range, and for weighted columns.
    Wide,
}

impl Width {
    /// Bits of an integer.
    pub fn bits(self) -> u32 {
        match self {
            Width::Narrow => 16,
            Width::Wide => 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruction_sets_have_names() {
        for instructions in Instructions::available() {
            assert_eq!(Instructions::named(instructions.name()).unwrap(), instructions);
        }
        let error = Instructions::named("mmx").unwrap_err().to_string();
        assert!(
            error.contains("SEEDLM_SIMD") && error.contains("mmx must be scalar, avx2 or avx512"),
            "{error}"
        );
    }
}
