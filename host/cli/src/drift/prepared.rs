//! The reference, and variants made ready: networks in memory.

use crate::eval::baseline::Baseline;
use crate::eval::named::{self, Named};
use crate::eval::squares::{Squares, squares};
use crate::stdout::printable;
use crate::talk::Talk;
use anyhow::{Context, bail};
use seedlm_encoder::EncodeError;
use seedlm_llm::{BertConfig, CONFIG_FILE, SentenceEncoder, SentencePackage};
use seedlm_model::figures::relative_error;
use seedlm_model::{Matrix, MatrixEncoder, Model, ModelError, Progress, Rules, Source, TensorInfo};
use std::fs;
use std::path::Path;

/// The model that variants are held against.
pub struct Reference {
    /// As it lies on the disk.
    pub package: SentencePackage,
    /// The matrices that seedlm compresses by default and an embedding needs, in the file's order.
    pub matrices: Vec<TensorInfo>,
    /// Names of all that it compresses by default, as the pooler.
    compressible: Vec<String>,
}

impl Reference {
    /// Opens a folder, or a weight file in one.
    ///
    /// # Errors
    /// When it is no BERT, or is compressed.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let package = SentencePackage::open(path)?;
        let Model::Plain(source) = &package.model else {
            bail!(
                "{}: is compressed; name the model as it was before as the reference, and this one as a variant",
                package.name
            );
        };
        let chosen = source.compressible(&Rules::default())?;
        let used = |info: &&TensorInfo| package.encoder.matrices().any(|(name, _)| name == info.name);
        let matrices: Vec<TensorInfo> = chosen.iter().filter(used).cloned().collect();
        if matrices.is_empty() {
            bail!("{}: no tensor is a matrix that seedlm compresses", package.name);
        }
        let compressible = chosen.into_iter().map(|info| info.name).collect();
        Ok(Reference {
            package,
            matrices,
            compressible,
        })
    }

    /// Weights of the matrices that variants replace.
    pub fn weights(&self) -> u64 {
        self.matrices.iter().map(|info| info.elements() as u64).sum()
    }

    fn source(&self) -> &Source {
        self.package.model.source()
    }
}

/// A variant with its weights.
pub struct Prepared {
    /// As it was named.
    pub name: String,
    /// What it is: code, baseline, compressed, plain.
    pub kind: &'static str,
    /// The network.
    pub encoder: SentenceEncoder,
    /// Bits of the replaced matrices, all scales included.
    pub stored_bits: u64,
    /// `||W - W'|| / ||W||` over them.
    pub relative_error: f64,
    /// How many of them have rotated inputs.
    pub rotated_matrices: usize,
    /// What a reader of its figures must know.
    pub notes: Vec<String>,
}

/// What has become of the matrices so far.
#[derive(Default)]
struct Sums {
    bits: u64,
    squares: Squares,
    rotated: usize,
}

impl Sums {
    fn add(&mut self, bits: u64, squares: Squares, is_rotated: bool) {
        self.bits += bits;
        self.squares.error += squares.error;
        self.squares.norm += squares.norm;
        self.rotated += usize::from(is_rotated);
    }

    fn prepared(self, name: String, kind: &'static str, encoder: SentenceEncoder, notes: Vec<String>) -> Prepared {
        Prepared {
            name,
            kind,
            encoder,
            stored_bits: self.bits,
            relative_error: relative_error(self.squares.error, self.squares.norm),
            rotated_matrices: self.rotated,
            notes,
        }
    }
}

/// Makes a variant ready. The talk is told of the reference's weights, each once for every layer of a code.
///
/// # Errors
/// When it cannot be read or is of another model; [`ModelError::Interrupted`] after Ctrl-C.
pub fn prepare(variant: &Named, reference: &Reference, talk: &Talk) -> anyhow::Result<Prepared> {
    let prepared = match variant {
        Named::Code(name) => of_code(name, reference, talk),
        Named::Baseline(baseline) => of_baseline(baseline, reference, talk),
        Named::Path(path) => of_path(path, reference, talk),
    };
    prepared.with_context(|| variant.name())
}

fn of_code(name: &str, reference: &Reference, talk: &Talk) -> anyhow::Result<Prepared> {
    let matrix_encoder = MatrixEncoder::new(&named::encoding(name)?)?;
    let source = reference.source();
    let mut encoder = reference.package.encoder.clone();
    let advance = |weights: usize| {
        talk.advance(weights);
        talk.go_on()
    };
    let mut sums = Sums::default();
    for info in &reference.matrices {
        talk.now_at(format!("{name} {}", printable(&info.name)));
        let encoded = matrix_encoder.encode(source.matrix(info)?, &|rows| source.rows(info, rows), None, &advance);
        let encoded = encoded.map_err(|error| match error {
            EncodeError::Stopped => anyhow::Error::new(ModelError::Interrupted),
            other => anyhow::Error::new(other).context(format!("tensor {:?}", info.name)),
        })?;
        let rotation = encoded.stored.rotation();
        encoder.replace(&info.name, &encoded.stored.machine_values(), rotation)?;
        let squares = Squares {
            error: encoded.squared_error,
            norm: encoded.squared_norm,
        };
        sums.add(8 * encoded.stored_bytes(), squares, rotation.is_some());
    }
    Ok(sums.prepared(name.into(), "code", encoder, Vec::new()))
}

fn of_baseline(baseline: &Baseline, reference: &Reference, talk: &Talk) -> anyhow::Result<Prepared> {
    let mut encoder = reference.package.encoder.clone();
    let (mut sums, mut others) = (Sums::default(), 0);
    for info in &reference.matrices {
        let matrix = next_matrix(baseline.name(), info, reference, talk)?;
        let quantised = baseline.quantise(&matrix)?;
        encoder.replace(&info.name, &quantised.values, None)?;
        let row = |row: usize| quantised.values[row * matrix.columns..][..matrix.columns].to_vec();
        sums.add(quantised.stored_bits, squares(&matrix, row), false);
        others += usize::from(quantised.format != baseline.name());
        talk.advance(matrix.values.len());
    }
    let note = format!(
        "{}: {others} matrices whose rows are no whole blocks have another format instead, as llama.cpp has it",
        baseline.name()
    );
    let notes = if others > 0 { vec![note] } else { Vec::new() };
    Ok(sums.prepared(baseline.name().into(), "baseline", encoder, notes))
}

fn of_path(path: &Path, reference: &Reference, talk: &Talk) -> anyhow::Result<Prepared> {
    let config = reference.package.encoder.config();
    check_config(path, config)?;
    let model = Model::open(path)?;
    let encoder = SentenceEncoder::new(config.clone(), &model).with_context(|| {
        format!(
            "this is no variant of {}; give what seedlm compress or decompress has made of that model",
            reference.package.name
        )
    })?;
    let mut sums = Sums::default();
    for info in &reference.matrices {
        let matrix = next_matrix(&path.display().to_string(), info, reference, talk)?;
        let (bits, squares, is_rotated) = stored_in(&model, info, &matrix)?;
        sums.add(bits, squares, is_rotated);
        talk.advance(matrix.values.len());
    }
    let (kind, notes) = match &model {
        Model::Plain(_) => ("plain", Vec::new()),
        Model::Container(_) => ("compressed", other_choice(path, &model, reference)),
    };
    Ok(sums.prepared(path.display().to_string(), kind, encoder, notes))
}

/// The reference's weights of a matrix, with a word of what is worked on; nothing after Ctrl-C.
fn next_matrix(name: &str, info: &TensorInfo, reference: &Reference, talk: &Talk) -> anyhow::Result<Matrix> {
    if talk.stop_requested() {
        return Err(ModelError::Interrupted.into());
    }
    talk.now_at(format!("{name} {}", printable(&info.name)));
    Ok(reference.source().matrix(info)?)
}

/// What a model has stored of a matrix: bits, squares of errors, whether it is rotated.
fn stored_in(model: &Model, info: &TensorInfo, reference: &Matrix) -> anyhow::Result<(u64, Squares, bool)> {
    let name = &info.name;
    if let Model::Container(container) = model
        && let Some(info) = container.matrices().iter().find(|info| info.name == *name)
    {
        let stored = container.matrix(info)?;
        let squares = squares(reference, |row| stored.values(row..row + 1));
        return Ok((8 * info.stored_bytes(), squares, stored.rotation().is_some()));
    }
    let (_, values) = model.plain_tensor(name)?;
    let bits = model
        .source()
        .tensor(name)
        .map_or(0, |tensor| 8 * tensor.bytes() as u64);
    let columns = reference.columns;
    Ok((
        bits,
        squares(reference, |row| values[row * columns..][..columns].to_vec()),
        false,
    ))
}

/// The architecture beside the weights, where there is one, must be the reference's.
fn check_config(path: &Path, reference: &BertConfig) -> anyhow::Result<()> {
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    let file = folder
        .map(|folder| folder.join(CONFIG_FILE))
        .filter(|file| file.is_file());
    let Some(file) = file else {
        return Ok(());
    };
    let shown = file.display().to_string();
    let text = fs::read_to_string(&file).with_context(|| format!("{shown}: cannot read"))?;
    if BertConfig::from_json(&shown, &text)? != *reference {
        bail!("{shown}: is of another model than the reference; compare a model with variants of its own");
    }
    Ok(())
}

/// A container may have been told to compress other tensors than those that are compressed by default.
fn other_choice(path: &Path, model: &Model, reference: &Reference) -> Vec<String> {
    let Model::Container(container) = model else {
        return Vec::new();
    };
    let compressed: Vec<&String> = container.matrices().iter().map(|info| &info.name).collect();
    let default: Vec<&String> = reference.compressible.iter().collect();
    let missing = |of: &[&String], names: &[&String]| of.iter().filter(|name| !names.contains(name)).count();
    let (kept, more) = (missing(&default, &compressed), missing(&compressed, &default));
    if kept + more == 0 {
        return Vec::new();
    }
    vec![format!(
        "{}: keeps {kept} of the matrices that are compressed by default, and compresses {more} other tensors, which are not in its \
         bits and its relative error",
        path.display()
    )]
}
