//! The accelerator's Verilog in the place of its model.

use crate::units::{AxiLiteInputs, AxiLiteOutputs, MatvecInputs, MatvecOutputs, MatvecPorts, ProbeBits};
use seedlm_codec::machine::DatapathConfig;
use seedlm_verilator::{BuildOptions, Design, Direction, Model, Port, PortHandle, Verilator, VerilatorError};

/// The module that has the accelerator's ports.
const TOP: &str = "seedlm_matvec";

/// Cycles with `rst` high. One brings every register with a reset to its value; the second one shows that it stays there.
const RESET_CYCLES: u32 = 2;

/// `seedlm_matvec`, as Verilator has built it from Verilog.
pub struct VerilatedMatvec {
    model: Model,
    ports: Ports,
}

impl VerilatedMatvec {
    /// Builds the module `seedlm_matvec` of a machine from files, each a name and a text, and resets it. What has been built
    /// before is found again and takes no time.
    ///
    /// # Errors
    /// When Verilator refuses the files, or the module has other ports than the machine's.
    pub fn build(
        verilator: &Verilator,
        datapath: &DatapathConfig,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, VerilatorError> {
        let design = Design {
            top: TOP.into(),
            sources: files.into_iter().collect(),
        };
        VerilatedMatvec::new(verilator.build(&design, &BuildOptions::default())?, datapath)
    }

    /// Resets a model of `seedlm_matvec` of a machine.
    ///
    /// # Errors
    /// When it has other ports than the machine's.
    pub fn new(mut model: Model, datapath: &DatapathConfig) -> Result<Self, VerilatorError> {
        let ports = Ports::of(&model, datapath)?;
        model.set(ports.rst, 1);
        for _ in 0..RESET_CYCLES {
            model.posedge(ports.clk);
        }
        model.set(ports.rst, 0);
        Ok(VerilatedMatvec { model, ports })
    }

    fn bit(&self, port: PortHandle) -> bool {
        self.model.get(port) == 1
    }
}

impl MatvecPorts for VerilatedMatvec {
    // All outputs come from registers, so what the last edge left is right whatever the inputs will be.
    fn outputs(&mut self) -> MatvecOutputs {
        let ports = &self.ports;
        let m_axis_tvalid = self.bit(ports.m_axis_tvalid);
        let mut m_axis_tdata = Vec::new();
        if m_axis_tvalid {
            m_axis_tdata.resize(ports.m_axis_tdata.byte_count(), 0);
            self.model.get_bytes(ports.m_axis_tdata, &mut m_axis_tdata);
        }
        MatvecOutputs {
            s_axil: ports.s_axil.outputs(&self.model),
            s_axis_weights_tready: self.bit(ports.s_axis_weights_tready),
            s_axis_activations_tready: self.bit(ports.s_axis_activations_tready),
            m_axis_tvalid,
            m_axis_tdata,
            m_axis_tlast: m_axis_tvalid && self.bit(ports.m_axis_tlast),
            weights_level: self.model.get(ports.weights_level) as u32,
            probe: self.model.get(ports.probe) as u8,
        }
    }

    fn clock(&mut self, inputs: &MatvecInputs) {
        let (model, ports) = (&mut self.model, &self.ports);
        ports.s_axil.set(model, &inputs.s_axil);
        model.set(ports.s_axis_weights_tvalid, inputs.s_axis_weights_tvalid.into());
        // A beat that is not offered may have any value, the last one's too.
        if inputs.s_axis_weights_tvalid {
            model.set_bytes(ports.s_axis_weights_tdata, &inputs.s_axis_weights_tdata);
        }
        model.set(ports.s_axis_weights_tlast, inputs.s_axis_weights_tlast.into());
        model.set(ports.s_axis_activations_tvalid, inputs.s_axis_activations_tvalid.into());
        if inputs.s_axis_activations_tvalid {
            model.set_bytes(ports.s_axis_activations_tdata, &inputs.s_axis_activations_tdata);
        }
        model.set(ports.m_axis_tready, inputs.m_axis_tready.into());
        model.posedge(ports.clk);
    }
}

/// The ports, looked up once.
struct Ports {
    clk: PortHandle,
    rst: PortHandle,
    s_axil: AxiLitePorts,
    s_axis_weights_tvalid: PortHandle,
    s_axis_weights_tready: PortHandle,
    s_axis_weights_tdata: PortHandle,
    s_axis_weights_tlast: PortHandle,
    s_axis_activations_tvalid: PortHandle,
    s_axis_activations_tready: PortHandle,
    s_axis_activations_tdata: PortHandle,
    m_axis_tvalid: PortHandle,
    m_axis_tready: PortHandle,
    m_axis_tdata: PortHandle,
    m_axis_tlast: PortHandle,
    weights_level: PortHandle,
    probe: PortHandle,
}

impl Ports {
    fn of(model: &Model, datapath: &DatapathConfig) -> Result<Self, VerilatorError> {
        let beat_bits = datapath.beat_bits as usize;
        // The FIFO's output register holds one more beat.
        let most_held = datapath.beat_fifo_beats + 1;
        let level_bits = (most_held.ilog2() + 1) as usize;
        let input = |name, width_bits| look_up(model, Direction::Input, name, width_bits);
        let output = |name, width_bits| look_up(model, Direction::Output, name, width_bits);
        Ok(Ports {
            clk: input("clk", 1)?,
            rst: input("rst", 1)?,
            s_axil: AxiLitePorts::of(model)?,
            s_axis_weights_tvalid: input("s_axis_weights_tvalid", 1)?,
            s_axis_weights_tready: output("s_axis_weights_tready", 1)?,
            s_axis_weights_tdata: input("s_axis_weights_tdata", beat_bits)?,
            s_axis_weights_tlast: input("s_axis_weights_tlast", 1)?,
            s_axis_activations_tvalid: input("s_axis_activations_tvalid", 1)?,
            s_axis_activations_tready: output("s_axis_activations_tready", 1)?,
            s_axis_activations_tdata: input("s_axis_activations_tdata", beat_bits)?,
            m_axis_tvalid: output("m_axis_tvalid", 1)?,
            m_axis_tready: input("m_axis_tready", 1)?,
            m_axis_tdata: output("m_axis_tdata", beat_bits)?,
            m_axis_tlast: output("m_axis_tlast", 1)?,
            weights_level: output("weights_level", level_bits)?,
            probe: output("probe", ProbeBits::NAMES.len())?,
        })
    }
}

/// The port of that name, which must have this direction and width.
fn look_up(model: &Model, direction: Direction, name: &str, width_bits: usize) -> Result<PortHandle, VerilatorError> {
    model.port_like(&Port {
        name: name.into(),
        width_bits,
        direction,
    })
}

/// The ports `s_axil_*`.
struct AxiLitePorts {
    awaddr: PortHandle,
    awprot: PortHandle,
    awvalid: PortHandle,
    awready: PortHandle,
    wdata: PortHandle,
    wstrb: PortHandle,
    wvalid: PortHandle,
    wready: PortHandle,
    bresp: PortHandle,
    bvalid: PortHandle,
    bready: PortHandle,
    araddr: PortHandle,
    arprot: PortHandle,
    arvalid: PortHandle,
    arready: PortHandle,
    rdata: PortHandle,
    rresp: PortHandle,
    rvalid: PortHandle,
    rready: PortHandle,
}

impl AxiLitePorts {
    fn of(model: &Model) -> Result<Self, VerilatorError> {
        let input = |name, width_bits| look_up(model, Direction::Input, name, width_bits);
        let output = |name, width_bits| look_up(model, Direction::Output, name, width_bits);
        Ok(AxiLitePorts {
            awaddr: input("s_axil_awaddr", 8)?,
            awprot: input("s_axil_awprot", 3)?,
            awvalid: input("s_axil_awvalid", 1)?,
            awready: output("s_axil_awready", 1)?,
            wdata: input("s_axil_wdata", 32)?,
            wstrb: input("s_axil_wstrb", 4)?,
            wvalid: input("s_axil_wvalid", 1)?,
            wready: output("s_axil_wready", 1)?,
            bresp: output("s_axil_bresp", 2)?,
            bvalid: output("s_axil_bvalid", 1)?,
            bready: input("s_axil_bready", 1)?,
            araddr: input("s_axil_araddr", 8)?,
            arprot: input("s_axil_arprot", 3)?,
            arvalid: input("s_axil_arvalid", 1)?,
            arready: output("s_axil_arready", 1)?,
            rdata: output("s_axil_rdata", 32)?,
            rresp: output("s_axil_rresp", 2)?,
            rvalid: output("s_axil_rvalid", 1)?,
            rready: input("s_axil_rready", 1)?,
        })
    }

    fn set(&self, model: &mut Model, inputs: &AxiLiteInputs) {
        for (port, value) in [
            (self.awaddr, inputs.awaddr.into()),
            (self.awprot, inputs.awprot.into()),
            (self.awvalid, inputs.awvalid.into()),
            (self.wdata, inputs.wdata.into()),
            (self.wstrb, inputs.wstrb.into()),
            (self.wvalid, inputs.wvalid.into()),
            (self.bready, inputs.bready.into()),
            (self.araddr, inputs.araddr.into()),
            (self.arprot, inputs.arprot.into()),
            (self.arvalid, inputs.arvalid.into()),
            (self.rready, inputs.rready.into()),
        ] {
            model.set(port, value);
        }
    }

    fn outputs(&self, model: &Model) -> AxiLiteOutputs {
        let bit = |port: PortHandle| model.get(port) == 1;
        AxiLiteOutputs {
            awready: bit(self.awready),
            wready: bit(self.wready),
            bresp: model.get(self.bresp) as u8,
            bvalid: bit(self.bvalid),
            arready: bit(self.arready),
            rdata: model.get(self.rdata) as u32,
            rresp: model.get(self.rresp) as u8,
            rvalid: bit(self.rvalid),
        }
    }
}
