//! Compares two models tensor by tensor; either may be plain or compressed.

mod measure;
mod report;
mod tensor;

pub use report::{
    AgainstReference, Better, CompareReport, CompareTotals, Difference, DifferentShapes, ReferenceTotals, StoredAs,
    TensorComparison,
};

use crate::error::ModelError;
use crate::model::Model;
use crate::progress::{Progress, check_stop};
use crate::source::Source;
use measure::{Measured, Operands, measure};
use std::collections::BTreeMap;
use std::time::Instant;
use tensor::ModelTensor;

/// Two models side by side, and perhaps the model that both come from. Nothing is read yet but headers.
///
/// ```no_run
/// use seedlm_model::{Comparison, Model, Silent};
/// let (a, b) = (Model::open("model")?, Model::open("model.seedlm")?);
/// let report = Comparison::new(&a, &b, None)?.run(&Silent)?;
/// for tensor in &report.tensors {
///     println!("{}: {:?}", tensor.name, tensor.difference.map(|difference| difference.relative_difference));
/// }
/// # Ok::<(), seedlm_model::ModelError>(())
/// ```
#[derive(Debug)]
pub struct Comparison<'a> {
    pairs: Vec<Pair<'a>>,
    only_in_a: Vec<String>,
    only_in_b: Vec<String>,
    different_shapes: Vec<DifferentShapes>,
    has_reference: bool,
}

/// A tensor that both models have, in the same shape.
#[derive(Debug)]
struct Pair<'a> {
    name: &'a str,
    a: ModelTensor<'a>,
    b: ModelTensor<'a>,
    /// None where there is no reference, or where it has no such tensor.
    reference: Option<ModelTensor<'a>>,
}

impl<'a> Comparison<'a> {
    /// Pairs the tensors of two models by name. The errors of both against `reference`, a plain model, are measured too where
    /// there is one.
    ///
    /// # Errors
    /// [`ModelError::Unrelated`] when the two models have no name of a tensor in common, or the reference has none of
    /// the tensors that both have.
    pub fn new(a: &'a Model, b: &'a Model, reference: Option<&'a Source>) -> Result<Self, ModelError> {
        let (of_a, mut of_b) = (ModelTensor::all_of(a), ModelTensor::all_of(b));
        let of_reference = reference.map_or_else(BTreeMap::new, ModelTensor::all_of_plain);
        let unrelated = |other: &Source, what: &str| ModelError::Unrelated {
            path: other.path().to_path_buf(),
            reason: what.into(),
            a: a.source().path().to_path_buf(),
        };
        if !of_a.keys().any(|name| of_b.contains_key(name)) {
            let what = "no tensor has the name of one";
            return Err(unrelated(b.source(), what));
        }
        let mut comparison = Comparison {
            pairs: Vec::new(),
            only_in_a: Vec::new(),
            only_in_b: Vec::new(),
            different_shapes: Vec::new(),
            has_reference: reference.is_some(),
        };
        for (name, a) in of_a {
            let Some(b) = of_b.remove(name) else {
                comparison.only_in_a.push(name.into());
                continue;
            };
            if a.shape() == b.shape() {
                let reference = of_reference.get(name).filter(|other| other.shape() == a.shape());
                let reference = reference.copied();
                comparison.pairs.push(Pair { name, a, b, reference });
            } else {
                comparison.different_shapes.push(DifferentShapes {
                    name: name.into(),
                    shape_a: a.shape(),
                    shape_b: b.shape(),
                });
            }
        }
        comparison.only_in_b = of_b.into_keys().map(String::from).collect();
        if let Some(reference) = reference
            && !comparison.pairs.is_empty()
            && comparison.pairs.iter().all(|pair| pair.reference.is_none())
        {
            let what = "no tensor has name and shape of one that both models have, and so of one";
            return Err(unrelated(reference, what));
        }
        Ok(comparison)
    }

    /// Elements of all tensors that are compared: the length of the job.
    pub fn weights(&self) -> u64 {
        self.pairs.iter().map(|pair| pair.a.weights()).sum()
    }

    /// Reads and compares all tensors, in the current rayon thread pool, one after the other: no more than one tensor of each
    /// model is in memory. All checksums of what is read are checked. The figures do not depend on the number of threads.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] where a compressed model is damaged, and [`ModelError::Interrupted`].
    pub fn run(self, progress: &dyn Progress) -> Result<CompareReport, ModelError> {
        let begun = Instant::now();
        let mut tensors = Vec::with_capacity(self.pairs.len());
        let mut sums = Vec::with_capacity(self.pairs.len());
        let mut not_in_reference = Vec::new();
        for pair in &self.pairs {
            check_stop(progress)?;
            progress.checking_matrix(pair.name);
            if self.has_reference && pair.reference.is_none() {
                not_in_reference.push(pair.name.to_string());
            }
            let measured = compare_pair(pair, progress)?;
            tensors.push(TensorComparison::new(pair, &measured));
            sums.push(measured);
        }
        let totals = CompareTotals::new(&tensors, &sums, self.has_reference);
        tensors.sort_by(TensorComparison::worst_first);
        Ok(CompareReport {
            tensors,
            only_in_a: self.only_in_a,
            only_in_b: self.only_in_b,
            different_shapes: self.different_shapes,
            not_in_reference,
            totals,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }
}

fn compare_pair(pair: &Pair<'_>, progress: &dyn Progress) -> Result<Measured, ModelError> {
    let (a, b) = (pair.a.open()?, pair.b.open()?);
    let reference = pair.reference.map(|tensor| tensor.open()).transpose()?;
    let operands = Operands {
        a: &a,
        b: &b,
        reference: reference.as_ref(),
    };
    measure(&pair.a.shape(), operands, progress)
}
