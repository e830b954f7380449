//! Netlists: what yosys makes of a module for a chip, and the models of the cells in it.

mod cells;

use super::tools::{root, succeed, work_folder};
use super::yosys::yosys;
pub use cells::models;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::generate::files;
use seedlm_hdl::options::{Options, Target};
use seedlm_hdl::synthesis::yosys::synthesis_command;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// The chips that yosys makes netlists for.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub const CHIPS: [Target; 3] = [Target::Xc7, Target::Ecp5, Target::Ice40];

/// Name of the module that the tests here are about.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub const LANE: &str = "seedlm_decode_lane";

/// The decode lane of a preset's reference machine, written for a chip, with all that is inside it. With `plain_rows` its rows
/// of adders are expressions, and not yet cells of the chip.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub fn lane(preset: &str, target: Target, plain_rows: bool) -> String {
    let format = WeightFormat::named(preset).expect("presets have names");
    let config = DatapathConfig::reference(&format);
    let files = files(&config, &format, &Options { target, plain_rows }, "").expect("presets can be built");
    // Rows of adders that are written in a chip's cells stand in a file of their own.
    let names = ["seedlm_rows.v", "seedlm_decode_lane.v"];
    let needed = files.into_iter().filter(|file| names.contains(&file.name.as_str()));
    needed.map(|file| file.text).collect()
}

/// The netlist of a preset's decode lane for a chip, in Verilog. It is flat, so it has one module of the lane's name.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub fn lane_netlist(preset: &str, target: Target) -> String {
    netlist(preset, LANE, &lane(preset, target, false), target)
}

/// The netlist of a module for a chip, from its text and that of all that is inside it. `name` is for files.
///
/// A netlist that an earlier test has made of the same text with the same tool is taken again.
fn netlist(name: &str, module: &str, text: &str, target: Target) -> String {
    let command = synthesis_command(target);
    let commands = format!("read_verilog module.v; {command} -top {module}; write_verilog -noattr netlist.v");
    let versions = fs::read_to_string(root().join("testbenches/requirements.txt")).expect("the tools have versions");
    let digest = Sha256::digest(format!("{versions}{commands}{text}"));
    let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("netlist-{name}-{target}-{digest}.v"));
    if let Ok(netlist) = fs::read_to_string(&kept) {
        return netlist;
    }
    // Another test may make the same at the same time: each has a folder of its own, and the last one's netlist stays.
    let mine = format!(
        "synthesis-{name}-{target}-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let folder = work_folder(&mine);
    fs::write(folder.join("module.v"), text).expect("the module can be written");
    succeed(yosys(&folder).args(["-q", "-p", &commands]));
    let netlist = fs::read_to_string(folder.join("netlist.v")).expect("yosys has written the netlist");
    fs::rename(folder.join("netlist.v"), kept).expect("the netlist can be kept");
    fs::remove_dir_all(&folder).expect("the folder can be removed");
    netlist
}

/// Name of the module that multiplies.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub const MAC: &str = "seedlm_mac";

/// The netlist of the MAC of a configuration for a chip. `name` is for files.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub fn mac_netlist(name: &str, config: &DatapathConfig, format: &WeightFormat, target: Target) -> String {
    let files = files(config, format, &Options::written_for(target), "").expect("the configuration can be built");
    let file = files.into_iter().find(|file| file.name == format!("{MAC}.v"));
    netlist(name, MAC, &file.expect("there is a MAC").text, target)
}

/// The netlist with one bit of one table flipped: the table is the one in the middle of all that are that wide, and the bit
/// is that of its inputs being all 0.
///
/// # Panics
/// When there is no such table.
#[allow(dead_code, reason = "each test uses its own part of this file")]
pub fn with_flipped_table_bit(netlist: &str, target: Target) -> String {
    let parameter = match target {
        Target::Ice40 => ".LUT_INIT(16'h",
        Target::Ecp5 => ".INIT(16'h",
        _ => ".INIT(4'h",
    };
    let places: Vec<usize> = netlist.match_indices(parameter).map(|(place, _)| place).collect();
    let digits = places[places.len() / 2] + parameter.len();
    let end = digits + netlist[digits..].find(')').expect("a parameter ends");
    let value = u64::from_str_radix(&netlist[digits..end], 16).expect("a table is a number");
    let width = end - digits;
    format!("{}{:0width$x}{}", &netlist[..digits], value ^ 1, &netlist[end..])
}
