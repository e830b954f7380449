//! `sim run --prompt`: a language model that speaks through the simulated machine.

use assert_cmd::Command;
use seedlm_codec::Code;
use seedlm_llm::{GoldenMachine, IntegerLayers, MachineMatrix, Package, Sampling, generate};
use seedlm_model::{Model, Rules, encode_tensors};
use serde_json::Value;
use std::ops::ControlFlow;

fn sim(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("sim"));
    let output = command.arg("run").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const PROMPT: &str = "KING ";
const FORMAT: &str = "chained-4b-k12";

/// What the golden model says, without any machine.
fn golden_text(count: usize, sampling: Sampling, activation_bits: u32) -> String {
    let package = Package::embedded().unwrap();
    let Model::Plain(source) = &package.model else {
        panic!("the embedded model is not compressed");
    };
    let chosen = source.compressible(&Rules::default()).unwrap();
    let coded = encode_tensors(source, &chosen, &[Code::preset(FORMAT).unwrap()], None, &|_| ()).unwrap();
    let matrices = coded
        .iter()
        .map(|coded| MachineMatrix::of(&coded.name, &coded.stored.layers()[0], coded.stored.rotation()));
    let machine = GoldenMachine::new(coded.iter().map(|coded| coded.stored.layers()[0].clone()).collect());
    let mut layers = IntegerLayers::new(
        &package.language,
        &package.model,
        matrices.collect(),
        machine,
        activation_bits,
    )
    .unwrap();
    let prompt = package.tokenizer.encode(PROMPT, true).unwrap();
    let go_on = &mut |_: &str| ControlFlow::Continue(());
    generate(
        &package.language,
        &mut layers,
        &package.tokenizer,
        &prompt,
        count,
        sampling,
        go_on,
    )
    .unwrap()
    .text
}

#[test]
fn the_simulated_machine_says_what_the_golden_model_says() {
    let run = [
        "--prompt",
        PROMPT,
        "--weights",
        FORMAT,
        "--tokens",
        "6",
        "--json",
        "-",
        "-q",
    ];
    let drawn = ["--temperature", "0.8", "--top-k", "20", "--top-p", "0.9", "--seed", "3"];
    let drawn_sampling = Sampling {
        temperature: 0.8,
        top_k: 20,
        top_p: 0.9,
        seed: 3,
    };
    let wide = ["--set", "activation_bits=16"];
    for (more, sampling, bits) in [
        (&[][..], Sampling::GREEDY, 8),
        (&[&drawn[..], &wide].concat(), drawn_sampling, 16),
    ] {
        let (code, out, err) = sim(&[&run[..], more].concat());
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let report: Value = serde_json::from_str(&out).unwrap();
        let format = &report["formats"][0];
        let generated = &format["generated"];
        assert_eq!(generated["text"], golden_text(6, sampling, bits));
        assert_eq!(generated["tokens"].as_array().unwrap().len(), 6);
        // The last token of the text is not read.
        assert_eq!(
            (&generated["prompt_tokens"], &format["passes"]),
            (&5.into(), &10.into())
        );
        let rows: u64 = format["matrices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["rows"].as_u64().unwrap())
            .sum();
        assert_eq!(format["results_checked"], rows * 10);
        assert_eq!(generated["host_weights"], 256 * 256);
        for unit in format["units"].as_array().unwrap() {
            let states = unit["states"].as_array().unwrap().iter();
            let cycles: u64 = states.map(|state| state["cycles"].as_u64().unwrap()).sum();
            assert_eq!(format["cycles"], cycles, "{unit}");
        }
    }
}

/// A pass of a text moves what a pass without one moves; it only waits for the host's products one after the other.
#[test]
fn a_token_reads_what_a_pass_reads() {
    let figures = |more: &[&str]| {
        let (_, out, err) = sim(&[&["--weights", FORMAT, "--json", "-", "-q"], more].concat());
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
        let format = report["formats"][0].clone();
        let number = |name: &str| format[name].as_f64().unwrap();
        (
            number("read_bytes"),
            number("cycles"),
            format["energy"]["total_j"].as_f64().unwrap(),
        )
    };
    let (bytes, cycles, energy) = figures(&[]);
    let (text_bytes, text_cycles, text_energy) = figures(&["--prompt", "ROME", "--tokens", "1"]);
    assert_eq!(text_bytes, 4.0 * bytes);
    assert!((text_energy / energy - 1.0).abs() < 1e-9, "{energy} {text_energy}");
    let ratio = text_cycles / (4.0 * cycles);
    assert!((1.0..1.2).contains(&ratio), "{ratio}");
}

#[test]
fn the_text_comes_before_the_report() {
    let (code, out, err) = sim(&["--prompt", PROMPT, "--weights", FORMAT, "--tokens", "3", "-q"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let expected = format!(
        "{FORMAT}: {PROMPT}{}\n\nWorkload  \"KING \" continued by",
        golden_text(3, Sampling::GREEDY, 8)
    );
    assert!(out.starts_with(&expected), "{out}");
    for line in [
        "cycles per token",
        "bytes read per token",
        "simulator, tokens per second",
        "head (65,536 weights)",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
}

/// What the program prints before its report, and the report.
fn text_and_report(arguments: &[&str]) -> (String, String) {
    let (code, out, err) = sim(arguments);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}");
    let place = out.find("Workload  ").unwrap_or_else(|| panic!("{out}"));
    (out[..place].into(), out[place..].into())
}

#[test]
fn golden_model_software_and_simulator_print_the_same_text() {
    let drawn = [
        "--temperature",
        "0.9",
        "--top-k",
        "30",
        "--top-p",
        "0.95",
        "--seed",
        "7",
    ];
    let layers = ["--layers", "2", "--speculate", "3"];
    for (weights, more) in [
        (FORMAT, &[][..]),
        ("fp16,chained-3b-k12", &drawn[..]),
        ("chained-2b-k12", &layers[..]),
    ] {
        let options = ["--prompt", PROMPT, "--tokens", "4", "--weights", weights, "-q"];
        let options = [&options[..], more].concat();
        let speak = |backend: &str| text_and_report(&[&options[..], &["--backend", backend]].concat());
        let (golden, report) = speak("golden");
        assert!(golden.contains(&format!(": {PROMPT}")), "{golden}");
        assert!(report.contains("Run on    golden, without a machine"), "{report}");
        assert!(!report.contains("cycles"), "{report}");
        assert_eq!(
            report.contains("Speculation: "),
            more.contains(&"--speculate"),
            "{report}"
        );
        assert_eq!(speak("software").0, golden);
        assert_eq!(speak("simulator").0, golden);
        if more.is_empty() {
            // Without --backend it is the simulator.
            let (plain, report) = text_and_report(&options);
            assert_eq!(plain, golden);
            assert!(report.contains("cycles per token"), "{report}");
        }
    }
}

/// The fields that need no machine are called and are what they are in the simulator's report.
#[test]
fn json_without_a_machine_is_the_simulators_without_cycles() {
    let options = [
        "--prompt",
        PROMPT,
        "--tokens",
        "4",
        "--weights",
        FORMAT,
        "--json",
        "-",
        "-q",
    ];
    let json = |backend: &str| -> Value {
        let (code, out, err) = sim(&[&options[..], &["--backend", backend]].concat());
        assert_eq!((code, err.as_str()), (Some(0), ""));
        serde_json::from_str(&out).unwrap()
    };
    let simulated = json("simulator");
    for backend in ["golden", "software"] {
        let spoken = json(backend);
        assert_eq!(spoken["backend"], backend);
        for field in ["schema_version", "tool", "workload"] {
            assert_eq!(spoken[field], simulated[field], "{field}");
        }
        let (format, expected) = (&spoken["formats"][0], &simulated["formats"][0]);
        for (field, value) in format.as_object().unwrap() {
            if field == "generated" {
                for (field, value) in value.as_object().unwrap() {
                    let is_time = field == "wall_tokens_per_s";
                    assert!(is_time || *value == expected["generated"][field], "{field}: {value}");
                }
            } else {
                assert_eq!(*value, expected[field], "{field}");
            }
        }
        assert_eq!(spoken["activation_bits"], expected["machine"]["activation_bits"]);
    }
}

#[test]
fn what_cannot_speak_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    std::fs::write(&file, seedlm_model::embedded::SHAKESPEARE_SAFETENSORS).unwrap();
    let file = file.to_str().unwrap();
    let cases: [(&[&str], &str); 11] = [
        (
            &["--prompt", "a", "--backend", "golden", "--set", "activation_bits=12"],
            "activation_bits is 12, and must be 8 or 16",
        ),
        (&["--prompt", "", "--weights", FORMAT], "the prompt has no tokens"),
        (
            &[file, "--prompt", "a"],
            "a language model is a folder with config.json",
        ),
        (&["--prompt", "a", "--workload", "matvec:8x8"], "cannot be used with"),
        (&["--tokens", "5"], "--prompt <TEXT>"),
        (&["--prompt", "a", "--temperature", "-1"], "must be 0 to 100"),
        (&["--prompt", "a", "--top-p", "0"], "must be above 0"),
        (&["--backend", "golden"], "--prompt <TEXT>"),
        (
            &["--prompt", "a", "--backend", "software", "--rtl"],
            "--rtl asks for the Verilog",
        ),
        (
            &["--prompt", "a", "--backend", "golden", "--csv", "-"],
            "--csv: it shows cycles",
        ),
        (
            &[
                "--prompt",
                "a",
                "--backend",
                "golden",
                "--speculate",
                "2",
                "--weights",
                FORMAT,
            ],
            "has one layer here",
        ),
    ];
    for (arguments, reason) in cases {
        let (code, out, err) = sim(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains(reason), "{arguments:?}: {err}");
    }
}
