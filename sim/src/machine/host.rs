//! What software does while products run: it waits until another start can be taken, writes the size of the next matrix, and
//! starts it.

use super::MachineError;
use crate::units::{AxiLiteInputs, AxiLiteOutputs, RESPONSE_OKAY};
use seedlm_codec::machine::registers::{CONTROL_ADDRESS, STATUS_ADDRESS, STATUS_FULL, STEPS_ADDRESS, TILES_ADDRESS};

/// Sizes of a matrix, as the registers have them.
#[derive(Clone, Copy, Debug)]
pub struct MatrixSize {
    /// Tiles.
    pub tiles: u32,
    /// Steps of a tile.
    pub steps: u32,
}

impl MatrixSize {
    /// The writes that start such a matrix.
    pub fn writes(self) -> [(u32, u32); 3] {
        [
            (TILES_ADDRESS, self.tiles),
            (STEPS_ADDRESS, self.steps),
            (CONTROL_ADDRESS, 1),
        ]
    }
}

/// What it is about.
#[derive(Clone, Copy, Debug)]
enum Task {
    /// Nothing.
    Idle,
    /// It reads `STATUS` until no start waits.
    Poll { is_asked: bool },
    /// It writes; so many addresses, data and answers have passed.
    Write {
        addresses: usize,
        data: usize,
        answers: usize,
    },
}

/// The master of the registers.
#[derive(Clone, Debug)]
pub struct Host {
    task: Task,
    writes: [(u32, u32); 3],
}

impl Host {
    /// One with nothing to do.
    pub fn new() -> Self {
        Host {
            task: Task::Idle,
            writes: [(0, 0); 3],
        }
    }

    /// Whether it has nothing to do.
    pub fn is_idle(&self) -> bool {
        matches!(self.task, Task::Idle)
    }

    /// Tells it to start a matrix as soon as that can be.
    pub fn start(&mut self, size: MatrixSize) {
        self.writes = size.writes();
        self.task = Task::Poll { is_asked: false };
    }

    /// What it drives in this cycle.
    pub fn inputs(&self) -> AxiLiteInputs {
        let mut inputs = AxiLiteInputs {
            bready: true,
            rready: true,
            ..AxiLiteInputs::default()
        };
        match self.task {
            Task::Idle => {}
            Task::Poll { is_asked } => {
                inputs.araddr = STATUS_ADDRESS as u8;
                inputs.arvalid = !is_asked;
            }
            Task::Write { addresses, data, .. } => {
                if let Some((address, _)) = self.writes.get(addresses) {
                    (inputs.awaddr, inputs.awvalid) = (*address as u8, true);
                }
                if let Some((_, value)) = self.writes.get(data) {
                    (inputs.wdata, inputs.wstrb, inputs.wvalid) = (*value, 0b1111, true);
                }
            }
        }
        inputs
    }

    /// Clock edge, with what the slave showed. Gives whether the answer to the start has come.
    ///
    /// # Errors
    /// [`MachineError::Refused`].
    pub fn clock(&mut self, seen: &AxiLiteOutputs) -> Result<bool, MachineError> {
        match &mut self.task {
            Task::Idle => {}
            Task::Poll { is_asked } => {
                if *is_asked && seen.rvalid {
                    if seen.rresp != RESPONSE_OKAY {
                        return Err(MachineError::Refused {
                            address: STATUS_ADDRESS,
                        });
                    }
                    self.task = match seen.rdata & STATUS_FULL {
                        0 => Task::Write {
                            addresses: 0,
                            data: 0,
                            answers: 0,
                        },
                        _ => Task::Poll { is_asked: false },
                    };
                } else {
                    *is_asked |= seen.arready;
                }
            }
            Task::Write {
                addresses,
                data,
                answers,
            } => {
                let count = self.writes.len();
                *addresses += usize::from(*addresses < count && seen.awready);
                *data += usize::from(*data < count && seen.wready);
                if seen.bvalid {
                    if seen.bresp != RESPONSE_OKAY {
                        let (address, _) = self.writes[*answers];
                        return Err(MachineError::Refused { address });
                    }
                    *answers += 1;
                    if *answers == count {
                        self.task = Task::Idle;
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}
