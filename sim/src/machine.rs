//! The machine: units, links, and the clock.

mod probe;

use crate::activity::{Activity, Unit};
use crate::cause::{Cause, State};
use crate::job::Job;
use crate::link::Offer;
use crate::memory_model::MemoryModel;
use crate::units::{
    Accumulator, ActivationBuffer, Beat, BeatFifo, BurstReader, DecodeLanes, MacArray, Memory, ResultBeat, ResultFifo,
    Stream, Unpack,
};
use crate::waves::Waves;
use seedlm_codec::machine::{DatapathConfig, RESULT_BITS};
use seedlm_codec::{CodecError, WeightFormat};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Cycles without a single transfer after which a run is given up as stuck.
const STUCK_CYCLES: u64 = 1_000_000;

/// Everything that decides how many cycles a product takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemConfig {
    /// Clock of machine and memory port, in MHz. It turns cycles into seconds and changes nothing else.
    pub clock_mhz: f64,
    /// The datapath.
    pub datapath: DatapathConfig,
    /// The memory.
    pub memory: MemoryModel,
}

impl SystemConfig {
    /// Peak of the memory port in units of 1e9 bytes per second: a beat in every cycle.
    pub fn peak_gb_per_s(&self) -> f64 {
        f64::from(self.datapath.beat_bits) / 8.0 * self.clock_mhz / 1000.0
    }
}

/// Why a run ends without a result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The machine cannot be built, or the product does not fit it.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Nothing moves any more.
    #[error("matrix {name}: nothing has moved for {STUCK_CYCLES} cycles (is the result stream ever ready?)")]
    Stuck {
        /// Name of the matrix.
        name: String,
    },
    /// A result differs from the golden product.
    #[error("matrix {name}, row {row}, cycle {cycle}: expected {expected}, got {got}")]
    Wrong {
        /// Name of the matrix.
        name: String,
        /// Row of the matrix.
        row: usize,
        /// Cycle, counted from the matrix's first read, in which the result left.
        cycle: u64,
        /// The golden product.
        expected: i64,
        /// What the machine gave.
        got: i64,
    },
    /// The wave file cannot be written.
    #[error("wave file: {0}")]
    Waves(#[from] std::io::Error),
}

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
}

/// Which units take data in a cycle.
struct Readiness {
    results: bool,
    accumulator: bool,
    mac: bool,
    lanes: bool,
}

/// What one clock cycle moved.
struct Step {
    /// Whether anything moved at all.
    moved: bool,
    /// The beat of results that left.
    results: Option<ResultBeat>,
}

/// Whether the reader of the results is ready in a cycle (counted from the start of the machine).
pub type ResultReady<'a> = &'a mut dyn FnMut(u64) -> bool;

/// The accelerator and its memory.
#[derive(Clone, Debug)]
pub struct Machine {
    results_per_beat: usize,
    tile_rows: usize,
    cycle: u64,
    reader: BurstReader,
    memory: Memory,
    fifo: BeatFifo,
    activations: ActivationBuffer,
    unpack: Unpack,
    lanes: DecodeLanes,
    mac: MacArray,
    accumulator: Accumulator,
    results: ResultFifo,
}

impl Machine {
    /// A machine after reset.
    ///
    /// # Errors
    /// When the configuration cannot be built for the format, or a burst does not fit the beat FIFO.
    pub fn new(format: &WeightFormat, config: &SystemConfig) -> Result<Self, MachineError> {
        let datapath = &config.datapath;
        datapath.check(format)?;
        if config.memory.burst_beats > datapath.beat_fifo_beats {
            return Err(CodecError::Machine(format!(
                "bursts of {} beats do not fit beat_fifo_beats = {}",
                config.memory.burst_beats, datapath.beat_fifo_beats
            ))
            .into());
        }
        let results_per_beat = (datapath.beat_bits / RESULT_BITS) as usize;
        let fifo_beats = datapath.beat_fifo_beats as usize;
        Ok(Machine {
            results_per_beat,
            tile_rows: datapath.tile_rows as usize,
            cycle: 0,
            reader: BurstReader::new(
                config.memory.burst_beats as usize,
                datapath.beat_bits as usize / 8,
                fifo_beats,
            ),
            memory: Memory::new(config.memory.clone(), datapath.beat_bits as usize / 8),
            fifo: BeatFifo::new(fifo_beats),
            activations: ActivationBuffer::new(datapath.activation_bits),
            unpack: Unpack::new(
                format.word_bits() as usize,
                datapath.lanes as usize,
                datapath.beat_bits as usize,
            ),
            lanes: DecodeLanes::new(format, datapath.decode_stages),
            mac: MacArray::new(datapath.activations_per_step(format), datapath.mac_stages),
            accumulator: Accumulator::new(datapath.tile_rows as usize),
            results: ResultFifo::new(datapath.result_fifo_groups as usize, results_per_beat),
        })
    }

    /// Runs one product from its first read to its last result, and holds every result against the golden product.
    /// The memory's refresh timer runs on from one product to the next.
    ///
    /// # Errors
    /// [`MachineError::Wrong`] for a wrong result, [`MachineError::Stuck`] when nothing moves any more.
    pub fn run(
        &mut self,
        job: &Job,
        result_ready: ResultReady<'_>,
        mut waves: Option<&mut Waves>,
    ) -> Result<Run, MachineError> {
        let mut run = Run {
            cycles: 0,
            activity: Activity::default(),
            results: Vec::with_capacity(job.rows),
        };
        if job.order.groups() == 0 {
            run.results.resize(job.rows, 0);
            return Ok(run);
        }
        self.start(job);
        let mut rows_out = 0;
        let mut last_move = 0;
        loop {
            let ready = result_ready(self.cycle);
            if let Some(waves) = waves.as_deref_mut() {
                waves.sample(self.cycle, |probe| self.probe(ready, probe))?;
            }
            run.cycles += 1;
            let step = self.clock(ready, &mut run.activity);
            if step.moved {
                last_move = run.cycles;
            } else if run.cycles - last_move > STUCK_CYCLES {
                return Err(MachineError::Stuck { name: job.name.clone() });
            }
            let Some(beat) = step.results else { continue };
            // A tile takes whole beats, and the rows that only fill it up must be zero.
            for (index, &got) in beat.results.iter().enumerate() {
                let row_of_tile = rows_out % self.rows_per_tile_of_beats() + index;
                let row = rows_out / self.rows_per_tile_of_beats() * self.tile_rows + row_of_tile;
                let is_row = row_of_tile < self.tile_rows && row < job.rows;
                let expected = if is_row { job.expected[row] } else { 0 };
                if got != expected {
                    let (name, cycle) = (job.name.clone(), run.cycles);
                    return Err(MachineError::Wrong {
                        name,
                        row,
                        cycle,
                        expected,
                        got,
                    });
                }
                if is_row {
                    run.results.push(got);
                }
            }
            rows_out += beat.results.len();
            if beat.last {
                break;
            }
        }
        assert_eq!(run.results.len(), job.rows, "every row has a result");
        Ok(run)
    }

    /// Rows of a tile, those that fill up its last beat included.
    fn rows_per_tile_of_beats(&self) -> usize {
        self.tile_rows.next_multiple_of(self.results_per_beat)
    }

    fn start(&mut self, job: &Job) {
        let mut image = job.streams.activations.clone();
        image.extend(&job.streams.weights);
        self.memory.start(image);
        self.reader.start(job.activation_beats(), job.weight_beats());
        self.fifo.start();
        self.activations.start(job.activation_layout.clone());
        self.unpack.start(job.order.tiles(), job.order.steps_per_tile());
        self.lanes.start();
        self.mac.start();
    }

    /// Who takes data in this cycle, worked out from the last unit to the first.
    fn readiness(&self) -> Readiness {
        let results = self.results.ready();
        let accumulator = self.accumulator.ready(results);
        let mac = self.mac.ready(accumulator);
        let lanes = self.lanes.ready(mac);
        Readiness {
            results,
            accumulator,
            mac,
            lanes,
        }
    }

    /// Whether the beat that the FIFO shows is taken: activations always are, weights when the unpack unit is ready.
    fn takes_beat(&self, beat: &Offer<&Beat>) -> bool {
        beat.data()
            .is_some_and(|beat| beat.stream == Stream::Activations || self.unpack.ready())
    }

    /// One clock cycle: look at all outputs, work out who is ready from the last unit to the first, then clock all.
    fn clock(&mut self, result_ready: bool, activity: &mut Activity) -> Step {
        let ready = self.readiness();
        let result = self.results.output();
        let beat = self.fifo.output();
        let group = self.unpack.output(&beat, self.activations.steps_loaded());
        let request = self.reader.output();
        let beat_taken = self.takes_beat(&beat);
        let group_taken = group.is_valid() && ready.lanes;
        let request_taken = request.data().copied().filter(|_| self.memory.ready());
        let result_taken = result.is_valid() && result_ready;

        activity.count(
            Unit::BurstReader,
            match request.state(self.memory.ready()) {
                State::Waiting(Cause::NextUnitBusy) => State::Waiting(Cause::RequestQueueFull),
                state => state,
            },
        );
        activity.count(Unit::Memory, self.memory.output().state(true));
        activity.count(Unit::BeatFifo, beat.state(beat_taken));
        activity.count(Unit::Unpack, group.state(ready.lanes));
        activity.count(Unit::DecodeLanes, self.lanes.output().state(ready.mac));
        activity.count(Unit::MacArray, self.mac.output().state(ready.accumulator));
        // The accumulator works when it adds, that is, when it takes what the MAC array shows.
        activity.count(Unit::Accumulator, self.mac.output().state(ready.accumulator));
        activity.count(Unit::ResultFifo, result.state(result_ready));

        let moved = beat_taken
            || group_taken
            || result_taken
            || request_taken.is_some()
            || self.memory.output().is_valid()
            || self.lanes.output().is_valid() && ready.mac
            || self.mac.output().is_valid() && ready.accumulator;

        let idle = match request {
            Offer::Empty(cause) => cause,
            Offer::Valid(_) => Cause::MemoryLatency,
        };
        // Each unit is clocked before the one that feeds it, so that it sees outputs as they were in this cycle.
        let finished_tile = self.accumulator.output().data().filter(|_| ready.results);
        self.results.clock(finished_tile, result_taken);
        self.accumulator.clock(self.mac.output(), ready.results);
        self.mac
            .clock(self.lanes.output(), &self.activations, ready.accumulator);
        self.lanes.clock(group, ready.mac);
        self.unpack.clock(&beat, group_taken);
        self.activations.clock(&beat);
        self.fifo.clock(self.memory.output(), beat_taken);
        self.memory.clock(request_taken, idle);
        self.reader.clock(request_taken, beat_taken);
        self.cycle += 1;
        Step {
            moved,
            results: if result_taken { result.data().cloned() } else { None },
        }
    }
}
