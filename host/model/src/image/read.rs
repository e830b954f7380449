//! Reads an image by its address map.

use crate::error::ModelError;
use seedlm_codec::machine::image::{ImageMap, Region, matrix_from_image};
use seedlm_codec::{Crc32, WeightMatrix};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A memory image with its address map, which is checked.
#[derive(Debug)]
pub struct MemoryImage {
    path: PathBuf,
    file: File,
    map: ImageMap,
}

impl MemoryImage {
    /// Opens an image and reads its map. Nothing of the image is read.
    ///
    /// # Errors
    /// [`ModelError::Io`]; [`ModelError::Image`] when the map is wrong in itself; [`ModelError::Truncated`] or
    /// [`ModelError::Image`] when the image has another size than the map says.
    pub fn open(image: &Path, map: &Path) -> Result<Self, ModelError> {
        let text = fs::read_to_string(map).map_err(ModelError::io(map, "read"))?;
        let map_of_image: ImageMap = serde_json::from_str(&text)
            .map_err(|error| ModelError::image(map, format!("not an address map: {error}")))?;
        map_of_image.check().map_err(|error| ModelError::image(map, error))?;
        let file = File::open(image).map_err(ModelError::io(image, "open"))?;
        let size = file.metadata().map_err(ModelError::io(image, "read the size"))?.len();
        let expected = map_of_image.stored_bytes;
        if size < expected {
            return Err(ModelError::Truncated {
                path: image.to_path_buf(),
                expected_bytes: expected,
                actual_bytes: size,
            });
        }
        if size > expected {
            let reason = format!(
                "it has {size} bytes, and its map {} says {expected}: not the image of this map, or text written with --hex",
                map.display()
            );
            return Err(ModelError::image(image, reason));
        }
        Ok(MemoryImage {
            path: image.to_path_buf(),
            file,
            map: map_of_image,
        })
    }

    /// The address map.
    pub fn map(&self) -> &ImageMap {
        &self.map
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a stored region of this map, with its checksum checked.
    ///
    /// # Errors
    /// [`ModelError::Io`]; [`ModelError::Image`] when the checksum differs.
    pub fn region_bytes(&self, region: &Region) -> Result<Vec<u8>, ModelError> {
        let bytes = self.bytes(region.address, region.bytes as usize)?;
        let computed = Crc32::of(&bytes);
        if region.crc32 == Some(computed) {
            return Ok(bytes);
        }
        Err(ModelError::image(
            &self.path,
            format!(
                "{region}: damaged: its checksum is {computed} and should be {}; write the image again",
                region.crc32.map_or("there".into(), String::from)
            ),
        ))
    }

    /// Reads a matrix back from its two regions, as [`ImageMap::matrices`] pairs them.
    ///
    /// # Errors
    /// As [`MemoryImage::region_bytes`], and [`ModelError::Image`] when the bytes are no such matrix.
    pub fn matrix(&self, weights: &Region, scales: &Region) -> Result<WeightMatrix, ModelError> {
        let weight_bytes = self.region_bytes(weights)?;
        let scale_bytes = self.region_bytes(scales)?;
        let shape = [weights.rows, weights.columns];
        matrix_from_image(&self.map.machine, &self.map.code, shape, &weight_bytes, &scale_bytes)
            .map_err(|error| ModelError::image(&self.path, format!("{weights}: {error}")))
    }

    /// Bytes at an address.
    pub(super) fn bytes(&self, address: u64, count: usize) -> Result<Vec<u8>, ModelError> {
        let mut bytes = vec![0; count];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(address))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(ModelError::io(&self.path, "read"))?;
        Ok(bytes)
    }
}
