//! Tokens per second and energy of a code on a machine.

use crate::energy::{Energy, EnergyTable, OperationsPerGroup};
use crate::machine::SystemConfig;
use crate::shape::{Layout, ModelShape, estimate};
use seedlm_codec::WeightFormat;

/// What works out how fast tokens come: the place to plug in another way.
pub trait Throughput: Sync {
    /// What the figures are called in reports.
    fn method(&self) -> &'static str;

    /// A token in a format on a machine. Without `operations` there is no energy.
    ///
    /// # Errors
    /// The reason why this machine cannot run the model in this format.
    fn token(
        &self,
        format: &WeightFormat,
        system: &SystemConfig,
        operations: Option<&OperationsPerGroup>,
    ) -> Result<TokenFigures, String>;
}

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenFigures {
    /// Tokens per second.
    pub tokens_per_second: f64,
    /// What limits it, if that is known.
    pub limited_by: Option<&'static str>,
    /// Energy in J, if all it needs is in the tables.
    pub energy_j: Option<f64>,
}

/// What memory and lanes allow at best: all beats at the refresh-limited bandwidth, or a group of words in every cycle, whichever takes
/// longer for each matrix. What a matrix costs besides (latency, registers that fill and drain) is left out.
pub struct Bound {
    shape: ModelShape,
    table: EnergyTable,
}

/// Extrapolated from products that are simulated, as `sim run --model-shape` does it.
pub struct Simulated {
    shape: ModelShape,
    table: EnergyTable,
}

impl Bound {
    /// For a model's shape, with the energies of a table.
    pub fn new(shape: ModelShape, table: EnergyTable) -> Self {
        Bound { shape, table }
    }
}

impl Simulated {
    /// As [`Bound::new`].
    pub fn new(shape: ModelShape, table: EnergyTable) -> Self {
        Simulated { shape, table }
    }
}

impl Throughput for Bound {
    fn method(&self) -> &'static str {
        "bound"
    }

    fn token(
        &self,
        format: &WeightFormat,
        system: &SystemConfig,
        operations: Option<&OperationsPerGroup>,
    ) -> Result<TokenFigures, String> {
        let datapath = &system.datapath;
        let layout = Layout::new(datapath, format);
        let beat_bytes = f64::from(datapath.beat_bits) / 8.0;
        // Beats per cycle, at most one.
        let bandwidth = system.refresh_limited_gb_per_s() * 1e9 / beat_bytes / (system.clock_mhz * 1e6);
        let (mut memory_cycles, mut lane_cycles, mut cycles) = (0.0, 0.0, 0.0);
        for matrix in &self.shape.matrices {
            let count = matrix.count as f64;
            let of_memory = layout.beats(matrix.rows, matrix.columns) as f64 / bandwidth;
            let of_lanes = layout.groups(matrix.rows, matrix.columns) as f64;
            memory_cycles += of_memory * count;
            lane_cycles += of_lanes * count;
            cycles += of_memory.max(of_lanes) * count;
        }
        let traffic = layout.traffic(&self.shape);
        let memory = (&self.table, system.memory.name());
        let energy = operations.and_then(|operations| Energy::of(&traffic, (datapath, format), operations, memory));
        Ok(TokenFigures {
            tokens_per_second: system.clock_mhz * 1e6 / cycles,
            limited_by: Some(if memory_cycles >= lane_cycles {
                "memory"
            } else {
                "lanes"
            }),
            energy_j: energy.map(|energy| energy.total_j),
        })
    }
}

impl Throughput for Simulated {
    fn method(&self) -> &'static str {
        "simulated"
    }

    fn token(
        &self,
        format: &WeightFormat,
        system: &SystemConfig,
        operations: Option<&OperationsPerGroup>,
    ) -> Result<TokenFigures, String> {
        let estimate = estimate(&self.shape, format, system, (&self.table, operations));
        let estimate = estimate.map_err(|error| error.to_string())?;
        Ok(TokenFigures {
            tokens_per_second: estimate.tokens_per_second,
            limited_by: None,
            energy_j: estimate.energy.map(|energy| energy.total_j),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::MachinePoint;
    use super::*;
    use crate::energy::operation_counts;

    /// The bound is one: simulation comes close to it from below.
    #[test]
    fn what_is_simulated_is_just_below_the_bound() {
        let shape = ModelShape::named("smollm2-4-layers").unwrap();
        let table = EnergyTable::named(EnergyTable::presets()[0]).unwrap();
        let (bound, simulated) = (Bound::new(shape.clone(), table.clone()), Simulated::new(shape, table));
        for (name, lanes, limit) in [
            ("paper-4b", None, "memory"),
            ("chained-3b", None, "memory"),
            ("chained-4b", Some(8), "lanes"),
        ] {
            let format = WeightFormat::named(name).unwrap();
            let point = MachinePoint {
                memory: "paper".into(),
                beat_bytes: None,
                lanes,
                clock_mhz: 200.0,
            };
            let system = point.system(&format).unwrap();
            let [bound, simulated] = [&bound as &dyn Throughput, &simulated]
                .map(|way| way.token(&format, &system, operation_counts(name)).unwrap());
            let share = simulated.tokens_per_second / bound.tokens_per_second;
            assert!((0.9..1.001).contains(&share), "{name}: {share}");
            assert_eq!(bound.limited_by, Some(limit), "{name}");
            let [a, b] = [bound.energy_j.unwrap(), simulated.energy_j.unwrap()];
            assert!((a / b - 1.0).abs() < 1e-9, "{name}: {a} {b}");
        }
    }
}
