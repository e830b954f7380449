//! `--target-bits`: a mean number of bits in place of one code for all matrices.

use crate::calibration::CalibrationText;
use crate::code_options::CodeOptions;
use crate::talk::Talk;
use crate::writing::Writing;
use anyhow::Context;
use clap::Args;
use seedlm_codec::Code;
use seedlm_model::{
    BitChoice, Calibrated, CountedError, ModelMoments, Plan, Progress, Source, TargetBits, chained_layers,
    choose_codes, encoding_presets, preset_layers,
};

/// Candidates where none are named: chained codes with so many bits per weight.
const CANDIDATE_BITS: [&str; 4] = ["2", "3", "4", "5"];

/// Bits that matrices share out.
#[derive(Debug, Args)]
pub struct TargetOptions {
    /// Choose a code for each matrix, so that the error of all is smallest at a mean of at most so many stored bits per weight (words
    /// and scales): some rows of each are encoded in each candidate. With --calibrate, errors count as they change what the model says:
    /// each matrix is encoded once, and the start of the text read with it
    #[arg(long, value_name = "BITS", conflicts_with_all = ["code", "layers", "map", "profile", "memory"])]
    target_bits: Option<f64>,
    /// What is chosen from, separated by commas: codes, or stored bits per weight of chained codes as in --layers; 2,3,4,5 if not given
    #[arg(long, value_name = "CODE,...", value_delimiter = ',', requires = "target_bits")]
    candidates: Vec<String>,
}

impl TargetOptions {
    /// What is asked for, if it is.
    pub fn target(&self, code: &CodeOptions) -> anyhow::Result<Option<TargetBits>> {
        let Some(bits_per_weight) = self.target_bits else {
            return Ok(None);
        };
        let length = code.window_length();
        let candidates: Vec<String> = match self.candidates.is_empty() {
            true => CANDIDATE_BITS.map(String::from).to_vec(),
            false => self.candidates.clone(),
        };
        let candidates = candidates.iter().map(|name| candidate(name, length));
        let target = TargetBits {
            bits_per_weight,
            candidates: candidates.collect::<anyhow::Result<_>>()?,
        };
        target.check().context("--target-bits")?;
        Ok(Some(target))
    }
}

/// The layers of a candidate.
fn candidate(name: &str, length: u32) -> anyhow::Result<Vec<Code>> {
    let is_bits = name.starts_with(|first: char| first.is_ascii_digit());
    let layers = match is_bits {
        true => chained_layers(name, length).map_err(anyhow::Error::from),
        false => preset_layers(name).map_err(anyhow::Error::from),
    };
    let known = encoding_presets().join(", ");
    layers.with_context(|| format!("--candidates {name}: give bits of chained codes, as 3 or 2+2, or codes ({known})"))
}

/// Chooses, and says what was chosen.
pub fn choose(
    source: &Source,
    plan: &Plan,
    target: &TargetBits,
    calibration: Option<(&CalibrationText, &ModelMoments)>,
    writing: &Writing,
) -> anyhow::Result<BitChoice> {
    let talk = Talk::new(writing.volume, target.measured_weights(plan, calibration.is_some()));
    let chosen = writing.threads.run(|| -> anyhow::Result<BitChoice> {
        let Some((text, moments)) = calibration else {
            return Ok(choose_codes(source, plan, target, Calibrated::default(), &talk)?);
        };
        let windows = text.probe();
        let on_window = &mut || talk.go_on();
        let mut judge = text.judge(&windows, on_window)?;
        let calibrated = Calibrated {
            moments: Some(moments),
            sensitivity: Some(&mut judge),
        };
        Ok(choose_codes(source, plan, target, calibrated, &talk)?)
    });
    talk.end();
    let choice = chosen??;
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for matrix in &choice.matrices {
        match counts.iter_mut().find(|(code, _)| *code == matrix.code) {
            Some((_, count)) => *count += 1,
            None => counts.push((&matrix.code, 1)),
        }
    }
    counts.sort_unstable();
    let counts: Vec<String> = counts
        .iter()
        .map(|(code, count)| format!("{count} in {code}"))
        .collect();
    let expected = match choice.counted {
        CountedError::Divergence => format!("; expected divergence {:.6} nats per token", choice.expected_error),
        CountedError::Weights | CountedError::Products => String::new(),
    };
    talk.say(&format!(
        "chose {:.3} of {} bits per compressed weight: matrices {}{expected}",
        choice.bits_per_compressed_weight,
        choice.target_bits_per_weight,
        counts.join(", ")
    ));
    Ok(choice)
}
