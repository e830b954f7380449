//! Runs a pass over the machine and turns counts into a report.

use crate::activity::{Activity, Unit};
use crate::cause::State;
use crate::job::Job;
use crate::machine::{Machine, MachineError, Run, SystemConfig};
use crate::report::{FormatReport, MatrixReport, StateReport, UnitReport};
use crate::waves::Waves;
use crate::workload::{Pass, activations_for};
use std::borrow::Cow;
use std::time::Instant;

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
    let mut total = Activity::default();
    let mut dram_commands = None;
    let mut matrices = Vec::with_capacity(pass.matrices.len());
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
    let mut note = |job: &Job, run: Run| {
        total.add(&run.activity);
        if let Some(commands) = run.dram_commands {
            *dram_commands.get_or_insert_default() += commands;
        }
        matrices.push(MatrixReport {
            name: job.name.clone(),
            rows: job.rows,
            columns: job.columns,
            rotated: pass.matrices[matrices.len()].rotation.is_some(),
            cycles: run.cycles,
            activation_beats: job.activation_beats(),
            weight_beats: job.weight_beats(),
            units: unit_reports(&run.activity),
        });
        finished(job.weights());
    };
    let started = Instant::now();
    machine.run_back_to_back(&mut next_job, &mut |_| true, waves, &mut note)?;
    let host_seconds = started.elapsed().as_secs_f64() - layout_seconds;
    Ok(FormatReport {
        dram_commands,
        ..format_report(pass, system, matrices, &total, host_seconds)
    })
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

fn format_report(
    pass: &Pass,
    system: &SystemConfig,
    matrices: Vec<MatrixReport>,
    activity: &Activity,
    host_seconds: f64,
) -> FormatReport {
    let datapath = &system.datapath;
    let cycles: u64 = matrices.iter().map(|matrix| matrix.cycles).sum();
    let weights: u64 = matrices
        .iter()
        .map(|matrix| matrix.rows as u64 * matrix.columns as u64)
        .sum();
    let beat_bytes = u64::from(datapath.beat_bits) / 8;
    let weight_bytes: u64 = matrices
        .iter()
        .map(|matrix| matrix.weight_beats as u64 * beat_bytes)
        .sum();
    let read_bytes = weight_bytes
        + matrices
            .iter()
            .map(|matrix| matrix.activation_beats as u64 * beat_bytes)
            .sum::<u64>();
    let seconds = cycles as f64 / (system.clock_mhz * 1e6);
    let multipliers = datapath.multipliers(&pass.format);
    let per_cycle = |count: f64| if cycles == 0 { 0.0 } else { count / cycles as f64 };
    let read_gb_per_s = if cycles == 0 {
        0.0
    } else {
        read_bytes as f64 / seconds / 1e9
    };
    FormatReport {
        format: pass.format.label(),
        relative_error: pass.relative_error,
        rotated_matrices: pass.matrices.iter().filter(|named| named.rotation.is_some()).count(),
        machine: datapath.clone(),
        multipliers,
        weights,
        read_bits_per_weight: if weights == 0 {
            0.0
        } else {
            weight_bytes as f64 * 8.0 / weights as f64
        },
        cycles,
        seconds_at_clock: seconds,
        passes_per_second: if cycles == 0 { 0.0 } else { 1.0 / seconds },
        speedup_over_fp16: None,
        read_bytes,
        read_gb_per_s,
        peak_gb_per_s: system.peak_gb_per_s(),
        bandwidth_share_of_peak: read_gb_per_s / system.peak_gb_per_s(),
        refresh_limited_gb_per_s: system.refresh_limited_gb_per_s(),
        bandwidth_share_of_refresh_limited: read_gb_per_s / system.refresh_limited_gb_per_s(),
        dram_commands: None,
        energy: None,
        weights_per_cycle: per_cycle(weights as f64),
        mac_utilisation: per_cycle(weights as f64 / multipliers as f64),
        decoder_utilisation: per_cycle(activity.cycles(Unit::DecodeLanes, State::Busy) as f64),
        results_checked: matrices.iter().map(|matrix| matrix.rows as u64).sum(),
        units: unit_reports(activity),
        host_seconds,
        simulated_cycles_per_second: if host_seconds > 0.0 {
            cycles as f64 / host_seconds
        } else {
            0.0
        },
        matrices,
    }
}
