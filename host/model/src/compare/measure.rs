//! The sums that two tensors, and the one that both come from, are compared by.

use super::tensor::OpenTensor;
use crate::error::ModelError;
use crate::progress::{Progress, check_stop};
use rayon::prelude::*;
use std::ops::Range;

/// Weights that a thread compares at a time.
const WEIGHTS_PER_TASK: usize = 1 << 14;
/// Weights compared between two looks at whether to stop: enough to keep all threads busy.
const WEIGHTS_PER_STEP: usize = 1 << 20;

/// The tensors that are compared, all of the same shape.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    pub a: &'a OpenTensor<'a>,
    pub b: &'a OpenTensor<'a>,
    pub reference: Option<&'a OpenTensor<'a>>,
}

/// What was measured of two tensors.
pub(super) struct Measured {
    /// Whether both are stored as they were in the same bytes; none where one is compressed.
    pub identical: Option<bool>,
    /// The sums, or why there are none.
    pub sums: Result<Sums, String>,
}

/// Sums over all weights `a`, `b` and `r` of two tensors and the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    /// Sum of `(a - b)^2`.
    pub squared_difference: f64,
    /// Sum of `a^2`.
    pub squared_norm: f64,
    /// Largest `|a - b|`.
    pub largest_difference: f64,
    /// Where the reference has the tensor.
    pub reference: Option<ReferenceSums>,
}

/// Sums that the reference is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ReferenceSums {
    /// Sum of `(a - r)^2`.
    pub squared_error_a: f64,
    /// Sum of `(b - r)^2`.
    pub squared_error_b: f64,
    /// Sum of `r^2`.
    pub squared_norm: f64,
}

impl ReferenceSums {
    pub fn add(&mut self, other: &ReferenceSums) {
        self.squared_error_a += other.squared_error_a;
        self.squared_error_b += other.squared_error_b;
        self.squared_norm += other.squared_norm;
    }
}

impl Sums {
    pub fn add(&mut self, other: &Sums) {
        self.squared_difference += other.squared_difference;
        self.squared_norm += other.squared_norm;
        self.largest_difference = self.largest_difference.max(other.largest_difference);
        if let Some(other) = &other.reference {
            self.reference.get_or_insert_default().add(other);
        }
    }

    fn add_weight(&mut self, a: f32, b: f32) {
        let (a, b) = (f64::from(a), f64::from(b));
        let difference = a - b;
        self.squared_difference += difference * difference;
        self.squared_norm += a * a;
        self.largest_difference = self.largest_difference.max(difference.abs());
    }
}

impl ReferenceSums {
    fn add_weight(&mut self, a: f32, b: f32, reference: f32) {
        let (a, b, reference) = (f64::from(a), f64::from(b), f64::from(reference));
        self.squared_error_a += (a - reference) * (a - reference);
        self.squared_error_b += (b - reference) * (b - reference);
        self.squared_norm += reference * reference;
    }
}

/// Compares tensors of a shape in the current rayon pool.
pub(super) fn measure(
    shape: &[usize],
    operands: Operands<'_>,
    progress: &dyn Progress,
) -> Result<Measured, ModelError> {
    let weights: usize = shape.iter().product();
    let identical = operands.a.is_identical_to(operands.b, progress)?;
    let other = |(tensor, name): (&OpenTensor<'_>, _)| Some((tensor.other_dtype()?, name));
    if let Some((dtype, name)) = operands.named().find_map(other) {
        progress.advance(weights);
        let sums = Err(format!("it is of {dtype} in {name}, and only its bytes are compared"));
        return Ok(Measured { identical, sums });
    }
    // Compressed matrices are read by row; of all else the elements are what counts.
    let (rows, row_weights) = match *shape {
        [rows, columns] if weights > 0 => (rows, columns),
        _ => (weights, 1),
    };
    let mut sums = Sums {
        reference: operands.reference.map(|_| ReferenceSums::default()),
        ..Sums::default()
    };
    let mut not_finite = None;
    let rows_per_task = (WEIGHTS_PER_TASK / row_weights).max(1);
    let rows_per_step = (WEIGHTS_PER_STEP / row_weights).max(1).next_multiple_of(rows_per_task);
    for first in (0..rows).step_by(rows_per_step) {
        check_stop(progress)?;
        let step = first..rows.min(first + rows_per_step);
        let parts: Vec<Result<Sums, String>> = step
            .clone()
            .into_par_iter()
            .step_by(rows_per_task)
            .map(|first| sum_rows(operands, first..step.end.min(first + rows_per_task), row_weights))
            .collect();
        // In the order of the rows, whoever has computed which: the same sums for any number of threads.
        for part in parts {
            match part {
                Ok(part) => sums.add(&part),
                Err(reason) => drop(not_finite.get_or_insert(reason)),
            }
        }
        progress.advance(step.len() * row_weights);
    }
    let sums = not_finite.map_or(Ok(sums), Err);
    Ok(Measured { identical, sums })
}

impl<'a> Operands<'a> {
    /// Each with its name in messages.
    fn named(self) -> impl Iterator<Item = (&'a OpenTensor<'a>, &'static str)> {
        let both = [(self.a, "A"), (self.b, "B")].into_iter();
        both.chain(self.reference.map(|tensor| (tensor, "the reference")))
    }
}

/// The sums over some rows, or the first element that is not a finite number.
fn sum_rows(operands: Operands<'_>, rows: Range<usize>, row_weights: usize) -> Result<Sums, String> {
    let read = |tensor: &OpenTensor<'_>, name: &str| {
        let values = tensor.values(rows.clone(), row_weights);
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(place) => {
                let element = rows.start * row_weights + place;
                Err(format!("element {element} is {} in {name}", values[place]))
            }
        }
    };
    let (a, b) = (read(operands.a, "A")?, read(operands.b, "B")?);
    let mut sums = Sums::default();
    for (&a, &b) in a.iter().zip(&b) {
        sums.add_weight(a, b);
    }
    if let Some(reference) = operands.reference {
        let reference = read(reference, "the reference")?;
        let sums = sums.reference.insert(ReferenceSums::default());
        for ((&a, &b), &reference) in a.iter().zip(&b).zip(&reference) {
            sums.add_weight(a, b, reference);
        }
    }
    Ok(sums)
}
