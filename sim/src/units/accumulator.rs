//! `seedlm_accumulate`, one for each row of the tile: sums over the steps.

use seedlm_codec::bits::sign_extend;

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccumulatorInputs<'a> {
    /// Whether the registers move.
    pub enable: bool,
    /// Whether partial sums enter; all data are looked at only then.
    pub in_valid: bool,
    /// First step of a tile: the sums start anew.
    pub in_first: bool,
    /// Last step of a tile: the sums are complete after this edge.
    pub in_last: bool,
    /// One partial sum per row.
    pub in_sum: &'a [i64],
}

/// Outputs of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccumulatorOutputs<'a> {
    /// Whether the sums are complete.
    pub out_valid: bool,
    /// One sum per row, complete or not.
    pub out_sum: &'a [i64],
}

/// One accumulator per row. Complete sums stay for one cycle.
#[derive(Clone, Debug)]
pub struct Accumulator {
    bits: u32,
    sums: Vec<i64>,
    complete: bool,
}

impl Accumulator {
    /// `rows` accumulators of `bits` bits (1..=64).
    pub fn new(rows: usize, bits: u32) -> Self {
        Accumulator {
            bits,
            sums: vec![0; rows],
            complete: false,
        }
    }

    /// What the ports show in this cycle.
    pub fn outputs(&self) -> AccumulatorOutputs<'_> {
        AccumulatorOutputs {
            out_valid: self.complete,
            out_sum: &self.sums,
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: AccumulatorInputs<'_>) {
        if !inputs.enable {
            return;
        }
        self.complete = inputs.in_valid && inputs.in_last;
        if inputs.in_valid {
            for (sum, &add) in self.sums.iter_mut().zip(inputs.in_sum) {
                let old = if inputs.in_first { 0 } else { *sum };
                *sum = sign_extend(old.wrapping_add(add) as u128, self.bits) as i64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_start_anew_with_each_tile_and_wait_out_gaps() {
        let mut accumulator = Accumulator::new(2, 40);
        let mut finished = Vec::new();
        for (in_valid, in_first, in_last, value) in [
            (true, true, false, 5),
            (false, true, true, 99),
            (true, false, true, -7),
            (true, true, true, 3),
            (false, false, false, 0),
        ] {
            accumulator.clock(AccumulatorInputs {
                enable: true,
                in_valid,
                in_first,
                in_last,
                in_sum: &[value, 10 * value],
            });
            let outputs = accumulator.outputs();
            if outputs.out_valid {
                finished.push(outputs.out_sum.to_vec());
            }
        }
        assert_eq!(finished, [[-2, -20], [3, 30]]);
    }
}
