//! `seedlm compress`

use crate::calibration::{Calibration, CalibrationText};
use crate::code_options::{CodeOptions, Quantizer, Rotate};
use crate::compress_report::{Compressed, ReportOptions};
use crate::compress_text::{planned, summary};
use crate::effort::Effort;
use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::stdout::{print, print_json, printable};
use crate::talk::Talk;
use crate::target_options::{TargetOptions, choose};
use crate::writing::Writing;
use anyhow::{Context, bail};
use clap::Args;
use indicatif::HumanCount;
use seedlm_codec::{Code, check_scale_groups};
use seedlm_model::{
    BitChoice, CompressOptions, Encoding, Footprint, ModelError, Plan, RuleFile, Rules, Source, TargetBits,
    chained_layers, check_output, compress_with,
};
use serde::Serialize;
use std::path::PathBuf;

/// Compress a model: safetensors file to file, Hugging Face folder to folder
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Compress {
    /// A .safetensors file, or a folder with model.safetensors or with shards and their index
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write; a file for a file, a folder for a folder
    #[arg(short, long, value_name = "OUT", required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    #[command(flatten)]
    code: CodeOptions,
    /// How the paper's codes choose coefficients; exact if not given. The chained codes have no choice
    #[arg(long, value_enum)]
    quantizer: Option<Quantizer>,
    /// Which matrices are rotated along their inputs before they are encoded, which tames heavy tails; decompress undoes it; auto if
    /// not given
    #[arg(long, value_enum)]
    rotate: Option<Rotate>,
    /// Scales to try for each row of a layer that is not the last, 1 to 16; the one is kept whose error is smallest after the next layer.
    /// Encoding takes so many times as long; 5 if not given. With --calibrate or --scale-group one scale is taken
    #[arg(long, value_name = "N")]
    scale_trials: Option<u64>,
    /// A scale for every so many neighbouring columns of a row, which must divide the columns, in place of one for the row; for the
    /// chained codes. Costs 16 bits for each; hardly pays for rotated rows
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u64).range(1..))]
    scale_group: Option<u64>,
    #[command(flatten)]
    target: TargetOptions,
    /// Compress the tensors that match, even where the default keeps them; repeatable
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Keep the tensors that match; goes before --rules and --include; repeatable
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// A TOML file of rules: tables `[[rule]]` with match = a pattern or a list of them, and keep = true, or any of code, bits, layers,
    /// chain_length, rotate, quantizer, scale_trials, scale_group for the tensors that match; the first rule that matches decides, and
    /// what it does not say is as on the command line
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Write nothing; say what would be compressed, to which size, in about which time
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    calibration: Calibration,
    #[command(flatten)]
    effort: Effort,
    #[command(flatten)]
    report: ReportOptions,
    #[command(flatten)]
    writing: Writing,
}

/// The JSON of a dry run.
#[derive(Serialize)]
struct DryRun {
    dry_run: bool,
    input: String,
    /// Measured on a part of the model; none where there is nothing to encode.
    estimated_seconds: Option<f64>,
    /// What the run would hold in memory at most where it is not limited, and the least that `--memory` takes, in bytes.
    peak_memory_bytes: u64,
    least_memory_bytes: u64,
    #[serde(flatten)]
    plan: Plan,
    /// Why each matrix has its code, where a mean number of bits was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<BitChoice>,
}

impl Compress {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let target = self.target.target(&self.code)?;
        let encoding = self.encoding(target.as_ref())?;
        let mut rules = Rules::new(&self.include, &self.exclude)?;
        if let Some(path) = &self.rules {
            rules = rules.with_file(RuleFile::open(path)?);
        }
        let mut options = CompressOptions {
            encoding,
            rules,
            moments: None,
            replace: self.writing.force,
        };
        let source = Source::open(&self.input)?;
        let mut plan = Plan::new(&source, &options.rules, &options.encoding)?;
        let candidates = target.iter().flat_map(|target| target.candidates.iter().flatten());
        let has_quantizer = options.encoding.has_block_code()
            || plan.encodings().iter().any(Encoding::has_block_code)
            || candidates.into_iter().any(|code| matches!(code, Code::Block(_)));
        if self.quantizer.is_some() && !has_quantizer {
            bail!(
                "--quantizer belongs to the paper's codes, and {} is none; leave it out",
                options.encoding.label()
            );
        }
        let has_layers = options.encoding.has_layers()
            || plan.encodings().iter().any(Encoding::has_layers)
            || target
                .iter()
                .any(|target| target.candidates.iter().any(|layers| layers.len() > 1));
        if self.scale_trials.is_some() && !has_layers {
            bail!(
                "--scale-trials belongs to matrices in layers (--layers 2+2), and {} is one; leave it out",
                options.encoding.label()
            );
        }
        let talk = Talk::new(self.writing.volume, plan.compressed_weights);
        for tensor in &plan.kept {
            talk.detail(&format!(
                "keeping {} {:?} {}: {}",
                printable(&tensor.name),
                tensor.shape,
                tensor.dtype,
                tensor.reason
            ));
        }
        if !self.dry_run || target.is_some() {
            interrupt::listen()?;
        }
        if self.dry_run {
            let choice = self.choose(&source, target.as_ref(), None, &mut options, &mut plan)?;
            return self.dry_run(&source, plan, choice);
        }
        let Some(output) = &self.output else {
            bail!("no output; name one with -o");
        };
        check_output(&source, output, options.replace)?;
        let reports = self.report.create(&self.input, output)?;
        let text = self.calibration.open(&self.input)?;
        if let Some(text) = &text {
            let moments = self.writing.threads.run(|| text.moments(self.writing.volume))??;
            options.moments = Some(moments);
        }
        let choice = self.choose(&source, target.as_ref(), text.as_ref(), &mut options, &mut plan)?;
        // The model that read the text is as large as the one that is compressed.
        drop(text);
        talk.say(&format!(
            "compressing {} of {} tensors, {} of {} weights, to {}",
            plan.compressed.len(),
            plan.compressed.len() + plan.kept.len(),
            HumanCount(plan.compressed_weights),
            HumanCount(plan.weights),
            plan.code
        ));
        let run = self.effort.run_options();
        let result = (self.writing.threads).run(|| compress_with(&source, output, &options, run, &talk));
        talk.end();
        let report = result??;
        let compressed = Compressed {
            input: &self.input.display().to_string(),
            output: &output.display().to_string(),
            report: &report,
            choice: choice.as_ref(),
        };
        reports.write(compressed)?;
        if self.writing.json {
            print_json(&compressed)?;
        } else {
            print(&summary(&report, compressed.output))?;
        }
        Ok(Outcome::Done)
    }

    /// How matrices are encoded of which no rule says anything.
    fn encoding(&self, target: Option<&TargetBits>) -> anyhow::Result<Encoding> {
        let layers = match target {
            // Each matrix will have a code of its own; of this one, rules take the length of the windows.
            Some(_) => chained_layers("4", self.code.window_length())?,
            None => self.code.layers()?,
        };
        let profile = self.code.profile.get();
        let quantizer = match (self.quantizer, profile.and_then(|profile| profile.quantizer.as_ref())) {
            (Some(quantizer), _) => quantizer.into(),
            (None, Some(name)) => name.parse()?,
            (None, None) => Quantizer::default().into(),
        };
        let rotate = match (self.rotate, profile) {
            (Some(rotate), _) => rotate.into(),
            (None, Some(profile)) => profile.rotate.parse()?,
            (None, None) => Rotate::default().into(),
        };
        let mut encoding = Encoding::new(layers[0].clone(), quantizer, rotate).with_layers(layers)?;
        let trials = self.scale_trials.or(profile.and_then(|profile| profile.scale_trials));
        if let Some(trials) = trials {
            encoding = encoding.with_scale_trials(trials).context("--scale-trials")?;
        }
        let without_trials = if self.calibration.is_given() {
            Some("--calibrate")
        } else {
            self.scale_group.map(|_| "--scale-group")
        };
        if let (Some(option), Some(_)) = (without_trials, self.scale_trials) {
            bail!("--scale-trials: with {option} one scale is taken for each row; leave --scale-trials out");
        }
        let scale_group = self.scale_group.map(usize::try_from).transpose()?;
        if scale_group.is_some() {
            let checked = encoding.layers().iter().try_for_each(check_scale_groups);
            checked.context("--scale-group: choose a chained code, as --code chained-4b, or say it in rules")?;
        }
        Ok(encoding.with_scale_group(scale_group))
    }

    /// Shares out the bits, where a mean is asked for: changes the rules, and the plan with them.
    fn choose(
        &self,
        source: &Source,
        target: Option<&TargetBits>,
        text: Option<&CalibrationText>,
        options: &mut CompressOptions,
        plan: &mut Plan,
    ) -> anyhow::Result<Option<BitChoice>> {
        let Some(target) = target else {
            return Ok(None);
        };
        let choice = choose(
            source,
            plan,
            target,
            text.zip(options.moments.as_deref()),
            &self.writing,
        )?;
        options.rules = options.rules.clone().with_encodings(choice.encodings().clone());
        *plan = Plan::new(source, &options.rules, &options.encoding)?;
        Ok(Some(choice))
    }

    fn dry_run(&self, source: &Source, plan: Plan, choice: Option<BitChoice>) -> anyhow::Result<Outcome> {
        let memory_bytes = self.effort.run_options().memory_bytes;
        let estimate = || -> Result<(Option<f64>, Footprint), ModelError> {
            let footprint = Footprint::new(&plan);
            footprint.check(source, &plan, memory_bytes)?;
            plan.check_weights(source)?;
            Ok((plan.estimate_seconds(source)?, footprint))
        };
        let (estimated_seconds, footprint) = self.writing.threads.run(estimate)??;
        if self.writing.json {
            print_json(&DryRun {
                dry_run: true,
                input: self.input.display().to_string(),
                estimated_seconds,
                peak_memory_bytes: footprint.most_bytes(),
                least_memory_bytes: footprint.least_bytes(),
                plan,
                choice,
            })?;
        } else {
            print(&planned(&plan, estimated_seconds, &footprint))?;
        }
        Ok(Outcome::Done)
    }
}
