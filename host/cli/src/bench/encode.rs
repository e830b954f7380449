//! `seedlm bench encode`

mod figures;
mod job;
mod text;

use super::machine::Machine;
use super::naive::Naive;
use super::speed_options::{Setting, SpeedOptions};
use super::written::write;
use crate::code_options::{Quantizer, presets};
use crate::interrupt;
use crate::outcome::{EXIT_CODES, Outcome};
use crate::talk::Talk;
use clap::Args;
use figures::{Line, NaiveLine, Run, Size};
use job::Job;
use seedlm_codec::Code;

/// Weights of a block code's matrix with --large.
const LARGE: usize = 1 << 24;

/// Measure how fast matrices are encoded, beside the search as anybody would write it
///
/// The weights are normally distributed and the same in every run; times are the shortest of a few runs. The naive search is
/// compiled for the machine's best instructions and runs on one thread in the same run; it gets some milliseconds' worth of weights.
/// Instructions executed are counted by the processor, where the system lets us.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Encode {
    /// The codes, separated by commas
    #[arg(
        long,
        visible_alias = "preset",
        value_name = "CODE",
        value_delimiter = ',',
        default_values = ["paper-4b", "paper-3b", "chained-4b", "chained-4b-k12"],
        value_parser = presets()
    )]
    code: Vec<String>,
    /// How the paper's codes choose coefficients, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "exact")]
    quantizer: Vec<Quantizer>,
    /// About so many weights; whole rows of 3072 in the paper's codes and of 4096 in the chained ones
    #[arg(long, value_name = "WEIGHTS", default_value = "262144", value_parser = clap::value_parser!(u32).range(1..=1 << 28))]
    weights: u32,
    /// Measure the paper's codes also with 2^24 weights
    #[arg(long)]
    large: bool,
    /// Leave the naive searches out, and what is compared with them
    #[arg(long)]
    without_naive: bool,
    #[command(flatten)]
    speed: SpeedOptions,
}

/// What is measured of a code.
struct Plan {
    name: String,
    code: Code,
    /// Whether it is compared with naive searches.
    beside_naive: bool,
    /// None for the chained codes, which know one way.
    quantizers: Vec<Option<Quantizer>>,
    sizes: Vec<Size>,
}

impl Encode {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let settings = self.speed.settings()?;
        let plans: anyhow::Result<Vec<Plan>> = self.code.iter().map(|name| self.plan(name)).collect();
        let plans = plans?;
        interrupt::listen()?;
        let of_plan = |plan: &Plan| {
            let weights: usize = plan.sizes.iter().map(|size| size.weights()).sum();
            plan.quantizers.len() * weights * settings.len()
        };
        let talk = self.speed.talk(plans.iter().map(of_plan).sum::<usize>() as u64);
        let mut run = Run {
            machine: Machine::this(),
            naive: Vec::new(),
            lines: Vec::new(),
        };
        let measured = plans
            .iter()
            .try_for_each(|plan| measure(plan, &settings, &talk, &mut run));
        talk.end();
        measured?;
        write(&run, self.speed.json, self.speed.markdown, text::text)?;
        Ok(Outcome::Done)
    }

    fn plan(&self, name: &str) -> anyhow::Result<Plan> {
        let code = Code::preset(name)?;
        let weights = self.weights as usize;
        let (quantizers, sizes) = match &code {
            Code::Block(_) => {
                let sizes = [Some(weights), self.large.then_some(LARGE)];
                (self.quantizer.iter().copied().map(Some).collect(), sizes)
            }
            Code::Chained(_) => (vec![None], [Some(weights), None]),
        };
        Ok(Plan {
            name: name.into(),
            beside_naive: !self.without_naive,
            sizes: sizes
                .into_iter()
                .flatten()
                .map(|weights| Size::of(&code, weights))
                .collect(),
            code,
            quantizers,
        })
    }
}

/// Measures a code in all settings.
fn measure(plan: &Plan, settings: &[Setting], talk: &Talk, run: &mut Run) -> anyhow::Result<()> {
    let searches = plan.beside_naive.then(|| Naive::new(&plan.code)).flatten();
    for &size in &plan.sizes {
        let values = super::gaussian::gaussian(size.rows, size.columns).values;
        // Once for each size, so that both see the machine in the same state.
        let mut naive = Vec::new();
        if let Some(searches) = &searches {
            talk.now_at(format!("{}: naive search", plan.name));
            for &form in searches.forms() {
                naive.push(searches.measure(form, &values)?);
            }
        }
        for &quantizer in &plan.quantizers {
            let first = run.lines.len();
            for &setting in settings {
                talk.now_at(format!(
                    "{} {}, threads {}",
                    plan.name, setting.instructions, setting.threads
                ));
                let job = Job {
                    code: &plan.code,
                    quantizer,
                    setting,
                    size,
                    values: &values,
                };
                let measured = job.measure(talk)?;
                let line = Line::new(&plan.name, &job, measured, &naive, &run.lines[first..]);
                run.lines.push(line);
            }
        }
        run.naive.extend(naive.into_iter().map(|figures| NaiveLine {
            code: plan.name.clone(),
            beside_weights: size.weights(),
            figures,
        }));
    }
    Ok(())
}
