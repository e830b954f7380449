//! Exponential function and logarithm from additions and multiplications alone: those of the system's library differ in the
//! last bit from one machine to the next.

use std::f64::consts::{LN_2, LOG2_E};

/// `e^x` for `x <= 0`, to about 15 digits.
pub(crate) fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    let power = (x * LOG2_E).round();
    let rest = x - power * LN_2;
    // Horner's scheme: |rest| <= 0.35, and 0.35^15 / 15! < 2^-60.
    let series = (1..=14).rev().fold(1.0, |sum, n| 1.0 + sum * rest / f64::from(n));
    series * f64::from_bits(((power as i64 + 1023) as u64) << 52)
}

/// The natural logarithm of a number in `1e-300..=1`, to about 15 digits.
pub(crate) fn ln(x: f64) -> f64 {
    let power = (x.to_bits() >> 52) as i64 - 1023;
    let mantissa = f64::from_bits(x.to_bits() & ((1 << 52) - 1) | 1023 << 52);
    // ln m = 2 artanh((m - 1) / (m + 1)), with an argument of at most 1/3.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let series = (0..=16)
        .rev()
        .fold(0.0, |sum, n| 1.0 / f64::from(2 * n + 1) + sum * square);
    power as f64 * LN_2 + 2.0 * ratio * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_the_library_has_but_for_the_last_bits() {
        for step in 0..7000 {
            let x = -f64::from(step) / 10.01;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-13, "{x}");
            let y = x.exp();
            if y > 1e-300 {
                assert!((ln(y) - y.ln()).abs() <= 1e-13 * x.abs().max(1.0), "{y}");
            }
        }
        assert_eq!((exp(0.0), exp(-1e9), ln(1.0), ln(0.5)), (1.0, 0.0, 0.0, -LN_2));
    }
}
