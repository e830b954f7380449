//! Compressed tensors in memory: read from a container, or encoded here, without a file.

use crate::container::Container;
use crate::encode::MatrixEncoder;
use crate::encoding::Encoding;
use crate::error::ModelError;
use crate::moments::ModelMoments;
use crate::rotate::Rotate;
use crate::source::{Source, TensorInfo};
use crate::stored::StoredMatrix;
use seedlm_codec::Code;
use seedlm_encoder::Quantizer;
use std::ops::ControlFlow;

/// A compressed matrix with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedTensor {
    /// Name of the tensor.
    pub name: String,
    /// The coded rows and their rotation.
    pub stored: StoredMatrix,
    /// Sum of `(w - w')^2`.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
}

/// The compressed matrices of a container with their first `layers`, in the order of [`Container::matrices`].
///
/// # Errors
/// As [`Container::matrix`].
pub fn read_coded(container: &Container, layers: usize) -> Result<Vec<CodedTensor>, ModelError> {
    let matrices = container.matrices().iter().map(|info| {
        let info = &info.first_layers(layers);
        Ok(CodedTensor {
            name: info.name.clone(),
            stored: container.matrix(info)?,
            squared_error: info.squared_error(),
            squared_norm: info.squared_norm,
        })
    });
    matrices.collect()
}

/// Encodes matrices in one code, or in layers of codes, as `seedlm compress` does it by default: with the exact search, and rotated where that pays; calibrated where
/// there are moments of the inputs. `advance` is
/// told how many weights have been finished, from any thread.
///
/// # Errors
/// As [`Source::matrix`]; [`ModelError::Encoder`] when the code cannot be encoded, [`ModelError::Tensor`] when a matrix cannot.
pub fn encode_tensors(
    source: &Source,
    tensors: &[TensorInfo],
    layers: &[Code],
    moments: Option<&ModelMoments>,
    advance: &(dyn Fn(usize) + Sync),
) -> Result<Vec<CodedTensor>, ModelError> {
    let [base, ..] = layers else {
        return Err(ModelError::Layers("no layer was asked for".into()));
    };
    let encoding = Encoding::new(base.clone(), Quantizer::Exact, Rotate::Auto).with_layers(layers.to_vec())?;
    let encoder = MatrixEncoder::new(&encoding).map_err(ModelError::Encoder)?;
    let go_on = |weights: usize| {
        advance(weights);
        ControlFlow::Continue(())
    };
    let encoded = tensors.iter().map(|info| {
        let encoded = encoder
            .encode(
                source.matrix(info)?,
                &|rows| source.rows(info, rows),
                moments.and_then(|moments| moments.of(&info.name)),
                &go_on,
            )
            .map_err(|error| ModelError::tensor(source.file_path(info.file), &info.name, error.to_string()))?;
        Ok(CodedTensor {
            name: info.name.clone(),
            stored: encoded.stored,
            squared_error: encoded.squared_error,
            squared_norm: encoded.squared_norm,
        })
    });
    encoded.collect()
}
