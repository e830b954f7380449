//! What a comparison found.

use super::Pair;
use super::measure::{Measured, ReferenceSums, Sums};
use crate::figures::{bits_per_weight, relative_error, sqnr_db};
use serde::Serialize;
use std::cmp::Ordering;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareReport {
    /// The tensors that both models have in the same shape, the largest relative difference first.
    pub tensors: Vec<TensorComparison>,
    /// Names of the tensors that only A has.
    pub only_in_a: Vec<String>,
    /// Names of the tensors that only B has.
    pub only_in_b: Vec<String>,
    /// Tensors that both have, in different shapes.
    pub different_shapes: Vec<DifferentShapes>,
    /// Names of compared tensors that the reference, if there is one, has not or has in another shape.
    pub not_in_reference: Vec<String>,
    /// Everything over all compared tensors together.
    pub totals: CompareTotals,
    /// Time for everything, in seconds.
    pub seconds: f64,
}

/// A tensor of two shapes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DifferentShapes {
    /// Name.
    pub name: String,
    /// Sizes of its dimensions in A.
    pub shape_a: Vec<usize>,
    /// Sizes of its dimensions in B.
    pub shape_b: Vec<usize>,
}

/// A tensor of both models.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorComparison {
    /// Name.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Number of elements.
    pub weights: u64,
    /// How A stores it.
    pub a: StoredAs,
    /// How B stores it.
    pub b: StoredAs,
    /// Whether both models store it as it was, of the same type and in the same bytes; none where one has compressed it.
    pub identical: Option<bool>,
    /// By how much the weights differ; none where they cannot be measured.
    pub difference: Option<Difference>,
    /// Why not.
    pub not_measured: Option<String>,
    /// The errors of both against the reference; none where it has no such tensor, or they cannot be measured.
    pub against_reference: Option<AgainstReference>,
}

/// How a model stores a tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredAs {
    /// Type of an element, or label of the code.
    pub format: String,
    /// Whether its rows were rotated before they were encoded.
    pub rotated: bool,
    /// Bytes of the elements, or of words and scales.
    pub stored_bytes: u64,
    /// The same in bits, divided by the elements.
    pub bits_per_weight: f64,
}

/// By how much two tensors differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `||A - B|| / ||A||`; none where A is zero and B is not.
    pub relative_difference: Option<f64>,
    /// `10 log10(||A||^2 / ||A - B||^2)` in decibels; none where there is no difference, or A is zero.
    pub sqnr_db: Option<f64>,
    /// Largest `|a - b|` of a weight, in the weights' own units.
    pub largest_difference: f64,
}

/// The errors of both models.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AgainstReference {
    /// `||A - R|| / ||R||`; none where R is zero and A is not.
    pub relative_error_a: Option<f64>,
    /// `||B - R|| / ||R||`; none where R is zero and B is not.
    pub relative_error_b: Option<f64>,
    /// `10 log10(||R||^2 / ||A - R||^2)` in decibels; none where there is no error, or R is zero.
    pub sqnr_a_db: Option<f64>,
    /// `10 log10(||R||^2 / ||B - R||^2)` in decibels; none where there is no error, or R is zero.
    pub sqnr_b_db: Option<f64>,
    /// Which has the smaller error.
    pub better: Better,
}

/// Which of two models has the smaller error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// A.
    A,
    /// B.
    B,
    /// Both have the same.
    Neither,
}

/// Everything over all compared tensors together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompareTotals {
    /// Tensors that both models have in the same shape.
    pub tensors: usize,
    /// Elements of these.
    pub weights: u64,
    /// How many of these tensors both models store as they were, in the same bytes.
    pub identical_tensors: usize,
    /// How many have the same weights in both models, however they are stored.
    pub equal_tensors: usize,
    /// How many could not be measured.
    pub not_measured_tensors: usize,
    /// Bytes of these tensors in A.
    pub stored_bytes_a: u64,
    /// Bytes of these tensors in B.
    pub stored_bytes_b: u64,
    /// Bits per weight of these tensors in A.
    pub bits_per_weight_a: f64,
    /// Bits per weight of these tensors in B.
    pub bits_per_weight_b: f64,
    /// Over all measured weights together.
    #[serde(flatten)]
    pub difference: Difference,
    /// The same against the reference, over the tensors that it has; none where there is no reference.
    pub against_reference: Option<ReferenceTotals>,
}

/// The errors of both models over all tensors that the reference has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReferenceTotals {
    /// Over all their weights together.
    #[serde(flatten)]
    pub errors: AgainstReference,
    /// Tensors in which A is better.
    pub better_in_a: usize,
    /// Tensors in which B is better.
    pub better_in_b: usize,
    /// Tensors in which both have the same error.
    pub equal: usize,
}

/// A ratio of norms; none where it would be infinite.
fn ratio(squared_error: f64, squared_norm: f64) -> Option<f64> {
    (squared_norm > 0.0 || squared_error == 0.0).then(|| relative_error(squared_error, squared_norm))
}

impl From<&Sums> for Difference {
    fn from(sums: &Sums) -> Self {
        Difference {
            relative_difference: ratio(sums.squared_difference, sums.squared_norm),
            sqnr_db: sqnr_db(sums.squared_difference, sums.squared_norm),
            largest_difference: sums.largest_difference,
        }
    }
}

impl From<&ReferenceSums> for AgainstReference {
    fn from(sums: &ReferenceSums) -> Self {
        AgainstReference {
            relative_error_a: ratio(sums.squared_error_a, sums.squared_norm),
            relative_error_b: ratio(sums.squared_error_b, sums.squared_norm),
            sqnr_a_db: sqnr_db(sums.squared_error_a, sums.squared_norm),
            sqnr_b_db: sqnr_db(sums.squared_error_b, sums.squared_norm),
            better: match sums.squared_error_a.total_cmp(&sums.squared_error_b) {
                Ordering::Less => Better::A,
                Ordering::Greater => Better::B,
                Ordering::Equal => Better::Neither,
            },
        }
    }
}

impl TensorComparison {
    pub(super) fn new(pair: &Pair<'_>, measured: &Measured) -> Self {
        let sums = measured.sums.as_ref();
        let reference = sums.ok().and_then(|sums| sums.reference.as_ref());
        TensorComparison {
            name: pair.name.into(),
            shape: pair.a.shape(),
            weights: pair.a.weights(),
            a: pair.a.stored_as(),
            b: pair.b.stored_as(),
            identical: measured.identical,
            difference: sums.ok().map(Difference::from),
            not_measured: sums.err().cloned(),
            against_reference: reference.map(AgainstReference::from),
        }
    }

    /// Whether both models are known to have the same weights.
    pub fn is_equal(&self) -> bool {
        let has_none = |difference: Difference| difference.largest_difference == 0.0;
        self.identical == Some(true) || self.difference.is_some_and(has_none)
    }

    /// What differs by nobody knows how much first, then an infinite relative difference, then the largest; equal ones come by
    /// name.
    pub(super) fn worst_first(left: &TensorComparison, right: &TensorComparison) -> Ordering {
        let badness = |tensor: &TensorComparison| match tensor.difference {
            Some(difference) => (0, difference.relative_difference.unwrap_or(f64::INFINITY)),
            None if tensor.is_equal() => (0, 0.0),
            None => (1, 0.0),
        };
        let ((left_unknown, left_size), (right_unknown, right_size)) = (badness(left), badness(right));
        let by_badness = right_unknown.cmp(&left_unknown);
        let by_badness = by_badness.then(right_size.total_cmp(&left_size));
        by_badness.then_with(|| left.name.cmp(&right.name))
    }
}

impl CompareTotals {
    pub(super) fn new(tensors: &[TensorComparison], measured: &[Measured], has_reference: bool) -> Self {
        let mut sums = Sums::default();
        for of_tensor in measured.iter().filter_map(|measured| measured.sums.as_ref().ok()) {
            sums.add(of_tensor);
        }
        let count = |is: &dyn Fn(&TensorComparison) -> bool| tensors.iter().filter(|tensor| is(tensor)).count();
        let better =
            |which: Better| count(&|tensor| tensor.against_reference.is_some_and(|errors| errors.better == which));
        let weights = tensors.iter().map(|tensor| tensor.weights).sum();
        let stored_bytes_a = tensors.iter().map(|tensor| tensor.a.stored_bytes).sum();
        let stored_bytes_b = tensors.iter().map(|tensor| tensor.b.stored_bytes).sum();
        CompareTotals {
            tensors: tensors.len(),
            weights,
            identical_tensors: count(&|tensor| tensor.identical == Some(true)),
            equal_tensors: count(&TensorComparison::is_equal),
            not_measured_tensors: count(&|tensor| tensor.not_measured.is_some()),
            stored_bytes_a,
            stored_bytes_b,
            bits_per_weight_a: bits_per_weight(stored_bytes_a, weights),
            bits_per_weight_b: bits_per_weight(stored_bytes_b, weights),
            difference: Difference::from(&sums),
            against_reference: has_reference.then(|| ReferenceTotals {
                errors: AgainstReference::from(&sums.reference.unwrap_or_default()),
                better_in_a: better(Better::A),
                better_in_b: better(Better::B),
                equal: better(Better::Neither),
            }),
        }
    }
}
