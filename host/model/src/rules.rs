//! Which tensors are compressed.
//!
//! By default: the matrices of linear layers. That is, tensors `*.weight` of F32, F16 or BF16 with two dimensions,
//! except where a part of the name (parts are separated by dots) says that the tensor is something else:
//!
//! | kept | parts of the name |
//! |---|---|
//! | embeddings | contain `embed`; or are `emb`, `wte`, `wpe`, `shared` |
//! | norms | contain `norm`; or are `ln`, or start with `ln_` |
//! | heads | contain `classifier` or `score`; are `lm_head`, `cls`, `qa_outputs`; a first part `output` or `head` |
//! | routers of mixtures of experts | are `gate` or `router` |
//!
//! Tensors of more than two dimensions, as those of convolutions, are kept too.
//!
//! A BERT pooler (`pooler.dense.weight`) is a linear layer like any other and is compressed. Upper and lower case are
//! the same. Patterns change the choice: `--exclude` goes before the rules of a file ([`RuleFile`]), those before `--include`, and
//! `--include` before the default. What they choose need not be a linear layer: an embedding, the weights of a recurrent layer
//! (`rnn.weight_ih_l0`), or a convolution of any rank, whose first dimension is the rows (outputs) and all others together the
//! columns; decompress gives it its own shape back. A tensor of fewer than two dimensions is always kept.

use crate::encoding::Encoding;
use crate::error::ModelError;
use crate::floats::FloatDtype;
use crate::near_names::near_names;
use crate::rule_file::{RuleFile, TensorRule};
use crate::source::TensorInfo;
use globset::{Glob, GlobMatcher};
use std::collections::BTreeMap;

/// Chooses the tensors to compress.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    include: Vec<GlobMatcher>,
    exclude: Vec<GlobMatcher>,
    file: Option<RuleFile>,
    /// How matrices are encoded for which that was chosen one by one.
    encodings: BTreeMap<String, Encoding>,
}

/// What becomes of a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice<'a> {
    /// It is kept.
    Keep(KeepReason),
    /// It is compressed, as the rule says where there is one.
    Compress(Option<&'a TensorRule>),
}

impl Choice<'_> {
    pub(crate) fn keep_reason(self) -> Option<KeepReason> {
        match self {
            Choice::Keep(reason) => Some(reason),
            Choice::Compress(_) => None,
        }
    }
}

impl Rules {
    /// The default rule, changed by patterns over tensor names (`*` any text, `?` any character, `[ab]`, `{a,b}`).
    ///
    /// # Errors
    /// [`ModelError::Pattern`] when a pattern is not well formed.
    pub fn new<P: AsRef<str>>(include: &[P], exclude: &[P]) -> Result<Self, ModelError> {
        let compile = |patterns: &[P]| {
            patterns
                .iter()
                .map(|pattern| {
                    Glob::new(pattern.as_ref())
                        .map(|glob| glob.compile_matcher())
                        .map_err(|error| ModelError::Pattern {
                            pattern: pattern.as_ref().into(),
                            reason: error.kind().to_string(),
                        })
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Rules {
            include: compile(include)?,
            exclude: compile(exclude)?,
            file: None,
            encodings: BTreeMap::new(),
        })
    }

    /// The same with the rules of a file.
    pub fn with_file(mut self, file: RuleFile) -> Self {
        self.file = Some(file);
        self
    }

    /// The same with the encodings of some matrices, by name; they go before what a file says of those.
    pub fn with_encodings(mut self, encodings: BTreeMap<String, Encoding>) -> Self {
        self.encodings = encodings;
        self
    }

    /// How a matrix is encoded that is compressed by a rule, where all others are encoded like `others`.
    ///
    /// # Errors
    /// [`ModelError::RuleFile`] when the rule does not fit them.
    pub(crate) fn encoding(
        &self,
        name: &str,
        rule: Option<&TensorRule>,
        others: &Encoding,
    ) -> Result<Encoding, ModelError> {
        if let Some(encoding) = self.encodings.get(name) {
            return Ok(encoding.clone());
        }
        match (rule, &self.file) {
            (Some(rule), Some(file)) => rule.encoding(others).map_err(|reason| file.refuse(rule, reason)),
            _ => Ok(others.clone()),
        }
    }

    /// The patterns as they were given: those to include, those to exclude.
    pub(crate) fn patterns(&self) -> [Vec<String>; 2] {
        [&self.include, &self.exclude].map(|matchers| {
            let patterns = matchers.iter().map(|matcher| matcher.glob().glob().to_string());
            patterns.collect()
        })
    }

    /// What becomes of each tensor.
    pub(crate) fn choose(&self, tensors: &[TensorInfo]) -> Result<Vec<Choice<'_>>, ModelError> {
        let refuse = |pattern: &GlobMatcher, reason: String| ModelError::Pattern {
            pattern: pattern.glob().glob().into(),
            reason,
        };
        for pattern in &self.include {
            check_pattern(pattern, true, tensors).map_err(|reason| refuse(pattern, reason))?;
        }
        for pattern in &self.exclude {
            check_pattern(pattern, false, tensors).map_err(|reason| refuse(pattern, reason))?;
        }
        if let Some(file) = &self.file {
            for rule in &file.rules {
                for pattern in &rule.patterns {
                    let checked = check_pattern(pattern, !rule.is_keep, tensors);
                    checked
                        .map_err(|reason| file.refuse(rule, format!("pattern {:?} {reason}", pattern.glob().glob())))?;
                }
            }
        }
        Ok(tensors.iter().map(|tensor| self.choose_one(tensor)).collect())
    }

    fn choose_one(&self, tensor: &TensorInfo) -> Choice<'_> {
        let matches = |patterns: &[GlobMatcher]| patterns.iter().any(|pattern| pattern.is_match(&tensor.name));
        if let Some(reason) = impossible(tensor) {
            return Choice::Keep(reason);
        }
        if matches(&self.exclude) {
            return Choice::Keep(KeepReason::Excluded);
        }
        let mut rules = self.file.iter().flat_map(|file| &file.rules);
        match rules.find(|rule| rule.is_match(&tensor.name)) {
            Some(rule) if rule.is_keep => Choice::Keep(KeepReason::Rule),
            Some(rule) => Choice::Compress(Some(rule)),
            None if matches(&self.include) => Choice::Compress(None),
            None => kept_by_default(tensor).map_or(Choice::Compress(None), Choice::Keep),
        }
    }
}

/// Checks that a pattern chooses something, and where it is to compress something, something that can be compressed. The error
/// says what it does instead.
fn check_pattern(pattern: &GlobMatcher, is_to_compress: bool, tensors: &[TensorInfo]) -> Result<(), String> {
    let matched: Vec<&TensorInfo> = tensors.iter().filter(|tensor| pattern.is_match(&tensor.name)).collect();
    let Some(first) = matched.first() else {
        let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let near = near_names(pattern.glob().glob(), &names).join(", ");
        return Err(format!("matches no tensor; the nearest names are {near}"));
    };
    match impossible(first) {
        Some(reason) if is_to_compress && matched.iter().all(|tensor| impossible(tensor).is_some()) => {
            let (name, reason) = (&first.name, reason.as_str());
            Err(format!(
                "matches only tensors that cannot be compressed: {name}: {reason}"
            ))
        }
        _ => Ok(()),
    }
}

/// Why a tensor is not compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepReason {
    /// Its elements are not F32, F16 or BF16.
    Dtype,
    /// It has fewer than two dimensions.
    NoMatrix,
    /// It has no element.
    Empty,
    /// A pattern excludes it.
    Excluded,
    /// A rule of a file keeps it.
    Rule,
    /// It has more than two dimensions, as a convolution.
    Convolution,
    /// Its name does not end in `.weight`.
    NoWeight,
    /// An embedding table.
    Embedding,
    /// A norm.
    Norm,
    /// The last layer.
    Head,
    /// Chooses the experts of a mixture.
    Router,
}

impl KeepReason {
    /// The reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            KeepReason::Dtype => "not F32, F16 or BF16",
            KeepReason::NoMatrix => "fewer than two dimensions",
            KeepReason::Empty => "no elements",
            KeepReason::Excluded => "excluded",
            KeepReason::Rule => "kept by a rule",
            KeepReason::Convolution => "more than two dimensions",
            KeepReason::NoWeight => "not named *.weight",
            KeepReason::Embedding => "embedding",
            KeepReason::Norm => "norm",
            KeepReason::Head => "head",
            KeepReason::Router => "router",
        }
    }
}

/// Why a tensor cannot be compressed, whatever the patterns say.
fn impossible(tensor: &TensorInfo) -> Option<KeepReason> {
    if FloatDtype::of(tensor.dtype).is_none() {
        Some(KeepReason::Dtype)
    } else if tensor.shape.len() < 2 {
        Some(KeepReason::NoMatrix)
    } else {
        (tensor.elements() == 0).then_some(KeepReason::Empty)
    }
}

/// The default rule.
fn kept_by_default(tensor: &TensorInfo) -> Option<KeepReason> {
    match tensor.shape.len() {
        2 => kept_by_name(&tensor.name),
        _ => Some(KeepReason::Convolution),
    }
}

/// The default rule, for a matrix of that name.
fn kept_by_name(name: &str) -> Option<KeepReason> {
    let name = name.to_lowercase();
    let parts: Vec<&str> = name.split('.').collect();
    let any = |test: fn(&str) -> bool| parts.iter().any(|part| test(part));
    if parts.len() < 2 || parts.last() != Some(&"weight") {
        Some(KeepReason::NoWeight)
    } else if any(|part| part.contains("embed") || ["emb", "wte", "wpe", "shared"].contains(&part)) {
        Some(KeepReason::Embedding)
    } else if any(|part| part.contains("norm") || part == "ln" || part.starts_with("ln_")) {
        Some(KeepReason::Norm)
    } else if any(|part| {
        part.contains("classifier") || part.contains("score") || ["lm_head", "cls", "qa_outputs"].contains(&part)
    }) || ["output", "head"].contains(&parts[0])
    {
        Some(KeepReason::Head)
    } else {
        any(|part| ["gate", "router"].contains(&part)).then_some(KeepReason::Router)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::Dtype;

    fn tensor(name: &str, dtype: Dtype, shape: &[usize]) -> TensorInfo {
        TensorInfo {
            name: name.into(),
            file: 0,
            dtype,
            shape: shape.to_vec(),
            data: 0..0,
        }
    }

    #[test]
    fn linear_layers_are_compressed_and_the_rest_is_kept() {
        for name in [
            "model.layers.0.self_attn.q_proj.weight",
            "model.layers.0.mlp.gate_proj.weight",
            "encoder.layer.3.attention.output.dense.weight",
            "h.0.attn.c_attn.weight",
            "pooler.dense.weight",
            "decoder.block.0.layer.1.EncDecAttention.k.weight",
            "layers.0.feed_forward.w1.weight",
        ] {
            assert_eq!(kept_by_name(name), None, "{name}");
        }
        for (name, reason) in [
            ("model.embed_tokens.weight", KeepReason::Embedding),
            ("embeddings.word_embeddings.weight", KeepReason::Embedding),
            ("transformer.wte.weight", KeepReason::Embedding),
            ("model.layers.0.input_layernorm.weight", KeepReason::Norm),
            ("encoder.layer.0.output.LayerNorm.weight", KeepReason::Norm),
            ("h.0.ln_1.weight", KeepReason::Norm),
            ("lm_head.weight", KeepReason::Head),
            ("output.weight", KeepReason::Head),
            ("score.weight", KeepReason::Head),
            ("cls.predictions.transform.dense.weight", KeepReason::Head),
            ("model.layers.1.block_sparse_moe.gate.weight", KeepReason::Router),
            ("model.layers.0.self_attn.q_proj.bias", KeepReason::NoWeight),
            ("weight", KeepReason::NoWeight),
            ("rotary.inv_freq", KeepReason::NoWeight),
        ] {
            assert_eq!(kept_by_name(name), Some(reason), "{name}");
        }
    }

    #[test]
    fn exclude_goes_before_include_and_include_before_the_default() {
        let tensors = [
            tensor("a.q.weight", Dtype::F32, &[2, 3]),
            tensor("a.embed.weight", Dtype::BF16, &[2, 3]),
            tensor("a.k.weight", Dtype::F16, &[2, 3]),
            tensor("a.v.weight", Dtype::I8, &[2, 3]),
            tensor("a.o.weight", Dtype::F32, &[2, 0]),
            tensor("a.p.weight", Dtype::F32, &[2, 3, 4]),
            tensor("a.norm.weight", Dtype::F32, &[3]),
        ];
        let chosen = |include: &[&str], exclude: &[&str]| -> Vec<Option<KeepReason>> {
            let rules = Rules::new(include, exclude).unwrap();
            let choices = rules.choose(&tensors).unwrap();
            choices.into_iter().map(Choice::keep_reason).collect()
        };
        let always_kept = [Some(KeepReason::Dtype), Some(KeepReason::Empty)];
        assert_eq!(chosen(&[], &[])[..3], [None, Some(KeepReason::Embedding), None]);
        assert_eq!(chosen(&["*"], &[])[..3], [None, None, None]);
        assert_eq!(chosen(&["*"], &[])[3..5], always_kept);
        // A convolution is kept until it is named; a vector always.
        assert_eq!(
            chosen(&[], &[])[5..],
            [Some(KeepReason::Convolution), Some(KeepReason::NoMatrix)]
        );
        assert_eq!(chosen(&["*"], &[])[5..], [None, Some(KeepReason::NoMatrix)]);
        assert_eq!(
            chosen(&["*.embed.*"], &["*.{q,embed}.*"])[..3],
            [Some(KeepReason::Excluded), Some(KeepReason::Excluded), None]
        );
    }

    #[test]
    fn a_pattern_that_chooses_nothing_is_an_error_with_near_names() {
        let tensors = [
            tensor("layers.0.q_proj.weight", Dtype::F32, &[2, 3]),
            tensor("layers.0.k_proj.weight", Dtype::F32, &[2, 3]),
            tensor("position_ids", Dtype::I64, &[1, 9]),
        ];
        let error = |include: &[&str], exclude: &[&str]| match Rules::new(include, exclude) {
            Ok(rules) => rules.choose(&tensors).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        let unknown = error(&[], &["*q_prj*"]);
        assert!(
            unknown.contains("\"*q_prj*\"") && unknown.contains("nearest names are layers.0.q_proj.weight"),
            "{unknown}"
        );
        assert!(error(&["pos*"], &[]).contains("position_ids: not F32, F16 or BF16"));
        assert!(error(&["a[b"], &[]).contains("a[b"));
    }
}
