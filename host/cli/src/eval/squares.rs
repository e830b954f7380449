//! Squares of errors, from which relative errors are made.

use rayon::prelude::*;
use seedlm_model::Matrix;

/// Sums of `(w - w')^2` and of `w^2`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Squares {
    /// The first.
    pub error: f64,
    /// The second.
    pub norm: f64,
}

/// Row after row, whoever has decoded which.
pub fn squares(matrix: &Matrix, decoded: impl Fn(usize) -> Vec<f32> + Sync) -> Squares {
    let rows = matrix.values.par_chunks(matrix.columns).enumerate();
    let of_rows: Vec<Squares> = rows
        .map(|(number, row)| {
            let pairs = row.iter().zip(decoded(number));
            pairs.fold(Squares::default(), |sum, (&weight, decoded)| {
                let (weight, decoded) = (f64::from(weight), f64::from(decoded));
                Squares {
                    error: sum.error + (weight - decoded).powi(2),
                    norm: sum.norm + weight * weight,
                }
            })
        })
        .collect();
    of_rows.iter().fold(Squares::default(), |sum, row| Squares {
        error: sum.error + row.error,
        norm: sum.norm + row.norm,
    })
}
