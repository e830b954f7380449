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
    // Compressed matrices are read by row, and a part begins with a whole one where there is one; whatever the dimensions of the
    // tensor are, the elements are what is compared.
    let columns = operands.named().find_map(|(tensor, _)| tensor.columns()).unwrap_or(1);
    let mut sums = Sums {
        reference: operands.reference.map(|_| ReferenceSums::default()),
        ..Sums::default()
    };
    let mut not_finite = None;
    let task = (WEIGHTS_PER_TASK / columns).max(1) * columns;
    let weights_per_step = WEIGHTS_PER_STEP.next_multiple_of(task);
    for first in (0..weights).step_by(weights_per_step) {
        check_stop(progress)?;
        let step = first..weights.min(first + weights_per_step);
        let parts: Vec<Result<Sums, String>> = step
            .clone()
            .into_par_iter()
            .step_by(task)
            .map(|first| sum_elements(operands, first..step.end.min(first + task)))
            .collect();
        // In the order of the elements, whoever has computed which: the same sums for any number of threads.
        for part in parts {
            match part {
                Ok(part) => sums.add(&part),
                Err(reason) => drop(not_finite.get_or_insert(reason)),
            }
        }
        progress.advance(step.len());
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

/// The sums over some elements, or the first element that is not a finite number.
fn sum_elements(operands: Operands<'_>, elements: Range<usize>) -> Result<Sums, String> {
    let read = |tensor: &OpenTensor<'_>, name: &str| {
        let values = tensor.values(elements.clone());
        assert_eq!(values.len(), elements.len(), "elements of a tensor that is there");
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(place) => {
                let element = elements.start + place;
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
