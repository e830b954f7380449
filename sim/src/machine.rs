//! The machine: the accelerator, the memory, what reads it, and the clock.

mod burst_reader;
mod clock_ratio;
mod dram_port;
mod error;
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
use crate::job::Job;
use crate::observer::{Cycle, Observer};
use crate::offer::Offer;
use crate::units::{Matvec, MatvecInputs, MatvecPorts, ProbeBits};
use crate::waves::Waves;
use burst_reader::BurstReader;
use memory::Memory;
use results::ResultCheck;
use seedlm_codec::machine::RESULT_BITS;
use seedlm_codec::machine::registers::{CONTROL_ADDRESS, CYCLES_ADDRESS, STATUS_ADDRESS, STEPS_ADDRESS, TILES_ADDRESS};
use seedlm_codec::{CodecError, WeightFormat};

/// Cycles without a single transfer after which a run is given up as stuck.
const STUCK_CYCLES: u64 = 1_000_000;

/// What `STATUS` reads after a matrix: done, and not busy.
const STATUS_DONE: u32 = 0b10;

/// What one product took.
#[derive(Clone, Debug)]
pub struct Run {
    /// Cycles from the one in which the first read is asked for to the one in which the last result leaves, both
    /// counted.
    pub cycles: u64,
    /// What each unit did in each of them.
    pub activity: Activity,
    /// The results, one per row, equal to the golden product.
    pub results: Vec<i64>,
    /// Commands given to the DRAM; `None` for a memory without banks.
    pub dram_commands: Option<CommandCounts>,
}

/// Whether the reader of the results is ready in a cycle (counted from the start of the machine).
pub type ResultReady<'a> = &'a mut dyn FnMut(u64) -> bool;

/// The accelerator and its memory.
pub struct Machine {
    tile_rows: usize,
    results_per_beat: usize,
    cycle: u64,
    reader: BurstReader,
    memory: Memory,
    accelerator: Box<dyn MatvecPorts>,
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
            cycle: 0,
            reader: BurstReader::new(burst_beats as usize, beat_bytes, datapath.beat_fifo_beats as usize),
            memory: Memory::new(config.memory.clone(), beat_bytes, config.clock_hz()),
            accelerator,
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
        mut waves: Option<&mut Waves>,
    ) -> Result<Run, MachineError> {
        let mut run = Run {
            cycles: 0,
            activity: Activity::default(),
            results: vec![0; job.rows],
            dram_commands: None,
        };
        let commands_before = self.memory.commands();
        if job.order.groups() == 0 {
            return Ok(run);
        }
        self.start(job)?;
        let mut check = ResultCheck::new(job, self.tile_rows, self.results_per_beat);
        let mut last_move = 0;
        let mut is_last = false;
        while !is_last {
            let ready = result_ready(self.cycle);
            run.cycles += 1;
            let step = self.clock(job, ready, &mut run, waves.as_deref_mut())?;
            if step.moved {
                last_move = run.cycles;
            } else if run.cycles - last_move > STUCK_CYCLES {
                return Err(MachineError::Stuck { name: job.name.clone() });
            }
            if let Some(beat) = step.results {
                check.take(&beat.bytes, run.cycles)?;
                is_last = beat.last;
            }
        }
        run.results = check.finish()?;
        run.dram_commands = self
            .memory
            .commands()
            .zip(commands_before)
            .map(|(now, before)| now - before);
        if !self.reader.is_done() {
            return Err(ports_error(
                job,
                &run,
                "m_axis_tlast is 1 before all weights have gone in",
            ));
        }
        let ports = self.accelerator.as_mut();
        registers::expect(ports, "STATUS", STATUS_ADDRESS, STATUS_DONE)?;
        registers::expect(ports, "CYCLES", CYCLES_ADDRESS, run.cycles as u32)?;
        Ok(run)
    }

    /// Loads the memory and starts the accelerator. What software does meanwhile takes no time of memory and reader.
    fn start(&mut self, job: &Job) -> Result<(), MachineError> {
        let mut image = job.streams.activations.clone();
        image.extend(&job.streams.weights);
        self.memory.start(image);
        self.reader.start(job.activation_beats(), job.weight_beats());
        self.observer.start();
        let ports = self.accelerator.as_mut();
        registers::write(ports, TILES_ADDRESS, job.order.tiles() as u32)?;
        registers::write(ports, STEPS_ADDRESS, job.order.steps_per_tile() as u32)?;
        registers::write(ports, CONTROL_ADDRESS, 1)?;
        // The accelerator runs from the cycle after its response.
        if !ProbeBits::from(ports.outputs().probe).running {
            return Err(MachineError::NotRunning { name: job.name.clone() });
        }
        Ok(())
    }

    /// One clock cycle: look at all outputs, work out the inputs, then clock all.
    fn clock(
        &mut self,
        job: &Job,
        result_ready: bool,
        run: &mut Run,
        waves: Option<&mut Waves>,
    ) -> Result<Step, MachineError> {
        let outputs = self.accelerator.outputs();
        let request = self.reader.output(outputs.weights_level);
        self.connect(result_ready);
        let cycle = Cycle {
            request: &request,
            memory_ready: self.memory.ready(),
            memory: self.memory.output(),
            inputs: &self.inputs,
            outputs: &outputs,
        };
        if let Some(waves) = waves {
            let beat_bytes = self.results_per_beat * RESULT_BITS as usize / 8;
            waves.sample(self.cycle, |probe| probe::show(&cycle, beat_bytes, probe))?;
        }
        let moved = self.observer.observe(&cycle, &mut run.activity);
        let moved = moved.map_err(|reason| ports_error(job, run, reason))?;
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
                return Err(ports_error(job, run, reason));
            }
        }

        self.accelerator.clock(&self.inputs);
        let idle = match request {
            Offer::Empty(cause) => cause,
            Offer::Valid(_) => Cause::MemoryLatency,
        };
        let request_taken = request.data().copied().filter(|_| self.memory.ready());
        self.memory.clock(request_taken, idle);
        self.reader.clock(request_taken, self.inputs.s_axis_weights_tvalid);
        self.cycle += 1;
        let result_taken = outputs.m_axis_tvalid && result_ready;
        Ok(Step {
            moved,
            results: result_taken.then_some(ResultBeat {
                bytes: outputs.m_axis_tdata,
                last: outputs.m_axis_tlast,
            }),
        })
    }

    /// Puts what the memory and the reader of the results show in this cycle onto the accelerator's inputs.
    fn connect(&mut self, result_ready: bool) {
        let inputs = &mut self.inputs;
        inputs.s_axis_weights_tvalid = false;
        inputs.s_axis_activations_tvalid = false;
        inputs.m_axis_tready = result_ready;
        if let Offer::Valid(beat) = self.memory.output() {
            let (valid, data) = match beat.stream {
                Stream::Weights => (&mut inputs.s_axis_weights_tvalid, &mut inputs.s_axis_weights_tdata),
                Stream::Activations => (
                    &mut inputs.s_axis_activations_tvalid,
                    &mut inputs.s_axis_activations_tdata,
                ),
            };
            *valid = true;
            data.clone_from(&beat.bytes);
        }
        inputs.s_axis_weights_tlast = self.reader.next_is_last();
    }
}

/// What the ports show in this cycle of the run cannot be.
fn ports_error(job: &Job, run: &Run, reason: impl Into<String>) -> MachineError {
    MachineError::Ports {
        name: job.name.clone(),
        cycle: run.cycles,
        reason: reason.into(),
    }
}

/// What one clock cycle moved.
struct Step {
    /// Whether anything moved at all.
    moved: bool,
    /// The beat of results that left.
    results: Option<ResultBeat>,
}

/// A beat of the result stream.
struct ResultBeat {
    bytes: Vec<u8>,
    last: bool,
}
