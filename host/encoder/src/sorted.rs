//! An order of blocks in which those that point the same way, or the opposite way, follow each other.
//!
//! The residual of a block is the same for its negative, and changes by no more than the block moves. So a ball of blocks has one
//! list of seeds that can have a good word for any of them. The more blocks there are, the smaller the balls, the
//! shorter the lists. The order decides how much work is done, never what comes out.

use crate::scan::{Lanes, Work, dispatch, lanes};
use axis::SetKeys;
use ball::ball;
use rayon::prelude::*;
use seedlm_instructions::Instructions;

mod axis;
mod ball;

pub(crate) use ball::Ball;

/// Weights of the largest blocks that are sorted: in more dimensions the balls are too large.
pub(crate) const MOST_WEIGHTS: usize = 8;
/// Number of blocks for each of a leaf from which on sorting pays: the larger the leaves, the more of them it takes to be small balls.
pub(crate) const LEAST_BLOCKS: usize = 3 << 7;
/// Number of branches for each thread from which on it does: a thread takes one at a time, and all should have something to do to the end.
pub(crate) const LEAST_BRANCHES: usize = 4;
/// Blocks below which one thread goes on alone.
const SEQUENTIAL: usize = 1 << 12;

/// A direction, which is a block over its norm or zero, and the block's number.
#[derive(Clone, Copy)]
pub(crate) struct Direction {
    /// What directions are sorted by.
    key: i32,
    /// Number of the block.
    pub block: u32,
    /// The direction, filled up with zeros; the first of its largest coordinates is positive.
    pub values: [f32; MOST_WEIGHTS],
}

impl Direction {
    /// The direction of a block.
    #[inline(always)]
    pub fn new(block: u32, weights: &[f32]) -> Self {
        // Blocks of this size need no loop.
        let values = match weights.try_into() {
            Ok(values) => values,
            Err(_) => {
                let mut values = [0.0; MOST_WEIGHTS];
                values[..weights.len()].copy_from_slice(weights);
                values
            }
        };
        let (mut square, mut largest) = (0.0, 0.0);
        for value in values {
            square += f64::from(value) * f64::from(value);
            largest = if value.abs() > largest { value.abs() } else { largest };
        }
        // That of the first one: a block and its negative are to have the same direction.
        let mut sign = 1.0;
        for value in values.into_iter().rev() {
            sign = if value.abs() == largest { value } else { sign };
        }
        let factor = if square > 0.0 {
            1_f64.copysign(f64::from(sign)) / square.sqrt()
        } else {
            0.0
        };
        Direction {
            key: 0,
            block,
            values: values.map(|value| (f64::from(value) * factor) as f32),
        }
    }
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

/// Sorts directions so that branches, and in them leaves of as many directions as a vector of the instructions has lanes, all but the
/// last full, are small.
pub(crate) fn sort(directions: &mut [Direction], instructions: Instructions) {
    let leaf = lanes(instructions);
    if directions.len() <= leaf {
        return;
    }
    dispatch(instructions, SetKeys(directions));
    let branch = leaf * leaf;
    let whole = if directions.len() > branch { branch } else { leaf };
    let middle = (directions.len() / 2).next_multiple_of(whole).min(directions.len() - 1);
    directions.select_nth_unstable_by_key(middle, |direction| direction.key);
    let (low, high) = directions.split_at_mut(middle);
    if low.len() > SEQUENTIAL {
        rayon::join(|| sort(low, instructions), || sort(high, instructions));
    } else {
        sort(low, instructions);
        sort(high, instructions);
    }
}

/// The branches of sorted directions, the smallest ball first, but one that is not full last of all.
pub(crate) fn branches(directions: &[Direction], instructions: Instructions) -> Vec<Branch> {
    let leaf = lanes(instructions);
    let size = leaf * leaf;
    let mut branches: Vec<Branch> = directions
        .par_chunks(size)
        .enumerate()
        .map(|(number, directions)| {
            let (ball, leaves) = dispatch(instructions, Balls(directions));
            Branch {
                first: number * size,
                directions: directions.len(),
                ball,
                leaves,
            }
        })
        .collect();
    let is_short = |branch: &Branch| branch.directions < size;
    branches.par_sort_by(|a, b| {
        let by_radius = || a.ball.radius.total_cmp(&b.ball.radius);
        is_short(a).cmp(&is_short(b)).then_with(by_radius)
    });
    branches
}

/// The ball of a branch, and those of its leaves.
struct Balls<'a>(&'a [Direction]);

impl Work for Balls<'_> {
    type Output = (Ball, Vec<Ball>);

    #[inline(always)]
    fn run<V: Lanes>(self) -> (Ball, Vec<Ball>) {
        let directions = self.0;
        let mut leaves = Vec::with_capacity(V::COUNT);
        // Eight directions at a time.
        match V::COUNT {
            16 => {
                for leaf in directions.chunks(16) {
                    leaves.push(ball::<V::Floats, 2>(leaf));
                }
                (ball::<V::Floats, 32>(directions), leaves)
            }
            32 => {
                for leaf in directions.chunks(32) {
                    leaves.push(ball::<V::Floats, 4>(leaf));
                }
                (ball::<V::Floats, 128>(directions), leaves)
            }
            lanes => panic!("there are no leaves of {lanes} blocks"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn balls_hold_their_blocks_and_every_block_is_in_one() {
        for instructions in Instructions::available() {
            check_balls(instructions);
        }
    }

    fn check_balls(instructions: Instructions) {
        let leaf = lanes(instructions);
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let mut directions: Vec<Direction> = (0..5003)
            .map(|block| {
                let weights: [f32; 5] = std::array::from_fn(|_| random.random::<f32>() - 0.5);
                Direction::new(block, &weights)
            })
            .collect();
        directions.push(Direction::new(5003, &[0.0; 5]));
        sort(&mut directions, instructions);
        let branches = branches(&directions, instructions);
        let mut met = vec![false; directions.len()];
        for branch in &branches {
            let members = branch.members(&directions);
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

    /// Whether the direction is in the ball, and the ball's centre has norm 1, or is zero and the ball everywhere.
    fn holds(ball: &Ball, member: &Direction) -> bool {
        let norm = |vector: &[f32; MOST_WEIGHTS], origin: &[f32; MOST_WEIGHTS]| -> f64 {
            let differences = vector.iter().zip(origin).map(|(&a, &b)| f64::from(a) - f64::from(b));
            differences
                .map(|difference| difference * difference)
                .sum::<f64>()
                .sqrt()
        };
        let length = norm(&ball.centre, &[0.0; MOST_WEIGHTS]);
        let is_sound = (length - 1.0).abs() < 1e-6 || (length == 0.0 && ball.radius == 2.0);
        is_sound && norm(&member.values, &ball.centre) <= f64::from(ball.radius)
    }

    #[test]
    fn directions_that_cancel_each_other_have_a_sound_ball() {
        let block = |weights: [f32; 8]| Direction::new(0, &weights);
        let one = |place: usize| std::array::from_fn(|c| f32::from(u8::from(c == place)));
        for instructions in Instructions::available() {
            for rest in [0.0, 1e-30, 3.4e-24, 5.6e-24, 1e-15, 1e-9, 1e-6, 1e-3] {
                // Opposite but for a rest, which is all that is left of the sum.
                let values = [0.5, -0.5, 0.5, -0.5, 0.0, 0.0, 0.0, rest];
                let there = Direction {
                    key: 0,
                    block: 0,
                    values,
                };
                let mut back = there;
                back.values[..4].iter_mut().for_each(|value| *value = -*value);
                let cases = [
                    [there, back].repeat(lanes(instructions) / 2),
                    vec![there; lanes(instructions)],
                    vec![block([0.0; 8]); lanes(instructions)],
                    vec![there, back, block([0.0; 8]), block(one(4)), block(one(5))],
                    vec![back],
                ];
                for directions in cases {
                    let branches = branches(&directions, instructions);
                    let [Branch { ball, leaves, .. }] = &branches[..] else {
                        panic!("there is one branch");
                    };
                    for ball in leaves.iter().chain([ball]) {
                        let held = directions.iter().all(|member| holds(ball, member));
                        assert!(held, "{rest}, {instructions}: {:?}", ball.centre);
                    }
                }
            }
        }
    }

    #[test]
    fn a_block_and_its_negative_have_the_same_direction() {
        let blocks: [[f32; 8]; 4] = [
            [1.0, -1.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.5],
            [-1.0, 1.0, 1.0, -1.0, 0.5, 1.0, 1.0, 1.0],
            [0.0, 0.0, -1e-40, 0.0, 0.0, 1e-40, 0.0, 0.0],
            [1e38, 3e38, -3e38, 0.0, 0.0, 0.0, 0.0, 0.0],
        ];
        for block in blocks {
            let direction = Direction::new(0, &block).values;
            assert_eq!(direction, Direction::new(0, &block.map(|weight| -weight)).values);
            let largest = direction.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
            assert_eq!(direction.iter().find(|value| value.abs() == largest), Some(&largest));
        }
    }
}
