//! Hill climbing over the masks of a shape.

use crate::STORED_BITS;
use crate::sample::{Sample, generator};
use crate::shape::Shape;
use seedlm_codec::ChainMap;

/// Maps that are drawn before the best of them is improved.
const FIRST_DRAWS: usize = 16;

/// How much worse the first errors may be for the last ones to be looked at: 0.4 %.
const ROOM: f64 = 0.004;

/// A map with its worth.
pub struct Candidate {
    /// The map.
    pub map: ChainMap,
    /// Logarithms of the errors, one after the other added up: the last is lower in a better map.
    sums: Vec<f64>,
    masks: Vec<u32>,
}

/// The best map of a shape that `evaluations` tries find; `start` numbers the sequences of random numbers.
pub fn climb(shape: &Shape, length: u32, (start, evaluations): (u32, usize), sample: &Sample) -> Candidate {
    let mut random = generator(&match start {
        0 => format!("{} K={length}", shape.name),
        _ => format!("{} K={length} start {start}", shape.name),
    });
    let mut best: Option<Candidate> = None;
    let mut tries = 0;
    while tries < evaluations {
        let masks = match &best {
            Some(best) if tries >= FIRST_DRAWS => shape.change(&mut random, length, &best.masks),
            _ => shape.draw(&mut random, length),
        };
        if best.as_ref().is_some_and(|best| best.masks == masks) {
            continue;
        }
        let Some(map) = shape.map(length, &masks) else { continue };
        tries += 1;
        if let Some(sums) = sums(&map, sample, best.as_ref()) {
            best = Some(Candidate { map, sums, masks });
        }
    }
    best.expect("at least one try")
}

/// The map's errors, or `None` where they are no better than those of the best so far, or do not begin well.
fn sums(map: &ChainMap, sample: &Sample, best: Option<&Candidate>) -> Option<Vec<f64>> {
    let mut sums = Vec::new();
    for (index, bits) in STORED_BITS.into_iter().enumerate() {
        let sum = sample.error(map, bits).ln() + sums.last().unwrap_or(&0.0);
        let room = if index + 1 == STORED_BITS.len() { 0.0 } else { ROOM };
        if best.is_some_and(|best| sum >= best.sums[index] + room) {
            return None;
        }
        sums.push(sum);
    }
    Some(sums)
}
