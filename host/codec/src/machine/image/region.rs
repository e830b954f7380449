//! A stretch of the image, as the address map describes it.

use crate::checksum::Crc32;
use crate::rotation::Rotation;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What lies in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionKind {
    /// The weight stream of a matrix, in tile order.
    Weights,
    /// One binary32 number per row of the matrix before it: the real value of one integer step of a result.
    RowScales,
    /// Room for the activation stream of any one matrix.
    Activations,
    /// Room for the result stream of any one matrix.
    Results,
}

impl RegionKind {
    /// Whether the image file holds the region's bytes; else they are only reserved behind the file's end.
    pub fn is_stored(self) -> bool {
        matches!(self, RegionKind::Weights | RegionKind::RowScales)
    }
}

impl fmt::Display for RegionKind {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            RegionKind::Weights => "weights",
            RegionKind::RowScales => "row_scales",
            RegionKind::Activations => "activations",
            RegionKind::Results => "results",
        })
    }
}

/// A region: whole beats at an aligned address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// What lies in it.
    pub kind: RegionKind,
    /// The matrix it belongs to; none for activations and results, which all matrices share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// Where it starts, in bytes from the start of the image: a multiple of the alignment.
    pub address: u64,
    /// Its size in bytes: whole beats, the last one filled up with zeros.
    pub bytes: u64,
    /// Its size in beats.
    pub beats: u64,
    /// Rows: of the matrix; 1 for activations; of the matrix with the most results for results. At least 1.
    pub rows: usize,
    /// Columns: of the matrix; 1 for scales and results; of the matrix with the most activations for activations. At least 1.
    pub columns: usize,
    /// Tiles of the matrix, for the register `TILES`; weights only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiles: Option<u64>,
    /// Steps of a tile, for the register `STEPS`; weights only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Label of the code, for people; weights only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The rotation that the host applies to the activations before they are quantised; only of weights that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Checksum of all its bytes, where they are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32: Option<Crc32>,
}

impl Region {
    /// The first address behind it, or `None` where there is no such number.
    pub fn end(&self) -> Option<u64> {
        self.address.checked_add(self.bytes)
    }
}

/// Kind and tensor, for messages.
impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match &self.tensor {
            Some(tensor) => write!(formatter, "{} of {tensor:?}", self.kind),
            None => self.kind.fmt(formatter),
        }
    }
}
