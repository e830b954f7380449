//! A formula for areas, fitted to the table by least squares.

use super::table::{MeasuredArea, MeasuredTable};
use seedlm_codec::{BlockCode, ChainedCode, Code};

/// Formulas for look-up tables and flip-flops of each kind of code.
pub struct Fit {
    block: Formulas,
    chained: Formulas,
}

/// How far a fit is off on the table it is made of, registers of 6 bits and more: the root of the mean square of the relative errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitQuality {
    /// Look-up tables of block codes.
    pub block_luts: f64,
    /// Look-up tables of chained codes.
    pub chained_luts: f64,
}

/// Two linear combinations of the same features.
struct Formulas {
    luts: Vec<f64>,
    flip_flops: Vec<f64>,
    luts_error: f64,
}

/// Registers of fewer bits are left out of the fit: their few states repeat within a block, and yosys finds that out.
const SHORTEST: u32 = 6;
/// No decoder takes less for each weight, whatever a formula says far from the table.
const LEAST: f64 = 1.0;

impl Fit {
    /// Fits to a table.
    pub fn of(table: &MeasuredTable) -> Self {
        let of_kind = |is_block: bool| {
            let areas = table.areas.iter();
            let areas: Vec<&MeasuredArea> = areas
                .filter(|area| match &area.code {
                    Code::Block(code) => is_block && code.lfsr().length() >= SHORTEST,
                    Code::Chained(_) => !is_block,
                })
                .collect();
            Formulas::fit(&areas)
        };
        Fit {
            block: of_kind(true),
            chained: of_kind(false),
        }
    }

    /// Look-up tables and flip-flops for each weight of a cycle.
    pub fn estimate(&self, code: &Code) -> (f64, f64) {
        let formulas = match code {
            Code::Block(_) => &self.block,
            Code::Chained(_) => &self.chained,
        };
        let features = features(code);
        let value = |factors: &[f64]| dot(factors, &features).max(LEAST);
        (value(&formulas.luts), value(&formulas.flip_flops))
    }

    /// How good it is.
    pub fn quality(&self) -> FitQuality {
        FitQuality {
            block_luts: self.block.luts_error,
            chained_luts: self.chained.luts_error,
        }
    }
}

impl Formulas {
    fn fit(areas: &[&MeasuredArea]) -> Self {
        let rows: Vec<Vec<f64>> = areas.iter().map(|area| features(&area.code)).collect();
        let of = |target: &dyn Fn(&MeasuredArea) -> f64| {
            let targets: Vec<f64> = areas.iter().map(|area| target(area)).collect();
            least_squares(&rows, &targets)
        };
        let luts = of(&|area| area.luts_per_weight);
        let squares = areas.iter().zip(&rows).map(|(area, features)| {
            let estimate = dot(&luts, features).max(LEAST);
            (estimate / area.luts_per_weight - 1.0).powi(2)
        });
        Formulas {
            luts_error: (squares.sum::<f64>() / areas.len().max(1) as f64).sqrt(),
            flip_flops: of(&|area| area.flip_flops_per_weight),
            luts,
        }
    }
}

/// What the area of a lane grows with, for each weight.
fn features(code: &Code) -> Vec<f64> {
    match code {
        Code::Block(code) => block_features(code),
        Code::Chained(code) => chained_features(code),
    }
}

/// A lane adds `P` coefficients for each chunk of `P` bits: products of coefficients and bits grow with `K`, their sums with
/// `K / P`, the sequence's XORs with `P` (times the taps of a mask, which grow with `K`), and what is done once for a word counts `1 / C`.
fn block_features(code: &BlockCode) -> Vec<f64> {
    let (size, latent) = (code.block_size() as f64, code.latent_dimension() as f64);
    let length = f64::from(code.lfsr().length().max(SHORTEST));
    vec![
        1.0,
        latent,
        length,
        latent * length,
        length / latent,
        latent * latent,
        latent * length / size,
        length / size,
    ]
}

/// XORs of more than six bits take several look-up tables; the fields are added in carry chains.
fn chained_features(code: &ChainedCode) -> Vec<f64> {
    let masks = || code.map().fields().iter().flatten();
    let tables = masks().map(|mask| f64::from((mask.count_ones().max(2) - 1).div_ceil(5)));
    let widest = code.map().fields().iter().map(Vec::len).max().unwrap_or(0);
    let additions = code.map().fields().len() - 1;
    vec![1.0, tables.sum(), (additions * widest) as f64]
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The factors with the least sum of squared relative errors.
fn least_squares(rows: &[Vec<f64>], targets: &[f64]) -> Vec<f64> {
    let count = rows.first().map_or(0, Vec::len);
    // The normal equations, with a little on the diagonal for features that depend on each other.
    let mut system = vec![vec![0.0; count + 1]; count];
    for (row, &target) in rows.iter().zip(targets).filter(|(_, target)| **target > 0.0) {
        for i in 0..count {
            for j in 0..count {
                system[i][j] += row[i] * row[j] / (target * target);
            }
            system[i][count] += row[i] / target;
        }
    }
    for (i, equation) in system.iter_mut().enumerate() {
        equation[i] *= 1.0 + 1e-9;
        equation[i] += f64::MIN_POSITIVE;
    }
    solve(system)
}

/// Gauss's elimination with the largest pivot first. The last column is the right-hand side.
fn solve(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let count = system.len();
    for column in 0..count {
        let pivot = (column..count).max_by(|&a, &b| system[a][column].abs().total_cmp(&system[b][column].abs()));
        system.swap(column, pivot.unwrap_or(column));
        let leading = system[column].clone();
        for (index, equation) in system.iter_mut().enumerate() {
            if index != column {
                let factor = equation[column] / leading[column];
                for (value, above) in equation.iter_mut().zip(&leading) {
                    *value -= factor * above;
                }
            }
        }
    }
    (0..count)
        .map(|index| system[index][count] / system[index][index])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_formula_is_found_again() {
        let rows: Vec<Vec<f64>> = (0..20).map(|i| vec![1.0, f64::from(i), f64::from(i * i % 7)]).collect();
        let targets: Vec<f64> = rows.iter().map(|row| dot(row, &[5.0, 2.0, 0.5])).collect();
        let found = least_squares(&rows, &targets);
        for (found, expected) in found.iter().zip([5.0, 2.0, 0.5]) {
            assert!((found - expected).abs() < 1e-5, "{found}");
        }
    }

    /// The formulas are worth printing beside counts.
    #[test]
    fn the_fit_to_the_table_is_close() {
        let quality = Fit::of(&MeasuredTable::built_in()).quality();
        println!("fitted areas: {quality:?}");
        assert!(quality.block_luts < 0.06 && quality.chained_luts < 0.2, "{quality:?}");
    }
}
