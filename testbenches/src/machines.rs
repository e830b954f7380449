//! Machines and codes that several tests run.

use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr, WeightFormat};

/// A machine small enough to be built in seconds, with buffers small enough to fill up.
pub fn small(format: &WeightFormat) -> DatapathConfig {
    DatapathConfig {
        beat_bits: 64,
        lanes: 2,
        tile_rows: 2,
        largest_columns: 256,
        beat_fifo_beats: 4,
        result_fifo_groups: 2,
        ..DatapathConfig::reference(format)
    }
}

/// Shapes of machine that the presets do not have: groups wider and narrower than a beat, several words per row, steps that
/// take several beats or share one, buffers of one entry, extra stages, wide activations, no gearbox, and a code of odd
/// widths.
pub fn others() -> Vec<(WeightFormat, DatapathConfig)> {
    let paper = |name: &str| WeightFormat::named(name).expect("presets have names");
    let (four, three, fp16) = (paper("paper-4b"), paper("paper-3b"), paper("fp16"));
    // Random streams hold words with a zero seed, which no file does. With a P that is no power of two their mantissas still
    // fit.
    let odd = WeightFormat::Block(code(5, 3, 6, 3, 2));
    type Change = fn(&mut DatapathConfig);
    let changes: [(WeightFormat, Change); 10] = [
        (four.clone(), |_| {}),
        (four.clone(), |c| (c.lanes, c.tile_rows, c.gearbox) = (1, 1, false)),
        (four.clone(), |c| (c.lanes, c.tile_rows) = (4, 1)),
        (four.clone(), |c| {
            (c.result_fifo_groups, c.beat_fifo_beats, c.beat_bits) = (1, 1, 128)
        }),
        (four, |c| {
            (c.activation_bits, c.extra_decode_stages, c.extra_mac_stages) = (16, 2, 3)
        }),
        (three.clone(), |c| (c.lanes, c.tile_rows, c.beat_bits) = (3, 3, 128)),
        (three, |c| (c.lanes, c.tile_rows) = (4, 2)),
        (fp16.clone(), |c| (c.lanes, c.tile_rows) = (8, 2)),
        (fp16, |c| {
            (c.activation_bits, c.largest_columns, c.extra_decode_stages) = (16, 64, 1)
        }),
        (odd, |c| {
            (c.lanes, c.tile_rows, c.beat_bits, c.beat_fifo_beats) = (6, 3, 192, 16)
        }),
    ];
    let changed = changes.into_iter().map(|(format, change)| {
        let mut config = small(&format);
        change(&mut config);
        (format, config)
    });
    changed.collect()
}

/// The code with C = `block_size`, P = `latent_dimension` and the paper's register of K = `length` bits.
///
/// # Panics
/// When the format does not allow it.
pub fn code(
    block_size: u32,
    latent_dimension: u32,
    length: u32,
    coefficient_bits: u32,
    exponent_bits: u32,
) -> BlockCode {
    let fields = BlockCodeFields {
        block_size,
        latent_dimension,
        coefficient_bits,
        exponent_bits,
        lfsr: Lfsr::paper(length).expect("the paper has taps for it"),
    };
    BlockCode::new(fields).expect("a legal code")
}
