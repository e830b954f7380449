//! The chained code: maps, words, matrices, products and streams.

use super::golden::{Case, cases, expect_all_refused};
use super::{activations, expect_product, expect_streams, legal, legal_cases};
use seedlm_codec::{ChainMap, ChainedCode, Code, Lfsr, WeightFormat, product};

fn map(case: &Case) -> Result<ChainMap, String> {
    serde_json::from_value(case.field("map").clone()).map_err(|error| error.to_string())
}

#[test]
fn maps_give_the_stated_weights() {
    for case in legal_cases("chained_maps.json") {
        let map = legal(&case, map(&case));
        assert_eq!(
            map.largest_weight(),
            case.integer::<i64>("largest_integer"),
            "{}",
            case.place
        );
        let windows: Vec<u32> = case.integers("windows");
        let weights: Vec<i64> = windows.iter().map(|&window| map.weight(window)).collect();
        case.expect_list("weight", &case.integers("integers"), &weights);
    }
}

#[test]
fn a_register_that_runs_on_is_the_stated_map() {
    let mut seen = 0;
    for case in cases("good/chained_maps.json") {
        let Some(register) = case.optional("lfsr") else {
            continue;
        };
        let register = Case::new(&case.place, with_name(register));
        let lfsr = Lfsr::new(register.integer("length"), &register.integers("taps"));
        let lfsr = legal(&case, lfsr.map_err(|error| error.to_string()));
        let made = ChainMap::from_lfsr(
            &lfsr,
            register.integer("jump"),
            &register.integers::<usize>("field_bits"),
        );
        assert_eq!(
            legal(&case, made.map_err(|error| error.to_string())),
            legal(&case, map(&case)),
            "{}",
            case.place
        );
        seen += 1;
    }
    assert!(seen > 0, "no map of a register");
}

fn with_name(register: &serde_json::Value) -> serde_json::Value {
    let mut register = register.clone();
    register["name"] = "lfsr".into();
    register
}

/// Compares the weights of what a lane is given, by the code and by the format of the machine.
fn expect_word(case: &Case, code: &ChainedCode) {
    let format = WeightFormat::Chained(code.clone());
    assert_eq!(
        format.word_bits(),
        case.integer::<u32>("word_bits"),
        "{}: bits of a word",
        case.place
    );
    assert_eq!(
        format.history_bits(),
        case.integer::<u32>("history_bits"),
        "{}: bits of the history",
        case.place
    );
    let (history, word) = (case.bits("history"), case.bits("word"));
    let integers: Vec<i64> = case.integers("integers");
    assert_eq!(format.weights_per_word(), integers.len(), "{}: weights", case.place);
    let weights = code.weights(history as u32, word, integers.len());
    case.expect_list("weight", &integers, &weights);
    let lane = format.decode_word(history | word << format.history_bits());
    case.expect_list("weight of a lane", &integers, &lane);
}

#[test]
fn words_have_the_stated_weights() {
    for case in legal_cases("chained_words.json") {
        expect_word(&case, &legal(&case, case.chained_code()));
    }
}

#[test]
fn presets_are_those_of_the_page() {
    let cases = cases("good/chained_presets.json");
    let names: Vec<&str> = cases.iter().map(|case| case.text("name")).collect();
    assert_eq!(names, ChainedCode::PRESETS);
    for case in &cases {
        let code = legal(case, case.chained_code());
        assert_eq!(
            Code::preset(case.text("name")),
            Ok(Code::Chained(code.clone())),
            "{}",
            case.place
        );
        expect_word(case, &code);
    }
}

#[test]
fn matrices_decode_to_the_stated_integers_and_bits() {
    for case in legal_cases("chained_matrices.json") {
        case.expect_matrix(&legal(&case, case.chained_matrix()));
    }
}

#[test]
fn products_are_the_stated_sums() {
    for case in legal_cases("chained_products.json") {
        expect_product(&case, &legal(&case, case.chained_matrix()));
    }
}

#[test]
fn streams_are_laid_out_as_stated() {
    for case in legal_cases("chained_streams.json") {
        expect_streams(&case, &legal(&case, case.chained_matrix()));
    }
}

#[test]
fn bad_maps_are_refused() {
    expect_all_refused("bad/chained_maps.json", map);
}

#[test]
fn bad_codes_are_refused() {
    expect_all_refused("bad/chained_codes.json", Case::chained_code);
}

#[test]
fn bad_matrices_are_refused() {
    expect_all_refused("bad/chained_matrices.json", |case| {
        legal(case, case.chained_code());
        case.chained_matrix()
    });
}

#[test]
fn bad_products_are_refused() {
    expect_all_refused("bad/chained_products.json", |case| {
        let matrix = legal(case, case.chained_matrix());
        product(&matrix, &legal(case, activations(case))).map_err(|error| error.to_string())
    });
}
