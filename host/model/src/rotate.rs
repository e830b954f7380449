//! Whether rows are rotated before they are encoded, and the arithmetic of it on whole matrices.

use rayon::prelude::*;
use seedlm_codec::Rotation;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Values that a thread rotates between two looks at the work that is left.
const VALUES_PER_TASK: usize = 1 << 14;

/// Which matrices are rotated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotate {
    /// Those that a trial on some of their rows says it pays for. In the block code none: its exponents follow each block, so
    /// heavy tails do little harm.
    #[default]
    Auto,
    /// All.
    Always,
    /// None.
    Never,
}

impl Rotate {
    /// All choices.
    pub const ALL: [Rotate; 3] = [Rotate::Auto, Rotate::Always, Rotate::Never];
}

impl fmt::Display for Rotate {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.pad(match self {
            Rotate::Auto => "auto",
            Rotate::Always => "always",
            Rotate::Never => "never",
        })
    }
}

impl FromStr for Rotate {
    type Err = UnknownRotate;

    fn from_str(name: &str) -> Result<Self, UnknownRotate> {
        let known = Rotate::ALL.into_iter().find(|rotate| rotate.to_string() == name);
        known.ok_or_else(|| UnknownRotate(name.into()))
    }
}

/// A name that no choice of rotation has.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no choice of rotation is called {0:?}; there are: auto, always, never")]
pub struct UnknownRotate(String);

/// Some rows of a matrix, encoded as they are and rotated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotationTrial {
    /// How many rows were tried.
    pub rows: usize,
    /// `||W - W'|| / ||W||` of these rows as they are.
    pub relative_error: f64,
    /// The same of the rotated rows.
    pub rotated_relative_error: f64,
}

/// Rotates rows of `columns` values in place: in binary64, then rounded to binary32. What is beyond its range becomes its
/// largest finite number.
pub fn rotate_rows(rotation: &Rotation, columns: usize, values: &mut [f32]) {
    in_binary64(columns, values, |rows| rotation.apply_many(columns, rows));
}

/// Undoes [`rotate_rows`], up to its rounding, with the same rounding.
pub fn undo_rows(rotation: &Rotation, columns: usize, values: &mut [f32]) {
    in_binary64(columns, values, |rows| rotation.undo_many(columns, rows));
}

fn in_binary64(columns: usize, values: &mut [f32], map: impl Fn(&mut [f64]) + Sync) {
    if columns == 0 {
        return;
    }
    let rows_per_task = (VALUES_PER_TASK / columns).max(1);
    values.par_chunks_mut(rows_per_task * columns).for_each(|rows| {
        let mut wide: Vec<f64> = rows.iter().map(|&value| f64::from(value)).collect();
        map(&mut wide);
        for (value, wide) in rows.iter_mut().zip(wide) {
            *value = (wide as f32).clamp(f32::MIN, f32::MAX);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_nothing_becomes_infinite() {
        let rotation = Rotation::default();
        for (rows, columns) in [(3, 1), (2, 24), (70, 600), (0, 5), (1, 0)] {
            let values: Vec<f32> = (0..rows * columns).map(|index| (index % 37) as f32 - 18.0).collect();
            let mut rotated = values.clone();
            rotate_rows(&rotation, columns, &mut rotated);
            // Row by row it is the codec's rotation.
            for (row, rotated) in rotated.chunks_exact(columns.max(1)).enumerate() {
                let mut wide: Vec<f64> = values[row * columns..][..columns]
                    .iter()
                    .copied()
                    .map(f64::from)
                    .collect();
                rotation.apply(&mut wide);
                assert!(wide.iter().zip(rotated).all(|(wide, narrow)| *wide as f32 == *narrow));
            }
            undo_rows(&rotation, columns, &mut rotated);
            assert!(
                values
                    .iter()
                    .zip(&rotated)
                    .all(|(value, again)| (value - again).abs() < 1e-4)
            );
        }
        let mut signs: Vec<f32> = rotation.signs(8).iter().map(|&sign| f32::MAX * sign as f32).collect();
        rotate_rows(&rotation, 8, &mut signs);
        assert_eq!(signs[0], f32::MAX);
    }
}
