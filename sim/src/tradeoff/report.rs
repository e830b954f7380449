//! The trade-off of several formats on one machine, as data, JSON and CSV.

use super::{FormatLine, Limit, Roofs};
use crate::machine::SystemConfig;
use crate::shape::ModelShape;
use crate::written::csv_text;
use serde::{Deserialize, Serialize};

/// Speed-up below which a format is said not to pay any more.
pub const WORTH_IT: f64 = 1.05;

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradeOff {
    /// Version of this form.
    pub schema_version: u32,
    /// Program and version.
    pub tool: String,
    /// Name of the model whose tokens are counted.
    pub model: String,
    /// Weights of a token.
    pub weights: u64,
    /// Clock of machine and memory port, in MHz.
    pub clock_mhz: f64,
    /// Name of the memory.
    pub memory: String,
    /// What refresh leaves of its peak, in 1e9 bytes per second.
    pub memory_gb_per_s: f64,
    /// Name of the table of energies.
    pub energy_table: String,
    /// The formats; fp16 first, where it is among them.
    pub formats: Vec<FormatLine>,
    /// With a batch of one, over the memory's bandwidth.
    pub over_bandwidth: Vec<BandwidthPoint>,
    /// Multipliers that every format has in `over_batch`.
    pub multipliers_in_batches: usize,
    /// With this memory and equally many multipliers, over the batch size.
    pub over_batch: Vec<BatchPoint>,
}

/// A format at a bandwidth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandwidthPoint {
    /// Name of the format.
    pub format: String,
    /// Bandwidth in 1e9 bytes per second.
    pub gb_per_s: f64,
    /// Weights used per second, in 1e9.
    pub gweights_per_s: f64,
    /// Tokens per second.
    pub tokens_per_second: f64,
    /// What limits it.
    pub limit: Limit,
}

/// A format with a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchPoint {
    /// Name of the format.
    pub format: String,
    /// Tokens that are worked on together.
    pub batch: u32,
    /// Tokens of all members per second.
    pub tokens_per_second: f64,
    /// Over fp16 with the same batch, where it is among the formats.
    pub speedup_over_fp16: Option<f64>,
    /// Energy of one token, in J.
    pub energy_per_token_j: Option<f64>,
    /// What limits it.
    pub limit: Limit,
}

/// Bandwidths of the curves, in 1e9 bytes per second: ten in each factor of ten.
fn bandwidths() -> impl Iterator<Item = f64> {
    (0..=30).map(|tenth| 10_f64.powf(f64::from(tenth) / 10.0))
}

impl TradeOff {
    /// Version of the JSON form. It is raised when a field changes its meaning or goes away.
    pub const SCHEMA_VERSION: u32 = 1;

    /// Works the curves out. In batches every format has `multipliers`; if that is none, the most among the formats' machines.
    pub fn new(
        shape: &ModelShape,
        system: &SystemConfig,
        energy_table: String,
        formats: Vec<FormatLine>,
        (batches, multipliers): (&[u32], Option<usize>),
    ) -> Self {
        let memory_gb_per_s = system.refresh_limited_gb_per_s();
        let tokens = |gweights_per_s: f64| gweights_per_s * 1e9 / shape.weights() as f64;
        let over_bandwidth = formats
            .iter()
            .flat_map(|line| {
                bandwidths().map(move |gb_per_s| {
                    let (gweights_per_s, limit) = line.roofs.attainable(gb_per_s, 1);
                    BandwidthPoint {
                        format: line.format.clone(),
                        gb_per_s,
                        gweights_per_s,
                        tokens_per_second: tokens(gweights_per_s),
                        limit,
                    }
                })
            })
            .collect();
        let most = formats.iter().map(|line| line.multipliers).max().unwrap_or(0);
        let mut report = TradeOff {
            schema_version: Self::SCHEMA_VERSION,
            tool: format!("seedlm-sim {}", env!("CARGO_PKG_VERSION")),
            model: shape.name.clone(),
            weights: shape.weights(),
            clock_mhz: system.clock_mhz,
            memory: system.memory.name().into(),
            memory_gb_per_s,
            energy_table,
            formats,
            over_bandwidth,
            multipliers_in_batches: multipliers.unwrap_or(most),
            over_batch: Vec::new(),
        };
        report.over_batch = report
            .formats
            .iter()
            .flat_map(|line| batches.iter().map(|&batch| report.in_batch(line, batch)))
            .collect();
        report
    }

    /// The roofs of a format with as many multipliers as all have in `over_batch`.
    pub fn roofs_in_batches(&self, line: &FormatLine) -> Roofs {
        Roofs {
            mac_gproducts_per_s: self.multipliers_in_batches as f64 * self.clock_mhz / 1e3,
            ..line.roofs
        }
    }

    fn in_batch(&self, line: &FormatLine, batch: u32) -> BatchPoint {
        let (gweights_per_s, limit) = self.roofs_in_batches(line).attainable(self.memory_gb_per_s, batch);
        BatchPoint {
            format: line.format.clone(),
            batch,
            tokens_per_second: gweights_per_s * 1e9 * f64::from(batch) / self.weights as f64,
            speedup_over_fp16: self.speedup(line, batch),
            energy_per_token_j: line.energy_j.map(|energy| energy.per_token_j(batch)),
            limit,
        }
    }

    fn speedup(&self, line: &FormatLine, batch: u32) -> Option<f64> {
        let attained = |line: &FormatLine| self.roofs_in_batches(line).attainable(self.memory_gb_per_s, batch).0;
        let fp16 = self.formats.iter().find(|line| line.format == "fp16")?;
        Some(attained(line) / attained(fp16))
    }

    /// The least batch with which a format gains less than 5 % over fp16; none where fp16 is not among the formats.
    pub fn stops_paying_at_batch(&self, line: &FormatLine) -> Option<u32> {
        let fp16 = self.formats.iter().find(|line| line.format == "fp16")?;
        // From there on both are limited by their products, which are equally many.
        let certain = self.roofs_in_batches(fp16).mac_bound_from_batch(self.memory_gb_per_s);
        (1..=certain).find(|&batch| self.speedup(line, batch).is_some_and(|speedup| speedup < WORTH_IT))
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data") + "\n"
    }

    /// Every format's machine, and both of its curves, a point a line.
    ///
    /// # Errors
    /// When a record cannot be written to memory: never, in practice.
    pub fn to_csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "curve",
            "format",
            "origin",
            "gb_per_s",
            "batch",
            "tokens_per_second",
            "speedup_over_fp16",
            "energy_per_token_j",
            "limit",
        ])?;
        for line in &self.formats {
            let (_, limit) = line.roofs.attainable(self.memory_gb_per_s, 1);
            writer.write_record([
                "machine",
                &line.format,
                line.origin.label(),
                &format!("{:.6}", self.memory_gb_per_s),
                "1",
                &format!("{:.6e}", line.tokens_per_second),
                "",
                &line
                    .energy_j
                    .map_or(String::new(), |energy| format!("{:.6e}", energy.per_token_j(1))),
                limit.label(),
            ])?;
        }
        let optional = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6e}"));
        for point in &self.over_bandwidth {
            writer.write_record([
                "bandwidth",
                &point.format,
                "roof",
                &format!("{:.6}", point.gb_per_s),
                "1",
                &format!("{:.6e}", point.tokens_per_second),
                "",
                "",
                point.limit.label(),
            ])?;
        }
        for point in &self.over_batch {
            writer.write_record([
                "batch",
                &point.format,
                "roof",
                &format!("{:.6}", self.memory_gb_per_s),
                &point.batch.to_string(),
                &format!("{:.6e}", point.tokens_per_second),
                &optional(point.speedup_over_fp16),
                &optional(point.energy_per_token_j),
                point.limit.label(),
            ])?;
        }
        csv_text(writer)
    }
}
