//! `seedlm_uart`: the sending half of a UART, 8 data bits, no parity, one stop bit.

use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, bits_for};

/// Bits of a frame: start, data, stop.
const FRAME_BITS: usize = 10;

/// A transmitter whose bits last `cycles_per_bit` cycles of the clock.
pub fn uart(cycles_per_bit: usize) -> Module {
    let mut m = Module::new(
        "seedlm_uart",
        &[
            "Sends bytes on a line that is 1 while idle: a 0, the byte from its lowest bit on, a 1. The frame is held inverted, so",
            "that a line of zeros, which stands there after reset, is an idle one.",
        ],
    );
    m.parameter("CYCLES_PER_BIT", cycles_per_bit);
    let s_axis_tvalid = m.input("s_axis_tvalid", 1);
    let s_axis_tdata = m.input("s_axis_tdata", 8);
    let frame = m.register("frame", FRAME_BITS);
    let bits_left = m.register("bits_left", bits_for(FRAME_BITS));
    let cycles = m.register("cycles", bits_for(cycles_per_bit - 1));
    let busy = m.wire("busy", bits_left.any_bit());
    let accept = m.wire("accept", &s_axis_tvalid & &!&busy);
    let bit_ends = m.wire("bit_ends", &busy & &cycles.is(cycles_per_bit - 1));
    let one_cycle = Expression::constant(cycles.width(), 1_u8);
    m.set(&cycles, (&busy & &!&bit_ends).gate(&(&cycles + &one_cycle)));
    let moves = m.wire("moves", &accept | &bit_ends);
    let inverted = Expression::join([Expression::one(), !&s_axis_tdata, Expression::zero(1)]);
    let rest = frame.slice(1, FRAME_BITS - 1).zero_extend(FRAME_BITS);
    m.set_if(&frame, &moves, accept.choose(&inverted, &rest));
    let all = Expression::constant(bits_left.width(), FRAME_BITS);
    let one_bit = Expression::constant(bits_left.width(), 1_u8);
    m.set_if(&bits_left, &moves, accept.choose(&all, &(&bits_left - &one_bit)));
    m.output("s_axis_tready", !&busy);
    m.output("tx", !&frame.bit(0));
    m
}
