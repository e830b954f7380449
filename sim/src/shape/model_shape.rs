//! The matrices that a token of a model multiplies with, as TOML.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A model's matrices, without their weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelShape {
    /// Name of the model.
    pub name: String,
    /// Where the shapes are from.
    pub source: String,
    /// The matrices in the order of a token; equal ones stand together.
    pub matrices: Vec<ShapeMatrix>,
}

/// Matrices of one shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeMatrix {
    /// What it is.
    pub name: String,
    /// Rows: results.
    pub rows: usize,
    /// Columns: activations.
    pub columns: usize,
    /// How many of them a token multiplies with.
    pub count: usize,
}

/// The keys of a Llama-family model's `config.json` that give its matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlamaShape {
    /// Elements of a token's state.
    pub hidden_size: usize,
    /// Elements inside a feed-forward layer.
    pub intermediate_size: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of the queries.
    pub attention_heads: usize,
    /// Heads of keys and values.
    pub key_value_heads: usize,
    /// Elements of a head.
    pub head_dimension: usize,
    /// Tokens of the vocabulary: rows of the output matrix, which is counted. Of the input embedding a token reads one row; that is not.
    pub vocabulary: usize,
}

/// A shape as it stands in a file: the keys of a Llama, or a list of matrices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeFile {
    name: String,
    source: String,
    llama: Option<LlamaShape>,
    #[serde(default)]
    matrix: Vec<ShapeMatrix>,
}

/// Why a shape is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// Neither a preset nor a file.
    #[error("model shape {name:?}: {source}; give a TOML file, or one of: {}", ModelShape::presets().join(", "))]
    Read {
        /// What was given.
        name: String,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// No such TOML, an unknown key, or a matrix that cannot be.
    #[error("model shape {name}: {reason}")]
    Content {
        /// File or preset.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

macro_rules! presets {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../shapes/", $name, ".toml")))),*]
    };
}

const PRESETS: [(&str, &str); 10] = presets!(
    "embedded",
    "smollm2-4-layers",
    "llama-3.2-1b-layer",
    "smollm2-135m",
    "llama-3.2-1b",
    "llama-2-7b",
    "llama-3-8b",
    "llama-2-13b",
    "llama-2-70b",
    "llama-3-70b"
);

/// Most rows or columns of a matrix.
const MOST_ELEMENTS: usize = 1 << 20;
/// Most matrices of one shape.
const MOST_MATRICES: usize = 1 << 20;

/// Most weights of a token: a thousand times the largest models, and far from what 64-bit counts of bits hold.
const MOST_WEIGHTS: u128 = 1 << 50;

impl ModelShape {
    /// Names of the presets, small ones first.
    pub fn presets() -> Vec<&'static str> {
        PRESETS.map(|(name, _)| name).to_vec()
    }

    /// A preset, or a file with the same keys.
    ///
    /// # Errors
    /// When there is neither, or the content is refused.
    pub fn named(name: &str) -> Result<Self, ShapeError> {
        if let Some((name, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
            return ModelShape::parse(name, text);
        }
        let text = std::fs::read_to_string(name).map_err(|source| ShapeError::Read {
            name: name.into(),
            source,
        })?;
        ModelShape::parse(name, &text)
    }

    /// Reads a shape.
    ///
    /// # Errors
    /// [`ShapeError::Content`] on unknown or missing keys, and on sizes of zero or beyond what a machine could be built for.
    pub fn parse(name: &str, text: &str) -> Result<Self, ShapeError> {
        let refuse = |reason: String| ShapeError::Content {
            name: name.into(),
            reason,
        };
        let file: ShapeFile = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let matrices = match (file.llama, file.matrix) {
            (Some(llama), matrices) if matrices.is_empty() => llama.matrices().map_err(refuse)?,
            (None, matrices) if !matrices.is_empty() => matrices,
            _ => return Err(refuse("give either [llama] or at least one [[matrix]]".into())),
        };
        for matrix in &matrices {
            for (key, value, most) in [
                ("rows", matrix.rows, MOST_ELEMENTS),
                ("columns", matrix.columns, MOST_ELEMENTS),
                ("count", matrix.count, MOST_MATRICES),
            ] {
                if value == 0 || value > most {
                    return Err(refuse(format!(
                        "{}: {key} is {value}, and must be 1 to {most}",
                        matrix.name
                    )));
                }
            }
        }
        let weights = |matrix: &ShapeMatrix| (matrix.rows as u128) * (matrix.columns as u128) * (matrix.count as u128);
        let all: u128 = matrices.iter().map(weights).sum();
        if all > MOST_WEIGHTS {
            return Err(refuse(format!(
                "a token of {all} weights; at most {MOST_WEIGHTS} can be counted"
            )));
        }
        Ok(ModelShape {
            name: file.name,
            source: file.source,
            matrices,
        })
    }

    /// Weights that a token multiplies with.
    pub fn weights(&self) -> u64 {
        self.matrices.iter().map(ShapeMatrix::weights).sum()
    }

    /// Matrices that a token multiplies with.
    pub fn matrix_count(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.count).sum()
    }

    /// Most columns of a matrix.
    pub fn largest_columns(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.columns).max().unwrap_or(0)
    }
}

impl ShapeMatrix {
    /// Weights of all matrices of this shape.
    pub fn weights(&self) -> u64 {
        (self.rows * self.columns) as u64 * self.count as u64
    }
}

impl LlamaShape {
    fn matrices(&self) -> Result<Vec<ShapeMatrix>, String> {
        let too_large = || "the sizes are too large".to_string();
        let heads = |count: usize| count.checked_mul(self.head_dimension).ok_or_else(too_large);
        let (queries, keys) = (heads(self.attention_heads)?, heads(self.key_value_heads)?);
        let twice = self.layers.checked_mul(2).ok_or_else(too_large)?;
        let matrix = |name: &str, rows, columns, count| ShapeMatrix {
            name: name.into(),
            rows,
            columns,
            count,
        };
        Ok(vec![
            matrix("queries", queries, self.hidden_size, self.layers),
            matrix("keys and values", keys, self.hidden_size, twice),
            matrix("attention output", self.hidden_size, queries, self.layers),
            matrix("gate and up", self.intermediate_size, self.hidden_size, twice),
            matrix("down", self.hidden_size, self.intermediate_size, self.layers),
            matrix("output head", self.vocabulary, self.hidden_size, 1),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters as published, less the input embedding and the norms.
    #[test]
    fn the_presets_have_the_published_numbers_of_weights() {
        for (name, weights) in [
            ("llama-2-7b", 6_607_077_376),
            ("llama-3-8b", 7_504_658_432),
            ("llama-3-70b", 69_501_714_432),
            ("llama-3.2-1b", 1_235_746_816),
            ("smollm2-135m", 134_479_872),
        ] {
            assert_eq!(ModelShape::named(name).unwrap().weights(), weights, "{name}");
        }
        for name in ModelShape::presets() {
            assert_eq!(ModelShape::named(name).unwrap().name, name);
        }
    }

    #[test]
    fn wrong_shapes_are_refused_with_the_reason() {
        let refusal = |text: &str| ModelShape::parse("my.toml", text).unwrap_err().to_string();
        let head = "name = \"x\"\nsource = \"y\"\n";
        assert!(refusal(head).contains("either [llama] or at least one [[matrix]]"));
        let matrix = "[[matrix]]\nname = \"m\"\nrows = 0\ncolumns = 3\ncount = 1\n";
        assert!(refusal(&format!("{head}{matrix}")).contains("m: rows is 0"));
        assert!(refusal(&format!("{head}{matrix}depth = 1\n")).contains("depth"));
        let large = "[[matrix]]\nname = \"m\"\nrows = 1048576\ncolumns = 1048576\ncount = 1048576\n";
        assert!(refusal(&format!("{head}{large}")).contains("my.toml: a token of 1152921504606846976 weights"));
        let llama = PRESETS[3].1.replace("layers = 30", "layers = 18446744073709551615");
        assert!(refusal(&llama).contains("my.toml"));
        assert!(
            ModelShape::named("gpt-9")
                .unwrap_err()
                .to_string()
                .contains("llama-3-70b")
        );
    }
}
