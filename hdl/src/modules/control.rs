//! `seedlm_control`: the registers, behind AXI4-Lite.

use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, bits_for};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::machine::registers::{
    CONTROL_ADDRESS, CYCLES_ADDRESS, STATUS_ADDRESS, STATUS_UNDER_WAY_BIT, STEPS_ADDRESS, TILES_ADDRESS,
    constant_registers,
};

/// Addresses are bytes; this many bits of them are looked at.
const ADDRESS_BITS: usize = 8;

/// AXI4-Lite responses (AMBA AXI4, A3.4.4).
const SLAVE_ERROR: u8 = 2;

/// The AXI4-Lite slave with the constant registers of the configuration, the size of the next matrix, start, status and a
/// counter of cycles.
///
/// Products under way: one waits at the most, one is in the sequence at the most, and of every other at least one tile is
/// issued and has not left, of which the sequence allows `result_fifo_groups`.
pub fn control(config: &DatapathConfig, format: &WeightFormat) -> Module {
    let mut m = Module::new(
        "seedlm_control",
        &[
            "AXI4-Lite slave: constant registers that say what this machine is, and those that start a product. A start is taken",
            "while products run, and waits until the sequence and the activation buffer have both taken it. Writes to unknown or",
            "read-only addresses, sizes written while a start waits, and starts that cannot be, are answered with SLVERR and",
            "change nothing.",
        ],
    );
    let constants = constant_registers(config, format);
    for register in &constants {
        let value = format!("32'h{:08x}", register.value);
        m.parameter(&format!("REGISTER_{:02X}_{}", register.address, register.name), value);
    }
    let awvalid = m.input("s_axil_awvalid", 1);
    let awaddr = m.input("s_axil_awaddr", ADDRESS_BITS);
    let wvalid = m.input("s_axil_wvalid", 1);
    let wdata = m.input("s_axil_wdata", 32);
    let wstrb = m.input("s_axil_wstrb", 4);
    let bready = m.input("s_axil_bready", 1);
    let arvalid = m.input("s_axil_arvalid", 1);
    let araddr = m.input("s_axil_araddr", ADDRESS_BITS);
    let rready = m.input("s_axil_rready", 1);
    let run_ready = m.input("run_ready", 1);
    let load_ready = m.input("load_ready", 1);
    let results_done = m.input("results_done", 1);
    m.unused(&[awaddr.slice(0, 2), araddr.slice(0, 2)]);

    m.comment("Write channels: address and data are taken one each, in any order, and answered together.");
    let have_address = m.register("have_address", 1);
    let have_data = m.register("have_data", 1);
    let word = m.data_register("word_address", ADDRESS_BITS - 2);
    let data = m.data_register("data", 32);
    let strobe = m.data_register("strobe", 4);
    let bvalid = m.register("bvalid", 1);
    let bresp = m.data_register("bresp", 2);
    let write = m.wire("write", &(&have_address & &have_data) & &!&bvalid);
    let take_address = m.wire("take_address", &awvalid & &!&have_address);
    let take_data = m.wire("take_data", &wvalid & &!&have_data);
    m.set(&have_address, &take_address | &(&have_address & &!&write));
    m.set(&have_data, &take_data | &(&have_data & &!&write));
    m.set_if(&word, &take_address, awaddr.slice(2, ADDRESS_BITS - 2));
    m.set_if(&data, &take_data, wdata);
    m.set_if(&strobe, &take_data, wstrb);

    m.comment("The registers that can be written.");
    let most_under_way = config.result_fifo_groups as usize + 2;
    let under_way = m.register("under_way", bits_for(most_under_way));
    let done = m.register("done", 1);
    let tiles = m.register("tiles_register", 32);
    let steps = m.register("steps_register", 32);
    let cycles = m.register("cycles", 32);
    let begins = m.register("begins", 1);
    let run_waits = m.register("run_waits", 1);
    let load_waits = m.register("load_waits", 1);
    let busy = m.wire("busy", under_way.any_bit());
    let full = m.wire("full", &run_waits | &load_waits);
    let at = |m: &mut Module, name: &str, address: u32| m.wire(name, word.is(address as usize / 4));
    let at_control = at(&mut m, "at_control", CONTROL_ADDRESS);
    let at_tiles = at(&mut m, "at_tiles", TILES_ADDRESS);
    let at_steps = at(&mut m, "at_steps", STEPS_ADDRESS);
    let asks_start = m.wire("asks_start", &(&at_control & &strobe.bit(0)) & &data.bit(0));
    let largest = Expression::constant(32, config.largest_steps(format));
    let sizes_fit = &(&tiles.any_bit() & &steps.any_bit()) & &!largest.less_than(&steps);
    let can_start = m.wire("can_start", &!&full & &sizes_fit);
    let starts = m.wire("starts", &(&write & &asks_start) & &can_start);
    let mask = m.wire("mask", Expression::join((0..4).map(|byte| strobe.bit(byte).repeat(8))));
    let merged = |old: &Expression| &(&data & &mask) | &(old & &!&mask);
    let (new_tiles, new_steps) = (merged(&tiles), merged(&steps));
    let sizes_open = m.wire("sizes_open", &write & &!&full);
    let (writes_tiles, writes_steps) = (&sizes_open & &at_tiles, &sizes_open & &at_steps);
    m.set_if(&tiles, &writes_tiles, new_tiles);
    m.set_if(&steps, &writes_steps, new_steps);
    let writable = &(&(&at_tiles | &at_steps) & &!&full) | &at_control;
    let refused = m.wire("refused", &!writable | &(&asks_start & &!&can_start));
    m.set_if(&bresp, &write, refused.gate(&Expression::constant(2, SLAVE_ERROR)));
    let answered = m.wire("answered", &bvalid & &bready);
    m.set(&bvalid, &write | &(&bvalid & &!&answered));
    m.set(&run_waits, &starts | &(&run_waits & &!&run_ready));
    m.set(&load_waits, &starts | &(&load_waits & &!&load_ready));
    let bits = under_way.width();
    let change = &(&under_way + &starts.zero_extend(bits)) - &results_done.zero_extend(bits);
    m.set(&under_way, change);
    m.set(&done, &results_done | &(&done & &!&starts));

    m.comment("Cycles since the start that found the machine idle.");
    m.set(&begins, &starts & &!&busy);
    let counts = m.wire("counts", &begins | &busy);
    let next_cycles = &cycles + &Expression::constant(32, 1_u8);
    m.set_if(&cycles, &counts, (!&begins).gate(&next_cycles));

    m.comment("Read channel.");
    let rvalid = m.register("rvalid", 1);
    let rdata = m.data_register("rdata", 32);
    let rresp = m.data_register("rresp", 2);
    let read = m.wire("read", &arvalid & &!&rvalid);
    let status = Expression::join([
        busy,
        done,
        full,
        Expression::zero(STATUS_UNDER_WAY_BIT as usize - 3),
        under_way.zero_extend(32 - STATUS_UNDER_WAY_BIT as usize),
    ]);
    let mut values: Vec<(u32, Expression)> = constants
        .iter()
        .map(|register| (register.address, Expression::constant(32, register.value)))
        .collect();
    values.push((CONTROL_ADDRESS, Expression::zero(32)));
    values.push((STATUS_ADDRESS, status));
    values.push((TILES_ADDRESS, tiles.clone()));
    values.push((STEPS_ADDRESS, steps.clone()));
    values.push((CYCLES_ADDRESS, cycles.clone()));
    let read_word = m.wire("read_word", araddr.slice(2, ADDRESS_BITS - 2));
    let word_addresses = values.iter().map(|(address, _)| *address as usize / 4).collect();
    let arms = values
        .into_iter()
        .map(|(address, register)| (vec![address as usize / 4], register))
        .collect();
    let value = m.choice("read_value", &read_word, arms, Expression::zero(32));
    let refused = Expression::constant(2, SLAVE_ERROR);
    let response = m.choice(
        "read_response",
        &read_word,
        vec![(word_addresses, Expression::zero(2))],
        refused,
    );
    m.set_if(&rdata, &read, value);
    m.set_if(&rresp, &read, response);
    m.set(&rvalid, &read | &(&rvalid & &!&rready));
    m.output("s_axil_awready", !&have_address);
    m.output("s_axil_wready", !&have_data);
    m.output("s_axil_bvalid", bvalid);
    m.output("s_axil_bresp", bresp);
    m.output("s_axil_arready", !&rvalid);
    m.output("s_axil_rvalid", rvalid);
    m.output("s_axil_rdata", rdata);
    m.output("s_axil_rresp", rresp);
    m.output("run_valid", run_waits);
    m.output("load_valid", load_waits);
    m.output("tiles", tiles);
    m.output("steps", steps);
    m
}
