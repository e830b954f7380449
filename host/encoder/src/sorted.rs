//! An order of blocks in which those that point the same way, or the opposite way, follow each other.
//!
//! The residual of a block is the same for its negative, and changes by no more than the block moves. So a ball of blocks has one
//! list of seeds that can have a good word for any of them. The more blocks there are, the smaller the balls, the
//! shorter the lists. The order decides how much work is done, never what comes out.

use rayon::prelude::*;

/// Weights of the largest blocks that are sorted: in more dimensions the balls are too large.
pub(crate) const MOST_WEIGHTS: usize = 8;
/// Number of blocks for each of a leaf from which on sorting pays: the larger the leaves, the more of them it takes to be small balls.
pub(crate) const LEAST_BLOCKS: usize = 3 << 7;
/// Number of branches for each thread from which on it does: a thread takes one at a time, and all should have something to do to the end.
pub(crate) const LEAST_BRANCHES: usize = 4;
/// Blocks that tell where to split many.
const SAMPLE: usize = 256;
/// Steps of the power iteration.
const ITERATIONS: usize = 6;
/// Steps to find a small ball.
const BALL_STEPS: usize = 24;
/// Blocks below which one thread goes on alone.
const SEQUENTIAL: usize = 1 << 12;

/// A direction, which is a block over its norm or zero, and the block's number.
#[derive(Clone, Copy)]
pub(crate) struct Direction {
    key: f32,
    /// Number of the block.
    pub block: u32,
    /// The direction, filled up with zeros; its largest coordinate is positive.
    pub values: [f32; MOST_WEIGHTS],
}

impl Direction {
    /// The direction of a block.
    pub fn new(block: u32, weights: &[f32]) -> Self {
        let norm = weights.iter().map(|&w| f64::from(w) * f64::from(w)).sum::<f64>().sqrt();
        let largest = weights
            .iter()
            .fold(0_f32, |largest, &w| if w.abs() > largest.abs() { w } else { largest });
        let factor = if norm > 0.0 {
            f64::from(largest.signum()) / norm
        } else {
            0.0
        };
        let mut values = [0.0; MOST_WEIGHTS];
        for (value, &weight) in values.iter_mut().zip(weights) {
            *value = (f64::from(weight) * factor) as f32;
        }
        Direction {
            key: 0.0,
            block,
            values,
        }
    }
}

/// A ball of directions.
pub(crate) struct Ball {
    /// The centre, of norm 1 unless it is zero.
    pub centre: [f32; MOST_WEIGHTS],
    /// No direction is farther than this from the centre; 2, which is everywhere, around a centre of zero.
    pub radius: f32,
}

/// Leaves that follow each other in the order, as many as a leaf has directions.
pub(crate) struct Branch {
    /// Where its directions start in the order.
    pub first: usize,
    /// Number of its directions.
    pub directions: usize,
    /// The ball around them.
    pub ball: Ball,
    /// The balls around those of each leaf. All leaves but the last of the last branch are full.
    pub leaves: Vec<Ball>,
}

impl Branch {
    /// Its directions, of all.
    fn members<'a>(&self, directions: &'a [Direction]) -> &'a [Direction] {
        &directions[self.first..][..self.directions]
    }

    /// The numbers of its blocks, in order.
    pub fn blocks(&self, directions: &[Direction]) -> impl Iterator<Item = usize> {
        self.members(directions)
            .iter()
            .map(|direction| direction.block as usize)
    }
}

/// Sorts directions so that branches, and in them leaves of `leaf` directions, all but the last full, are small.
pub(crate) fn sort(directions: &mut [Direction], leaf: usize) {
    if directions.len() <= leaf {
        return;
    }
    let axis = principal_axis(directions);
    for direction in directions.iter_mut() {
        direction.key = dot(&direction.values, &axis);
    }
    let branch = leaf * leaf;
    let whole = if directions.len() > branch { branch } else { leaf };
    let middle = (directions.len() / 2).next_multiple_of(whole).min(directions.len() - 1);
    directions.select_nth_unstable_by(middle, |a, b| a.key.total_cmp(&b.key));
    let (low, high) = directions.split_at_mut(middle);
    if low.len() > SEQUENTIAL {
        rayon::join(|| sort(low, leaf), || sort(high, leaf));
    } else {
        sort(low, leaf);
        sort(high, leaf);
    }
}

/// The branches of sorted directions, the smallest ball first, but one that is not full last of all.
pub(crate) fn branches(directions: &[Direction], leaf: usize) -> Vec<Branch> {
    let size = leaf * leaf;
    let mut branches: Vec<Branch> = directions
        .par_chunks(size)
        .enumerate()
        .map(|(number, directions)| Branch {
            first: number * size,
            directions: directions.len(),
            ball: match leaf {
                16 => ball::<256>(directions),
                32 => ball::<1024>(directions),
                _ => panic!("there are no leaves of {leaf} blocks"),
            },
            leaves: directions
                .chunks(leaf)
                .map(if leaf == 16 { ball::<16> } else { ball::<32> })
                .collect(),
        })
        .collect();
    let is_short = |branch: &Branch| branch.directions < size;
    branches.par_sort_by(|a, b| {
        let by_radius = || a.ball.radius.total_cmp(&b.ball.radius);
        is_short(a).cmp(&is_short(b)).then_with(by_radius)
    });
    branches
}

/// A ball of at most `N` directions.
fn ball<const N: usize>(directions: &[Direction]) -> Ball {
    // Coordinate by coordinate, so that directions lie side by side. The last is repeated where there are few.
    let mut coordinates = [[0_f32; N]; MOST_WEIGHTS];
    for number in 0..N {
        let values = &directions[number.min(directions.len() - 1)].values;
        for (row, value) in coordinates.iter_mut().zip(values) {
            row[number] = *value;
        }
    }
    let mut mean = [0.0; MOST_WEIGHTS];
    for (mean, row) in mean.iter_mut().zip(&coordinates) {
        *mean = row.iter().sum::<f32>() / N as f32;
    }
    let Some(mut centre) = unit(mean) else {
        // All directions are within 2: a centre of zero is near nothing.
        return Ball {
            centre: [0.0; MOST_WEIGHTS],
            radius: 2.0,
        };
    };
    let (mut best, mut least) = (centre, f32::INFINITY);
    // A small ball around them: again and again a step towards the farthest, shorter every time (Badoiu and Clarkson 2003).
    for step in 0..BALL_STEPS {
        let (number, square) = farthest(&coordinates, &centre);
        if square < least {
            (best, least) = (centre, square);
        }
        let part = 1.0 / (step + 4) as f32;
        for (centre, row) in centre.iter_mut().zip(&coordinates) {
            *centre += part * (row[number] - *centre);
        }
        let Some(next) = unit(centre) else { break };
        centre = next;
    }
    Ball {
        centre: best,
        // Far more than rounding takes.
        radius: least.sqrt() + 1e-5,
    }
}

/// A vector over its norm.
fn unit(mut vector: [f32; MOST_WEIGHTS]) -> Option<[f32; MOST_WEIGHTS]> {
    let norm = dot(&vector, &vector).sqrt();
    vector.iter_mut().for_each(|value| *value /= norm);
    (norm > 0.0).then_some(vector)
}

/// The number and the squared distance of the direction that is farthest from a point.
fn farthest<const N: usize>(coordinates: &[[f32; N]; MOST_WEIGHTS], point: &[f32; MOST_WEIGHTS]) -> (usize, f32) {
    let mut squares = [0_f32; N];
    for (row, coordinate) in coordinates.iter().zip(point) {
        for (square, value) in squares.iter_mut().zip(row) {
            *square += (value - coordinate) * (value - coordinate);
        }
    }
    let mut largest = (0, squares[0]);
    for (number, &square) in squares.iter().enumerate() {
        if square > largest.1 {
            largest = (number, square);
        }
    }
    largest
}

/// About the direction in which a sample of the directions varies most.
fn principal_axis(directions: &[Direction]) -> [f32; MOST_WEIGHTS] {
    let step = directions.len().div_ceil(SAMPLE);
    let sample = || directions.iter().step_by(step).map(|direction| &direction.values);
    let mut mean = [0_f32; MOST_WEIGHTS];
    let count = sample().count() as f32;
    for values in sample() {
        for (mean, value) in mean.iter_mut().zip(values) {
            *mean += value / count;
        }
    }
    let mut covariance = [[0_f32; MOST_WEIGHTS]; MOST_WEIGHTS];
    for values in sample() {
        let centred: [f32; MOST_WEIGHTS] = std::array::from_fn(|c| values[c] - mean[c]);
        for (row, &left) in covariance.iter_mut().zip(&centred) {
            for (sum, &right) in row.iter_mut().zip(&centred) {
                *sum += left * right;
            }
        }
    }
    // From the coordinate that varies most.
    let most = (0..MOST_WEIGHTS).max_by(|&a, &b| covariance[a][a].total_cmp(&covariance[b][b]));
    let mut axis = covariance[most.unwrap_or(0)];
    for _ in 0..ITERATIONS {
        let next: [f32; MOST_WEIGHTS] = std::array::from_fn(|row| dot(&covariance[row], &axis));
        let norm = dot(&next, &next).sqrt();
        if norm == 0.0 {
            break;
        }
        axis = next.map(|value| value / norm);
    }
    axis
}

fn dot(a: &[f32; MOST_WEIGHTS], b: &[f32; MOST_WEIGHTS]) -> f32 {
    let mut sums = [0_f32; 4];
    for c in 0..MOST_WEIGHTS {
        sums[c % 4] += a[c] * b[c];
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn balls_hold_their_blocks_and_every_block_is_in_one() {
        for leaf in [16, 32] {
            check_balls(leaf);
        }
    }

    fn check_balls(leaf: usize) {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let mut directions: Vec<Direction> = (0..5003)
            .map(|block| {
                let weights: [f32; 5] = std::array::from_fn(|_| random.random::<f32>() - 0.5);
                Direction::new(block, &weights)
            })
            .collect();
        directions.push(Direction::new(5003, &[0.0; 5]));
        sort(&mut directions, leaf);
        let branches = branches(&directions, leaf);
        let mut met = vec![false; directions.len()];
        for branch in &branches {
            let members = branch.members(&directions);
            let holds = |ball: &Ball, member: &Direction| {
                let difference: [f32; MOST_WEIGHTS] = std::array::from_fn(|c| member.values[c] - ball.centre[c]);
                dot(&difference, &difference).sqrt() <= ball.radius
            };
            assert!(members.iter().all(|member| holds(&branch.ball, member)));
            assert_eq!(branch.leaves.len(), members.len().div_ceil(leaf));
            for (ball, members) in branch.leaves.iter().zip(members.chunks(leaf)) {
                for member in members {
                    assert!(!std::mem::replace(&mut met[member.block as usize], true));
                    assert!(holds(ball, member));
                }
            }
        }
        assert!(met.iter().all(|&met| met));
        // Sorting brings something: random leaves have balls of about 1.
        let mut radii: Vec<f32> = branches
            .iter()
            .flat_map(|branch| &branch.leaves)
            .map(|leaf| leaf.radius)
            .collect();
        radii.sort_by(f32::total_cmp);
        assert!(radii[radii.len() / 2] < 0.75, "{}", radii[radii.len() / 2]);
        let (short, full) = branches.split_last().unwrap();
        assert!(full.is_sorted_by_key(|branch| branch.ball.radius));
        assert_eq!(short.first, 5004 / (leaf * leaf) * (leaf * leaf));
    }
}
