//! How a matrix is encoded.

use crate::error::ModelError;
use crate::rotate::Rotate;
use crate::scale_trials::{DEFAULT_SCALE_TRIALS, check_scale_trials};
use seedlm_codec::{ChainedCode, Code, CodecError, MOST_LAYERS, check_scale_groups, coded_shape};
use seedlm_encoder::Quantizer;

/// Names of encodings in layers, with the stored bits per weight of each layer and the length of the windows: all in the chained
/// code.
const LAYER_PRESETS: [(&str, &[u32], u32); 4] = [
    ("progressive-4b", &[2, 2], 16),
    ("progressive-6b", &[2, 2, 2], 16),
    ("progressive-4b-k12", &[2, 2], 12),
    ("progressive-6b-k12", &[2, 2, 2], 12),
];

/// Names of all presets: those of single codes, then those of layers.
pub fn encoding_presets() -> Vec<&'static str> {
    let layered = LAYER_PRESETS.iter().map(|(name, ..)| *name);
    Code::presets().into_iter().chain(layered).collect()
}

/// The codes of the layers of the preset of that name, the base first; one for the name of a code.
///
/// # Errors
/// [`CodecError::UnknownPreset`] lists the names there are.
pub fn preset_layers(name: &str) -> Result<Vec<Code>, CodecError> {
    let Some((_, bits, length)) = LAYER_PRESETS.iter().find(|preset| preset.0 == name) else {
        return Code::preset(name)
            .map(|code| vec![code])
            .map_err(|_| CodecError::UnknownPreset {
                name: name.into(),
                known: encoding_presets().into_iter().map(String::from).collect(),
            });
    };
    let codes = bits
        .iter()
        .map(|&bits| ChainedCode::standard(bits, *length).map(Code::Chained));
    codes.collect()
}

/// Layers of chained codes with the standard maps for windows of `length` bits: `bits` has the stored bits per weight of each, 1 to
/// 8, the base first, as `2+1+1`; one number is one layer.
///
/// # Errors
/// [`ModelError::Layers`] says which number is none, or which code there is not.
pub fn chained_layers(bits: &str, length: u32) -> Result<Vec<Code>, ModelError> {
    let layer = |number: &str| {
        let bits: u32 = number.trim().parse().map_err(|error| {
            let reason =
                format!("{number:?} is no number of bits per weight ({error}); give numbers of 1 to 8, as 2+2+2");
            ModelError::Layers(reason)
        })?;
        let code = ChainedCode::standard(bits, length).map_err(|error| ModelError::Layers(error.to_string()))?;
        Ok(code.into())
    };
    bits.split('+').map(layer).collect()
}

/// How a matrix is encoded: in one code, or in layers, each of which encodes what those before it have left of the weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    layers: Vec<Code>,
    quantizer: Quantizer,
    rotate: Rotate,
    scale_trials: usize,
    scale_group: Option<usize>,
}

impl Encoding {
    /// One layer, and [`DEFAULT_SCALE_TRIALS`] where it gets more. The quantizer is the block code's; the chained code has none.
    pub fn new(code: impl Into<Code>, quantizer: Quantizer, rotate: Rotate) -> Self {
        Encoding {
            layers: vec![code.into()],
            quantizer,
            rotate,
            scale_trials: DEFAULT_SCALE_TRIALS,
            scale_group: None,
        }
    }

    /// The same with these layers, the first one being the base.
    ///
    /// # Errors
    /// [`ModelError::Layers`] when there are none, or more than [`MOST_LAYERS`].
    pub fn with_layers(mut self, layers: Vec<Code>) -> Result<Self, ModelError> {
        if !(1..=MOST_LAYERS).contains(&layers.len()) {
            return Err(ModelError::Layers(format!(
                "{} layers were asked for, and a matrix has 1 to {MOST_LAYERS}",
                layers.len()
            )));
        }
        self.layers = layers;
        Ok(self)
    }

    /// The same with another choice of rotation.
    pub fn with_rotate(mut self, rotate: Rotate) -> Self {
        self.rotate = rotate;
        self
    }

    /// The same with another quantizer.
    pub fn with_quantizer(mut self, quantizer: Quantizer) -> Self {
        self.quantizer = quantizer;
        self
    }

    /// The same with another number of scales that are tried for each row of a layer before the last, 1 to
    /// [`MOST_SCALE_TRIALS`](crate::MOST_SCALE_TRIALS): the one is kept whose error is smallest after the next layer. Plays no part in
    /// block codes, in matrices of one layer, and where there are moments of the inputs.
    ///
    /// # Errors
    /// [`ModelError::Layers`] for any other number.
    pub fn with_scale_trials(mut self, trials: u64) -> Result<Self, ModelError> {
        self.scale_trials = check_scale_trials(trials)?;
        Ok(self)
    }

    /// The same with a scale for every so many neighbouring columns of a row, in every layer; without, each row has one. Whether a
    /// matrix can have them, [`Encoding::coded_shape`] says.
    pub fn with_scale_group(mut self, columns: Option<usize>) -> Self {
        self.scale_group = columns;
        self
    }

    /// The codes of the layers, the base first; at least one.
    pub fn layers(&self) -> &[Code] {
        &self.layers
    }

    /// How the block code chooses coefficients.
    pub fn quantizer(&self) -> Quantizer {
        self.quantizer
    }

    /// Whether the matrix is rotated first.
    pub fn rotate(&self) -> Rotate {
        self.rotate
    }

    /// Scales that are tried for each row of a layer before the last.
    pub fn scale_trials(&self) -> usize {
        self.scale_trials
    }

    /// Whether there is more than one layer.
    pub fn has_layers(&self) -> bool {
        self.layers.len() > 1
    }

    /// The columns that share a scale, where that is not the whole row.
    pub fn scale_group(&self) -> Option<usize> {
        self.scale_group
    }

    /// Rows and columns of what is coded for a matrix of that shape: a row for each of its scale groups.
    ///
    /// # Errors
    /// [`CodecError::Code`] when one of the codes has no scale groups, [`CodecError::Tensor`] when they do not divide the columns.
    pub fn coded_shape(&self, shape: [usize; 2]) -> Result<[usize; 2], CodecError> {
        if self.scale_group.is_some() {
            self.layers.iter().try_for_each(check_scale_groups)?;
        }
        coded_shape(shape, self.scale_group)
    }

    /// Whether a block code is among its layers.
    pub fn has_block_code(&self) -> bool {
        self.layers.iter().any(|code| matches!(code, Code::Block(_)))
    }

    /// The labels of its codes, as `chained-2b + chained-2b`.
    pub fn label(&self) -> String {
        layers_label(&self.layers)
    }
}

/// Bytes of the words and scales of a matrix in these layers, or `None` where they cannot be counted. The shape is that of what is
/// coded: see [`Encoding::coded_shape`].
pub(crate) fn stored_bytes(layers: &[Code], [rows, columns]: [usize; 2]) -> Option<u64> {
    let of_layer = |code: &Code| Some(code.word_bytes(rows, columns)? as u64 + code.scale_bytes(rows) as u64);
    layers.iter().map(of_layer).sum()
}

/// The labels of codes that are laid one over the other, as `chained-2b + chained-2b`.
pub fn layers_label<'a>(codes: impl IntoIterator<Item = &'a Code>) -> String {
    codes.into_iter().map(Code::label).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_its_layers() {
        for name in encoding_presets() {
            let layers = preset_layers(name).unwrap();
            let encoding = Encoding::new(layers[0].clone(), Quantizer::Exact, Rotate::Auto);
            let encoding = encoding.with_layers(layers.clone()).unwrap();
            assert_eq!(encoding.layers(), layers);
            if let [code] = &layers[..] {
                assert_eq!(code.label(), name);
            } else {
                let bits: f64 = layers.iter().map(Code::bits_per_weight).sum();
                assert!(name.starts_with(&format!("progressive-{bits}b")), "{name}");
            }
        }
        assert_eq!(
            layers_label(&preset_layers("progressive-4b-k12").unwrap()),
            "chained-2b-k12 + chained-2b-k12"
        );
        let error = preset_layers("progressive-5b").unwrap_err().to_string();
        assert!(error.contains("chained-2b-k12, progressive-4b"), "{error}");
    }

    #[test]
    fn there_are_one_to_eight_layers() {
        let code = Code::preset("chained-2b").unwrap();
        let encoding = |count| {
            let encoding = Encoding::new(code.clone(), Quantizer::Exact, Rotate::Auto);
            encoding.with_layers(vec![code.clone(); count])
        };
        assert!(encoding(8).is_ok());
        for count in [0, 9] {
            let error = encoding(count).unwrap_err().to_string();
            assert!(error.contains("1 to 8"), "{error}");
        }
    }
}
