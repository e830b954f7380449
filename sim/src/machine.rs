//! The machine: the accelerator, the memory, what reads it, and the clock.

mod burst_reader;
mod clock_ratio;
mod dram_port;
mod error;
mod host;
mod in_flight;
mod memory;
mod prefetch;
mod probe;
mod registers;
mod results;
mod simple_port;
mod system_config;

pub use error::MachineError;
pub use memory::{Beat, Request, Stream};
pub use prefetch::beat_fifo_beats;
pub use system_config::SystemConfig;

use crate::activity::Activity;
use crate::cause::Cause;
use crate::dram::CommandCounts;
use crate::job::{Job, StreamAddresses};
use crate::observer::{Cycle, Observer};
use crate::offer::Offer;
use crate::units::{Matvec, MatvecInputs, MatvecPorts, ProbeBits};
use crate::waves::Waves;
use burst_reader::BurstReader;
use host::{Host, MatrixSize};
use in_flight::{CyclesRegister, InFlight, Matrices};
use memory::Memory;
use seedlm_codec::machine::RESULT_BITS;
use seedlm_codec::machine::registers::{CYCLES_ADDRESS, STATUS_ADDRESS, STATUS_DONE};
use seedlm_codec::{CodecError, WeightFormat};
use std::borrow::Cow;

/// Cycles without a single transfer after which a run is given up as stuck.
const STUCK_CYCLES: u64 = 1_000_000;

/// Where products start that nobody has placed: at a page, and so at the start of a burst.
pub(crate) const PLACEMENT_BYTES: u64 = 4096;

/// What one product took.
#[derive(Clone, Debug)]
pub struct Run {
    /// Cycles to the one in which the last result leaves, which is counted: from the one in which the first read is asked for,
    /// also counted, or from the one behind the last result of the product before.
    pub cycles: u64,
    /// What each unit did in each of them.
    pub activity: Activity,
    /// The results, one per row, equal to the golden product.
    pub results: Vec<i64>,
    /// Commands given to the DRAM meanwhile; `None` for a memory without banks.
    pub dram_commands: Option<CommandCounts>,
}

/// Whether the reader of the results is ready in a cycle (counted from the start of the machine).
pub type ResultReady<'a> = &'a mut dyn FnMut(u64) -> bool;

/// The products of a row, one after the other; `None` behind the last. They are asked for when the one before has been
/// started.
pub type NextJob<'a, 'job> = &'a mut dyn FnMut() -> Result<Option<Cow<'job, Job>>, MachineError>;

/// What is told of a product when its last result has left.
pub type Finished<'a> = &'a mut dyn FnMut(&Job, Run);

/// The accelerator and its memory.
pub struct Machine {
    tile_rows: usize,
    results_per_beat: usize,
    beat_bytes: usize,
    cycle: u64,
    /// Where the next product goes that nobody has placed.
    next_address: u64,
    next_matrix: u64,
    reader: BurstReader,
    memory: Memory,
    accelerator: Box<dyn MatvecPorts>,
    host: Host,
    observer: Observer,
    /// Inputs of the accelerator; kept so that their beats need no new memory in every cycle.
    inputs: MatvecInputs,
}

impl Machine {
    /// A machine after reset, with the model of the accelerator.
    ///
    /// # Errors
    /// When the configuration cannot be built for the format, or a burst does not fit the FIFO of weights.
    pub fn new(format: &WeightFormat, config: &SystemConfig) -> Result<Self, MachineError> {
        config.datapath.check(format)?;
        Machine::with_accelerator(format, config, Box::new(Matvec::new(&config.datapath, format)))
    }

    /// A machine after reset, around anything with the accelerator's ports.
    ///
    /// # Errors
    /// As [`Machine::new`], and when the accelerator's registers say that it is another one than configured.
    pub fn with_accelerator(
        format: &WeightFormat,
        config: &SystemConfig,
        mut accelerator: Box<dyn MatvecPorts>,
    ) -> Result<Self, MachineError> {
        let datapath = &config.datapath;
        datapath.check(format)?;
        let burst_beats = config.memory.burst_beats();
        if burst_beats > datapath.beat_fifo_beats {
            return Err(CodecError::Machine(format!(
                "bursts of {burst_beats} beats do not fit beat_fifo_beats = {}",
                datapath.beat_fifo_beats
            ))
            .into());
        }
        registers::expect_constants(accelerator.as_mut(), datapath, format)?;
        let beat_bytes = datapath.beat_bits as usize / 8;
        Ok(Machine {
            tile_rows: datapath.tile_rows as usize,
            results_per_beat: (datapath.beat_bits / RESULT_BITS) as usize,
            beat_bytes,
            cycle: 0,
            next_address: 0,
            next_matrix: 0,
            reader: BurstReader::new(burst_beats as usize, beat_bytes, datapath.beat_fifo_beats as usize),
            memory: Memory::new(config.memory.clone(), beat_bytes, config.clock_hz()),
            accelerator,
            host: Host::new(),
            observer: Observer::new(datapath, format),
            inputs: MatvecInputs::default(),
        })
    }

    /// Runs one product from its first read to its last result, and holds every result against the golden product.
    /// The memory's refresh timer runs on from one product to the next.
    ///
    /// # Errors
    /// [`MachineError::Wrong`] for a wrong result, [`MachineError::Stuck`] when nothing moves any more,
    /// [`MachineError::Ports`] when the ports show what cannot be, [`MachineError::Register`] when the accelerator's own count
    /// of cycles is another one. The machine is of no use after any of them.
    pub fn run(
        &mut self,
        job: &Job,
        result_ready: ResultReady<'_>,
        waves: Option<&mut Waves>,
    ) -> Result<Run, MachineError> {
        let mut next = Some(Cow::Borrowed(job));
        let mut done = None;
        self.run_back_to_back(&mut || Ok(next.take()), result_ready, waves, &mut |_, run| {
            done = Some(run)
        })?;
        Ok(done.expect("a row of one product ends with it"))
    }

    /// Runs products right behind each other: while one runs, the next one is started, and its activations and weights follow
    /// in the stream of reads. Every result is held against the golden product, and `finished` is told of every product when
    /// its last result has left. The cycles of all products add up to those of the row.
    ///
    /// # Errors
    /// As [`Machine::run`], and what `next_job` gives.
    pub fn run_back_to_back(
        &mut self,
        next_job: NextJob<'_, '_>,
        result_ready: ResultReady<'_>,
        mut waves: Option<&mut Waves>,
        finished: Finished<'_>,
    ) -> Result<(), MachineError> {
        let mut matrices = Matrices::new();
        let mut register = CyclesRegister::default();
        let (mut row_cycles, mut last_move) = (0, 0);
        let mut commands_before = self.memory.commands();
        let mut run = empty_run();
        let mut has_more = true;
        loop {
            // The next matrix is laid out as soon as the one before it has been started.
            while has_more && self.host.is_idle() {
                match next_job()? {
                    None => has_more = false,
                    Some(job) if job.order.groups() == 0 => finished(&job, empty_run()),
                    Some(job) => {
                        let is_first = matrices.is_empty() && row_cycles == 0;
                        let next = InFlight::new(job, self.next_matrix, self.tile_rows, self.results_per_beat);
                        self.next_matrix += 1;
                        self.read_next(&next);
                        if is_first {
                            self.start_first(&next.job)?;
                        } else {
                            self.host.start(size_of(&next.job));
                        }
                        matrices.add(next, is_first);
                    }
                }
            }
            if matrices.is_empty() {
                break;
            }
            let ready = result_ready(self.cycle);
            run.cycles += 1;
            row_cycles += 1;
            let step = self.clock(&matrices, ready, &mut run, waves.as_deref_mut())?;
            if step.moved {
                last_move = row_cycles;
            } else if row_cycles - last_move > STUCK_CYCLES {
                return Err(MachineError::Stuck {
                    name: matrices.front_name(),
                });
            }
            matrices.entered_groups(step.group_entered);
            if let Some(beat) = step.results {
                let front = matrices.front_mut();
                front.check.take(&front.job, &beat.bytes, run.cycles)?;
                if beat.last {
                    if !self.reader.has_delivered(front.number) {
                        let reason = "m_axis_tlast is 1 before all weights have gone in";
                        return Err(ports_error(&matrices, &run, reason));
                    }
                    let ended = matrices.take_front();
                    register.ended(row_cycles, matrices.started());
                    let mut done = std::mem::replace(&mut run, empty_run());
                    done.results = ended.check.finish(&ended.job)?;
                    let commands = self.memory.commands();
                    let both = commands.zip(commands_before);
                    done.dram_commands = both.map(|(now, before)| now - before);
                    commands_before = commands;
                    finished(&ended.job, done);
                }
            }
            if step.started {
                matrices.start_next();
                register.started(row_cycles);
            }
        }
        if row_cycles > 0 {
            let ports = self.accelerator.as_mut();
            registers::expect(ports, "STATUS", STATUS_ADDRESS, STATUS_DONE)?;
            registers::expect(ports, "CYCLES", CYCLES_ADDRESS, register.value(row_cycles) as u32)?;
        }
        Ok(())
    }

    /// Places a matrix in memory, and lets the reader go on with it.
    fn read_next(&mut self, next: &InFlight<'_>) {
        let job = &next.job;
        let addresses = job.addresses.unwrap_or_else(|| {
            let activations = self.next_address;
            let weights = activations + job.streams.activations.len() as u64;
            self.next_address = (weights + job.streams.weights.len() as u64).next_multiple_of(PLACEMENT_BYTES);
            StreamAddresses { activations, weights }
        });
        self.reader
            .add(next.number, addresses, job.activation_beats(), job.weight_beats());
    }

    /// Starts the first matrix of a row. What software does meanwhile takes no time of memory and reader.
    fn start_first(&mut self, job: &Job) -> Result<(), MachineError> {
        self.memory.begin();
        self.observer.start();
        let ports = self.accelerator.as_mut();
        for (address, value) in size_of(job).writes() {
            registers::write(ports, address, value)?;
        }
        // The accelerator runs from the cycle after its response.
        if !ProbeBits::from(ports.outputs().probe).running {
            return Err(MachineError::NotRunning { name: job.name.clone() });
        }
        Ok(())
    }

    /// One clock cycle: look at all outputs, work out the inputs, then clock all.
    fn clock(
        &mut self,
        matrices: &Matrices<'_>,
        result_ready: bool,
        run: &mut Run,
        waves: Option<&mut Waves>,
    ) -> Result<Step, MachineError> {
        let outputs = self.accelerator.outputs();
        let request = self
            .reader
            .output(outputs.weights_level, outputs.s_axis_activations_tready);
        let delivered = self.connect(matrices, result_ready);
        let cycle = Cycle {
            request: &request,
            memory_ready: self.memory.ready(),
            memory: self.memory.output(),
            inputs: &self.inputs,
            outputs: &outputs,
            more_matrices: matrices.are_groups_to_come(),
        };
        if let Some(waves) = waves {
            waves.sample(self.cycle, |probe| probe::show(&cycle, self.beat_bytes, probe))?;
        }
        let moved = self.observer.observe(&cycle, &mut run.activity);
        let moved = moved.map_err(|reason| ports_error(matrices, run, reason))?;
        // The memory cannot be held up.
        let inputs = &self.inputs;
        for (name, valid, ready) in [
            (
                "s_axis_weights",
                inputs.s_axis_weights_tvalid,
                outputs.s_axis_weights_tready,
            ),
            (
                "s_axis_activations",
                inputs.s_axis_activations_tvalid,
                outputs.s_axis_activations_tready,
            ),
        ] {
            if valid && !ready {
                let reason = format!("{name}_tready is 0, and there must be room for the beat that is there");
                return Err(ports_error(matrices, run, reason));
            }
        }

        self.accelerator.clock(&self.inputs);
        let started = self.host.clock(&outputs.s_axil)?;
        let idle = match request {
            Offer::Empty(cause) => cause,
            Offer::Valid(_) => Cause::MemoryLatency,
        };
        let request_taken = request.data().copied().filter(|_| self.memory.ready());
        self.memory.clock(request_taken, idle);
        self.reader.clock(request_taken, delivered);
        self.cycle += 1;
        let result_taken = outputs.m_axis_tvalid && result_ready;
        Ok(Step {
            moved,
            started,
            group_entered: ProbeBits::from(outputs.probe).issue(),
            results: result_taken.then_some(ResultBeat {
                bytes: outputs.m_axis_tdata,
                last: outputs.m_axis_tlast,
            }),
        })
    }

    /// Puts what the memory, the host and the reader of the results show in this cycle onto the accelerator's inputs. Gives
    /// the stream of the beat that is delivered.
    fn connect(&mut self, matrices: &Matrices<'_>, result_ready: bool) -> Option<Stream> {
        let inputs = &mut self.inputs;
        inputs.s_axil = self.host.inputs();
        inputs.s_axis_weights_tvalid = false;
        inputs.s_axis_activations_tvalid = false;
        inputs.m_axis_tready = result_ready;
        inputs.s_axis_weights_tlast = self.reader.next_is_last();
        let beat = *self.memory.output().data()?;
        let (valid, data) = match beat.stream {
            Stream::Weights => (&mut inputs.s_axis_weights_tvalid, &mut inputs.s_axis_weights_tdata),
            Stream::Activations => (
                &mut inputs.s_axis_activations_tvalid,
                &mut inputs.s_axis_activations_tdata,
            ),
        };
        *valid = true;
        data.clear();
        data.extend_from_slice(matrices.bytes(beat, self.beat_bytes));
        Some(beat.stream)
    }
}

fn empty_run() -> Run {
    Run {
        cycles: 0,
        activity: Activity::default(),
        results: Vec::new(),
        dram_commands: None,
    }
}

fn size_of(job: &Job) -> MatrixSize {
    MatrixSize {
        tiles: job.order.tiles() as u32,
        steps: job.order.steps_per_tile() as u32,
    }
}

/// What the ports show in this cycle of the run cannot be.
fn ports_error(matrices: &Matrices<'_>, run: &Run, reason: impl Into<String>) -> MachineError {
    MachineError::Ports {
        name: matrices.front_name(),
        cycle: run.cycles,
        reason: reason.into(),
    }
}

/// What one clock cycle moved.
struct Step {
    /// Whether anything moved at all.
    moved: bool,
    /// Whether the host has got the answer to a start.
    started: bool,
    /// Whether a group entered the datapath.
    group_entered: bool,
    /// The beat of results that left.
    results: Option<ResultBeat>,
}

/// A beat of the result stream.
struct ResultBeat {
    bytes: Vec<u8>,
    last: bool,
}
