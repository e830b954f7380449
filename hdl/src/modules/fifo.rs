//! `seedlm_fifo`: a FIFO in a memory with a registered output.

use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, address_bits, bits_for};

/// A FIFO of `depth` words of `width` bits, and one more in the output register.
pub fn fifo(name: &str, width: usize, depth: usize) -> Module {
    let mut m = Module::new(
        name,
        &[
            "FIFO with a registered output, so that the memory can be a block RAM. A word is at the output two cycles after it",
            "has been taken, and a word per cycle passes. `level` counts the words held, the output register's included.",
        ],
    );
    m.parameter("WIDTH", width);
    m.parameter("DEPTH", depth);
    let (address, counter) = (address_bits(depth), bits_for(depth));
    let s_axis_tvalid = m.input("s_axis_tvalid", 1);
    let s_axis_tdata = m.input("s_axis_tdata", width);
    let m_axis_tready = m.input("m_axis_tready", 1);
    let write_address = m.register("write_address", address);
    let read_address = m.register("read_address", address);
    let count = m.register("count", counter);
    let out_valid = m.register("out_valid", 1);
    let not_full = m.wire("not_full", !count.is(depth));
    let push = m.wire("push", &s_axis_tvalid & &not_full);
    let load = m.wire("load", count.any_bit() & (&!&out_valid | &m_axis_tready));
    let out_data = m.memory(
        "words",
        depth,
        (&push, &write_address, &s_axis_tdata),
        (Some(&load), &read_address, "out_data"),
    );
    let next = |pointer: &Expression| {
        let first = Expression::zero(address);
        pointer
            .is(depth - 1)
            .choose(&first, &(pointer + &Expression::constant(address, 1_u8)))
    };
    let (next_write, next_read) = (next(&write_address), next(&read_address));
    m.set_if(&write_address, &push, next_write);
    m.set_if(&read_address, &load, next_read);
    let changed = &(&count + &push.zero_extend(counter)) - &load.zero_extend(counter);
    m.set(&count, changed);
    let still_valid = &load | &(&out_valid & &!&m_axis_tready);
    m.set(&out_valid, still_valid);
    let level = bits_for(depth + 1);
    m.output("s_axis_tready", not_full);
    m.output("m_axis_tvalid", out_valid.clone());
    m.output("m_axis_tdata", out_data);
    m.output("level", count.zero_extend(level) + out_valid.zero_extend(level));
    m
}
