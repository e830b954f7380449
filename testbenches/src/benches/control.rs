//! Drives `seedlm_control`, and gives the AXI4-Lite master that others use.

use crate::bits::{bit, number};
use crate::lockstep::{Bench, Ports};
use crate::stimulus::{Source, Stimulus};
use rand::RngExt;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::machine::registers::{CONTROL_ADDRESS, CYCLES_ADDRESS, STATUS_ADDRESS, STEPS_ADDRESS, TILES_ADDRESS};
use seedlm_sim::units::{AxiLiteInputs, AxiLiteOutputs, Control, ControlInputs};

/// A register write under way: data and strobe.
pub type WriteData = (u32, u8);

/// The master's side of an AXI4-Lite port: five channels that move on their own.
#[derive(Clone, Debug, Default)]
pub struct Master {
    /// Addresses of writes.
    pub address: Source<u8>,
    /// Data of writes.
    pub data: Source<WriteData>,
    /// Addresses of reads.
    pub read: Source<u8>,
    /// What the master drives in this cycle.
    pub inputs: AxiLiteInputs,
}

impl Master {
    /// What the channels show; anything where nothing is offered.
    pub fn drive(&mut self, stimulus: &mut Stimulus) {
        let (wdata, wstrb) = self.data.offered.unwrap_or_else(|| stimulus.random.random());
        self.inputs = AxiLiteInputs {
            awaddr: self.address.offered.unwrap_or_else(|| stimulus.random.random()),
            awprot: stimulus.random.random_range(0..8),
            awvalid: self.address.is_valid(),
            wdata,
            wstrb: wstrb & 15,
            wvalid: self.data.is_valid(),
            bready: stimulus.takes(),
            araddr: self.read.offered.unwrap_or_else(|| stimulus.random.random()),
            arprot: stimulus.random.random_range(0..8),
            arvalid: self.read.is_valid(),
            rready: stimulus.takes(),
        };
    }

    /// The inputs of the Verilog.
    pub fn ports(&self, with_protection: bool) -> Ports<Vec<u8>> {
        let inputs = &self.inputs;
        let mut ports = vec![
            ("s_axil_awvalid", bit(inputs.awvalid)),
            ("s_axil_awaddr", number(u64::from(inputs.awaddr), 8)),
            ("s_axil_wvalid", bit(inputs.wvalid)),
            ("s_axil_wdata", number(u64::from(inputs.wdata), 32)),
            ("s_axil_wstrb", number(u64::from(inputs.wstrb), 4)),
            ("s_axil_bready", bit(inputs.bready)),
            ("s_axil_arvalid", bit(inputs.arvalid)),
            ("s_axil_araddr", number(u64::from(inputs.araddr), 8)),
            ("s_axil_rready", bit(inputs.rready)),
        ];
        if with_protection {
            ports.push(("s_axil_awprot", number(u64::from(inputs.awprot), 3)));
            ports.push(("s_axil_arprot", number(u64::from(inputs.arprot), 3)));
        }
        ports
    }

    /// Ends the cycle.
    pub fn end_cycle(&mut self, outputs: &AxiLiteOutputs) {
        self.address.end_cycle(outputs.awready);
        self.data.end_cycle(outputs.wready);
        self.read.end_cycle(outputs.arready);
    }
}

/// What the slave's side of the port must show.
pub fn expected_ports(outputs: &AxiLiteOutputs) -> Ports<Option<Vec<u8>>> {
    vec![
        ("s_axil_awready", Some(bit(outputs.awready))),
        ("s_axil_wready", Some(bit(outputs.wready))),
        ("s_axil_bvalid", Some(bit(outputs.bvalid))),
        (
            "s_axil_bresp",
            outputs.bvalid.then(|| number(u64::from(outputs.bresp), 2)),
        ),
        ("s_axil_arready", Some(bit(outputs.arready))),
        ("s_axil_rvalid", Some(bit(outputs.rvalid))),
        (
            "s_axil_rdata",
            outputs.rvalid.then(|| number(u64::from(outputs.rdata), 32)),
        ),
        (
            "s_axil_rresp",
            outputs.rvalid.then(|| number(u64::from(outputs.rresp), 2)),
        ),
    ]
}

/// An address: mostly one of the map, with any of its four bytes.
pub fn random_address(stimulus: &mut Stimulus) -> u8 {
    let named = [
        CONTROL_ADDRESS,
        STATUS_ADDRESS,
        TILES_ADDRESS,
        STEPS_ADDRESS,
        CYCLES_ADDRESS,
    ];
    match stimulus.random.random_range(0..8) {
        0 => stimulus.random.random(),
        1 => stimulus.random.random_range(0..0x30),
        _ => named[stimulus.random.random_range(0..named.len())] as u8 + stimulus.random.random_range(0..4),
    }
}

/// The control registers.
pub struct ControlBench {
    config: DatapathConfig,
    format: WeightFormat,
    unit: Control,
    master: Master,
    run_ready: bool,
    load_ready: bool,
    results_done: bool,
    /// How often matrices are taken.
    ready_percent: u32,
    /// Products that the sequence has taken and that have not ended.
    taken: u32,
    passed: u64,
}

impl ControlBench {
    /// For a configuration.
    pub fn new(config: &DatapathConfig, format: &WeightFormat) -> Self {
        ControlBench {
            config: config.clone(),
            format: format.clone(),
            unit: Control::new(config, format),
            master: Master::default(),
            run_ready: false,
            load_ready: false,
            results_done: false,
            ready_percent: 30,
            taken: 0,
            passed: 0,
        }
    }
}

impl Bench for ControlBench {
    fn module(&self) -> &'static str {
        "seedlm_control"
    }

    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>> {
        let largest_steps = self.config.largest_steps(&self.format) as u32;
        self.master
            .address
            .choose(stimulus, |stimulus| Some(random_address(stimulus)));
        self.master.data.choose(stimulus, |stimulus| {
            // Small numbers and the limit of STEPS, so that starts are asked for and granted often.
            let value = match stimulus.random.random_range(0..6) {
                0 => stimulus.random.random(),
                1 => largest_steps + stimulus.random.random_range(0..2),
                _ => stimulus.random.random_range(0..4),
            };
            let strobe = if stimulus.chance(70) {
                15
            } else {
                stimulus.random.random_range(0..16)
            };
            Some((value, strobe))
        });
        self.master
            .read
            .choose(stimulus, |stimulus| Some(random_address(stimulus)));
        self.master.drive(stimulus);
        // As many as the datapath can have: one in the sequence, and one for each tile that has room for its results.
        self.run_ready = self.taken <= self.config.result_fifo_groups && stimulus.chance(self.ready_percent);
        self.load_ready = stimulus.chance(self.ready_percent);
        self.results_done = self.taken > 0 && stimulus.chance(4);
        if stimulus.chance(1) {
            self.ready_percent = [2, 30, 100][stimulus.random.random_range(0..3)];
        }
        let mut ports = self.master.ports(false);
        ports.push(("run_ready", bit(self.run_ready)));
        ports.push(("load_ready", bit(self.load_ready)));
        ports.push(("results_done", bit(self.results_done)));
        ports
    }

    fn expected(&self) -> Ports<Option<Vec<u8>>> {
        let outputs = self.unit.outputs();
        let mut ports = expected_ports(&outputs.s_axil);
        ports.push(("run_valid", Some(bit(outputs.run_valid))));
        ports.push(("load_valid", Some(bit(outputs.load_valid))));
        ports.push(("tiles", Some(number(u64::from(outputs.tiles), 32))));
        ports.push(("steps", Some(number(u64::from(outputs.steps), 32))));
        ports
    }

    fn clock(&mut self) {
        let outputs = self.unit.outputs();
        self.taken += u32::from(outputs.run_valid && self.run_ready);
        self.taken -= u32::from(self.results_done);
        let outputs = outputs.s_axil;
        self.passed += u64::from(outputs.bvalid && self.master.inputs.bready);
        self.passed += u64::from(outputs.rvalid && self.master.inputs.rready);
        self.unit.clock(ControlInputs {
            s_axil: self.master.inputs,
            run_ready: self.run_ready,
            load_ready: self.load_ready,
            results_done: self.results_done,
        });
        self.master.end_cycle(&outputs);
    }

    fn reset(&mut self) {
        self.unit = Control::new(&self.config, &self.format);
        self.master = Master::default();
        self.taken = 0;
    }

    fn checked(&self) -> u64 {
        self.passed
    }
}
