//! The rotation: vectors bit by bit, rows of matrices, activations.

use super::golden::{Case, cases, expect_all_refused};
use super::{legal, legal_cases};
use seedlm_codec::{Activations, Rotation, WeightMatrix};

fn rotation(case: &Case) -> Result<Rotation, String> {
    Rotation::new(case.integer("sign_seed")).map_err(|error| error.to_string())
}

fn bits(vector: &[f64]) -> Vec<u64> {
    vector.iter().map(|value| value.to_bits()).collect()
}

/// Binary64 numbers, written as their bits in one or more texts.
fn vector(case: &Case, key: &str) -> Vec<f64> {
    let lines = case.list(key).iter().map(|line| line.as_str().expect("a text"));
    lines
        .flat_map(str::split_whitespace)
        .map(|bits| f64::from_bits(u64::from_str_radix(bits, 16).expect("hexadecimal digits")))
        .collect()
}

/// A number as it leaves the rotation: binary32, and finite.
fn narrow(wide: f64) -> f32 {
    (wide as f32).clamp(f32::MIN, f32::MAX)
}

#[test]
fn vectors_are_rotated_to_the_stated_bits() {
    for case in legal_cases("rotations.json") {
        let rotation = legal(&case, rotation(&case));
        let given = vector(&case, "vector");
        assert_eq!(given.len(), case.integer::<usize>("length"), "{}: length", case.place);
        let signs: String = rotation
            .signs(2 * given.len())
            .iter()
            .map(|&sign| if sign < 0.0 { '-' } else { '+' })
            .collect();
        assert_eq!(signs, case.text("signs"), "{}: signs", case.place);
        let (mut applied, mut undone) = (given.clone(), given);
        rotation.apply(&mut applied);
        rotation.undo(&mut undone);
        case.expect_list("applied, place", &bits(&vector(&case, "applied")), &bits(&applied));
        case.expect_list("undone, place", &bits(&vector(&case, "undone")), &bits(&undone));
    }
}

#[test]
fn rotated_rows_have_the_stated_weights() {
    for case in cases("good/rotated_matrices.json") {
        let is_chained = case.field("code").get("map").is_some();
        let matrix = match is_chained {
            true => case.chained_matrix(),
            false => case.block_matrix(),
        };
        let matrix: WeightMatrix = legal(&case, matrix);
        case.expect_matrix(&matrix);
        let rotation = legal(&case, rotation(&case));
        case.expect_weights("undone_bits", matrix.rows(), |row| {
            let mut wide: Vec<f64> = matrix.row_values(row).into_iter().map(f64::from).collect();
            rotation.undo(&mut wide);
            wide.into_iter().map(narrow).collect()
        });
    }
}

#[test]
fn rotated_activations_are_the_stated_integers() {
    for case in cases("good/rotated_activations.json") {
        let values = case.rows_of_bits("values_bits").concat();
        let mut wide: Vec<f64> = values.into_iter().map(|bits| f64::from(f32::from_bits(bits))).collect();
        legal(&case, rotation(&case)).apply(&mut wide);
        let rotated: Vec<f32> = wide.into_iter().map(narrow).collect();
        case.expect_weights("rotated_bits", 1, |_| rotated.clone());
        let quantised = Activations::quantise(case.integer("activation_bits"), &rotated);
        let quantised = legal(&case, quantised.map_err(|error| error.to_string()));
        assert_eq!(
            quantised.scale().to_bits(),
            case.binary32("scale_bits").to_bits(),
            "{}: scale",
            case.place
        );
        case.expect_list("activation", &case.integers("activations"), quantised.values());
    }
}

#[test]
fn bad_sign_seeds_are_refused() {
    expect_all_refused("bad/rotations.json", rotation);
}
