//! `sim run --model-shape`.

use super::run::progress;
use anyhow::Result;
use seedlm_codec::{CHAIN_LENGTHS, WeightFormat};
use seedlm_sim::energy::{EnergyTable, operation_counts};
use seedlm_sim::settings::Settings;
use seedlm_sim::shape::{ModelShape, ShapeReport, check, estimate};

/// The model whose every matrix is simulated, to hold the extrapolation against.
const SMALL_MODEL: &str = "smollm2-4-layers";

/// Estimates a token in each format.
pub fn report(
    shape: &ModelShape,
    formats: Option<Vec<WeightFormat>>,
    settings: &Settings,
    table: &EnergyTable,
    quiet: bool,
) -> Result<ShapeReport> {
    let formats = formats.map_or_else(usual_formats, Ok)?;
    let small = ModelShape::named(SMALL_MODEL)?;
    let (mut estimates, mut checks) = (Vec::new(), Vec::new());
    for format in &formats {
        let system = settings.system(format);
        let bar = progress(quiet, &format!("Simulating {}", format.label()), 0);
        let mut finished = |cycles| bar.inc(cycles);
        let counts = operation_counts(&format.label());
        estimates.push(estimate(shape, format, &system, (table, counts), &mut finished)?);
        checks.push(check(&small, format, &system, table, &mut finished)?);
        bar.finish_and_clear();
    }
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

/// Every format that has a name, of the chained codes those with the usual windows.
pub fn usual_formats() -> Result<Vec<WeightFormat>> {
    let mut formats = vec![WeightFormat::Binary16];
    for name in WeightFormat::names() {
        let format = WeightFormat::named(&name)?;
        let is_usual = match &format {
            WeightFormat::Binary16 => false,
            WeightFormat::Block(_) => true,
            WeightFormat::Chained(code) => code.map().length() == CHAIN_LENGTHS[0],
        };
        if is_usual {
            formats.push(format);
        }
    }
    Ok(formats)
}
