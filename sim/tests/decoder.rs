//! The decoder as a stream: what comes out is the golden decode of what goes in, whatever the gaps and the back-pressure.

use proptest::prelude::*;
use seedlm_codec::WeightFormat;
use seedlm_codec::bits::read_field;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::units::{DecodedGroup, Decoder, DecoderInputs};

/// A group that left, and whether it was the last of its stream.
type Output = (DecodedGroup, bool);

/// Sends streams through a decoder, with gaps and back-pressure from a seed; returns what leaves, and after how many cycles
/// the last of it.
fn run(
    decoder: &mut Decoder,
    streams: &[Vec<Vec<u8>>],
    mut stall: impl FnMut() -> (bool, bool),
) -> (Vec<Output>, usize) {
    let beats: Vec<(&[u8], bool)> = streams
        .iter()
        .flat_map(|beats| {
            beats
                .iter()
                .enumerate()
                .map(|(index, beat)| (&beat[..], index + 1 == beats.len()))
        })
        .collect();
    let (mut sent, mut outputs, mut last_cycle, mut idle) = (0, Vec::new(), 0, 0);
    for cycle in 0.. {
        let (gap, stop) = stall();
        let beat = beats.get(sent).filter(|_| !gap);
        let seen = decoder.outputs();
        if seen.m_axis_tvalid && !stop {
            let group = DecodedGroup {
                mantissas: seen.m_axis_tdata.to_vec(),
                exponents: seen.m_axis_tuser.to_vec(),
            };
            outputs.push((group, seen.m_axis_tlast));
            last_cycle = cycle;
        }
        let taken = seen.s_axis_tready && beat.is_some();
        idle = if taken || seen.m_axis_tvalid { 0 } else { idle + 1 };
        decoder.clock(DecoderInputs {
            s_axis_tvalid: beat.is_some(),
            s_axis_tdata: beat.map_or(&[], |(bytes, _)| bytes),
            s_axis_tlast: beat.is_some_and(|&(_, last)| last),
            m_axis_tready: !stop,
        });
        sent += usize::from(taken);
        if sent == beats.len() && idle > 200 {
            break;
        }
    }
    (outputs, last_cycle)
}

/// The golden decode of a stream: all whole groups, the last one marked. Each row's words follow each other, from zeros on.
fn expected(format: &WeightFormat, config: &DatapathConfig, beats: &[Vec<u8>]) -> Vec<Output> {
    let bytes = beats.concat();
    let (lanes, width) = (config.lanes as usize, format.word_bits() as usize);
    let groups = 8 * bytes.len() / (lanes * width);
    let mut before = vec![0; config.tile_rows as usize];
    (0..groups)
        .map(|group| {
            let words: Vec<u128> = (0..lanes)
                .map(|lane| {
                    let word = read_field(&bytes, (group * lanes + lane) * width, width);
                    let before = &mut before[lane / config.words_per_tile_row()];
                    let lane_word = *before | word << format.history_bits();
                    *before = word >> (format.word_bits() - format.history_bits());
                    lane_word
                })
                .collect();
            (DecodedGroup::decode(format, &words), group + 1 == groups)
        })
        .collect()
}

fn config(format: &WeightFormat, beat_bits: u32, lanes: u32, tile_rows: u32) -> DatapathConfig {
    DatapathConfig {
        beat_bits,
        lanes,
        tile_rows,
        ..DatapathConfig::reference(format)
    }
}

fn beats(count: usize, beat_bits: u32, seed: u64) -> Vec<Vec<u8>> {
    let byte = |index: usize| ((index as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8;
    let bytes = beat_bits as usize / 8;
    (0..count)
        .map(|beat| (0..bytes).map(|index| byte(beat * bytes + index)).collect())
        .collect()
}

#[test]
fn without_stalls_a_beat_passes_in_every_cycle() {
    let format = WeightFormat::named("paper-4b").unwrap();
    let config = config(&format, 512, 16, 1);
    let stream = beats(100, 512, 1);
    let mut decoder = Decoder::new(&config, &format);
    let (outputs, last_cycle) = run(&mut decoder, std::slice::from_ref(&stream), || (false, false));
    assert_eq!(outputs, expected(&format, &config, &stream));
    // Unpack, lanes and skid buffer after the cycle of the last beat.
    assert_eq!(last_cycle, 99 + 1 + config.decode_stages(&format) as usize + 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Several streams on one decoder: the rest behind the last whole group of each is dropped, and `tlast` is on that group.
    #[test]
    fn what_comes_out_is_the_golden_decode(
        name in prop::sample::select(vec!["paper-4b", "paper-3b", "fp16", "chained-4b", "chained-3b", "chained-2b-k12"]),
        beat_bits in prop::sample::select(vec![64_u32, 128, 192]),
        (tile_rows, words_per_row) in (1_u32..4, 1_u32..4),
        groups in prop::collection::vec(1_usize..30, 1..4),
        (gaps, stops, seed) in (0_u32..8, 0_u32..8, any::<u64>()),
    ) {
        let format = WeightFormat::named(name).unwrap();
        let config = config(&format, beat_bits, tile_rows * words_per_row, tile_rows);
        // As long as these many groups need: a stream whose last beat completes no group would end without `tlast`.
        let length = |groups: usize| (groups * config.group_bits(&format)).div_ceil(beat_bits as usize);
        let streams: Vec<_> = groups.iter().map(|&groups| beats(length(groups), beat_bits, seed)).collect();
        let mut state = seed | 1;
        let stall = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state as u32 & 7) < gaps, (state as u32 >> 8 & 7) < stops)
        };
        let (outputs, _) = run(&mut Decoder::new(&config, &format), &streams, stall);
        let golden: Vec<Output> = streams.iter().flat_map(|beats| expected(&format, &config, beats)).collect();
        prop_assert_eq!(outputs, golden);
    }
}
