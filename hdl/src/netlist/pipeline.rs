//! Arithmetic in a pipeline: every value knows at which stage it is there, and is held back where another comes later.

use super::expression::Expression;
use super::leaf::{Condition, Leaf, pairs};
use super::module::Module;
use crate::options::Target;
use std::collections::BTreeMap;

/// A signed value in a pipeline: `signal * 2^shift`, there at `stage`.
#[derive(Clone, Debug)]
pub struct Term {
    /// The bits, two's complement; always a signal.
    pub signal: Expression,
    /// The smallest and the largest value of the signal.
    pub range: (i128, i128),
    /// Trailing zeros that are not stored.
    pub shift: usize,
    /// Registers between the module's input and this value.
    pub stage: usize,
}

impl Term {
    /// A signal of the module that takes every value of its width.
    pub fn new(signal: Expression, stage: usize) -> Self {
        let half = 1_i128 << (signal.width() - 1);
        Term::within(signal, (-half, half - 1), stage)
    }

    /// A signal of the module that is known to stay in a range.
    pub fn within(signal: Expression, range: (i128, i128), stage: usize) -> Self {
        Term {
            signal,
            range,
            shift: 0,
            stage,
        }
    }

    /// The term times `2^places`.
    pub fn shifted(&self, places: usize) -> Self {
        Term {
            shift: self.shift + places,
            ..self.clone()
        }
    }
}

/// Bits of two's complement that hold a range.
pub fn signed_bits((least, most): (i128, i128)) -> usize {
    let magnitude = most.max(-(least + 1)).max(0);
    (i128::BITS - magnitude.leading_zeros()) as usize + 1
}

/// A pipeline whose registers all move with one enable. No register is reset.
pub struct Pipeline<'a> {
    /// The module it is in.
    pub module: &'a mut Module,
    enable: Expression,
    /// Sums are kept modulo two to the power of this.
    widest: usize,
    /// What rows of adders are written for.
    target: Target,
    /// Signals held back: (name of the signal, stage) to its copy at that stage.
    held_back: BTreeMap<(String, usize), Expression>,
    /// Sums that are there, by what is added.
    sums: BTreeMap<String, Expression>,
}

impl<'a> Pipeline<'a> {
    /// A pipeline in `module` whose results have at most `widest` bits: sums are kept modulo `2^widest`.
    pub fn new(module: &'a mut Module, enable: &Expression, widest: usize) -> Self {
        Pipeline {
            module,
            enable: enable.clone(),
            widest,
            target: Target::Portable,
            held_back: BTreeMap::new(),
            sums: BTreeMap::new(),
        }
    }

    /// The pipeline with rows of adders for a target.
    pub fn with_rows_for(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Loads a register with `value`, which is there a stage later.
    pub fn register(&mut self, name: &str, value: Expression) -> Expression {
        let name = self.module.free_name(name);
        let register = self.module.data_register(&name, value.width());
        self.module.set_if(&register, &self.enable, value);
        register
    }

    /// The signal of stage `from` as it is at stage `to`. Copies are shared.
    pub fn hold_back(&mut self, signal: &Expression, from: usize, to: usize) -> Expression {
        assert!(from <= to, "{signal:?} of stage {from} is wanted at stage {to}");
        if from == to {
            return signal.clone();
        }
        let name = signal.name().expect("only signals are held back").to_string();
        let mut current = signal.clone();
        for stage in from + 1..=to {
            let key = (name.clone(), stage);
            current = match self.held_back.get(&key) {
                Some(copy) => copy.clone(),
                None => {
                    let copy = self.register(&format!("{name}_at_{stage}"), current);
                    self.held_back.insert(key, copy.clone());
                    copy
                }
            };
        }
        current
    }

    /// The term at a later stage.
    pub fn at(&mut self, term: &Term, stage: usize) -> Term {
        Term {
            signal: self.hold_back(&term.signal, term.stage, stage),
            stage,
            ..term.clone()
        }
    }

    /// The term's negative in a register.
    pub fn negated(&mut self, name: &str, term: &Term) -> Term {
        let range = (-term.range.1, -term.range.0);
        let width = self.width_within(range, term.shift);
        let value = Expression::zero(width) - resize(&term.signal, width);
        Term {
            signal: self.register(name, value),
            range,
            shift: term.shift,
            stage: term.stage + 1,
        }
    }

    /// Bits of a sum that stays in a range, its lowest bit at `shift`.
    fn width_within(&self, range: (i128, i128), shift: usize) -> usize {
        signed_bits(range).min(self.widest - shift)
    }

    /// The leaf with all that it is made of at a stage.
    pub fn leaf_at(&mut self, leaf: &Leaf, stage: usize) -> Leaf {
        let mut late = leaf.clone();
        late.term = self.at(&leaf.term, stage);
        if let Condition::If { bit, bit_stage } | Condition::Else { bit, bit_stage, .. } = &mut late.condition {
            *bit = self.hold_back(bit, *bit_stage, stage);
            *bit_stage = stage;
        }
        if let Condition::Else { other, .. } = &mut late.condition {
            *other = self.at(other, stage);
        }
        late
    }

    /// The sum of two leaves in a register: a stage after the latest of what they are made of. A sum that is there already,
    /// under whatever name, is not made again.
    pub fn add(&mut self, name: &str, a: impl Into<Leaf>, b: impl Into<Leaf>) -> Term {
        self.add_all(name, vec![a.into(), b.into()])
    }

    /// The sum of two or three leaves in a register, as [`Pipeline::add`].
    pub fn add_all(&mut self, name: &str, leaves: Vec<Leaf>) -> Term {
        let stage = leaves.iter().map(Leaf::stage).max().expect("there is something to add");
        let mut leaves: Vec<Leaf> = leaves.iter().map(|leaf| self.leaf_at(leaf, stage)).collect();
        leaves.sort_by_key(|leaf| leaf.term.shift);
        let (low, others) = leaves.split_first().expect("there is something to add");
        let shift = low.term.shift;
        let (mut least, mut most) = (0, 0);
        for leaf in &leaves {
            let (leaf_least, leaf_most) = leaf.range();
            least += leaf_least << (leaf.term.shift - shift);
            most += leaf_most << (leaf.term.shift - shift);
        }
        let range = (least, most);
        // Bits of the low leaf below the others pass by.
        let low_bits = low.signals().map(Expression::width).max().expect("a leaf has a signal");
        let passing = (others[0].term.shift - shift).min(low_bits);
        assert!(
            passing == 0 || !low.is_subtracted(),
            "{name}: what is subtracted lies lowest"
        );
        let width = self.width_within(range, shift).max(passing + 1) - passing;
        let mut addends = vec![low.addend(|signal| window(signal, passing, width))];
        // What is above the widest result overflows anyway; said here, so that it does not look forgotten.
        let mut forgotten = Vec::new();
        let mut forget = |leaf: &Leaf, kept: usize| {
            let wide = leaf.signals().filter(|signal| signal.width() > kept);
            forgotten.extend(wide.map(|signal| signal.slice(kept, signal.width() - kept)));
        };
        for leaf in others {
            let gap = leaf.term.shift - shift - passing;
            addends.push(leaf.addend(|signal| resize(signal, width - gap).shift_left(gap)));
            forget(leaf, width - gap);
        }
        forget(low, passing + width);
        if !forgotten.is_empty() {
            self.module.unused(&forgotten);
        }
        let below = (passing > 0).then(|| low.addend(|signal| window(signal, 0, passing)).expression());
        let key = format!("{below:?} {addends:?}");
        let signal = match self.sums.get(&key) {
            Some(same) => same.clone(),
            None => {
                let sum = self.module.row(self.target, name, addends);
                let signal = self.register(name, Expression::join(below.into_iter().chain([sum])));
                self.sums.insert(key, signal.clone());
                signal
            }
        };
        Term {
            signal,
            range,
            shift,
            stage: stage + 1,
        }
    }

    /// The sum of all terms: see [`Pipeline::sum_of_leaves`].
    pub fn sum(&mut self, name: &str, terms: Vec<Term>) -> Term {
        let leaves = terms.into_iter().map(Leaf::from).collect();
        self.sum_of_leaves(name, leaves).term
    }

    /// The sum of all leaves, a level of pairs per stage; neighbours come together, as far as they can. The last sum is called
    /// `name`, those on the way `name_part`.
    pub fn sum_of_leaves(&mut self, name: &str, leaves: Vec<Leaf>) -> Leaf {
        self.sum_to(name, leaves, 1).remove(0)
    }

    /// As [`Pipeline::sum_of_leaves`], until no more than `most` are left to be added.
    pub fn sum_to(&mut self, name: &str, mut leaves: Vec<Leaf>, most: usize) -> Vec<Leaf> {
        assert!(!leaves.is_empty(), "{name}: a sum of nothing");
        while leaves.len() > most {
            let name = if leaves.len() > 2 {
                format!("{name}_part")
            } else {
                name.into()
            };
            let level = pairs(&leaves);
            leaves = level
                .into_iter()
                .map(|(a, b)| match b {
                    Some(b) => self.add(&name, leaves[a].clone(), leaves[b].clone()).into(),
                    None => leaves[a].clone(),
                })
                .collect();
        }
        leaves
    }

    /// The term as `width` bits at a stage: its shift made real, its sign extended or its highest bits, which repeat the
    /// sign, cut off.
    pub fn finish(&mut self, term: &Term, width: usize, stage: usize) -> Expression {
        let signal = self.hold_back(&term.signal, term.stage, stage);
        resize(&signal, width - term.shift).shift_left(term.shift)
    }
}

/// A signal as `width` bits: its sign extended, or highest bits, which repeat the sign or overflow anyway, cut off.
fn resize(signal: &Expression, width: usize) -> Expression {
    window(signal, 0, width)
}

/// `width` bits of a signal from bit `first` on, above its end copies of its sign.
fn window(signal: &Expression, first: usize, width: usize) -> Expression {
    match signal.width().saturating_sub(first) {
        0 => signal.bit(signal.width() - 1).repeat(width),
        rest if rest >= width => signal.slice(first, width),
        rest => signal.slice(first, rest).sign_extend(width),
    }
}
