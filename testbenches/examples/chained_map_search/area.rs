//! What yosys makes of a map's lanes.

use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{ChainedCode, WeightFormat};
use seedlm_hdl::generate::lane_files;
use seedlm_hdl::options::Options;
use std::process::Command;

/// The version line of yosys.
pub fn yosys_version() -> String {
    let output = Command::new("yosys").arg("-V").output();
    let output = output.unwrap_or_else(|error| panic!("yosys is needed: {error}"));
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

/// LUTs per weight of the reference machine's lanes, histories included: 7-series, all sizes of LUT counted as one.
pub fn lut_per_weight(code: &ChainedCode) -> f64 {
    let format = WeightFormat::Chained(code.clone());
    let config = DatapathConfig::reference(&format);
    let files = lane_files(&config, &format, &Options::default()).expect("the reference machine can be built");
    let folder = tempfile::tempdir().expect("a folder for the Verilog");
    let mut read = String::new();
    for file in files.iter().filter(|file| file.name.ends_with(".v")) {
        let path = folder.path().join(&file.name);
        std::fs::write(&path, &file.text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        read += &format!("read_verilog {} ; ", path.display());
    }
    let script = format!("{read} synth_xilinx -family xc7 -flatten -top seedlm_lanes; stat");
    let output = Command::new("yosys")
        .args(["-Q", "-T", "-p", &script])
        .output()
        .expect("yosys has a version");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "yosys fails:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let statistics = text.rsplit("Printing statistics").next().unwrap_or_default();
    let luts: usize = statistics
        .lines()
        .filter_map(|line| line.trim().strip_prefix("LUT"))
        .filter_map(|rest| rest.split_whitespace().nth(1)?.parse::<usize>().ok())
        .sum();
    assert!(luts > 0, "no LUTs in:\n{statistics}");
    luts as f64 / config.multipliers(&format) as f64
}
