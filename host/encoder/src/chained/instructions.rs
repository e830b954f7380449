//! The search for chained codes in each instruction set.

use super::search::{Batch, FoundRow, search};
#[cfg(target_arch = "x86_64")]
use super::vector::{avx2, avx512};
use seedlm_instructions::Instructions;

/// Rows that are searched together in integers of that width.
pub(crate) fn lanes(instructions: Instructions, width: Width) -> usize {
    let bits = match instructions {
        Instructions::Scalar if width == Width::Wide => 256,
        Instructions::Scalar => 128,
        Instructions::Avx2 => 256,
        Instructions::Avx512 => 512,
    };
    bits / width.bits() as usize
}

/// Searches rows. The instruction set must be available.
pub(crate) fn search_with(instructions: Instructions, width: Width, batch: &Batch<'_>) -> Vec<FoundRow> {
    match (instructions, width) {
        #[cfg(target_arch = "x86_64")]
        (Instructions::Avx512, _) => avx512::search_rows(width, batch),
        #[cfg(target_arch = "x86_64")]
        (Instructions::Avx2, _) => avx2::search_rows(width, batch),
        (_, Width::Narrow) => search::<[u16; 8]>(batch),
        (_, Width::Wide) => search::<[u32; 8]>(batch),
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
