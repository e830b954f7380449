//! A decode lane in Verilator, with its ports at hand.

use seedlm_codec::WeightFormat;
use seedlm_testbenches::bits::fields;
use seedlm_verilator::{BuildOptions, Design, Model, PortHandle, Verilator};

/// A lane after its reset.
pub struct LaneModel {
    model: Model,
    clk: PortHandle,
    enable: PortHandle,
    in_valid: PortHandle,
    in_word: PortHandle,
    out_valid: PortHandle,
    out_mantissas: PortHandle,
    /// Formats without exponents have none.
    out_exponent: Option<PortHandle>,
    lane_bits: usize,
    mantissa_bits: usize,
}

impl LaneModel {
    /// Builds the lane of a format, and resets it.
    ///
    /// # Panics
    /// When Verilator is missing or refuses the text, or a port of a lane is not there.
    pub fn new(design: &Design, format: &WeightFormat) -> Self {
        let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
        let mut model = verilator
            .build(design, &BuildOptions::default())
            .unwrap_or_else(|error| panic!("{error}"));
        let port = |name: &str| model.port(name).expect("the lane has this port");
        let [clk, rst, enable, in_valid, in_word] = ["clk", "rst", "enable", "in_valid", "in_word"].map(port);
        let [out_valid, out_mantissas] = ["out_valid", "out_mantissas"].map(port);
        let out_exponent = (format.exponent_bits() > 0).then(|| port("out_exponent"));
        model.set(rst, 1);
        model.posedge(clk);
        model.posedge(clk);
        model.set(rst, 0);
        LaneModel {
            model,
            clk,
            enable,
            in_valid,
            in_word,
            out_valid,
            out_mantissas,
            out_exponent,
            lane_bits: format.lane_bits() as usize,
            mantissa_bits: format.mantissa_bits() as usize,
        }
    }

    /// Gives the lane the inputs of a cycle. A word that is not valid stands at the input all the same.
    pub fn set(&mut self, enable: bool, valid: bool, word: u128) {
        self.model.set(self.enable, enable.into());
        self.model.set(self.in_valid, valid.into());
        self.model
            .set_bytes(self.in_word, &fields([word as i128], self.lane_bits));
        self.model.eval();
    }

    /// Whether it says that there are weights.
    pub fn is_valid(&self) -> bool {
        self.model.get(self.out_valid) == 1
    }

    /// Whether it shows these mantissas and this exponent, which is 0 where the format has none.
    pub fn shows(&self, mantissas: &[i64], exponent: u64) -> bool {
        let expected = fields(mantissas.iter().map(|&mantissa| mantissa.into()), self.mantissa_bits);
        let mut shown = vec![0; self.out_mantissas.byte_count()];
        self.model.get_bytes(self.out_mantissas, &mut shown);
        shown == expected && self.out_exponent.map_or(0, |port| self.model.get(port)) == exponent
    }

    /// The edge at the end of a cycle.
    pub fn clock(&mut self) {
        self.model.posedge(self.clk);
    }
}
