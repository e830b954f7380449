//! `seedlm_activation_buffer`: written a beat, read a step at a time.

use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, address_bits, bits_for};
use crate::netlist::pipeline::Pipeline;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::{ActivationLayout, DatapathConfig};

/// The activations of two matrices, each in its half of a memory that can be block RAM: one is read while the next one's are
/// written. What is asked for with a group of words comes out when that group's weights do.
///
/// Reads are held back, so the last ones of a matrix reach the memory when the sequence is at the next matrix already: a half
/// is written anew only after `free` has said that they are out.
pub fn activation_buffer(config: &DatapathConfig, format: &WeightFormat) -> Module {
    let mut m = Module::new(
        "seedlm_activation_buffer",
        &[
            "The activations of two matrices, one in each half of the memory. next_valid offers a matrix; it is taken when the one",
            "before it is complete and a half is free, and then a beat is taken per cycle until those of all its steps are there.",
            "read asks for the next step, and they are on activations DELAY cycles later, when the weights of that step leave the",
            "decode lanes; read_restart with read goes back to step 0, read_next with both to step 0 of the next matrix. free says",
            "that the last step of the oldest matrix has been on activations. loaded counts the steps that are there of the matrix",
            "that is read; all ones mean all of them.",
        ],
    );
    let layout = ActivationLayout::new(config, format);
    let beat_bits = config.beat_bits as usize;
    let delay = config.decode_stages(format) as usize;
    let banks = layout.beats_per_step;
    let depth = layout.beats(config.largest_steps(format)) / banks;
    let step_bits = layout.activations_per_step * config.activation_bits as usize;
    m.parameter("BEAT_BITS", beat_bits);
    m.parameter("STEP_BITS", step_bits);
    m.parameter("STEPS_PER_BEAT", layout.steps_per_beat);
    m.parameter("BEATS_PER_STEP", banks);
    m.parameter("DEPTH", depth);
    m.parameter("DELAY", delay);
    let address = address_bits(2 * depth);
    // Whole beats are loaded: the count ends at the first multiple that is not below the steps.
    let most_steps = config.largest_steps(format).next_multiple_of(layout.steps_per_beat);
    let step_count = bits_for(most_steps);
    let slot_bits = bits_for(layout.steps_per_beat - 1);
    let bank_bits = bits_for(banks - 1);
    let next_valid = m.input("next_valid", 1);
    let steps = m.input("steps", 32);
    let s_axis_tvalid = m.input("s_axis_tvalid", 1);
    let s_axis_tdata = m.input("s_axis_tdata", beat_bits);
    let read = m.input("read", 1);
    let read_restart = m.input("read_restart", 1);
    let read_next = m.input("read_next", 1);
    let free = m.input("free", 1);

    m.comment(
        "Whose turn it is: matrices taken and not read to the end, and those whose half is not free. Both are 0 to 2.",
    );
    let loaded = m.register("loaded_steps", step_count);
    let load_steps = m.register("load_steps", step_count);
    let unread = m.register("unread", 2);
    let held = m.register("held", 2);
    let write_half = m.register("write_half", 1);
    let read_half = m.register("read_half", 1);
    let ready = m.wire("ready", loaded.less_than(&load_steps));
    let next_ready = m.wire("takes_next", &!&ready & &!held.bit(1));
    let start = m.wire("start", &next_valid & &next_ready);
    let ends = m.wire("ends", &read & &read_next);
    let count = |register: &Expression, down: &Expression| &(register + &start.zero_extend(2)) - &down.zero_extend(2);
    m.set(&unread, count(&unread, &ends));
    m.set(&held, count(&held, &free));
    m.set_if(&write_half, &start, !&write_half);
    m.set_if(&read_half, &ends, !&read_half);
    m.set_if(&load_steps, &start, steps.slice(0, step_count));
    if step_count < 32 {
        m.comment("The registers refuse more steps than there is room for.");
        m.unused(&[steps.slice(step_count, 32 - step_count)]);
    }
    let base = |half: &Expression| half.gate(&Expression::constant(address, depth));

    m.comment("Writing: beats fill the banks of an address, then the next address.");
    let write_address = m.register("write_address", address);
    let write = m.wire("write", &s_axis_tvalid & &ready);
    let (bank, last_bank) = if banks > 1 {
        let bank = m.register("bank", bank_bits);
        let last = m.wire("last_bank", bank.is(banks - 1));
        (Some(bank), last)
    } else {
        (None, Expression::one())
    };
    let complete = m.wire("complete", &write & &last_bank);
    let counts = &start | &complete;
    let counts = m.wire("counts", counts);
    let more = &loaded + &Expression::constant(step_count, layout.steps_per_beat);
    m.set_if(&loaded, &counts, (!&start).gate(&more));
    let next_address = &write_address + &Expression::constant(address, 1_u8);
    m.set_if(&write_address, &counts, start.choose(&base(&write_half), &next_address));
    if let Some(bank) = &bank {
        let next = (!&last_bank).gate(&(bank + &Expression::constant(bank_bits, 1_u8)));
        m.set_if(bank, &write, next);
    }

    m.comment("Reading: the address and the place in the beat of the next step.");
    let read_address = m.register("read_address", address);
    let restart = m.wire("restart", &read & &read_restart);
    let slot = (layout.steps_per_beat > 1).then(|| m.register("slot", slot_bits));
    let last_slot = match &slot {
        Some(slot) => m.wire("last_slot", slot.is(layout.steps_per_beat - 1)),
        None => Expression::one(),
    };
    let advance = m.wire("advance", &restart | &(&read & &last_slot));
    let following = &read_address + &Expression::constant(address, 1_u8);
    let restart_half = m.wire("restart_half", &read_half ^ &read_next);
    m.set_if(
        &read_address,
        &advance,
        restart.choose(&base(&restart_half), &following),
    );
    if let Some(slot) = &slot {
        let next = (!(&restart | &last_slot)).gate(&(slot + &Expression::constant(slot_bits, 1_u8)));
        m.set_if(slot, &read, next);
    }

    // The memory's read register takes a cycle and, where there is time, so does the choice of the step in the beat.
    let choose_in_own_stage = delay > 1 && slot.is_some();
    let memory_stage = if choose_in_own_stage { delay - 1 } else { delay };
    let always = Expression::one();
    let mut pipeline = Pipeline::new(&mut m, &always, beat_bits);
    let address_then = pipeline.hold_back(&read_address, 0, memory_stage - 1);
    let slot_then = slot.map(|slot| pipeline.hold_back(&slot, 0, memory_stage));
    let words: Vec<Expression> = (0..banks)
        .map(|index| {
            let this_bank = match &bank {
                Some(bank) => &write & &bank.is(index),
                None => write.clone(),
            };
            let name = format!("bank_{index}_words");
            m.memory(
                &name,
                2 * depth,
                (&this_bank, &write_address, &s_axis_tdata),
                (None, &address_then, &format!("bank_{index}_read")),
            )
        })
        .collect();
    let step = match slot_then {
        Some(slot) => {
            let places = (0..layout.steps_per_beat).map(|place| words[0].slice(place * step_bits, step_bits));
            let chosen = places
                .enumerate()
                .map(|(place, bits)| slot.is(place).gate(&bits))
                .reduce(|a, b| a | b)
                .expect("a beat holds a step");
            let used = layout.steps_per_beat * step_bits;
            if used < beat_bits {
                m.unused(&[words[0].slice(used, beat_bits - used)]);
            }
            if choose_in_own_stage {
                Pipeline::new(&mut m, &always, step_bits).register("chosen", chosen)
            } else {
                chosen
            }
        }
        None => {
            let whole = m.wire("whole", Expression::join(words));
            let step = whole.slice(0, step_bits);
            if step_bits < whole.width() {
                m.unused(&[whole.slice(step_bits, whole.width() - step_bits)]);
            }
            step
        }
    };
    let all = unread.bit(1).repeat(32);
    let some = unread.bit(0).gate(&loaded.zero_extend(32));
    m.output("next_ready", next_ready);
    m.output("s_axis_tready", ready);
    m.output("loaded", all | some);
    m.output("activations", step);
    m
}
