//! Products of many vectors at a time, compiled for the instruction sets of the machine. Every sum has the order that [`dot`] and
//! [`add_scaled`](crate::arithmetic::add_scaled) give it, so all sets give the same bits.
#![allow(unsafe_code)]

#[cfg(doc)]
use crate::arithmetic::dot;
use crate::arithmetic::{add_scaled, dots};

/// Vectors whose products with a row are worked out side by side.
const SIDE_BY_SIDE: usize = 4;

seedlm_instructions::for_each_set! {
    /// Products of some rows of a matrix with some vectors of as many values: for each vector one product per row.
    pub(crate) fn products_of_rows(rows: &[f32], columns: usize, inputs: &[f32], products: &mut [f32]) {
        let count = rows.len() / columns;
        let mut of_vectors = products.chunks_exact_mut(SIDE_BY_SIDE * count);
        let mut vectors = inputs.chunks_exact(SIDE_BY_SIDE * columns);
        for (products, vectors) in of_vectors.by_ref().zip(vectors.by_ref()) {
            let vectors: [&[f32]; SIDE_BY_SIDE] = std::array::from_fn(|place| &vectors[place * columns..][..columns]);
            for (number, row) in rows.chunks_exact(columns).enumerate() {
                for (place, product) in dots(row, vectors).into_iter().enumerate() {
                    products[place * count + number] = product;
                }
            }
        }
        let rest = of_vectors.into_remainder().chunks_exact_mut(count);
        for (products, vector) in rest.zip(vectors.remainder().chunks_exact(columns)) {
            for (product, row) in products.iter_mut().zip(rows.chunks_exact(columns)) {
                [*product] = dots(row, [vector]);
            }
        }
    }

    /// Adds to some rows of `sum x x^T` over vectors `x` of `columns` values, from the row `first` on: of each row what stands on the
    /// diagonal or behind it.
    pub(crate) fn add_moments(sums: &mut [f32], columns: usize, first: usize, inputs: &[f32]) {
        for input in inputs.chunks_exact(columns) {
            for (row, sums) in (first..).zip(sums.chunks_exact_mut(columns)) {
                add_scaled(&mut sums[row..], input[row], &input[row..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::dot;
    use proptest::prelude::*;
    use seedlm_instructions::Instructions;

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_single_products(
            (rows, columns, vectors) in (1_usize..6, 1_usize..70, 1_usize..11),
            seed in any::<u32>(),
        ) {
            let mut state = seed;
            let mut values = |count: usize| -> Vec<f32> {
                (0..count).map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / 1000.0 - 8000.0
                }).collect()
            };
            let (matrix, inputs) = (values(rows * columns), values(vectors * columns));
            let expected: Vec<u32> = inputs
                .chunks(columns)
                .flat_map(|input| matrix.chunks(columns).map(move |row| dot(row, input).to_bits()))
                .collect();
            let mut moments = vec![0.0_f32; columns * columns];
            for input in inputs.chunks(columns) {
                for (row, sums) in moments.chunks_mut(columns).enumerate() {
                    add_scaled(&mut sums[row..], input[row], &input[row..]);
                }
            }
            for instructions in Instructions::available() {
                let mut products = vec![f32::NAN; rows * vectors];
                products_of_rows(instructions, &matrix, columns, &inputs, &mut products);
                let found: Vec<u32> = products.iter().map(|product| product.to_bits()).collect();
                prop_assert_eq!(&found, &expected, "{}", instructions);
                let mut sums = vec![0.0_f32; columns * columns];
                let half = columns / 2;
                let (before, behind) = sums.split_at_mut(half * columns);
                add_moments(instructions, before, columns, 0, &inputs);
                add_moments(instructions, behind, columns, half, &inputs);
                prop_assert_eq!(&sums, &moments, "{}", instructions);
            }
        }
    }
}
