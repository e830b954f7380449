//! What a synthesis for Xilinx' 7-series makes of rows that share multipliers, simulated with yosys' model of the multiplier,
//! beside the Verilog that it was made of. Verilator 5.006 simulates that model wrongly: hence Icarus Verilog.

#[path = "netlists/mod.rs"]
mod netlists;
mod tools;
#[path = "tools/yosys.rs"]
mod yosys;

use netlists::{MAC, mac_netlist, models};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::generate::files;
use seedlm_hdl::options::{Options, Target};
use std::fs;
use std::process::Command;
use tools::{root, run, succeed, work_folder};

const CYCLES: usize = 5000;

fn machine(preset: &str) -> (DatapathConfig, WeightFormat) {
    let format = WeightFormat::named(preset).expect("presets have names");
    let config = DatapathConfig {
        pack_products: true,
        ..DatapathConfig::reference(&format)
    };
    (config, format)
}

/// Runs a netlist beside the Verilog: how many sums were compared, or what was wrong.
fn compare(name: &str, config: &DatapathConfig, format: &WeightFormat, netlist: &str) -> Result<usize, String> {
    let folder = work_folder(&format!("shared-multipliers-{name}"));
    let options = Options::written_for(Target::Xc7);
    let plain = files(config, format, &options, "_plain").expect("the configuration can be built");
    let plain = plain.into_iter().find(|file| file.name == format!("{MAC}_plain.v"));
    fs::write(folder.join("plain.v"), plain.expect("there is a MAC").text).expect("the Verilog can be written");
    let text = format!("{}\n{netlist}", models(netlist, Target::Xc7));
    fs::write(folder.join("netlist.v"), text).expect("the netlist can be written");
    let weights = config.activations_per_step(format);
    let mut compiler = Command::new("iverilog");
    compiler.args(["-g2012", "-s", "mac_test", "-o", "test.vvp"]);
    for (parameter, value) in [
        ("CYCLES", CYCLES),
        ("LARGEST", format.largest_weight() as usize),
        ("MANTISSAS", config.rows_per_mac() * weights),
        ("MANTISSA_BITS", format.mantissa_bits() as usize),
        ("ACTIVATIONS", weights),
        ("SUMS_BITS", config.rows_per_mac() * config.sum_bits(format) as usize),
    ] {
        compiler.arg(format!("-Pmac_test.{parameter}={value}"));
    }
    let bench = root().join("testbenches/iverilog/mac_test.v");
    succeed(compiler.current_dir(&folder).arg(bench).args(["plain.v", "netlist.v"]));
    let (_, text) = run(Command::new("vvp").current_dir(&folder).arg("test.vvp"));
    let compared = text.lines().find_map(|line| line.strip_prefix("COMPARED "));
    compared.and_then(|count| count.trim().parse().ok()).ok_or(text)
}

/// One multiplier for two weights, with the adder ahead of it and the one behind it.
#[test]
fn netlists_of_shared_multipliers_run_as_their_verilog() {
    for (preset, multipliers) in [("chained-4b", 8), ("chained-3b", 12)] {
        let (config, format) = machine(preset);
        let netlist = mac_netlist(&format!("packed-{preset}"), &config, &format, Target::Xc7);
        assert_eq!(netlist.matches("  DSP48E1 #(").count(), multipliers, "{preset}");
        let with_adder = netlist.matches(".USE_DPORT(\"TRUE\")").count();
        assert_eq!(
            with_adder, multipliers,
            "{preset}: weights are joined ahead of the multipliers"
        );
        let compared = compare(preset, &config, &format, &netlist).unwrap_or_else(|text| panic!("{preset}: {text}"));
        assert!(compared > CYCLES / 2, "{preset}: {compared} of {CYCLES} cycles");
    }
}

/// The constant below the upper row's sum is what a multiplier is given at its port C.
#[test]
fn a_wrong_constant_at_a_multiplier_is_found() {
    let (config, format) = machine("chained-4b");
    let netlist = mac_netlist("packed-chained-4b", &config, &format, Target::Xc7);
    let (right, wrong) = (".C(48'h000000010000)", ".C(48'h000000000000)");
    assert_eq!(netlist.matches(right).count(), 1);
    let text = compare("wrong", &config, &format, &netlist.replace(right, wrong)).unwrap_err();
    assert!(text.contains("WRONG: cycle "), "{text}");
}
