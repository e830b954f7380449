//! How much a matrix's error changes what the model says.

use crate::error::ModelError;

/// A model whose output is measured with other weights in place of one of its matrices.
///
/// The errors of two matrices' products cannot be compared with each other: one may change the next token, the other one is lost
/// on the way to it. What changes at the model's end can be.
pub trait Sensitivity {
    /// Mean divergence of the model's predictions with `weights` (row by row, decoded) in place of the matrix of this name and all
    /// others as they are, in nats per token, at least 0; none of a tensor that the model does not multiply with.
    ///
    /// # Errors
    /// [`ModelError::Interrupted`]; [`ModelError::Sensitivity`] with the tensor's name.
    fn divergence(&mut self, name: &str, weights: &[f32]) -> Result<Option<f64>, ModelError>;
}

/// Turns the errors that were measured of each matrix's candidates into divergences. `probes` has for each matrix the candidate that was
/// encoded as a whole, and the divergence it led to, if there is one: divergences grow in proportion to squared errors. A matrix
/// without a divergence counts as much for its error as the others do in the mean. Without any divergence, which is what it says then,
/// the errors stay as they are.
pub(super) fn weigh(errors: &mut [Vec<f64>], probes: &[(usize, Option<f64>)]) -> bool {
    if probes.iter().all(|(_, divergence)| divergence.is_none()) {
        return false;
    }
    let judged = || {
        let both = errors.iter().zip(probes);
        both.filter_map(|(errors, &(probe, divergence))| Some((errors[probe], divergence?)))
    };
    let known: f64 = judged().map(|(error, _)| error).sum();
    let divergence: f64 = judged().map(|(_, divergence)| divergence).sum();
    let mean = if known > 0.0 { divergence / known } else { 1.0 };
    for (errors, &(probe, divergence)) in errors.iter_mut().zip(probes) {
        let factor = match divergence {
            Some(divergence) if errors[probe] > 0.0 => divergence / errors[probe],
            _ => mean,
        };
        errors.iter_mut().for_each(|error| *error *= factor);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_divergences_and_those_of_no_matrix_the_mean() {
        let mut errors = vec![vec![16.0, 4.0], vec![8.0, 2.0], vec![40.0, 10.0], vec![0.0, 0.0]];
        let probes = [(0, Some(0.32)), (1, Some(0.04)), (1, None), (0, Some(0.0))];
        assert!(weigh(&mut errors, &probes));
        let expected = [[0.32, 0.08], [0.16, 0.04], [0.8, 0.2], [0.0, 0.0]];
        for (found, expected) in errors.iter().zip(expected) {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        }
    }

    #[test]
    fn without_a_model_to_ask_errors_stay() {
        let mut errors = vec![vec![3.0, 1.0]];
        assert!(!weigh(&mut errors, &[(0, None)]));
        assert_eq!(errors, [[3.0, 1.0]]);
    }
}
