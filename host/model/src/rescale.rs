//! Multiplies rows and columns of tensors by powers of two.

use crate::copy::complete;
use crate::error::ModelError;
use crate::floats::FloatDtype;
use crate::output::Output;
use crate::plain::{NewTensor, header_for, order, write_file};
use crate::progress::{Progress, check_stop};
use crate::source::{Source, TensorInfo};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Weights that are multiplied between two writes.
const WEIGHTS_PER_WRITE: usize = 1 << 18;

/// Largest power of two of a row or a column: binary64 holds every product with two of them exactly.
const MOST_EXPONENT: u16 = 100;

/// What a tensor is multiplied by. A tensor of one dimension is a column: each of its elements is a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scaling {
    /// For each row the power of two; empty: 0 for all.
    pub row_exponents: Vec<i16>,
    /// For each column the power of two; empty: 0 for all.
    pub column_exponents: Vec<i16>,
}

/// What was multiplied.
#[derive(Clone, Debug, Serialize)]
pub struct RescaleReport {
    /// Tensors with a power that is not 0.
    pub changed_tensors: usize,
    /// Tensors that are as they were.
    pub copied_tensors: usize,
    /// Weights that were rounded: they have come below the normal numbers of their type.
    pub rounded_weights: u64,
    /// Size of the weight files in bytes.
    pub output_bytes: u64,
}

/// Writes the model with its tensors multiplied, by name; those without a [`Scaling`] are copied. A file becomes a file, a folder a
/// folder with all that belongs to it. A tensor of F16 that is multiplied becomes F32, since weights of usual sizes are near the end of what
/// F16 holds exactly; others keep their type. So a multiplied weight is exact, unless it comes near the smallest numbers of binary32.
///
/// # Errors
/// [`ModelError::Tensor`] when a tensor that is to be multiplied is not there, not of F32, F16 or BF16, of another number of rows or
/// columns, or when a product is beyond the range of its type or an exponent beyond 100; [`ModelError::Output`] as other verbs that
/// write. Nothing is left under the output's name then, except what was there before.
pub fn rescale(
    source: &Source,
    output: &Path,
    scalings: &BTreeMap<String, Scaling>,
    replace: bool,
    progress: &dyn Progress,
) -> Result<RescaleReport, ModelError> {
    let mut multiplied = BTreeMap::new();
    for (name, scaling) in scalings {
        let missing = || ModelError::tensor(source.path(), name, "is missing, and was to be multiplied");
        let info = source.tensor(name).ok_or_else(missing)?;
        let factors = Factors::of(source, info, scaling)?;
        if !factors.is_one() {
            multiplied.insert(name.as_str(), factors);
        }
    }
    let mut target = Output::check(source, output, replace)?;
    target.begin(source)?;
    let mut report = RescaleReport {
        changed_tensors: multiplied.len(),
        copied_tensors: source.tensors().len() - multiplied.len(),
        rounded_weights: 0,
        output_bytes: 0,
    };
    let mut index_entries = Vec::new();
    for (number, file) in source.files().iter().enumerate() {
        let tensors = source.tensors().iter().filter(|info| info.file == number);
        let mut tensors: Vec<NewTensor<&TensorInfo>> = tensors
            .map(|info| NewTensor {
                name: info.name.clone(),
                dtype: match multiplied.get(info.name.as_str()) {
                    Some(factors) => factors.written_dtype().dtype(),
                    None => info.dtype,
                },
                shape: info.shape.clone(),
                content: info,
            })
            .collect();
        order(&mut tensors);
        index_entries.extend(tensors.iter().map(|tensor| tensor.index_entry(&file.file_name())));
        let metadata = &file.header().metadata;
        report.output_bytes += target.write(Path::new(&file.file_name()), progress, |path, writer| {
            let header = header_for(path, metadata, &tensors)?;
            write_file(path, writer, progress, &header, &tensors, |tensor, write| {
                let bytes = source.bytes(tensor.content)?;
                match multiplied.get(tensor.name.as_str()) {
                    Some(factors) => {
                        let refuse = |reason| ModelError::tensor(source.file_path(number), &tensor.name, reason);
                        report.rounded_weights += factors.multiply(bytes, progress, &refuse, write)?;
                    }
                    None => write(bytes)?,
                }
                progress.advance(tensor.content.elements());
                Ok(())
            })
        })?;
    }
    complete(source, target, index_entries, progress)?;
    Ok(report)
}

/// The exponents of a tensor, checked against its shape: one of each row and of each column.
struct Factors {
    dtype: FloatDtype,
    row_exponents: Vec<i16>,
    column_exponents: Vec<i16>,
}

impl Factors {
    fn of(source: &Source, info: &TensorInfo, scaling: &Scaling) -> Result<Self, ModelError> {
        let refuse = |reason: String| ModelError::tensor(source.file_path(info.file), &info.name, reason);
        let dtype = FloatDtype::of(info.dtype);
        let dtype = dtype.ok_or_else(|| refuse(format!("is of {}, and not of F32, F16 or BF16", info.dtype)))?;
        let (rows, columns) = info.rows_and_columns().unwrap_or((info.elements(), 1));
        let sized = |exponents: &[i16], count: usize, what: &str| match exponents.len() {
            0 => Ok(vec![0; count]),
            _ if exponents.iter().any(|exponent| exponent.unsigned_abs() > MOST_EXPONENT) => Err(refuse(format!(
                "was to be multiplied by more than 2^{MOST_EXPONENT}, or less than 2^-{MOST_EXPONENT}"
            ))),
            length if length == count => Ok(exponents.to_vec()),
            length => Err(refuse(format!(
                "has {count} {what}, and was to be multiplied by {length} powers"
            ))),
        };
        Ok(Factors {
            dtype,
            row_exponents: sized(&scaling.row_exponents, rows, "rows")?,
            column_exponents: sized(&scaling.column_exponents, columns, "columns")?,
        })
    }

    /// The type of the products.
    fn written_dtype(&self) -> FloatDtype {
        match self.dtype {
            FloatDtype::F16 | FloatDtype::F32 => FloatDtype::F32,
            FloatDtype::BF16 => FloatDtype::BF16,
        }
    }

    fn is_one(&self) -> bool {
        let mut exponents = self.row_exponents.iter().chain(&self.column_exponents);
        exponents.all(|&exponent| exponent == 0)
    }

    /// Writes the products; how many of them were rounded. `refuse` names the tensor.
    fn multiply(
        &self,
        bytes: &[u8],
        progress: &dyn Progress,
        refuse: &dyn Fn(String) -> ModelError,
        write: &mut dyn FnMut(&[u8]) -> Result<(), ModelError>,
    ) -> Result<u64, ModelError> {
        let written = self.written_dtype();
        let row_bytes = self.column_exponents.len() * self.dtype.bytes();
        let rows_per_write = (WEIGHTS_PER_WRITE / self.column_exponents.len().max(1)).max(1);
        let mut rounded = 0;
        for (number, row_exponents) in self.row_exponents.chunks(rows_per_write).enumerate() {
            check_stop(progress)?;
            let start = number * rows_per_write * row_bytes;
            let weights = self.dtype.read(&bytes[start..start + row_exponents.len() * row_bytes]);
            let products: Vec<f64> = row_exponents
                .iter()
                .flat_map(|row| {
                    self.column_exponents
                        .iter()
                        .map(move |column| i32::from(*row) + i32::from(*column))
                })
                .zip(&weights)
                .map(|(exponent, &weight)| {
                    let product = f64::from(weight) * 2_f64.powi(exponent);
                    match product.abs() <= written.largest() {
                        true => Ok(product),
                        false => Err(refuse(format!(
                            "the weight {weight} times 2^{exponent} is no finite number of {written}"
                        ))),
                    }
                })
                .collect::<Result<_, _>>()?;
            let mut product_bytes = Vec::with_capacity(weights.len() * written.bytes());
            let narrow: Vec<f32> = products.iter().map(|&product| product as f32).collect();
            written.write(&narrow, &mut product_bytes);
            let read_again = written.read(&product_bytes);
            let inexact = products
                .iter()
                .zip(read_again)
                .filter(|(exact, again)| **exact != f64::from(*again));
            rounded += inexact.count() as u64;
            write(&product_bytes)?;
        }
        Ok(rounded)
    }
}
