//! Fixed sizes at other rates, standard errors, and lines of the tables.

/// Parts that are left out in turn.
const PARTS: usize = 16;

/// What is stored, and what is lost.
#[derive(Clone, Copy)]
pub struct Point {
    pub bits_per_weight: f64,
    pub relative_error: f64,
}

/// The title of a family's table.
pub fn print_title(title: &str) {
    println!("\n  {title:<50} bits/weight  relative error");
}

/// The line of a fixed size.
pub fn print_fixed(label: &str, point: Point) {
    println!(
        "  fixed {label:<44} {:>11.3} {:>15.4}",
        point.bits_per_weight, point.relative_error
    );
}

/// The line of an adaptive choice, and by how much its error differs from that of fixed sizes. `measure` gives the point of the
/// choice and those of the fixed sizes, over the `units` for which it is told to take them.
pub fn print_adaptive(label: &str, units: usize, measure: impl Fn(&dyn Fn(usize) -> bool) -> (Point, Vec<Point>)) {
    let against_fixed = |takes: &dyn Fn(usize) -> bool| {
        let (point, fixed) = measure(takes);
        100.0 * (point.relative_error / fixed_at(&fixed, point.bits_per_weight) - 1.0)
    };
    let (point, _) = measure(&|_| true);
    let parts = PARTS.min(units);
    let left_out: Vec<f64> = (0..parts)
        .map(|part| against_fixed(&|unit| unit % parts != part))
        .collect();
    let mean = left_out.iter().sum::<f64>() / parts as f64;
    let squares: f64 = left_out.iter().map(|value| (value - mean).powi(2)).sum();
    let standard_error = (squares * (parts - 1) as f64 / parts as f64).sqrt();
    println!(
        "  {label:<50} {:>11.3} {:>15.4}  {:+.1} ± {standard_error:.1} % against fixed sizes",
        point.bits_per_weight,
        point.relative_error,
        against_fixed(&|_| true)
    );
}

/// The least relative error of fixed sizes at so many bits, on the line through the two nearest rates.
fn fixed_at(fixed: &[Point], bits_per_weight: f64) -> f64 {
    let mut rates: Vec<(f64, f64)> = Vec::new();
    for point in fixed {
        let logarithm = point.relative_error.ln();
        match rates.iter_mut().find(|(rate, _)| *rate == point.bits_per_weight) {
            Some((_, least)) => *least = least.min(logarithm),
            None => rates.push((point.bits_per_weight, logarithm)),
        }
    }
    let distance = |rate: f64| (rate - bits_per_weight).abs();
    rates.sort_by(|left, right| distance(left.0).total_cmp(&distance(right.0)));
    let ((x, y), (other_x, other_y)) = (rates[0], rates[1]);
    (y + (bits_per_weight - x) * (other_y - y) / (other_x - x)).exp()
}
