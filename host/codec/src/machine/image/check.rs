//! Checks an address map that somebody else has written.

use super::map::{IMAGE_MAP_VERSION, ImageMap, ImageMatrix};
use super::region::{Region, RegionKind};
use crate::error::CodecError;

fn refuse(reason: String) -> Result<(), CodecError> {
    Err(CodecError::Image(reason))
}

impl ImageMap {
    /// Checks everything that can be checked without the image: that no region overlaps another or leaves the memory, and
    /// that the layout is the one that [`ImageMap::new`] gives for these matrices. After that, addresses and sizes can be used
    /// without further thought.
    ///
    /// # Errors
    /// [`CodecError::Image`] names the region and what is wrong; [`CodecError::Machine`] the parameter of the machine.
    pub fn check(&self) -> Result<(), CodecError> {
        if self.version != IMAGE_MAP_VERSION {
            return refuse(format!(
                "map version {}, and this program reads version {IMAGE_MAP_VERSION}; update seedlm",
                self.version
            ));
        }
        self.check_addresses()?;
        let expected = self.expected()?;
        for (what, stated, expected) in [
            ("beat_bytes", self.beat_bytes, expected.beat_bytes),
            ("stored_bytes", self.stored_bytes, expected.stored_bytes),
            ("total_bytes", self.total_bytes, expected.total_bytes),
            (
                "number of regions",
                self.regions.len() as u64,
                expected.regions.len() as u64,
            ),
        ] {
            if stated != expected {
                return refuse(format!(
                    "the {what} is {stated}, and with these matrices and this machine it must be {expected}"
                ));
            }
        }
        for (number, (region, expected)) in self.regions.iter().zip(&expected.regions).enumerate() {
            let expected = Region {
                crc32: region.crc32,
                ..expected.clone()
            };
            if *region != expected {
                return refuse(format!(
                    "region {number} ({region}) is not as its matrix and the machine make it:\n  stated   {region:?}\n  must be  {expected:?}"
                ));
            }
            if region.crc32.is_some() != region.kind.is_stored() {
                return refuse(format!(
                    "region {number} ({region}) {} checksum",
                    if region.crc32.is_some() {
                        "is not stored and has a"
                    } else {
                        "has no"
                    }
                ));
            }
        }
        Ok(())
    }

    /// No region leaves the memory or overlaps another, whatever else is wrong.
    fn check_addresses(&self) -> Result<(), CodecError> {
        let mut before: Option<(&Region, u64)> = None;
        for (number, region) in self.regions.iter().enumerate() {
            let Some(end) = region.end() else {
                return refuse(format!(
                    "region {number} ({region}): {} bytes at {:#x} overflow 64-bit addresses",
                    region.bytes, region.address
                ));
            };
            let (limit, what) = match region.kind.is_stored() {
                true => (self.stored_bytes, "stored_bytes"),
                false => (self.total_bytes, "total_bytes"),
            };
            if end > limit {
                return refuse(format!(
                    "region {number} ({region}): {:#x}..{end:#x} is out of range: {what} is {limit:#x}",
                    region.address
                ));
            }
            match before {
                Some((other, _)) if region.address < other.address => {
                    return refuse(format!(
                        "region {number} ({region}) at {:#x} lies before region {} ({other}) at {:#x}: regions must stand in the order of their addresses",
                        region.address,
                        number - 1,
                        other.address
                    ));
                }
                Some((other, other_end)) if region.address < other_end => {
                    return refuse(format!(
                        "region {number} ({region}) at {:#x} overlaps region {} ({other}), which ends at {other_end:#x}",
                        region.address,
                        number - 1
                    ));
                }
                _ => before = Some((region, end)),
            }
            if self.alignment_bytes == 0 || !region.address.is_multiple_of(self.alignment_bytes) {
                return refuse(format!(
                    "region {number} ({region}) at {:#x} is not aligned to {} bytes",
                    region.address, self.alignment_bytes
                ));
            }
        }
        Ok(())
    }

    /// The map of the matrices whose weights it lists.
    fn expected(&self) -> Result<ImageMap, CodecError> {
        let weights = self.regions.iter().filter(|region| region.kind == RegionKind::Weights);
        let matrices: Vec<ImageMatrix> = weights
            .map(|region| ImageMatrix {
                tensor: region.tensor.clone().unwrap_or_default(),
                rows: region.rows,
                columns: region.columns,
                rotation: region.rotation,
            })
            .collect();
        ImageMap::new(&self.tool, &self.code, &self.machine, self.alignment_bytes, &matrices)
    }
}
