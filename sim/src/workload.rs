//! What is run: matrices in a weight format, with activations.

mod activations;
mod image;
mod model;
mod synthetic;

pub use activations::{activations_for, random_activations};
pub use image::{ImageSource, load_image, map_of_image};
pub use model::{ModelSource, WorkloadError, compress_model, load_model, model_in_binary16};
pub use synthetic::{parse_matvec, random_matrix};

use crate::job::StreamAddresses;
use seedlm_codec::{ColumnGroup, Rotation, WeightFormat, WeightMatrix};
use serde::Serialize;

/// A matrix with its name.
#[derive(Clone, Debug)]
pub struct NamedMatrix {
    /// Name of the tensor.
    pub name: String,
    /// Number of its layer, the base being 1: the products of all layers together are that of the matrix.
    pub layer: usize,
    /// Which of the scale groups of its columns it is; the products of all groups together are that of the layer.
    pub group: ColumnGroup,
    /// The weights.
    pub matrix: WeightMatrix,
    /// What has been applied to its rows; the host applies it to the activations too, so that the products stay the same.
    pub rotation: Option<Rotation>,
    /// Its streams in a memory image, if it comes from one.
    pub in_image: Option<ImageStreams>,
}

impl NamedMatrix {
    /// What a report calls it.
    pub fn label(&self) -> String {
        let layer = match self.layer {
            1 => String::new(),
            layer => format!(", layer {layer}"),
        };
        let columns = match self.group.count {
            1 => String::new(),
            _ => {
                let columns = self.group.columns(self.matrix.columns());
                format!(", columns {} to {}", columns.start, columns.end - 1)
            }
        };
        format!("{}{layer}{columns}", self.name)
    }
}

/// The streams of a matrix as a memory image has them.
#[derive(Clone, Debug)]
pub struct ImageStreams {
    /// Where they lie.
    pub addresses: StreamAddresses,
    /// The stream of weights.
    pub weights: Vec<u8>,
}

/// Matrices in one format that are run one after the other.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The format.
    pub format: WeightFormat,
    /// How many layers each matrix has at most, where they are counted.
    pub layers: Option<usize>,
    /// The matrices, in the order of the run.
    pub matrices: Vec<NamedMatrix>,
    /// Relative error ||W - W'|| / ||W|| that the format adds, where the original weights are known.
    pub relative_error: Option<f64>,
}

/// What one pass over all matrices is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassMeaning {
    /// One product.
    Product,
    /// Every matrix of a language model once: the matrix work of one token.
    Token,
}
