//! `seedlm_decode_lane`: one word in, its mantissas and exponent out, a word per cycle.

use super::block_mantissas::block_mantissas;
use super::chained_weights::chained_weights;
use crate::netlist::expression::Expression;
use crate::netlist::module::Module;
use crate::netlist::pipeline::Pipeline;
use crate::options::Target;
use seedlm_codec::WeightFormat;

/// A decode lane for words of `format` with `stages` pipeline registers.
pub fn decode_lane(format: &WeightFormat, stages: usize, target: Target) -> Module {
    let has_exponent = !matches!(format, WeightFormat::Chained(_));
    let mut m = Module::new(
        "seedlm_decode_lane",
        if has_exponent {
            &[
                "One word in, its mantissas and its exponent out: integer weight = mantissa * 2^exponent. A word per cycle; all",
                "registers move when enable is 1. A name that ends in _at_n is a copy, held back to stage n.",
            ]
        } else {
            &[
                "One word in, its weights out. A word per cycle; all registers move when enable is 1. A name that ends in _at_n is a",
                "copy, held back to stage n.",
            ]
        },
    );
    if let WeightFormat::Block(_) = format {
        m.explain(&[
            "",
            "The seed starts a bit sequence b. Weight c reads the windows of K bits at 1 + c*P + p, p = 0 .. P-1, with the",
            "coefficients q[p]. Bits that all P windows see count T = sum of q[p] * 2^(P-1-p), each at its place, so",
            "  mantissa[c] = T * (those bits) + (bits at the edges, each with its own sum of coefficients) - 2^(K-1) * sum of q[p]",
            "and T times a chunk of P bits is worked out once for all weights that see the chunk.",
        ]);
    }
    if let WeightFormat::Chained(_) = format {
        m.explain(&[
            "",
            "in_word is the end of what the row has stored before, and above it the word. Weight c reads the window of K bits at",
            "c*k. Each bit of a field is the XOR of some bits of the window, and",
            "  weight = 2 * (sum of the fields) - (sum over the fields of 2^bits - 1)",
            "The lowest bit of that is a constant. What is subtracted above it is half of 2^bits for each field, which is an",
            "inverted top bit, and some ones too much, which are carries: a - ~b is a + b + 1.",
        ]);
    }
    let mantissa_bits = format.mantissa_bits() as usize;
    let exponent_bits = format.exponent_bits() as usize;
    m.parameter("WORD_BITS", format.word_bits());
    if format.history_bits() > 0 {
        m.parameter("HISTORY_BITS", format.history_bits());
    }
    m.parameter("WEIGHTS_PER_WORD", format.weights_per_word());
    m.parameter("MANTISSA_BITS", mantissa_bits);
    m.parameter("EXPONENT_BITS", exponent_bits);
    m.parameter("STAGES", stages);
    let enable = m.input("enable", 1);
    let in_valid = m.input("in_valid", 1);
    let in_word = m.input("in_word", format.lane_bits() as usize);
    let out_valid = valid_line(&mut m, "valid", &enable, &in_valid, stages);
    let (mantissas, exponent) = match format {
        WeightFormat::Binary16 => binary16(&mut m, &enable, &in_word, stages),
        WeightFormat::Block(code) => {
            let mantissas = block_mantissas(&mut m, code, &enable, &in_word, stages, target);
            let exponent = (exponent_bits > 0).then(|| {
                let exponent = m.wire("exponent", in_word.slice(code.lfsr().length() as usize, exponent_bits));
                Pipeline::new(&mut m, &enable, exponent_bits).hold_back(&exponent, 0, stages)
            });
            (mantissas, exponent)
        }
        WeightFormat::Chained(code) => {
            let weights = code.weights_per_word();
            let weights = chained_weights(&mut m, code, weights, &enable, &in_word, (stages, target));
            (weights, None)
        }
    };
    m.output("out_valid", out_valid);
    m.output("out_mantissas", Expression::join(mantissas));
    if let Some(exponent) = exponent {
        m.output("out_exponent", exponent);
    }
    m
}

/// A bit through `stages` registers with reset: what is in a pipeline is said by this line alone.
pub fn valid_line(m: &mut Module, name: &str, enable: &Expression, bit: &Expression, stages: usize) -> Expression {
    (1..=stages).fold(bit.clone(), |bit, stage| {
        let register = m.register(&format!("{name}_at_{stage}"), 1);
        m.set_if(&register, enable, bit);
        register
    })
}

/// IEEE 754 binary16: significand with its sign, and the exponent counted from that of the smallest subnormal.
fn binary16(
    m: &mut Module,
    enable: &Expression,
    in_word: &Expression,
    stages: usize,
) -> (Vec<Expression>, Option<Expression>) {
    let biased = m.wire("biased_exponent", in_word.slice(10, 5));
    let is_normal = m.wire("is_normal", biased.any_bit());
    let significand = m.wire(
        "significand",
        Expression::join([in_word.slice(0, 10), is_normal.clone(), Expression::zero(1)]),
    );
    let negated = &Expression::zero(12) - &significand;
    let mantissa = in_word.bit(15).choose(&negated, &significand);
    let exponent = &biased - &is_normal.zero_extend(5);
    let mut pipeline = Pipeline::new(m, enable, 12);
    let mantissa = pipeline.register("mantissa", mantissa);
    let exponent = pipeline.register("exponent", exponent);
    let mantissa = pipeline.hold_back(&mantissa, 1, stages);
    let exponent = pipeline.hold_back(&exponent, 1, stages);
    (vec![mantissa], Some(exponent))
}
