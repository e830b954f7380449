//! What a pipeline adds up: terms, switched or chosen by a bit, and which of them are added first.

use super::expression::Expression;
use super::pipeline::Term;
use super::row::Addend;

/// When a term counts.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Always.
    Always,
    /// Where a bit is 1.
    If {
        /// The bit.
        bit: Expression,
        /// Registers between the module's input and the bit.
        bit_stage: usize,
    },
    /// Where a bit is 1; where it is 0, another term counts in its place, with the same shift.
    Else {
        /// The bit.
        bit: Expression,
        /// Registers between the module's input and the bit.
        bit_stage: usize,
        /// The other term.
        other: Term,
        /// Whether they are subtracted.
        less: bool,
    },
}

/// A term and when it counts.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The term.
    pub term: Term,
    /// When it counts.
    pub condition: Condition,
}

impl From<Term> for Leaf {
    fn from(term: Term) -> Self {
        Leaf {
            term,
            condition: Condition::Always,
        }
    }
}

impl Leaf {
    /// The leaf times `2^places`.
    pub fn shifted(&self, places: usize) -> Self {
        let mut shifted = self.clone();
        shifted.term = self.term.shifted(places);
        if let Condition::Else { other, .. } = &mut shifted.condition {
            *other = other.shifted(places);
        }
        shifted
    }

    /// The stage at which all of it is there.
    pub fn stage(&self) -> usize {
        match &self.condition {
            Condition::Always => self.term.stage,
            Condition::If { bit_stage, .. } => self.term.stage.max(*bit_stage),
            Condition::Else { bit_stage, other, .. } => self.term.stage.max(*bit_stage).max(other.stage),
        }
    }

    /// The smallest and the largest value.
    pub(super) fn range(&self) -> (i128, i128) {
        let (least, most) = self.term.range;
        match &self.condition {
            Condition::Always => (least, most),
            Condition::If { .. } => (least.min(0), most.max(0)),
            Condition::Else { other, less, .. } => match (least.min(other.range.0), most.max(other.range.1), less) {
                (least, most, false) => (least, most),
                (least, most, true) => (-most, -least),
            },
        }
    }

    /// The signals of its terms.
    pub(super) fn signals(&self) -> impl Iterator<Item = &Expression> {
        let other = match &self.condition {
            Condition::Else { other, .. } => Some(&other.signal),
            _ => None,
        };
        std::iter::once(&self.term.signal).chain(other)
    }

    /// What a row adds for it, `form` being made of each signal.
    pub(super) fn addend(&self, form: impl Fn(&Expression) -> Expression) -> Addend {
        let value = form(&self.term.signal);
        match &self.condition {
            Condition::Always => Addend::Plain(value),
            Condition::If { bit, .. } => Addend::Gated {
                gate: bit.clone(),
                value,
            },
            Condition::Else { bit, other, less, .. } => Addend::Chosen {
                less: *less,
                choice: bit.clone(),
                yes: value,
                no: form(&other.signal),
            },
        }
    }

    /// Whether it is subtracted.
    pub(super) fn is_subtracted(&self) -> bool {
        matches!(self.condition, Condition::Else { less: true, .. })
    }

    /// Whether it is one of two numbers.
    pub fn is_chosen(&self) -> bool {
        matches!(self.condition, Condition::Else { .. })
    }

    fn is_plain(&self) -> bool {
        matches!(self.condition, Condition::Always)
    }

    fn is_gated(&self) -> bool {
        matches!(self.condition, Condition::If { .. })
    }
}

/// Which leaves of a sum are added to which, in one level: an addition can switch both of its numbers, or add one that is
/// chosen to a plain one. So neighbours that are switched come together, the highest of an odd number and what is
/// chosen go to plain ones, or wait for them: the bits of the lower number below the higher one pass by for nothing.
pub(super) fn pairs(leaves: &[Leaf]) -> Vec<(usize, Option<usize>)> {
    if leaves.len() == 2 {
        return vec![(0, Some(1))];
    }
    let gated: Vec<usize> = (0..leaves.len()).filter(|&leaf| leaves[leaf].is_gated()).collect();
    let mut pairs: Vec<(usize, Option<usize>)> = gated.chunks_exact(2).map(|pair| (pair[0], Some(pair[1]))).collect();
    let waiting = gated.last().filter(|_| gated.len() % 2 == 1);
    let mut plain: Vec<usize> = (0..leaves.len()).filter(|&leaf| leaves[leaf].is_plain()).collect();
    let chosen = (0..leaves.len()).filter(|&leaf| leaves[leaf].is_chosen());
    for leaf in chosen.chain(waiting.copied()) {
        let nearest = (0..plain.len()).min_by_key(|&place| plain[place].abs_diff(leaf));
        let partner = nearest.map(|place| plain.remove(place));
        pairs.push((
            leaf.min(partner.unwrap_or(leaf)),
            partner.map(|partner| partner.max(leaf)),
        ));
    }
    pairs.extend(plain.chunks(2).map(|pair| (pair[0], pair.get(1).copied())));
    pairs.sort_unstable();
    pairs
}
