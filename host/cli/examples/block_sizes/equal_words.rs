//! Sizes that share a word of 32 bits: a group of words stands for more weights or for fewer.
//!
//! A row is cut into groups of words, one after the other, each of one size. Where they are cut and which sizes they have is chosen
//! for the least error of the whole at so many bits per weight: dynamic programming over the columns, with a price for a bit
//! that is found by bisection. Rows choose by themselves, or all rows of a tile together, as a machine asks for in
//! which they share their activations.

use crate::code::{Parameters, bits_per_weight, encoder, label, squared_errors};
use crate::figures::{Point, print_adaptive, print_fixed, print_title};
use crate::weights::{TILE_ROWS, Weights};

/// `paper-4b`, and shorter and longer blocks in the same word.
const FIXED: [Parameters; 5] = [
    [6, 3, 4, 16],
    [7, 3, 4, 16],
    [8, 3, 4, 16],
    [9, 3, 4, 16],
    [10, 3, 4, 16],
];
const WORD_BITS: f64 = 32.0;
/// Which of them a group may choose from.
const CHOICES: [&[usize]; 3] = [&[1, 3], &[1, 2, 3], &[0, 2, 4]];
/// Words in a group.
const GROUPS: [usize; 2] = [1, 3];
/// Stored bits per weight, flags included.
const BITS_PER_WEIGHT: f64 = 4.0;

/// Rows that are cut alike.
struct Strip {
    columns: usize,
    rows: usize,
    squared_norm: f64,
    /// For each code and column: the squared error of the block that begins there, over all rows.
    block_errors: Vec<Vec<f64>>,
    /// For each code: the squared error of blocks one after the other.
    fixed_errors: Vec<f64>,
}

pub fn measure(weights: &Weights) -> anyhow::Result<()> {
    print_title("sizes of 32-bit words");
    let rows = strips(weights)?;
    let tiles: Vec<Strip> = rows.chunks(TILE_ROWS).map(joined).collect();
    let mut rates = Vec::new();
    for (number, parameters) in FIXED.into_iter().enumerate() {
        rates.push(bits_per_weight(&encoder(parameters)?));
        let error: f64 = rows.iter().map(|row| row.fixed_errors[number]).sum();
        let norm: f64 = rows.iter().map(|row| row.squared_norm).sum();
        let point = Point {
            bits_per_weight: rates[number],
            relative_error: (error / norm).sqrt(),
        };
        print_fixed(&label(parameters), point);
    }
    for (strips, who) in [(&rows, "row"), (&tiles, "tile of 16 rows")] {
        for choice in CHOICES {
            for words in GROUPS {
                let sizes: Vec<String> = choice.iter().map(|&number| FIXED[number][0].to_string()).collect();
                let unit = if words == 1 { "word" } else { "words" };
                let label = format!("C={} per {words} {unit} of a {who}", sizes.join(","));
                print_adaptive(&label, strips.len(), |takes| {
                    let taken = strips.iter().enumerate().filter(|(place, _)| takes(*place));
                    let taken: Vec<&Strip> = taken.map(|(_, strip)| strip).collect();
                    let norm: f64 = taken.iter().map(|strip| strip.squared_norm).sum();
                    let point = |bits_per_weight, error: f64| Point {
                        bits_per_weight,
                        relative_error: (error / norm).sqrt(),
                    };
                    let fixed = rates
                        .iter()
                        .enumerate()
                        .map(|(number, &rate)| point(rate, taken.iter().map(|strip| strip.fixed_errors[number]).sum()));
                    let (bits, error) = cut(&taken, choice, words);
                    (point(bits, error), fixed.collect())
                });
            }
        }
    }
    Ok(())
}

/// Every row by itself.
fn strips(weights: &Weights) -> anyhow::Result<Vec<Strip>> {
    let mut strips = Vec::new();
    for matrix in &weights.matrices {
        let first = strips.len();
        strips.extend(matrix.rows().map(|row| Strip {
            columns: matrix.columns,
            rows: 1,
            squared_norm: row.iter().map(|&value| f64::from(value).powi(2)).sum(),
            block_errors: Vec::new(),
            fixed_errors: Vec::new(),
        }));
        for parameters in FIXED {
            let encoder = encoder(parameters)?;
            let size = encoder.code().block_size();
            // A row for the block that begins at each column; beyond the end of the row there are zeros.
            let blocks: Vec<f32> = matrix
                .rows()
                .flat_map(|row| {
                    let place = move |place: usize| row.get(place).copied().unwrap_or(0.0);
                    (0..row.len()).flat_map(move |start| (start..start + size).map(place))
                })
                .collect();
            let errors = squared_errors(&encoder, size, &blocks)?;
            let fixed = squared_errors(&encoder, matrix.columns, &matrix.values)?;
            for (row, strip) in strips[first..].iter_mut().enumerate() {
                let of_block = |start: usize| -> f64 {
                    let errors = &errors[(row * matrix.columns + start) * size..];
                    errors[..size.min(matrix.columns - start)].iter().sum()
                };
                strip.block_errors.push((0..matrix.columns).map(of_block).collect());
                let of_row = &fixed[row * matrix.columns..][..matrix.columns];
                strip.fixed_errors.push(of_row.iter().sum());
            }
        }
    }
    Ok(strips)
}

/// Rows of one matrix that are cut alike.
fn joined(rows: &[Strip]) -> Strip {
    let add = |left: &[f64], right: &[f64]| -> Vec<f64> { left.iter().zip(right).map(|(a, b)| a + b).collect() };
    let mut strip = Strip {
        columns: rows[0].columns,
        rows: rows.len(),
        squared_norm: rows.iter().map(|row| row.squared_norm).sum(),
        block_errors: rows[0].block_errors.clone(),
        fixed_errors: rows[0].fixed_errors.clone(),
    };
    for row in &rows[1..] {
        strip.fixed_errors = add(&strip.fixed_errors, &row.fixed_errors);
        for (errors, of_row) in strip.block_errors.iter_mut().zip(&row.block_errors) {
            *errors = add(errors, of_row);
        }
    }
    strip
}

/// Stored bits per weight and squared error of the best cut.
fn cut(strips: &[&Strip], choice: &[usize], words: usize) -> (f64, f64) {
    let weights: usize = strips.iter().map(|strip| strip.columns * strip.rows).sum();
    let norm: f64 = strips.iter().map(|strip| strip.squared_norm).sum();
    let at = |price: f64| {
        let cuts = strips.iter().map(|strip| strip.cut(choice, words, price));
        let (bits, error) = cuts.fold((0.0, 0.0), |sum, cut| (sum.0 + cut.0, sum.1 + cut.1));
        (bits / weights as f64, error)
    };
    let (mut low, mut high) = (0.0, norm / weights as f64);
    for _ in 0..24 {
        let middle = (low + high) / 2.0;
        if at(middle).0 > BITS_PER_WEIGHT {
            low = middle;
        } else {
            high = middle;
        }
    }
    at(high)
}

impl Strip {
    /// Stored bits and squared error of the cut with the least sum of the error and the price of the bits.
    fn cut(&self, choice: &[usize], words: usize, price: f64) -> (f64, f64) {
        let flag_bits = f64::from(choice.len().next_power_of_two().ilog2());
        // From each column to the end: cost, bits, error.
        let mut best = vec![(0.0, 0.0, 0.0); self.columns + 1];
        for start in (0..self.columns).rev() {
            let options = choice.iter().map(|&number| {
                let size = FIXED[number][0] as usize;
                let end = (start + words * size).min(self.columns);
                let starts = (start..end).step_by(size);
                let bits = flag_bits + WORD_BITS * (starts.len() * self.rows) as f64;
                let error: f64 = starts.map(|start| self.block_errors[number][start]).sum();
                let after = best[end];
                (error + price * bits + after.0, bits + after.1, error + after.2)
            });
            best[start] = options.min_by(|a, b| a.0.total_cmp(&b.0)).expect("there is a size");
        }
        (best[0].1, best[0].2)
    }
}
