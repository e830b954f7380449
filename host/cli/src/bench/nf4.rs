//! NF4, the 4-bit type of QLoRA (arXiv:2305.14314), with its sixteen levels as appendix E of that paper lists them.
//!
//! A group of weights has one scale, its largest magnitude, here a binary16 number, and a weight is the nearest level times
//! the scale.

use half::f16;

/// The levels, ascending.
const LEVELS: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// Decodes what a group of weights becomes.
pub fn decoded(group: &[f32]) -> Vec<f32> {
    let largest = group.iter().fold(0_f32, |largest, weight| largest.max(weight.abs()));
    let scale = f16::from_f32(largest.min(f16::MAX.to_f32())).to_f32();
    if scale == 0.0 {
        return vec![0.0; group.len()];
    }
    group.iter().map(|weight| nearest(weight / scale) * scale).collect()
}

/// The level nearest to a value; the lower one of two.
fn nearest(value: f32) -> f32 {
    let above = LEVELS
        .partition_point(|&level| level < value)
        .clamp(1, LEVELS.len() - 1);
    let (lower, upper) = (LEVELS[above - 1], LEVELS[above]);
    if value - lower <= upper - value { lower } else { upper }
}

#[cfg(test)]
mod tests {
    use super::{LEVELS, decoded, nearest};

    #[test]
    fn the_levels_are_those_of_the_paper() {
        // As printed there, to the digits that binary32 has.
        let printed = [
            -1.0,
            -0.6961928009986877,
            -0.5250730514526367,
            -0.39491748809814453,
            -0.28444138169288635,
            -0.18477343022823334,
            -0.09105003625154495,
            0.0,
            0.07958029955625534,
            0.16093020141124725,
            0.24611230194568634,
            0.33791524171829224,
            0.44070982933044434,
            0.5626170039176941,
            0.7229568362236023,
            1.0,
        ];
        assert_eq!(LEVELS, printed.map(|level: f64| level as f32));
    }

    #[test]
    fn the_nearest_level_is_found() {
        for (value, level) in [
            (-2.0, 0),
            (-1.0, 0),
            (-0.85, 0),
            (-0.84, 1),
            (0.03, 7),
            (0.05, 8),
            (0.9, 15),
            (3.0, 15),
        ] {
            assert_eq!(nearest(value), LEVELS[level], "{value}");
        }
        for value in (-120..=120).map(|step| step as f32 / 100.0) {
            let distance = |level: f32| (level - value).abs();
            let least = LEVELS.into_iter().map(distance).fold(f32::INFINITY, f32::min);
            assert_eq!(distance(nearest(value)), least, "{value}");
        }
    }

    #[test]
    fn a_group_computed_by_hand() {
        // The scale is 2: 0.5 is 0.25 of it, next to level 10; -1.5 is -0.75, next to level 1.
        assert_eq!(
            decoded(&[2.0, 0.5, -1.5, 0.0]),
            [2.0, 2.0 * LEVELS[10], 2.0 * LEVELS[1], 0.0]
        );
        assert_eq!(decoded(&[0.0]), [0.0]);
        assert_eq!(decoded(&[1e-9, 0.0]), [0.0, 0.0]);
    }
}
