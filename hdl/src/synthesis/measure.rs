//! All that is measured of one row of the table.

use super::SynthesisError;
use super::area::Area;
use super::design::{Design, Top};
use super::harness::{self, harness};
use super::loose_carries;
use super::nextpnr::Nextpnr;
use super::placement::{PlaceOrder, Placement};
use super::yosys::{Yosys, script};
use crate::options::Target;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Order {
    /// Name of the row, part of names of files.
    pub name: String,
    /// The module.
    pub top: Top,
    /// Weights that it is for.
    pub format: WeightFormat,
    /// Its parameters.
    pub config: DatapathConfig,
    /// The family of chips.
    pub target: Target,
    /// What to place and route for, if that is wanted.
    pub place: Option<PlaceOrder>,
    /// What holds the Verilog of this row.
    pub verified: String,
}

/// The figures of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Name of the row.
    pub name: String,
    /// Weights' format.
    pub format: String,
    /// The module.
    pub top: Top,
    /// The family of chips that the Verilog is written for.
    pub target: Target,
    /// Decode lanes.
    pub lanes: u32,
    /// Weights in a cycle.
    pub weights_per_cycle: usize,
    /// Bytes of code in a cycle.
    pub bytes_per_cycle: f64,
    /// The module alone, as yosys counts it.
    pub area: Area,
    /// The module alone, in cells as nextpnr packs them: TRELLIS_COMB, ICESTORM_LC.
    pub packed_cells: Option<u64>,
    /// Placed and routed, where that was wanted.
    pub placement: Option<Placement>,
    /// What holds the Verilog of this row.
    pub verified: String,
    /// Names and versions of the programs.
    pub tools: Vec<String>,
    /// What made the Verilog.
    pub generator: String,
    /// How long all this took, in seconds.
    pub seconds: f64,
}

/// The programs.
pub struct Tools {
    yosys: Yosys,
    placers: Vec<(Target, Nextpnr)>,
}

impl Tools {
    /// Finds the programs that some orders need.
    ///
    /// # Errors
    /// [`SynthesisError::Missing`] for the first one that is not there.
    pub fn find(orders: &[Order]) -> Result<Self, SynthesisError> {
        let yosys = Yosys::find()?;
        let mut placers = Vec::new();
        for target in Target::ALL {
            let is_needed = orders
                .iter()
                .any(|order| order.target == target && order.place.is_some());
            if is_needed && let Some(placer) = Nextpnr::find(target)? {
                placers.push((target, placer));
            }
        }
        Ok(Tools { yosys, placers })
    }

    fn placer(&self, target: Target) -> Option<&Nextpnr> {
        self.placers
            .iter()
            .find(|(of, _)| *of == target)
            .map(|(_, placer)| placer)
    }
}

/// Who is told how far a measurement is.
pub trait Watcher {
    /// A step begins.
    fn step(&mut self, text: &str);

    /// A part of the figures is there; runs are added seed by seed.
    ///
    /// # Errors
    /// Whatever keeps it from going on.
    fn figures(&mut self, so_far: &Measurement) -> Result<(), SynthesisError>;
}

/// Measures a row in a folder, in which all files of the programs stay.
///
/// # Errors
/// When the configuration cannot be built, a program fails or is missing, or a file cannot be written.
pub fn measure(
    order: &Order,
    tools: &Tools,
    folder: &Path,
    watcher: &mut dyn Watcher,
) -> Result<Measurement, SynthesisError> {
    let start = Instant::now();
    let design = Design::new(order.top, &order.config, &order.format, order.target)?;
    let alone = &make_folder(folder.join("alone"))?;
    watcher.step("yosys makes the netlist of the design alone");
    let text = script(&design.files, order.target, &design.module, order.place.is_some());
    let cells = tools.yosys.run(alone, &design.files, &text)?;
    let mut measurement = Measurement {
        name: order.name.clone(),
        format: design.format.clone(),
        top: order.top,
        target: order.target,
        lanes: design.lanes,
        weights_per_cycle: design.weights_per_cycle,
        bytes_per_cycle: design.bytes_per_cycle,
        area: Area::of(order.target, &cells)?,
        packed_cells: None,
        placement: None,
        verified: order.verified.clone(),
        tools: vec![tools.yosys.version().into()],
        generator: concat!("seedlm-hdl ", env!("CARGO_PKG_VERSION")).into(),
        seconds: start.elapsed().as_secs_f64(),
    };
    watcher.figures(&measurement)?;
    if let (Some(place), Some(placer)) = (&order.place, tools.placer(order.target)) {
        measurement.tools.push(placer.version().into());
        prepare(alone)?;
        measurement.packed_cells = Some(placer.pack(alone, NETLIST, &place.device)?);
        let pins = &make_folder(folder.join("pins"))?;
        watcher.step("yosys makes the netlist with registers at the pins");
        let files = [&design.files[..], &[harness(&design)]].concat();
        tools
            .yosys
            .run(pins, &files, &script(&files, order.target, harness::MODULE, true))?;
        let loose_carries = prepare(pins)?;
        let cells_with_pins = placer.pack(pins, NETLIST, &place.device)?;
        let mut placement = Placement::new(place, cells_with_pins, loose_carries);
        for seed in 1..=place.seeds {
            watcher.step(&placement.step(seed));
            let begin = Instant::now();
            let report = placer.place(pins, NETLIST, &place.device, place.goal_mhz, seed)?;
            placement.add(seed, report, begin.elapsed().as_secs_f64(), design.weights_per_cycle);
            measurement.placement = Some(placement.clone());
            measurement.seconds = start.elapsed().as_secs_f64();
            watcher.figures(&measurement)?;
        }
    }
    Ok(measurement)
}

/// What nextpnr reads.
const NETLIST: &str = "packable.json";

/// Makes the netlist that nextpnr reads from the one of yosys: how many loose carry outputs there were.
fn prepare(folder: &Path) -> Result<usize, SynthesisError> {
    let (from, to) = (folder.join("netlist.json"), folder.join(NETLIST));
    let netlist = fs::read_to_string(&from).map_err(SynthesisError::io(from))?;
    let (netlist, loose) = loose_carries::take_off(&netlist)?;
    fs::write(&to, netlist).map_err(SynthesisError::io(to))?;
    Ok(loose)
}

fn make_folder(path: PathBuf) -> Result<PathBuf, SynthesisError> {
    fs::create_dir_all(&path).map_err(SynthesisError::io(&path))?;
    Ok(path)
}

/// A measurement for tests of what is made of the figures.
#[cfg(test)]
pub(crate) fn sample() -> Measurement {
    use super::device::Device;
    use super::timing::{CriticalPath, PathPlace, Report};

    let order = PlaceOrder {
        device: Device::of(Target::Ecp5, None, None, None).unwrap(),
        goal_mhz: 220.0,
        seeds: 1,
    };
    let mut placement = Placement::new(&order, 1500, 32);
    let path = CriticalPath {
        from: "lane_0.in_word".into(),
        to: "lane_0.out_mantissas".into(),
        place: PathPlace::Design,
        logic_ns: 2.0,
        routing_ns: 3.0,
    };
    let report = Report {
        fmax_mhz: 200.0,
        path,
        used: std::collections::BTreeMap::new(),
    };
    placement.add(1, report, 10.0, 16);
    Measurement {
        name: "sample".into(),
        format: "chained-4b".into(),
        top: Top::Decoder,
        target: Target::Ecp5,
        lanes: 2,
        weights_per_cycle: 16,
        bytes_per_cycle: 8.0,
        area: Area {
            luts: 1000,
            memory_luts: 0,
            flip_flops: 500,
            carries: 100,
            block_rams: 0.5,
            dsps: 0,
        },
        packed_cells: Some(1200),
        placement: Some(placement),
        verified: "lockstep".into(),
        tools: vec!["Yosys 0.70".into()],
        generator: "seedlm-hdl".into(),
        seconds: 12.0,
    }
}
