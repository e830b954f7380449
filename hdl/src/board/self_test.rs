//! `seedlm_self_test`: the decoder with a tensor in a ROM before it, and behind it a checksum, two lights and a UART.

use super::crc::crc32;
use super::message::Message;
use super::tensor::TestTensor;
use super::uart::uart;
use crate::modules::tops;
use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, address_bits, bits_for};
use crate::options::Options;
use num_bigint::BigUint;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{CodecError, Crc32, WeightFormat};
use std::rc::Rc;

/// What a board's test is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Cycles of the clock that a bit lasts on the UART's line.
    pub cycles_per_bit: usize,
    /// Cycles of the clock between a report and the next test.
    pub pause_cycles: usize,
}

/// The self-test, and what it must find.
#[derive(Clone, Debug)]
pub struct SelfTest {
    /// The module.
    pub module: Rc<Module>,
    /// The checksum of the weights.
    pub expected: Crc32,
    /// Weights that a test regenerates.
    pub weights: usize,
    /// Bits of the ROM.
    pub rom_bits: usize,
}

/// The decoder of a board: beats of 64 bits and as many lanes as take one in a cycle.
pub fn decoder_config(format: &WeightFormat) -> DatapathConfig {
    DatapathConfig {
        beat_bits: 64,
        lanes: 64 / format.word_bits().min(32),
        tile_rows: 1,
        ..DatapathConfig::reference(format)
    }
}

/// The self-test with a tensor.
///
/// # Errors
/// When there is no decoder for the tensor's code.
pub fn self_test(tensor: &TestTensor, timing: Timing, options: &Options) -> Result<SelfTest, CodecError> {
    let format = WeightFormat::Chained(tensor.code()?);
    let config = decoder_config(&format);
    let decoder = tops(&config, &format, options)?.decoder;
    let beats = tensor.beats(&config, &format);
    let expected = tensor.crc32(&config, &format);
    let weights = tensor.weights(&config, &format).len();
    let per_group = config.multipliers(&format);
    let groups = weights / per_group;
    let mut m = Module::new(
        "seedlm_self_test",
        &[
            "A decoder that tests itself: it regenerates the tensor in the ROM and compares the CRC-32 of the weights, a byte each,",
            "with the one that the golden model has for them. passed and failed show the last test's outcome, turn changes with",
            "every test, and a line on the UART says which checksum was found.",
        ],
    );
    m.parameter("BEATS", beats.len());
    m.parameter("GROUPS", groups);
    m.parameter("WEIGHTS_PER_GROUP", per_group);
    m.parameter("EXPECTED_CRC", format!("32'h{expected}"));
    m.parameter("PAUSE_CYCLES", timing.pause_cycles);

    m.comment("A test, its report, a pause. After reset it is as after a report.");
    let running = m.register("running", 1);
    let reporting = m.register("reporting", 1);
    let pausing = m.wire("pausing", !(&running | &reporting));
    let pause = counter(&mut m, "pause", timing.pause_cycles, &pausing, &Expression::zero(1));
    let start = m.wire("start", &pausing & &pause.is_last);

    m.comment("The tensor: a beat, and above it whether a row ends.");
    let fetched = m.register("fetched", 1);
    let decoder_ready = m.net("decoder_s_axis_tready", 1);
    let fetch = m.net("fetch", 1);
    let address = m.register("address", address_bits(beats.len()));
    let arms = beats.iter().enumerate().map(|(place, beat)| {
        let data = BigUint::from_bytes_le(&beat.data) + (BigUint::from(u8::from(beat.last)) << config.beat_bits);
        (vec![place], Expression::constant(config.beat_bits as usize + 1, data))
    });
    let rom_width = config.beat_bits as usize + 1;
    let word = m.choice("rom", &address, arms.collect(), Expression::zero(rom_width));
    let beat = m.data_register("beat", rom_width);
    m.set_if(&beat, &fetch, word);
    let sent = m.register("sent", 1);
    let offered = m.wire("offered", &fetched & &!&decoder_ready);
    m.drive(&fetch, &(&running & &!&sent) & &!&offered);
    m.set(&fetched, &fetch | &offered);
    let is_last_beat = m.wire("is_last_beat", address.is(beats.len() - 1));
    let next_address = (!&is_last_beat).gate(&(&address + &Expression::constant(address.width(), 1_u8)));
    m.set_if(&address, &fetch, next_address);
    m.set(&sent, !&start & (&sent | &(&fetch & &is_last_beat)));

    m.comment("The weights of a group go through the checksum a byte a cycle.");
    let bytes_left = m.register("bytes_left", bits_for(per_group));
    let group_ready = m.wire("group_ready", !bytes_left.any_bit());
    let outputs = m.instance(
        "decoder",
        &decoder,
        &[
            ("s_axis_tvalid", fetched.clone()),
            ("s_axis_tdata", beat.slice(0, config.beat_bits as usize)),
            ("s_axis_tlast", beat.bit(config.beat_bits as usize)),
            ("m_axis_tready", group_ready.clone()),
        ],
    );
    m.unused(&[outputs.get("m_axis_tlast")]);
    let take = m.wire("take", &outputs.get("m_axis_tvalid") & &group_ready);
    let bytes = m.data_register("bytes", 8 * per_group);
    let rest = bytes.slice(8, 8 * (per_group - 1)).zero_extend(8 * per_group);
    m.set(&bytes, take.choose(&outputs.get("m_axis_tdata"), &rest));
    let all_bytes = Expression::constant(bytes_left.width(), per_group);
    let one_byte = Expression::constant(bytes_left.width(), 1_u8);
    let fewer = (!&group_ready).gate(&(&bytes_left - &one_byte));
    m.set(&bytes_left, take.choose(&all_bytes, &fewer));
    let checksum = m.instance(
        "crc32",
        &Rc::new(crc32()),
        &[
            ("clear", start.clone()),
            ("in_valid", !&group_ready),
            ("in_byte", bytes.slice(0, 8)),
        ],
    );
    let checksum = checksum.get("out_crc");
    let taken = counter(&mut m, "groups_taken", groups, &take, &start);
    let complete = m.register("complete", 1);
    m.set(&complete, !&start & (&complete | &(&take & &taken.is_last)));
    let finish = m.wire("finish", &(&running & &complete) & &group_ready);
    m.set(&running, &start | &(&running & &!&finish));

    m.comment("The outcome.");
    let expected_crc = Expression::constant(32, expected.0);
    let is_right = m.wire("is_right", checksum.equals(&expected_crc));
    let passed = m.register("passed_register", 1);
    let failed = m.register("failed_register", 1);
    let turn = m.register("turn_register", 1);
    m.set_if(&passed, &finish, is_right.clone());
    m.set_if(&failed, &finish, !&is_right);
    m.set_if(&turn, &finish, !&turn);

    m.comment("The report.");
    let message = Message::new(&tensor.weights);
    let uart_ready = m.net("transmitter_s_axis_tready", 1);
    let sends = m.wire("sends", &reporting & &uart_ready);
    let place = counter(&mut m, "place", message.length(), &sends, &Expression::zero(1));
    let character = message.character(&mut m, &place.value, &checksum, &passed);
    let transmitter = m.instance(
        "transmitter",
        &Rc::new(uart(timing.cycles_per_bit)),
        &[("s_axis_tvalid", reporting.clone()), ("s_axis_tdata", character)],
    );
    m.set(&reporting, &finish | &(&reporting & &!(&sends & &place.is_last)));
    m.output("uart_tx", transmitter.get("tx"));
    m.output("passed", passed);
    m.output("failed", failed);
    m.output("turn", turn);
    Ok(SelfTest {
        module: Rc::new(m),
        expected,
        weights,
        rom_bits: beats.len() * rom_width,
    })
}

/// A counter and whether it is at its last value.
struct Counter {
    value: Expression,
    is_last: Expression,
}

/// A counter of `count` values that moves on with `advance`, begins again after the last one, and with `clear`.
fn counter(m: &mut Module, name: &str, count: usize, advance: &Expression, clear: &Expression) -> Counter {
    let value = m.register(name, address_bits(count));
    let is_last = m.wire(&format!("{name}_is_last"), value.is(count - 1));
    let next = &value + &Expression::constant(value.width(), 1_u8);
    let moves = m.wire(&format!("{name}_moves"), advance | clear);
    m.set_if(&value, &moves, (!(&is_last | clear)).gate(&next));
    Counter { value, is_last }
}
