//! Variants made ready: all matrices decoded, in memory.

use super::baseline::Baseline;
use super::named::{self, Named};
use super::reference::{Matched, Reference};
use super::squares::{Squares, squares};
use crate::stdout::printable;
use crate::talk::Talk;
use anyhow::{Context, bail};
use seedlm_encoder::EncodeError;
use seedlm_llm::{CONFIG_FILE, DenseLayers, LanguageModel, ModelConfig};
use seedlm_model::figures::relative_error;
use seedlm_model::{Container, Matrix, MatrixEncoder, Model, ModelError, Progress};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A variant with its weights.
pub struct Prepared {
    /// As it was named.
    pub name: String,
    /// What it is: code, baseline, compressed, plain.
    pub kind: &'static str,
    /// Everything but the matrices.
    pub language: LanguageModel,
    /// The matrices.
    pub dense: DenseLayers,
    /// What became of each.
    pub tensors: Vec<TensorFigures>,
    /// What a reader of its figures must know.
    pub notes: Vec<String>,
}

/// What became of one matrix.
#[derive(Clone, Debug, Serialize)]
pub struct TensorFigures {
    /// Its name.
    pub name: String,
    /// Rows (outputs).
    pub rows: usize,
    /// Columns (inputs).
    pub columns: usize,
    /// The format that it has.
    pub format: String,
    /// Whether its inputs are rotated.
    pub rotated: bool,
    /// Bits it takes, all scales included.
    pub stored_bits: u64,
    /// The same per weight.
    pub bits_per_weight: f64,
    /// `||W - W'|| / ||W||`, against the reference.
    pub relative_error: f64,
    /// The sums that it is made of.
    #[serde(skip)]
    pub squares: Squares,
}

/// What was stored of a matrix.
struct Stored<'a> {
    format: &'a str,
    rotated: bool,
    bits: u64,
    squares: Squares,
}

impl TensorFigures {
    fn new(matched: &Matched, stored: Stored<'_>) -> Self {
        TensorFigures {
            name: matched.info.name.clone(),
            rows: matched.rows,
            columns: matched.columns,
            format: stored.format.into(),
            rotated: stored.rotated,
            stored_bits: stored.bits,
            bits_per_weight: stored.bits as f64 / matched.weights() as f64,
            relative_error: relative_error(stored.squares.error, stored.squares.norm),
            squares: stored.squares,
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
    let encoder = MatrixEncoder::new(&named::encoding(name)?)?;
    let source = reference.source();
    let mut dense = reference.dense.clone();
    let advance = |weights: usize| {
        talk.advance(weights);
        talk.go_on()
    };
    let tensors = reference.matched.iter().map(|matched| {
        let info = &matched.info;
        talk.now_at(format!("{name} {}", printable(&info.name)));
        let encoded = encoder.encode(source.matrix(info)?, &|rows| source.rows(info, rows), None, &advance);
        let encoded = encoded.map_err(|error| match error {
            EncodeError::Stopped => anyhow::Error::new(ModelError::Interrupted),
            other => anyhow::Error::new(other).context(format!("tensor {:?}", info.name)),
        })?;
        let rotation = encoded.stored.rotation();
        dense.replace(matched.linear, &encoded.stored.machine_values(), rotation)?;
        let stored = Stored {
            format: name,
            rotated: rotation.is_some(),
            bits: 8 * encoded.stored_bytes(),
            squares: Squares {
                error: encoded.squared_error,
                norm: encoded.squared_norm,
            },
        };
        Ok(TensorFigures::new(matched, stored))
    });
    Ok(Prepared {
        tensors: tensors.collect::<anyhow::Result<_>>()?,
        name: name.into(),
        kind: "code",
        language: reference.package.language.clone(),
        dense,
        notes: Vec::new(),
    })
}

fn of_baseline(baseline: &Baseline, reference: &Reference, talk: &Talk) -> anyhow::Result<Prepared> {
    let name = baseline.name();
    let mut dense = reference.dense.clone();
    let tensors = reference.matched.iter().map(|matched| {
        stop_at_ctrl_c(talk)?;
        talk.now_at(format!("{name} {}", printable(&matched.info.name)));
        let matrix = reference.source().matrix(&matched.info)?;
        let quantised = baseline.quantise(&matrix)?;
        dense.replace(matched.linear, &quantised.values, None)?;
        talk.advance(matrix.values.len());
        let stored = Stored {
            format: quantised.format,
            rotated: false,
            bits: quantised.stored_bits,
            squares: squares(&matrix, |row| {
                quantised.values[row * matched.columns..][..matched.columns].to_vec()
            }),
        };
        Ok(TensorFigures::new(matched, stored))
    });
    let tensors = tensors.collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Prepared {
        notes: fallbacks(name, &tensors),
        tensors,
        name: name.into(),
        kind: "baseline",
        language: reference.package.language.clone(),
        dense,
    })
}

/// Says how many matrices have another format than the one that was asked for, and names them where they are few.
fn fallbacks(name: &str, tensors: &[TensorFigures]) -> Vec<String> {
    let others = tensors
        .iter()
        .map(|tensor| &tensor.format)
        .filter(|format| *format != name);
    let formats: BTreeSet<&String> = others.collect();
    let note = |format: &String| {
        let names: Vec<String> = tensors
            .iter()
            .filter(|tensor| tensor.format == *format)
            .map(|tensor| printable(&tensor.name))
            .collect();
        let which = match names.len() {
            1..=4 => names.join(", "),
            count => format!("{} and {} more (--tensors and JSON name them)", names[0], count - 1),
        };
        format!("{name}: rows that are no whole blocks are {format} instead, as llama.cpp has it: {which}")
    };
    formats.into_iter().map(note).collect()
}

fn of_path(path: &Path, reference: &Reference, talk: &Talk) -> anyhow::Result<Prepared> {
    let config = reference.package.language.config();
    check_config(path, config)?;
    let model = Model::open(path)?;
    let another = || {
        format!(
            "this is no variant of {}; give what seedlm compress or decompress has made of that model",
            reference.package.name
        )
    };
    talk.now_at(format!("reading {}", path.display()));
    let language = LanguageModel::new(config.clone(), &model).with_context(another)?;
    let dense = DenseLayers::new(&language, &model, None).with_context(another)?;
    let mut notes = Vec::new();
    if let Model::Container(container) = &model {
        notes.extend(other_choice(path, container, reference));
    }
    let tensors = reference.matched.iter().map(|matched| {
        stop_at_ctrl_c(talk)?;
        let info = &matched.info;
        talk.now_at(format!("{} {}", path.display(), printable(&info.name)));
        let matrix = reference.source().matrix(info)?;
        let figures = TensorFigures::new(matched, stored_in(&model, matched, &matrix)?);
        talk.advance(matrix.values.len());
        Ok(figures)
    });
    Ok(Prepared {
        tensors: tensors.collect::<anyhow::Result<_>>()?,
        name: path.display().to_string(),
        kind: match &model {
            Model::Plain(_) => "plain",
            Model::Container(_) => "compressed",
        },
        language,
        dense,
        notes,
    })
}

fn stored_in<'a>(model: &'a Model, matched: &Matched, reference: &Matrix) -> anyhow::Result<Stored<'a>> {
    let name = &matched.info.name;
    if let Model::Container(container) = model
        && let Some(info) = container.matrices().iter().find(|info| info.name == *name)
    {
        let stored = container.matrix(info)?;
        return Ok(Stored {
            format: "compressed",
            rotated: stored.rotation().is_some(),
            bits: 8 * info.stored_bytes(),
            squares: squares(reference, |row| stored.values(row..row + 1)),
        });
    }
    let (_, values) = model.plain_tensor(name)?;
    let tensor = model.source().tensor(name);
    Ok(Stored {
        format: "plain",
        rotated: false,
        bits: tensor.map_or(0, |tensor| 8 * tensor.bytes() as u64),
        squares: squares(reference, |row| {
            values[row * matched.columns..][..matched.columns].to_vec()
        }),
    })
}

/// The architecture beside the weights, where there is one, must be the reference's.
fn check_config(path: &Path, reference: &ModelConfig) -> anyhow::Result<()> {
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    let Some(file) = folder
        .map(|folder| folder.join(CONFIG_FILE))
        .filter(|file| file.is_file())
    else {
        return Ok(());
    };
    let shown = file.display().to_string();
    let text = fs::read_to_string(&file).with_context(|| format!("{shown}: cannot read"))?;
    let config = ModelConfig::from_json(&shown, &text)?;
    // The end of a text is no part of the arithmetic.
    let same = ModelConfig {
        end_tokens: reference.end_tokens.clone(),
        ..config
    };
    if same != *reference {
        bail!("{shown}: is of another model than the reference; compare a model with variants of its own");
    }
    Ok(())
}

/// A container may have been told to compress other matrices than those that are compressed by default.
fn other_choice(path: &Path, container: &Container, reference: &Reference) -> Option<String> {
    let compressed: Vec<&str> = container.matrices().iter().map(|info| info.name.as_str()).collect();
    let default: Vec<&str> = reference
        .matched
        .iter()
        .map(|matched| matched.info.name.as_str())
        .collect();
    let missing = |of: &[&str], names: &[&str]| of.iter().filter(|name| !names.contains(name)).count();
    let (kept, more) = (missing(&default, &compressed), missing(&compressed, &default));
    (kept + more > 0).then(|| {
        format!(
            "{}: keeps {kept} of the matrices that are compressed by default, and compresses {more} others, which are not in \
             its bits and its relative error",
            path.display()
        )
    })
}

fn stop_at_ctrl_c(talk: &Talk) -> Result<(), ModelError> {
    if talk.stop_requested() {
        return Err(ModelError::Interrupted);
    }
    Ok(())
}
