//! `seedlm_control`: the registers that software sees, behind AXI4-Lite.

use super::axi_lite::{AxiLiteInputs, AxiLiteOutputs, RESPONSE_OKAY, RESPONSE_SLAVE_ERROR};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::machine::registers::{
    CONTROL_ADDRESS, CYCLES_ADDRESS, STATUS_ADDRESS, STATUS_BUSY, STATUS_DONE, STATUS_FULL, STATUS_UNDER_WAY_BIT,
    STEPS_ADDRESS, TILES_ADDRESS, constant_registers,
};

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct ControlInputs {
    /// The bus.
    pub s_axil: AxiLiteInputs,
    /// Whether the sequence takes the matrix that waits.
    pub run_ready: bool,
    /// Whether the activation buffer takes the matrix that waits.
    pub load_ready: bool,
    /// Whether the last beat of a matrix's results leaves.
    pub results_done: bool,
}

/// Outputs of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlOutputs {
    /// The bus.
    pub s_axil: AxiLiteOutputs,
    /// Whether a matrix waits for the sequence.
    pub run_valid: bool,
    /// Whether a matrix waits for the activation buffer.
    pub load_valid: bool,
    /// Register `TILES`: tiles of the matrix that waits.
    pub tiles: u32,
    /// Register `STEPS`: steps of a tile of the matrix that waits.
    pub steps: u32,
}

/// The registers.
#[derive(Clone, Debug)]
pub struct Control {
    constants: Vec<u32>,
    largest_steps: u32,
    write_address: Option<u8>,
    /// Data and strobe.
    write_data: Option<(u32, u8)>,
    bus: AxiLiteOutputs,
    run_waits: bool,
    load_waits: bool,
    /// Products whose last results have not left.
    under_way: u32,
    /// Whether a start has found the machine idle one cycle ago.
    begins: bool,
    done: bool,
    tiles: u32,
    steps: u32,
    cycles: u32,
}

impl Control {
    /// The registers of a machine, after reset.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        let constants = constant_registers(config, format);
        Control {
            constants: constants.into_iter().map(|register| register.value).collect(),
            largest_steps: config.largest_steps(format) as u32,
            write_address: None,
            write_data: None,
            bus: AxiLiteOutputs::default(),
            run_waits: false,
            load_waits: false,
            under_way: 0,
            begins: false,
            done: false,
            tiles: 0,
            steps: 0,
            cycles: 0,
        }
    }

    /// What the ports show in this cycle.
    pub fn outputs(&self) -> ControlOutputs {
        ControlOutputs {
            s_axil: AxiLiteOutputs {
                awready: self.write_address.is_none(),
                wready: self.write_data.is_none(),
                arready: !self.bus.rvalid,
                ..self.bus
            },
            run_valid: self.run_waits,
            load_valid: self.load_waits,
            tiles: self.tiles,
            steps: self.steps,
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: ControlInputs) {
        // All of this reads registers before the writes below change them.
        let read = self.read(inputs.s_axil.araddr);
        let write = self.write_address.zip(self.write_data).filter(|_| !self.bus.bvalid);
        let (was_busy, was_full) = (self.is_busy(), self.is_full());
        let starts = write.is_some_and(|(address, data)| self.starts(address, data));

        if self.begins {
            self.cycles = 0;
        } else if was_busy {
            self.cycles = self.cycles.wrapping_add(1);
        }
        self.begins = starts && !was_busy;
        self.run_waits = starts || self.run_waits && !inputs.run_ready;
        self.load_waits = starts || self.load_waits && !inputs.load_ready;
        self.under_way = self.under_way + u32::from(starts) - u32::from(inputs.results_done);
        self.done = inputs.results_done || self.done && !starts;
        self.clock_read_channel(&inputs.s_axil, read);
        self.clock_write_channels(&inputs.s_axil, write, starts, was_full);
    }

    fn is_busy(&self) -> bool {
        self.under_way > 0
    }

    /// Whether a matrix waits, so that its size must stay.
    fn is_full(&self) -> bool {
        self.run_waits || self.load_waits
    }

    /// Whether a write starts a matrix.
    fn starts(&self, address: u8, data: (u32, u8)) -> bool {
        let legal = !self.is_full() && self.tiles != 0 && (1..=self.largest_steps).contains(&self.steps);
        register_address(address) == CONTROL_ADDRESS && asks_to_start(data) && legal
    }

    fn status(&self) -> u32 {
        let bits = [
            (self.is_busy(), STATUS_BUSY),
            (self.done, STATUS_DONE),
            (self.is_full(), STATUS_FULL),
        ];
        let flags = bits.into_iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit);
        flags.sum::<u32>() | self.under_way << STATUS_UNDER_WAY_BIT
    }

    fn clock_read_channel(&mut self, inputs: &AxiLiteInputs, read: Option<u32>) {
        if inputs.arvalid && !self.bus.rvalid {
            self.bus.rvalid = true;
            self.bus.rdata = read.unwrap_or(0);
            self.bus.rresp = if read.is_some() {
                RESPONSE_OKAY
            } else {
                RESPONSE_SLAVE_ERROR
            };
        } else if inputs.rready {
            self.bus.rvalid = false;
        }
    }

    fn clock_write_channels(
        &mut self,
        inputs: &AxiLiteInputs,
        write: Option<(u8, (u32, u8))>,
        starts: bool,
        was_full: bool,
    ) {
        if inputs.awvalid && self.write_address.is_none() {
            self.write_address = Some(inputs.awaddr);
        }
        if inputs.wvalid && self.write_data.is_none() {
            self.write_data = Some((inputs.wdata, inputs.wstrb));
        }
        if let Some((address, data)) = write {
            (self.write_address, self.write_data) = (None, None);
            self.bus.bvalid = true;
            self.bus.bresp = if self.write(address, data, was_full) || starts {
                RESPONSE_OKAY
            } else {
                RESPONSE_SLAVE_ERROR
            };
        } else if inputs.bready {
            self.bus.bvalid = false;
        }
    }

    /// What a register reads; `None` where there is none.
    fn read(&self, address: u8) -> Option<u32> {
        match register_address(address) {
            CONTROL_ADDRESS => Some(0),
            STATUS_ADDRESS => Some(self.status()),
            TILES_ADDRESS => Some(self.tiles),
            STEPS_ADDRESS => Some(self.steps),
            CYCLES_ADDRESS => Some(self.cycles),
            address => self.constants.get(address as usize / 4).copied(),
        }
    }

    /// Writes a register; whether that is allowed, but for a start. The size of a matrix stays while it waits.
    fn write(&mut self, address: u8, data: (u32, u8), was_full: bool) -> bool {
        let register = match register_address(address) {
            CONTROL_ADDRESS => return !asks_to_start(data),
            TILES_ADDRESS if !was_full => &mut self.tiles,
            STEPS_ADDRESS if !was_full => &mut self.steps,
            _ => return false,
        };
        let (data, strobe) = data;
        for byte in (0..4).filter(|byte| strobe >> byte & 1 == 1) {
            let mask = 0xff << (8 * byte);
            *register = *register & !mask | data & mask;
        }
        true
    }
}

/// The lowest two bits of a byte address are ignored.
fn register_address(address: u8) -> u32 {
    u32::from(address & !3)
}

/// Whether data for `CONTROL` have bit 0 set, in a byte that counts.
fn asks_to_start((data, strobe): (u32, u8)) -> bool {
    data & strobe as u32 & 1 == 1
}

#[cfg(test)]
mod tests;
