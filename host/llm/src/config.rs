//! The architecture, as Hugging Face's `config.json` describes it.

use crate::error::LlmError;
use serde::Deserialize;

/// Sizes and constants of a Llama-family model. All sizes are at least 1.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Number of tokens in the vocabulary.
    pub vocabulary: usize,
    /// Values of the vector that goes from layer to layer.
    pub hidden_size: usize,
    /// Values between the matrices of the feed-forward part.
    pub intermediate_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Heads of the queries.
    pub query_heads: usize,
    /// Heads of keys and values; each is shared by `query_heads / key_value_heads` queries.
    pub key_value_heads: usize,
    /// Values of a head; even.
    pub head_size: usize,
    /// Longest sequence, in tokens.
    pub positions: usize,
    /// What RMSNorm adds to the mean of the squares.
    pub norm_epsilon: f32,
    /// How positions turn queries and keys.
    pub rope: RopeConfig,
    /// Whether the head is the embedding.
    pub tied_head: bool,
    /// Tokens that end a text.
    pub end_tokens: Vec<u32>,
}

/// Rotary position embedding: its base, and how the angles are changed for longer texts.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// Base of the angles' geometric series.
    pub theta: f64,
    /// The change.
    pub scaling: RopeScaling,
}

/// How the angles of rotary position embedding are changed, by the names of Hugging Face's `rope_type`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// `default`: not at all.
    Default,
    /// `linear`: all angles are divided by the factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// `llama3`: slow angles are divided by the factor, fast ones are kept, with a smooth passage between.
    Llama3 {
        /// The factor.
        factor: f64,
        /// Turns in the original length below which an angle is slow.
        low_frequency_factor: f64,
        /// Turns in the original length above which an angle is fast.
        high_frequency_factor: f64,
        /// Positions that the model was first trained with.
        original_positions: f64,
    },
    /// `yarn`: as `llama3` with a linear passage over the angles' numbers, and all values are scaled.
    Yarn {
        /// The factor.
        factor: f64,
        /// Turns above which an angle is kept (32 where nothing is said).
        beta_fast: f64,
        /// Turns below which an angle is divided (1 where nothing is said).
        beta_slow: f64,
        /// Positions that the model was first trained with.
        original_positions: f64,
        /// What sine and cosine are multiplied by (`0.1 ln(factor) + 1` where nothing is said).
        attention_factor: f64,
    },
}

/// One token or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tokens {
    One(u32),
    Several(Vec<u32>),
}

/// The fields of the file that are read; what is not named here does not change the arithmetic.
#[derive(Deserialize)]
struct Fields {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_scaling: Option<RopeFields>,
    rope_parameters: Option<RopeFields>,
    #[serde(default)]
    tie_word_embeddings: bool,
    eos_token_id: Option<Tokens>,
    hidden_act: Option<String>,
}

/// How rotary position embedding is written, in `rope_scaling` or, since transformers 5, in `rope_parameters`.
#[derive(Deserialize)]
struct RopeFields {
    rope_type: Option<String>,
    /// The older name of `rope_type`; some files have both.
    #[serde(rename = "type")]
    old_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
    beta_fast: Option<f64>,
    beta_slow: Option<f64>,
    attention_factor: Option<f64>,
    mscale: Option<f64>,
    mscale_all_dim: Option<f64>,
}

impl ModelConfig {
    /// Reads a `config.json`; `name` is the file in messages.
    ///
    /// # Errors
    /// [`LlmError::Config`] when it is malformed, or describes a model that is none of the Llama family.
    pub fn from_json(name: &str, text: &str) -> Result<Self, LlmError> {
        let refuse = |reason: String| LlmError::Config {
            name: name.to_string(),
            reason,
        };
        let fields: Fields = serde_json::from_str(text)
            .map_err(|error| refuse(format!("not the configuration of a Llama-family model: {error}")))?;
        if fields.model_type != "llama" {
            return Err(refuse(format!(
                "model_type is {:?}, and only \"llama\" can be run",
                fields.model_type
            )));
        }
        let activation = fields.hidden_act.as_deref().unwrap_or("silu");
        if activation != "silu" {
            return Err(refuse(format!(
                "hidden_act is {activation:?}, and only \"silu\" can be run"
            )));
        }
        let heads = fields.num_attention_heads;
        let config = ModelConfig {
            vocabulary: fields.vocab_size,
            hidden_size: fields.hidden_size,
            intermediate_size: fields.intermediate_size,
            layers: fields.num_hidden_layers,
            query_heads: heads,
            key_value_heads: fields.num_key_value_heads.unwrap_or(heads),
            head_size: fields.head_dim.unwrap_or(fields.hidden_size / heads.max(1)),
            positions: fields.max_position_embeddings,
            norm_epsilon: fields.rms_norm_eps as f32,
            rope: rope(
                fields.rope_theta,
                fields.rope_parameters.or(fields.rope_scaling).as_ref(),
                fields.max_position_embeddings,
            )
            .map_err(refuse)?,
            tied_head: fields.tie_word_embeddings,
            end_tokens: match fields.eos_token_id {
                None => Vec::new(),
                Some(Tokens::One(token)) => vec![token],
                Some(Tokens::Several(tokens)) => tokens,
            },
        };
        config.check().map_err(refuse)?;
        Ok(config)
    }

    /// Values of all queries.
    pub fn query_size(&self) -> usize {
        self.query_heads * self.head_size
    }

    /// Values of all keys; as many as of all values.
    pub fn key_value_size(&self) -> usize {
        self.key_value_heads * self.head_size
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [
            ("vocab_size", self.vocabulary),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.query_heads),
            ("num_key_value_heads", self.key_value_heads),
            ("head_dim", self.head_size),
            ("max_position_embeddings", self.positions),
        ];
        check_sizes(&sizes)?;
        if !self.query_heads.is_multiple_of(self.key_value_heads) {
            return Err(format!(
                "num_attention_heads {} is no multiple of num_key_value_heads {}",
                self.query_heads, self.key_value_heads
            ));
        }
        if !self.head_size.is_multiple_of(2) {
            return Err(format!("head_dim is {}, and must be even", self.head_size));
        }
        if !(self.norm_epsilon.is_finite() && self.norm_epsilon >= 0.0) {
            return Err(format!("rms_norm_eps is {}", self.norm_epsilon));
        }
        Ok(())
    }
}

/// Reads how positions are embedded; `positions` is what the file says of the longest sequence.
fn rope(theta: Option<f64>, fields: Option<&RopeFields>, positions: usize) -> Result<RopeConfig, String> {
    let theta = fields
        .and_then(|fields| fields.rope_theta)
        .or(theta)
        .unwrap_or(10_000.0);
    let positive = |name: &str, value: Option<f64>| match value {
        Some(value) if value.is_finite() && value > 0.0 => Ok(value),
        Some(value) => Err(format!("{name} of the rope is {value}, and must be positive")),
        None => Err(format!("{name} of the rope is missing")),
    };
    positive("rope_theta", Some(theta))?;
    let original = |fields: &RopeFields| fields.original_max_position_embeddings.unwrap_or(positions as f64);
    let named = |fields: &RopeFields| fields.rope_type.clone().or(fields.old_type.clone());
    let name = fields.and_then(named);
    if name.is_none() && fields.is_some_and(|fields| fields.factor.is_some()) {
        return Err("the rope has a factor and no rope_type".into());
    }
    let scaling = match fields.zip(name.as_deref()) {
        None | Some((_, "default")) => RopeScaling::Default,
        Some((fields, "linear")) => RopeScaling::Linear {
            factor: positive("factor", fields.factor)?,
        },
        Some((fields, "llama3")) => {
            let scaling = RopeScaling::Llama3 {
                factor: positive("factor", fields.factor)?,
                low_frequency_factor: positive("low_freq_factor", fields.low_freq_factor)?,
                high_frequency_factor: positive("high_freq_factor", fields.high_freq_factor)?,
                original_positions: positive("original_max_position_embeddings", Some(original(fields)))?,
            };
            if fields.low_freq_factor >= fields.high_freq_factor {
                return Err("low_freq_factor of the rope must be below high_freq_factor".into());
            }
            scaling
        }
        Some((fields, "yarn")) => {
            let factor = positive("factor", fields.factor)?;
            if fields.mscale.or(fields.mscale_all_dim).is_some() {
                return Err("mscale of the rope cannot be run".into());
            }
            let usual = 0.1 * libm::log(factor.max(1.0)) + 1.0;
            RopeScaling::Yarn {
                factor,
                beta_fast: positive("beta_fast", Some(fields.beta_fast.unwrap_or(32.0)))?,
                beta_slow: positive("beta_slow", Some(fields.beta_slow.unwrap_or(1.0)))?,
                original_positions: positive("original_max_position_embeddings", Some(original(fields)))?,
                attention_factor: positive("attention_factor", Some(fields.attention_factor.unwrap_or(usual)))?,
            }
        }
        Some((_, other)) => {
            return Err(format!(
                "rope_type is {other:?}; default, linear, llama3 and yarn can be run"
            ));
        }
    };
    Ok(RopeConfig { theta, scaling })
}

/// Checks sizes that a configuration states, each with its key there.
pub(crate) fn check_sizes(sizes: &[(&str, usize)]) -> Result<(), String> {
    let most = 1 << 24;
    match sizes.iter().find(|(_, size)| !(1..=most).contains(size)) {
        None => Ok(()),
        Some((name, size)) => Err(format!("{name} is {size}, and must be 1 to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_model::embedded::SHAKESPEARE_CONFIG_JSON;

    fn with_rope(rope: &str) -> Result<RopeScaling, String> {
        let text =
            SHAKESPEARE_CONFIG_JSON.replacen(r#""rope_scaling": null"#, &format!(r#""rope_scaling": {rope}"#), 1);
        assert_ne!(text, SHAKESPEARE_CONFIG_JSON);
        let config = ModelConfig::from_json("config.json", &text);
        config
            .map(|config| config.rope.scaling)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn ropes_are_read_under_both_names() {
        let linear = Ok(RopeScaling::Linear { factor: 4.0 });
        assert_eq!(with_rope(r#"{"rope_type": "linear", "factor": 4.0}"#), linear);
        assert_eq!(with_rope(r#"{"type": "linear", "factor": 4.0}"#), linear);
        assert_eq!(
            with_rope(r#"{"type": "linear", "rope_type": "linear", "factor": 4.0}"#),
            linear
        );
        assert_eq!(with_rope(r#"{"rope_type": "default"}"#), Ok(RopeScaling::Default));
        let llama3 = r#"{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192}"#;
        assert_eq!(
            with_rope(llama3),
            Ok(RopeScaling::Llama3 {
                factor: 8.0,
                low_frequency_factor: 1.0,
                high_frequency_factor: 4.0,
                original_positions: 8192.0,
            })
        );
        // What is not said: 32 and 1 turns, the model's own positions, 0.1 ln 4 + 1.
        match with_rope(r#"{"rope_type": "yarn", "factor": 4.0}"#) {
            Ok(RopeScaling::Yarn {
                beta_fast,
                beta_slow,
                original_positions,
                attention_factor,
                ..
            }) => {
                assert_eq!((beta_fast, beta_slow, original_positions), (32.0, 1.0, 256.0));
                assert!((attention_factor - 1.138_629_436_111_989).abs() < 1e-12);
            }
            other => panic!("{other:?}"),
        }
        for (wrong, reason) in [
            (r#"{"factor": 4.0}"#, "no rope_type"),
            (r#"{"rope_type": "linear"}"#, "factor of the rope is missing"),
            (r#"{"rope_type": "linear", "factor": 0}"#, "must be positive"),
            (r#"{"rope_type": "dynamic", "factor": 2.0}"#, "\"dynamic\""),
            (r#"{"rope_type": "yarn", "factor": 4.0, "mscale": 1.0}"#, "mscale"),
        ] {
            let error = with_rope(wrong).unwrap_err();
            assert!(error.contains(reason), "{wrong}: {error}");
        }
    }

    #[test]
    fn other_architectures_are_refused_with_the_reason() {
        for (from, to, reason) in [
            (r#""model_type": "llama""#, r#""model_type": "gpt2""#, "only \"llama\""),
            (r#""hidden_act": "silu""#, r#""hidden_act": "gelu""#, "only \"silu\""),
            (
                r#""num_key_value_heads": 2"#,
                r#""num_key_value_heads": 3"#,
                "no multiple",
            ),
            (r#""head_dim": 32"#, r#""head_dim": 31"#, "must be even"),
            (r#""vocab_size": 256"#, r#""vocab_size": 0"#, "vocab_size is 0"),
            (
                r#""hidden_size": 256"#,
                r#""hidden_size": "wide""#,
                "not the configuration",
            ),
        ] {
            let text = SHAKESPEARE_CONFIG_JSON.replacen(from, to, 1);
            assert_ne!(text, SHAKESPEARE_CONFIG_JSON, "{from}");
            let error = ModelConfig::from_json("config.json", &text).unwrap_err().to_string();
            assert!(error.contains(reason) && error.starts_with("config.json: "), "{error}");
        }
    }
}
