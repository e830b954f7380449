//! `seedlm_lanes`: the decode lanes alone, to be measured. No machine has it inside.

use super::Parts;
use super::history::lane_words;
use crate::netlist::expression::Expression;
use crate::netlist::module::Module;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;

/// All lanes of a machine, and the histories of its rows.
pub fn lanes(config: &DatapathConfig, format: &WeightFormat, parts: &Parts) -> Module {
    let mut m = Module::new(
        "seedlm_lanes",
        &["The decode lanes of a machine without what stands around them, to be measured."],
    );
    m.parameter("LANES", config.lanes);
    m.parameter("WEIGHTS_PER_WORD", format.weights_per_word());
    let enable = m.input("enable", 1);
    let valid = m.input("in_valid", 1);
    let last = format.history_bits() > 0;
    let last = if last {
        m.input("in_last", 1)
    } else {
        Expression::zero(1)
    };
    let words = m.input("in_words", config.group_bits(format));
    let take = m.wire("take", &enable & &valid);
    let words = lane_words(&mut m, config, format, parts.history.as_ref(), &words, (&take, &last));
    let lanes: Vec<_> = words
        .into_iter()
        .enumerate()
        .map(|(lane, word)| {
            let inputs = [
                ("enable", enable.clone()),
                ("in_valid", valid.clone()),
                ("in_word", word),
            ];
            m.instance(&format!("lane_{lane}"), &parts.decode_lane, &inputs)
        })
        .collect();
    for port in parts.decode_lane.ports() {
        if port.name.starts_with("out_") {
            let all = Expression::join(lanes.iter().map(|lane| lane.get(&port.name)));
            m.output(&port.name, all);
        }
    }
    m
}
