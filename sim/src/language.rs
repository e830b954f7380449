//! The simulated machine as a backend of a language model: every product of its layers runs on it, cycle by cycle.

use crate::job::{Job, StreamAddresses};
use crate::machine::{Machine, PLACEMENT_BYTES, SystemConfig};
use crate::measure::Meter;
use crate::report::FormatReport;
use crate::workload::Pass;
use seedlm_codec::machine::MachineStreams;
use seedlm_codec::{Activations, CodecError, WeightFormat, WeightMatrix};
use seedlm_llm::{IntegerMachine, MachineError, MachineMatrix, SoftwareMachine};
use std::borrow::Cow;
use std::time::Instant;

/// A machine that holds the matrices of a model in its memory.
pub struct LanguageMachine {
    machine: Machine,
    system: SystemConfig,
    format: WeightFormat,
    layers: Option<usize>,
    relative_error: Option<f64>,
    matrices: Vec<Placed>,
    /// Gives the results that those of the machine are held against.
    software: SoftwareMachine,
    meter: Meter,
    host_seconds: f64,
}

/// A matrix with its stream, at a fixed place in memory.
struct Placed {
    name: String,
    matrix: WeightMatrix,
    weights: Vec<u8>,
    addresses: StreamAddresses,
}

impl LanguageMachine {
    /// Puts the matrices of a pass into the memory of a machine, one behind the other, each behind its activations.
    ///
    /// # Errors
    /// [`CodecError`] when a matrix does not fit the machine.
    pub fn new(pass: Pass, system: SystemConfig, machine: Machine) -> Result<Self, CodecError> {
        let meter = Meter::new(&pass.matrices);
        let mut next_address = 0;
        let mut matrices = Vec::new();
        for named in pass.matrices {
            let zeros = Activations::new(system.datapath.activation_bits, 1.0, vec![0; named.matrix.columns()])?;
            let streams = MachineStreams::new(&system.datapath, &named.matrix, &zeros)?;
            let addresses = StreamAddresses {
                activations: next_address,
                weights: next_address + streams.activations.len() as u64,
            };
            next_address = (addresses.weights + streams.weights.len() as u64).next_multiple_of(PLACEMENT_BYTES);
            matrices.push(Placed {
                name: named.name,
                matrix: named.matrix,
                weights: streams.weights,
                addresses,
            });
        }
        Ok(LanguageMachine {
            software: SoftwareMachine::new(matrices.iter().map(|placed| placed.matrix.clone()).collect()),
            machine,
            system,
            format: pass.format,
            layers: pass.layers,
            relative_error: pass.relative_error,
            matrices,
            meter,
            host_seconds: 0.0,
        })
    }

    /// What the host has to know of the matrices of a pass.
    pub fn matrices_of(pass: &Pass) -> Vec<MachineMatrix> {
        let named = pass.matrices.iter();
        named
            .map(|named| MachineMatrix::of(&named.name, &named.matrix, named.rotation).with_group(named.group))
            .collect()
    }

    /// What the machine has done so far.
    ///
    /// A pass is one over all matrices; where some were run without their further layers, the caller says how many passes it
    /// counts.
    pub fn report(&self, passes: Option<u64>) -> FormatReport {
        self.meter.report(
            &self.format,
            (self.layers, self.relative_error),
            passes,
            &self.system,
            self.host_seconds,
        )
    }
}

impl LanguageMachine {
    /// Cycles of a pass over the bases of all matrices, and of one over all their layers, in the mean.
    pub fn cycles_per_pass(&self) -> (f64, f64) {
        self.meter.cycles_per_pass()
    }
}

impl IntegerMachine for LanguageMachine {
    /// Runs the products right behind each other, and holds every result against the software's.
    fn products(&mut self, matrices: &[usize], activations: &Activations) -> Result<Vec<Vec<i64>>, MachineError> {
        let expected = self.software.products(matrices, activations)?;
        let mut jobs = Vec::with_capacity(matrices.len());
        for (&number, expected) in matrices.iter().zip(expected) {
            let placed = &self.matrices[number];
            let (datapath, matrix) = (&self.system.datapath, &placed.matrix);
            let streams = MachineStreams::with_weights(datapath, matrix, activations, placed.weights.clone())?;
            let mut job = Job::with_streams(&placed.name, datapath, matrix, activations, streams, expected);
            job.addresses = Some(placed.addresses);
            jobs.push(job);
        }
        let mut to_run = jobs.iter();
        let mut next_job = || Ok(to_run.next().map(Cow::Borrowed));
        let mut results = Vec::with_capacity(matrices.len());
        let meter = &mut self.meter;
        let mut note = |job: &Job, run: crate::machine::Run| {
            meter.add(matrices[results.len()], job, &run);
            results.push(run.results);
        };
        let started = Instant::now();
        self.machine
            .run_back_to_back(&mut next_job, &mut |_| true, None, &mut note)?;
        self.host_seconds += started.elapsed().as_secs_f64();
        Ok(results)
    }
}
