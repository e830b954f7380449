//! The matrices that are measured.

use super::gaussian::gaussian;
use anyhow::bail;
use seedlm_model::{Matrix, Model, Rules, Source, TensorInfo, embedded};
use std::path::Path;

/// Matrices that are counted together.
pub struct Workload {
    /// Path of the model, or what it is.
    pub name: String,
    source: Option<Source>,
    /// What is read of it, in this order.
    pub parts: Vec<Part>,
}

/// The first rows of a matrix.
pub struct Part {
    /// Name of the matrix.
    pub name: String,
    /// Rows that are taken.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    tensor: Option<TensorInfo>,
}

impl Part {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.columns as u64
    }
}

impl Workload {
    /// The linear layers of a model, up to `limit` weights, but at least a row; none means the one in the program.
    pub fn of_model(path: Option<&Path>, rules: &Rules, limit: u64) -> anyhow::Result<Self> {
        let source = match path.map(Model::open).transpose()? {
            None => embedded::shakespeare()?,
            Some(Model::Plain(source)) => source,
            Some(Model::Container(container)) => bail!(
                "{}: it is compressed; name the model as it was before",
                container.source().path().display()
            ),
        };
        let mut parts: Vec<Part> = Vec::new();
        let mut left = limit;
        for info in source.compressible(rules)? {
            let Some((rows, columns)) = info.rows_and_columns() else {
                continue;
            };
            let rows = rows_within(left, rows, columns, parts.is_empty());
            if rows == 0 {
                break;
            }
            let part = Part {
                name: info.name.clone(),
                rows,
                columns,
                tensor: Some(info),
            };
            left = left.saturating_sub(part.weights());
            parts.push(part);
        }
        let name = source.path().display().to_string();
        if parts.is_empty() {
            bail!("{name}: no tensor is a matrix of a linear layer; --include chooses others");
        }
        Ok(Workload {
            name,
            source: Some(source),
            parts,
        })
    }

    /// Normally distributed weights.
    pub fn of_gaussian([rows, columns]: [usize; 2], limit: u64) -> Self {
        let rows = rows_within(limit, rows, columns, true);
        Workload {
            name: format!("N(0,1) {rows}x{columns}"),
            source: None,
            parts: vec![Part {
                name: "N(0,1)".into(),
                rows,
                columns,
                tensor: None,
            }],
        }
    }

    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.parts.iter().map(Part::weights).sum()
    }

    /// Reads a part.
    pub fn matrix(&self, part: &Part) -> anyhow::Result<Matrix> {
        let (Some(source), Some(tensor)) = (&self.source, &part.tensor) else {
            return Ok(gaussian(part.rows, part.columns));
        };
        let mut matrix = source.matrix(tensor)?;
        matrix.rows = part.rows;
        matrix.values.truncate(part.rows * part.columns);
        Ok(matrix)
    }
}

/// How many of the first rows are within `left` weights.
fn rows_within(left: u64, rows: usize, columns: usize, at_least_one: bool) -> usize {
    let within = usize::try_from(left / columns.max(1) as u64).unwrap_or(usize::MAX);
    rows.min(within.max(usize::from(at_least_one)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_takes_the_first_rows() {
        let rules = Rules::default();
        let all = Workload::of_model(None, &rules, u64::MAX).unwrap();
        assert_eq!(all.parts.len(), 21);
        let (first, second) = (&all.parts[0], &all.parts[1]);
        let limit = first.weights() + 3 * second.columns as u64 + 1;
        let some = Workload::of_model(None, &rules, limit).unwrap();
        assert_eq!((some.parts.len(), some.parts[1].rows), (2, 3));
        let (part, whole) = (some.matrix(&some.parts[1]).unwrap(), all.matrix(second).unwrap());
        assert_eq!(part.values, whole.values[..3 * second.columns]);
        assert_eq!(Workload::of_model(None, &rules, 1).unwrap().parts[0].rows, 1);
        assert_eq!(Workload::of_gaussian([64, 4096], 8192).parts[0].rows, 2);
    }
}
