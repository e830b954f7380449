//! `seedlm_mac`, one for each row of the tile: weights times activations, summed.

use super::pipeline::Pipeline;
use seedlm_codec::WeightFormat;
use seedlm_codec::bits::sign_extend;
use seedlm_codec::machine::DatapathConfig;

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct MacArrayInputs<'a> {
    /// Whether the registers move.
    pub enable: bool,
    /// Whether a group enters; all data are looked at only then.
    pub in_valid: bool,
    /// First step of a tile.
    pub in_first: bool,
    /// Last step of a tile.
    pub in_last: bool,
    /// Mantissas, row by row, in a row word by word, neighbours of a word together.
    pub in_mantissas: &'a [i64],
    /// One exponent per word, in the same order.
    pub in_exponents: &'a [u32],
    /// The activations of the step, one for each weight of a row: all rows have the same.
    pub in_activations: &'a [i64],
}

/// Outputs of a cycle. All but `out_valid` mean something only while `out_valid` is high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacArrayOutputs<'a> {
    /// Whether sums stand at the end of the pipeline.
    pub out_valid: bool,
    /// `in_first` of their group.
    pub out_first: bool,
    /// `in_last` of their group.
    pub out_last: bool,
    /// One sum per row; empty while `out_valid` is low.
    pub out_sum: &'a [i64],
}

/// Sums under way.
#[derive(Clone, Debug, Default)]
struct PartialSums {
    valid: bool,
    first: bool,
    last: bool,
    sums: Vec<i64>,
}

/// The multipliers and the adder tree of each row. The sums are worked out as a group enters; only the number of stages is
/// visible.
#[derive(Clone, Debug)]
pub struct MacArray {
    words_per_row: usize,
    weights_per_word: usize,
    sum_bits: u32,
    pipeline: Pipeline<PartialSums>,
}

impl MacArray {
    /// An empty array with the parameters of a machine. There are as many rows as weights are given for.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        MacArray {
            words_per_row: config.words_per_tile_row(),
            weights_per_word: format.weights_per_word(),
            sum_bits: config.sum_bits(format),
            pipeline: Pipeline::new(config.mac_stages(format), PartialSums::default()),
        }
    }

    /// What the ports show in this cycle.
    pub fn outputs(&self) -> MacArrayOutputs<'_> {
        let partial = self.pipeline.last();
        match partial.valid {
            true => MacArrayOutputs {
                out_valid: true,
                out_first: partial.first,
                out_last: partial.last,
                out_sum: &partial.sums,
            },
            false => MacArrayOutputs {
                out_valid: false,
                out_first: false,
                out_last: false,
                out_sum: &[],
            },
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: MacArrayInputs<'_>) {
        if inputs.enable {
            let (words_per_row, weights_per_word, sum_bits) =
                (self.words_per_row, self.weights_per_word, self.sum_bits);
            self.pipeline.shift_in_place(|partial| {
                partial.valid = inputs.in_valid;
                if inputs.in_valid {
                    (partial.first, partial.last) = (inputs.in_first, inputs.in_last);
                    partial.sums.clear();
                    partial
                        .sums
                        .extend(sums(&inputs, words_per_row, weights_per_word, sum_bits));
                }
            });
        }
    }
}

/// The sum of each row of a group.
fn sums(
    inputs: &MacArrayInputs<'_>,
    words_per_row: usize,
    weights_per_word: usize,
    sum_bits: u32,
) -> impl Iterator<Item = i64> {
    let weights_per_row = words_per_row * weights_per_word;
    let rows = inputs.in_mantissas.chunks_exact(weights_per_row);
    rows.zip(inputs.in_exponents.chunks_exact(words_per_row))
        .map(move |(mantissas, exponents)| {
            let words = mantissas.chunks_exact(weights_per_word);
            let activations = inputs.in_activations.chunks_exact(weights_per_word);
            // No legal word overflows. The others wrap as they do in the hardware.
            let sum = words
                .zip(activations)
                .zip(exponents)
                .map(|((word, activations), &exponent)| shifted_dot(word, activations, exponent))
                .fold(0, i64::wrapping_add);
            sign_extend(sum as u128, sum_bits) as i64
        })
}

/// `sum of mantissa * activation`, times `2^exponent`, modulo 2^64.
fn shifted_dot(mantissas: &[i64], activations: &[i64], exponent: u32) -> i64 {
    let dot: i64 = mantissas.iter().zip(activations).map(|(m, x)| m * x).sum();
    dot.checked_shl(exponent).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_the_dot_product_of_its_words() {
        let format = WeightFormat::named("paper-4b").unwrap();
        let config = DatapathConfig {
            lanes: 4,
            tile_rows: 2,
            ..DatapathConfig::reference(&format)
        };
        let mut mac = MacArray::new(&config, &format);
        let mantissas: Vec<i64> = (0..32).map(|index| 37 * index - 400).collect();
        let exponents = [0, 3, 15, 1];
        let activations: Vec<i64> = (0..16).map(|index| 11 - 5 * index).collect();
        let stages = config.mac_stages(&format);
        for stage in 0..stages {
            assert!(!mac.outputs().out_valid);
            mac.clock(MacArrayInputs {
                enable: true,
                in_valid: stage == 0,
                in_first: true,
                in_last: false,
                in_mantissas: &mantissas,
                in_exponents: &exponents,
                in_activations: &activations,
            });
        }
        let expected: Vec<i64> = (0..2)
            .map(|row| {
                (0..16)
                    .map(|index| (mantissas[16 * row + index] << exponents[2 * row + index / 8]) * activations[index])
                    .sum()
            })
            .collect();
        let outputs = mac.outputs();
        assert!(outputs.out_valid && outputs.out_first && !outputs.out_last);
        assert_eq!(outputs.out_sum, expected);
    }
}
