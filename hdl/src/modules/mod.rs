//! The modules of the datapath, one a file.

mod accumulate;
mod activation_buffer;
mod block_mantissas;
mod chained_weights;
mod control;
mod decode_lane;
mod decoder;
pub mod decoder_serial;
mod fifo;
mod history;
mod lanes;
mod mac;
mod matvec;
mod sequence;
mod shared_pairs;
mod skid;
mod unpack;

use crate::netlist::module::Module;
use crate::options::Options;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{CodecError, WeightFormat};
use std::rc::Rc;

/// The parts of a machine, each described once.
pub struct Parts {
    pub(crate) decode_lane: Rc<Module>,
    pub(crate) history: Option<Rc<Module>>,
    pub(crate) unpack: Rc<Module>,
    pub(crate) weight_fifo: Rc<Module>,
    pub(crate) result_fifo: Rc<Module>,
    pub(crate) activation_buffer: Rc<Module>,
    pub(crate) mac: Rc<Module>,
    pub(crate) accumulate: Rc<Module>,
    pub(crate) sequence: Rc<Module>,
    pub(crate) control: Rc<Module>,
}

impl Parts {
    pub(crate) fn new(config: &DatapathConfig, format: &WeightFormat, options: &Options) -> Self {
        let beat_bits = config.beat_bits as usize;
        let tile_bits = config.tile_rows as usize * config.accumulator_bits(format) as usize;
        Parts {
            decode_lane: Rc::new(decode_lane::decode_lane(
                format,
                config.decode_stages(format) as usize,
                options.target,
            )),
            history: history::history(format).map(Rc::new),
            unpack: Rc::new(unpack::unpack(config.group_bits(format), beat_bits)),
            weight_fifo: Rc::new(fifo::fifo(
                "seedlm_fifo_weights",
                beat_bits + 1,
                config.beat_fifo_beats as usize,
            )),
            result_fifo: Rc::new(fifo::fifo(
                "seedlm_fifo_results",
                tile_bits + 1,
                config.result_fifo_groups as usize,
            )),
            activation_buffer: Rc::new(activation_buffer::activation_buffer(config, format)),
            mac: Rc::new(mac::mac(config, format)),
            accumulate: Rc::new(accumulate::accumulate(config, format)),
            sequence: Rc::new(sequence::sequence(config, format)),
            control: Rc::new(control::control(config, format)),
        }
    }
}

/// The two tops of a configuration.
pub struct Tops {
    /// `seedlm_decoder`.
    pub decoder: Rc<Module>,
    /// `seedlm_matvec`.
    pub matvec: Rc<Module>,
}

/// Describes the hardware of a configuration.
///
/// # Errors
/// [`CodecError::Machine`] when it cannot be built: what is wrong, and why.
pub fn tops(config: &DatapathConfig, format: &WeightFormat, options: &Options) -> Result<Tops, CodecError> {
    config.check(format)?;
    let parts = Parts::new(config, format, options);
    Ok(Tops {
        decoder: Rc::new(decoder::decoder(config, format, &parts)),
        matvec: Rc::new(matvec::matvec(config, format, &parts)),
    })
}

/// The lanes of a machine with what they need to decode, and nothing else: what is called its decoder's area.
///
/// # Errors
/// As [`tops`].
pub fn lanes(config: &DatapathConfig, format: &WeightFormat, options: &Options) -> Result<Rc<Module>, CodecError> {
    config.check(format)?;
    let parts = Parts::new(config, format, options);
    Ok(Rc::new(lanes::lanes(config, format, &parts)))
}
