//! The modules as rust-hdl blocks in rust-hdl's own simulator. A first look: what counts is the Verilog.

use num_bigint::BigUint;
use rust_hdl_core::prelude::*;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::generate::modules;
use seedlm_hdl::netlist::block::HdlBlock;
use seedlm_hdl::options::Options;
use std::collections::VecDeque;

/// Updates until nothing changes, as rust-hdl's event loop does.
const MOST_UPDATES: usize = 100;

fn block(config: &DatapathConfig, format: &WeightFormat, name: &str) -> HdlBlock {
    let modules = modules(config, format, &Options::default()).unwrap();
    let module = modules.iter().find(|module| module.name() == name).unwrap();
    let mut block = HdlBlock::new(module);
    block.clk.connect();
    block.connect_all();
    block
}

fn clock(block: &mut HdlBlock) {
    for level in [true, false] {
        block.clk.next = level.into();
        assert!(simulate(block, MOST_UPDATES), "the block settles");
    }
}

fn settle(block: &mut HdlBlock) {
    assert!(simulate(block, MOST_UPDATES), "the block settles");
}

fn small(format: &WeightFormat) -> DatapathConfig {
    DatapathConfig {
        beat_bits: 64,
        lanes: 2,
        tile_rows: 2,
        largest_columns: 256,
        ..DatapathConfig::reference(format)
    }
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn a_lane_decodes_as_the_golden_model_does() {
    for name in ["paper-4b", "paper-3b", "fp16", "chained-4b"] {
        let format = WeightFormat::named(name).unwrap();
        let config = small(&format);
        let mut lane = block(&config, &format, "seedlm_decode_lane");
        lane.set("enable", 1_u8);
        lane.set("in_valid", 1_u8);
        let mut state = 1;
        let mut under_way = VecDeque::new();
        let mut checked = 0;
        for _ in 0..40 {
            let word = u128::from(random(&mut state)) & ((1 << format.lane_bits()) - 1);
            lane.set("in_word", word);
            under_way.push_back(word);
            clock(&mut lane);
            if *lane.get("out_valid") == BigUint::from(1_u8) {
                let (mantissas, exponent) = format.split_word(under_way.pop_front().unwrap());
                let width = format.mantissa_bits();
                let packed = mantissas.iter().rev().fold(BigUint::ZERO, |packed, &mantissa| {
                    (packed << width) | BigUint::from(mantissa as u64 & ((1 << width) - 1))
                });
                assert_eq!(*lane.get("out_mantissas"), packed, "{name}");
                if format.exponent_bits() > 0 {
                    assert_eq!(*lane.get("out_exponent"), BigUint::from(exponent), "{name}");
                }
                checked += 1;
            }
        }
        assert_eq!(checked, 41 - config.decode_stages(&format));
    }
}

#[test]
fn the_decoder_passes_a_stream_through_its_parts() {
    let format = WeightFormat::named("paper-4b").unwrap();
    let mut decoder = block(&small(&format), &format, "seedlm_decoder");
    let mut state = 1;
    let mut expected = VecDeque::new();
    let mut beat = random(&mut state);
    let mut checked = 0;
    for cycle in 0..120 {
        let take = random(&mut state).is_multiple_of(3);
        decoder.set("s_axis_tvalid", 1_u8);
        decoder.set("s_axis_tdata", beat);
        decoder.set("m_axis_tready", u8::from(take));
        settle(&mut decoder);
        if decoder.get("m_axis_tvalid").bit(0) && take {
            let exponents: u64 = expected.pop_front().expect("nothing comes that was not sent");
            assert_eq!(*decoder.get("m_axis_tuser"), BigUint::from(exponents), "cycle {cycle}");
            checked += 1;
        }
        let accepted = decoder.get("s_axis_tready").bit(0);
        if accepted {
            let exponent = |word: u64| u64::from(format.split_word(word.into()).1);
            expected.push_back(exponent(beat & 0xffff_ffff) | exponent(beat >> 32) << 4);
            beat = random(&mut state);
        }
        clock(&mut decoder);
    }
    assert!(checked > 20, "{checked} groups in 120 cycles");
}

#[test]
fn a_history_is_kept_from_group_to_group_and_cleared_at_the_end_of_a_row() {
    let format = WeightFormat::named("chained-4b").unwrap();
    let mut history = block(&small(&format), &format, "seedlm_history");
    let mut expected = 0_u64;
    let mut state = 1;
    for cycle in 0..100 {
        let end = random(&mut state) & ((1 << format.history_bits()) - 1);
        let (take, last, reset) = (cycle % 3 != 0, cycle % 5 == 0, cycle == 50);
        history.set("take", u8::from(take));
        history.set("last", u8::from(last));
        history.set("rst", u8::from(reset));
        history.set("in_end", end);
        clock(&mut history);
        if reset || take && last {
            expected = 0;
        } else if take {
            expected = end;
        }
        assert_eq!(*history.get("out_history"), BigUint::from(expected), "cycle {cycle}");
    }
}

/// rust-hdl's own checks: everything is driven.
#[test]
fn rust_hdl_finds_every_signal_connected() {
    for name in ["paper-4b", "chained-4b"] {
        let format = WeightFormat::named(name).unwrap();
        let matvec = block(&small(&format), &format, "seedlm_matvec");
        check_connected(&matvec).expect("every signal is driven");
    }
}
