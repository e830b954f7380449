//! `seedlm balance`

use crate::calibration::{failed, first_windows, read_text};
use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{print, print_json};
use crate::talk::Talk;
use crate::writing::Writing;
use anyhow::{Context, bail};
use clap::Args;
use indicatif::{DecimalBytes, HumanCount};
use seedlm_llm::{Balance, InputSizes, Linear, OwnText, Package, balance};
use seedlm_model::{Model, Progress, RescaleReport, TensorInfo, check_output, rescale};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Make an equal language model that is easier to compress: columns become larger where their inputs are large
///
/// Columns of the matrices are multiplied by powers of two, and what makes their inputs is divided by them: the model says what it said,
/// bit for bit. How large the inputs are is seen in a text that the model writes itself, or in one of yours. Give the result to compress,
/// and to eval as the reference.
#[derive(Debug, Args)]
#[command(name = "balance", after_help = EXIT_CODES)]
pub struct BalanceVerb {
    /// The folder of a Llama-family language model, not compressed, with config.json and tokenizer.json
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write; a file for a file, a folder for a folder
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// A text that is like those the model will read, to see its inputs in; without one it writes its own
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// How many tokens are read, at most, or written
    #[arg(long, value_name = "COUNT", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    tokens: u32,
    #[command(flatten)]
    writing: Writing,
}

/// The JSON of a run.
#[derive(Serialize)]
struct Run {
    input: String,
    output: String,
    /// The text that the inputs were seen in; none for the model's own.
    text: Option<String>,
    /// Most tokens of it.
    tokens: u32,
    inputs: usize,
    changed_inputs: usize,
    least_column_exponent: i16,
    most_column_exponent: i16,
    #[serde(flatten)]
    report: RescaleReport,
    seconds: f64,
}

impl BalanceVerb {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let begun = Instant::now();
        let shown = self.input.display();
        let package = Package::open(&self.input)?;
        let Model::Plain(source) = &package.model else {
            bail!("{shown}: is compressed; balance the model that it was made of, and compress the result");
        };
        check_output(source, &self.output, self.writing.force)?;
        interrupt::listen()?;
        let threads = &self.writing.threads;
        let sizes = threads.run(|| self.input_sizes(&package))??;
        // The matrices of the layers are read, and then everything is written.
        let config = package.language.config();
        let matrices = Linear::all(config).filter(|&linear| linear != Linear::Head);
        let read: usize = matrices
            .map(|linear| linear.shape(config).iter().product::<usize>())
            .sum();
        let written: usize = source.tensors().iter().map(TensorInfo::elements).sum();
        let talk = Talk::new(self.writing.volume, (read + written) as u64);
        let result = threads.run(|| -> anyhow::Result<(Balance, RescaleReport)> {
            let balance = failed(balance(&package, &sizes, &talk), "balance")?;
            let report = rescale(source, &self.output, &balance.scalings, self.writing.force, &talk)?;
            Ok((balance, report))
        });
        talk.end();
        let (balance, report) = result??;
        let (input, output) = (shown.to_string(), self.output.display().to_string());
        let [least, most] = balance.column_exponents;
        let seconds = begun.elapsed().as_secs_f64();
        if self.writing.json {
            print_json(&Run {
                input,
                output,
                text: self.text.as_ref().map(|path| path.display().to_string()),
                tokens: self.tokens,
                inputs: balance.inputs,
                changed_inputs: balance.changed_inputs,
                least_column_exponent: least,
                most_column_exponent: most,
                report,
                seconds,
            })?;
        } else {
            let rounded = match report.rounded_weights {
                0 => "every weight exact".to_string(),
                count => format!("{count} weights next to the smallest numbers of their type, and rounded"),
            };
            print(&format!(
                "{output}: {} of {} inputs have other columns, times 2^{least} to 2^{most}; {} tensors changed, {} as they were; \
                 {rounded}, {}, {seconds:.1} s\n",
                balance.changed_inputs,
                balance.inputs,
                report.changed_tensors,
                report.copied_tensors,
                DecimalBytes(report.output_bytes),
            ))?;
        }
        Ok(Outcome::Done)
    }

    /// How large the inputs of the matrices are, in the current rayon pool.
    fn input_sizes(&self, package: &Package) -> anyhow::Result<InputSizes> {
        let tokens = HumanCount(self.tokens.into());
        let Some(path) = &self.text else {
            let talk = Talk::new(self.writing.volume, self.tokens.into());
            talk.say(&format!(
                "the model writes {tokens} tokens, to see how large its inputs are"
            ));
            talk.now_at("writing".into());
            let text = OwnText {
                tokens: self.tokens as usize,
            };
            let sizes = InputSizes::of_own_text(package, text, &mut |tokens| {
                talk.advance(tokens);
                talk.go_on()
            });
            talk.end();
            return failed(sizes, &self.input.display().to_string());
        };
        let option = format!("{}: --text", path.display());
        let text = read_text(path, "--text")?;
        let (windows, tokens) = first_windows(package, &text, self.tokens as usize).with_context(|| option.clone())?;
        let talk = Talk::new(self.writing.volume, windows.len() as u64);
        let tokens = HumanCount(tokens as u64);
        talk.say(&format!(
            "reading {tokens} tokens of {}, to see how large the inputs are",
            path.display()
        ));
        talk.now_at("reading".into());
        let sizes = InputSizes::of_windows(package, &windows, &mut |_| {
            talk.advance(1);
            talk.go_on()
        });
        talk.end();
        failed(sizes, &option)
    }
}
