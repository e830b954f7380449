//! The scale of a matrix: one power of two, chosen so that the largest blocks just fit.

use seedlm_codec::BlockCode;

/// The real value of one integer step at a bias: `2^bias / (2^(K-1) - 1)`, before it is rounded to `f32`.
pub(crate) fn step_at(code: &BlockCode, bias: i32) -> f64 {
    2_f64.powi(bias) / f64::from(code.entry_divisor())
}

/// The scale nearest to the one asked for that a coded matrix can have: `f32`, normal, and every weight of the code
/// finite in `f32` with a factor of 2 to spare.
pub(crate) fn legal_scale(code: &BlockCode, bias: i32) -> f32 {
    let largest = (code.largest_mantissa() << code.largest_exponent()) as f64;
    let is_legal = |bias: &i32| {
        let scale = step_at(code, *bias) as f32;
        scale.is_normal() && largest * f64::from(scale) * 2.0 <= f64::from(f32::MAX)
    };
    // Twice the exponent range of `f32`: every code has legal biases in there, next to each other.
    let legal = (-256..=256).filter(is_legal);
    let nearest = legal.min_by_key(|&legal| (legal - bias).abs()).unwrap_or(0);
    step_at(code, nearest) as f32
}

/// A bias at which exponents around 10 are the natural ones for a block of the given norm (in the weights' units): a
/// block of that norm finds everything it could want in `0..=15`.
pub(crate) fn roomy_bias(code: &BlockCode, norm: f64) -> i32 {
    let typical = norm / (code.block_size() as f64).sqrt();
    typical.log2().floor() as i32 - 12 - (code.coefficient_bits() as i32 - 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_codec::CodedMatrix;

    #[test]
    fn every_bias_gives_a_scale_that_the_codec_takes() {
        for name in BlockCode::PRESETS {
            let code = BlockCode::preset(name).unwrap();
            for bias in -300..300 {
                let scale = legal_scale(&code, bias);
                assert!(
                    CodedMatrix::new(&code, 0, 0, scale, Vec::new()).is_ok(),
                    "{name}, {bias}"
                );
            }
            assert_eq!(
                f64::from(legal_scale(&code, -12)),
                f64::from((2_f64.powi(-12) / 32767.0) as f32)
            );
        }
    }
}
