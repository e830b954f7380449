//! Why a run ends without a result.

use super::STUCK_CYCLES;
use seedlm_codec::CodecError;
use thiserror::Error;

/// Why a run ends without a result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The machine cannot be built, or the product does not fit it.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A register of the accelerator does not read what it should.
    #[error("register {name} (address {address:#x}): expected {expected:#x}, got {got:#x}")]
    Register {
        /// Name of the register.
        name: String,
        /// Its byte address.
        address: u32,
        /// What it should read.
        expected: u32,
        /// What it reads.
        got: u32,
    },
    /// The accelerator refuses a register access.
    #[error("the accelerator refuses the access to register address {address:#x}")]
    Refused {
        /// Byte address of the register.
        address: u32,
    },
    /// The accelerator does not answer a register access.
    #[error("the accelerator does not answer the access to register address {address:#x}")]
    Unanswered {
        /// Byte address of the register.
        address: u32,
    },
    /// The accelerator does not start.
    #[error("matrix {name}: the accelerator has been started and does not run")]
    NotRunning {
        /// Name of the matrix.
        name: String,
    },
    /// The accelerator shows at its ports what an accelerator cannot show.
    #[error("matrix {name}, cycle {cycle}: the accelerator does not keep to its ports: {reason}")]
    Ports {
        /// Name of the matrix whose results come next.
        name: String,
        /// Cycle, counted as those of the matrix are.
        cycle: u64,
        /// Which port, and what is wrong with it.
        reason: String,
    },
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
        /// Cycle in which the result left, counted as those of the matrix are.
        cycle: u64,
        /// The golden product.
        expected: i64,
        /// What the machine gave.
        got: i64,
    },
    /// The accelerator calls a beat the last one, and results are missing.
    #[error("matrix {name}: {got} of {expected} results have left, and no more will come")]
    Missing {
        /// Name of the matrix.
        name: String,
        /// Rows of the matrix.
        expected: usize,
        /// Results that have left.
        got: usize,
    },
    /// The wave file cannot be written.
    #[error("wave file: {0}")]
    Waves(#[from] std::io::Error),
}
