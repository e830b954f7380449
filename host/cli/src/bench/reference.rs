//! Formats of other people that codes are held against: groups of neighbours in a row, 4 bits for each weight, one binary16
//! scale for each group. The last group of a row may be shorter.

use super::{int4, nf4};
use rayon::prelude::*;
use seedlm_model::Matrix;

/// Bits of a weight, and of a group's scale.
const WEIGHT_BITS: u64 = 4;
const SCALE_BITS: u64 = 16;

/// A reference format.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// Its name, with the size of a group.
    pub name: &'static str,
    group: usize,
    decoded: fn(&[f32]) -> Vec<f32>,
}

/// The reference formats.
pub const REFERENCES: [Reference; 2] = [
    Reference {
        name: "int4-g128",
        group: 128,
        decoded: int4::decoded,
    },
    Reference {
        name: "nf4-g64",
        group: 64,
        decoded: nf4::decoded,
    },
];

impl Reference {
    /// Bits that a matrix takes, scales included.
    pub fn stored_bits(&self, rows: usize, columns: usize) -> u64 {
        let (rows, columns) = (rows as u64, columns as u64);
        rows * (columns * WEIGHT_BITS + columns.div_ceil(self.group as u64) * SCALE_BITS)
    }

    /// Decodes what a row becomes.
    pub fn decoded_row<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        row.chunks(self.group).flat_map(self.decoded)
    }

    /// Quantises a matrix: the sums of `(w - w')^2` and of `w^2`, row after row.
    pub fn squares(&self, matrix: &Matrix) -> (f64, f64) {
        let of_row = |row: &[f32]| {
            let pairs = row.iter().zip(self.decoded_row(row));
            pairs.fold((0.0, 0.0), |(error, norm), (&weight, decoded)| {
                let (weight, decoded) = (f64::from(weight), f64::from(decoded));
                (error + (weight - decoded).powi(2), norm + weight * weight)
            })
        };
        let rows: Vec<(f64, f64)> = matrix.values.par_chunks(matrix.columns.max(1)).map(of_row).collect();
        rows.iter().fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::gaussian::gaussian;

    #[test]
    fn groups_end_with_their_row_and_all_bits_count() {
        let [int4, nf4] = REFERENCES;
        assert_eq!(int4.stored_bits(2, 256) as f64 / 512.0, 4.125);
        assert_eq!(nf4.stored_bits(2, 256) as f64 / 512.0, 4.25);
        assert_eq!(int4.stored_bits(3, 129), 3 * (4 * 129 + 2 * 16));
        // One weight in each of two last groups: with its own scale it is almost exact, beside a large one it is lost.
        let mut values = vec![0.0; 2 * 65];
        (values[64], values[65], values[129]) = (0.01, 112.0, 0.01);
        let matrix = Matrix {
            rows: 2,
            columns: 65,
            values,
        };
        assert!(nf4.squares(&matrix).0 < 1e-9);
        let (error, norm) = int4.squares(&matrix);
        assert!(
            (error - 1e-4).abs() < 1e-5 && (norm - 12_544.0).abs() < 0.1,
            "{error} {norm}"
        );
    }

    /// On normal weights their errors are known: 0.118 and 0.092 (`seedlm bench quality` shows them too).
    #[test]
    fn errors_of_normal_weights_are_the_known_ones() {
        let matrix = gaussian(32, 4096);
        for (reference, expected) in REFERENCES.iter().zip([0.1177, 0.0919]) {
            let (error, norm) = reference.squares(&matrix);
            let relative_error = (error / norm).sqrt();
            assert!(
                (relative_error - expected).abs() < 0.001,
                "{} {relative_error}",
                reference.name
            );
        }
    }
}
