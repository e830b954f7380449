//! What a model does, with both Verilators.

mod common;

use seedlm_verilator::{BuildOptions, Design, Direction, Model, Optimisation, Verilator};
use std::fs::{self, File};
use std::io::BufReader;

fn every_port_takes_all_its_bits(verilator: &Verilator) {
    let mut model = verilator.build(&common::widths(), &BuildOptions::default()).unwrap();
    let inputs = model.ports().iter().filter(|port| port.direction == Direction::Input);
    let names: Vec<String> = inputs.map(|port| port.name.clone()).collect();
    assert_eq!(names.len(), 8);
    for (number, name) in names.iter().enumerate() {
        let (input, output) = (model.port(name).unwrap(), model.port(&format!("not_{name}")).unwrap());
        let spare_bits = 8 * input.byte_count() - input.width_bits();
        let mut bytes: Vec<u8> = (0..input.byte_count())
            .map(|index| (37 * index + 11 * number + 129) as u8)
            .collect();
        *bytes.last_mut().unwrap() &= 0xff >> spare_bits;
        let mut expected: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
        *expected.last_mut().unwrap() &= 0xff >> spare_bits;

        model.set_bytes(input, &bytes);
        model.eval();
        let mut read = vec![0; output.byte_count()];
        model.get_bytes(output, &mut read);
        assert_eq!(read, expected, "{name}");

        let mut words = vec![0; output.word_count()];
        model.get_words(output, &mut words);
        let from_words: Vec<u8> = words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .take(read.len())
            .collect();
        assert_eq!(from_words, expected, "{name}");

        model.set_words(input, &words);
        model.eval();
        model.get_bytes(output, &mut read);
        assert_eq!(read, bytes, "{name}");

        if input.width_bits() <= 64 {
            let all_ones = u64::MAX >> (64 - input.width_bits());
            model.set(input, all_ones ^ 1);
            model.eval();
            assert_eq!((model.get(input), model.get(output)), (all_ones ^ 1, 1), "{name}");
        }
    }
}

fn reset(model: &mut Model) {
    let (clk, rst) = (model.port("clk").unwrap(), model.port("rst").unwrap());
    model.set(rst, 1);
    model.posedge(clk);
    model.set(rst, 0);
}

fn registers_change_at_the_edge_only(verilator: &Verilator) {
    let mut model = verilator.build(&common::counter(), &BuildOptions::default()).unwrap();
    let port = |name| model.port(name).unwrap();
    let (clk, rst, step, count, next) = (port("clk"), port("rst"), port("step"), port("count"), port("next"));
    reset(&mut model);
    model.set(step, 5);
    for cycle in 1..=3 {
        model.posedge(clk);
        assert_eq!(model.get(count), 5 * cycle, "inputs count without a call of eval");
    }
    model.set(step, 1);
    model.set(rst, 1);
    model.eval();
    assert_eq!((model.get(count), model.get(next)), (15, 16), "no edge yet");
    model.posedge(clk);
    assert_eq!((model.get(count), model.get(next), model.get(clk)), (0, 1, 0));
    model.set(rst, 0);
    model.set(step, 4095);
    model.posedge(clk);
    model.posedge(clk);
    assert_eq!(model.get(count), 4094, "as wide as its port");
}

/// Times at which a signal of the file changes, with the values that it takes.
fn changes(path: &std::path::Path, name: &str) -> Vec<(u64, u64)> {
    let mut parser = vcd::Parser::new(BufReader::new(File::open(path).unwrap()));
    let header = parser.parse_header().unwrap();
    assert_eq!(header.timescale, Some((1, vcd::TimescaleUnit::NS)));
    let signal = header.find_var(&["TOP", "counter", name]);
    let signal = signal.unwrap_or_else(|| panic!("no {name} in {header:?}")).code;
    let (mut now, mut found) = (0, Vec::new());
    for command in parser {
        match command.unwrap() {
            vcd::Command::Timestamp(time) => now = time,
            vcd::Command::ChangeScalar(code, value) if code == signal => {
                found.push((now, u64::from(value == vcd::Value::V1)));
            }
            vcd::Command::ChangeVector(code, bits) if code == signal => {
                let value = bits
                    .iter()
                    .fold(0, |value, bit| value << 1 | u64::from(bit == vcd::Value::V1));
                found.push((now, value));
            }
            _ => {}
        }
    }
    found
}

fn count_two_cycles(model: &mut Model) {
    reset(model);
    model.set(model.port("step").unwrap(), 7);
    model.posedge(model.port("clk").unwrap());
}

fn waves_show_inputs_before_the_edge_that_takes_them(verilator: &Verilator) {
    let options = BuildOptions {
        waves: true,
        ..BuildOptions::default()
    };
    let mut model = verilator.build(&common::counter(), &options).unwrap();
    let start = model.get(model.port("count").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.vcd"), folder.path().join("second.vcd"));
    model.open_waves(&first).unwrap();
    count_two_cycles(&mut model);
    model.close_waves();
    assert_eq!(changes(&first, "step"), [(0, 0), (10, 7)]);
    assert_eq!(changes(&first, "count"), [(0, start), (5, 0), (15, 7)]);
    assert_eq!(changes(&first, "clk"), [(0, 0), (5, 1), (10, 0), (15, 1), (20, 0)]);

    model.open_waves(&second).unwrap();
    count_two_cycles(&mut model);
    drop(model);
    assert_eq!(changes(&second, "count"), [(20, 7), (25, 0), (35, 7)]);
    assert!(fs::metadata(&first).unwrap().len() > 0);
}

/// Registers and a memory without a reset, and one register that has an `initial` value instead.
fn without_start_values() -> Design {
    Design::new("without_start_values").with_source(
        "without_start_values.v",
        "module without_start_values (
    input  wire        clk,
    input  wire [31:0] data,
    output reg  [31:0] first,
    output reg  [31:0] second,
    output reg  [31:0] given,
    output wire [31:0] word
);
    initial given = 32'd5;
    reg [31:0] memory [0:15];
    assign word = memory[data[3:0]];
    always @(posedge clk) begin
        first <= data;
        second <= first;
        given <= data;
        memory[data[3:0]] <= data;
    end
endmodule
",
    )
}

/// A design that works only because its registers start at zero must not seem to work.
fn registers_without_a_start_value_start_with_the_same_garbage_everywhere(verilator: &Verilator) {
    let starts = || {
        let design = without_start_values();
        let model = verilator.build(&design, &BuildOptions::default()).unwrap();
        let inputs = ["clk", "data"].map(|name| model.get(model.port(name).unwrap()));
        assert_eq!(inputs, [0, 0]);
        assert_eq!(model.get(model.port("given").unwrap()), 5);
        ["first", "second", "word"].map(|name| model.get(model.port(name).unwrap()))
    };
    let expected = starts();
    assert!(!expected.contains(&0), "{expected:x?}");
    assert_ne!(expected[0], expected[1]);
    // Verilator's random numbers are those of a thread, and seeds are common to all threads.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(starts(), expected)));
        }
    });
}

fn everything(verilator: &Verilator) {
    every_port_takes_all_its_bits(verilator);
    registers_change_at_the_edge_only(verilator);
    waves_show_inputs_before_the_edge_that_takes_them(verilator);
    registers_without_a_start_value_start_with_the_same_garbage_everywhere(verilator);
}

#[test]
fn models_of_the_verilator_that_users_have() {
    let verilator = common::found();
    assert!(verilator.version().starts_with("Verilator"), "{}", verilator.version());
    everything(&verilator);
}

#[test]
fn models_of_the_current_verilator() {
    let verilator = common::current();
    assert_ne!(verilator.version(), "");
    everything(&verilator);
}

#[test]
fn models_share_nothing() {
    let verilator = common::found();
    let build = |options: BuildOptions| verilator.build(&common::counter(), &options).unwrap();
    let long_runs = BuildOptions {
        optimisation: Optimisation::LongRuns,
        ..BuildOptions::default()
    };
    let mut models = [
        build(BuildOptions::default()),
        build(BuildOptions::default()),
        build(long_runs),
    ];
    for (index, model) in models.iter_mut().enumerate() {
        reset(model);
        model.set(model.port("step").unwrap(), index as u64 + 1);
    }
    // Each goes on in a thread of its own, which has not made it.
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = models
            .iter_mut()
            .map(|model| {
                scope.spawn(move || {
                    let clk = model.port("clk").unwrap();
                    (0..1000).for_each(|_| model.posedge(clk));
                    model.get(model.port("count").unwrap())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(counts, [1000, 2000, 3000]);
}

#[test]
fn a_design_is_built_once() {
    let verilator = common::found();
    let options = BuildOptions::default();
    let first = verilator.build(&common::counter(), &options).unwrap();
    let second = verilator.build(&common::counter(), &options).unwrap();
    assert!(!second.was_built());
    assert_eq!(
        first.port("count").unwrap(),
        second.port("count").unwrap(),
        "handles fit every instance"
    );
}
