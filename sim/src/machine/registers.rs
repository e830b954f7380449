//! What software does: it reads and writes the accelerator's registers over AXI4-Lite.

use super::MachineError;
use crate::units::{AxiLiteInputs, AxiLiteOutputs, MatvecInputs, MatvecPorts, RESPONSE_OKAY};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::machine::registers::constant_registers;

/// Cycles after which an access counts as unanswered. The slave answers within three.
const LONGEST_ACCESS_CYCLES: u32 = 1000;

/// Writes all bytes of a register.
///
/// # Errors
/// When the slave refuses or does not answer.
pub fn write(ports: &mut dyn MatvecPorts, address: u32, data: u32) -> Result<(), MachineError> {
    let mut bus = AxiLiteInputs {
        awaddr: address as u8,
        awvalid: true,
        wdata: data,
        wstrb: 0b1111,
        wvalid: true,
        bready: true,
        ..AxiLiteInputs::default()
    };
    let response = access(ports, &mut bus, |bus, seen| {
        bus.awvalid &= !seen.awready;
        bus.wvalid &= !seen.wready;
        seen.bvalid.then_some(seen.bresp)
    });
    check_response(address, response)
}

/// Reads a register.
///
/// # Errors
/// When the slave refuses or does not answer.
pub fn read(ports: &mut dyn MatvecPorts, address: u32) -> Result<u32, MachineError> {
    let mut bus = AxiLiteInputs {
        araddr: address as u8,
        arvalid: true,
        rready: true,
        ..AxiLiteInputs::default()
    };
    let mut data = 0;
    let response = access(ports, &mut bus, |bus, seen| {
        bus.arvalid &= !seen.arready;
        data = seen.rdata;
        seen.rvalid.then_some(seen.rresp)
    });
    check_response(address, response).map(|()| data)
}

/// Reads a register and holds it against what it should be.
///
/// # Errors
/// When it reads something else, or cannot be read.
pub fn expect(ports: &mut dyn MatvecPorts, name: &str, address: u32, expected: u32) -> Result<(), MachineError> {
    match read(ports, address)? {
        got if got == expected => Ok(()),
        got => Err(MachineError::Register {
            name: name.into(),
            address,
            expected,
            got,
        }),
    }
}

/// Holds all constant registers against those of a configuration.
///
/// # Errors
/// When one reads something else, or cannot be read.
pub fn expect_constants(
    ports: &mut dyn MatvecPorts,
    config: &DatapathConfig,
    format: &WeightFormat,
) -> Result<(), MachineError> {
    constant_registers(config, format)
        .into_iter()
        .try_for_each(|register| expect(ports, register.name, register.address, register.value))
}

/// Clocks the accelerator, and nothing else, until `answer` sees a response; the cycle of the response is the last one.
/// `answer` also says what is on the bus in the next cycle.
fn access(
    ports: &mut dyn MatvecPorts,
    bus: &mut AxiLiteInputs,
    mut answer: impl FnMut(&mut AxiLiteInputs, &AxiLiteOutputs) -> Option<u8>,
) -> Option<u8> {
    (0..LONGEST_ACCESS_CYCLES).find_map(|_| {
        let seen = ports.outputs().s_axil;
        let inputs = MatvecInputs {
            s_axil: *bus,
            ..MatvecInputs::default()
        };
        let response = answer(bus, &seen);
        ports.clock(&inputs);
        response
    })
}

fn check_response(address: u32, response: Option<u8>) -> Result<(), MachineError> {
    match response {
        Some(RESPONSE_OKAY) => Ok(()),
        Some(_) => Err(MachineError::Refused { address }),
        None => Err(MachineError::Unanswered { address }),
    }
}
