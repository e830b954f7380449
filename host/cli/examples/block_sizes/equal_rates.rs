//! Sizes that store equally many bits per weight: each group has the one that is best for it.

use crate::code::{Parameters, bits_per_weight, encoder, label, squared_errors};
use crate::figures::{Point, print_adaptive, print_fixed, print_title};
use crate::weights::Weights;

/// `paper-3b`, another code of its rate, and codes of 4 bits per weight, among them `paper-4b`; of those that were tried for
/// a size, the ones with the least error on N(0,1).
const FIXED: [Parameters; 7] = [
    [8, 2, 4, 12],
    [12, 4, 4, 16],
    [4, 2, 3, 6],
    [6, 2, 4, 12],
    [8, 3, 4, 16],
    [12, 7, 4, 16],
    [12, 6, 4, 20],
];
/// Which of them a group may choose from.
const CHOICES: [&[usize]; 3] = [&[2, 4], &[4, 5], &[4, 6]];
/// Weights in a group: whole blocks of all sizes.
const GROUPS: [usize; 3] = [24, 48, 240];

pub fn measure(weights: &Weights) -> anyhow::Result<()> {
    print_title("sizes of 4 bits per weight");
    let norms: Vec<f64> = values(weights).map(|value| value * value).collect();
    let mut rates = Vec::new();
    let mut errors = Vec::new();
    for parameters in FIXED {
        let encoder = encoder(parameters)?;
        let mut of_code = Vec::new();
        for matrix in &weights.matrices {
            of_code.extend(squared_errors(&encoder, matrix.columns, &matrix.values)?);
        }
        let relative_error = (of_code.iter().sum::<f64>() / norms.iter().sum::<f64>()).sqrt();
        let point = Point {
            bits_per_weight: bits_per_weight(&encoder),
            relative_error,
        };
        print_fixed(&label(parameters), point);
        rates.push(point.bits_per_weight);
        errors.push(of_code);
    }
    for choice in CHOICES {
        for group in GROUPS {
            let sums = |values: &[f64]| -> Vec<f64> { values.chunks(group).map(|group| group.iter().sum()).collect() };
            let (norms, errors) = (
                sums(&norms),
                errors.iter().map(|errors| sums(errors)).collect::<Vec<_>>(),
            );
            let sizes: Vec<String> = choice.iter().map(|&number| FIXED[number][0].to_string()).collect();
            let label = format!(
                "C={} (K={}) per {group} weights",
                sizes.join(","),
                FIXED[choice[choice.len() - 1]][3]
            );
            print_adaptive(&label, norms.len(), |takes| {
                let sum = |of_group: &dyn Fn(usize) -> f64| -> f64 {
                    (0..norms.len()).filter(|&place| takes(place)).map(of_group).sum()
                };
                let norm = sum(&|place| norms[place]);
                let point = |bits_per_weight, error: f64| Point {
                    bits_per_weight,
                    relative_error: (error / norm).sqrt(),
                };
                let flag_bits = f64::from(choice.len().next_power_of_two().ilog2()) / group as f64;
                let best = |place: usize| {
                    choice
                        .iter()
                        .map(|&code| errors[code][place])
                        .fold(f64::INFINITY, f64::min)
                };
                let fixed = errors
                    .iter()
                    .zip(&rates)
                    .map(|(errors, &rate)| point(rate, sum(&|place| errors[place])));
                (point(rates[choice[0]] + flag_bits, sum(&best)), fixed.collect())
            });
        }
    }
    Ok(())
}

fn values(weights: &Weights) -> impl Iterator<Item = f64> {
    let matrices = weights.matrices.iter();
    matrices.flat_map(|matrix| matrix.values.iter().map(|&value| f64::from(value)))
}
