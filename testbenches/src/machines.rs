//! Machines and codes that several tests run.

use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{BlockCode, BlockCodeFields, ChainMap, ChainedCode, Lfsr, WeightFormat};

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
/// take several beats or share one, buffers of one entry, extra stages, wide activations, no gearbox, and codes of odd
/// widths. The chained code comes with one word and with several words of a row in a group, and with words that straddle
/// beats; its rows share multipliers or do not.
pub fn others() -> Vec<(WeightFormat, DatapathConfig)> {
    let paper = |name: &str| WeightFormat::named(name).expect("presets have names");
    let (four, three, fp16) = (paper("paper-4b"), paper("paper-3b"), paper("fp16"));
    // Random streams hold words with a zero seed, which no file does. With a P that is no power of two their mantissas still
    // fit.
    let odd = WeightFormat::Block(code(5, 3, 6, 3, 2));
    type Change = fn(&mut DatapathConfig);
    let two_words: Change = |c| (c.lanes, c.tile_rows) = (4, 2);
    let changes: [(WeightFormat, Change); 16] = [
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
        (paper("chained-4b"), |_| {}),
        (paper("chained-3b"), |c| {
            (c.lanes, c.tile_rows, c.beat_bits) = (3, 3, 128)
        }),
        (paper("chained-2b-k12"), two_words),
        // Two fields: the weights are even. Words of 40 bits.
        (chained(5, 9, &[3, 2]), |c| {
            (c.lanes, c.tile_rows, c.extra_decode_stages, c.activation_bits) = (4, 2, 2, 16)
        }),
        // Three words of a row, and one field.
        (chained(1, 6, &[3]), |c| (c.lanes, c.tile_rows) = (3, 1)),
        // Rows that share multipliers, with two words of each in a group.
        (paper("chained-4b"), |c| {
            (c.lanes, c.tile_rows, c.extra_mac_stages, c.pack_products) = (8, 4, 1, true)
        }),
    ];
    let changed = changes.into_iter().map(|(format, change)| {
        let mut config = small(&format);
        change(&mut config);
        (format, config)
    });
    changed.collect()
}

/// A chained code with windows of `length` bits and fields of these widths, whose masks are of no particular use.
///
/// # Panics
/// When the format does not allow it.
pub fn chained(bits_per_weight: u32, length: u32, field_bits: &[u32]) -> WeightFormat {
    // The newest bit, and some more.
    let mask = |number: u32| 1 << (length - 1) | number.wrapping_mul(0x9e37_79b9) >> (33 - length);
    let mut numbers = 1..;
    let fields = field_bits
        .iter()
        .map(|&bits| numbers.by_ref().take(bits as usize).map(mask).collect())
        .collect();
    let map = ChainMap::new(length, fields).expect("a legal map");
    WeightFormat::Chained(ChainedCode::new(bits_per_weight, map).expect("a legal code"))
}

/// A chained code whose masks never change, with a machine that has two words of a row in a group: for faults, which name
/// text of the Verilog.
pub fn unchanging_chained() -> (WeightFormat, DatapathConfig) {
    let fields = [
        [0x100, 0x200, 0x400, 0x800],
        [0x854, 0x302, 0x143, 0x928],
        [0x409, 0xc80, 0x10e, 0xa44],
    ];
    let map = ChainMap::new(12, fields.map(Vec::from).into()).expect("a legal map");
    let format = WeightFormat::Chained(ChainedCode::new(4, map).expect("a legal code"));
    let config = DatapathConfig {
        lanes: 4,
        ..small(&format)
    };
    (format, config)
}

/// A chained code whose weights are what is stored: 0 and 15 in four bits are the smallest weight, -45, and the largest, 45.
/// Those of the presets do not come behind each other. With a machine whose rows share multipliers.
pub fn shared_multipliers_at_the_limits() -> (ChainedCode, DatapathConfig) {
    let newest_bits = vec![0x100, 0x200, 0x400, 0x800];
    let map = ChainMap::new(12, vec![newest_bits; 3]).expect("a legal map");
    let code = ChainedCode::new(4, map).expect("a legal code");
    let config = DatapathConfig {
        lanes: 4,
        tile_rows: 4,
        pack_products: true,
        ..small(&WeightFormat::Chained(code.clone()))
    };
    (code, config)
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
