//! The three ways to choose coefficients.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// How exponent and coefficients of a block are chosen, given the weights and a seed. The seed is always the best of
/// all seeds under that choice.
///
/// Below, `U` is the seed's matrix, `t = pinv(U) w` the least-squares coefficients, `e` an exponent of the window that
/// the matrix's bias leaves, and rounding goes to the nearest integer, halves away from zero, then to the nearest
/// coefficient that the code has. (Where the columns of `U` are linearly dependent, which no seed of the presets shows,
/// a dependent column gets the coefficient 0.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quantizer {
    /// The rule as the paper prints it (SeedLM paper, section 3.2 and Algorithm 1): `e = max_i floor(log2 |t_i|)`, moved
    /// into the window, and `t / 2^e` rounded. It reaches coefficients -2..=2 only.
    Printed,
    /// `t / 2^e` rounded, at the best exponent of the window.
    Rounded,
    /// The optimum over all seeds, exponents and coefficients.
    #[default]
    Exact,
}

/// A name that no quantizer has.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no quantizer is called {0:?}; there are: printed, rounded, exact")]
pub struct UnknownQuantizer(String);

impl Quantizer {
    /// All quantizers, worst first.
    pub const ALL: [Quantizer; 3] = [Quantizer::Printed, Quantizer::Rounded, Quantizer::Exact];
}

impl fmt::Display for Quantizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Quantizer::Printed => "printed",
            Quantizer::Rounded => "rounded",
            Quantizer::Exact => "exact",
        })
    }
}

impl FromStr for Quantizer {
    type Err = UnknownQuantizer;
    fn from_str(name: &str) -> Result<Self, UnknownQuantizer> {
        Quantizer::ALL
            .into_iter()
            .find(|quantizer| quantizer.to_string() == name)
            .ok_or_else(|| UnknownQuantizer(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for quantizer in Quantizer::ALL {
            assert_eq!(quantizer.to_string().parse(), Ok(quantizer));
        }
        let error = "best".parse::<Quantizer>().unwrap_err().to_string();
        assert!(error.contains("printed, rounded, exact"), "{error}");
    }
}
