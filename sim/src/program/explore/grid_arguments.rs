//! Options that choose codes and machines.

use anyhow::{Context, Result, bail};
use clap::Args;
use seedlm_sim::explore::{Grid, Numbers};
use std::path::{Path, PathBuf};

/// The grid.
#[derive(Args)]
pub struct GridArguments {
    /// Codes and machines to look at: default, paper (the paper's own search), quick, or a TOML file
    #[arg(long, value_name = "GRID")]
    grid: Option<String>,
    /// Block codes, all combinations, in place of the default grid or beside --grid: C=8:12,P=3:4,K=12+16. bits=4 takes only those that
    /// store exactly 4 bits per weight; repeatable
    #[arg(long, value_name = "CODES")]
    block: Vec<String>,
    /// Chained codes with the standard maps, likewise: k=2:4,K=12+16; repeatable
    #[arg(long, value_name = "CODES")]
    chained: Vec<String>,
    /// Chained codes with the map in this file, likewise; repeatable
    #[arg(long, value_name = "FILE", requires = "map_bits")]
    map: Vec<PathBuf>,
    /// Stored bits per weight of the codes of --map: 4, or 2:4
    #[arg(long, value_name = "BITS", requires = "map")]
    map_bits: Option<Numbers>,
    /// Memories, with commas between them: presets (see `sim presets`) or TOML files; in place of the grid's
    #[arg(long, value_delimiter = ',')]
    memory: Vec<String>,
    /// Widths of the memory's port in bytes, with commas between them; auto suits the memory
    #[arg(long, value_name = "BYTES", value_delimiter = ',')]
    beat_bytes: Vec<String>,
    /// Numbers of lanes, with commas between them; auto keeps up with a beat per cycle
    #[arg(long, value_delimiter = ',')]
    lanes: Vec<String>,
    /// Clock of machine and memory port, in MHz
    #[arg(long)]
    clock_mhz: Option<f64>,
}

impl GridArguments {
    /// The grid that is asked for.
    pub fn grid(&self) -> Result<Grid> {
        let has_codes = !(self.block.is_empty() && self.chained.is_empty() && self.map.is_empty());
        let mut grid = match &self.grid {
            Some(name) => Grid::named(name)?,
            None if has_codes => Grid::default(),
            None => Grid::named("default")?,
        };
        for text in &self.block {
            let place = format!("--block {text}");
            let numbers = settings(text, &["C", "P", "K", "bits"]).with_context(|| place.clone())?;
            let [Some(sizes), Some(latent), Some(lengths), bits] = &numbers[..] else {
                bail!("{place}: it needs C, P and K, for example C=8:12,P=3:4,K=16");
            };
            grid.add_block_codes(&place, sizes, latent, lengths, bits.as_ref())?;
        }
        for text in &self.chained {
            let place = format!("--chained {text}");
            let numbers = settings(text, &["k", "K"]).with_context(|| place.clone())?;
            let [Some(bits), Some(lengths)] = &numbers[..] else {
                bail!("{place}: it needs k and K, for example k=2:4,K=12+16");
            };
            grid.add_chained_codes(&place, bits, lengths)?;
        }
        for map in &self.map {
            grid.add_map(map, self.map_bits.as_ref().expect("clap asks for it"))?;
        }
        let is_changed = [&self.memory, &self.beat_bytes, &self.lanes]
            .iter()
            .any(|list| !list.is_empty());
        if is_changed || self.clock_mhz.is_some() {
            let beat_bytes = numbers("--beat-bytes", &self.beat_bytes)?;
            let lanes = numbers("--lanes", &self.lanes)?;
            let memories = match self.memory.is_empty() {
                true => memories(&grid),
                false => self.memory.clone(),
            };
            grid.set_machines("options", &memories, &beat_bytes, &lanes, self.clock_mhz)?;
        }
        Ok(grid.complete()?)
    }

    /// Files that these options may name: no output may take their place.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let memories = self.memory.iter().map(Path::new);
        let grid = self.grid.iter().map(Path::new);
        memories.chain(grid).chain(self.map.iter().map(PathBuf::as_path))
    }
}

/// The grid's memories, each once.
fn memories(grid: &Grid) -> Vec<String> {
    let mut memories: Vec<String> = Vec::new();
    for machine in grid.machines() {
        if !memories.contains(&machine.memory) {
            memories.push(machine.memory.clone());
        }
    }
    memories
}

/// The values of `KEY=NUMBERS,KEY=NUMBERS` in the order of `keys`.
fn settings(text: &str, keys: &[&str]) -> Result<Vec<Option<Numbers>>> {
    let mut values = vec![None; keys.len()];
    for setting in text.split(',').filter(|setting| !setting.is_empty()) {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("{setting:?} is not KEY=NUMBERS"))?;
        let Some(index) = keys.iter().position(|known| *known == key) else {
            bail!("{key:?} is not one of {}", keys.join(", "));
        };
        let numbers: Numbers = value
            .parse()
            .map_err(anyhow::Error::msg)
            .with_context(|| key.to_string())?;
        if values[index].replace(numbers).is_some() {
            bail!("{key} is there twice");
        }
    }
    Ok(values)
}

/// Numbers, or `auto`.
fn numbers(option: &str, texts: &[String]) -> Result<Vec<Option<u32>>> {
    let number = |text: &String| match text.trim() {
        "auto" => Ok(None),
        number => number
            .parse()
            .map(Some)
            .with_context(|| format!("{option}: {text:?} is neither a whole number nor auto")),
    };
    texts.iter().map(number).collect()
}
