//! `sim presets`.

use super::output::print_bytes;
use anyhow::Result;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::energy::EnergyTable;
use seedlm_sim::memory_model::MemoryModel;
use seedlm_sim::shape::ModelShape;
use std::fmt::Write;

/// Prints weight formats with their reference machines, memories, model shapes and tables of energies.
pub fn print() -> Result<()> {
    let mut text = String::from("Weight formats (--weights)\n");
    for name in WeightFormat::names() {
        let format = WeightFormat::named(&name)?;
        let machine = DatapathConfig::reference(&format);
        writeln!(
            text,
            "  {name:<10} {} bits per word of {} weights; reference machine: {} lanes, {} MACs",
            format.word_bits(),
            format.weights_per_word(),
            machine.lanes,
            machine.multipliers(&format)
        )?;
    }
    text += "\nMemories (--memory), or a TOML file with the same keys\n";
    for name in MemoryModel::presets() {
        let memory = MemoryModel::named(name)?;
        writeln!(
            text,
            "  {name:<12} {}, bursts of {} beats",
            memory.description(),
            memory.burst_beats()
        )?;
    }
    text += "\nModel shapes (--model-shape), or a TOML file with the same keys\n";
    for name in ModelShape::presets() {
        let shape = ModelShape::named(name)?;
        writeln!(
            text,
            "  {name:<13} {:.3} billion weights in {} matrices",
            shape.weights() as f64 / 1e9,
            shape.matrix_count()
        )?;
    }
    text += "\nTables of energies (--energy), or a TOML file with the same keys\n";
    for name in EnergyTable::presets() {
        writeln!(text, "  {name:<13} {}", EnergyTable::named(name)?.description)?;
    }
    print_bytes(text.as_bytes())
}
