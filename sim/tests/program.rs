//! The `sim` program as a user meets it.

use assert_cmd::Command;
use seedlm_codec::Code;
use seedlm_encoder::Quantizer;
use seedlm_model::{CompressOptions, Encoding, Rotate, Rules, Silent, Source, compress};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

fn sim() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("sim"))
}

fn run_json(arguments: &[&str]) -> Value {
    let output = sim()
        .args(["run", "--json", "-", "-q"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_json_report_adds_up() {
    let report = run_json(&["--workload", "matvec:100x200", "--weights", "fp16,paper-4b,paper-3b"]);
    assert_eq!(report["schema_version"], 1);
    let formats = report["formats"].as_array().unwrap();
    assert_eq!(formats.len(), 3);
    for format in formats {
        assert_eq!(format["results_checked"], 100);
        for unit in format["units"].as_array().unwrap() {
            let states = unit["states"].as_array().unwrap();
            let sum: u64 = states.iter().map(|state| state["cycles"].as_u64().unwrap()).sum();
            assert_eq!(sum, format["cycles"].as_u64().unwrap(), "{}", unit["unit"]);
        }
    }
    let cycles = |index: usize| formats[index]["cycles"].as_f64().unwrap();
    assert_eq!(formats[1]["speedup_over_fp16"].as_f64().unwrap(), cycles(0) / cycles(1));
}

#[test]
fn the_csv_adds_up() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("run.csv");
    sim()
        .args(["run", "-q", "--workload", "matvec:40x64", "--csv"])
        .arg(&path)
        .assert()
        .success();
    let mut reader = csv::Reader::from_path(path).unwrap();
    assert_eq!(
        reader.headers().unwrap(),
        &[
            "format",
            "matrix",
            "rows",
            "columns",
            "read_beats",
            "unit",
            "state",
            "cycles"
        ][..]
    );
    let mut sums: BTreeMap<(String, String), u64> = BTreeMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        *sums.entry((record[0].into(), record[5].into())).or_default() += record[7].parse::<u64>().unwrap();
    }
    for ((format, unit), sum) in &sums {
        assert_eq!(*sum, sums[&(format.clone(), "memory port".into())], "{format} {unit}");
    }
    assert_eq!(sums.len(), 2 * 8);
}

/// Counts, in a wave file, the clock cycles in which a signal is high.
fn cycles_high(path: &Path, unit: &str, name: &str) -> u64 {
    let mut parser = vcd::Parser::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let header = parser.parse_header().unwrap();
    let clock = header.find_var(&["machine", "clk"]).unwrap().code;
    let signal = header.find_var(&["machine", unit, name]).unwrap().code;
    let (mut high, mut count, mut rising) = (false, 0, false);
    for command in parser {
        match command.unwrap() {
            // A cycle's values stand at the same time as its rising edge: count when time moves on.
            vcd::Command::Timestamp(_) => {
                count += u64::from(rising && high);
                rising = false;
            }
            vcd::Command::ChangeScalar(code, value) if code == clock => rising = value == vcd::Value::V1,
            vcd::Command::ChangeScalar(code, value) if code == signal => high = value == vcd::Value::V1,
            _ => {}
        }
    }
    count
}

#[test]
fn waves_show_what_the_report_counts() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("run.vcd");
    let report = run_json(&[
        "--workload",
        "matvec:48x64",
        "--weights",
        "paper-4b",
        "--vcd",
        path.to_str().unwrap(),
    ]);
    let beats = report["formats"][0]["read_bytes"].as_u64().unwrap() / 64;
    assert_eq!(cycles_high(&path, "memory", "m_axi_rvalid"), beats);
    assert_eq!(cycles_high(&path, "seedlm_matvec", "s_axis_activations_tvalid"), 1);
    assert_eq!(cycles_high(&path, "seedlm_matvec", "s_axis_weights_tvalid"), beats - 1);
    assert!(cycles_high(&path, "seedlm_matvec", "s_axis_activations_tready") > 0);
    assert!(cycles_high(&path, "seedlm_matvec", "s_axis_weights_tready") > 0);
    assert_eq!(cycles_high(&path, "seedlm_matvec", "m_axis_tvalid"), 48 / 8);
    assert_eq!(cycles_high(&path, "seedlm_matvec", "m_axis_tlast"), 1);
    assert_eq!(cycles_high(&path, "seedlm_matvec", "s_axis_weights_tlast"), 1);
    assert_eq!(cycles_high(&path, "probe", "sums_valid"), 48 / 16 * 64 / 8);
}

#[test]
fn a_picture_is_well_formed_and_names_the_formats() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("run.svg");
    sim()
        .args(["run", "-q", "--workload", "matvec:40x64", "--svg"])
        .arg(&path)
        .assert()
        .success();
    let svg = std::fs::read_to_string(path).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("paper-4b") && svg.contains("fp16"));
}

#[test]
fn the_text_report_says_that_results_were_checked() {
    let output = sim()
        .args(["run", "-q", "--workload", "matvec:40x64", "--memory", "ideal"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("all 80 results equal the golden integer product"),
        "{text}"
    );
    assert!(text.contains("Where the cycles went: paper-4b"), "{text}");
    assert!(output.stderr.is_empty());
}

#[test]
fn mistakes_are_named_with_exit_code_2_and_leave_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, "name = \"x\"\nlatency_cycles = 3\nspeed = 4\n").unwrap();
    let cases: [(&[&str], &str); 12] = [
        (&["--workload", "matvec:3"], "expected matvec:ROWSxCOLUMNS"),
        (
            &["--workload", "matvec:8x8", "--weights", "int4"],
            "paper-4b, paper-3b, chained-4b",
        ),
        (&["--workload", "matvec:8x8", "--weights", "fp16,fp16"], "twice"),
        (
            &["--workload", "matvec:8x8", "--memory", "nowhere"],
            "no preset (paper, ideal, ddr3-1600",
        ),
        (
            &["--workload", "matvec:8x8", "--memory", file.to_str().unwrap()],
            "speed",
        ),
        (
            &["--workload", "matvec:8x8", "--set", "lanes=7"],
            "7 lanes do not divide into tiles of 16 rows",
        ),
        (
            &["--workload", "matvec:8x8", "--set", "pack_products=true"],
            "pack_products is true, and words of paper-4b have exponents",
        ),
        (&["--workload", "matvec:8x8", "--clock-mhz", "0"], "the clock is 0 MHz"),
        (&["--workload", "matvec:8x99999"], "largest_columns"),
        (
            &["--memory", "ddr4-2400", "--set", "memory.t_rfx_ns=5"],
            "ddr4-2400 with t_rfx_ns changed",
        ),
        (&["--set", "memory.latency=5"], "paper with latency changed"),
        (&["no-such-model.safetensors"], "no-such-model.safetensors"),
    ];
    for (arguments, message) in cases {
        let output = sim().arg("run").args(arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(message), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
    let unwritable = folder.path().join("missing").join("run.json");
    let output = sim()
        .args(["run", "--workload", "matvec:8x8", "--json"])
        .arg(&unwritable)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("run.json"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Where a tool is missing, the message says how to get it.
#[test]
fn the_verilog_needs_its_tools() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // Away from the folder where hdl may lie beside it; a link, because a copy may still be open for writing in a
    // process that another test is starting, and such a program cannot be run.
    let alone = folder.path().join("sim");
    std::fs::hard_link(assert_cmd::cargo::cargo_bin!("sim"), &alone).unwrap();
    let verilog = concat!(env!("CARGO_MANIFEST_DIR"), "/../hdl/verilog");
    let empty = folder.path().to_str().unwrap();
    let cases: [(&[&str], &str); 2] = [
        (&["--rtl"], "cargo build --release --bin hdl"),
        (&["--rtl-from", verilog], "bash testbenches/tools.sh"),
    ];
    for (arguments, message) in cases {
        let output = Command::new(&alone)
            .args(["run", "--workload", "matvec:8x8"])
            .args(arguments)
            .env("PATH", empty)
            .env_remove("SEEDLM_VERILATOR")
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(message), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn outputs_never_replace_inputs_or_each_other() {
    let folder = TempDir::new().unwrap();
    let memory = folder.path().join("memory.toml");
    let text = include_str!("../memory/ideal.toml");
    std::fs::write(&memory, text).unwrap();
    let memory = memory.to_str().unwrap();
    let other = folder.path().join("out");
    let other = other.to_str().unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&["--memory", memory, "--json", memory], "is an input"),
        (
            &["--rtl-from", folder.path().to_str().unwrap(), "--json", memory],
            "is an input",
        ),
        (&["--json", other, "--csv", other], "named for two outputs"),
        (&["--json", "-", "--csv", "-"], "named for two outputs"),
        (&["--vcd", "-"], "--vcd needs a file"),
        (&["--svg", folder.path().to_str().unwrap()], "is a folder"),
    ];
    for (arguments, message) in cases {
        let output = sim()
            .args(["run", "--workload", "matvec:8x8"])
            .args(arguments)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
    assert_eq!(std::fs::read_to_string(memory).unwrap(), text);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    sim()
        .args(["run", "-q", "--workload", "matvec:8x8", "--csv", "/dev/null"])
        .assert()
        .success();
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("sim"))
        .args(["run", "-q", "--workload", "matvec:8192x8192", "--vcd"])
        .arg(folder.path().join("run.vcd"))
        .spawn()
        .unwrap();
    while std::fs::read_dir(folder.path()).unwrap().count() == 0 {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it could be interrupted"
        );
        std::thread::yield_now();
    }
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn sixteen_bit_activations_run_in_every_format() {
    let weights = ["--weights", "fp16,paper-4b,paper-3b", "--set", "activation_bits=16"];
    let report = run_json(&[&["--workload", "matvec:64x2048"][..], &weights].concat());
    assert_eq!(report["formats"][2]["results_checked"], 64);
}

/// A matrix with one far larger weight in each row: in the chained code it is rotated.
fn write_heavy_tailed_model(path: &Path) {
    let values: Vec<u8> = (0..32 * 96_i32)
        .map(|index| {
            let value = (index * 37 % 101 - 50) as f32;
            if index % 97 == 0 { 100.0 * value } else { value }
        })
        .flat_map(f32::to_le_bytes)
        .collect();
    let header = format!(
        r#"{{"layer.weight":{{"dtype":"F32","shape":[32,96],"data_offsets":[0,{}]}}}}"#,
        values.len()
    );
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &values].concat();
    std::fs::write(path, file).unwrap();
}

#[test]
fn chained_matrices_run_and_rotated_ones_are_reported() {
    let folder = TempDir::new().unwrap();
    let plain = folder.path().join("plain.safetensors");
    write_heavy_tailed_model(&plain);
    let plain = plain.to_str().unwrap();
    // Encoded on the way in.
    let on_the_fly = run_json(&[plain, "--weights", "fp16,chained-4b-k12,paper-3b"]);
    let rotated: Vec<_> = (0..3)
        .map(|index| &on_the_fly["formats"][index]["rotated_matrices"])
        .collect();
    assert_eq!(rotated, [0, 1, 0]);
    assert_eq!(on_the_fly["formats"][1]["matrices"][0]["rotated"], true);
    assert_eq!(on_the_fly["formats"][1]["results_checked"], 32);
    // Stored: the code and the rotation of the container, and the same cycles.
    let packed = folder.path().join("packed.safetensors");
    let options = CompressOptions {
        encoding: Encoding::new(Code::preset("chained-4b-k12").unwrap(), Quantizer::Exact, Rotate::Auto),
        rules: Rules::default(),
        moments: None,
        replace: false,
    };
    compress(&Source::open(plain).unwrap(), &packed, &options, &Silent).unwrap();
    let packed = packed.to_str().unwrap();
    let stored = run_json(&[packed]);
    assert_eq!(stored["formats"][1]["format"], "chained-4b-k12");
    for key in ["cycles", "rotated_matrices", "relative_error"] {
        assert_eq!(stored["formats"][1][key], on_the_fly["formats"][1][key], "{key}");
    }
    let output = sim().args(["run", "-q", packed]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("rotated matrices (by the host)") && text.contains("1 of 1"),
        "{text}"
    );
    let output = sim().args(["run", packed, "--weights", "chained-4b"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(
        error.contains("is compressed as chained-4b-k12 and cannot be run as chained-4b"),
        "{error}"
    );
}

/// Every layer is read in as many cycles as the first, whether the model was compressed in layers or is on the way in.
#[test]
fn a_model_is_run_with_each_number_of_its_layers() {
    let folder = TempDir::new().unwrap();
    let plain = folder.path().join("plain.safetensors");
    write_heavy_tailed_model(&plain);
    let plain = plain.to_str().unwrap();
    let on_the_fly = run_json(&[plain, "--weights", "fp16,chained-2b-k12", "--layers", "1..3"]);
    let formats = on_the_fly["formats"].as_array().unwrap();
    let layers: Vec<Option<u64>> = formats.iter().map(|format| format["layers"].as_u64()).collect();
    assert_eq!(layers, [None, Some(1), Some(2), Some(3)]);
    let number = |index: usize, key: &str| formats[index][key].as_f64().unwrap();
    for (count, format) in formats.iter().enumerate().skip(1) {
        assert_eq!(format["matrices"].as_array().unwrap().len(), count);
        assert_eq!(number(count, "results_checked"), 32.0 * count as f64);
        assert_eq!(number(count, "weights"), number(1, "weights"));
        let bits = number(1, "read_bits_per_weight") * count as f64;
        assert_eq!(number(count, "read_bits_per_weight"), bits);
    }
    assert!(number(3, "relative_error") < 0.4 * number(2, "relative_error"));
    let packed = folder.path().join("packed.safetensors");
    let code = Code::preset("chained-2b-k12").unwrap();
    let options = CompressOptions {
        encoding: Encoding::new(code.clone(), Quantizer::Exact, Rotate::Auto)
            .with_layers(vec![code; 3])
            .unwrap(),
        rules: Rules::default(),
        moments: None,
        replace: false,
    };
    compress(&Source::open(plain).unwrap(), &packed, &options, &Silent).unwrap();
    let packed = packed.to_str().unwrap();
    let stored = run_json(&[packed, "--layers", "2"]);
    assert_eq!(stored["formats"][1]["layers"], 2);
    assert_eq!(stored["formats"][1]["cycles"], formats[2]["cycles"]);
    // All of them, where nothing is said. On the way in, each number of layers is encoded by itself; the second layer of three is chosen
    // for the third, so only all of them have the same weights.
    let stored = run_json(&[packed]);
    for key in ["cycles", "relative_error"] {
        assert_eq!(stored["formats"][1][key], formats[3][key], "{key}");
    }
    for (layers, expected) in [
        ("4", "has 3 layers, and 4 were asked for"),
        ("2..1", "the range is empty"),
        ("0", "1 to 8"),
    ] {
        let output = sim().args(["run", packed, "--layers", layers]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(!output.status.success() && error.contains(expected), "{error}");
    }
}

/// The draft changes nothing of the text, and costs what it reads.
#[test]
fn speculative_decoding_writes_the_same_text() {
    let run = |options: &[&str]| {
        let common = [
            "--prompt",
            "KING ",
            "--tokens",
            "14",
            "--weights",
            "chained-2b-k12",
            "--layers",
            "2",
        ];
        run_json(&[&common[..], options].concat())["formats"][0].clone()
    };
    let (plain, speculative) = (run(&[]), run(&["--speculate", "3"]));
    for key in ["text", "tokens"] {
        assert_eq!(plain["generated"][key], speculative["generated"][key], "{key}");
    }
    assert_eq!(plain["passes"], speculative["passes"]);
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let statistics = &speculative["speculation"];
    assert!(number(&statistics["accepted_tokens"]) > 0.0, "{statistics}");
    // A machine of matrix-vector products reads all weights for each token that it verifies.
    assert!(number(&statistics["speed_up_over_plain"]) < 1.0, "{statistics}");
    assert!(number(&speculative["cycles"]) > number(&plain["cycles"]));
    let full = number(&plain["cycles"]) / number(&plain["passes"]);
    assert!(
        (number(&statistics["full_cycles_per_pass"]) / full - 1.0).abs() < 0.05,
        "{statistics}"
    );
    let output = sim()
        .args(["run", "--prompt", "KING ", "--weights", "paper-4b", "--speculate", "2"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(error.contains("a draft needs a second one behind it"), "{error}");
}

/// A DRAM's limits, its commands and the machine sized to it stand in the report, and its keys can be changed.
#[test]
fn a_dram_and_its_limits_are_reported() {
    let run = |set: &str| {
        let workload = ["--workload", "matvec:1024x1024", "--preset", "chained-4b"];
        run_json(&[&workload[..], &["--memory", "ddr4-2400", "--set", set]].concat())
    };
    let report = run("memory.t_rfc_ns=350");
    let format = &report["formats"][0];
    let number = |key: &str| format[key].as_f64().unwrap();
    assert_eq!(report["memory"]["timing"]["t_rfc_ns"], 350);
    assert_eq!(report["memory"]["timing_clocks"]["t_rfc"], 420);
    assert_eq!(number("peak_gb_per_s"), 19.2);
    assert!((number("refresh_limited_gb_per_s") - 19.2 * (1.0 - 350.0 / 7800.0)).abs() < 1e-9);
    let share = number("read_gb_per_s") / number("refresh_limited_gb_per_s");
    assert!((number("bandwidth_share_of_refresh_limited") - share).abs() < 1e-12);
    assert_eq!(format["machine"]["beat_bits"], 1024);
    // Every burst of the memory is read once.
    assert_eq!(
        format["dram_commands"]["reads"].as_u64().unwrap() * 64,
        format["read_bytes"]
    );
    let slower = run("memory.t_rfc_ns=1400");
    assert!(slower["formats"][0]["cycles"].as_u64() > format["cycles"].as_u64());
    let in_order = run("memory.scheduler=in_order");
    assert!(in_order["formats"][0]["cycles"].as_u64() > format["cycles"].as_u64());
}

/// The first thing that a user runs prints what README.md shows, but for speeds.
#[test]
fn the_readme_shows_what_the_main_job_prints() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let is_exact = |line: &&str| !line.starts_with("Compressed ") && !line.starts_with("simulator, ");
    let output = sim().args(["run", "-q"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = printed.trim_end().lines().filter(is_exact).collect();
    let shown: Vec<&str> = shown.trim_end().lines().filter(is_exact).collect();
    assert_eq!(printed, shown);
}
