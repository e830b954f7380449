//! `seedlm_decode_lane`, side by side: words in, mantissas and exponents out.

use super::pipeline::Pipeline;
use super::word_decoder::WordDecoder;
use seedlm_codec::WeightFormat;

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecodeLanesInputs<'a> {
    /// Whether the registers move.
    pub enable: bool,
    /// Whether words enter.
    pub in_valid: bool,
    /// What each lane is given, lane 0 first; looked at only while `in_valid` is high. That is a word, and below it, where
    /// the format has one, the history.
    pub in_word: &'a [u128],
}

/// Outputs of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLanesOutputs<'a> {
    /// Whether weights stand at the end of the pipeline.
    pub out_valid: bool,
    /// The mantissas, lane 0 first, neighbours of a word together; empty while `out_valid` is low. In the Verilog weight
    /// `c` of a lane is the field `[c * M +: M]`, two's complement.
    pub out_mantissas: &'a [i64],
    /// One exponent per lane (0 where the format has none); empty while `out_valid` is low.
    pub out_exponent: &'a [u32],
}

/// The weights of a group of words: `mantissa << exponent of its word`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodedGroup {
    /// Mantissas, word 0 first, neighbours of a word together.
    pub mantissas: Vec<i64>,
    /// One exponent per word.
    pub exponents: Vec<u32>,
}

impl DecodedGroup {
    /// What the golden decoder makes of what lanes are given.
    pub fn decode(format: &WeightFormat, words: &[u128]) -> Self {
        let (mantissas, exponents): (Vec<_>, _) = words.iter().map(|&word| format.split_word(word)).unzip();
        DecodedGroup {
            mantissas: mantissas.concat(),
            exponents,
        }
    }

    /// The same from tables, in the place of what was there before.
    fn load(&mut self, decoder: &WordDecoder, words: &[u128]) {
        self.mantissas.clear();
        self.exponents.clear();
        for &word in words {
            self.exponents.push(decoder.decode(word, &mut self.mantissas));
        }
    }
}

/// A register of the pipeline.
#[derive(Clone, Debug, Default)]
struct Stage {
    valid: bool,
    group: DecodedGroup,
}

/// Decode lanes that move together. What the stages compute between them is the golden decoder's; only their number is
/// visible.
#[derive(Clone, Debug)]
pub struct DecodeLanes {
    decoder: WordDecoder,
    pipeline: Pipeline<Stage>,
}

impl DecodeLanes {
    /// Empty lanes with `stages` pipeline registers. There are as many lanes as words are given.
    pub fn new(format: &WeightFormat, stages: u32) -> Self {
        DecodeLanes {
            decoder: WordDecoder::new(format),
            pipeline: Pipeline::new(stages, Stage::default()),
        }
    }

    /// What the ports show in this cycle.
    pub fn outputs(&self) -> DecodeLanesOutputs<'_> {
        let last = self.pipeline.last();
        match last.valid {
            true => DecodeLanesOutputs {
                out_valid: true,
                out_mantissas: &last.group.mantissas,
                out_exponent: &last.group.exponents,
            },
            false => DecodeLanesOutputs {
                out_valid: false,
                out_mantissas: &[],
                out_exponent: &[],
            },
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: DecodeLanesInputs<'_>) {
        if inputs.enable {
            let decoder = &self.decoder;
            self.pipeline.shift_in_place(|stage| {
                stage.valid = inputs.in_valid;
                if inputs.in_valid {
                    stage.group.load(decoder, inputs.in_word);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_takes_one_enabled_cycle_per_stage() {
        let format = WeightFormat::named("paper-4b").unwrap();
        let mut lanes = DecodeLanes::new(&format, 7);
        let words = [0x1234_5678, 0x0bad_cafe];
        let (mut enabled, mut cycle) = (0, 0);
        while !lanes.outputs().out_valid {
            let enable = cycle % 3 != 1;
            lanes.clock(DecodeLanesInputs {
                enable,
                in_valid: enabled == 0,
                in_word: &words,
            });
            enabled += u32::from(enable);
            cycle += 1;
        }
        assert_eq!(enabled, 7);
        let outputs = lanes.outputs();
        for (lane, &word) in words.iter().enumerate() {
            let (mantissas, exponent) = format.split_word(word);
            assert_eq!(outputs.out_mantissas[8 * lane..][..8], mantissas);
            assert_eq!(outputs.out_exponent[lane], exponent);
        }
    }
}
