//! What is to be measured, from the command line or from a row of the table.

use crate::program::settings::{FormatArguments, datapath};
use anyhow::{Context, Result};
use clap::Args;
use seedlm_codec::WeightFormat;
use seedlm_hdl::options::Target;
use seedlm_hdl::synthesis::design::Top;
use seedlm_hdl::synthesis::device::Device;
use seedlm_hdl::synthesis::measure::Order;
use seedlm_hdl::synthesis::placement::{PlaceOrder, check_goal, check_seeds};
use seedlm_hdl::synthesis::table::Row;
use std::path::PathBuf;

/// Seeds of the placer where nobody says how many.
const SEEDS: u32 = 5;

/// One configuration for one chip.
#[derive(Args)]
pub struct DesignArguments {
    #[command(flatten)]
    format: FormatArguments,
    /// Family of chips
    #[arg(long, required_unless_present = "table", value_parser = ["xc7", "ecp5", "ice40"])]
    target: Option<String>,
    /// Module to measure: the decode lanes alone, the decoder from beats to weights, or the whole matrix-vector product
    #[arg(long, value_parser = Top::ALL.map(Top::name))]
    top: Option<String>,
    /// Decode lanes, each with a row of its own in a tile: the same as --set lanes=N --set tile_rows=N
    #[arg(long, value_name = "N")]
    lanes: Option<u32>,
    /// Take parameters of the datapath from a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Change one parameter of the datapath, for example --set lanes=4; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Chip to place for: 85k, 45k or 25k of ECP5, up5k or hx8k of iCE40 [default: 85k, up5k]
    #[arg(long)]
    device: Option<String>,
    /// Package of the chip [default: the one with most pins]
    #[arg(long)]
    package: Option<String>,
    /// Speed grade of an ECP5: 6, the slowest, 7 or 8 [default: 6]
    #[arg(long)]
    speed: Option<u8>,
    /// Place with the seeds 1 to this [default: 5]
    #[arg(long, value_parser = seeds)]
    seeds: Option<u32>,
    /// Clock that the placer works for, in MHz [default: near what the chip can do]
    #[arg(long, value_name = "GOAL", allow_negative_numbers = true, value_parser = goal_mhz)]
    frequency_mhz: Option<f64>,
}

impl DesignArguments {
    /// The order. `place`: also place and route where that can be done.
    pub fn order(&self, place: bool) -> Result<Order> {
        let format = self.format.format()?;
        let mut settings = lane_settings(self.lanes);
        settings.extend(self.overrides.iter().cloned());
        let config = datapath(&format, self.config.as_deref(), &settings)?;
        let target = self
            .target
            .as_deref()
            .and_then(Target::named)
            .context("--target is missing")?;
        let top = self.top.as_deref().and_then(Top::named).unwrap_or_default();
        let wants_chip = self.device.is_some() || self.package.is_some() || self.speed.is_some();
        let wants_placer = wants_chip || self.seeds.is_some() || self.frequency_mhz.is_some();
        // Xilinx has no placer: asking for something of it is an error, and asking for nothing is not.
        let place = match place && (target != Target::Xc7 || wants_placer) {
            true => Some(place_order(
                target,
                Device::of(target, self.device.as_deref(), self.package.as_deref(), self.speed)?,
                self.seeds,
                self.frequency_mhz,
            )),
            false => None,
        };
        Ok(Order {
            name: format!("{target}-{top}", top = top.name()),
            top,
            format,
            config,
            target,
            place,
            verified: String::new(),
        })
    }
}

/// The order of a row. `place`: also place and route if it has a chip.
pub fn from_row(row: &Row, place: bool) -> Result<Order> {
    let format = WeightFormat::named(&row.weights)?;
    let mut settings = lane_settings(row.lanes);
    settings.extend(row.set.iter().cloned());
    let config = datapath(&format, None, &settings)?;
    let place = match row.device.as_ref().filter(|_| place) {
        Some(device) => Some(place_order(
            row.target,
            Device::of(row.target, Some(device), row.package.as_deref(), row.speed_grade)?,
            row.seeds,
            row.goal_mhz,
        )),
        None => None,
    };
    Ok(Order {
        name: row.name.clone(),
        top: row.top,
        format,
        config,
        target: row.target,
        place,
        verified: row.verified.clone(),
    })
}

/// Seeds of the command line.
fn seeds(text: &str) -> Result<u32> {
    let seeds = text.parse()?;
    check_seeds(seeds)?;
    Ok(seeds)
}

/// A clock of the command line, in MHz.
fn goal_mhz(text: &str) -> Result<f64> {
    let goal_mhz = text.parse()?;
    check_goal(goal_mhz)?;
    Ok(goal_mhz)
}

fn lane_settings(lanes: Option<u32>) -> Vec<String> {
    match lanes {
        Some(lanes) => vec![format!("lanes={lanes}"), format!("tile_rows={lanes}")],
        None => Vec::new(),
    }
}

fn place_order(target: Target, device: Device, seeds: Option<u32>, goal_mhz: Option<f64>) -> PlaceOrder {
    let usual_goal = match (target, device.name.as_str()) {
        (Target::Ice40, "up5k") => 60.0,
        (Target::Ice40, _) => 150.0,
        _ => 220.0,
    };
    PlaceOrder {
        device,
        goal_mhz: goal_mhz.unwrap_or(usual_goal),
        seeds: seeds.unwrap_or(SEEDS),
    }
}
