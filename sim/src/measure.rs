//! Runs passes over the machine and turns counts into a report.

use crate::activity::{Activity, Unit};
use crate::cause::State;
use crate::dram::CommandCounts;
use crate::job::Job;
use crate::machine::{Machine, MachineError, Run, SystemConfig};
use crate::report::{FormatReport, MatrixReport, StateReport, UnitReport};
use crate::waves::Waves;
use crate::workload::{NamedMatrix, Pass, activations_for};
use seedlm_codec::WeightFormat;
use std::borrow::Cow;
use std::time::Instant;

/// What a machine did with some matrices, in one or more passes over all of them.
pub struct Meter {
    matrices: Vec<MatrixMeter>,
    dram_commands: Option<CommandCounts>,
}

/// The same of one matrix, summed over the passes.
struct MatrixMeter {
    name: String,
    /// Layers after the base are weights that are read, but not further weights of the model.
    is_base: bool,
    rows: usize,
    columns: usize,
    rotated: bool,
    passes: u64,
    cycles: u64,
    activation_beats: usize,
    weight_beats: usize,
    activity: Activity,
}

impl Meter {
    /// Nothing yet, of the matrices of a pass.
    pub fn new(matrices: &[NamedMatrix]) -> Self {
        let meters = matrices.iter().map(|named| MatrixMeter {
            name: named.label(),
            is_base: named.layer == 1,
            rows: named.matrix.rows(),
            columns: named.matrix.columns(),
            rotated: named.rotation.is_some(),
            passes: 0,
            cycles: 0,
            activation_beats: 0,
            weight_beats: 0,
            activity: Activity::default(),
        });
        Meter {
            matrices: meters.collect(),
            dram_commands: None,
        }
    }

    /// Adds a run of the matrix with that number.
    pub fn add(&mut self, matrix: usize, job: &Job, run: &Run) {
        let meter = &mut self.matrices[matrix];
        meter.passes += 1;
        meter.cycles += run.cycles;
        meter.activation_beats += job.activation_beats();
        meter.weight_beats += job.weight_beats();
        meter.activity.add(&run.activity);
        if let Some(commands) = run.dram_commands {
            *self.dram_commands.get_or_insert_default() += commands;
        }
    }

    /// Cycles of a pass over the bases of all matrices, and of one over all their layers, in the mean of those that were added.
    pub fn cycles_per_pass(&self) -> (f64, f64) {
        let mean = |matrix: &&MatrixMeter| matrix.cycles as f64 / matrix.passes.max(1) as f64;
        let bases = self.matrices.iter().filter(|matrix| matrix.is_base);
        (
            bases.map(|matrix| mean(&matrix)).sum(),
            self.matrices.iter().map(|matrix| mean(&matrix)).sum(),
        )
    }

    /// The report of all that was added to matrices of so many layers, which is a whole number of passes: every matrix as often as the
    /// first; or what the caller counts as passes, where layers have been left out of some.
    /// `host_seconds` is the time that the cycles took to simulate.
    pub fn report(
        &self,
        format: &WeightFormat,
        (layers, relative_error): (Option<usize>, Option<f64>),
        passes: Option<u64>,
        system: &SystemConfig,
        host_seconds: f64,
    ) -> FormatReport {
        let passes = passes.unwrap_or_else(|| self.matrices.first().map_or(0, |matrix| matrix.passes));
        let mut activity = Activity::default();
        for matrix in &self.matrices {
            activity.add(&matrix.activity);
        }
        let datapath = &system.datapath;
        let sum = |part: fn(&MatrixMeter) -> u64| self.matrices.iter().map(part).sum::<u64>();
        let cycles = sum(|matrix| matrix.cycles);
        let weights = sum(|matrix| u64::from(matrix.is_base) * matrix.rows as u64 * matrix.columns as u64);
        let used_weights = (weights * passes) as f64;
        // Every layer of a weight is decoded and multiplied.
        let multiplied = sum(|matrix| matrix.rows as u64 * matrix.columns as u64 * matrix.passes) as f64;
        let beat_bytes = u64::from(datapath.beat_bits) / 8;
        let weight_bytes = sum(|matrix| matrix.weight_beats as u64) * beat_bytes;
        let read_bytes = weight_bytes + sum(|matrix| matrix.activation_beats as u64) * beat_bytes;
        let seconds = cycles as f64 / (system.clock_mhz * 1e6);
        let multipliers = datapath.multipliers(format);
        let per_cycle = |count: f64| if cycles == 0 { 0.0 } else { count / cycles as f64 };
        let read_gb_per_s = if cycles == 0 {
            0.0
        } else {
            read_bytes as f64 / seconds / 1e9
        };
        FormatReport {
            format: format.label(),
            layers,
            relative_error,
            rotated_matrices: self.matrices.iter().filter(|matrix| matrix.rotated).count(),
            machine: datapath.clone(),
            multipliers,
            weights,
            passes,
            read_bits_per_weight: if used_weights == 0.0 {
                0.0
            } else {
                weight_bytes as f64 * 8.0 / used_weights
            },
            cycles,
            seconds_at_clock: seconds,
            passes_per_second: if cycles == 0 { 0.0 } else { passes as f64 / seconds },
            speedup_over_fp16: None,
            read_bytes,
            read_gb_per_s,
            peak_gb_per_s: system.peak_gb_per_s(),
            bandwidth_share_of_peak: read_gb_per_s / system.peak_gb_per_s(),
            refresh_limited_gb_per_s: system.refresh_limited_gb_per_s(),
            bandwidth_share_of_refresh_limited: read_gb_per_s / system.refresh_limited_gb_per_s(),
            dram_commands: self.dram_commands,
            energy: None,
            weights_per_cycle: per_cycle(multiplied),
            mac_utilisation: per_cycle(multiplied / multipliers as f64),
            decoder_utilisation: per_cycle(activity.cycles(Unit::DecodeLanes, State::Busy) as f64),
            results_checked: sum(|matrix| matrix.rows as u64 * matrix.passes),
            units: unit_reports(&activity),
            host_seconds,
            simulated_cycles_per_second: if host_seconds > 0.0 {
                cycles as f64 / host_seconds
            } else {
                0.0
            },
            generated: None,
            speculation: None,
            matrices: self.matrices.iter().map(MatrixMeter::report).collect(),
        }
    }
}

impl MatrixMeter {
    fn report(&self) -> MatrixReport {
        MatrixReport {
            name: self.name.clone(),
            rows: self.rows,
            columns: self.columns,
            rotated: self.rotated,
            cycles: self.cycles,
            activation_beats: self.activation_beats,
            weight_beats: self.weight_beats,
            units: unit_reports(&self.activity),
        }
    }
}

/// Runs all matrices of a pass, one right behind the other, on a machine of this configuration; `finished` is called after
/// each matrix with its number of weights.
///
/// # Errors
/// When a matrix does not fit the machine, or a result is wrong.
pub fn measure(
    pass: &Pass,
    system: &SystemConfig,
    machine: &mut Machine,
    waves: Option<&mut Waves>,
    finished: &mut dyn FnMut(u64),
) -> Result<FormatReport, MachineError> {
    let mut meter = Meter::new(&pass.matrices);
    let mut layout_seconds = 0.0;
    let mut to_lay_out = (0..).zip(&pass.matrices);
    let mut next_job = || {
        let Some((index, named)) = to_lay_out.next() else {
            return Ok(None);
        };
        let started = Instant::now();
        let activations = activations_for(named, system.datapath.activation_bits, index)?;
        let mut job = Job::new(&named.name, &system.datapath, &named.matrix, &activations)?;
        if let Some(in_image) = &named.in_image {
            // The bytes of the image are what is run, from where they lie.
            job.addresses = Some(in_image.addresses);
            job.streams.weights.clone_from(&in_image.weights);
        }
        layout_seconds += started.elapsed().as_secs_f64();
        Ok(Some(Cow::Owned(job)))
    };
    let mut ended = 0;
    let mut note = |job: &Job, run: Run| {
        meter.add(ended, job, &run);
        ended += 1;
        finished(job.weights());
    };
    let started = Instant::now();
    machine.run_back_to_back(&mut next_job, &mut |_| true, waves, &mut note)?;
    let host_seconds = started.elapsed().as_secs_f64() - layout_seconds;
    Ok(meter.report(
        &pass.format,
        (pass.layers, pass.relative_error),
        None,
        system,
        host_seconds,
    ))
}

fn unit_reports(activity: &Activity) -> Vec<UnitReport> {
    Unit::ALL
        .into_iter()
        .map(|unit| UnitReport {
            unit: unit.label(),
            short_name: unit.short_name(),
            states: State::all()
                .map(|state| StateReport {
                    state: state.label(),
                    cycles: activity.cycles(unit, state),
                })
                .filter(|state| state.cycles > 0)
                .collect(),
        })
        .collect()
}
