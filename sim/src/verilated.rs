//! The accelerator's Verilog in the place of its model.

use crate::units::{AxiLiteInputs, AxiLiteOutputs, MatvecInputs, MatvecOutputs, MatvecPorts};
use seedlm_verilator::{BuildOptions, Design, Model, PortHandle, Verilator, VerilatorError};

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
    /// Builds the module `seedlm_matvec` from files, each a name and a text, and resets it. What has been built before is
    /// found again and takes no time.
    ///
    /// # Errors
    /// When Verilator refuses the files, or the module has other ports.
    pub fn build(
        verilator: &Verilator,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, VerilatorError> {
        let design = Design {
            top: TOP.into(),
            sources: files.into_iter().collect(),
        };
        VerilatedMatvec::new(verilator.build(&design, &BuildOptions::default())?)
    }

    /// Resets a model of `seedlm_matvec`.
    ///
    /// # Errors
    /// When it has other ports.
    pub fn new(mut model: Model) -> Result<Self, VerilatorError> {
        let ports = Ports::of(&model)?;
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
    fn of(model: &Model) -> Result<Self, VerilatorError> {
        Ok(Ports {
            clk: model.port("clk")?,
            rst: model.port("rst")?,
            s_axil: AxiLitePorts::of(model)?,
            s_axis_weights_tvalid: model.port("s_axis_weights_tvalid")?,
            s_axis_weights_tready: model.port("s_axis_weights_tready")?,
            s_axis_weights_tdata: model.port("s_axis_weights_tdata")?,
            s_axis_weights_tlast: model.port("s_axis_weights_tlast")?,
            s_axis_activations_tvalid: model.port("s_axis_activations_tvalid")?,
            s_axis_activations_tready: model.port("s_axis_activations_tready")?,
            s_axis_activations_tdata: model.port("s_axis_activations_tdata")?,
            m_axis_tvalid: model.port("m_axis_tvalid")?,
            m_axis_tready: model.port("m_axis_tready")?,
            m_axis_tdata: model.port("m_axis_tdata")?,
            m_axis_tlast: model.port("m_axis_tlast")?,
            weights_level: model.port("weights_level")?,
            probe: model.port("probe")?,
        })
    }
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
        Ok(AxiLitePorts {
            awaddr: model.port("s_axil_awaddr")?,
            awprot: model.port("s_axil_awprot")?,
            awvalid: model.port("s_axil_awvalid")?,
            awready: model.port("s_axil_awready")?,
            wdata: model.port("s_axil_wdata")?,
            wstrb: model.port("s_axil_wstrb")?,
            wvalid: model.port("s_axil_wvalid")?,
            wready: model.port("s_axil_wready")?,
            bresp: model.port("s_axil_bresp")?,
            bvalid: model.port("s_axil_bvalid")?,
            bready: model.port("s_axil_bready")?,
            araddr: model.port("s_axil_araddr")?,
            arprot: model.port("s_axil_arprot")?,
            arvalid: model.port("s_axil_arvalid")?,
            arready: model.port("s_axil_arready")?,
            rdata: model.port("s_axil_rdata")?,
            rresp: model.port("s_axil_rresp")?,
            rvalid: model.port("s_axil_rvalid")?,
            rready: model.port("s_axil_rready")?,
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
