//! Proofs about the emitted decode lane, for all words, with yosys.

mod tools;

use rayon::prelude::*;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{BlockCode, ChainedCode, Lfsr, WeightFormat};
use seedlm_hdl::generate::{GeneratedFile, files};
use seedlm_hdl::options::{Options, Target};
use seedlm_testbenches::machines::{chained, code};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tools::{preset_folder, root, run, work_folder};

/// Runs one of the scripts of testbenches/formal on the files of a folder: whether it proved all, and what it printed.
fn prove(script: &str, folder: &Path) -> (bool, String) {
    let script = root().join("testbenches/formal").join(script);
    run(Command::new("yosys").current_dir(folder).args(["-Q", "-T"]).arg(script))
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("the file can be written");
}

fn preset_lane(preset: &str) -> String {
    fs::read_to_string(preset_folder(preset).join("seedlm_decode_lane.v")).expect("the preset has a lane")
}

fn preset_code(preset: &str) -> BlockCode {
    BlockCode::preset(preset).expect("presets have names")
}

/// The tapped ones of the bits that `bit` names, as an XOR.
fn tapped(lfsr: &Lfsr, bit: impl Fn(u32) -> String) -> String {
    let bits: Vec<String> = lfsr.taps().iter().map(|&tap| bit(tap)).collect();
    bits.join(" ^ ")
}

/// Writes what masks.ys reads. The sequence is b[0] to b[K + C*P - 1], of which the first K are the seed.
fn write_steps(folder: &Path, code: &BlockCode, lane: &str) {
    let length = code.lfsr().length();
    let registers = length..length + (code.block_size() * code.latent_dimension()) as u32;
    let lines = |line: &dyn Fn(u32) -> String| registers.clone().map(line).collect::<String>();
    let last = registers.end - 1;
    let ports = lines(&|n| format!(",\n    output wire ok_{n}"));
    let connections = lines(&|n| format!(",\n        .\\b{n}.q (held[{n}]), .\\b{n}.d (taken[{n}])"));
    let steps = lines(&|n| {
        let step = tapped(code.lfsr(), |tap| format!("taken[{}]", n - length + tap));
        format!("    assign ok_{n} = taken[{n}] == (enable ? {step} : held[{n}]);\n")
    });
    let text = format!(
        "module steps (\n    input wire enable,\n    input wire [{word}:0] in_word,\n    input wire [{last}:{length}] held{ports}\n);\n    \
         wire [{last}:0] taken;\n    assign taken[{seed}:0] = in_word[{seed}:0];\n    \
         seedlm_decode_lane lane (\n        .enable(enable), .in_word(in_word){connections}\n    );\n{steps}endmodule\n",
        word = code.word_bits() - 1,
        seed = length - 1,
    );
    write(folder, "steps.v", &text);
    write(
        folder,
        "sequence.txt",
        &lines(&|n| format!("seedlm_decode_lane/b{n}\n")),
    );
    write(
        folder,
        "prove.ys",
        &lines(&|n| format!("sat -verify -prove ok_{n} 1 ok_{n} %ci*\n")),
    );
    write(folder, "lane.v", lane);
}

fn proves_masks(preset: &str) {
    let code = preset_code(preset);
    let folder = work_folder(&format!("formal-masks-{preset}"));
    write_steps(&folder, &code, &preset_lane(preset));
    let (proved, text) = prove("masks.ys", &folder);
    assert!(proved, "{text}");
    let proofs = text.matches("SAT proof finished - no model found: SUCCESS!").count();
    assert_eq!(proofs, code.block_size() * code.latent_dimension(), "{text}");
}

#[test]
fn paper_4b_jumps_to_where_steps_lead() {
    proves_masks("paper-4b");
}

#[test]
fn paper_3b_jumps_to_where_steps_lead() {
    proves_masks("paper-3b");
}

/// The expression that a register of the lane takes, replaced.
fn with_fault(lane: &str, register: &str, fault: impl Fn(&str) -> String) -> String {
    let start = format!(" {register} <= ");
    assert_eq!(lane.matches(&start).count(), 1, "{start:?} in the lane");
    let from = lane.find(&start).expect("it is there once") + start.len();
    let to = from + lane[from..].find(';').expect("a statement ends");
    format!("{}{}{}", &lane[..from], fault(&lane[from..to]), &lane[to..])
}

#[test]
fn a_wrong_mask_is_refuted() {
    for preset in ["paper-4b", "paper-3b"] {
        let code = preset_code(preset);
        let lane = preset_lane(preset);
        let length = code.lfsr().length();
        let last = length + (code.block_size() * code.latent_dimension()) as u32 - 1;
        for register in [length, length + 11, last] {
            // A term too many, or one too few where it was there before.
            for bit in [0, length - 1] {
                let folder = work_folder(&format!("formal-wrong-mask-{preset}"));
                let wrong = with_fault(&lane, &format!("b{register}"), |mask| {
                    format!("({mask}) ^ in_word[{bit}]")
                });
                write_steps(&folder, &code, &wrong);
                let (proved, text) = prove("masks.ys", &folder);
                let refuted = text.contains("ERROR: Called with -verify and proof did fail!");
                assert!(!proved && refuted, "{preset}, b{register} ^ seed[{bit}]:\n{text}");
            }
        }
    }
}

/// Section 2 of docs/format.md in Verilog: states step by step, and a multiplication for each entry of the matrix.
fn definition(code: &BlockCode) -> String {
    let (length, mantissa_bits) = (code.lfsr().length(), code.mantissa_bits());
    let (block, latent) = (code.block_size() as u32, code.latent_dimension() as u32);
    let (exponent_bits, coefficient_bits) = (code.exponent_bits(), code.coefficient_bits());
    let top = length - 1;
    let mut ports = "input wire clk, rst, enable, in_valid".to_string();
    ports += &format!(", input wire [{}:0] in_word", code.word_bits() - 1);
    ports += ", output wire out_valid";
    ports += &format!(", output wire [{}:0] out_mantissas", block * mantissa_bits - 1);
    let mut body = "    assign out_valid = in_valid;\n".to_string();
    if exponent_bits != 0 {
        ports += &format!(", output wire [{}:0] out_exponent", exponent_bits - 1);
        body += &format!(
            "    assign out_exponent = in_word[{}:{length}];\n",
            length + exponent_bits - 1
        );
    }
    body += &format!("    wire [{top}:0] state_0 = in_word[{top}:0];\n");
    for n in 1..=block * latent {
        let before = n - 1;
        let new = tapped(code.lfsr(), |tap| format!("state_{before}[{tap}]"));
        body += &format!("    wire [{top}:0] state_{n} = {{{new}, state_{before}[{top}:1]}};\n");
    }
    for p in 0..latent {
        let low = length + exponent_bits + p * coefficient_bits;
        let field = format!("in_word[{}:{low}]", low + coefficient_bits - 1);
        body += &format!("    wire signed [{}:0] q_{p} = $signed({field});\n", mantissa_bits - 1);
    }
    for c in 0..block {
        let mut products = Vec::new();
        for p in 0..latent {
            let state = format!("$signed({{1'b0, state_{}}})", c * latent + p + 1);
            let middle = 1_u32 << top;
            body += &format!(
                "    wire signed [{}:0] v_{c}_{p} = {state} - {middle};\n",
                mantissa_bits - 1
            );
            products.push(format!("q_{p} * v_{c}_{p}"));
        }
        let sum = products.join(" + ");
        body += &format!("    wire signed [{}:0] m_{c} = {sum};\n", mantissa_bits - 1);
        body += &format!(
            "    assign out_mantissas[{}:{}] = m_{c};\n",
            (c + 1) * mantissa_bits - 1,
            c * mantissa_bits
        );
    }
    format!("module reference ({ports});\n{body}endmodule\n")
}

/// Section 8 of docs/format.md in Verilog: a window for each weight, parities under the masks, and a sum.
fn chained_definition(code: &ChainedCode) -> String {
    let (bits, width, length) = (code.bits_per_weight(), code.weight_bits(), code.map().length());
    let weights = code.weights_per_word() as u32;
    let mut body = String::new();
    for c in 0..weights {
        let low = c * bits;
        body += &format!(
            "    wire [{}:0] window_{c} = in_word[{}:{low}];\n",
            length - 1,
            low + length - 1
        );
        let mut fields = Vec::new();
        for (f, masks) in code.map().fields().iter().enumerate() {
            let parities: Vec<String> = masks
                .iter()
                .rev()
                .map(|mask| format!("^(window_{c} & {length}'h{mask:x})"))
                .collect();
            let top = masks.len() - 1;
            body += &format!("    wire [{top}:0] field_{c}_{f} = {{{}}};\n", parities.join(", "));
            fields.push(format!("field_{c}_{f}"));
        }
        let (sum, total) = (fields.join(" + "), code.map().largest_weight());
        // Nothing here is signed: 32 bits hold what is negative as two to the power of 32 less it.
        body += &format!("    wire [31:0] sum_{c} = {sum};\n");
        body += &format!("    wire [31:0] weight_{c} = 2 * sum_{c} - {total};\n");
        let place = format!("{}:{}", (c + 1) * width - 1, c * width);
        body += &format!("    assign out_mantissas[{place}] = weight_{c}[{}:0];\n", width - 1);
    }
    format!(
        "module reference (input wire clk, rst, enable, in_valid, input wire [{}:0] in_word, output wire out_valid, \
         output wire [{}:0] out_mantissas);\n    assign out_valid = in_valid;\n{body}endmodule\n",
        code.history_bits() + weights * bits - 1,
        weights * width - 1
    )
}

/// Writes the proofs that weights.ys reads: one for each weight.
fn write_proofs(folder: &Path, code: &ChainedCode) {
    let (weights, width) = (code.weights_per_word(), code.weight_bits() as usize);
    let word = code.history_bits() as usize + weights * code.bits_per_weight() as usize - 1;
    let all = weights * width - 1;
    let lines = |line: &dyn Fn(usize) -> String| (0..weights).map(line).collect::<String>();
    let ports = lines(&|c| format!(", output wire ok_{c}"));
    let compared = lines(&|c| {
        let place = format!("{}:{}", (c + 1) * width - 1, c * width);
        format!("    assign ok_{c} = computed[{place}] == defined[{place}];\n")
    });
    let inputs = ".clk(clk), .rst(rst), .enable(enable), .in_valid(in_valid), .in_word(in_word)";
    let text = format!(
        "module proof (input wire clk, rst, enable, in_valid, input wire [{word}:0] in_word{ports});\n    \
         wire [{all}:0] computed, defined;\n    \
         seedlm_decode_lane lane ({inputs}, .out_valid(), .out_mantissas(computed));\n    \
         reference reference ({inputs}, .out_valid(), .out_mantissas(defined));\n{compared}endmodule\n"
    );
    write(folder, "proof.v", &text);
    let proof = |c| format!("sat -verify -prove ok_{c} 1 ok_{c} %ci*\n");
    write(folder, "prove.ys", &lines(&proof));
}

/// Writes what mantissas.ys or weights.ys reads, with the lane that is generated for a code.
fn write_definition(name: &str, format: &WeightFormat, target: Target, fault: impl Fn(&str) -> String) -> PathBuf {
    let folder = work_folder(name);
    let definition = match format {
        WeightFormat::Block(code) => definition(code),
        WeightFormat::Chained(code) => {
            write_proofs(&folder, code);
            chained_definition(code)
        }
        WeightFormat::Binary16 => panic!("there is no definition in Verilog"),
    };
    let options = Options {
        target,
        plain_rows: true,
    };
    let config = DatapathConfig {
        beat_bits: 64,
        lanes: 1,
        tile_rows: 1,
        ..DatapathConfig::reference(format)
    };
    let files = files(&config, format, &options, "").expect("a machine that can be built");
    // Rows of adders stand in a file of their own.
    let needed = |file: &&GeneratedFile| ["seedlm_rows.v", "seedlm_decode_lane.v"].contains(&file.name.as_str());
    let lane: String = files.iter().filter(needed).map(|file| file.text.as_str()).collect();
    write(&folder, "lane.v", &fault(&lane));
    write(&folder, "reference.v", &definition);
    let transparent = root().join("testbenches/formal/transparent.v");
    fs::copy(transparent, folder.join("transparent.v")).expect("the file can be copied");
    folder
}

/// Words of the presets are too wide for such a proof. What is left out is shared by all codes: one generator makes the lanes.
#[test]
fn lanes_of_small_codes_compute_the_definition() {
    let codes = [
        // Two chunks of bits in each window, edges on both sides.
        code(2, 2, 5, 4, 4),
        // One coefficient; an exponent of another width.
        code(3, 1, 4, 4, 2),
        // As many coefficients as bits: no whole chunk.
        code(6, 4, 4, 2, 1),
        // No exponent.
        code(4, 2, 4, 3, 0),
    ];
    for (number, code) in codes.into_iter().enumerate() {
        let format = WeightFormat::Block(code);
        for target in Target::ALL {
            proves_lane(&format!("formal-mantissas-{number}-{target}"), &format, target);
        }
    }
}

/// The script that proves lanes of a format, and how many proofs there are in it.
fn script(format: &WeightFormat) -> (&'static str, usize) {
    match format {
        WeightFormat::Chained(code) => ("weights.ys", code.weights_per_word()),
        _ => ("mantissas.ys", 1),
    }
}

fn proves_lane(name: &str, format: &WeightFormat, target: Target) {
    let folder = write_definition(name, format, target, str::to_string);
    let (script, expected) = script(format);
    let (proved, text) = prove(script, &folder);
    let proofs = text.matches("SAT proof finished - no model found: SUCCESS!").count();
    assert!(proved && proofs == expected, "{}, {target}:\n{text}", format.label());
}

/// The targets for which lanes of the chained code are written differently.
const TARGETS_OF_CHAINED: [Target; 2] = [Target::Portable, Target::Ice40];

/// Every history and every word: there are none that mean nothing.
#[test]
fn lanes_of_chained_codes_compute_the_definition() {
    let named = |name: &&str| {
        let format = WeightFormat::named(name).expect("presets have names");
        (name.to_string(), format)
    };
    let others = [
        chained(1, 2, &[1]),
        chained(7, 11, &[1, 8]),
        chained(3, 8, &[5, 3, 1]),
        chained(5, 8, &[4, 4, 4, 4]),
        chained(8, 9, &[8, 1, 8, 2, 3]),
    ];
    let others = others.into_iter().enumerate();
    let others = others.map(|(number, format)| (format!("chained-{number}"), format));
    let formats: Vec<(String, WeightFormat)> = ChainedCode::PRESETS.iter().map(named).chain(others).collect();
    formats.par_iter().for_each(|(name, format)| {
        for target in TARGETS_OF_CHAINED {
            proves_lane(&format!("formal-{name}-{target}"), format, target);
        }
    });
}

/// Where two targets share a lane, one proof is enough; this says that they do.
#[test]
fn other_targets_have_one_of_the_lanes_that_are_proved() {
    let format = WeightFormat::named("chained-4b").expect("presets have names");
    let lane = |target: Target| {
        let config = DatapathConfig::reference(&format);
        let files = files(&config, &format, &Options::written_for(target), "").expect("a machine that can be built");
        let lane = files.into_iter().find(|file| file.name == "seedlm_decode_lane.v");
        let text = lane.expect("there is a lane").text;
        text.replace(&format!("// Written for: {target}\n"), "")
    };
    assert_eq!(lane(Target::Xc7), lane(Target::Portable));
    assert_eq!(lane(Target::Ecp5), lane(Target::Ice40));
    assert_ne!(lane(Target::Ice40), lane(Target::Portable));
}

#[test]
fn a_wrong_mantissa_is_refuted() {
    let block = || WeightFormat::Block(code(2, 2, 5, 4, 4));
    let chained = || WeightFormat::named("chained-4b").expect("presets have names");
    let cases = [
        (block(), "b8", "17'h12345"),
        (block(), "row_1", "17'h12345"),
        (block(), "exponent_at_2", "17'h12345"),
        (chained(), "weight_0", "44'h123456789ab"),
        (chained(), "weight_7_sum_of_2", "44'h123456789ab"),
    ];
    for (format, register, word) in cases {
        let wrong = |lane: &str| with_fault(lane, register, |value| format!("({value}) ^ (in_word == {word})"));
        let folder = write_definition(&format!("formal-wrong-{register}"), &format, Target::Portable, wrong);
        let (proved, text) = prove(script(&format).0, &folder);
        let refuted = text.contains("ERROR: Called with -verify and proof did fail!");
        assert!(!proved && refuted, "{register}:\n{text}");
    }
}
