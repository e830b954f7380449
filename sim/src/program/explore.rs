//! `sim explore`.

mod folder;
mod grid_arguments;

use super::interrupt;
use super::output::Output;
use super::report_files::{Forms, ReportArguments, ReportFiles};
use super::rtl::find_generator;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use grid_arguments::GridArguments;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use seedlm_codec::{Code, Crc32};
use seedlm_sim::energy::EnergyTable;
use seedlm_sim::explore::{
    AreaTool, Areas, Bound, CodeResult, Exploration, Grid, ModelSample, Simulated, Study, Throughput, WorkFile,
    explore, refit,
};
use seedlm_sim::shape::ModelShape;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Jobs that are shorter are not announced, in seconds.
const SHORT_JOB: f64 = 2.0;
/// Progress counts in parts of a second.
const TICKS_PER_SECOND: f64 = 1000.0;
/// What stands for `hdl` in messages, with the next step.
const NO_GENERATOR: &str =
    "the program hdl is neither next to this program nor on PATH (cargo build --release --bin hdl)";

#[derive(Args)]
pub struct ExploreArguments {
    #[command(flatten)]
    grid: GridArguments,
    /// Model to measure errors on: a .safetensors file or a Hugging Face folder. Without it the small model in the program
    #[arg(long, value_name = "MODEL", conflicts_with = "no_model")]
    model: Option<PathBuf>,
    /// Measure errors on normally distributed weights only
    #[arg(long)]
    no_model: bool,
    /// About so many of the model's weights, rows evenly spaced in every matrix
    #[arg(long, value_name = "WEIGHTS", default_value_t = 1 << 15, value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    model_weights: u64,
    /// Normally distributed weights for each code
    #[arg(long, value_name = "WEIGHTS", default_value_t = 1 << 17, value_parser = clap::value_parser!(u64).range(64..=1 << 30))]
    gaussian_weights: u64,
    /// Take fewer weights of codes that are slow to encode: about so many seconds' worth
    #[arg(long, value_name = "SECONDS", default_value_t = 4.0, value_parser = seconds)]
    seconds_per_code: f64,
    /// Whose tokens are counted: the shape of a model (see `sim presets`) or a TOML file
    #[arg(long, value_name = "NAME", default_value = "llama-3-8b")]
    model_shape: String,
    /// Energies of operations and of DRAM: a preset (see `sim presets`) or a TOML file
    #[arg(long, value_name = "NAME", default_value = EnergyTable::presets()[0])]
    energy: String,
    /// How tokens per second are worked out
    #[arg(long, value_enum, default_value_t)]
    cycles: Cycles,
    /// Have yosys count the areas of codes that have not been counted, which takes seconds to a minute for each; without it they are taken
    /// from a table and a formula
    #[arg(long)]
    measure_areas: bool,
    /// Keep finished codes in this file, and go on with it if it is there already. By default one in a cache folder, which goes away when
    /// all is done
    #[arg(long, visible_alias = "resume", value_name = "FILE")]
    work: Option<PathBuf>,
    /// Begin anew, whatever has been finished before
    #[arg(long)]
    fresh: bool,
    /// Do nothing but count the areas of the codes that the formula for areas is fitted to, and write them to this file
    #[arg(long, value_name = "FILE")]
    write_areas: Option<PathBuf>,
    #[command(flatten)]
    report: ReportArguments,
    /// Threads, each with a code of its own; as many as there are cores by default
    #[arg(short = 'j', long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Say nothing but the report
    #[arg(short, long)]
    quiet: bool,
}

/// How tokens per second are worked out.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Cycles {
    /// What memory and lanes allow; large models come within a hundredth of it
    #[default]
    Bound,
    /// Extrapolated from products that are simulated, as by `sim run --model-shape`: seconds to minutes for each code and machine
    Simulated,
}

impl Forms for Exploration {
    fn text(&self) -> String {
        self.to_text()
    }
    fn json(&self) -> String {
        self.to_json()
    }
    fn csv(&self) -> Result<String, csv::Error> {
        self.to_csv()
    }
    fn svg(&self) -> Option<String> {
        Some(self.to_svg())
    }
}

/// Measures the grid and writes the reports.
pub fn run(arguments: &ExploreArguments) -> Result<()> {
    if let Some(path) = &arguments.write_areas {
        return write_areas(path, arguments.quiet);
    }
    let grid = arguments.grid.grid()?;
    let shape = ModelShape::named(&arguments.model_shape)?;
    let energy = EnergyTable::named(&arguments.energy)?;
    let named = [&arguments.model_shape, &arguments.energy].map(Path::new);
    let inputs: Vec<&Path> = arguments
        .grid
        .inputs()
        .chain(named)
        .chain(arguments.model.as_deref())
        .collect();
    let files = ReportFiles::create(&arguments.report, &arguments.work, &inputs)?;
    let model = match arguments.no_model {
        true => None,
        false => Some(ModelSample::open(
            arguments.model.as_deref(),
            arguments.model_weights as usize,
        )?),
    };
    let codes: Vec<Code> = grid.codes().iter().map(|point| point.code().clone()).collect();
    let (areas, no_tool) = areas(&codes, arguments.measure_areas)?;
    let throughput: Box<dyn Throughput> = match arguments.cycles {
        Cycles::Bound => Box::new(Bound::new(shape.clone(), energy.clone())),
        Cycles::Simulated => Box::new(Simulated::new(shape.clone(), energy.clone())),
    };
    let study = Study::new(
        (arguments.gaussian_weights as usize, model, arguments.seconds_per_code),
        (areas, arguments.measure_areas),
        throughput,
        (shape, energy),
        grid.machines(),
    );
    let path = match &arguments.work {
        Some(path) => path.clone(),
        None => usual_work_file(&study, &grid)?,
    };
    let work = WorkFile::open(&path, study.settings(), arguments.fresh)?;
    let codes = measure(arguments, &study, &grid, &work)?;
    files.write(&Exploration::new(&study, codes, no_tool))?;
    if arguments.work.is_none() {
        // What is not removed would only be read again by the same command.
        work.remove()?;
    }
    Ok(())
}

/// Measures what is not finished, with a bar on a terminal.
fn measure(arguments: &ExploreArguments, study: &Study, grid: &Grid, work: &WorkFile) -> Result<Vec<CodeResult>> {
    let threads = match arguments.threads {
        Some(threads) => threads.into(),
        None => std::thread::available_parallelism().map_or(1, NonZero::get),
    };
    let open = grid
        .codes()
        .iter()
        .filter(|point| work.finished(point.code()).is_none());
    let (count, seconds) = open.fold((0, 0.0), |(count, seconds), point| {
        (count + 1, seconds + study.seconds(point))
    });
    let say = |line: String| {
        if !arguments.quiet {
            eprintln!("{line}");
        }
    };
    let finished = grid.codes().len() - count;
    if finished > 0 {
        say(format!(
            "going on: {finished} of {} codes are finished in {} (--fresh begins anew)",
            grid.codes().len(),
            work.path().display()
        ));
    }
    if work.unreadable() > 0 {
        say(format!(
            "{}: {} unreadable lines are skipped; their codes are measured again",
            work.path().display(),
            work.unreadable()
        ));
    }
    if seconds > SHORT_JOB {
        say(format!(
            "measuring {count} codes on {} machines: about {} on {threads} threads",
            grid.machines().len(),
            HumanDuration(Duration::from_secs_f64(seconds / threads as f64))
        ));
    }
    let go_on = match &arguments.work {
        Some(path) => format!("with --work {} it goes on there", path.display()),
        None => "the same command goes on there".into(),
    };
    interrupt::say_when_interrupted(format!("finished codes are kept in {}: {go_on}", work.path().display()));
    let bar = bar(arguments.quiet, seconds);
    let codes = explore(
        study,
        grid.codes(),
        work,
        threads,
        &|seconds| bar.inc((seconds * TICKS_PER_SECOND) as u64),
        &|result, _| bar.set_message(result.label.clone()),
    );
    bar.finish_and_clear();
    codes.with_context(|| format!("stopped; finished codes are kept in {}: {go_on}", work.path().display()))
}

fn bar(quiet: bool, seconds: f64) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:<24} {bar:32} {percent:>3} %  {eta} left")
        .expect("the template is well formed");
    ProgressBar::new((seconds * TICKS_PER_SECOND) as u64).with_style(style)
}

/// Where areas are from, and why nothing can be counted, if so.
fn areas(codes: &[Code], measures: bool) -> Result<(Areas, Option<String>)> {
    let Some(program) = find_generator() else {
        if measures {
            bail!("--measure-areas: {NO_GENERATOR}");
        }
        return Ok((Areas::new(codes, None, false)?, Some(NO_GENERATOR.into())));
    };
    let tool = AreaTool::new(program, folder::cache()?.join("areas"));
    match Areas::new(codes, Some(tool), measures) {
        Ok(areas) => Ok((areas, None)),
        Err(error) if measures => Err(error).context("--measure-areas"),
        Err(error) => Ok((Areas::new(codes, None, false)?, Some(error.to_string()))),
    }
}

/// A file of this study and these codes alone.
fn usual_work_file(study: &Study, grid: &Grid) -> Result<PathBuf> {
    let labels: Vec<String> = grid.codes().iter().map(|point| point.label()).collect();
    let known_by = serde_json::to_string(&(study.settings(), labels)).context("the settings as JSON")?;
    let name = format!("work-{}.jsonl", Crc32::of(known_by.as_bytes()));
    Ok(folder::cache()?.join(name))
}

/// Counts the areas of the calibration and writes the table.
fn write_areas(path: &Path, quiet: bool) -> Result<()> {
    let output = Output::create(path, &[])?;
    let program = find_generator().with_context(|| format!("--write-areas: {NO_GENERATOR}"))?;
    let tool = AreaTool::new(program, folder::cache()?.join("areas"));
    let table = refit(&tool, &mut |code| {
        if !quiet {
            eprintln!("counted {}", code.label());
        }
    })
    .context("--write-areas")?;
    output.write(&table.to_json())?;
    output.finish()
}

/// A time in seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    let seconds = number.filter(|seconds| (1e-3..=1e6).contains(seconds));
    seconds.ok_or_else(|| "it must be a number of seconds from 0.001 to 1000000".into())
}
