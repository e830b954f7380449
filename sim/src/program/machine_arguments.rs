//! Options that choose a machine, its memory and what its operations cost.

use anyhow::{Context, Result};
use clap::Args;
use seedlm_sim::energy::EnergyTable;
use seedlm_sim::memory_model::MemoryModel;
use seedlm_sim::settings::Settings;
use std::path::{Path, PathBuf};

/// The machine.
#[derive(Args)]
pub struct MachineArguments {
    /// Memory: a preset (see `sim presets`) or a TOML file. Beside a DRAM the machine is as wide as the memory is fast, unless
    /// beat_bits is set
    #[arg(long, default_value = "paper")]
    memory: String,
    /// Clock of machine and memory port, in MHz; a DRAM has its own beside it
    #[arg(long, default_value_t = 200.0)]
    clock_mhz: f64,
    /// Take parameters of the datapath from a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Change one parameter of the datapath, for example --set tile_rows=8, or of the memory, for example --set
    /// memory.t_rfc_ns=550; may be repeated. lanes and pack_products belong to the codes and do not change fp16
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Energies of operations and of DRAM: a preset (see `sim presets`) or a TOML file
    #[arg(long, value_name = "NAME", default_value = EnergyTable::presets()[0])]
    energy: String,
}

impl MachineArguments {
    /// The machine with what is set differently.
    pub fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::new(self.clock_mhz, MemoryModel::named(&self.memory)?)?;
        if let Some(path) = &self.config {
            let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))?;
            settings.read_toml(&path.display().to_string(), &text)?;
        }
        for setting in &self.overrides {
            settings.override_with(setting)?;
        }
        Ok(settings)
    }

    /// The table of energies.
    pub fn energy(&self) -> Result<EnergyTable> {
        Ok(EnergyTable::named(&self.energy)?)
    }

    /// Files that these options may name: no output may take their place.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let named = [&self.memory, &self.energy].map(Path::new);
        named.into_iter().chain(self.config.as_deref())
    }
}
