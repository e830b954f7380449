//! The report of a text that was written without a machine: there are no cycles in it.

use super::{GeneratedText, SCHEMA_VERSION};
use crate::table::{align_right, grouped, plain_table};
use crate::written::without_spaces_at_ends;
use seedlm_llm::SpeculationStatistics;
use serde::Serialize;

/// A text in one or more formats, by the machine's arithmetic without the machine.
#[derive(Clone, Debug, Serialize)]
pub struct SpokenReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Program and version.
    pub tool: String,
    /// What was run.
    pub workload: String,
    /// Name of what has worked out the products.
    pub backend: String,
    /// What that is, in words.
    #[serde(skip)]
    pub backend_description: &'static str,
    /// Bits of an activation.
    pub activation_bits: u32,
    /// One entry per format, in the order of the run.
    pub formats: Vec<SpokenFormat>,
}

/// A text in one format. The fields are those of [`super::FormatReport`] that need no machine.
#[derive(Clone, Debug, Serialize)]
pub struct SpokenFormat {
    /// Name of the format.
    pub format: String,
    /// Layers of the matrices, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<usize>,
    /// ||W - W'|| / ||W|| over all matrices, where the original weights are known.
    pub relative_error: Option<f64>,
    /// Weights of all matrices.
    pub weights: u64,
    /// The text.
    pub generated: GeneratedText,
    /// What speculative decoding has read and brought, where the text was written so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speculation: Option<SpeculationStatistics>,
}

impl SpokenReport {
    /// Puts a report together.
    pub fn new(
        workload: String,
        backend: String,
        backend_description: &'static str,
        activation_bits: u32,
        formats: Vec<SpokenFormat>,
    ) -> Self {
        SpokenReport {
            schema_version: SCHEMA_VERSION,
            tool: format!("seedlm-sim {}", env!("CARGO_PKG_VERSION")),
            workload,
            backend,
            backend_description,
            activation_bits,
            formats,
        }
    }

    /// The report for people.
    pub fn to_text(&self) -> String {
        let host_weights = self.formats.first().map_or(0, |format| format.generated.host_weights);
        let mut text = format!(
            "Workload  {}\nRun on    {}, without a machine: {}; {}-bit activations\nHost      embedding, norms, attention and head ({} weights) in \
             binary32\n\n",
            self.workload,
            self.backend,
            self.backend_description,
            self.activation_bits,
            grouped(host_weights)
        );
        let mut table = plain_table();
        let names = self.formats.iter().map(|format| match format.layers {
            None => format.format.clone(),
            Some(layers) => format!("{}, layers: {layers}", format.format),
        });
        table.set_header(std::iter::once(String::new()).chain(names));
        let mut row = |name: &str, value: &dyn Fn(&SpokenFormat) -> String| {
            table.add_row(std::iter::once(name.to_string()).chain(self.formats.iter().map(value)));
        };
        row("relative error of the weights", &|format| {
            format.relative_error.map_or("-".into(), |error| format!("{error:.4}"))
        });
        row("tokens read from the prompt", &|format| {
            grouped(format.generated.prompt_tokens as u64)
        });
        row(
            "tokens written",
            &|format| grouped(format.generated.tokens.len() as u64),
        );
        row("tokens per second", &|format| {
            format!("{:.1}", format.generated.wall_tokens_per_s)
        });
        align_right(&mut table);
        text += &format!("{table}\n");
        for statistics in self.formats.iter().filter_map(|format| format.speculation.as_ref()) {
            text += &format!(
                "Speculation: {} rounds, {} of {} drafted tokens accepted, {:.2} in a round\n",
                statistics.rounds,
                statistics.accepted_tokens,
                statistics.drafted_tokens,
                statistics.mean_accepted_tokens
            );
        }
        without_spaces_at_ends(&text)
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data") + "\n"
    }
}
