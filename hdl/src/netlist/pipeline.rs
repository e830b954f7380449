//! Arithmetic in a pipeline: every value knows at which stage it is there, and is held back where another comes later.

use super::expression::Expression;
use super::module::Module;
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
    /// Whether the value counts negative.
    pub negative: bool,
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
            negative: false,
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

    /// The term subtracted instead of added.
    pub fn negated(&self) -> Self {
        Term {
            negative: !self.negative,
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
    /// Signals held back: (name of the signal, stage) to its copy at that stage.
    held_back: BTreeMap<(String, usize), Expression>,
}

impl<'a> Pipeline<'a> {
    /// A pipeline in `module` whose results have at most `widest` bits: sums are kept modulo `2^widest`.
    pub fn new(module: &'a mut Module, enable: &Expression, widest: usize) -> Self {
        Pipeline {
            module,
            enable: enable.clone(),
            widest,
            held_back: BTreeMap::new(),
        }
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

    /// The term where `bit` (there at `bit_stage`) is 1, else zero, at a stage at which both are there. No register.
    pub fn gate(&mut self, name: &str, term: &Term, bit: &Expression, bit_stage: usize, stage: usize) -> Term {
        let term = self.at(term, stage);
        let bit = self.hold_back(bit, bit_stage, stage);
        let name = self.module.free_name(name);
        let signal = self.module.wire(&name, bit.gate(&term.signal));
        let range = (term.range.0.min(0), term.range.1.max(0));
        Term { signal, range, ..term }
    }

    /// The sum of two terms in a register: a stage after the later of the two.
    pub fn add(&mut self, name: &str, a: &Term, b: &Term) -> Term {
        let stage = a.stage.max(b.stage);
        let (a, b) = (self.at(a, stage), self.at(b, stage));
        let (low, high) = if a.shift <= b.shift { (a, b) } else { (b, a) };
        let opposite = low.negative != high.negative;
        let factor = 1 << (high.shift - low.shift);
        let (least, most) = (high.range.0 * factor, high.range.1 * factor);
        let range = if opposite {
            (low.range.0 - most, low.range.1 - least)
        } else {
            (low.range.0 + least, low.range.1 + most)
        };
        // Bits of the low term below the high one pass by. They are stored as they are, so a sum of two signs takes its own
        // from the low term.
        let passing = (high.shift - low.shift).min(low.signal.width());
        let gap = high.shift - low.shift - passing;
        let whole = signed_bits(range).min(self.widest - low.shift).max(passing + 1);
        let width = whole - passing;
        let rest = low.signal.width() - passing;
        let upper = if rest > 0 {
            resize(&low.signal.slice(passing, rest), width)
        } else {
            low.signal.bit(low.signal.width() - 1).repeat(width)
        };
        // What is above the widest result overflows anyway; said here, so that it does not look forgotten.
        for (signal, kept) in [(&high.signal, width - gap), (&low.signal, passing + width)] {
            if signal.width() > kept {
                self.module.unused(&[signal.slice(kept, signal.width() - kept)]);
            }
        }
        let added = resize(&high.signal, width - gap).shift_left(gap);
        let sum = if opposite { upper - added } else { upper + added };
        let parts = (passing > 0).then(|| low.signal.slice(0, passing)).into_iter();
        Term {
            signal: self.register(name, Expression::join(parts.chain([sum]))),
            range,
            shift: low.shift,
            negative: low.negative,
            stage: stage + 1,
        }
    }

    /// The sum of all terms, added in pairs of neighbours, a level per stage. Terms of which an odd number is left wait. The
    /// last sum is called `name`, those on the way `name_part`.
    pub fn sum(&mut self, name: &str, mut terms: Vec<Term>) -> Term {
        assert!(!terms.is_empty(), "{name}: a sum of nothing");
        while terms.len() > 1 {
            let name = if terms.len() > 2 {
                format!("{name}_part")
            } else {
                name.into()
            };
            terms = terms
                .chunks(2)
                .map(|pair| match pair {
                    [a, b] => self.add(&name, a, b),
                    [single] => single.clone(),
                    _ => unreachable!("chunks are of one or two"),
                })
                .collect();
        }
        terms.remove(0)
    }

    /// The term as `width` bits at a stage: its shift made real, its sign extended or its highest bits, which repeat the
    /// sign, cut off.
    pub fn finish(&mut self, term: &Term, width: usize, stage: usize) -> Expression {
        assert!(!term.negative, "a result is not negated");
        let signal = self.hold_back(&term.signal, term.stage, stage);
        resize(&signal, width - term.shift).shift_left(term.shift)
    }
}

/// A signal as `width` bits: its sign extended, or highest bits, which repeat the sign or overflow anyway, cut off.
fn resize(signal: &Expression, width: usize) -> Expression {
    if signal.width() > width {
        signal.slice(0, width)
    } else {
        signal.sign_extend(width)
    }
}
