//! The ports of an AXI4-Lite slave (AMBA AXI4, chapter B1) with 8-bit addresses and 32-bit data.

/// The response `OKAY`.
pub const RESPONSE_OKAY: u8 = 0;
/// The response `SLVERR`: the slave has understood the access and refuses it.
pub const RESPONSE_SLAVE_ERROR: u8 = 2;

/// Inputs `s_axil_*` of a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AxiLiteInputs {
    /// Byte address of a write.
    pub awaddr: u8,
    /// Protection of a write, 3 bits; ignored.
    pub awprot: u8,
    /// Whether an address of a write is offered.
    pub awvalid: bool,
    /// Data of a write.
    pub wdata: u32,
    /// Bytes of the data that count, one bit each.
    pub wstrb: u8,
    /// Whether data of a write are offered.
    pub wvalid: bool,
    /// Whether the response of a write is taken.
    pub bready: bool,
    /// Byte address of a read.
    pub araddr: u8,
    /// Protection of a read, 3 bits; ignored.
    pub arprot: u8,
    /// Whether an address of a read is offered.
    pub arvalid: bool,
    /// Whether the data of a read are taken.
    pub rready: bool,
}

/// Outputs `s_axil_*` of a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AxiLiteOutputs {
    /// Whether an address of a write is taken.
    pub awready: bool,
    /// Whether data of a write are taken.
    pub wready: bool,
    /// Response of a write, 2 bits; it means something only while `bvalid` is high.
    pub bresp: u8,
    /// Whether the response of a write is offered.
    pub bvalid: bool,
    /// Whether an address of a read is taken.
    pub arready: bool,
    /// Data of a read; they mean something only while `rvalid` is high.
    pub rdata: u32,
    /// Response of a read, 2 bits; as `rdata`.
    pub rresp: u8,
    /// Whether the data of a read are offered.
    pub rvalid: bool,
}
