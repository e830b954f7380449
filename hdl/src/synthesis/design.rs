//! What is synthesised: one module of a configuration, and what is inside it.

use super::SynthesisError;
use crate::generate::{GeneratedFile, sources_below};
use crate::modules::{lanes, tops};
use crate::netlist::items::Port;
use crate::options::{Options, Target};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use serde::{Deserialize, Serialize};

/// Which module is the top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Top {
    /// `seedlm_lanes`: the decode lanes and the histories of rows, nothing else.
    Lanes,
    /// `seedlm_decoder`: beats in, weights out.
    #[default]
    Decoder,
    /// `seedlm_matvec`: the whole matrix-vector product with its multipliers, FIFOs and registers.
    Matvec,
}

impl Top {
    /// All of them.
    pub const ALL: [Top; 3] = [Top::Lanes, Top::Decoder, Top::Matvec];

    /// The name as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Top::Lanes => "lanes",
            Top::Decoder => "decoder",
            Top::Matvec => "matvec",
        }
    }

    /// The top of that name.
    pub fn named(name: &str) -> Option<Top> {
        Top::ALL.into_iter().find(|top| top.name() == name)
    }
}

/// A module as Verilog with all that is inside.
#[derive(Clone, Debug)]
pub struct Design {
    /// Name of the module.
    pub module: String,
    /// Its ports, `clk` first.
    pub ports: Vec<Port>,
    /// Its Verilog and that of the modules inside.
    pub files: Vec<GeneratedFile>,
    /// The weights' format, as reports name it.
    pub format: String,
    /// Decode lanes.
    pub lanes: u32,
    /// Weights that are decoded in a cycle.
    pub weights_per_cycle: usize,
    /// Bytes of code that are decoded in a cycle.
    pub bytes_per_cycle: f64,
}

impl Design {
    /// The design of a configuration.
    ///
    /// # Errors
    /// [`SynthesisError::Machine`] when the configuration cannot be built.
    pub fn new(
        top: Top,
        config: &DatapathConfig,
        format: &WeightFormat,
        target: Target,
    ) -> Result<Self, SynthesisError> {
        let options = Options::written_for(target);
        let module = match top {
            Top::Lanes => lanes(config, format, &options)?,
            Top::Decoder => tops(config, format, &options)?.decoder,
            Top::Matvec => tops(config, format, &options)?.matvec,
        };
        Ok(Design {
            module: module.name().into(),
            ports: module.ports().to_vec(),
            files: sources_below(&module, config, format, &options),
            format: format.label(),
            lanes: config.lanes,
            weights_per_cycle: config.multipliers(format),
            bytes_per_cycle: config.group_bits(format) as f64 / 8.0,
        })
    }
}
