//! `sim run --model-shape`.

use super::run::progress;
use anyhow::Result;
use rayon::prelude::*;
use seedlm_codec::WeightFormat;
use seedlm_sim::energy::{EnergyTable, operation_counts};
use seedlm_sim::settings::Settings;
use seedlm_sim::shape::{Check, Estimate, ModelShape, ShapeReport, check, estimate};

/// Models whose every matrix is simulated, to hold the extrapolation against; the first that is large enough.
const SMALL_MODELS: [&str; 2] = ["smollm2-4-layers", "llama-3.2-1b-layer"];

/// Beats that a small model must have: in fewer, the starts of its matrices, which no large model notices, are what is measured.
const ENOUGH_BEATS: u64 = 1 << 16;

/// Estimates a token in each format.
pub fn report(
    shape: &ModelShape,
    formats: Option<Vec<WeightFormat>>,
    settings: &Settings,
    table: &EnergyTable,
    quiet: bool,
) -> Result<ShapeReport> {
    let formats = formats.map_or_else(usual_formats, Ok)?;
    let bar = progress(quiet, "Simulating", formats.len() as u64);
    let of_format = |format: &WeightFormat| -> Result<(Estimate, Check)> {
        let system = settings.system(format);
        let weights_per_beat =
            u64::from(system.datapath.beat_bits) * format.weights_per_word() as u64 / u64::from(format.word_bits());
        let counts = operation_counts(&format.label());
        let estimated = estimate(shape, format, &system, (table, counts))?;
        let checked = check(&small_model(weights_per_beat)?, format, &system)?;
        bar.inc(1);
        Ok((estimated, checked))
    };
    let both: Vec<(Estimate, Check)> = formats.par_iter().map(of_format).collect::<Result<_>>()?;
    bar.finish_and_clear();
    let (estimates, checks) = both.into_iter().unzip();
    let memory = settings.memory().clone();
    let table = table.name.clone();
    Ok(ShapeReport::new(
        shape.clone(),
        settings.clock_mhz(),
        memory,
        table,
        estimates,
        checks,
    ))
}

/// The small model for a machine that reads so many weights in a beat.
fn small_model(weights_per_beat: u64) -> Result<ModelShape> {
    let mut small = ModelShape::named(SMALL_MODELS[0])?;
    for name in &SMALL_MODELS[1..] {
        if small.weights() < ENOUGH_BEATS * weights_per_beat {
            small = ModelShape::named(name)?;
        }
    }
    Ok(small)
}

/// The formats of [`WeightFormat::usual_names`], the reference first.
pub fn usual_formats() -> Result<Vec<WeightFormat>> {
    let names = WeightFormat::usual_names();
    let formats = names.iter().map(|name| WeightFormat::named(name));
    let mut formats = formats.collect::<Result<Vec<_>, _>>()?;
    formats.sort_by_key(|format| *format != WeightFormat::Binary16);
    Ok(formats)
}
