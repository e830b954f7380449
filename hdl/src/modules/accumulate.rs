//! `seedlm_accumulate`: sums of one row over the steps of its tile.

use crate::netlist::expression::Expression;
use crate::netlist::module::Module;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;

/// The accumulator of one row. Its width holds every sum over `largest_columns` weights.
pub fn accumulate(config: &DatapathConfig, format: &WeightFormat) -> Module {
    let mut m = Module::new(
        "seedlm_accumulate",
        &[
            "The sum of one row over the steps of its tile. It is complete in the cycle after the last step, with out_valid, and",
            "is gone with the next first step. It cannot overflow: its width is proved in the documentation of the format.",
        ],
    );
    let sum_bits = config.sum_bits(format) as usize;
    let accumulator_bits = config.accumulator_bits(format) as usize;
    m.parameter("SUM_BITS", sum_bits);
    m.parameter("ACCUMULATOR_BITS", accumulator_bits);
    let enable = m.input("enable", 1);
    let in_valid = m.input("in_valid", 1);
    let in_first = m.input("in_first", 1);
    let in_last = m.input("in_last", 1);
    let in_sum = m.input("in_sum", sum_bits);
    let valid = m.register("valid", 1);
    let sum = m.data_register("sum", accumulator_bits);
    m.set_if(&valid, &enable, &in_valid & &in_last);
    let before = in_first.choose(&Expression::zero(accumulator_bits), &sum);
    let take = m.wire("take", &enable & &in_valid);
    let added = if sum_bits > accumulator_bits {
        // Rows shorter than a step: what is beyond their end has zero activations.
        m.unused(&[in_sum.slice(accumulator_bits, sum_bits - accumulator_bits)]);
        in_sum.slice(0, accumulator_bits)
    } else {
        in_sum.sign_extend(accumulator_bits)
    };
    m.set_if(&sum, &take, before + added);
    m.output("out_valid", valid);
    m.output("out_sum", sum);
    m
}
