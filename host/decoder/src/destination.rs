//! Where the weights of a row go.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use crate::eights::{Row, bfloat::Bfloats, full::Full, largest::Largest, products::Products};
use crate::stores::Stores;
use half::bf16;
use seedlm_codec::PARTIAL_SUMS;

/// What becomes of the weights of a row, with a place for each.
pub(crate) enum Destination<'a> {
    /// They are written in `f32`.
    Full { out: &'a mut [f32], stores: Stores },
    /// In bfloat16.
    Bfloats { out: &'a mut [bf16] },
    /// In `f32`, to be read again at once, and the largest magnitude, 0 of none.
    Largest { out: &'a mut [f32], largest: &'a mut f32 },
    /// Their products with activations are added to partial sums, the first one to the first sum.
    Products {
        activations: &'a [f32],
        sums: &'a mut [f32; PARTIAL_SUMS],
    },
}

#[cfg(target_arch = "x86_64")]
impl Destination<'_> {
    /// Decodes a row to it.
    ///
    /// # Panics
    /// When the machine lacks the row's instructions, or as [`Row::decode`].
    pub(crate) fn receive<R: Row>(self, row: R) {
        assert!(R::INSTRUCTIONS.is_available(), "this machine lacks the instructions");
        // SAFETY: the machine has the instructions, widths and alignment are those of the outputs, and each takes as many weights as it has places. Whoever
        // chooses stores around the caches has a fence follow.
        unsafe {
            match self {
                Destination::Full { out, stores } => match stores.width(out) {
                    0 => row.decode::<Full<0>>(out.len(), out),
                    16 => row.decode::<Full<16>>(out.len(), out),
                    _ => row.decode::<Full<32>>(out.len(), out),
                },
                Destination::Bfloats { out } => row.decode::<Bfloats>(out.len(), out),
                Destination::Largest { out, largest } => row.decode::<Largest>(out.len(), (out, largest)),
                Destination::Products { activations, sums } => {
                    row.decode::<Products>(activations.len(), (activations, sums));
                }
            }
        }
    }
}
