//! The matrices of a model, compressed on the way in where they are not yet.

use super::{NamedMatrix, Pass};
use seedlm_codec::{Binary16Matrix, Code, CodecError, ColumnGroup, WeightFormat, WeightMatrix};
use seedlm_model::figures::relative_error;
use seedlm_model::{
    CodedTensor, Container, Matrix, Model, ModelError, Rules, Source, TensorInfo, encode_tensors, read_coded,
};
use std::path::Path;
use thiserror::Error;

/// Why a model cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A tensor cannot be brought into the format.
    #[error("tensor {tensor:?}: {source}")]
    Codec {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong.
        source: CodecError,
    },
    /// A memory image that the machine of a run cannot take.
    #[error("{image}: {reason}")]
    Image {
        /// Path of the image.
        image: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The rules choose nothing.
    #[error("{model}: there is no matrix to run; the tensors are: {}", tensors.join(", ").escape_debug())]
    NoMatrix {
        /// Path or name of the model.
        model: String,
        /// Its first tensors.
        tensors: Vec<String>,
    },
    /// A compressed model whose matrices have different codes, or another one than is asked for.
    #[error("{model}: {tensor:?} is stored as {stored}, and cannot be run as {wanted}")]
    OtherCode {
        /// Path of the model.
        model: String,
        /// Name of the tensor.
        tensor: String,
        /// The code it has.
        stored: String,
        /// The code asked for.
        wanted: String,
    },
}

/// A model to run.
#[derive(Debug)]
pub enum ModelSource {
    /// Uncompressed: a safetensors file, a Hugging Face folder, or the model in the program.
    Plain(Source, Vec<TensorInfo>),
    /// Compressed already.
    Compressed(Container),
}

/// Opens a model; none means the small one in the program. Linear layers are run, as `seedlm compress` chooses them.
///
/// # Errors
/// When the model cannot be opened or holds no matrix to run.
pub fn load_model(path: Option<&Path>) -> Result<ModelSource, WorkloadError> {
    let model = match path {
        Some(path) => Model::open(path)?,
        None => Model::Plain(seedlm_model::embedded::shakespeare()?),
    };
    let tensors = model
        .source()
        .tensors()
        .iter()
        .take(10)
        .map(|tensor| tensor.name.clone())
        .collect();
    let no_matrix = WorkloadError::NoMatrix {
        model: model.source().path().display().to_string(),
        tensors,
    };
    match model {
        Model::Container(container) if container.matrices().is_empty() => Err(no_matrix),
        Model::Container(container) => Ok(ModelSource::Compressed(container)),
        Model::Plain(source) => {
            let chosen = source.compressible(&Rules::default())?;
            if chosen.is_empty() {
                Err(no_matrix)
            } else {
                Ok(ModelSource::Plain(source, chosen))
            }
        }
    }
}

impl ModelSource {
    /// Number of weights that are run.
    pub fn weights(&self) -> u64 {
        match self {
            ModelSource::Plain(_, chosen) => chosen.iter().map(|info| info.elements() as u64).sum(),
            ModelSource::Compressed(container) => container.matrices().iter().map(|info| info.weights()).sum(),
        }
    }

    /// The most layers of a matrix of a model that is compressed already; none of one that is not.
    pub fn stored_layers(&self) -> Option<usize> {
        match self {
            ModelSource::Plain(..) => None,
            ModelSource::Compressed(container) => Some(container.most_layers()),
        }
    }

    /// The code of a model that is compressed already; none of one that is not.
    ///
    /// # Errors
    /// [`WorkloadError::OtherCode`] when its matrices have different codes.
    pub fn stored_code(&self) -> Result<Option<Code>, WorkloadError> {
        let ModelSource::Compressed(container) = self else {
            return Ok(None);
        };
        let first = &container.matrices()[0].layers[0].code;
        check_codes(container, first)?;
        Ok(Some(first.clone()))
    }

    /// Calls `use_matrix` with the name and the weights of each matrix in turn; those of a compressed model are decoded.
    fn for_each(
        &self,
        mut use_matrix: impl FnMut(String, Matrix) -> Result<(), WorkloadError>,
    ) -> Result<(), WorkloadError> {
        match self {
            ModelSource::Plain(source, chosen) => {
                for info in chosen {
                    use_matrix(info.name.clone(), source.matrix(info)?)?;
                }
            }
            ModelSource::Compressed(container) => {
                for info in container.matrices() {
                    let values = container.matrix(info)?.values(0..info.rows);
                    use_matrix(
                        info.name.clone(),
                        Matrix {
                            rows: info.rows,
                            columns: info.columns,
                            values,
                        },
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// Checks that all layers of all matrices are of one code: the machine decodes one.
fn check_codes(container: &Container, code: &Code) -> Result<(), WorkloadError> {
    let other = container
        .matrices()
        .iter()
        .find(|info| info.codes().any(|stored| stored != code));
    match other {
        None => Ok(()),
        Some(info) => Err(WorkloadError::OtherCode {
            model: container.source().path().display().to_string(),
            tensor: info.name.clone(),
            stored: info.code_label(),
            wanted: code.label(),
        }),
    }
}

/// The model as it is without compression: every weight rounded to binary16.
///
/// # Errors
/// When a tensor cannot be read, or a weight is too large for binary16.
pub fn model_in_binary16(model: &ModelSource) -> Result<Pass, WorkloadError> {
    let mut matrices = Vec::new();
    model.for_each(|name, matrix| {
        let rounded = Binary16Matrix::from_f32(matrix.rows, matrix.columns, &matrix.values).map_err(|source| {
            WorkloadError::Codec {
                tensor: name.clone(),
                source,
            }
        })?;
        matrices.push(NamedMatrix {
            name,
            layer: 1,
            group: ColumnGroup::default(),
            matrix: WeightMatrix::Binary16(rounded),
            rotation: None,
            in_image: None,
        });
        Ok(())
    })?;
    Ok(Pass {
        format: WeightFormat::Binary16,
        layers: None,
        matrices,
        relative_error: None,
    })
}

/// The model in a code: encoded here as `seedlm compress` does it by default, with the exact search and rotated where that
/// pays, unless it is compressed already: in so many layers of the code, or with so many of those that it has. Without a number
/// in one layer, or with all. `advance` is told how many
/// weights have been finished, from any thread.
///
/// # Errors
/// When a tensor cannot be read or encoded, or the model is compressed in another code.
pub fn compress_model(
    model: &ModelSource,
    code: &Code,
    layers: Option<usize>,
    advance: &(dyn Fn(usize) + Sync),
) -> Result<Pass, WorkloadError> {
    let coded = match model {
        ModelSource::Plain(source, chosen) => {
            encode_tensors(source, chosen, &vec![code.clone(); layers.unwrap_or(1)], None, advance)?
        }
        ModelSource::Compressed(container) => {
            check_codes(container, code)?;
            let coded = read_coded(container, layers.unwrap_or(usize::MAX))?;
            advance(model.weights() as usize);
            coded
        }
    };
    let sum = |part: fn(&CodedTensor) -> f64| coded.iter().map(part).sum();
    let relative_error = Some(relative_error(
        sum(|coded| coded.squared_error),
        sum(|coded| coded.squared_norm),
    ));
    let mut matrices = Vec::new();
    for coded in coded {
        let (name, rotation) = (coded.name, coded.stored.rotation());
        let parts = coded.stored.into_parts().map_err(|source| WorkloadError::Codec {
            tensor: name.clone(),
            source,
        })?;
        matrices.extend(parts.into_iter().map(|part| NamedMatrix {
            name: name.clone(),
            layer: part.layer,
            group: part.group,
            rotation,
            in_image: None,
            matrix: part.matrix,
        }));
    }
    Ok(Pass {
        format: code.clone().into(),
        layers,
        matrices,
        relative_error,
    })
}
