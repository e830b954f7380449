//! Encoding with error feedback: the errors of the columns that are done move the targets of those that follow, so that the
//! products with the inputs that a model really has change least.
//!
//! What is to be small is `tr(D M D^T)`, with the errors `D = W - W'` and the moments `M` of the inputs. With the upper
//! triangular `R` of `M = R R^T`, and the columns in pieces, it is the sum over the pieces of
//! `|(W_p + D_before C_p - W'_p) R_pp|^2` where `C_p = R_before,p R_pp^-1`: so each piece is encoded with the targets
//! `W_p + D_before C_p`. This is the block form of LDLQ (QuIP, arXiv 2307.13304), which is GPTQ's (arXiv 2210.17323). Within a
//! piece `R_pp R_pp^T` says how errors count: the search of the block code takes all of it, that of the chained code its diagonal.
//!
//! All in binary64, in a fixed order: the result is the same for any number of threads.

use crate::moments::InputMoments;
use factor::Factor;
use rayon::prelude::*;
use seedlm_codec::{ChainedMatrix, WeightMatrix};
use seedlm_encoder::{BlockEncoder, ChainedEncoder, EncodeError, Quantizer};
use std::ops::{ControlFlow, Range};

mod factor;

/// Columns of a piece of a chained row, and those behind it that its search looks ahead at. Of 1 to 32 and 8 to 16 that were tried, some
/// leave a percent or two less than these, for twice the work.
const CHAINED_PIECE: usize = 8;
const CHAINED_AHEAD: usize = 12;

/// What encodes the pieces.
pub(crate) enum FeedbackEncoder<'a> {
    /// Pieces of one block.
    Block(&'a BlockEncoder, Quantizer),
    /// Pieces of [`CHAINED_PIECE`] columns.
    Chained(&'a ChainedEncoder),
}

/// Encodes `rows x columns` weights, the columns of which have inputs with these moments. Each row is coded in `groups` rows of
/// their own, which begin anew; errors go on from one to the next.
///
/// # Errors
/// As the encoders; [`EncodeError::Stopped`].
///
/// # Panics
/// When the moments are of another number of columns.
pub(crate) fn encode_with_feedback(
    encoder: FeedbackEncoder<'_>,
    (rows, columns): (usize, usize),
    groups: usize,
    values: &[f32],
    moments: &InputMoments,
    advance: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
) -> Result<WeightMatrix, EncodeError> {
    assert_eq!(moments.columns(), columns, "moments of this matrix");
    let factor = Factor::new(moments);
    let mut errors = vec![0.0; rows * columns];
    let mut run = |whole: Range<usize>, piece: usize, ahead: usize, push: Push<'_>| {
        let mut start = whole.start;
        while start < whole.end {
            let kept = piece.min(whole.end - start);
            let end = (start + kept + ahead).min(whole.end);
            let targets = targets(values, columns, &errors, start..end, &factor);
            let decoded = push(&targets, &(start..start + kept))?;
            let errors = errors.par_chunks_mut(columns).zip(values.par_chunks(columns));
            errors
                .zip(decoded.par_chunks(kept))
                .for_each(|((errors, values), decoded)| {
                    for (column, &decoded) in (start..).zip(decoded) {
                        errors[column] = f64::from(values[column]) - f64::from(decoded);
                    }
                });
            if advance(rows * kept).is_break() {
                return Err(EncodeError::Stopped);
            }
            start += kept;
        }
        Ok(())
    };
    match encoder {
        FeedbackEncoder::Block(encoder, quantizer) => {
            let mut pieces = encoder.pieces(rows, columns, values, quantizer)?;
            let size = encoder.code().block_size();
            run(0..columns, size, 0, &mut |targets, piece| {
                pieces.push(targets, Some(&factor.error_weights(piece)))
            })?;
            Ok(WeightMatrix::Block(pieces.finish()?))
        }
        FeedbackEncoder::Chained(encoder) => {
            let group = columns / groups;
            let mut coded = Vec::with_capacity(groups);
            for start in (0..columns).step_by(group.max(1)) {
                let whole = start..start + group;
                let of_group = values.chunks(columns).flat_map(|row| &row[whole.clone()]).copied();
                let mut pieces = encoder.pieces(rows, group, &of_group.collect::<Vec<f32>>())?;
                run(whole, CHAINED_PIECE, CHAINED_AHEAD, &mut |targets, piece| {
                    let weights = factor.column_weights(&(piece.start..piece.start + targets.len() / rows));
                    pieces.push(targets, piece.len(), Some(&weights))
                })?;
                coded.push(pieces.finish()?);
            }
            Ok(WeightMatrix::Chained(side_by_side(coded, rows)?))
        }
    }
}

/// The matrix whose rows are those of several, one behind the other: row 0 of each, then row 1 of each. There is at least one.
fn side_by_side(mut coded: Vec<ChainedMatrix>, rows: usize) -> Result<ChainedMatrix, EncodeError> {
    if coded.len() == 1 {
        return Ok(coded.swap_remove(0));
    }
    let chosen: Vec<(&ChainedMatrix, usize)> = (0..rows)
        .flat_map(|row| coded.iter().map(move |group| (group, row)))
        .collect();
    Ok(ChainedMatrix::of_rows(&coded[0], &chosen)?)
}

/// Encodes the targets of a piece, and those of the columns behind it that are looked ahead at; gives the decoded weights of the piece.
type Push<'a> = &'a mut dyn FnMut(&[f32], &Range<usize>) -> Result<Vec<f32>, EncodeError>;

/// The weights of some columns, moved by the errors of those before.
fn targets(values: &[f32], columns: usize, errors: &[f64], piece: Range<usize>, factor: &Factor) -> Vec<f32> {
    let feedback = factor.feedback(&piece);
    let width = piece.len();
    let rows = values.par_chunks(columns).zip(errors.par_chunks(columns));
    let targets = rows.flat_map_iter(|(values, errors)| {
        let mut targets: Vec<f64> = values[piece.clone()].iter().copied().map(f64::from).collect();
        for (error, feedback) in errors[..piece.start].iter().zip(feedback.chunks(width)) {
            for (target, factor) in targets.iter_mut().zip(feedback) {
                *target += error * factor;
            }
        }
        targets.into_iter().map(|target| target as f32)
    });
    targets.collect()
}

#[cfg(test)]
mod tests {
    use super::factor::tests::moments;
    use super::*;
    use seedlm_codec::{BlockCode, BlockCodeFields, ChainedCode, Lfsr, Rotation};

    /// Numbers from -1 to 1.
    fn random(mut state: u32) -> impl FnMut() -> f32 {
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        }
    }

    /// `sum over inputs of |D x|^2`.
    fn output_error(weights: &[f32], decoded: &WeightMatrix, inputs: &[f32], columns: usize) -> f64 {
        let differences: Vec<f64> = (0..decoded.rows())
            .flat_map(|row| decoded.row_values(row))
            .zip(weights)
            .map(|(decoded, &weight)| f64::from(weight) - f64::from(decoded))
            .collect();
        let rows = differences.chunks(columns);
        rows.flat_map(|row| {
            inputs.chunks(columns).map(|input| {
                let product: f64 = row.iter().zip(input).map(|(d, &x)| d * f64::from(x)).sum();
                product * product
            })
        })
        .sum()
    }

    /// Inputs that hang together, as those of a model do.
    #[test]
    fn feedback_lessens_the_error_of_the_products() {
        let (rows, columns) = (16, 96);
        let mut random = random(5);
        let weights: Vec<f32> = (0..rows * columns).map(|_| random() + random() + random()).collect();
        let mut inputs = Vec::new();
        for _ in 0..300 {
            let common = [random(), random(), random()];
            inputs.extend((0..columns).map(|column| common[column % 3] * 3.0 + random()));
        }
        let moments = moments(columns, &inputs);
        let encoder = ChainedEncoder::new(&ChainedCode::preset("chained-3b-k12").unwrap()).unwrap();
        let go_on = &|_| ControlFlow::Continue(());
        let plain = encoder.encode(rows, columns, &weights, None, go_on).unwrap();
        let plain = output_error(&weights, &WeightMatrix::Chained(plain.matrix), &inputs, columns);
        let with_feedback = |moments: &InputMoments| {
            let encoder = FeedbackEncoder::Chained(&encoder);
            let matrix = encode_with_feedback(encoder, (rows, columns), 1, &weights, moments, go_on).unwrap();
            output_error(&weights, &matrix, &inputs, columns)
        };
        let calibrated = with_feedback(&moments);
        assert!(calibrated < 0.5 * plain, "{calibrated} {plain}");
        // Moments that say nothing make nothing much worse.
        let mut unit = vec![0.0; columns * columns];
        for index in 0..columns {
            unit[index * (columns + 1)] = 1.0;
        }
        let blind = with_feedback(&InputMoments::new(columns, unit).unwrap());
        assert!((0.8..1.25).contains(&(blind / plain)), "{blind} {plain}");
    }

    /// Blocks of 8, the last one of 5 columns, against the same feedback with plain errors within the blocks.
    #[test]
    fn the_block_code_counts_errors_as_the_moments_say() {
        let mut fields: BlockCodeFields = BlockCode::preset("paper-4b").unwrap().into();
        fields.lfsr = Lfsr::paper(10).unwrap();
        let encoder = BlockEncoder::new(&BlockCode::new(fields).unwrap()).unwrap();
        let (rows, columns) = (24, 29);
        let mut random = random(9);
        let weights: Vec<f32> = (0..rows * columns).map(|_| random() + random() + random()).collect();
        let mut inputs = Vec::new();
        for _ in 0..300 {
            let common = [random(), random()];
            inputs.extend((0..columns).map(|column| common[column % 2] * 2.0 + random()));
        }
        let moments = moments(columns, &inputs);
        let go_on = &|_| ControlFlow::Continue(());
        let encode = || {
            let encoder = FeedbackEncoder::Block(&encoder, Quantizer::Exact);
            encode_with_feedback(encoder, (rows, columns), 1, &weights, &moments, go_on).unwrap()
        };
        let found = encode();
        let factor = Factor::new(&moments);
        let mut pieces = encoder.pieces(rows, columns, &weights, Quantizer::Exact).unwrap();
        let mut errors = vec![0.0; rows * columns];
        for start in (0..columns).step_by(8) {
            let piece = start..columns.min(start + 8);
            let targets = targets(&weights, columns, &errors, piece.clone(), &factor);
            let decoded = pieces.push(&targets, None).unwrap();
            for (row, decoded) in decoded.chunks(piece.len()).enumerate() {
                for (column, decoded) in piece.clone().zip(decoded) {
                    errors[row * columns + column] = f64::from(weights[row * columns + column]) - f64::from(*decoded);
                }
            }
        }
        let plain = WeightMatrix::Block(pieces.finish().unwrap());
        let [found_error, plain_error] =
            [&found, &plain].map(|matrix| output_error(&weights, matrix, &inputs, columns));
        assert!(found_error < 0.95 * plain_error, "{found_error} {plain_error}");
        // The number of threads changes nothing.
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(alone.install(encode), found);
    }

    #[test]
    fn moments_are_rotated_as_inputs_are() {
        let columns = 24;
        let inputs: Vec<f32> = (0..columns * 5).map(|index| (index * 31 % 17) as f32 - 8.0).collect();
        let rotation = Rotation::default();
        let mut rotated = inputs.clone();
        crate::rotate::rotate_rows(&rotation, columns, &mut rotated);
        let (expected, found) = (moments(columns, &rotated), moments(columns, &inputs).rotated(&rotation));
        for (expected, found) in expected.sums().iter().zip(found.sums()) {
            assert!((expected - found).abs() < 2e-3, "{expected} {found}");
        }
    }
}
