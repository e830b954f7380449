//! What a compression will do, before it is done.

use crate::container::{CompressedEntry, ContainerFile, Content, Crc32, LayerEntry, NewLayer, describes_itself};
use crate::encode::MatrixEncoder;
use crate::encoding::{Encoding, stored_bytes};
use crate::error::ModelError;
use crate::figures::bits_per_weight;
use crate::floats::FloatDtype;
use crate::rule_file::TensorRule;
use crate::rules::{Choice, KeepReason, Rules};
use crate::scale_trials::passes;
use crate::source::{Source, TensorInfo};
use seedlm_codec::CodecError;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A sum with as many digits as one usually has.
const USUAL_SUM: f64 = 1.234567890123456;

/// What a compression will do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Labels of the codes, each once.
    pub code: String,
    /// The matrices to compress, file by file.
    pub compressed: Vec<PlannedMatrix>,
    /// The tensors to keep, file by file.
    pub kept: Vec<PlannedTensor>,
    /// Weights in the matrices to compress.
    pub compressed_weights: u64,
    /// Weights in the whole model.
    pub weights: u64,
    /// Size of the source's weight files in bytes.
    pub input_bytes: u64,
    /// Size of the output's weight files in bytes: exact but for some digits in the headers.
    pub output_bytes: u64,
    /// Bits per weight of the compressed matrices, over words and scales.
    pub bits_per_compressed_weight: f64,
    /// Bits per weight of the whole model, over whole files.
    pub bits_per_weight: f64,
    /// The ways in which matrices are encoded, each once.
    #[serde(skip)]
    pub(crate) encodings: Vec<Encoding>,
}

/// A matrix to compress.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedMatrix {
    /// Name.
    pub name: String,
    /// Rows (outputs) and columns (inputs).
    pub shape: [usize; 2],
    /// Type of the weights.
    pub source_dtype: FloatDtype,
    /// Label of its code, or of those of its layers.
    pub code: String,
    /// The columns that share a scale, where that is not the whole row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_group: Option<usize>,
    /// Size now, in bytes.
    pub input_bytes: u64,
    /// Size of words and scales, in bytes.
    pub output_bytes: u64,
    /// Bits per weight over words and scales.
    pub bits_per_weight: f64,
    #[serde(skip)]
    pub(crate) encoding: Encoding,
    /// Rows and columns of what is coded: a row for each scale group.
    #[serde(skip)]
    pub(crate) coded_shape: [usize; 2],
    /// Its place in [`Plan::encodings`].
    #[serde(skip)]
    pub(crate) encoding_number: usize,
    /// Whether a rule names its code.
    #[serde(skip)]
    pub(crate) has_own_code: bool,
    #[serde(skip)]
    pub(crate) info: TensorInfo,
}

/// A tensor to keep.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedTensor {
    /// Name.
    pub name: String,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
    /// Type of an element.
    pub dtype: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Why it is kept.
    pub reason: &'static str,
    #[serde(skip)]
    pub(crate) info: TensorInfo,
}

impl Plan {
    /// Decides for each tensor of the source, and counts.
    ///
    /// # Errors
    /// [`ModelError::Pattern`] or [`ModelError::RuleFile`] when a pattern of the rules matches nothing, or a rule does not fit
    /// the encoding; [`ModelError::Container`] when the source is compressed already; [`ModelError::Tensor`] when a tensor's name is in the way.
    pub fn new(source: &Source, rules: &Rules, encoding: &Encoding) -> Result<Self, ModelError> {
        if let Some(file) = source.files().iter().find(|file| describes_itself(file)) {
            return Err(ModelError::Container {
                path: file.path().to_path_buf(),
                reason: "it is a SeedLM container already; decompress it first".into(),
            });
        }
        let mut plan = Plan {
            code: String::new(),
            compressed: Vec::new(),
            kept: Vec::new(),
            compressed_weights: 0,
            weights: source.weights(),
            input_bytes: source.file_bytes(),
            output_bytes: 0,
            bits_per_compressed_weight: 0.0,
            bits_per_weight: 0.0,
            encodings: Vec::new(),
        };
        for (info, choice) in source.tensors().iter().zip(rules.choose(source.tensors())?) {
            match choice {
                Choice::Keep(reason) => plan.kept.push(planned_tensor(info, reason)),
                Choice::Compress(rule) => {
                    let encoding = rules.encoding(&info.name, rule, encoding)?;
                    let mut matrix = planned_matrix(source, info, &encoding)?;
                    matrix.has_own_code = rule.is_some_and(TensorRule::names_code);
                    plan.compressed.push(matrix);
                }
            }
        }
        plan.count(source)?;
        Ok(plan)
    }

    /// The ways in which matrices are encoded, each once.
    pub fn encodings(&self) -> &[Encoding] {
        &self.encodings
    }

    /// Counts what depends on how the matrices are encoded.
    fn count(&mut self, source: &Source) -> Result<(), ModelError> {
        self.encodings.clear();
        for matrix in &mut self.compressed {
            let known = self.encodings.iter().position(|encoding| *encoding == matrix.encoding);
            matrix.encoding_number = known.unwrap_or_else(|| {
                self.encodings.push(matrix.encoding.clone());
                self.encodings.len() - 1
            });
        }
        let labels: BTreeSet<String> = self.encodings.iter().map(Encoding::label).collect();
        self.code = labels.into_iter().collect::<Vec<_>>().join(", ");
        self.output_bytes = 0;
        for number in 0..source.files().len() {
            self.output_bytes += self.file_bytes(source, number)?;
        }
        self.compressed_weights = self.compressed.iter().map(|matrix| matrix.info.elements() as u64).sum();
        let stored_bytes = self.compressed.iter().map(|matrix| matrix.output_bytes).sum();
        self.bits_per_compressed_weight = bits_per_weight(stored_bytes, self.compressed_weights);
        self.bits_per_weight = bits_per_weight(self.output_bytes, self.weights);
        Ok(())
    }

    /// Reads all weights that will be compressed, so that one that is no finite number is found before hours of work.
    ///
    /// # Errors
    /// As [`Source::matrix`].
    pub fn check_weights(&self, source: &Source) -> Result<(), ModelError> {
        let read = |_: &[u8]| Ok(());
        self.compressed
            .iter()
            .try_for_each(|matrix| source.check_matrix(&matrix.info, &mut { read }))
    }

    /// Measures, on part of the largest matrix, how fast this machine encodes (in the current thread pool), and returns
    /// the seconds that the whole plan will take. `None` where there is nothing to encode.
    ///
    /// # Errors
    /// As [`Source::matrix`], and [`ModelError::Encoder`].
    pub fn estimate_seconds(&self, source: &Source) -> Result<Option<f64>, ModelError> {
        let Some(largest) = self.compressed.iter().max_by_key(|matrix| matrix.info.elements()) else {
            return Ok(None);
        };
        let encoder = MatrixEncoder::new(&largest.encoding).map_err(ModelError::Encoder)?;
        let matrix = source.matrix(&largest.info)?;
        let to_encode = self.compressed.iter().map(|matrix| {
            let [rows, columns] = matrix.shape;
            rows as u64 * columns as u64 * passes(&matrix.encoding, columns) + encoder.trial_weights(rows, columns)
        });
        let weights: u64 = to_encode.sum();
        let enough = Duration::from_millis(300);
        // Rows are what threads share.
        let mut rows = rayon::current_num_threads().max(4096 / matrix.columns).min(matrix.rows);
        loop {
            let begun = Instant::now();
            let values = &matrix.values[..rows * matrix.columns];
            encoder.try_rows(matrix.columns, values).map_err(ModelError::Encoder)?;
            let taken = begun.elapsed();
            if taken >= enough || rows == matrix.rows {
                let seconds_per_weight = taken.as_secs_f64() / values.len() as f64;
                return Ok(Some(seconds_per_weight * weights as f64));
            }
            rows = (4 * rows).min(matrix.rows);
        }
    }

    /// Size of an output file: its header is made with stand-ins for what only the encoder knows.
    fn file_bytes(&self, source: &Source, number: usize) -> Result<u64, ModelError> {
        let path = source.file_path(number);
        let mut file = ContainerFile::new(&source.files()[number].header().metadata);
        for tensor in self.kept.iter().filter(|tensor| tensor.info.file == number) {
            file.keep(&tensor.info, Crc32(0));
        }
        for matrix in self.compressed.iter().filter(|matrix| matrix.info.file == number) {
            let [rows, columns] = matrix.coded_shape;
            let entries = matrix.encoding.layers().iter().map(|code| LayerEntry {
                code: code.label(),
                words_crc32: Crc32(0),
                scale_crc32: Crc32(0),
                squared_error: USUAL_SUM,
            });
            let shapes = (matrix.shape, &matrix.info.shape[..]);
            let entry = CompressedEntry::of_layers(shapes, matrix.source_dtype, None, 1000.0 * USUAL_SUM, entries);
            let Some(entry) = entry else {
                continue;
            };
            let entry = entry.with_scale_group(matrix.scale_group);
            let layers = matrix.encoding.layers().iter().map(|code| NewLayer {
                code,
                words_bytes: code.word_bytes(rows, columns).unwrap_or_default(),
                words: Content::Unknown,
                scale: Content::Unknown,
            });
            file.compressed(&matrix.name, entry, layers);
        }
        file.check_names(path)?;
        let data_bytes: u64 = file.sizes().map(|(_, bytes)| bytes).sum();
        Ok(file.header(path)?.len() as u64 + data_bytes)
    }
}

fn planned_tensor(info: &TensorInfo, reason: KeepReason) -> PlannedTensor {
    PlannedTensor {
        name: info.name.clone(),
        shape: info.shape.clone(),
        dtype: info.dtype.to_string(),
        bytes: info.bytes() as u64,
        reason: reason.as_str(),
        info: info.clone(),
    }
}

fn planned_matrix(source: &Source, info: &TensorInfo, encoding: &Encoding) -> Result<PlannedMatrix, ModelError> {
    let refuse = || {
        let reason = format!("{} {:?} cannot be compressed", info.dtype, info.shape);
        ModelError::tensor(source.file_path(info.file), &info.name, reason)
    };
    // The rules choose nothing else; this only says so to the compiler.
    let (rows, columns) = info.rows_and_columns().ok_or_else(refuse)?;
    let source_dtype = FloatDtype::of(info.dtype).ok_or_else(refuse)?;
    let coded_shape = encoding.coded_shape([rows, columns]).map_err(|error| {
        let next_step = match error {
            CodecError::Code(_) => "say scale_group in rules for the tensors that it is meant for",
            _ => "a rule for the tensor can say another scale_group",
        };
        let reason = format!("{error}; {next_step}");
        ModelError::tensor(source.file_path(info.file), &info.name, reason)
    })?;
    let output_bytes = stored_bytes(encoding.layers(), coded_shape).ok_or_else(refuse)?;
    Ok(PlannedMatrix {
        name: info.name.clone(),
        shape: [rows, columns],
        source_dtype,
        code: encoding.label(),
        scale_group: encoding.scale_group().filter(|&group| group != columns),
        coded_shape,
        input_bytes: info.bytes() as u64,
        output_bytes,
        bits_per_weight: bits_per_weight(output_bytes, info.elements() as u64),
        encoding: encoding.clone(),
        encoding_number: 0,
        has_own_code: false,
        info: info.clone(),
    })
}
