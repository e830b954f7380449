//! The memory as the machine sees it: bursts asked for, beats delivered in order.

use super::dram_port::DramPort;
use super::simple_port::SimplePort;
use crate::cause::Cause;
use crate::dram::CommandCounts;
use crate::memory_model::MemoryModel;
use crate::offer::Offer;

/// Which of the machine's streams a beat belongs to (the AXI identifier of its burst).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Goes to the activation buffer.
    Activations,
    /// Goes to the FIFO of weights.
    Weights,
}

/// A burst of beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Stream it is for.
    pub stream: Stream,
    /// Number of the matrix, counted from the start of the machine.
    pub matrix: u64,
    /// Number of the first beat in the stream.
    pub first_beat: usize,
    /// Beats in the burst, at least 1.
    pub beats: usize,
    /// Byte address of the first beat.
    pub address: u64,
}

impl Request {
    /// The next beat; what is left begins behind it.
    pub(super) fn take_beat(&mut self, beat_bytes: usize) -> Beat {
        let beat = Beat {
            stream: self.stream,
            matrix: self.matrix,
            index: self.first_beat,
        };
        self.first_beat += 1;
        self.beats -= 1;
        self.address += beat_bytes as u64;
        beat
    }
}

/// One beat of data, by where it stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Stream it belongs to.
    pub stream: Stream,
    /// Number of the matrix.
    pub matrix: u64,
    /// Number of the beat in the stream.
    pub index: usize,
}

/// The memory with its controller. Its data port cannot be held up: whoever asks must have room.
#[derive(Clone, Debug)]
pub enum Memory {
    /// One latency, and refresh.
    Simple(SimplePort),
    /// Banked DRAM.
    Dram(Box<DramPort>),
}

impl Memory {
    /// A memory that has just started its refresh timer, behind a port of beats of `beat_bytes` at `clock_hz`.
    pub fn new(model: MemoryModel, beat_bytes: usize, clock_hz: u64) -> Self {
        match model {
            MemoryModel::Simple(model) => Memory::Simple(SimplePort::new(model, beat_bytes)),
            MemoryModel::Dram(model) => Memory::Dram(Box::new(DramPort::new(&model, beat_bytes, clock_hz))),
        }
    }

    /// Starts to be looked at: until it is asked it has nothing to give.
    pub fn begin(&mut self) {
        match self {
            Memory::Simple(port) => port.begin(),
            Memory::Dram(port) => port.begin(),
        }
    }

    /// The beat on the port, or why there is none.
    pub fn output(&self) -> &Offer<Beat> {
        match self {
            Memory::Simple(port) => port.output(),
            Memory::Dram(port) => port.output(),
        }
    }

    /// Whether a request is taken in this cycle.
    pub fn ready(&self) -> bool {
        match self {
            Memory::Simple(port) => port.ready(),
            Memory::Dram(port) => port.ready(),
        }
    }

    /// Clock edge. `idle` is why nothing is asked for, should nothing be under way.
    pub fn clock(&mut self, request: Option<Request>, idle: Cause) {
        match self {
            Memory::Simple(port) => port.clock(request, idle),
            Memory::Dram(port) => port.clock(request, idle),
        }
    }

    /// Commands given to the DRAM so far; `None` where there are no banks.
    pub fn commands(&self) -> Option<CommandCounts> {
        match self {
            Memory::Simple(_) => None,
            Memory::Dram(port) => Some(port.commands()),
        }
    }
}
