//! Random activations, rotated by the host where the matrix is.

use super::NamedMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use seedlm_codec::{Activations, CodecError};
use seedlm_model::rotate_rows;

/// Random activations that use the whole range of their width.
///
/// # Errors
/// When the width is out of range.
pub fn random_activations(bits: u32, columns: usize, seed: u64) -> Result<Activations, CodecError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let half = 1 << (bits - 1);
    let values = (0..columns).map(|_| random.random_range(-half..half)).collect();
    Activations::new(bits, 1.0, values)
}

/// Random activations for a matrix. For a rotated one they are rotated on the way, in binary64, rounded to binary32, and
/// only then quantised, as the host of a real accelerator does. Those of a layer after the base are turned as its rows are; a scale
/// group has those of its columns.
///
/// # Errors
/// When the width is out of range.
pub fn activations_for(named: &NamedMatrix, bits: u32, seed: u64) -> Result<Activations, CodecError> {
    let columns = named.matrix.columns() * named.group.count;
    let plain = random_activations(bits, columns, seed)?;
    let of_part = |whole: Activations| named.group.of_activations(&whole.of_layer(named.layer)).into_owned();
    let Some(rotation) = &named.rotation else {
        return Ok(of_part(plain));
    };
    let mut values: Vec<f32> = plain.values().iter().map(|&value| value as f32).collect();
    rotate_rows(rotation, columns, &mut values);
    Ok(of_part(Activations::quantise(bits, &values)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_codec::{Binary16Matrix, ColumnGroup, Rotation, WeightMatrix};

    #[test]
    fn rotated_matrices_get_rotated_activations() {
        let values: Vec<f32> = (0..100).map(|index| index as f32).collect();
        let matrix = Binary16Matrix::from_f32(1, 100, &values).unwrap();
        let mut named = NamedMatrix {
            name: "a".into(),
            layer: 1,
            group: ColumnGroup::default(),
            matrix: WeightMatrix::Binary16(matrix),
            rotation: None,
            in_image: None,
        };
        let plain = activations_for(&named, 8, 3).unwrap();
        assert_eq!(plain, random_activations(8, 100, 3).unwrap());
        let rotation = Rotation::default();
        named.rotation = Some(rotation);
        let rotated = activations_for(&named, 8, 3).unwrap();
        // Undone, they are what they were, up to half a step.
        let mut again: Vec<f64> = rotated
            .values()
            .iter()
            .map(|&value| f64::from(value) * f64::from(rotated.scale()))
            .collect();
        rotation.undo(&mut again);
        let differences = again
            .iter()
            .zip(plain.values())
            .map(|(again, &value)| again - f64::from(value));
        let squared: f64 = differences.map(|difference| difference * difference).sum();
        let half_step = f64::from(rotated.scale()) / 2.0;
        assert!(squared > 0.0 && squared.sqrt() <= half_step * 10.0, "{squared}");
    }
}
