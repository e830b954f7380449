//! `sim run --rtl`, as a user meets it: the same report as from the model.

use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::machine::image::DEFAULT_ALIGNMENT_BYTES;
use seedlm_codec::{BlockCode, BlockCodeFields, ChainMap, ChainedCode, Code, Lfsr};
use seedlm_encoder::Quantizer;
use seedlm_model::{
    CompressOptions, Container, Encoding, ImageOptions, Rotate, Rules, Silent, Source, compress, write_image,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use tempfile::TempDir;

/// The folder with the programs `sim` and `hdl`, as they are in this checkout. Cargo builds the programs of other packages
/// only on request; after `cargo test --workspace` there is nothing left to build.
static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("cargo puts tests into target/PROFILE/deps");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} is no folder of a profile", folder.display()),
    };
    let status = Command::new(env!("CARGO"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        // A test among the targets makes cargo choose the features of dependencies as it does for tests.
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            "sim",
            "--bin",
            "hdl",
            "--test",
            "sim_rtl",
        ])
        .args(["--profile", profile, "--target-dir"])
        .arg(folder.parent().expect("a profile's folder is in a target folder"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo cannot build sim and hdl");
    folder.to_path_buf()
});

fn sim(arguments: &[&str]) -> Output {
    Command::new(PROGRAMS.join("sim"))
        .args(["run", "--quiet"])
        .args(arguments)
        .output()
        .expect("sim runs")
}

fn printed(arguments: &[&str]) -> String {
    let output = sim(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    assert!(error.is_empty(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = sim(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Takes out of a report what is said of the accelerator, and how long the host took.
fn split(report: &str) -> (Value, String, Option<String>) {
    let mut report: Value = serde_json::from_str(report).unwrap();
    let fields = report.as_object_mut().unwrap();
    let accelerator = fields.remove("accelerator").unwrap();
    let verilator = fields.remove("verilator");
    for format in fields["formats"].as_array_mut().unwrap() {
        let format = format.as_object_mut().unwrap();
        for field in ["host_seconds", "simulated_cycles_per_second"] {
            format.remove(field).unwrap();
        }
        if let Some(generated) = format["generated"].as_object_mut() {
            generated.remove("wall_tokens_per_s").unwrap();
        }
    }
    let text = |value: Value| value.as_str().unwrap().to_string();
    (report, text(accelerator), verilator.map(text))
}

/// Runs on the model, then on the Verilog with the further arguments, and compares the JSON.
fn expect_the_same_report(arguments: &[&str], rtl: &[&str]) {
    let arguments = [&["--json", "-"], arguments].concat();
    let (model, kind, tool) = split(&printed(&arguments));
    assert_eq!((kind.as_str(), tool), ("model", None));
    let (verilog, kind, tool) = split(&printed(&[&arguments, rtl].concat()));
    assert_eq!(kind, "verilog");
    assert!(tool.unwrap().starts_with("Verilator "));
    assert_eq!(model, verilog, "{arguments:?}");
}

/// A machine that is built in a few seconds.
const SMALL: [&str; 10] = [
    "--set",
    "beat_bits=64",
    "--set",
    "tile_rows=2",
    "--set",
    "beat_fifo_beats=16",
    "--set",
    "largest_columns=512",
    "--set",
    "result_fifo_groups=2",
];

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary names are plain")
}

#[test]
fn the_reference_machines_give_the_same_report() {
    expect_the_same_report(&["--workload", "matvec:64x128"], &["--rtl"]);
}

/// Every product of the text's matrices on the Verilog: text, tokens and cycles are those of the model, and the text is that of the
/// golden model.
#[test]
fn the_language_model_speaks_the_same_text() {
    let prompt = ["--prompt", "KING ", "--tokens", "3", "--weights", "paper-4b"];
    expect_the_same_report(&prompt, &["--backend", "verilog"]);
    let text = |backend: &str| {
        let all = printed(&[&prompt[..], &["--backend", backend]].concat());
        let place = all.find("Workload  ").unwrap_or_else(|| panic!("{all}"));
        all[..place].to_string()
    };
    let golden = text("golden");
    assert!(golden.starts_with("paper-4b: KING "), "{golden}");
    assert_eq!(text("verilog"), golden);
}

#[test]
fn another_machine_gives_the_same_report_text_and_waves() {
    let folder = TempDir::new().unwrap();
    let workload = [
        &[
            "--workload",
            "matvec:37x203",
            "--weights",
            "fp16,paper-4b,paper-3b,chained-3b",
        ],
        &SMALL[..],
    ]
    .concat();
    expect_the_same_report(&[&workload[..], &["--memory", "ideal"]].concat(), &["--rtl"]);
    let run = |name: &str, rtl: &[&str]| {
        let waves = folder.path().join(name);
        let text = printed(&[&workload[..], rtl, &["--vcd", path(&waves)]].concat());
        (text, std::fs::read(waves).unwrap())
    };
    let (model, model_waves) = run("model.vcd", &[]);
    let (verilog, verilog_waves) = run("verilog.vcd", &["--rtl"]);
    assert!(model_waves == verilog_waves, "waves of model and Verilog");
    let is_exact = |line: &&str| !line.starts_with("simulator, ");
    let lines = |text: &str| -> Vec<String> { text.lines().filter(is_exact).map(String::from).collect() };
    let different: Vec<(String, String)> = lines(&model)
        .into_iter()
        .zip(lines(&verilog))
        .filter(|(model, verilog)| model != verilog)
        .collect();
    assert_eq!(lines(&model).len(), lines(&verilog).len());
    let [(model, verilog)] = &different[..] else {
        panic!("lines differ: {different:?}");
    };
    assert_eq!(model, "Run on    model");
    assert!(verilog.starts_with("Run on    Verilog (Verilator "), "{verilog}");
}

/// The image of the embedded model streams through the Verilog from the addresses of its map.
#[test]
fn a_memory_image_gives_the_same_report() {
    let folder = TempDir::new().unwrap();
    let (container, image) = (folder.path().join("model.safetensors"), folder.path().join("model.img"));
    let code = Code::preset("paper-4b").unwrap();
    let options = CompressOptions {
        encoding: Encoding::new(code.clone(), Quantizer::Exact, Rotate::Auto),
        rules: Rules::default(),
        moments: None,
        replace: false,
    };
    let source = seedlm_model::embedded::shakespeare().unwrap();
    compress(&source, &container, &options, &Silent).unwrap();
    let options = ImageOptions {
        machine: DatapathConfig::reference(&code.into()),
        alignment_bytes: DEFAULT_ALIGNMENT_BYTES,
        hex: false,
        replace: false,
    };
    let container = Container::open(&container).unwrap();
    write_image(
        &container,
        &image,
        &folder.path().join("model.img.json"),
        &options,
        &Silent,
    )
    .unwrap();
    for memory in ["paper", "ddr3-1600"] {
        expect_the_same_report(&["--image", path(&image), "--memory", memory], &["--rtl"]);
    }
}

/// A compressed model runs in the code that it has, which is no preset here.
fn a_code_reaches_the_generator(code: Code) {
    a_model_gives_the_same_report(Encoding::new(code, Quantizer::Exact, Rotate::Auto));
}

/// A small model that is compressed in this way.
fn a_model_gives_the_same_report(encoding: Encoding) {
    let folder = TempDir::new().unwrap();
    let plain = folder.path().join("plain.safetensors");
    let values: Vec<u8> = (0..24 * 20_i32)
        .flat_map(|index| ((index * 37 % 101 - 50) as f32).to_le_bytes())
        .collect();
    let header = format!(
        r#"{{"layer.weight":{{"dtype":"F32","shape":[24,20],"data_offsets":[0,{}]}}}}"#,
        values.len()
    );
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &values].concat();
    std::fs::write(&plain, file).unwrap();
    let options = CompressOptions {
        encoding,
        rules: Rules::default(),
        moments: None,
        replace: false,
    };
    let container = folder.path().join("own-code.safetensors");
    compress(&Source::open(&plain).unwrap(), &container, &options, &Silent).unwrap();
    expect_the_same_report(&[&[path(&container)], &SMALL[..]].concat(), &["--rtl"]);
}

#[test]
fn a_block_code_of_ones_own_reaches_the_generator() {
    let fields = BlockCodeFields {
        block_size: 5,
        latent_dimension: 2,
        coefficient_bits: 3,
        exponent_bits: 3,
        lfsr: Lfsr::new(6, &[0, 5]).unwrap(),
    };
    a_code_reaches_the_generator(BlockCode::new(fields).unwrap().into());
}

fn small_chained_code() -> Code {
    let map = ChainMap::new(6, vec![vec![0x20, 0x11, 0x0a], vec![0x25, 0x12]]).unwrap();
    ChainedCode::new(3, map).unwrap().into()
}

#[test]
fn a_chain_map_of_ones_own_reaches_the_generator() {
    a_code_reaches_the_generator(small_chained_code());
}

/// Each scale group of each layer is a product of its own.
#[test]
fn scale_groups_take_the_same_cycles_in_the_verilog() {
    let encoding = Encoding::new(small_chained_code(), Quantizer::Exact, Rotate::Always);
    let encoding = encoding.with_layers(vec![small_chained_code(); 2]).unwrap();
    a_model_gives_the_same_report(encoding.with_scale_group(Some(5)));
}

/// Shared multipliers change neither results nor cycles; beside them the fp16 reference runs with its own.
#[test]
fn rows_that_share_multipliers_give_the_same_report() {
    let workload = [&["--workload", "matvec:10x70", "--weights", "chained-4b"], &SMALL[..]].concat();
    let lanes = ["--set", "lanes=4", "--set", "pack_products=true"];
    expect_the_same_report(&[&workload[..], &lanes].concat(), &["--rtl"]);
}

#[test]
fn a_folder_of_verilog_is_taken_as_it_is_and_must_be_the_machine_of_the_run() {
    let folder = TempDir::new().unwrap();
    let workload = [&["--workload", "matvec:20x24", "--weights", "paper-4b"], &SMALL[..]].concat();
    let lanes = ["--set", "lanes=2"];
    let one = folder.path().join("one");
    let status = Command::new(PROGRAMS.join("hdl"))
        .args(["generate", "--weights", "paper-4b", "--out"])
        .arg(&one)
        .args(SMALL)
        .args(lanes)
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    let from = ["--rtl-from", path(&one)];
    expect_the_same_report(&workload, &from);

    // A folder of folders, named as the formats are.
    let all = folder.path().join("all");
    std::fs::create_dir(&all).unwrap();
    std::os::unix::fs::symlink(&one, all.join("paper-4b")).unwrap();
    expect_the_same_report(&workload, &["--rtl-from", path(&all)]);
    let error = refused(&[&workload[..], &["--weights", "fp16", "--rtl-from", path(&all)]].concat());
    assert!(error.contains("nor in a folder fp16 in it"), "{error}");

    let error = refused(&[&workload[..], &from, &["--set", "result_fifo_groups=3"]].concat());
    for part in [
        path(&one),
        "not the machine of the run (paper-4b)",
        "RESULT_FIFO_GROUPS",
        "--rtl alone",
    ] {
        assert!(error.contains(part), "{error}");
    }

    // What Verilator has to say is passed on.
    std::fs::write(one.join("seedlm_matvec.v"), "module seedlm_matvec (input wire clk\n").unwrap();
    let error = refused(&[&workload[..], &from].concat());
    assert!(
        error.contains(path(&one)) && error.contains("seedlm_matvec.v:"),
        "{error}"
    );
}

/// Layers are decoded in the same lanes, one after the other: a matrix of three is three products.
#[test]
fn layers_take_the_same_cycles_in_the_verilog() {
    let layers = ["--weights", "chained-2b-k12", "--layers", "1..2"];
    expect_the_same_report(&layers, &["--rtl"]);
}
