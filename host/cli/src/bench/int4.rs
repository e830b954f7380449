//! int4, round to nearest, symmetric: the usual baseline without calibration ("RTN" in the GPTQ paper, arXiv:2210.17323).
//!
//! A group of weights has one binary16 scale, its largest magnitude over 7, and a weight is the nearest of the integers
//! -8..=7 times the scale.

use half::f16;

/// Decodes what a group of weights becomes.
pub fn decoded(group: &[f32]) -> Vec<f32> {
    let largest = group.iter().fold(0_f32, |largest, weight| largest.max(weight.abs()));
    let scale = f16::from_f32((largest / 7.0).min(f16::MAX.to_f32())).to_f32();
    if scale == 0.0 {
        return vec![0.0; group.len()];
    }
    let decode = |weight: &f32| (weight / scale).round_ties_even().clamp(-8.0, 7.0) * scale;
    group.iter().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_group_computed_by_hand() {
        // The largest magnitude is 3.5, so the scale is 0.5, which binary16 has.
        let group = [3.5, -3.5, 0.2, 0.26, -1.0, 1.3, 0.75, 0.0];
        assert_eq!(decoded(&group), [3.5, -3.5, 0.0, 0.5, -1.0, 1.5, 1.0, 0.0]);
        assert_eq!(decoded(&[0.0, -0.0]), [0.0, 0.0]);
    }

    #[test]
    fn the_scale_is_a_binary16_number() {
        // 1/7 is 0x3092 in binary16: 1170 * 2^-13.
        let scale = 1170.0 / 8192.0;
        assert_eq!(decoded(&[1.0, -0.3]), [7.0 * scale, -2.0 * scale]);
        // Too small for it, or too large.
        assert_eq!(decoded(&[1e-9]), [0.0]);
        assert_eq!(decoded(&[1e30, 0.0]), [7.0 * 65504.0, 0.0]);
    }
}
