//! What does not fit is refused, and the error says what would.

use half::bf16;
use seedlm_codec::{Binary16Matrix, ChainedCode, ChainedMatrix, Code, WeightMatrix};
use seedlm_decoder::{DecodeError, Decoder, Instructions};

fn matrix() -> (Decoder, WeightMatrix) {
    let code = ChainedCode::preset("chained-4b").unwrap();
    let stored = ChainedMatrix::new(&code, 3, 4, vec![1.0; 3], vec![0; 6]).unwrap();
    (
        Decoder::with_instructions(&Code::Chained(code), Instructions::Scalar).unwrap(),
        WeightMatrix::Chained(stored),
    )
}

fn text(result: Result<(), DecodeError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn wrong_lengths_are_named() {
    let (decoder, matrix) = matrix();
    let weights = "the weights must have 8 places, and have 9";
    assert_eq!(text(decoder.f32_rows(&matrix, 1..3, &mut [0.0; 9])), weights);
    assert_eq!(text(decoder.bf16_rows(&matrix, 1..3, &mut [bf16::ZERO; 9])), weights);
    assert_eq!(
        text(decoder.i8_rows(&matrix, 1..3, &mut [0; 9], &mut [0.0; 2])),
        weights
    );
    assert_eq!(
        text(decoder.i8_rows(&matrix, 1..3, &mut [0; 8], &mut [0.0; 3])),
        "the scales must have 2 places, and have 3"
    );
    assert_eq!(
        text(decoder.product(&matrix, &[0.0; 3], &mut [0.0; 3])),
        "the activations must have 4 places, and have 3"
    );
    assert_eq!(
        text(decoder.product(&matrix, &[0.0; 4], &mut [0.0; 4])),
        "the results must have 3 places, and have 4"
    );
}

#[test]
fn rows_that_are_not_there_are_named() {
    let (decoder, matrix) = matrix();
    assert_eq!(
        text(decoder.f32_rows(&matrix, 2..4, &mut [0.0; 8])),
        "rows 2..4 are asked for, and the matrix has 3"
    );
    let (start, end) = (2, 1);
    assert!(decoder.f32_rows(&matrix, start..end, &mut []).is_err());
}

#[test]
fn another_code_is_named() {
    let (decoder, _) = matrix();
    let other = WeightMatrix::Binary16(Binary16Matrix::from_f32(1, 1, &[1.0]).unwrap());
    assert_eq!(
        text(decoder.f32_rows(&other, 0..1, &mut [0.0])),
        "this decoder is for chained-4b, and the matrix is in fp16"
    );
    let code = ChainedCode::preset("chained-4b-k12").unwrap();
    let other = WeightMatrix::Chained(ChainedMatrix::new(&code, 1, 2, vec![1.0], vec![0]).unwrap());
    assert_eq!(
        text(decoder.product(&other, &[0.0; 2], &mut [0.0])),
        "this decoder is for chained-4b, and the matrix is in chained-4b-k12"
    );
}
