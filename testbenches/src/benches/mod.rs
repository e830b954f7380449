//! For each module: what drives it, and the simulator's unit that says what it must show.

mod accumulate;
mod activation_buffer;
mod buffer;
mod control;
mod decode_lane;
mod decoder;
mod history;
mod mac;
mod matvec;
mod sequence;
mod unpack;

use crate::lockstep::Bench;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;

/// Makes the bench of a module.
pub type MakeBench = fn(&DatapathConfig, &WeightFormat) -> Box<dyn Bench>;

/// Every generated module with its bench. `seedlm_history` is there only where the format has one.
pub const ALL: [(&str, MakeBench); 13] = [
    ("seedlm_skid", |config, format| {
        Box::new(buffer::BufferBench::skid(config, format))
    }),
    ("seedlm_fifo_weights", |config, format| {
        Box::new(buffer::BufferBench::weights(config, format))
    }),
    ("seedlm_fifo_results", |config, format| {
        Box::new(buffer::BufferBench::results(config, format))
    }),
    ("seedlm_unpack", |config, format| {
        Box::new(unpack::UnpackBench::new(config, format))
    }),
    ("seedlm_decode_lane", |config, format| {
        Box::new(decode_lane::DecodeLaneBench::new(config, format))
    }),
    ("seedlm_history", |config, format| {
        Box::new(history::HistoryBench::new(config, format))
    }),
    ("seedlm_mac", |config, format| {
        Box::new(mac::MacBench::new(config, format))
    }),
    ("seedlm_accumulate", |config, format| {
        Box::new(accumulate::AccumulateBench::new(config, format))
    }),
    ("seedlm_activation_buffer", |config, format| {
        Box::new(activation_buffer::ActivationBufferBench::new(config, format))
    }),
    ("seedlm_sequence", |config, format| {
        Box::new(sequence::SequenceBench::new(config, format))
    }),
    ("seedlm_control", |config, format| {
        Box::new(control::ControlBench::new(config, format))
    }),
    ("seedlm_decoder", |config, format| {
        Box::new(decoder::DecoderBench::new(config, format))
    }),
    ("seedlm_matvec", |config, format| {
        Box::new(matvec::MatvecBench::new(config, format))
    }),
];

/// The activation buffer with products of as many steps as it has room for.
pub const WHOLE_ACTIVATION_BUFFER: MakeBench =
    |config, format| Box::new(activation_buffer::ActivationBufferBench::with_all_steps(config, format));

/// The bench of a module.
///
/// # Panics
/// When there is none of that name.
pub fn bench(module: &str) -> MakeBench {
    let found = ALL.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("there is no bench for {module}")).1
}
