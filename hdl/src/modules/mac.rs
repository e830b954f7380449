//! `seedlm_mac`: weights times activations, summed over what one row gets in a step.

use super::decode_lane::valid_line;
use crate::netlist::expression::Expression;
use crate::netlist::module::Module;
use crate::netlist::pipeline::{Pipeline, Term};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;

/// The MAC of one row of a tile.
pub fn mac(config: &DatapathConfig, format: &WeightFormat) -> Module {
    let mut m = Module::new(
        "seedlm_mac",
        &[
            "The multipliers of one row of a tile: sum of (mantissa * activation) * 2^exponent over the words that the row gets in",
            "a step. Exact. All registers move when enable is 1; first and last travel with the sum.",
        ],
    );
    let words = config.words_per_tile_row();
    let weights = format.weights_per_word();
    let mantissa_bits = format.mantissa_bits() as usize;
    let exponent_bits = format.exponent_bits() as usize;
    let activation_bits = config.activation_bits as usize;
    let stages = config.mac_stages(format) as usize;
    let width = config.sum_bits(format) as usize;
    m.parameter("WORDS", words);
    m.parameter("WEIGHTS_PER_WORD", weights);
    m.parameter("MANTISSA_BITS", mantissa_bits);
    m.parameter("EXPONENT_BITS", exponent_bits);
    m.parameter("ACTIVATION_BITS", activation_bits);
    m.parameter("SUM_BITS", width);
    m.parameter("STAGES", stages);
    let enable = m.input("enable", 1);
    let tags = ["valid", "first", "last"].map(|tag| (tag, m.input(&format!("in_{tag}"), 1)));
    let mantissas = m.input("in_mantissas", words * weights * mantissa_bits);
    let exponents = (exponent_bits > 0).then(|| m.input("in_exponents", words * exponent_bits));
    let activations = m.input("in_activations", words * weights * activation_bits);
    for (tag, bit) in tags {
        let out = valid_line(&mut m, tag, &enable, &bit, stages);
        m.output(&format!("out_{tag}"), out);
    }
    // A legal word's mantissa is below 2^(bits-1) in magnitude, and words that are not legal mean nothing.
    let mantissa_limit = 1_i128 << (mantissa_bits - 1);
    let activation_limit = 1_i128 << (activation_bits - 1);
    let product_limit = (mantissa_limit - 1) * activation_limit;
    let mut pipeline = Pipeline::new(&mut m, &enable, width);
    let mut sums = Vec::new();
    for word in 0..words {
        let mut products = Vec::new();
        for weight in 0..weights {
            let index = word * weights + weight;
            let mantissa = mantissas.slice(index * mantissa_bits, mantissa_bits);
            let activation = activations.slice(index * activation_bits, activation_bits);
            let product = mantissa.signed_product(&activation, mantissa_bits + activation_bits - 1);
            let name = format!("product_{index}");
            let range = (-product_limit, product_limit);
            products.push(Term::within(pipeline.register(&name, product), range, 1));
        }
        let dot = pipeline.sum(&format!("dot_{word}"), products);
        sums.push(match &exponents {
            None => dot,
            Some(exponents) => {
                let exponent = pipeline.module.wire(
                    &format!("exponent_{word}"),
                    exponents.slice(word * exponent_bits, exponent_bits),
                );
                let exponent = pipeline.hold_back(&exponent, 0, dot.stage);
                let largest = (1 << exponent_bits) - 1;
                let shifted_bits = (dot.signal.width() + largest).min(width);
                let shifted = dot.signal.sign_extend(shifted_bits).shift_left_by(&exponent);
                let signal = pipeline.register(&format!("shifted_{word}"), shifted);
                let factor = 1_i128 << largest;
                Term::within(signal, (dot.range.0 * factor, dot.range.1 * factor), dot.stage + 1)
            }
        });
    }
    let sum = pipeline.sum("row", sums);
    let sum: Expression = pipeline.finish(&sum, width, stages);
    m.output("out_sum", sum);
    m
}
