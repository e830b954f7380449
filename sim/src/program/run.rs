//! `sim run`.

use super::backend::{Backend, BackendArguments};
use super::machine_arguments::MachineArguments;
use super::output::Output;
use super::prompt::PromptArguments;
use super::report_files::{ReportArguments, ReportFiles};
use super::rtl::Rtl;
use super::speak::{Speaker, spoken_report};
use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use seedlm_codec::{ColumnGroup, MOST_LAYERS, WeightFormat};
use seedlm_sim::measure::measure;
use seedlm_sim::report::{Accelerator, Report};
use seedlm_sim::settings::Settings;
use seedlm_sim::shape::ModelShape;
use seedlm_sim::waves::Waves;
use seedlm_sim::workload::{
    ImageSource, ModelSource, NamedMatrix, Pass, PassMeaning, compress_model, load_image, load_model, map_of_image,
    model_in_binary16, parse_matvec, random_matrix,
};
use seedlm_sim::{Machine, SystemConfig};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Seed of the random words and activations: the same in every run.
const RANDOM_SEED: u64 = 1;

#[derive(Args)]
pub struct RunArguments {
    /// Model to run: a .safetensors file, a Hugging Face folder, or a file compressed by seedlm. Without it, the small
    /// language model inside the program is compressed and run
    #[arg(conflicts_with = "workload")]
    model: Option<PathBuf>,
    /// Run a memory image from `seedlm image`, on the machine that it was written for, from the addresses of its map
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "workload"])]
    image: Option<PathBuf>,
    /// The image's address map; its name with ".json" behind it if not given
    #[arg(long, value_name = "FILE", requires = "image")]
    image_map: Option<PathBuf>,
    /// Run one product of random words instead of a model: matvec:ROWSxCOLUMNS
    #[arg(long)]
    workload: Option<String>,
    /// Estimate a model of which only the shapes are known: a preset (see `sim presets`) or a TOML file. A few rows of each shape are
    /// simulated, the rest is extrapolated
    #[arg(long, value_name = "NAME", conflicts_with_all = ["model", "image", "workload", "rtl", "rtl_from", "svg", "vcd"])]
    model_shape: Option<String>,
    /// Weight formats to run, separated by commas; see `sim presets`. By default fp16, the uncompressed reference, and
    /// paper-4b; of a compressed model fp16 and its own code; of a shape fp16 and all codes with the usual windows
    #[arg(long, visible_alias = "preset", value_delimiter = ',')]
    weights: Option<Vec<String>>,
    #[command(flatten)]
    machine: MachineArguments,
    #[command(flatten)]
    backend: BackendArguments,
    #[command(flatten)]
    report: ReportArguments,
    /// Run each code with so many layers of it: a number, or a range as 1..3, which shows what every layer costs and brings. A model
    /// compressed in layers has them; another one is encoded in so many
    #[arg(long, value_name = "COUNT|FROM..TO", value_parser = layer_counts, conflicts_with_all = ["workload", "image", "model_shape"])]
    layers: Option<LayerCounts>,
    /// Write waves of the last format in --weights as VCD, for GTKWave or Surfer (about 1 kB per cycle)
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
    /// Threads of the seed search; as many as there are cores by default
    #[arg(short = 'j', long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    prompt: PromptArguments,
    /// Say nothing but the report
    #[arg(short, long)]
    pub quiet: bool,
}

impl RunArguments {
    /// The address map of the image, if there is one.
    fn image_map(&self) -> Option<PathBuf> {
        let usual = || self.image.as_deref().map(map_of_image);
        self.image_map.clone().or_else(usual)
    }
}

/// Runs the workload in each format, one after the other, and writes the reports.
pub fn run(arguments: &RunArguments) -> Result<()> {
    let settings = arguments.machine.settings()?;
    let backend = arguments.backend.chosen()?;
    if backend.is_without_machine() {
        arguments.report.without_cycles()?;
    }
    if let Some(threads) = arguments.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into());
        pool.build_global().context("--threads")?;
    }
    let energy = arguments.machine.energy()?;
    let (files, vcd) = report_files(arguments)?;
    if let Some(name) = &arguments.model_shape {
        let formats = arguments.weights.as_deref().map(formats).transpose()?;
        let report = super::run_shape::report(&ModelShape::named(name)?, formats, &settings, &energy, arguments.quiet)?;
        return files.write(&report);
    }
    let workload = Workload::open(arguments)?;
    let speaker = match &arguments.prompt.prompt {
        Some(prompt) => {
            let prints = !files.take_standard_output();
            Some(Speaker::open(
                &arguments.prompt,
                prompt,
                arguments.model.as_deref(),
                prints,
            )?)
        }
        None => None,
    };
    let formats = match &arguments.weights {
        Some(names) => formats(names)?,
        None => workload.usual_formats()?,
    };
    workload.check(&formats)?;
    let runs = workload.runs(&formats, arguments.layers.as_ref())?;
    let rtl = match backend {
        Backend::Verilog => Some(Rtl::find(arguments.backend.rtl_from.as_deref(), arguments.quiet)?),
        _ => None,
    };
    // All machines are made before the first one runs: what cannot be built is found before models are compressed.
    let mut machines = Vec::new();
    for (format, _) in &runs {
        let system = workload.system(&settings, format)?;
        let machine = match &rtl {
            Some(rtl) => rtl.machine(format, &system)?,
            None => Machine::new(format, &system)?,
        };
        machines.push((system, machine));
    }
    // What no machine can be has been refused for these as well: the text would be the same on none.
    if let Some(speaker) = speaker.as_ref().filter(|_| backend.is_without_machine()) {
        let activation_bits = settings.system(&WeightFormat::Binary16).datapath.activation_bits;
        let mut spoken = Vec::new();
        for (format, layers) in &runs {
            let pass = workload.pass(format, *layers, arguments.quiet)?;
            spoken.push(speaker.speak_without_machine(pass, backend, activation_bits)?);
        }
        let report = spoken_report(speaker.workload(&workload.name()), backend, activation_bits, spoken);
        return files.write(&report);
    }
    let mut reports = Vec::new();
    for (index, (&(ref format, layers), (system, mut machine))) in runs.iter().zip(machines).enumerate() {
        let pass = workload.pass(format, layers, arguments.quiet)?;
        if let Some(speaker) = &speaker {
            reports.push(speaker.speak(pass, &system, machine)?);
            continue;
        }
        let bar = progress(
            arguments.quiet,
            &format!("Running {}", format.label()),
            workload.weights(),
        );
        let mut waves = match vcd.as_ref().filter(|_| index + 1 == runs.len()) {
            Some(vcd) => Some(Waves::new(
                Box::new(BufWriter::new(vcd.handle()?)),
                settings.clock_mhz(),
            )),
            None => None,
        };
        reports.push(measure(&pass, &system, &mut machine, waves.as_mut(), &mut |weights| {
            bar.inc(weights)
        })?);
        if let Some(waves) = waves {
            waves.finish().context("wave file")?;
        }
        bar.finish_and_clear();
    }
    let memory = settings.memory().clone();
    let mut report = Report::new(
        speaker.map_or(workload.name(), |speaker| speaker.workload(&workload.name())),
        workload.meaning(),
        settings.clock_mhz(),
        rtl.map_or(Accelerator::Model, |rtl| rtl.accelerator()),
        memory,
        reports,
    );
    let run_formats: Vec<WeightFormat> = runs.into_iter().map(|(format, _)| format).collect();
    report.account(&energy, &run_formats);
    if let Some(vcd) = vcd {
        vcd.finish()?;
    }
    files.write(&report)
}

/// Opens the files asked for.
fn report_files(arguments: &RunArguments) -> Result<(ReportFiles, Option<Output>)> {
    if arguments.vcd.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        bail!("--vcd needs a file: waves are too large for standard output");
    }
    let shape = arguments.model_shape.as_deref().map(Path::new);
    let image_map = arguments.image_map();
    let inputs = [
        &arguments.model,
        &arguments.backend.rtl_from,
        &arguments.image,
        &image_map,
    ];
    let inputs: Vec<&Path> = inputs
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .chain(arguments.machine.inputs())
        .chain(shape)
        .collect();
    let files = ReportFiles::create(&arguments.report, &arguments.vcd, &inputs)?;
    let vcd = arguments
        .vcd
        .as_ref()
        .map(|path| Output::create(path, &inputs))
        .transpose()?;
    Ok((files, vcd))
}

/// Numbers of layers, from the first to the last.
#[derive(Clone, Debug)]
struct LayerCounts {
    first: usize,
    last: usize,
}

fn layer_counts(text: &str) -> Result<LayerCounts, String> {
    let count = |text: &str| match text.trim().parse() {
        Ok(count) if (1..=MOST_LAYERS).contains(&count) => Ok(count),
        _ => Err(format!("{text:?} is no number of layers, 1 to {MOST_LAYERS}")),
    };
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (count(first)?, count(last)?),
        None => (count(text)?, count(text)?),
    };
    match first <= last {
        true => Ok(LayerCounts { first, last }),
        false => Err("the range is empty; write it as 1..3".into()),
    }
}

/// The formats that --weights names, each once.
pub fn formats(names: &[String]) -> Result<Vec<WeightFormat>> {
    let mut formats: Vec<WeightFormat> = Vec::new();
    for name in names {
        let format = WeightFormat::named(name.trim())?;
        if formats.contains(&format) {
            bail!("--weights names {name} twice");
        }
        formats.push(format);
    }
    Ok(formats)
}

/// What to run, before it is in any format.
pub enum Workload {
    /// A product of random words.
    Product { rows: usize, columns: usize },
    /// All matrices of a model.
    Model { name: String, source: Box<ModelSource> },
    /// All matrices of a memory image.
    Image { name: String, source: Box<ImageSource> },
}

impl Workload {
    fn open(arguments: &RunArguments) -> Result<Self> {
        if let Some(text) = &arguments.workload {
            let (rows, columns) = parse_matvec(text).map_err(anyhow::Error::msg)?;
            return Ok(Workload::Product { rows, columns });
        }
        if let (Some(image), Some(map)) = (&arguments.image, arguments.image_map()) {
            return Ok(Workload::Image {
                name: image.display().to_string(),
                source: Box::new(load_image(image, &map)?),
            });
        }
        let name = match &arguments.model {
            Some(path) => path.display().to_string(),
            None => "embedded model \"shakespeare\"".to_string(),
        };
        Ok(Workload::Model {
            name,
            source: Box::new(load_model(arguments.model.as_deref())?),
        })
    }

    fn name(&self) -> String {
        match self {
            Workload::Product { rows, columns } => format!("matvec:{rows}x{columns}"),
            Workload::Model { name, .. } | Workload::Image { name, .. } => name.clone(),
        }
    }

    fn meaning(&self) -> PassMeaning {
        match self {
            Workload::Product { .. } => PassMeaning::Product,
            Workload::Model { .. } | Workload::Image { .. } => PassMeaning::Token,
        }
    }

    /// What is run where nothing is asked for.
    fn usual_formats(&self) -> Result<Vec<WeightFormat>> {
        let code = match self {
            Workload::Model { source, .. } => source.stored_code()?.map(WeightFormat::from),
            Workload::Product { .. } => None,
            // There is no image of an uncompressed model to compare it with.
            Workload::Image { source, .. } => return Ok(vec![source.format()]),
        };
        let code = code.map_or_else(|| WeightFormat::named("paper-4b"), Ok)?;
        Ok(vec![WeightFormat::Binary16, code])
    }

    /// The machine for a format.
    fn system(&self, settings: &Settings, format: &WeightFormat) -> Result<SystemConfig> {
        let Workload::Image { source, .. } = self else {
            return Ok(settings.system(format));
        };
        let system = settings.system_for_image(source.machine());
        source.check(&system.datapath)?;
        Ok(system)
    }

    /// Finds, before anything is run, a format that this workload cannot be run in.
    fn check(&self, formats: &[WeightFormat]) -> Result<()> {
        if let Workload::Image { name, source } = self
            && let Some(other) = formats.iter().find(|format| **format != source.format())
        {
            bail!(
                "{name} holds words of {own}, and cannot be run as {other}; leave --weights out, or run the model itself: sim run MODEL \
                 --weights {other}",
                own = source.format().label(),
                other = other.label()
            );
        }
        if let Workload::Model { source, .. } = self
            && let Some(stored) = source.stored_code()?
        {
            for format in formats {
                if format.code().is_some_and(|code| code != stored) {
                    bail!(
                        "{} is compressed as {stored} and cannot be run as {}; leave --weights out, or give the uncompressed model",
                        self.name(),
                        format.label(),
                        stored = stored.label()
                    );
                }
            }
        }
        Ok(())
    }

    /// What is run, one after the other: each format, and each code with each number of layers.
    fn runs(
        &self,
        formats: &[WeightFormat],
        counts: Option<&LayerCounts>,
    ) -> Result<Vec<(WeightFormat, Option<usize>)>> {
        let Some(counts) = counts else {
            return Ok(formats.iter().map(|format| (format.clone(), None)).collect());
        };
        if let Workload::Model { source, .. } = self
            && let Some(stored) = source.stored_layers()
            && counts.last > stored
        {
            bail!(
                "--layers: {} has {stored} layers, and {} were asked for",
                self.name(),
                counts.last
            );
        }
        let runs = formats.iter().flat_map(|format| match format.code() {
            None => vec![(format.clone(), None)],
            Some(_) => (counts.first..=counts.last)
                .map(|layers| (format.clone(), Some(layers)))
                .collect(),
        });
        Ok(runs.collect())
    }

    fn weights(&self) -> u64 {
        match self {
            Workload::Product { rows, columns } => (rows * columns) as u64,
            Workload::Model { source, .. } => source.weights(),
            Workload::Image { source, .. } => source.weights(),
        }
    }

    /// What is run, in a format; a model that is not compressed yet is compressed here.
    fn pass(&self, format: &WeightFormat, layers: Option<usize>, quiet: bool) -> Result<Pass> {
        match (self, format) {
            (Workload::Product { rows, columns }, _) => Ok(Pass {
                format: format.clone(),
                layers: None,
                matrices: vec![NamedMatrix {
                    name: self.name(),
                    layer: 1,
                    group: ColumnGroup::default(),
                    matrix: random_matrix(format, *rows, *columns, RANDOM_SEED)?,
                    rotation: None,
                    in_image: None,
                }],
                relative_error: None,
            }),
            (Workload::Image { source, .. }, _) => Ok(source.pass()?),
            (Workload::Model { source, .. }, format) => {
                let Some(code) = format.code() else {
                    return Ok(model_in_binary16(source)?);
                };
                let started = Instant::now();
                let bar = progress(quiet, &format!("Compressing to {}", format.label()), self.weights());
                let pass = compress_model(source, &code, layers, &|weights| bar.inc(weights as u64))?;
                bar.finish_and_clear();
                if !quiet && matches!(**source, ModelSource::Plain(..)) {
                    let seconds = started.elapsed().as_secs_f64();
                    eprintln!(
                        "Compressed {} matrices to {} in {seconds:.1} s: {:.0} thousand weights per second",
                        pass.matrices.len(),
                        format.label(),
                        self.weights() as f64 / seconds / 1e3
                    );
                }
                Ok(pass)
            }
        }
    }
}

/// A bar with the time that is left, on a terminal only.
pub fn progress(quiet: bool, what: &str, weights: u64) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:<24} {bar:32} {percent:>3} %  {eta} left")
        .expect("the template is well formed");
    ProgressBar::new(weights)
        .with_style(style)
        .with_message(what.to_string())
}
