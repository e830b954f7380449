//! Mistakes are found, and their messages say where.

mod common;

use seedlm_verilator::{BuildOptions, Design, Direction, Model, Port, Verilator};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn message_of_build(verilator: &Verilator, design: &Design) -> String {
    verilator
        .build(design, &BuildOptions::default())
        .unwrap_err()
        .to_string()
}

fn message_of_panic(model: &mut Model, mistake: impl FnOnce(&mut Model)) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| mistake(model))).expect_err("this is a mistake");
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap().to_string())
}

#[track_caller]
fn assert_contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

#[test]
fn verilators_own_message_comes_through() {
    let broken = Design::new("broken").with_source(
        "broken.v",
        "module broken (\n    input wire clk\n);\n    oops oops\nendmodule\n",
    );
    for verilator in [common::found(), common::current()] {
        let message = message_of_build(&verilator, &broken);
        assert_contains(&message, &["broken.v:5", "syntax error", "--top-module broken"]);
    }
}

#[test]
fn designs_that_no_model_can_have_are_refused() {
    let verilator = common::found();
    let both_ways = Design::new("pad").with_source("pad.v", "module pad (inout wire io); assign io = 1'bz; endmodule");
    assert_contains(
        &message_of_build(&verilator, &both_ways),
        &["pad", "VL_INOUT8(&io,0,0);"],
    );
    let other_top = Design::new("other").with_source("top.v", "module top; endmodule");
    assert_contains(&message_of_build(&verilator, &other_top), &["other"]);
    let nameless = Design::new("top").with_source("../top.v", "module top; endmodule");
    assert_contains(&message_of_build(&verilator, &nameless), &["../top.v"]);
}

#[test]
fn a_missing_tool_says_how_to_get_it() {
    let error = Verilator::at("/nonexistent").unwrap_err().to_string();
    assert_contains(
        &error,
        &["/nonexistent", "bash testbenches/tools.sh", "package verilator"],
    );
}

#[test]
fn wrong_uses_of_ports_name_the_port() {
    let verilator = common::found();
    let mut model = verilator.build(&common::widths(), &BuildOptions::default()).unwrap();
    let unknown = model.port("clock").unwrap_err().to_string();
    assert_contains(&unknown, &["\"clock\"", "input one", "output [275:0] not_wide"]);

    let mut expected = Port {
        name: "twelve".into(),
        width_bits: 12,
        direction: Direction::Input,
    };
    assert_eq!(model.port_like(&expected).unwrap(), model.port("twelve").unwrap());
    expected.width_bits = 13;
    let other_width = model.port_like(&expected).unwrap_err().to_string();
    assert_contains(&other_width, &["is input [11:0] twelve", "must be input [12:0] twelve"]);
    expected.width_bits = 12;
    expected.direction = Direction::Output;
    let other_direction = model.port_like(&expected).unwrap_err().to_string();
    assert_contains(
        &other_direction,
        &["is input [11:0] twelve", "must be output [11:0] twelve"],
    );

    let (one, twelve, wide) = (
        model.port("one").unwrap(),
        model.port("twelve").unwrap(),
        model.port("wide").unwrap(),
    );
    let output = model.port("not_one").unwrap();
    let too_large = message_of_panic(&mut model, |model| model.set(twelve, 0x1000));
    assert_contains(&too_large, &["0x1000", "input [11:0] twelve"]);
    let too_large = message_of_panic(&mut model, |model| {
        model.set_words(wide, &[0, 0, 0, 0, 0, 0, 0, 0, 1 << 20])
    });
    assert_contains(&too_large, &["word 8", "input [275:0] wide"]);
    let too_short = message_of_panic(&mut model, |model| model.set_bytes(wide, &[0; 34]));
    assert_contains(&too_short, &["input [275:0] wide", "35 bytes"]);
    let too_wide = message_of_panic(&mut model, |model| assert_eq!(model.get(wide), 0));
    assert_contains(&too_wide, &["input [275:0] wide", "get_bytes"]);
    let not_an_input = message_of_panic(&mut model, |model| model.set(output, 1));
    assert_contains(&not_an_input, &["output not_one"]);
    let not_a_clock = message_of_panic(&mut model, |model| model.posedge(twelve));
    assert_contains(&not_a_clock, &["input [11:0] twelve"]);

    model.set(one, 1);
    let never_rises = message_of_panic(&mut model, |model| model.posedge(one));
    assert_contains(&never_rises, &["input one", "left at 1"]);

    let mut other = verilator.build(&common::counter(), &BuildOptions::default()).unwrap();
    let foreign = message_of_panic(&mut other, |other| other.set(one, 1));
    assert_contains(&foreign, &["another design"]);
}

#[test]
fn waves_that_cannot_be_written_are_errors() {
    let verilator = common::found();
    let folder = tempfile::tempdir().unwrap();
    let mut without = verilator.build(&common::counter(), &BuildOptions::default()).unwrap();
    let error = without
        .open_waves(folder.path().join("waves.vcd"))
        .unwrap_err()
        .to_string();
    assert_contains(&error, &["waves.vcd", "BuildOptions::waves"]);
    let options = BuildOptions {
        waves: true,
        ..BuildOptions::default()
    };
    let mut with = verilator.build(&common::counter(), &options).unwrap();
    let error = with
        .open_waves(folder.path().join("missing/waves.vcd"))
        .unwrap_err()
        .to_string();
    assert_contains(&error, &["waves.vcd", "cannot be created"]);
}
