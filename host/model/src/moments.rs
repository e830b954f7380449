//! What is known of the inputs of a model's matrices, for a calibrated compression.

use crate::rotate::rotate_rows;
use rayon::prelude::*;
use seedlm_codec::Rotation;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Second moments of the inputs of a matrix: `sum over inputs of x x^T`, `columns x columns`, symmetric.
#[derive(Clone, Debug, PartialEq)]
pub struct InputMoments {
    columns: usize,
    sums: Vec<f32>,
}

impl InputMoments {
    /// Moments from their sums, row by row; `None` unless there are `columns * columns` of them, all finite.
    pub fn new(columns: usize, sums: Vec<f32>) -> Option<Self> {
        let is_square = columns.checked_mul(columns) == Some(sums.len());
        (is_square && sums.iter().all(|sum| sum.is_finite())).then_some(InputMoments { columns, sums })
    }

    /// Number of inputs.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The sums, row by row.
    pub fn sums(&self) -> &[f32] {
        &self.sums
    }

    /// The moments of rotated inputs: `R M R^T`.
    pub(crate) fn rotated(&self, rotation: &Rotation) -> Self {
        let mut sums = self.sums.clone();
        rotate_rows(rotation, self.columns, &mut sums);
        let mut sums = transposed(&sums, self.columns);
        rotate_rows(rotation, self.columns, &mut sums);
        InputMoments {
            columns: self.columns,
            sums,
        }
    }
}

impl InputMoments {
    /// The moments of inputs that are turned to the left.
    pub(crate) fn turned(&self, places: usize) -> Self {
        let columns = self.columns;
        let mut sums = self.sums.clone();
        sums.chunks_exact_mut(columns.max(1))
            .for_each(|row| row.rotate_left(places));
        sums.rotate_left(places * columns);
        InputMoments { columns, sums }
    }
}

fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = (0..columns).into_par_iter();
    let rows = rows.flat_map_iter(|row| (0..columns).map(move |column| values[column * columns + row]));
    rows.collect()
}

/// The moments of a model's matrices, by the names of their tensors. Matrices with the same inputs share them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelMoments {
    by_name: BTreeMap<String, Arc<InputMoments>>,
    /// What they come from.
    origin: String,
}

impl ModelMoments {
    /// No moments yet. `origin` says what they come from, for messages.
    pub fn new(origin: String) -> Self {
        ModelMoments {
            by_name: BTreeMap::new(),
            origin,
        }
    }

    /// What they come from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A checksum of all of them.
    pub(crate) fn crc32(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        for (name, moments) in &self.by_name {
            hasher.update(name.as_bytes());
            for sum in moments.sums() {
                hasher.update(&sum.to_le_bytes());
            }
        }
        hasher.finalize()
    }

    /// The mean square of an input, times the number of inputs: the mean over the matrices. None where there are none.
    pub(crate) fn mean_square(&self) -> Option<f64> {
        let means = self
            .by_name
            .values()
            .filter(|moments| moments.columns > 0)
            .map(|moments| {
                let diagonal = moments.sums.iter().step_by(moments.columns + 1);
                diagonal.map(|&sum| f64::from(sum)).sum::<f64>() / moments.columns as f64
            });
        let (sum, count) = means.fold((0.0, 0), |(sum, count), mean| (sum + mean, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// Adds those of a matrix.
    pub fn insert(&mut self, name: String, moments: Arc<InputMoments>) {
        self.by_name.insert(name, moments);
    }

    /// Those of a matrix, where its inputs were seen.
    pub fn of(&self, name: &str) -> Option<&InputMoments> {
        self.by_name.get(name).map(Arc::as_ref)
    }
}
