//! The address map: what is where in an image, and for which machine it is.

use super::layout::{Placement, Sizes};
use super::region::{Region, RegionKind};
use crate::code::Code;
use crate::error::CodecError;
use crate::machine::DatapathConfig;
use crate::rotation::Rotation;
use crate::weights::WeightFormat;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of the address map and of the layout it describes.
pub const IMAGE_MAP_VERSION: u64 = 1;
/// The alignment of regions where none is asked for, in bytes: one row of a DDR3 or DDR4 module of 64 bits.
pub const DEFAULT_ALIGNMENT_BYTES: u64 = 8192;
/// The largest alignment, in bytes.
pub const LARGEST_ALIGNMENT_BYTES: u64 = 1 << 30;

/// A matrix that is to lie in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageMatrix {
    /// Name of the tensor.
    pub tensor: String,
    /// Rows (outputs), at least 1.
    pub rows: usize,
    /// Columns (inputs), at least 1.
    pub columns: usize,
    /// What has been applied to its rows, if anything.
    pub rotation: Option<Rotation>,
}

/// The address map of an image.
///
/// ```
/// use seedlm_codec::machine::{DatapathConfig, image::{DEFAULT_ALIGNMENT_BYTES, ImageMap, ImageMatrix}};
/// use seedlm_codec::{Code, WeightFormat};
/// let code = Code::preset("chained-4b")?;
/// let machine = DatapathConfig::reference(&WeightFormat::from(code.clone()));
/// let matrix = ImageMatrix { tensor: "q".into(), rows: 512, columns: 512, rotation: None };
/// let map = ImageMap::new("example 1.0", &code, &machine, DEFAULT_ALIGNMENT_BYTES, &[matrix])?;
/// let (weights, scales) = map.matrices().next().unwrap();
/// assert_eq!((weights.address, weights.bytes, scales.address), (0, 131_072, 131_072));
/// # Ok::<(), seedlm_codec::CodecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageMap {
    /// [`IMAGE_MAP_VERSION`].
    pub version: u64,
    /// Program and version that wrote it.
    pub tool: String,
    /// The code of all matrices.
    pub code: Code,
    /// The machine that the streams are for.
    pub machine: DatapathConfig,
    /// Bytes of one beat.
    pub beat_bytes: u64,
    /// Every region starts at a multiple of so many bytes: a multiple of `beat_bytes`, at most [`LARGEST_ALIGNMENT_BYTES`].
    pub alignment_bytes: u64,
    /// Size of the image file in bytes: up to the end of the last region that is stored.
    pub stored_bytes: u64,
    /// Bytes of memory that the image takes, with the regions that are only reserved.
    pub total_bytes: u64,
    /// The regions by their addresses: weights and scales of each matrix in turn, then activations and results.
    pub regions: Vec<Region>,
}

impl ImageMap {
    /// Lays out matrices for a machine, in the order in which they are run. Checksums are still missing.
    ///
    /// # Errors
    /// [`CodecError::Machine`] when the machine cannot be built for the code; [`CodecError::Image`] when there is no matrix,
    /// one is empty, does not fit the machine or is there twice, or an address does not fit 64 bits.
    pub fn new(
        tool: &str,
        code: &Code,
        machine: &DatapathConfig,
        alignment_bytes: u64,
        matrices: &[ImageMatrix],
    ) -> Result<Self, CodecError> {
        let format = WeightFormat::from(code.clone());
        machine.check(&format)?;
        let beat_bytes = u64::from(machine.beat_bits) / 8;
        check_alignment(alignment_bytes, beat_bytes)?;
        let mut names = BTreeSet::new();
        for matrix in matrices {
            check_matrix(matrix, machine)?;
            if !names.insert(&matrix.tensor) {
                return Err(CodecError::Image(format!("{:?} is there twice", matrix.tensor)));
            }
        }
        let sizes = Sizes {
            machine,
            format: &format,
        };
        let mut placement = Placement::new(beat_bytes, alignment_bytes);
        let too_large = || CodecError::Image("the matrices are too large: an address does not fit 64 bits".into());
        for matrix in matrices {
            let (rows, columns) = (matrix.rows, matrix.columns);
            let weights = placement.add(RegionKind::Weights, [rows, columns], sizes.weight_beats(rows, columns));
            let weights = weights.ok_or_else(too_large)?;
            weights.tensor = Some(matrix.tensor.clone());
            weights.tiles = Some(sizes.tiles(rows));
            weights.steps = Some(sizes.steps(columns));
            weights.format = Some(format.label());
            weights.rotation = matrix.rotation;
            let scales = placement.add(RegionKind::RowScales, [rows, 1], sizes.scale_beats(rows));
            scales.ok_or_else(too_large)?.tensor = Some(matrix.tensor.clone());
        }
        let stored_bytes = placement.end;
        let none = || CodecError::Image("there is no matrix in it".into());
        let columns = matrices.iter().map(|matrix| matrix.columns).max().ok_or_else(none)?;
        let rows = matrices.iter().map(|matrix| matrix.rows).max().ok_or_else(none)?;
        let activations = Some(sizes.activation_beats(columns));
        placement
            .add(RegionKind::Activations, [1, columns], activations)
            .ok_or_else(too_large)?;
        placement
            .add(RegionKind::Results, [rows, 1], sizes.result_beats(rows))
            .ok_or_else(too_large)?;
        Ok(ImageMap {
            version: IMAGE_MAP_VERSION,
            tool: tool.into(),
            code: code.clone(),
            machine: machine.clone(),
            beat_bytes,
            alignment_bytes,
            stored_bytes,
            total_bytes: placement.end,
            regions: placement.regions,
        })
    }

    /// The matrices in order: their weights and their scales. Of a map that has not been checked, what looks like them.
    pub fn matrices(&self) -> impl Iterator<Item = (&Region, &Region)> {
        let stored = self.regions.iter().take_while(|region| region.kind.is_stored());
        let weights = stored.clone().step_by(2);
        weights.zip(stored.skip(1).step_by(2))
    }
}

fn check_alignment(alignment_bytes: u64, beat_bytes: u64) -> Result<(), CodecError> {
    if (1..=LARGEST_ALIGNMENT_BYTES).contains(&alignment_bytes) && alignment_bytes.is_multiple_of(beat_bytes) {
        return Ok(());
    }
    Err(CodecError::Image(format!(
        "an alignment of {alignment_bytes} bytes: it must be a multiple of the {beat_bytes} bytes of a beat, and at most {LARGEST_ALIGNMENT_BYTES}"
    )))
}

fn check_matrix(matrix: &ImageMatrix, machine: &DatapathConfig) -> Result<(), CodecError> {
    let (rows, columns) = (matrix.rows, matrix.columns);
    let refuse = |reason: String| Err(CodecError::Image(format!("{:?}: {reason}", matrix.tensor)));
    if rows == 0 || columns == 0 {
        return refuse(format!("{rows} x {columns} weights are none"));
    }
    if columns > machine.largest_columns as usize {
        return refuse(format!(
            "{columns} columns do not fit a machine with largest_columns = {}",
            machine.largest_columns
        ));
    }
    Ok(())
}
