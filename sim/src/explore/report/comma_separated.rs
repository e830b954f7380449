//! The exploration as CSV: one line per code and machine.

use super::Exploration;
use crate::explore::results::{CodeResult, Outcome, TokenEstimate};
use crate::written::csv_text;
use seedlm_codec::Code;

const HEADER: [&str; 35] = [
    "code",
    "kind",
    "C",
    "P",
    "K",
    "k",
    "stored_bits",
    "relative_error",
    "standard_error",
    "weights",
    "printed_rule_relative_error",
    "rounded_rule_relative_error",
    "model_relative_error",
    "model_bits",
    "encode_weights_per_s_and_core",
    "encode_seconds_per_billion_weights",
    "prepare_seconds",
    "luts_per_weight",
    "flip_flops_per_weight",
    "area_origin",
    "machine",
    "memory",
    "beat_bytes",
    "lanes",
    "multipliers",
    "decoder_luts",
    "decoder_flip_flops",
    "dsps_by_model",
    "tokens_per_second",
    "method",
    "limited_by",
    "energy_j",
    "left_out",
    "on_size_front",
    "on_area_front",
];

impl Exploration {
    /// A table of everything that is known of each code on each machine.
    ///
    /// # Errors
    /// When a record cannot be written to memory: never, in practice.
    pub fn to_csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(HEADER)?;
        for result in &self.codes {
            for (number, machine) in result.machines.iter().enumerate() {
                let mut record = of_code(result);
                record.push(machine.machine.clone());
                record.push(self.settings.machines[number].memory.clone());
                record.extend(match &machine.outcome {
                    Outcome::Estimate(token) => of_token(token),
                    Outcome::LeftOut(reason) => left_out(reason),
                });
                for front in ["size and error", "error and area"] {
                    let mut fronts = self.fronts.iter().filter(|other| other.name == front);
                    record.push(fronts.any(|front| front.members.contains(&result.label)).to_string());
                }
                writer.write_record(record)?;
            }
        }
        csv_text(writer)
    }
}

fn of_code(result: &CodeResult) -> Vec<String> {
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let parameters = match &result.code {
        Code::Block(code) => [
            "block".into(),
            code.block_size().to_string(),
            code.latent_dimension().to_string(),
            code.lfsr().length().to_string(),
            String::new(),
        ],
        Code::Chained(code) => [
            "chained".into(),
            String::new(),
            String::new(),
            code.map().length().to_string(),
            code.bits_per_weight().to_string(),
        ],
    };
    let mut record = vec![result.label.clone()];
    record.extend(parameters);
    record.extend([
        result.stored_bits.to_string(),
        result.gaussian.relative_error.to_string(),
        result.gaussian.standard_error.to_string(),
        result.gaussian.weights.to_string(),
        optional(result.printed_rule.map(|figures| figures.relative_error)),
        optional(result.rounded_rule.map(|figures| figures.relative_error)),
        optional(result.model.map(|figures| figures.relative_error)),
        optional(result.model.map(|figures| figures.stored_bits)),
        result.encode.weights_per_s_and_core.to_string(),
        result.encode.seconds_per_billion_weights.to_string(),
        result.encode.prepare_seconds.to_string(),
        result.area.luts_per_weight.to_string(),
        result.area.flip_flops_per_weight.to_string(),
        format!("{:?}", result.area.origin).to_lowercase(),
    ]);
    record
}

fn of_token(token: &TokenEstimate) -> [String; 11] {
    [
        token.beat_bytes.to_string(),
        token.lanes.to_string(),
        token.multipliers.to_string(),
        token.decoder_luts.to_string(),
        token.decoder_flip_flops.to_string(),
        token.dsps.to_string(),
        token.tokens_per_second.to_string(),
        token.method.clone(),
        token.limited_by.clone().unwrap_or_default(),
        token.energy_j.map_or_else(String::new, |energy| energy.to_string()),
        String::new(),
    ]
}

fn left_out(reason: &str) -> [String; 11] {
    let mut record = [const { String::new() }; 11];
    record[10] = reason.into();
    record
}
