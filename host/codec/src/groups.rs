//! Scale groups: stretches of a row that have a scale of their own.
//!
//! In the chained code a group is encoded like a row: so a matrix with groups *is* a chained matrix of shorter rows, those of row 0
//! first, and nothing but its shape is new (`docs/format.md`, section 13). In the machine each group of columns is a product of its
//! own with the activations of those columns.

use crate::chained::ChainedMatrix;
use crate::code::Code;
use crate::error::CodecError;
use crate::product::Activations;
use std::borrow::Cow;
use std::ops::Range;

/// Rows and columns of what is coded for a matrix of `rows x columns` weights: the same where it has no groups, else a row for each
/// group of `scale_group` columns.
///
/// # Errors
/// [`CodecError::Tensor`] when the groups are of no column, do not divide the columns, or are too many to address; it names the
/// nearest numbers of columns that do.
pub fn coded_shape([rows, columns]: [usize; 2], scale_group: Option<usize>) -> Result<[usize; 2], CodecError> {
    let Some(group) = scale_group else {
        return Ok([rows, columns]);
    };
    let refuse = |reason: String| Err(CodecError::Tensor(reason));
    if group == 0 {
        return refuse("a scale group of 0 columns is none; give at least 1".into());
    }
    if !columns.is_multiple_of(group) {
        let nearest: Vec<String> = nearest_divisors(columns, group).iter().map(usize::to_string).collect();
        return refuse(format!(
            "scale groups of {group} columns do not divide its {columns} columns; the nearest that do have {}",
            nearest.join(" or ")
        ));
    }
    match rows.checked_mul(columns / group) {
        Some(groups) => Ok([groups, group]),
        None => refuse(format!(
            "{rows} rows of {} scale groups are too many to address",
            columns / group
        )),
    }
}

/// The next divisors of a number below and above another one, which is none.
fn nearest_divisors(number: usize, other: usize) -> Vec<usize> {
    // Files say what they like: of what no row has as columns, only the small and the large divisors are looked at.
    let small = (1..=1 << 16).take_while(|&divisor| divisor <= number / divisor);
    let divisors = small.filter(|&divisor| number.is_multiple_of(divisor));
    let divisors: Vec<usize> = divisors.flat_map(|divisor| [divisor, number / divisor]).collect();
    let fewer = divisors.iter().copied().filter(|&divisor| divisor < other).max();
    let more = divisors.iter().copied().filter(|&divisor| divisor > other).min();
    fewer.into_iter().chain(more).collect()
}

/// Checks that a matrix in this code can have scale groups.
///
/// # Errors
/// [`CodecError::Code`] for a block code.
pub fn check_scale_groups(code: &Code) -> Result<(), CodecError> {
    match code {
        Code::Chained(_) => Ok(()),
        Code::Block(code) => Err(CodecError::Code(format!(
            "scale groups belong to the chained codes, and {} is a block code: each of its words has an exponent, and the matrix one scale",
            code.label()
        ))),
    }
}

/// One of the scale groups of a row, which all rows of a matrix have at the same columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColumnGroup {
    /// Its number, from 0.
    pub number: usize,
    /// How many groups a row has; at least one.
    pub count: usize,
}

impl Default for ColumnGroup {
    /// The whole row.
    fn default() -> Self {
        ColumnGroup { number: 0, count: 1 }
    }
}

impl ColumnGroup {
    /// All groups of a row, in order.
    pub fn all(count: usize) -> impl Iterator<Item = Self> {
        (0..count).map(move |number| ColumnGroup { number, count })
    }

    /// Its columns among those of the row; `group_columns` is how many each group has.
    pub fn columns(self, group_columns: usize) -> Range<usize> {
        self.number * group_columns..(self.number + 1) * group_columns
    }

    /// Of the coded rows of a matrix those of this group: what the machine multiplies with the [activations of its
    /// columns](ColumnGroup::of_activations).
    ///
    /// # Errors
    /// [`CodecError::Tensor`] when there is no such group, or the coded rows are not those of whole rows.
    pub fn of_matrix(self, coded: &ChainedMatrix) -> Result<ChainedMatrix, CodecError> {
        let ColumnGroup { number, count } = self;
        if number >= count || !coded.rows().is_multiple_of(count) {
            let rows = coded.rows();
            return Err(CodecError::Tensor(format!(
                "{rows} coded rows have no scale group {number} of {count}"
            )));
        }
        let rows = (number..coded.rows()).step_by(count).map(|row| (coded, row));
        ChainedMatrix::of_rows(coded, &rows.collect::<Vec<(&ChainedMatrix, usize)>>())
    }

    /// The activations of its columns, with the scale of all; those of the whole row are the same ones.
    ///
    /// # Panics
    /// When there is no such group.
    pub fn of_activations(self, activations: &Activations) -> Cow<'_, Activations> {
        match self.count {
            1 => Cow::Borrowed(activations),
            count => Cow::Owned(activations.cut(self.columns(activations.values().len() / count))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chained::{ChainMap, ChainedCode};
    use crate::product::product;
    use crate::weights::WeightMatrix;
    use proptest::prelude::*;

    #[test]
    fn groups_that_do_not_divide_name_those_that_do() {
        assert_eq!(coded_shape([3, 12], None).unwrap(), [3, 12]);
        assert_eq!(coded_shape([3, 12], Some(4)).unwrap(), [9, 4]);
        assert_eq!(coded_shape([3, 12], Some(12)).unwrap(), [3, 12]);
        let error = |shape, group| coded_shape(shape, Some(group)).unwrap_err().to_string();
        assert!(error([3, 12], 0).contains("at least 1"));
        for (group, nearest) in [
            (5, "have 4 or 6"),
            (7, "have 6 or 12"),
            (13, "have 12"),
            (usize::MAX, "have 12"),
        ] {
            let error = error([3, 12], group);
            assert!(
                error.contains("12 columns") && error.ends_with(nearest),
                "{group}: {error}"
            );
        }
        assert!(error([usize::MAX, 12], 4).contains("too many to address"));
    }

    #[test]
    fn a_worked_example() {
        // docs/format.md, section 13: the code of section 8's example, one row of 4 columns in two groups.
        let map = ChainMap::new(4, vec![vec![8, 3], vec![9]]).unwrap();
        let code = ChainedCode::new(2, map).unwrap();
        let [rows, columns] = coded_shape([1, 4], Some(2)).unwrap();
        let matrix = ChainedMatrix::new(&code, rows, columns, vec![0.5, 2.0], vec![0b10_01_10_01]).unwrap();
        assert_eq!(
            [matrix.row_values(0), matrix.row_values(1)].concat(),
            [-2.0, 1.0, -8.0, 4.0]
        );
    }

    #[test]
    fn block_codes_have_none() {
        check_scale_groups(&Code::preset("chained-2b").unwrap()).unwrap();
        let error = check_scale_groups(&Code::preset("paper-3b").unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains("paper-3b is a block code"), "{error}");
    }

    proptest! {
        /// The products of the groups of columns, each with its own activations, are those of its stretch of each row.
        #[test]
        fn groups_of_columns_are_rows_of_their_own(
            (rows, groups, group) in (1_usize..4, 1_usize..4, 1_usize..20),
            bytes in prop::collection::vec(any::<u8>(), 90),
            values in prop::collection::vec(-128..128, 60),
        ) {
            let code = ChainedCode::preset("chained-3b-k12").unwrap();
            let bits = 3 * rows * groups * group;
            let mut words = bytes[..bits.div_ceil(8)].to_vec();
            if bits % 8 > 0 {
                *words.last_mut().unwrap() &= (1 << (bits % 8)) - 1;
            }
            let scales = (0..rows * groups).map(|row| (row as f32 - 30.0).exp2()).collect();
            let matrix = ChainedMatrix::new(&code, rows * groups, group, scales, words).unwrap();
            let activations = Activations::new(8, 0.5, values[..groups * group].to_vec()).unwrap();
            for of_columns in ColumnGroup::all(groups) {
                let number = of_columns.number;
                let own = of_columns.of_matrix(&matrix).unwrap();
                let cut = of_columns.of_activations(&activations);
                prop_assert_eq!((cut.bits(), cut.scale(), cut.values().len()), (8, 0.5, group));
                let sums = product(&WeightMatrix::Chained(own.clone()), &cut).unwrap();
                for (row, sum) in sums.into_iter().enumerate() {
                    let coded = row * groups + number;
                    prop_assert_eq!(own.scales()[row], matrix.scales()[coded]);
                    let pairs = matrix.row_integers(coded).into_iter().zip(&values[number * group..]);
                    prop_assert_eq!(sum, pairs.map(|(weight, &value)| weight * i64::from(value)).sum::<i64>());
                }
            }
            for (number, count) in [(groups, groups), (0, rows * groups + 1)] {
                let none = ColumnGroup { number, count };
                prop_assert!(none.of_matrix(&matrix).is_err());
            }
        }
    }
}
