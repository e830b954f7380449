//! `seedlm bench decode`

mod figures;
mod matrix;
mod memory;
mod output;
mod room;
mod text;

use super::machine::Machine;
use super::speed_options::{Setting, SpeedOptions};
use super::written::write;
use crate::code_options::presets;
use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::talk::Talk;
use crate::threads;
use clap::Args;
use figures::{Line, Run};
use output::{Buffers, Output};
use room::LINE;
use seedlm_codec::{Code, WeightMatrix};
use seedlm_decoder::Decoder;
use seedlm_model::Progress;

/// Columns of the matrix: long rows are the usual ones.
const COLUMNS: usize = 4096;

/// Measure how fast weights are decoded in software, beside memory and the golden model
///
/// The words are random, and times are the shortest of a few runs. Each is held against the same result without decoding, in turns
/// with it and with as many threads: f32, bf16 and i8 against a copy of the weights in that type, a product against that with f32
/// weights from memory.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Decode {
    /// The codes, separated by commas
    #[arg(
        long,
        visible_alias = "preset",
        value_name = "CODE",
        value_delimiter = ',',
        default_values = ["paper-4b", "paper-3b", "chained-4b", "chained-3b", "chained-2b"],
        value_parser = presets()
    )]
    code: Vec<String>,
    /// What is made of the weights, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["f32", "bf16", "i8", "product"])]
    output: Vec<Output>,
    /// About so many weights, whole rows of 4096: many enough for the caches not to hold them
    #[arg(long, value_name = "WEIGHTS", default_value = "67108864", value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    weights: u32,
    /// Bytes by which memory begins after a line of the caches: a multiple of 4 below 64. The allocators of some tensor libraries begin at a
    /// line; large vectors of Rust often begin 16 bytes after one
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = offset_bytes)]
    offset_bytes: usize,
    #[command(flatten)]
    speed: SpeedOptions,
}

/// A code and a matrix in it.
struct Stored<'a> {
    name: &'a str,
    code: Code,
    matrix: WeightMatrix,
}

impl Decode {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let settings = self.speed.settings()?;
        interrupt::listen()?;
        let columns = COLUMNS.min(self.weights as usize);
        let rows = self.weights as usize / columns;
        let steps = self.code.len() * self.output.len() * settings.len();
        let talk = self.speed.talk((steps * rows * columns) as u64);
        let mut run = Run {
            machine: Machine::this(),
            rows,
            columns,
            offset_bytes: self.offset_bytes,
            lines: Vec::new(),
        };
        let measured = self.code.iter().try_for_each(|name| {
            talk.now_at(format!("{name}: random words"));
            let code = Code::preset(name)?;
            let matrix = matrix::random(&code, rows, columns)?;
            let stored = Stored { name, code, matrix };
            let mut outputs = self.output.iter();
            outputs.try_for_each(|&output| measure(&stored, output, &settings, &talk, &mut run))
        });
        talk.end();
        measured?;
        write(&run, self.speed.json, self.speed.markdown, text::text)?;
        Ok(Outcome::Done)
    }
}

fn offset_bytes(text: &str) -> Result<usize, String> {
    let offset = text
        .parse()
        .ok()
        .filter(|offset: &usize| *offset < LINE && offset.is_multiple_of(4));
    offset.ok_or_else(|| format!("not a multiple of 4 below {LINE}"))
}

/// Measures one output of a code in all settings.
fn measure(
    stored: &Stored<'_>,
    output: Output,
    settings: &[Setting],
    talk: &Talk,
    run: &mut Run,
) -> anyhow::Result<()> {
    let matrix = &stored.matrix;
    let weights = matrix.rows() * matrix.columns();
    let name = stored.name;
    talk.now_at(format!("{name} to {output}: golden model"));
    let golden_weights_per_s = output::golden_weights_per_s(output, matrix)?;
    let mut buffers = Buffers::new(output, matrix.rows(), matrix.columns(), run.offset_bytes);
    let first = run.lines.len();
    for &setting in settings {
        talk.now_at(format!(
            "{name} to {output}, {}, threads {}",
            setting.instructions, setting.threads
        ));
        let pool = threads::pool(setting.threads)?;
        let decoder = Decoder::with_instructions(&stored.code, setting.instructions)?;
        let [memory_seconds, seconds] = pool.install(|| buffers.measure(&decoder, matrix))?;
        talk.advance(weights);
        let mut on_one_thread = run.lines[first..]
            .iter()
            .filter(|line| line.threads == 1 && line.instructions == setting.instructions.name());
        let weights_per_s = weights as f64 / seconds;
        let one_thread = on_one_thread.next().filter(|_| setting.threads > 1);
        let ratio_to_one_thread = one_thread.map(|line| weights_per_s / line.weights_per_s);
        run.lines.push(Line {
            code: name.into(),
            output: output.to_string(),
            instructions: setting.instructions.name(),
            threads: setting.threads,
            weights,
            seconds,
            weights_per_s,
            written_bytes_per_s: (weights * output.bytes()) as f64 / seconds,
            code_bytes_per_s: matrix::bytes(&stored.code, matrix) as f64 / seconds,
            memory: output.memory(),
            memory_seconds,
            ratio_to_memory: memory_seconds / seconds,
            ratio_to_golden: weights_per_s / golden_weights_per_s,
            ratio_to_one_thread,
        });
    }
    Ok(())
}
