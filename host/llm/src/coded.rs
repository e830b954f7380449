//! The compressed matrices of a model: read from a container, or encoded here.

use crate::error::LlmError;
use seedlm_codec::{Code, Rotation, WeightMatrix};
use seedlm_encoder::Quantizer;
use seedlm_model::{MatrixEncoder, Model, Rotate, Rules};
use std::ops::ControlFlow;

/// A compressed matrix of a model.
#[derive(Clone, Debug)]
pub struct CodedLinear {
    /// Name of the tensor.
    pub name: String,
    /// The coded rows.
    pub matrix: WeightMatrix,
    /// What was applied to each row before.
    pub rotation: Option<Rotation>,
    /// Sum of `(w - w')^2`.
    pub squared_error: f64,
    /// Sum of `w^2`.
    pub squared_norm: f64,
}

/// The compressed matrices of a container.
///
/// # Errors
/// When one is damaged; [`LlmError::Text`] of a model that is not compressed.
pub fn read_coded(model: &Model) -> Result<Vec<CodedLinear>, LlmError> {
    let Model::Container(container) = model else {
        return Err(LlmError::Text(format!(
            "{}: is not compressed",
            model.source().path().display()
        )));
    };
    let matrices = container.matrices().iter().map(|info| {
        let stored = container.matrix(info)?;
        Ok(CodedLinear {
            name: info.name.clone(),
            rotation: stored.rotation(),
            matrix: stored.into_coded(),
            squared_error: info.squared_error,
            squared_norm: info.squared_norm,
        })
    });
    matrices.collect()
}

/// Encodes the matrices of a plain model as `seedlm compress` does it by default. `advance` is told how many weights have
/// been finished, from any thread.
///
/// # Errors
/// When a matrix cannot be read or encoded; [`LlmError::Text`] of a model that is compressed already.
pub fn encode(model: &Model, code: &Code, advance: &(dyn Fn(usize) + Sync)) -> Result<Vec<CodedLinear>, LlmError> {
    let Model::Plain(source) = model else {
        return Err(LlmError::Text(format!(
            "{}: is compressed already, and cannot be compressed to {}; give the plain model",
            model.source().path().display(),
            code.label()
        )));
    };
    let encode_error = |tensor: &str| {
        let tensor = tensor.to_string();
        move |source| LlmError::Encode { tensor, source }
    };
    let encoder = MatrixEncoder::new(code, Quantizer::Exact, Rotate::Auto).map_err(encode_error("(all)"))?;
    let go_on = |weights: usize| {
        advance(weights);
        ControlFlow::Continue(())
    };
    let chosen = source.compressible(&Rules::default())?;
    let matrices = chosen.iter().map(|info| {
        let encoded = encoder
            .encode(source.matrix(info)?, &|rows| source.rows(info, rows), &go_on)
            .map_err(encode_error(&info.name))?;
        Ok(CodedLinear {
            name: info.name.clone(),
            rotation: encoded.stored.rotation(),
            matrix: encoded.stored.into_coded(),
            squared_error: encoded.squared_error,
            squared_norm: encoded.squared_norm,
        })
    });
    matrices.collect()
}
