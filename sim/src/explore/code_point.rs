//! One code of a grid.

use seedlm_codec::{BlockCode, BlockCodeFields, ChainMap, ChainedCode, Code, CodecError, Lfsr};

/// A code to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePoint {
    code: Code,
}

/// Width of a coefficient and of an exponent in the codes of a grid, in bits: the paper's.
const FIELD_BITS: u32 = 4;

impl CodePoint {
    /// The block code of `C` weights, `P` coefficients and the paper's register of `K` bits.
    ///
    /// # Errors
    /// [`CodecError`] names the parameter that is out of range.
    pub fn block(block_size: u32, latent_dimension: u32, length: u32) -> Result<Self, CodecError> {
        let code = BlockCode::new(BlockCodeFields {
            block_size,
            latent_dimension,
            coefficient_bits: FIELD_BITS,
            exponent_bits: FIELD_BITS,
            lfsr: Lfsr::paper(length)?,
        })?;
        Ok(CodePoint {
            code: Code::Block(code),
        })
    }

    /// The chained code that stores `bits_per_weight` bits for each weight.
    ///
    /// # Errors
    /// [`CodecError`] when the bits do not fit the map.
    pub fn chained(bits_per_weight: u32, map: ChainMap) -> Result<Self, CodecError> {
        let code = ChainedCode::new(bits_per_weight, map)?;
        Ok(CodePoint {
            code: Code::Chained(code),
        })
    }

    /// The code.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The preset's name, or the parameters in a short form.
    pub fn label(&self) -> String {
        self.code.label()
    }

    /// Stored bits per weight, scales not counted: `(K + 4 + 4P) / C` or `k`.
    pub fn stored_bits(&self) -> f64 {
        self.code.bits_per_weight()
    }

    /// Length `K` of the register or the window in bits: the search looks at `2^K` seeds.
    pub fn length(&self) -> u32 {
        match &self.code {
            Code::Block(code) => code.lfsr().length(),
            Code::Chained(code) => code.map().length(),
        }
    }
}

/// Whether a block code stores exactly that many bits per weight: the paper's own criterion.
pub(super) fn stores_exactly(bits: u32, block_size: u32, latent_dimension: u32, length: u32) -> bool {
    length + FIELD_BITS + FIELD_BITS * latent_dimension == bits * block_size
}
