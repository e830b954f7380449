//! Golden bytes, and hostile maps.

mod laws;

use super::*;
use crate::bits::write_field;
use crate::block::{BlockCode, BlockWord};
use crate::chained::ChainedMatrix;
use crate::machine::{DatapathConfig, walk_weight_beats};
use crate::matrix::CodedMatrix;
use crate::{Code, Crc32, WeightMatrix};
use std::convert::Infallible;

/// The weight stream of a matrix.
fn weight_bytes(machine: &DatapathConfig, matrix: &WeightMatrix) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(()) = walk_weight_beats(machine, matrix, |beats| {
        bytes.extend_from_slice(beats);
        Ok::<(), Infallible>(())
    });
    bytes
}

/// A matrix whose words and scales follow from `seed`.
fn random_matrix(code: &Code, rows: usize, columns: usize, seed: u64) -> WeightMatrix {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let size = code.word_bytes(rows, columns).unwrap();
    match code {
        Code::Block(code) => {
            let width = code.word_bits() as usize;
            let mut words = vec![0; size];
            for index in 0..rows * code.blocks_per_row(columns) {
                let value = (u128::from(next()) << 31 | u128::from(next())) & ((1 << width) - 1);
                // No seed is zero.
                write_field(&mut words, index * width, width, value | 1);
            }
            WeightMatrix::Block(CodedMatrix::new(code, rows, columns, 0.5, words).unwrap())
        }
        Code::Chained(code) => {
            let mut words: Vec<u8> = (0..size).map(|_| next() as u8).collect();
            let used = rows * columns * code.bits_per_weight() as usize;
            if used < 8 * size {
                write_field(&mut words, used, 8 * size - used, 0);
            }
            let scales = (0..rows).map(|_| (next() % 7 + 1) as f32).collect();
            WeightMatrix::Chained(ChainedMatrix::new(code, rows, columns, scales, words).unwrap())
        }
    }
}

/// A machine of beats of 8 bytes and 2 lanes, one for each of 2 rows.
fn small_machine(code: &Code) -> DatapathConfig {
    DatapathConfig {
        beat_bits: 64,
        lanes: 2,
        tile_rows: 2,
        ..DatapathConfig::reference(&code.clone().into())
    }
}

fn image_matrix(tensor: &str, rows: usize, columns: usize) -> ImageMatrix {
    ImageMatrix {
        tensor: tensor.into(),
        rows,
        columns,
        rotation: None,
    }
}

/// Three rows of two blocks on a machine of two lanes: two tiles of two steps.
#[test]
fn golden_bytes() {
    let code = BlockCode::preset("paper-4b").unwrap();
    let mut words = vec![0; 24];
    for (index, seed) in [0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666].into_iter().enumerate() {
        let word = BlockWord {
            seed,
            exponent: index as u32,
            coefficients: vec![-8, 7, -1],
        };
        write_field(&mut words, 32 * index, 32, word.pack(&code));
    }
    let matrix = WeightMatrix::Block(CodedMatrix::new(&code, 3, 16, 0.5, words).unwrap());
    let code = Code::Block(code);
    let machine = small_machine(&code);
    #[rustfmt::skip]
    let expected = [
        // Tile 0, step 0: block 0 of rows 0 and 1; step 1: block 1 of both.
        0x11, 0x11, 0x80, 0xf7, 0x33, 0x33, 0x82, 0xf7,
        0x22, 0x22, 0x81, 0xf7, 0x44, 0x44, 0x83, 0xf7,
        // Tile 1: row 2, and zeros where row 3 would be.
        0x55, 0x55, 0x84, 0xf7, 0, 0, 0, 0,
        0x66, 0x66, 0x85, 0xf7, 0, 0, 0, 0,
    ];
    assert_eq!(weight_bytes(&machine, &matrix), expected);
    // 0.5 is 3f000000, three times; the second beat is filled up.
    assert_eq!(
        row_scale_bytes(&machine, &matrix),
        [0, 0, 0, 0x3f, 0, 0, 0, 0x3f, 0, 0, 0, 0x3f, 0, 0, 0, 0]
    );
    let map = ImageMap::new("test", &code, &machine, 64, &[image_matrix("a", 3, 16)]).unwrap();
    let places: Vec<_> = map
        .regions
        .iter()
        .map(|region| (region.kind, region.address, region.bytes))
        .collect();
    assert_eq!(
        places,
        [
            (RegionKind::Weights, 0, 32),
            (RegionKind::RowScales, 64, 16),
            // Two steps of 8 activations of 8 bits.
            (RegionKind::Activations, 128, 16),
            // Two tiles of 2 results of 64 bits.
            (RegionKind::Results, 192, 32),
        ]
    );
    assert_eq!((map.stored_bytes, map.total_bytes), (80, 224));
    assert_eq!((map.regions[0].tiles, map.regions[0].steps), (Some(2), Some(2)));
}

fn map_of_two() -> ImageMap {
    let code = Code::preset("chained-3b").unwrap();
    let machine = DatapathConfig::reference(&code.clone().into());
    let matrices = [image_matrix("a", 40, 100), image_matrix("b", 7, 300)];
    let mut map = ImageMap::new("test", &code, &machine, DEFAULT_ALIGNMENT_BYTES, &matrices).unwrap();
    for region in map.regions.iter_mut().filter(|region| region.kind.is_stored()) {
        region.crc32 = Some(Crc32(7));
    }
    map
}

#[test]
fn a_map_survives_being_written_down() {
    let map = map_of_two();
    map.check().unwrap();
    let text = serde_json::to_string(&map).unwrap();
    assert!(
        text.contains(r#""kind":"row_scales","tensor":"a""#) && text.contains(r#""crc32":"00000007""#),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<ImageMap>(&text).unwrap(), map);
    let unknown = text.replacen("\"tool\"", "\"x\":1,\"tool\"", 1);
    assert!(
        serde_json::from_str::<ImageMap>(&unknown)
            .unwrap_err()
            .to_string()
            .contains("unknown field `x`")
    );
}

#[test]
fn hostile_maps_are_refused() {
    let refused = |change: &dyn Fn(&mut ImageMap), expected: &str| {
        let mut map = map_of_two();
        change(&mut map);
        let error = map.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{expected:?}: {error}");
    };
    refused(
        &|map| map.version = 2,
        "map version 2, and this program reads version 1",
    );
    refused(&|map| map.regions[2].address = 0, "lies before region 1");
    refused(
        &|map| map.regions[1].address = 0,
        "region 1 (row_scales of \"a\") at 0x0 overlaps region 0 (weights of \"a\"), which ends at ",
    );
    refused(&|map| map.regions[3].bytes = u64::MAX, "overflow 64-bit addresses");
    refused(
        &|map| map.regions[3].bytes = 1 << 40,
        "is out of range: stored_bytes is ",
    );
    refused(
        &|map| map.regions[5].address = 1 << 62,
        "is out of range: total_bytes is ",
    );
    refused(&|map| map.regions[2].address += 64, "is not aligned to 8192 bytes");
    refused(&|map| map.alignment_bytes = 0, "is not aligned to 0 bytes");
    refused(
        &|map| {
            map.regions.clear();
            map.alignment_bytes = 0
        },
        "an alignment of 0 bytes",
    );
    refused(&|map| map.regions.clear(), "there is no matrix in it");
    refused(
        &|map| map.regions[0].rows = usize::MAX,
        "an address does not fit 64 bits",
    );
    refused(&|map| map.regions[0].rows = 0, "0 x 100 weights are none");
    refused(
        &|map| map.regions[0].columns = usize::MAX,
        "do not fit a machine with largest_columns = 16384",
    );
    refused(&|map| map.regions[2].tensor = Some("a".into()), "\"a\" is there twice");
    refused(
        &|map| map.regions[1].tensor = None,
        "region 1 (row_scales) is not as its matrix",
    );
    refused(
        &|map| map.regions[0].beats += 1,
        "region 0 (weights of \"a\") is not as its matrix",
    );
    refused(
        &|map| map.regions[0].steps = None,
        "region 0 (weights of \"a\") is not as its matrix",
    );
    refused(
        &|map| map.regions[0].crc32 = None,
        "region 0 (weights of \"a\") has no checksum",
    );
    refused(
        &|map| map.regions[4].crc32 = Some(Crc32(1)),
        "is not stored and has a checksum",
    );
    refused(&|map| map.total_bytes += 1, "the total_bytes is ");
    refused(&|map| map.stored_bytes += 1, "the stored_bytes is ");
    refused(&|map| map.beat_bytes = 8, "the beat_bytes is 8");
    refused(&|map| map.machine.lanes = 0, "lanes is 0, and must be 1 to 1024");
    refused(&|map| drop(map.regions.pop()), "the number of regions is 5, and");
    refused(&|map| map.regions.swap(4, 5), "lies before region 4");
}

#[test]
fn matrices_that_do_not_fit_are_refused() {
    let code = Code::preset("paper-4b").unwrap();
    let machine = DatapathConfig::reference(&code.clone().into());
    let refused = |alignment, rows, columns, expected: &str| {
        let error = ImageMap::new("test", &code, &machine, alignment, &[image_matrix("a", rows, columns)]).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    refused(96, 1, 1, "must be a multiple of the 64 bytes of a beat");
    refused(LARGEST_ALIGNMENT_BYTES + 64, 1, 1, "at most 1073741824");
    refused(8192, 1, 0, "1 x 0 weights are none");
    refused(8192, 1, 16385, "16385 columns do not fit");
    refused(8192, usize::MAX, 16384, "does not fit 64 bits");
}

#[test]
fn changed_bytes_are_no_matrix() {
    let code = Code::preset("paper-4b").unwrap();
    let machine = small_machine(&code);
    let matrix = random_matrix(&code, 3, 16, 1);
    let (weights, scales) = (weight_bytes(&machine, &matrix), row_scale_bytes(&machine, &matrix));
    let read = |weights: &[u8], scales: &[u8]| matrix_from_image(&machine, &code, [3, 16], weights, scales);
    assert_eq!(read(&weights, &scales).unwrap(), matrix);
    let refused = |weights: &[u8], scales: &[u8], expected: &str| {
        let error = read(weights, scales).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(
        &weights[8..],
        &scales,
        "24 bytes of weights, and 3 x 16 weights need 32",
    );
    refused(&weights, &scales[8..], "8 bytes of scales, and 3 x 16 weights need 16");
    let changed = |bytes: &[u8], index: usize| {
        let mut bytes = bytes.to_vec();
        bytes[index] ^= 1;
        bytes
    };
    refused(
        &changed(&weights, 20),
        &scales,
        "the weights are not what their matrix is written as",
    );
    refused(
        &weights,
        &changed(&scales, 4),
        "the scales are not what their matrix is written as",
    );
    refused(
        &weights,
        &changed(&scales, 12),
        "the scales are not what their matrix is written as",
    );
}

#[test]
fn long_streams_are_walked_in_pieces() {
    let code = Code::preset("paper-3b").unwrap();
    // 36 bits in 3 lanes: groups end within bytes, beats within groups.
    let machine = DatapathConfig {
        beat_bits: 192,
        lanes: 3,
        tile_rows: 3,
        ..DatapathConfig::reference(&code.clone().into())
    };
    let matrix = random_matrix(&code, 200, 3000, 5);
    let mut pieces = 0;
    let mut bytes = Vec::new();
    let Ok(()) = walk_weight_beats(&machine, &matrix, |beats| {
        pieces += 1;
        bytes.extend_from_slice(beats);
        Ok::<(), Infallible>(())
    });
    assert!(pieces > 2 && bytes.len().is_multiple_of(24));
    let scales = row_scale_bytes(&machine, &matrix);
    assert_eq!(
        matrix_from_image(&machine, &code, [200, 3000], &bytes, &scales).unwrap(),
        matrix
    );
    let stopped = walk_weight_beats(&machine, &matrix, |_| Err("full"));
    assert_eq!(stopped, Err("full"));
}
