//! A module that has been placed and routed with several seeds.

use super::SynthesisError;
use super::device::Device;
use super::timing::{CriticalPath, Report};
use serde::{Deserialize, Serialize};

/// What to place and route for.
#[derive(Clone, Debug)]
pub struct PlaceOrder {
    /// The chip.
    pub device: Device,
    /// The clock that the placer works for, in MHz.
    pub goal_mhz: f64,
    /// The placer starts with each of the seeds 1 to this.
    pub seeds: u32,
}

/// Most seeds of a row: each takes as long as the first.
const MOST_SEEDS: u32 = 100;

/// Whether the placer can start with the seeds 1 to this.
///
/// # Errors
/// [`SynthesisError::Setting`] when it is none, or more than 100.
pub fn check_seeds(seeds: u32) -> Result<(), SynthesisError> {
    match (1..=MOST_SEEDS).contains(&seeds) {
        true => Ok(()),
        false => Err(SynthesisError::Setting(format!(
            "seeds is {seeds}, and must be 1 to {MOST_SEEDS}"
        ))),
    }
}

/// Whether the placer can work for a clock, in MHz.
///
/// # Errors
/// [`SynthesisError::Setting`] when it is not positive and finite.
pub fn check_goal(goal_mhz: f64) -> Result<(), SynthesisError> {
    match goal_mhz > 0.0 && goal_mhz.is_finite() {
        true => Ok(()),
        false => Err(SynthesisError::Setting(format!(
            "a clock of {goal_mhz} MHz cannot be worked for: it must be more than 0, and finite"
        ))),
    }
}

/// A module between the registers of its pins, placed and routed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// The chip.
    pub device: Device,
    /// The clock that the placer worked for, in MHz.
    pub goal_mhz: f64,
    /// How many seeds were wanted; if there are fewer runs, somebody has stopped it.
    pub seeds: u32,
    /// The module and the registers of its pins, in packed cells.
    pub cells_with_pins: u64,
    /// Carry outputs that lead nowhere and were taken off their nets.
    pub loose_carries: usize,
    /// Highest clock with the unluckiest seed, in MHz.
    pub worst_mhz: f64,
    /// Half of the seeds are at least as good, in MHz.
    pub median_mhz: f64,
    /// Highest clock with the luckiest seed, in MHz.
    pub best_mhz: f64,
    /// Weights in a second at the median clock.
    pub weights_per_s: f64,
    /// Each seed.
    pub runs: Vec<Run>,
}

/// One seed of the placer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The seed.
    pub seed: u32,
    /// Highest clock, in MHz.
    pub fmax_mhz: f64,
    /// The path that decides it.
    pub path: CriticalPath,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Placement {
    pub(crate) fn new(order: &PlaceOrder, cells_with_pins: u64, loose_carries: usize) -> Self {
        Placement {
            device: order.device.clone(),
            goal_mhz: order.goal_mhz,
            seeds: order.seeds,
            cells_with_pins,
            loose_carries,
            worst_mhz: 0.0,
            median_mhz: 0.0,
            best_mhz: 0.0,
            weights_per_s: 0.0,
            runs: Vec::new(),
        }
    }

    /// What is said before a seed, with the time that is left.
    pub(crate) fn step(&self, seed: u32) -> String {
        let text = format!("nextpnr places and routes, seed {seed} of {}", self.seeds);
        match self.runs.last() {
            None => text,
            Some(last) => {
                let spent: f64 = self.runs.iter().map(|run| run.seconds).sum();
                let left = spent / self.runs.len() as f64 * f64::from(self.seeds - seed + 1);
                format!(
                    "{text}; seed {}: {:.1} MHz; some {left:.0} s left",
                    last.seed, last.fmax_mhz
                )
            }
        }
    }

    pub(crate) fn add(&mut self, seed: u32, report: Report, seconds: f64, weights_per_cycle: usize) {
        self.runs.push(Run {
            seed,
            fmax_mhz: report.fmax_mhz,
            path: report.path,
            seconds,
        });
        let mut clocks: Vec<f64> = self.runs.iter().map(|run| run.fmax_mhz).collect();
        clocks.sort_by(f64::total_cmp);
        let (last, middle) = (clocks.len() - 1, clocks.len() / 2);
        self.worst_mhz = clocks[0];
        self.best_mhz = clocks[last];
        self.median_mhz = match clocks.len() % 2 {
            1 => clocks[middle],
            _ => (clocks[middle - 1] + clocks[middle]) / 2.0,
        };
        self.weights_per_s = self.median_mhz * 1e6 * weights_per_cycle as f64;
    }

    /// The run that is the median, or the slower one of two.
    ///
    /// # Panics
    /// When there is no run, which no placement is without.
    pub fn median_run(&self) -> &Run {
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by(|a, b| a.fmax_mhz.total_cmp(&b.fmax_mhz));
        runs[(runs.len() - 1) / 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Target;
    use crate::synthesis::timing::PathPlace;
    use std::collections::BTreeMap;

    #[test]
    fn seeds_and_clocks_that_cannot_be_are_refused() {
        for seeds in [1, 100] {
            check_seeds(seeds).unwrap();
        }
        for seeds in [0, 101, u32::MAX] {
            let error = check_seeds(seeds).unwrap_err().to_string();
            assert_eq!(error, format!("seeds is {seeds}, and must be 1 to 100"));
        }
        check_goal(0.5).unwrap();
        for goal_mhz in [0.0, -0.0, -200.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = check_goal(goal_mhz).unwrap_err().to_string();
            assert!(error.contains("more than 0, and finite"), "{error}");
        }
    }

    #[test]
    fn seeds_become_worst_median_and_best() {
        let device = Device::of(Target::Ecp5, None, None, None).unwrap();
        let order = PlaceOrder {
            device,
            goal_mhz: 200.0,
            seeds: 4,
        };
        let mut placement = Placement::new(&order, 100, 2);
        assert!(placement.step(1).ends_with("seed 1 of 4"));
        // (clock, worst, median, best, clock of the median run)
        let runs = [
            (210.0, 210.0, 210.0, 210.0, 210.0),
            (190.0, 190.0, 200.0, 210.0, 190.0),
            (230.0, 190.0, 210.0, 230.0, 210.0),
            (220.0, 190.0, 215.0, 230.0, 210.0),
        ];
        for (seed, (fmax_mhz, worst, median, best, run)) in (1..).zip(runs) {
            let path = CriticalPath {
                from: "a".into(),
                to: "b".into(),
                place: PathPlace::Design,
                logic_ns: 1.0,
                routing_ns: 1.0,
            };
            let report = Report {
                fmax_mhz,
                path,
                used: BTreeMap::new(),
            };
            placement.add(seed, report, 10.0, 16);
            assert_eq!(
                (
                    placement.worst_mhz,
                    placement.median_mhz,
                    placement.best_mhz,
                    placement.median_run().fmax_mhz
                ),
                (worst, median, best, run)
            );
            assert_eq!(placement.weights_per_s, median * 16e6);
        }
        assert!(
            placement.step(4).ends_with("seed 4: 220.0 MHz; some 10 s left"),
            "{}",
            placement.step(4)
        );
    }
}
