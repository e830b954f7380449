//! Holds the golden model against the vectors of `testbenches/vectors`, which a second decoder has made from
//! `docs/format.md` alone.

#[path = "golden/chained.rs"]
mod chained;
mod golden;
#[path = "golden/rotation.rs"]
mod rotation;

use golden::{Case, cases, expect_all_refused, folder};
use seedlm_codec::machine::{DatapathConfig, MachineStreams};
use seedlm_codec::{
    Activations, Binary16Matrix, BlockDecoder, BlockWord, Lfsr, WeightFormat, WeightMatrix, accumulator_bits,
    binary16_parts, product,
};
use std::process::Command;

/// What is legal: the usual, and the ends of every range.
const LEGAL: [&str; 2] = ["good", "odd"];

fn legal_cases(file: &str) -> Vec<Case> {
    LEGAL
        .iter()
        .flat_map(|folder| cases(&format!("{folder}/{file}")))
        .collect()
}

fn legal<T>(case: &Case, result: Result<T, String>) -> T {
    result.unwrap_or_else(|error| panic!("{}: refused: {error}", case.place))
}

fn activations(case: &Case) -> Result<Activations, String> {
    Activations::new(case.integer("activation_bits"), 1.0, case.integers("activations"))
        .map_err(|error| error.to_string())
}

#[test]
fn the_vectors_are_what_their_script_makes() {
    let script = folder().join("generate.py");
    let output = Command::new("python3")
        .arg(&script)
        .arg("--check")
        .output()
        .unwrap_or_else(|error| panic!("this test needs python3 (3.11 or newer), which cannot be run: {error}"));
    assert!(
        output.status.success(),
        "python3 {} --check: {}\n{}{}",
        script.display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn registers_run_through_the_stated_states() {
    for case in legal_cases("registers.json") {
        let lfsr = Lfsr::new(case.integer("length"), &case.integers("taps"));
        let lfsr = legal(&case, lfsr.map_err(|error| error.to_string()));
        let expected: Vec<u32> = case.integers("states_after_seed");
        case.expect_list(
            "state",
            &expected,
            &lfsr.states_after(case.integer("seed"), expected.len()),
        );
    }
}

#[test]
fn every_length_has_the_default_taps_of_the_page() {
    let mut lengths = Vec::new();
    for case in cases("good/registers.json") {
        let length: u32 = case.integer("length");
        if case.text("name").starts_with("default-") {
            assert_eq!(
                Lfsr::paper(length).unwrap().taps(),
                case.integers::<u32>("taps"),
                "{}",
                case.place
            );
            lengths.push(length);
        }
    }
    assert_eq!(lengths, (2..=24).collect::<Vec<_>>());
}

#[test]
fn words_have_the_stated_fields_and_weights() {
    for case in legal_cases("words.json") {
        let code = legal(&case, case.block_code());
        let bits = case.bits("word");
        let word = BlockWord::unpack(&code, bits);
        let expected = BlockWord {
            seed: case.integer("seed"),
            exponent: case.integer("exponent"),
            coefficients: case.integers("coefficients"),
        };
        assert_eq!(word, expected, "{}: fields", case.place);
        assert_eq!(expected.pack(&code), bits, "{}: the fields packed again", case.place);
        let decoder = BlockDecoder::new(&code);
        case.expect_list("mantissa", &case.integers("mantissas"), &decoder.mantissas(&word));
        case.expect_list("integer weight", &case.integers("integers"), &decoder.weights(&word));
    }
}

#[test]
fn matrices_decode_to_the_stated_integers_and_bits() {
    for case in legal_cases("matrices.json") {
        case.expect_matrix(&legal(&case, case.block_matrix()));
    }
}

/// Compares the product of a case, and the bits that its sums may need.
fn expect_product(case: &Case, matrix: &WeightMatrix) {
    let activations = legal(case, activations(case));
    assert_eq!(
        accumulator_bits(&matrix.format(), activations.bits(), matrix.columns()),
        case.integer::<u32>("sum_bits"),
        "{}: bits of a sum",
        case.place
    );
    let sums = product(matrix, &activations).map_err(|error| error.to_string());
    case.expect_list("row", &case.integers("results"), &legal(case, sums));
}

#[test]
fn products_are_the_stated_sums() {
    for case in legal_cases("products.json") {
        expect_product(&case, &legal(&case, case.block_matrix()));
    }
}

/// Lays out the product of a case for its machine, and compares the streams and the sums.
fn expect_streams(case: &Case, matrix: &WeightMatrix) {
    let activations = legal(case, activations(case));
    let config = DatapathConfig {
        beat_bits: case.integer("beat_bits"),
        lanes: case.integer("lanes"),
        tile_rows: case.integer("tile_rows"),
        activation_bits: activations.bits(),
        largest_columns: case.integer("columns"),
        ..DatapathConfig::reference(&matrix.format())
    };
    let streams = MachineStreams::new(&config, matrix, &activations).map_err(|error| error.to_string());
    let streams = legal(case, streams);
    case.expect_list("word stream, byte", &case.bytes("word_stream"), &streams.weights);
    case.expect_list(
        "activation stream, byte",
        &case.bytes("activation_stream"),
        &streams.activations,
    );
    let sums = legal(case, product(matrix, &activations).map_err(|error| error.to_string()));
    case.expect_list("row", &case.integers("results"), &sums);
    // The golden model has no result stream of its own; its beats are counted, and its integers read back.
    let results = case.bytes("result_stream");
    let tiles = sums.len().div_ceil(config.tile_rows as usize);
    let tile_bytes = config.result_beats_per_tile() * config.beat_bits as usize / 8;
    assert_eq!(
        results.len(),
        tiles * tile_bytes,
        "{}: bytes of the result stream",
        case.place
    );
    for (row, sum) in sums.iter().enumerate() {
        let (tile, place) = (row / config.tile_rows as usize, row % config.tile_rows as usize);
        let at = tile * tile_bytes + 8 * place;
        let got = i64::from_le_bytes(results[at..at + 8].try_into().unwrap());
        assert_eq!(got, *sum, "{}: result stream, row {row}", case.place);
    }
}

#[test]
fn streams_are_laid_out_as_stated() {
    for case in legal_cases("streams.json") {
        expect_streams(&case, &legal(&case, case.block_matrix()));
    }
}

#[test]
fn streams_of_uncompressed_weights_are_laid_out_as_stated() {
    for case in cases("good/binary16_streams.json") {
        let values: Vec<f32> = case
            .rows_of_bits("binary16")
            .concat()
            .into_iter()
            .map(|bits| {
                let (significand, exponent) = binary16_parts(bits as u16);
                significand as f32 * (exponent as f32 - 24.0).exp2()
            })
            .collect();
        let matrix = Binary16Matrix::from_f32(case.integer("rows"), case.integer("columns"), &values);
        let matrix = legal(&case, matrix.map_err(|error| error.to_string()));
        expect_streams(&case, &WeightMatrix::Binary16(matrix));
    }
}

#[test]
fn binary16_numbers_are_read_exactly() {
    for case in cases("good/binary16.json") {
        let bits = u16::try_from(case.bits("bits")).expect("16 bits");
        let significand: i32 = case.integer("significand");
        let sign = if case.integer::<u32>("sign") == 1 { -1 } else { 1 };
        let expected = (sign * significand, case.integer("exponent"));
        assert_eq!(binary16_parts(bits), expected, "{}", case.place);
        assert_eq!(
            WeightFormat::Binary16.decode_word(u128::from(bits)),
            [case.integer::<i64>("in_units_of_2^-24")],
            "{}",
            case.place
        );
    }
}

#[test]
fn bad_codes_are_refused() {
    expect_all_refused("bad/codes.json", Case::block_code);
}

#[test]
fn bad_matrices_are_refused() {
    expect_all_refused("bad/matrices.json", |case| {
        legal(case, case.block_code());
        case.block_matrix()
    });
}

#[test]
fn bad_products_are_refused() {
    expect_all_refused("bad/products.json", |case| {
        let matrix = legal(case, case.block_matrix());
        let activations = legal(case, activations(case));
        product(&matrix, &activations).map_err(|error| error.to_string())
    });
}
