//! Works out what each unit did in a cycle, and why, from what can be seen at the ports.
//!
//! The units themselves are hardware and know no causes. So the same account can be given of the model and of the Verilog.

use crate::activity::{Activity, Unit};
use crate::cause::{Cause, State};
use crate::machine::{Beat, Request, Stream};
use crate::offer::Offer;
use crate::units::{MatvecInputs, MatvecOutputs, Pipeline, ProbeBits};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;

/// Cycles that a beat takes through the FIFO of weights.
const FIFO_CYCLES: u32 = 2;

/// All that can be seen in one cycle.
pub struct Cycle<'a> {
    /// The burst asked for, or why there is none.
    pub request: &'a Offer<Request>,
    /// Whether the memory takes a burst.
    pub memory_ready: bool,
    /// The memory's data port.
    pub memory: &'a Offer<Beat>,
    /// Inputs of the accelerator.
    pub inputs: &'a MatvecInputs,
    /// Its outputs.
    pub outputs: &'a MatvecOutputs,
    /// Whether a matrix is still to come of which no group can have entered.
    pub more_matrices: bool,
}

/// Something on its way, or nothing and why.
type Slot = Offer<()>;

/// Follows bubbles and their causes through the machine. Where data come out of a unit a fixed number of cycles after they
/// went in, so do bubbles: they are kept in rows of registers as long as the unit's.
#[derive(Clone, Debug)]
pub struct Observer {
    /// What was at the memory port and should now be at the FIFO's output.
    fifo: Pipeline<Slot>,
    /// Why the unpack unit has no group in this cycle, should it have none.
    gap: Cause,
    lanes: Pipeline<Slot>,
    mac: Pipeline<Slot>,
}

impl Observer {
    /// An observer of a machine with these parameters.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let empty = Offer::Empty(Cause::PipelineFill);
        Observer {
            fifo: Pipeline::new(FIFO_CYCLES, empty.clone()),
            gap: Cause::PipelineFill,
            lanes: Pipeline::new(config.decode_stages(format), empty.clone()),
            mac: Pipeline::new(config.mac_stages(format), empty),
        }
    }

    /// Starts a row of matrices: what the bubbles of the last one were there for no longer counts.
    pub fn start(&mut self) {
        for pipeline in [&mut self.fifo, &mut self.lanes, &mut self.mac] {
            pipeline.fill(Offer::Empty(Cause::PipelineFill));
        }
        self.gap = Cause::PipelineFill;
    }

    /// Counts a cycle for every unit, and says whether anything moved in it.
    ///
    /// # Errors
    /// When the accelerator's probe shows data where none can be, or none where some must be: where, and which.
    pub fn observe(&mut self, cycle: &Cycle<'_>, activity: &mut Activity) -> Result<bool, String> {
        let (inputs, outputs) = (cycle.inputs, cycle.outputs);
        let probe = ProbeBits::from(outputs.probe);
        for (name, came, shown) in [
            ("decoded_valid", &self.lanes, probe.decoded_valid),
            ("sums_valid", &self.mac, probe.sums_valid),
        ] {
            let must_be = came.last().is_valid();
            if shown != must_be {
                let (shown, must_be) = (u8::from(shown), u8::from(must_be));
                return Err(format!(
                    "probe bit {name} is {shown}, and must be {must_be} after what went in"
                ));
            }
        }

        let reader = match cycle.request.state(cycle.memory_ready) {
            State::Waiting(Cause::NextUnitBusy) => State::Waiting(Cause::RequestQueueFull),
            state => state,
        };
        let fifo = self.fifo_state(&probe)?;
        let unpack = self.unpack_state(&probe, cycle.more_matrices);
        let results = match outputs.m_axis_tvalid {
            true => Offer::Valid(()),
            false => Offer::Empty(Cause::RowsUnfinished),
        };
        let results = results.state(inputs.m_axis_tready);
        // Neither the lanes nor what is behind them ever waits for the next unit.
        let lanes = self.lanes.last().state(true);
        let mac = self.mac.last().state(true);
        for (unit, state) in [
            (Unit::BurstReader, reader),
            (Unit::Memory, cycle.memory.state(true)),
            (Unit::BeatFifo, fifo),
            (Unit::Unpack, unpack),
            (Unit::DecodeLanes, lanes),
            (Unit::MacArray, mac),
            // The accumulator works when it adds, that is, when it takes what the MAC array shows.
            (Unit::Accumulator, mac),
            (Unit::ResultFifo, results),
        ] {
            activity.count(unit, state);
        }

        self.mac.shift(self.lanes.last().clone());
        self.lanes.shift(slot(unpack));
        self.gap = match fifo {
            // A beat stood there, and there is no whole group all the same.
            State::Busy | State::Waiting(Cause::NextUnitBusy) => Cause::GroupIncomplete,
            State::Waiting(cause) => cause,
        };
        self.fifo.shift(match cycle.memory {
            Offer::Valid(beat) if beat.stream == Stream::Weights => Offer::Valid(()),
            Offer::Valid(_) => Offer::Empty(Cause::ActivationLoad),
            Offer::Empty(cause) => Offer::Empty(*cause),
        });
        let is_busy = |state: &State| *state == State::Busy;
        Ok(cycle.memory.is_valid() || [reader, fifo, unpack, lanes, mac, results].iter().any(is_busy))
    }

    fn fifo_state(&self, probe: &ProbeBits) -> Result<State, String> {
        if probe.weights_fifo_valid {
            return Ok(Offer::Valid(()).state(probe.unpack_takes_beat));
        }
        match self.fifo.last() {
            Offer::Valid(()) => Err("probe bit weights_fifo_valid is 0, and a beat of weights must be there".into()),
            came => Ok(came.state(true)),
        }
    }

    fn unpack_state(&self, probe: &ProbeBits, more_matrices: bool) -> State {
        if !probe.running {
            State::Waiting(if more_matrices {
                Cause::MatrixChange
            } else {
                Cause::Drain
            })
        } else if !probe.group_valid {
            State::Waiting(self.gap)
        } else if probe.group_ready {
            State::Busy
        } else if !probe.step_loaded {
            State::Waiting(Cause::ActivationLoad)
        } else {
            // There is no room for the results of another tile.
            State::Waiting(Cause::NextUnitBusy)
        }
    }
}

/// What a unit in this state passes on.
fn slot(state: State) -> Slot {
    match state {
        State::Busy => Offer::Valid(()),
        State::Waiting(cause) => Offer::Empty(cause),
    }
}
