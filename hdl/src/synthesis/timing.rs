//! What nextpnr reports about clock, longest path and the chip's cells.

use super::SynthesisError;
use super::harness::INSTANCE;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a longest path lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PathPlace {
    /// From register to register of the design.
    Design,
    /// From a register of the harness to one of the design.
    Entry,
    /// From a register of the design to one of the harness.
    Exit,
    /// Outside the design, from register to register of the harness; or through it, where the design has none between.
    Harness,
}

/// The path that decides the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriticalPath {
    /// The register where it starts, by the names of our modules' instances, without the bit.
    pub from: String,
    /// The register where it ends.
    pub to: String,
    /// Where it lies.
    pub place: PathPlace,
    /// Delay of cells, set-up time included, in ns.
    pub logic_ns: f64,
    /// Delay of wires, in ns.
    pub routing_ns: f64,
}

/// A report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Highest clock, in MHz.
    pub fmax_mhz: f64,
    /// The path that decides it.
    pub path: CriticalPath,
    /// How many cells of each type of the chip are used, and how many there are.
    pub used: BTreeMap<String, Used>,
}

/// What a report says of the whole chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The highest frequency of each clock, in MHz, by its name; none before placing.
    pub fmax_mhz: BTreeMap<String, f64>,
    /// How many cells of each type of the chip are used, and how many there are.
    pub used: BTreeMap<String, Used>,
}

/// Cells of a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Used {
    /// Used ones.
    pub used: u64,
    /// All there are.
    pub available: u64,
}

#[derive(Deserialize)]
struct WholeReport {
    critical_paths: Vec<Path>,
    fmax: BTreeMap<String, Clock>,
    utilization: BTreeMap<String, Used>,
}

#[derive(Deserialize)]
struct Clock {
    achieved: f64,
}

#[derive(Deserialize)]
struct Path {
    from: String,
    to: String,
    path: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    delay: f64,
    from: End,
    to: End,
    #[serde(rename = "type")]
    kind: String,
    /// The net of a step of routing.
    net: Option<String>,
}

#[derive(Deserialize)]
struct End {
    cell: String,
}

/// Reads the clocks and the used cells alone, which is all that there is before placing.
///
/// # Errors
/// [`SynthesisError::Unreadable`] when it is not nextpnr's JSON.
pub fn read_summary(text: &str) -> Result<Summary, SynthesisError> {
    Ok(read_whole(text)?.summary())
}

/// Reads a report of a design with one clock.
///
/// # Errors
/// [`SynthesisError::Unreadable`] when it is not nextpnr's JSON, or has no path between registers.
pub fn read(text: &str) -> Result<Report, SynthesisError> {
    let report = read_whole(text)?;
    let Summary { fmax_mhz, used } = report.summary();
    let fmax = fmax_mhz.into_values().reduce(f64::min);
    let fmax_mhz = fmax.ok_or_else(|| wrong("there is no clock"))?;
    let between_registers = |path: &&Path| path.from != "<async>" && path.to != "<async>";
    let delay = |path: &&Path| path.path.iter().map(|step| step.delay).sum::<f64>();
    let paths = report.critical_paths.iter().filter(between_registers);
    let path = paths.max_by(|a, b| delay(a).total_cmp(&delay(b)));
    let path = path.ok_or_else(|| wrong("there is no path between registers"))?;
    Ok(Report {
        fmax_mhz,
        path: path.summary()?,
        used,
    })
}

fn read_whole(text: &str) -> Result<WholeReport, SynthesisError> {
    serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))
}

fn wrong(reason: &str) -> SynthesisError {
    SynthesisError::unreadable("nextpnr's report", reason)
}

impl WholeReport {
    fn summary(&self) -> Summary {
        let clocks = self.fmax.iter();
        Summary {
            fmax_mhz: clocks.map(|(name, clock)| (name.clone(), clock.achieved)).collect(),
            used: self.utilization.clone(),
        }
    }
}

impl Path {
    fn summary(&self) -> Result<CriticalPath, SynthesisError> {
        let (Some(first), Some(last)) = (self.path.first(), self.path.last()) else {
            return Err(wrong("a path has no steps"));
        };
        let delay_of = |is_routing: bool| -> f64 {
            let steps = self.path.iter().filter(|step| (step.kind == "routing") == is_routing);
            steps.map(|step| step.delay).sum()
        };
        let (from, to) = (&first.from.cell, &last.to.cell);
        let place = match (is_inside(from), is_inside(to)) {
            (true, true) => PathPlace::Design,
            (false, true) => PathPlace::Entry,
            (true, false) => PathPlace::Exit,
            (false, false) => PathPlace::Harness,
        };
        Ok(CriticalPath {
            from: self.start(from),
            to: register(to),
            place,
            logic_ns: delay_of(false),
            routing_ns: delay_of(true),
        })
    }
}

impl Path {
    /// The register where it starts. On iCE40 a flip-flop in one cell with its look-up table goes by the table's name, which says
    /// nothing of the register: then the net that leaves it does.
    fn start(&self, cell: &str) -> String {
        let net = self.path.iter().find_map(|step| step.net.as_ref());
        match net {
            Some(net) if !FLIP_FLOPS.iter().any(|kind| cell.contains(kind)) => register(net),
            _ => register(cell),
        }
    }
}

impl CriticalPath {
    /// How much of the delay is that of cells, 0 to 1.
    pub fn logic_share(&self) -> f64 {
        self.logic_ns / (self.logic_ns + self.routing_ns)
    }
}

/// What names of flip-flops' cells have in them.
const FLIP_FLOPS: [&str; 2] = ["_TRELLIS_FF_", "_SB_DFF"];

/// What yosys and nextpnr put behind the name of the register that a cell holds or leads to.
const ENDINGS: [&str; 8] = [
    "[",
    "_TRELLIS_",
    "_SB_",
    "_CCU2C_",
    "_LUT4_",
    "_MULT18X18D_",
    "_DP16KD_",
    "$",
];

fn is_inside(cell: &str) -> bool {
    cell.strip_prefix(INSTANCE).is_some_and(|rest| rest.starts_with('.'))
}

/// The register's name in our modules, from the cell's name in the netlist.
fn register(cell: &str) -> String {
    let inside = cell.strip_prefix(INSTANCE).and_then(|rest| rest.strip_prefix('.'));
    let name = inside.unwrap_or(cell);
    let ends = ENDINGS
        .iter()
        .filter_map(|ending| name.find(ending).filter(|&at| at > 0));
    name[..ends.min().unwrap_or(name.len())].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of nextpnr-ecp5 0.11.1, shortened.
    const REPORT: &str = include_str!("samples/nextpnr-report.json");

    #[test]
    fn clock_path_and_cells_are_read() {
        let report = read(REPORT).unwrap();
        assert!((report.fmax_mhz - 181.257919).abs() < 1e-5, "{}", report.fmax_mhz);
        assert_eq!(
            report.used["TRELLIS_COMB"],
            Used {
                used: 1122,
                available: 83640
            }
        );
        let path = &report.path;
        assert_eq!(
            (path.from.as_str(), path.to.as_str()),
            ("unpack.held", "lane_1.weight_2_sum_of_2")
        );
        assert_eq!(path.place, PathPlace::Design);
        assert!(
            (path.logic_ns - 1.958).abs() < 1e-3 && (path.routing_ns - 3.559).abs() < 1e-3,
            "{path:?}"
        );
        assert!((path.logic_share() - 0.3549).abs() < 1e-3);
        let summary = read_summary(REPORT).unwrap();
        assert_eq!(summary.used["TRELLIS_FF"].used, 913);
        assert_eq!(summary.fmax_mhz.into_values().collect::<Vec<_>>(), [report.fmax_mhz]);
    }

    #[test]
    fn names_of_cells_lead_to_our_names() {
        let cases = [
            (
                "design.lane_0.out_mantissas_SB_DFFE_Q_12_D_SB_LUT4_O_LC",
                "lane_0.out_mantissas",
                true,
            ),
            ("design.control.busy_TRELLIS_FF_Q", "control.busy", true),
            ("captured_TRELLIS_FF_Q_7", "captured", false),
            ("designer.x_TRELLIS_FF_Q", "designer.x", false),
            ("$auto$1", "$auto$1", false),
        ];
        for (cell, name, inside) in cases {
            assert_eq!((register(cell).as_str(), is_inside(cell)), (name, inside), "{cell}");
        }
    }

    /// As nextpnr-ice40 0.11.1 reports it.
    #[test]
    fn a_register_in_one_cell_with_a_table_goes_by_its_net() {
        let path = |cell: &str| {
            let step = |kind: &str, net: &str| {
                format!(
                    r#"{{"delay": 1.5, "type": "{kind}"{net}, "from": {{"cell": "{cell}", "port": "O"}},
                        "to": {{"cell": "design.history_0.kept_SB_DFFESR_Q_4_DFFLC", "port": "CEN"}}}}"#
                )
            };
            let steps = [
                step("clk-to-q", ""),
                step("routing", r#", "net": "design.unpack.ending[2]""#),
            ]
            .join(", ");
            format!(
                r#"{{"critical_paths": [{{"from": "posedge clk", "to": "posedge clk", "path": [{steps}]}}],
                    "fmax": {{"clk": {{"achieved": 333.3, "constraint": 60}}}}, "utilization": {{}}}}"#
            )
        };
        let start = |cell: &str| read(&path(cell)).unwrap().path.from;
        assert_eq!(start("design.s_axis_tlast_SB_LUT4_I1_LC"), "unpack.ending");
        assert_eq!(start("design.lane_0.in_word_SB_DFFE_Q_1_DFFLC"), "lane_0.in_word");
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for (text, reason) in [
            ("", "EOF"),
            (
                r#"{"critical_paths": [], "fmax": {}, "utilization": {}}"#,
                "there is no clock",
            ),
            (
                r#"{"critical_paths": [], "fmax": {"clk": {"achieved": 1.0}}, "utilization": {}}"#,
                "there is no path between registers",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(
                error.starts_with("nextpnr's report: ") && error.contains(reason),
                "{error}"
            );
        }
    }
}
