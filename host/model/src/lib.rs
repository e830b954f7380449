//! Models on disk: safetensors in, SeedLM containers out, and back.
//!
//! * [`Source`]: the tensors of a safetensors file or of a Hugging Face folder; [`Rules`]: which are compressed.
//! * [`compress`], with a [`Plan`] before and a [`CompressReport`] after it; [`compress_with`] caps its memory, and goes on
//!   where another run has stopped.
//! * [`Container`]: a compressed model, whose matrices are [`StoredMatrix`]; [`decompress`], [`verify`], [`inspect`].
//! * [`truncate`]: fewer layers of a container that has several; [`prefix`]: the start of its file, which decodes by itself.
//! * [`rescale`]: a model whose rows and columns are multiplied by powers of two.
//! * [`Comparison`]: two models tensor by tensor, each plain or compressed.
//! * [`write_image`]: a container as one flat memory image with an address map; [`MemoryImage`] reads both.
//! * [`MatrixEncoder`]: one matrix in either code, rotated where [`Rotate`] says so.
//! * [`Model`]: either of the two; [`embedded`]: a small model that is part of the program.
//!
//! Inputs are hostile until checked: whatever the bytes are, the answer is a [`ModelError`] that names file and tensor,
//! never a panic. Outputs appear whole or not at all.

mod assemble;
mod budget;
mod coded;
mod compare;
mod compress;
mod container;
mod copy;
mod cut;
mod decompress;
pub mod embedded;
mod encode;
mod encoding;
mod error;
mod feedback;
pub mod figures;
mod file;
mod floats;
mod folder;
mod footprint;
mod header;
mod image;
mod inspect;
mod layered;
mod model;
mod moments;
mod near_names;
mod output;
mod parts;
mod pieces;
mod pipeline;
mod plain;
mod plan;
mod profile;
mod progress;
mod report;
mod rescale;
mod rotate;
mod rule_file;
mod rules;
mod scale_trials;
mod source;
mod stored;
mod survey;
mod target_bits;
mod truncate;
mod unique_map;
mod verify;
mod work;

pub use coded::{CodedTensor, encode_tensors, read_coded};
pub use compare::{
    AgainstReference, Better, CompareReport, CompareTotals, Comparison, Difference, DifferentShapes, ReferenceTotals,
    StoredAs, TensorComparison,
};
pub use compress::{CompressOptions, RunOptions, compress, compress_with};
pub use container::{
    CONTAINER_VERSION, CompressedEntry, CompressedMatrix, Container, Crc32, Document, FIRST_CONTAINER_VERSION,
    KeptEntry, LayerEntry, MatrixLayer, scale_name, words_name,
};
pub use cut::{Prefix, describe_layers, matrices_with_layer, prefix, receive, write_prefix};
pub use decompress::{DecompressOptions, DecompressReport, decompress};
pub use encode::{Advance, EncodedWeights, MatrixEncoder, OriginalRows};
pub use encoding::{Encoding, chained_layers, encoding_presets, layers_label, preset_layers};
pub use error::ModelError;
pub use floats::FloatDtype;
pub use footprint::Footprint;
pub use image::{ImageCheckReport, ImageOptions, ImageReport, MemoryImage, write_image};
pub use inspect::{
    ContainerInspection, Inspection, LayerSummary, MatrixSummary, PlainInspection, PrefixSummary, TensorSummary,
    inspect,
};
pub use model::Model;
pub use moments::{InputMoments, ModelMoments};
pub use output::check_output;
pub use parts::MatrixPart;
pub use plan::{Plan, PlannedMatrix, PlannedTensor};
pub use profile::{Profile, profiles};
pub use progress::{LayerReport, MatrixReport, MatrixStep, Progress, Resumed, Silent};
pub use report::{CompressReport, PrefixFigures};
pub use rescale::{RescaleReport, Scaling, rescale};
pub use rotate::{Rotate, RotationTrial, UnknownRotate, rotate_rows, undo_rows};
pub use rule_file::RuleFile;
pub use rules::{KeepReason, Rules};
pub use safetensors::Dtype;
pub use scale_trials::{DEFAULT_SCALE_TRIALS, MOST_SCALE_TRIALS};
pub use source::{Matrix, Source, TensorInfo};
pub use stored::StoredMatrix;
pub use target_bits::{
    BitChoice, Calibrated, CandidateError, ChosenMatrix, CountedError, Sensitivity, TargetBits, choose_codes,
};
pub use truncate::{TruncateLimit, TruncateOptions, TruncateReport, truncate};
pub use verify::{VerifyReport, verify};
