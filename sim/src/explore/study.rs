//! What is measured for each code, and with what.

use super::area::{AreaToolError, Areas};
use super::code_point::CodePoint;
use super::machine_point::MachinePoint;
use super::quality::Measured;
use super::results::{CodeResult, ErrorFigures, MachineResult, Outcome, TokenEstimate};
use super::run::Advance;
use super::throughput::Throughput;
use super::weights::{ModelSample, SampleIdentity, gaussian};
use crate::energy::{EnergyTable, OperationsPerGroup};
use crate::machine::SystemConfig;
use crate::memory_model::MemoryModel;
use crate::shape::ModelShape;
use seedlm_codec::{Code, WeightFormat};
use seedlm_encoder::{EncodeError, Quantizer};
use serde::Serialize;
use thiserror::Error;

/// Of a code's normally distributed weights the other rules get every fourth.
const RULE_SHARE: usize = 4;
/// Fewest normally distributed weights of a code, however slow it is.
const FEWEST_WEIGHTS: usize = 1 << 12;
/// Widths of the multiplier of a DSP48 in bits, signs included.
const DSP_BITS: [u32; 2] = [25, 18];

/// All that decides what comes out, but for the codes: results of equal settings can be put together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StudySettings {
    /// Program and version.
    pub tool: String,
    /// Normally distributed weights for each code, at most.
    pub gaussian_weights: usize,
    /// About so many seconds of a core are spent on the weights of a code: slow codes get fewer of them.
    pub seconds_per_code: f64,
    /// The sample of a model, if one is looked at.
    pub model: Option<SampleIdentity>,
    /// Whether areas that nobody has counted are counted.
    pub measure_areas: bool,
    /// How tokens per second are worked out.
    pub cycles: String,
    /// The model whose tokens are counted.
    pub shape: ModelShape,
    /// Energies.
    pub energy_table: EnergyTable,
    /// The machines.
    pub machines: Vec<MachinePoint>,
    /// What their memories are.
    pub memories: Vec<MemoryModel>,
}

/// Why a code could not be measured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The encoder.
    #[error("{code}: {source}")]
    Encode {
        /// The code.
        code: String,
        /// What is wrong.
        source: EncodeError,
    },
    /// The area.
    #[error("{code}: area: {source}; without --measure-areas it is taken from a formula")]
    Area {
        /// The code.
        code: String,
        /// What is wrong.
        source: AreaToolError,
    },
}

/// Measures codes.
pub struct Study {
    settings: StudySettings,
    gaussian: Vec<f32>,
    model: Option<ModelSample>,
    areas: Areas,
    throughput: Box<dyn Throughput>,
}

impl Study {
    /// Puts a study together.
    pub fn new(
        (gaussian_weights, model, seconds_per_code): (usize, Option<ModelSample>, f64),
        (areas, measure_areas): (Areas, bool),
        throughput: Box<dyn Throughput>,
        (shape, energy_table): (ModelShape, EnergyTable),
        machines: &[MachinePoint],
    ) -> Self {
        let memories = machines
            .iter()
            .filter_map(|machine| MemoryModel::named(&machine.memory).ok());
        Study {
            settings: StudySettings {
                tool: format!("seedlm-sim {}", env!("CARGO_PKG_VERSION")),
                gaussian_weights,
                seconds_per_code,
                model: model.as_ref().map(ModelSample::identity),
                measure_areas,
                cycles: throughput.method().into(),
                shape,
                energy_table,
                machines: machines.to_vec(),
                memories: memories.collect(),
            },
            gaussian: gaussian(gaussian_weights),
            model,
            areas,
            throughput,
        }
    }

    /// What the results depend on.
    pub fn settings(&self) -> &StudySettings {
        &self.settings
    }

    /// Where areas are from.
    pub fn areas(&self) -> &Areas {
        &self.areas
    }

    /// About how many seconds one thread takes for a code.
    pub fn seconds(&self, point: &CodePoint) -> f64 {
        let of_area = if self.areas.is_slow(point.code()) { 15.0 } else { 0.1 };
        let of_cycles = match self.settings.cycles.as_str() {
            "simulated" => 10.0 * self.settings.machines.len() as f64,
            _ => 0.0,
        };
        let tables = f64::from(point.length()).exp2() * 4e-6;
        let weights = self.weights(point) as f64;
        tables + weights * seconds_per_weight(point.code()) + of_area + of_cycles
    }

    /// Weights that are encoded in a code, about.
    pub fn weights(&self, point: &CodePoint) -> usize {
        let gaussian = self.gaussian_weights(point);
        let model = self.model_weights(point);
        match point.code() {
            Code::Block(_) => gaussian + 2 * (gaussian / RULE_SHARE) + model,
            // A trial of the rotation doubles what is encoded of small samples.
            Code::Chained(_) => gaussian + 2 * model,
        }
    }

    /// Normally distributed weights of a code: what decides is a formula, not a clock, so that the same are taken in every run.
    fn gaussian_weights(&self, point: &CodePoint) -> usize {
        let affordable = self.settings.seconds_per_code / seconds_per_weight(point.code());
        let wanted = self.gaussian.len();
        wanted.min((affordable as usize).max(FEWEST_WEIGHTS))
    }

    /// Weights of a model for a code, by the same formula.
    fn model_weights(&self, point: &CodePoint) -> usize {
        let affordable = self.settings.seconds_per_code / seconds_per_weight(point.code());
        let wanted = self.model.as_ref().map_or(0, ModelSample::weights);
        wanted.min((affordable as usize).max(FEWEST_WEIGHTS))
    }

    /// Everything about a code, on the current rayon pool.
    ///
    /// # Errors
    /// When the encoder refuses the code, or its area cannot be counted.
    pub fn measure(&self, point: &CodePoint, advance: Advance<'_>) -> Result<CodeResult, MeasureError> {
        let in_encoder = |source| MeasureError::Encode {
            code: point.label(),
            source,
        };
        let measured = Measured::new(point).map_err(in_encoder)?;
        let (gaussian, encode) = measured
            .gaussian(
                &self.gaussian[..self.gaussian_weights(point)],
                Quantizer::Exact,
                advance,
            )
            .map_err(in_encoder)?;
        let [printed_rule, rounded_rule] = [Quantizer::Printed, Quantizer::Rounded]
            .map(|rule| self.rule(point, &measured, rule, advance).map_err(in_encoder));
        let (printed_rule, rounded_rule) = (printed_rule?, rounded_rule?);
        let model = self.model.as_ref().map(|sample| {
            let sample = sample.thinned(self.model_weights(point));
            measured.model(&sample, advance)
        });
        let model = model.transpose().map_err(in_encoder)?;
        let area = self.areas.figures(point.code()).map_err(|source| MeasureError::Area {
            code: point.label(),
            source,
        })?;
        let operations = self.areas.operations(point.code());
        let format = WeightFormat::from(point.code().clone());
        let machines = self.settings.machines.iter().map(|machine| {
            let token = machine.system(&format).map_err(|error| error.to_string());
            let token = token.and_then(|system| {
                let densities = [area.luts_per_weight, area.flip_flops_per_weight];
                self.token(&format, &system, densities, operations.as_ref())
            });
            MachineResult {
                machine: machine.label(),
                outcome: token.map_or_else(Outcome::LeftOut, Outcome::Estimate),
            }
        });
        Ok(CodeResult {
            machines: machines.collect(),
            label: point.label(),
            code: point.code().clone(),
            stored_bits: point.stored_bits(),
            gaussian,
            printed_rule,
            rounded_rule,
            model,
            encode,
            area,
        })
    }

    /// The error of a rule that chooses coefficients in place of the best ones.
    fn rule(
        &self,
        point: &CodePoint,
        measured: &Measured,
        rule: Quantizer,
        advance: Advance<'_>,
    ) -> Result<Option<ErrorFigures>, EncodeError> {
        let Code::Block(_) = point.code() else {
            return Ok(None);
        };
        let some = &self.gaussian[..self.gaussian_weights(point) / RULE_SHARE];
        measured.gaussian(some, rule, advance).map(|(figures, _)| Some(figures))
    }

    fn token(
        &self,
        format: &WeightFormat,
        system: &SystemConfig,
        [luts, flip_flops]: [f64; 2],
        operations: Option<&OperationsPerGroup>,
    ) -> Result<TokenEstimate, String> {
        let figures = self.throughput.token(format, system, operations)?;
        let datapath = &system.datapath;
        let multipliers = datapath.multipliers(format);
        let blocks = |bits: u32, most: u32| u64::from(bits.div_ceil(most));
        let factors = [format.mantissa_bits(), datapath.activation_bits];
        Ok(TokenEstimate {
            beat_bytes: datapath.beat_bits / 8,
            lanes: datapath.lanes,
            multipliers,
            decoder_luts: luts * multipliers as f64,
            decoder_flip_flops: flip_flops * multipliers as f64,
            dsps: multipliers as u64 * blocks(factors[0], DSP_BITS[0]) * blocks(factors[1], DSP_BITS[1]),
            tokens_per_second: figures.tokens_per_second,
            method: self.throughput.method().into(),
            limited_by: figures.limited_by.map(String::from),
            energy_j: figures.energy_j,
        })
    }
}

/// About how many seconds a core takes for a weight. Short registers are searched seed by seed, and with many coefficients that is slow beyond
/// measure; long ones are searched in vectors.
fn seconds_per_weight(code: &Code) -> f64 {
    match code {
        Code::Block(code) => {
            let (length, latent) = (code.lfsr().length(), code.latent_dimension() as f64);
            let seeds = f64::from(length).exp2();
            match length {
                10..=20 => 2e-6 + 3e-7 * 1.75_f64.powf(latent) + 3e-11 * seeds,
                _ => {
                    let of_seeds = seeds * 3e-6 * (latent - 2.0).exp2();
                    of_seeds.max(4e-5 * 5_f64.powf(latent - 2.0)) / code.block_size() as f64
                }
            }
        }
        Code::Chained(code) => 1e-7 + 5e-11 * f64::from(code.map().length()).exp2(),
    }
}
