//! Everything the decoder gives is what the golden model gives, bit for bit: any code, any shape, all instructions, any threads.

mod matrices;

use half::bf16;
use matrices::{any_matrix, preset_matrix};
use proptest::prelude::*;
use seedlm_codec::{BlockCode, BlockCodeFields, ChainMap, ChainedCode, Code, ColumnGroup, Lfsr, WeightMatrix};
use seedlm_decoder::{Decoder, Instructions};
use std::ops::Range;

/// What one decoder gives of some rows, as bits.
#[derive(Debug, PartialEq)]
struct Outputs {
    f32: Vec<u32>,
    bf16: Vec<bf16>,
    i8: Vec<i8>,
    scales: Vec<u32>,
    product: Vec<u32>,
}

fn bits(values: Vec<f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

fn golden(matrix: &WeightMatrix, rows: Range<usize>, activations: &[f32]) -> Outputs {
    let (integers, scales): (Vec<_>, Vec<_>) = rows.clone().map(|row| matrix.row_i8(row)).unzip();
    let results = 0..matrix.rows();
    Outputs {
        f32: bits(rows.clone().flat_map(|row| matrix.row_values(row)).collect()),
        bf16: rows.flat_map(|row| matrix.row_bf16(row)).collect(),
        i8: integers.concat(),
        scales: bits(scales),
        product: bits(results.map(|row| matrix.row_product(row, activations)).collect()),
    }
}

fn decoded(decoder: &Decoder, matrix: &WeightMatrix, rows: Range<usize>, activations: &[f32]) -> Outputs {
    let count = rows.len() * matrix.columns();
    // What was there before must not matter.
    let (mut values, mut rounded, mut integers) = (vec![f32::NAN; count], vec![bf16::NAN; count], vec![-128; count]);
    let (mut scales, mut results) = (vec![f32::NAN; rows.len()], vec![f32::NAN; matrix.rows()]);
    decoder.f32_rows(matrix, rows.clone(), &mut values).unwrap();
    decoder.bf16_rows(matrix, rows.clone(), &mut rounded).unwrap();
    decoder.i8_rows(matrix, rows, &mut integers, &mut scales).unwrap();
    decoder.product(matrix, activations, &mut results).unwrap();
    Outputs {
        f32: bits(values),
        bf16: rounded,
        i8: integers,
        scales: bits(scales),
        product: bits(results),
    }
}

fn code_of(matrix: &WeightMatrix) -> Code {
    matrix.format().code().expect("a coded matrix")
}

fn activations(columns: usize) -> Vec<f32> {
    (0..columns)
        .map(|column| ((column * 37 % 101) as f32 - 50.0) / 7.0)
        .collect()
}

fn check(matrix: &WeightMatrix, rows: Range<usize>) {
    let activations = activations(matrix.columns());
    let expected = golden(matrix, rows.clone(), &activations);
    for instructions in Instructions::available() {
        let decoder = Decoder::with_instructions(&code_of(matrix), instructions).unwrap();
        let found = decoded(&decoder, matrix, rows.clone(), &activations);
        assert_eq!(found, expected, "{} with {instructions}", matrix.format().label());
    }
}

#[test]
fn presets_in_all_small_shapes() {
    for name in Code::presets() {
        let code = Code::preset(name).unwrap();
        for columns in (0..40).chain([63, 64, 65, 127, 128, 129, 191, 192, 193]) {
            check(&preset_matrix(&code, 3, columns, columns as u64), 0..3);
        }
        check(&preset_matrix(&code, 4, 25, 7), 1..3);
        check(&preset_matrix(&code, 0, 25, 7), 0..0);
    }
}

/// Where a row has scale groups, each is a coded row: the decoder gives them in the order of the row, and those of some columns as a
/// matrix of their own.
#[test]
fn scale_groups_are_coded_rows() {
    let (rows, groups, columns) = (3, 4, 33);
    for name in ChainedCode::PRESETS {
        let code = Code::preset(name).unwrap();
        let matrix = preset_matrix(&code, rows * groups, columns, 11);
        let WeightMatrix::Chained(coded) = &matrix else {
            panic!("{name} is a chained code");
        };
        let parts: Vec<WeightMatrix> = ColumnGroup::all(groups)
            .map(|group| WeightMatrix::Chained(group.of_matrix(coded).unwrap()))
            .collect();
        for row in 0..rows {
            let whole = row * groups..(row + 1) * groups;
            check(&matrix, whole.clone());
            let of_parts: Vec<f32> = parts.iter().flat_map(|part| part.row_values(row)).collect();
            let mut decoded = vec![f32::NAN; groups * columns];
            let decoder = Decoder::new(&code).unwrap();
            decoder.f32_rows(&matrix, whole, &mut decoded).unwrap();
            assert_eq!(bits(decoded), bits(of_parts));
        }
        parts.iter().for_each(|part| check(part, 0..rows));
    }
}

#[test]
fn presets_in_rows_of_many_pieces() {
    for name in Code::presets() {
        let code = Code::preset(name).unwrap();
        // Also where 64 words end, in either of the paper's codes, or a little later.
        for columns in [512, 513, 768, 769, 791, 1536, 2048, 2049, 4100, 8300] {
            check(&preset_matrix(&code, 2, columns, 5), 0..2);
        }
    }
}

#[test]
fn other_codes_in_rows_of_many_pieces() {
    let block = BlockCodeFields {
        block_size: 5,
        latent_dimension: 2,
        coefficient_bits: 5,
        exponent_bits: 3,
        lfsr: Lfsr::paper(13).unwrap(),
    };
    // 8-bit and wider integers.
    let map = |bits: u32| {
        ChainMap::new(
            20,
            vec![(0..bits).map(|bit| 0x1_2345 << (bit % 3) | 1 << 19 >> bit).collect()],
        )
        .unwrap()
    };
    let codes = [
        Code::Block(BlockCode::new(block).unwrap()),
        Code::Chained(ChainedCode::new(3, map(6)).unwrap()),
        Code::Chained(ChainedCode::new(5, map(8)).unwrap()),
    ];
    for code in codes {
        check(&preset_matrix(&code, 2, 8300, 7), 0..2);
    }
}

#[test]
fn threads_change_nothing() {
    for name in ["paper-3b", "chained-3b"] {
        let code = Code::preset(name).unwrap();
        let matrix = preset_matrix(&code, 700, 501, 3);
        let activations = activations(501);
        let decoder = Decoder::new(&code).unwrap();
        let [one, two] = [1, 2].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| decoded(&decoder, &matrix, 0..700, &activations))
        });
        assert_eq!(one, two);
        assert_eq!(one, golden(&matrix, 0..700, &activations));
    }
}

/// Outputs of 32 MiB and more may go around the caches.
const LARGE: usize = 32 << 20;

/// Decodes a large output at once and in two halves, which are smaller: it must be the same.
fn check_large<T: Copy + PartialEq>(
    name: &str,
    before: [T; 2],
    decode: impl Fn(&Decoder, &WeightMatrix, Range<usize>, &mut [T]),
) {
    // Rows begin at any multiple of 4 bytes, or of any other type's size, and end within a block and within what is stored at once.
    const COLUMNS: usize = 4219;
    let rows = LARGE.div_ceil(COLUMNS * size_of::<T>());
    let code = Code::preset(name).unwrap();
    let matrix = preset_matrix(&code, rows, COLUMNS, 11);
    for instructions in Instructions::available() {
        let decoder = Decoder::with_instructions(&code, instructions).unwrap();
        let [mut whole, mut halves] = before.map(|before| vec![before; rows * COLUMNS]);
        decode(&decoder, &matrix, 0..rows, &mut whole);
        let (upper, lower) = halves.split_at_mut(rows / 2 * COLUMNS);
        decode(&decoder, &matrix, 0..rows / 2, upper);
        decode(&decoder, &matrix, rows / 2..rows, lower);
        assert!(whole == halves, "{name} with {instructions}");
    }
}

#[test]
fn large_outputs_in_f32_are_the_same() {
    for name in ["paper-4b", "paper-3b", "chained-3b"] {
        check_large(name, [f32::NAN, -1.0], |decoder, matrix, rows, out| {
            decoder.f32_rows(matrix, rows, out).unwrap();
        });
    }
}

#[test]
fn large_outputs_in_i8_are_the_same() {
    check_large("paper-4b", [-128, 127], |decoder, matrix, rows, out| {
        let mut scales = vec![0.0; rows.len()];
        decoder.i8_rows(matrix, rows, out, &mut scales).unwrap();
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_code_and_shape(matrix in any_matrix()) {
        check(&matrix, 0..matrix.rows());
    }
}
