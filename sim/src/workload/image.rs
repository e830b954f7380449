//! The matrices of a memory image, where its address map says that they lie.

use super::{ImageStreams, NamedMatrix, Pass, WorkloadError};
use crate::job::StreamAddresses;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::machine::image::RegionKind;
use seedlm_codec::{ColumnGroup, WeightFormat};
use seedlm_model::MemoryImage;
use std::path::{Path, PathBuf};

/// A memory image to run.
#[derive(Debug)]
pub struct ImageSource {
    image: MemoryImage,
    /// Where the activations of all matrices go.
    activations: u64,
}

/// The address map of an image where nothing else is said: its name with `.json` behind it.
pub fn map_of_image(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Opens an image as `seedlm image` has written it, with its address map.
///
/// # Errors
/// When one of them cannot be read, or they are no image and its map.
pub fn load_image(image: &Path, map: &Path) -> Result<ImageSource, WorkloadError> {
    let image = MemoryImage::open(image, map)?;
    let mut regions = image.map().regions.iter();
    let activations = regions.find(|region| region.kind == RegionKind::Activations);
    // A map that has been checked has room for activations.
    let activations = activations.map_or(0, |region| region.address);
    Ok(ImageSource { image, activations })
}

impl ImageSource {
    /// The code of all its matrices.
    pub fn format(&self) -> WeightFormat {
        self.image.map().code.clone().into()
    }

    /// The machine that it was written for.
    pub fn machine(&self) -> &DatapathConfig {
        &self.image.map().machine
    }

    /// Number of weights that are run.
    pub fn weights(&self) -> u64 {
        let matrices = self.image.map().matrices();
        matrices
            .map(|(region, _)| region.rows as u64 * region.columns as u64)
            .sum()
    }

    /// Finds out whether a machine can take the streams as they are.
    ///
    /// # Errors
    /// [`WorkloadError::Image`] names the parameter, or the first matrix that does not fit.
    pub fn check(&self, machine: &DatapathConfig) -> Result<(), WorkloadError> {
        let own = self.machine();
        for (key, of_image, of_run) in [
            ("beat_bits", own.beat_bits, machine.beat_bits),
            ("lanes", own.lanes, machine.lanes),
            ("tile_rows", own.tile_rows, machine.tile_rows),
            ("activation_bits", own.activation_bits, machine.activation_bits),
        ] {
            if of_image != of_run {
                return Err(self.refuse(format!(
                    "its streams are laid out for {key} = {of_image}, and the machine of the run has {key} = {of_run}; leave that \
                     out, or write the image for this machine: seedlm image MODEL -o IMAGE --config {key}={of_run}"
                )));
            }
        }
        let mut matrices = self.image.map().matrices().map(|(region, _)| region);
        match matrices.find(|region| region.columns > machine.largest_columns as usize) {
            None => Ok(()),
            Some(region) => Err(self.refuse(format!(
                "tensor {:?} has {columns} columns, and the machine of the run takes largest_columns = {}; leave that out, or give \
                 --set largest_columns={columns}",
                region.tensor.as_deref().unwrap_or_default(),
                machine.largest_columns,
                columns = region.columns,
            ))),
        }
    }

    fn refuse(&self, reason: String) -> WorkloadError {
        WorkloadError::Image {
            image: self.image.path().display().to_string(),
            reason,
        }
    }

    /// All matrices, read back from their words, with the bytes and addresses of their streams.
    ///
    /// # Errors
    /// When the image is damaged: file and tensor are named.
    pub fn pass(&self) -> Result<Pass, WorkloadError> {
        let mut matrices = Vec::new();
        for (weights, scales) in self.image.map().matrices() {
            matrices.push(NamedMatrix {
                name: weights.tensor.clone().unwrap_or_default(),
                layer: 1,
                group: ColumnGroup::default(),
                matrix: self.image.matrix(weights, scales)?,
                rotation: weights.rotation,
                in_image: Some(ImageStreams {
                    addresses: StreamAddresses {
                        activations: self.activations,
                        weights: weights.address,
                    },
                    weights: self.image.region_bytes(weights)?,
                }),
            });
        }
        Ok(Pass {
            format: self.format(),
            layers: None,
            matrices,
            relative_error: None,
        })
    }
}
