//! `seedlm_sequence`: where in the matrix the datapath is, and whether the next group may enter it.

use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, bits_for};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;

/// Counts steps and tiles. The datapath behind it never stalls: a tile's last group enters only when there is room for the
/// tile's results. The next matrix is taken in the cycle after the last group of this one, in which the gearbox has no group
/// either: so its place in the matrix need not be thought of twice in one cycle.
pub fn sequence(config: &DatapathConfig, format: &WeightFormat) -> Module {
    let mut m = Module::new(
        "seedlm_sequence",
        &[
            "Counts the steps and tiles of a matrix and says which group is first and last. A group may enter the datapath when",
            "its activations are there and, if it ends a tile, when there is room for the tile's results: so nothing behind it",
            "ever has to wait. tile_left says that all results of a tile have left. A matrix is taken when no group of the one before",
            "it is still to enter; tiles of that one may be under way.",
        ],
    );
    let room = config.result_fifo_groups as usize;
    let counter = bits_for(room);
    m.parameter("RESULT_FIFO_GROUPS", room);
    let next_valid = m.input("next_valid", 1);
    let tiles = m.input("tiles", 32);
    let steps = m.input("steps", 32);
    let loaded = m.input("loaded", 32);
    let group_valid = m.input("group_valid", 1);
    let tile_left = m.input("tile_left", 1);
    let one = Expression::constant(32, 1_u8);
    let step_bits = bits_for(config.largest_steps(format) - 1);
    let one_step = Expression::constant(step_bits, 1_u8);
    let tiles_left = m.register("tiles_left", 32);
    let last_step = m.data_register("last_step", step_bits);
    let step = m.register("step", step_bits);
    let in_flight = m.register("in_flight", counter);
    let running = m.wire("is_running", tiles_left.any_bit());
    let is_last = m.wire("is_last", step.equals(&last_step));
    let is_last_tile = m.wire("is_last_tile", tiles_left.equals(&one));
    let has_room = m.wire(
        "has_room",
        !&is_last | in_flight.less_than(&Expression::constant(counter, room)),
    );
    let step_loaded = m.wire("is_loaded", step.zero_extend(32).less_than(&loaded));
    let ready = m.wire("ready", &(&running & &step_loaded) & &has_room);
    let issue = m.wire("issue", &group_valid & &ready);
    let tile_issued = m.wire("tile_issued", &issue & &is_last);
    let next_ready = m.wire("is_idle", !&running);
    let start = m.wire("start", &next_valid & &next_ready);
    // The registers refuse more steps than there can be, and 0.
    m.set_if(&last_step, &start, &steps.slice(0, step_bits) - &one_step);
    if step_bits < 32 {
        m.unused(&[steps.slice(step_bits, 32 - step_bits)]);
    }
    m.set_if(&step, &issue, (!&is_last).gate(&(&step + &one_step)));
    let tile_moves = m.wire("tile_moves", &start | &tile_issued);
    m.set_if(&tiles_left, &tile_moves, start.choose(&tiles, &(&tiles_left - &one)));
    let change = &(&in_flight + &tile_issued.zero_extend(counter)) - &tile_left.zero_extend(counter);
    m.set(&in_flight, change);
    m.output("next_ready", next_ready);
    m.output("running", running);
    m.output("group_ready", ready);
    m.output("step_loaded", step_loaded);
    m.output("first", step.is(0));
    m.output("flush", &is_last & &is_last_tile);
    m.output("last", is_last);
    m.output("last_tile", is_last_tile);
    m
}
