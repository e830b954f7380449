//! Reads the golden vectors of `testbenches/vectors` and says precisely what differs.
#![allow(dead_code, reason = "each test file uses a part of this module")]

use seedlm_codec::{BlockCode, ChainedCode, ChainedMatrix, CodedMatrix, WeightMatrix};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The folder of the vectors.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// The cases of a file of vectors, such as `good/words.json`. A file without cases is a mistake.
pub fn cases(file: &str) -> Vec<Case> {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases = json["cases"].as_array().expect("a file of vectors has cases");
    assert!(!cases.is_empty(), "{file} has no cases");
    cases.iter().map(|case| Case::new(file, case.clone())).collect()
}

/// One case, and where it stands.
pub struct Case {
    /// File and name, for messages.
    pub place: String,
    json: Value,
}

impl Case {
    /// A case of a file.
    pub fn new(file: &str, json: Value) -> Self {
        let name = json["name"].as_str().expect("every case has a name");
        let place = format!("{file}, case {name:?}");
        Case { place, json }
    }

    /// A field that must be there.
    pub fn field(&self, key: &str) -> &Value {
        self.json
            .get(key)
            .unwrap_or_else(|| panic!("{}: no field {key:?}", self.place))
    }

    /// A field that may be there.
    pub fn optional(&self, key: &str) -> Option<&Value> {
        self.json.get(key)
    }

    /// A text.
    pub fn text(&self, key: &str) -> &str {
        let text = self.field(key).as_str();
        text.unwrap_or_else(|| panic!("{}: {key} is no text", self.place))
    }

    /// An integer of any type that holds it.
    pub fn integer<T: TryFrom<i64>>(&self, key: &str) -> T {
        let integer = self.field(key).as_i64().and_then(|integer| T::try_from(integer).ok());
        integer.unwrap_or_else(|| panic!("{}: {key} is no integer in range", self.place))
    }

    /// A list.
    pub fn list(&self, key: &str) -> &[Value] {
        let list = self.field(key).as_array();
        list.unwrap_or_else(|| panic!("{}: {key} is no list", self.place))
    }

    /// A list of integers.
    pub fn integers<T: TryFrom<i64>>(&self, key: &str) -> Vec<T> {
        integers(self.field(key)).unwrap_or_else(|| panic!("{}: {key} is no list of integers in range", self.place))
    }

    /// Bits, written in hexadecimal digits.
    pub fn bits(&self, key: &str) -> u128 {
        u128::from_str_radix(self.text(key), 16).unwrap_or_else(|error| panic!("{}: {key}: {error}", self.place))
    }

    /// A binary32 number, written as its bits.
    pub fn binary32(&self, key: &str) -> f32 {
        f32::from_bits(u32::try_from(self.bits(key)).expect("32 bits"))
    }

    /// Bytes, written in two hexadecimal digits each.
    pub fn bytes(&self, key: &str) -> Vec<u8> {
        let digits = self.text(key).as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        assert!(rest.is_empty(), "{}: {key} has an odd number of digits", self.place);
        pairs
            .iter()
            .map(|pair| {
                let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
                16 * digit(pair[0]) + digit(pair[1])
            })
            .collect()
    }

    /// Rows of bits, each row a text of numbers in hexadecimal digits.
    pub fn rows_of_bits(&self, key: &str) -> Vec<Vec<u32>> {
        let rows = self.list(key).iter();
        rows.map(|row| {
            let numbers = row.as_str().expect("a row is a text").split_whitespace();
            numbers
                .map(|bits| u32::from_str_radix(bits, 16).expect("hexadecimal digits"))
                .collect()
        })
        .collect()
    }

    /// Rows of integers.
    pub fn rows_of_integers(&self, key: &str) -> Vec<Vec<i64>> {
        let rows = self.list(key).iter();
        rows.map(|row| integers(row).expect("a row is a list of integers"))
            .collect()
    }

    /// Compares a list, place by place: `what` says what a place is.
    pub fn expect_list<T: PartialEq + std::fmt::Debug>(&self, what: &str, expected: &[T], got: &[T]) {
        for (place, (expected, got)) in expected.iter().zip(got).enumerate() {
            assert!(
                expected == got,
                "{}: {what} {place}: expected {expected:?}, got {got:?}",
                self.place
            );
        }
        assert_eq!(expected.len(), got.len(), "{}: number of {what}s", self.place);
    }

    /// A matrix in the block code.
    pub fn block_matrix(&self) -> Result<WeightMatrix, String> {
        let code = self.block_code()?;
        let (rows, columns) = (self.integer("rows"), self.integer("columns"));
        CodedMatrix::new(&code, rows, columns, self.binary32("scale_bits"), self.bytes("words"))
            .map(WeightMatrix::Block)
            .map_err(|error| error.to_string())
    }

    /// A matrix in the chained code.
    pub fn chained_matrix(&self) -> Result<WeightMatrix, String> {
        let code = self.chained_code()?;
        let (rows, columns) = (self.integer("rows"), self.integer("columns"));
        ChainedMatrix::new(&code, rows, columns, self.row_scales(), self.bytes("words"))
            .map(WeightMatrix::Chained)
            .map_err(|error| error.to_string())
    }

    /// The block code of a case.
    pub fn block_code(&self) -> Result<BlockCode, String> {
        serde_json::from_value(self.field("code").clone()).map_err(|error| error.to_string())
    }

    /// The chained code of a case.
    pub fn chained_code(&self) -> Result<ChainedCode, String> {
        serde_json::from_value(self.field("code").clone()).map_err(|error| error.to_string())
    }

    /// The scales of a matrix in the chained code, written as the bits of bfloat16 numbers.
    pub fn row_scales(&self) -> Vec<f32> {
        let scales = self.list("scale_bits").iter();
        scales
            .map(|bits| {
                let bits = bits.as_str().expect("bits are a text");
                f32::from_bits(u32::from(u16::from_str_radix(bits, 16).expect("hexadecimal digits")) << 16)
            })
            .collect()
    }

    /// Compares the weights of a matrix: integers and binary32 bits.
    pub fn expect_matrix(&self, matrix: &WeightMatrix) {
        self.expect_integers(matrix);
        self.expect_weights("weights_bits", matrix.rows(), |row| matrix.row_values(row));
    }

    /// Compares the integer weights of a matrix.
    pub fn expect_integers(&self, matrix: &WeightMatrix) {
        let shape = [self.integer::<usize>("rows"), self.integer("columns")];
        assert_eq!([matrix.rows(), matrix.columns()], shape, "{}: shape", self.place);
        let integers = self.rows_of_integers("integers");
        assert_eq!(integers.len(), matrix.rows(), "{}: rows listed", self.place);
        for (row, expected) in integers.iter().enumerate() {
            self.expect_list(
                &format!("row {row}, integer weight"),
                expected,
                &matrix.row_integers(row),
            );
        }
    }

    /// Compares the bits of binary32 numbers, row by row.
    pub fn expect_weights(&self, key: &str, rows: usize, values: impl Fn(usize) -> Vec<f32>) {
        let expected = self.rows_of_bits(key);
        assert_eq!(expected.len(), rows, "{}: rows listed", self.place);
        for (row, expected) in expected.into_iter().enumerate() {
            let got: Vec<Bits> = values(row).iter().map(|value| Bits(value.to_bits())).collect();
            let expected: Vec<Bits> = expected.into_iter().map(Bits).collect();
            self.expect_list(&format!("row {row}, binary32 number"), &expected, &got);
        }
    }

    /// What is wrong with the answer to a case that must be refused in the stated words; `None` where nothing is.
    pub fn refusal_fault<T>(&self, result: Result<T, String>) -> Option<String> {
        let reason = self.text("reason");
        let Err(error) = result else {
            return Some(format!("{}: not refused, although {reason}", self.place));
        };
        let words = self.list("error_mentions").iter();
        let mut missing = words
            .map(|word| word.as_str().expect("words are texts"))
            .filter(|word| !error.to_lowercase().contains(&word.to_lowercase()))
            .peekable();
        missing.peek()?;
        Some(format!(
            "{}: {reason}; expected an error with {:?}, got {error:?}",
            self.place,
            missing.collect::<Vec<_>>()
        ))
    }
}

/// Holds that every case of a file is refused in the stated words, and names all that are not.
pub fn expect_all_refused<T>(file: &str, attempt: impl Fn(&Case) -> Result<T, String>) {
    let faults: Vec<String> = cases(file)
        .iter()
        .filter_map(|case| case.refusal_fault(attempt(case)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The bits of a number, shown in hexadecimal digits.
#[derive(PartialEq)]
struct Bits(u32);

impl std::fmt::Debug for Bits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

fn integers<T: TryFrom<i64>>(value: &Value) -> Option<Vec<T>> {
    let numbers = value.as_array()?.iter();
    numbers
        .map(|number| number.as_i64().and_then(|number| T::try_from(number).ok()))
        .collect()
}
