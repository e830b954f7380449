//! Rules for tensors in a TOML file, `seedlm compress --rules FILE`.
//!
//! ```toml
//! [[rule]]                       # the first rule that matches a tensor decides about it
//! match = ["*.embed*", "lm_head.*"]
//! keep = true                    # this one is not compressed
//!
//! [[rule]]
//! match = "*.attn.*"             # one pattern, or a list
//! bits = 5                       # a chained code with so many stored bits per weight, 1 to 8
//! rotate = "always"
//! ```
//!
//! | key | value | what it says |
//! |---|---|---|
//! | `match` | a pattern or a list of patterns over names | which tensors the rule is about; always needed |
//! | `keep` | `true` | they are not compressed; nothing else stands in such a rule |
//! | `code` | the name of a preset, of those in layers too | the code |
//! | `bits` | 1 to 8 | the chained code with so many stored bits per weight |
//! | `layers` | as `"2+2"`: stored bits per weight of each | layers of chained codes |
//! | `chain_length` | 16 or 12 | the windows, in bits, of `bits` or `layers`; else those of the command line's code, or 16 |
//! | `rotate` | `"auto"`, `"always"`, `"never"` | as `--rotate` |
//! | `quantizer` | `"exact"`, `"rounded"`, `"printed"` | as `--quantizer` |
//! | `scale_trials` | 1 to 16 | as `--scale-trials`, for matrices in layers |
//! | `scale_group` | a whole number from 1 | columns that share a scale, as `--scale-group` |
//!
//! At most one of `keep`, `code`, `bits` and `layers` stands in a rule. What a rule does not say is as on the command line.

mod entries;

use crate::encoding::{Encoding, chained_layers, preset_layers};
use crate::error::ModelError;
use crate::rotate::Rotate;
use crate::scale_trials::check_scale_trials;
use entries::{Entries, Text};
use globset::{Glob, GlobMatcher};
use seedlm_codec::{CHAIN_LENGTHS, Code, check_scale_groups};
use seedlm_encoder::Quantizer;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest file of rules that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// Keys of a rule.
const KEYS: [&str; 10] = [
    "match",
    "keep",
    "code",
    "bits",
    "layers",
    "chain_length",
    "rotate",
    "quantizer",
    "scale_trials",
    "scale_group",
];
/// Those that say what becomes of the tensors, of which a rule has at most one.
const EITHER: [&str; 4] = ["keep", "code", "bits", "layers"];

/// The rules of a file, in its order.
#[derive(Clone, Debug)]
pub struct RuleFile {
    pub(crate) path: PathBuf,
    pub(crate) rules: Vec<TensorRule>,
}

/// What a file says about the tensors that match some patterns.
#[derive(Clone, Debug)]
pub(crate) struct TensorRule {
    /// The line it begins in, from 1.
    pub line: usize,
    /// At least one.
    pub patterns: Vec<GlobMatcher>,
    /// Whether the tensors are kept as they are.
    pub is_keep: bool,
    layers: Option<Layers>,
    rotate: Option<Rotate>,
    quantizer: Option<Quantizer>,
    scale_trials: Option<u64>,
    scale_group: Option<usize>,
}

/// The layers that a rule asks for.
#[derive(Clone, Debug)]
enum Layers {
    /// These.
    Given(Vec<Code>),
    /// Chained codes with so many bits per weight, with the windows of the command line's code.
    Bits(String),
}

impl RuleFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ModelError::Io`], or as [`RuleFile::parse`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(ModelError::io(path, "open"))?;
        let mut bytes = Vec::new();
        let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(ModelError::io(path, "read"))?;
        let text = Text::new(path, "");
        if bytes.len() as u64 > MOST_BYTES {
            return Err(text.refuse(
                0,
                format!("it has more than {MOST_BYTES} bytes; no rules are that long"),
            ));
        }
        let content = String::from_utf8(bytes)
            .map_err(|error| text.refuse(0, format!("it is no text in UTF-8 ({})", error.utf8_error())))?;
        RuleFile::parse(path, &content)
    }

    /// Reads a text; `path` stands for it in messages.
    ///
    /// # Errors
    /// [`ModelError::RuleFile`] names the line: no TOML, unknown keys (with the nearest that there are), values that cannot be,
    /// and rules that contradict themselves.
    pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let text = Text::new(path, text);
        let mut rules = Vec::new();
        for table in text.tables("rule")? {
            let entries = Entries::new(text, &table, &KEYS)?;
            rules.push(TensorRule::read(&entries)?);
        }
        Ok(RuleFile {
            path: path.to_path_buf(),
            rules,
        })
    }

    /// What is wrong with a rule.
    pub(crate) fn refuse(&self, rule: &TensorRule, reason: String) -> ModelError {
        ModelError::RuleFile {
            path: self.path.clone(),
            line: rule.line,
            reason,
        }
    }
}

impl TensorRule {
    fn read(entries: &Entries<'_>) -> Result<Self, ModelError> {
        let patterns = entries.texts("match")?;
        if patterns.is_empty() {
            return Err(entries.refuse("match", "it names no pattern".into()));
        }
        let compile = |pattern: &String| {
            let glob = Glob::new(pattern).map_err(|error| {
                let reason = format!("pattern {pattern:?}: {}", error.kind());
                entries.refuse("match", reason)
            })?;
            Ok(glob.compile_matcher())
        };
        let patterns = patterns.iter().map(compile).collect::<Result<_, ModelError>>()?;
        let stated: Vec<&str> = EITHER.into_iter().filter(|key| entries.has(key)).collect();
        if let [first, second, ..] = stated[..] {
            let reason = format!("a rule has {first} or {second}, not both");
            return Err(entries.refuse(second, reason));
        }
        let is_keep = entries.flag("keep")?.unwrap_or(false);
        if entries.has("keep") {
            if !is_keep {
                let reason = "keep is true or is left out: a rule without it compresses the tensors that match";
                return Err(entries.refuse("keep", reason.into()));
            }
            if let Some(other) = KEYS[2..].iter().find(|key| entries.has(key)) {
                let reason = format!("tensors that are kept have no {other}");
                return Err(entries.refuse(other, reason));
            }
        }
        let scale_trials = entries.number("scale_trials")?;
        if let Some(trials) = scale_trials {
            check_scale_trials(trials).map_err(|error| entries.refuse("scale_trials", error.to_string()))?;
        }
        Ok(TensorRule {
            line: entries.line(),
            patterns,
            is_keep,
            layers: Layers::read(entries)?,
            rotate: entries.one_of("rotate", &Rotate::ALL)?,
            quantizer: entries.one_of("quantizer", &Quantizer::ALL)?,
            scale_trials,
            scale_group: scale_group(entries)?,
        })
    }

    /// Whether it is about a tensor of that name.
    pub(crate) fn is_match(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_match(name))
    }

    /// Whether it says which code the matrices have.
    pub(crate) fn names_code(&self) -> bool {
        self.layers.is_some()
    }

    /// How its matrices are encoded, where all others are encoded like `others`.
    ///
    /// # Errors
    /// What is wrong, in words, when that cannot be.
    pub(crate) fn encoding(&self, others: &Encoding) -> Result<Encoding, String> {
        let mut encoding = others.clone();
        match &self.layers {
            None => {}
            Some(Layers::Given(layers)) => {
                encoding = encoding
                    .with_layers(layers.clone())
                    .map_err(|error| error.to_string())?;
            }
            Some(Layers::Bits(bits)) => {
                let length = standard_length(others).unwrap_or(CHAIN_LENGTHS[0]);
                let layers = chained_layers(bits, length).map_err(|error| error.to_string())?;
                encoding = encoding.with_layers(layers).map_err(|error| error.to_string())?;
            }
        }
        if let Some(rotate) = self.rotate {
            encoding = encoding.with_rotate(rotate);
        }
        if let Some(quantizer) = self.quantizer {
            if !encoding.has_block_code() {
                let label = encoding.label();
                return Err(format!(
                    "quantizer belongs to the paper's codes, and {label} is none; leave it out"
                ));
            }
            encoding = encoding.with_quantizer(quantizer);
        }
        if let Some(trials) = self.scale_trials {
            if !encoding.has_layers() {
                let label = encoding.label();
                return Err(format!(
                    "scale_trials belongs to matrices in layers, and {label} is one; leave it out"
                ));
            }
            encoding = encoding.with_scale_trials(trials).map_err(|error| error.to_string())?;
        }
        if let Some(columns) = self.scale_group {
            let checked = encoding.layers().iter().try_for_each(check_scale_groups);
            checked.map_err(|error| format!("{error}; leave scale_group out"))?;
            encoding = encoding.with_scale_group(Some(columns));
        }
        Ok(encoding)
    }
}

/// The columns that share a scale.
fn scale_group(entries: &Entries<'_>) -> Result<Option<usize>, ModelError> {
    let columns = entries.number("scale_group")?.map(usize::try_from).transpose();
    match columns {
        Ok(Some(0)) | Err(_) => {
            let reason = "scale_group is the number of columns that share a scale, at least 1";
            Err(entries.refuse("scale_group", reason.into()))
        }
        Ok(columns) => Ok(columns),
    }
}

/// The length of the windows of an encoding, where there are standard codes of that length.
fn standard_length(encoding: &Encoding) -> Option<u32> {
    match &encoding.layers()[0] {
        Code::Chained(code) => Some(code.map().length()).filter(|length| CHAIN_LENGTHS.contains(length)),
        Code::Block(_) => None,
    }
}

impl Layers {
    fn read(entries: &Entries<'_>) -> Result<Option<Self>, ModelError> {
        let length = entries.number("chain_length")?;
        let key = if entries.has("bits") { "bits" } else { "layers" };
        if length.is_some() && !entries.has(key) {
            let reason = "chain_length goes with bits or layers";
            return Err(entries.refuse("chain_length", reason.into()));
        }
        if let Some(name) = entries.text("code")? {
            let layers = preset_layers(&name).map_err(|error| entries.refuse("code", error.to_string()))?;
            return Ok(Some(Layers::Given(layers)));
        }
        let bits = match entries.number("bits")? {
            Some(bits) => Some(bits.to_string()),
            None => entries.text("layers")?,
        };
        let Some(bits) = bits else { return Ok(None) };
        // Whatever the length is going to be, the bits must be in range.
        let tried = chained_layers(&bits, CHAIN_LENGTHS[0]).map_err(|error| entries.refuse(key, error.to_string()))?;
        let others = Encoding::new(tried[0].clone(), Quantizer::Exact, Rotate::Auto);
        let checked = others.with_layers(tried);
        checked.map_err(|error| entries.refuse(key, error.to_string()))?;
        let Some(length) = length else {
            return Ok(Some(Layers::Bits(bits)));
        };
        let length = u32::try_from(length)
            .ok()
            .filter(|length| CHAIN_LENGTHS.contains(length));
        let refuse = || {
            let lengths = CHAIN_LENGTHS.map(|length| length.to_string()).join(" or ");
            entries.refuse("chain_length", format!("chain_length is {lengths}"))
        };
        let layers = chained_layers(&bits, length.ok_or_else(refuse)?);
        let layers = layers.map_err(|error| entries.refuse(key, error.to_string()))?;
        Ok(Some(Layers::Given(layers)))
    }
}

#[cfg(test)]
mod tests;
