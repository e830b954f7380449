//! `seedlm_mac`: weights times activations, summed over what one row gets in a step, or two rows that share multipliers.

use super::decode_lane::valid_line;
use crate::netlist::expression::Expression;
use crate::netlist::module::Module;
use crate::netlist::pipeline::{Pipeline, Term, signed_bits};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::{DatapathConfig, MULTIPLIER_BITS, PackedProducts};
use std::ops::Range;

/// The MAC of one row of a tile, or of two rows that share multipliers.
pub fn mac(config: &DatapathConfig, format: &WeightFormat) -> Module {
    let packed = config.packed_products(format);
    let summary = match packed {
        None => [
            "The multipliers of one row of a tile: sum of (mantissa * activation) * 2^exponent over the words that the row gets in",
            "a step. Exact. All registers move when enable is 1; first and last travel with the sum.",
        ],
        Some(_) => [
            "The multipliers of two rows of a tile: sum of mantissa * activation over the words that each row gets in a step. Rows",
            "share multipliers. Exact. All registers move when enable is 1; first and last travel with the sums.",
        ],
    };
    let mut m = Module::new("seedlm_mac", &summary);
    let rows = config.rows_per_mac();
    let words = config.words_per_tile_row();
    let weights = format.weights_per_word();
    let mantissa_bits = format.mantissa_bits() as usize;
    let exponent_bits = format.exponent_bits() as usize;
    let activation_bits = config.activation_bits as usize;
    let stages = config.mac_stages(format) as usize;
    let width = config.sum_bits(format) as usize;
    if packed.is_some() {
        m.parameter("ROWS", rows);
    }
    m.parameter("WORDS", words);
    m.parameter("WEIGHTS_PER_WORD", weights);
    m.parameter("MANTISSA_BITS", mantissa_bits);
    m.parameter("EXPONENT_BITS", exponent_bits);
    m.parameter("ACTIVATION_BITS", activation_bits);
    m.parameter("SUM_BITS", width);
    m.parameter("STAGES", stages);
    let enable = m.input("enable", 1);
    let tags = ["valid", "first", "last"].map(|tag| (tag, m.input(&format!("in_{tag}"), 1)));
    let mantissas = m.input("in_mantissas", rows * words * weights * mantissa_bits);
    let exponents = (exponent_bits > 0).then(|| m.input("in_exponents", words * exponent_bits));
    let activations = m.input("in_activations", words * weights * activation_bits);
    for (tag, bit) in tags {
        let out = valid_line(&mut m, tag, &enable, &bit, stages);
        m.output(&format!("out_{tag}"), out);
    }
    let mut pipeline = Pipeline::new(&mut m, &enable, rows * width);
    let factors = Factors {
        mantissas,
        activations,
        mantissa_bits,
        activation_bits,
    };
    let mut sums = Vec::new();
    for word in 0..words {
        let places = word * weights..(word + 1) * weights;
        let products = match packed {
            None => factors.products(&mut pipeline, places),
            Some(packed) => factors.packed_products(&mut pipeline, places, packed, format.largest_weight()),
        };
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
    let sum: Expression = pipeline.finish(&sum, rows * width, stages);
    let sum = match packed {
        None => sum,
        Some(packed) => {
            // The lower row's sum has the offset, which is taken off by inverting its sign.
            let sign = packed.field_bits as usize - 1;
            let sums = m.wire("sums", sum);
            let high = sums.slice(sign + 1, rows * width - sign - 1);
            Expression::join([sums.slice(0, sign), !&sums.bit(sign), high])
        }
    };
    m.output("out_sum", sum);
    m
}

/// What the multipliers of a MAC are given.
struct Factors {
    mantissas: Expression,
    activations: Expression,
    mantissa_bits: usize,
    activation_bits: usize,
}

impl Factors {
    fn mantissa(&self, index: usize) -> Expression {
        self.mantissas.slice(index * self.mantissa_bits, self.mantissa_bits)
    }

    /// A product for each weight of the row in these places, after a stage. A legal word's mantissa is below 2^(bits-1) in
    /// magnitude, and words that are not legal mean nothing.
    fn products(&self, pipeline: &mut Pipeline<'_>, places: Range<usize>) -> Vec<Term> {
        let mantissa_limit = 1_i128 << (self.mantissa_bits - 1);
        let activation_limit = 1_i128 << (self.activation_bits - 1);
        let limit = (mantissa_limit - 1) * activation_limit;
        let product = |index: usize| {
            let activation = self
                .activations
                .slice(index * self.activation_bits, self.activation_bits);
            let bits = self.mantissa_bits + self.activation_bits - 1;
            let product = self.mantissa(index).signed_product(&activation, bits);
            let signal = pipeline.register(&format!("product_{index}"), product);
            Term::within(signal, (-limit, limit), 1)
        };
        places.map(product).collect()
    }

    /// A product for each pair of weights that the two rows have in these places, after two stages: the weights are joined to
    /// a factor in the first. The first product of all has the offset of the sum.
    ///
    /// The factors have the whole width of the multiplier: of a narrower sum yosys 0.70 takes the adder ahead of the
    /// multiplier without extending its signs, and the products are wrong.
    fn packed_products(
        &self,
        pipeline: &mut Pipeline<'_>,
        places: Range<usize>,
        packed: PackedProducts,
        largest_weight: i64,
    ) -> Vec<Term> {
        let [factor_bits, _] = MULTIPLIER_BITS.map(|bits| bits as usize);
        let field_bits = packed.field_bits as usize;
        let activations = pipeline.hold_back(&self.activations, 0, 1);
        let limit = i128::from(packed.factor(largest_weight, largest_weight)) << (self.activation_bits - 1);
        let count = self.activations.width() / self.activation_bits;
        let product = |index: usize| {
            let low = self.mantissa(index).sign_extend(factor_bits);
            let high = self.mantissa(count + index).sign_extend(factor_bits - field_bits);
            let factor = pipeline.register(&format!("factor_{index}"), high.shift_left(field_bits) + low);
            let activation = activations.slice(index * self.activation_bits, self.activation_bits);
            let offset = if index == 0 { packed.offset().unsigned_abs() } else { 0 };
            let range = (i128::from(offset) - limit, i128::from(offset) + limit);
            let bits = signed_bits(range).max(factor_bits);
            let product = factor.signed_product(&activation, bits);
            let product = match offset {
                0 => product,
                _ => product + Expression::constant(bits, offset),
            };
            Term::within(pipeline.register(&format!("product_{index}"), product), range, 2)
        };
        places.map(product).collect()
    }
}
