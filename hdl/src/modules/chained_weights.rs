//! The weights of a word of the chained code: a few XORs and an adder for each field but the first.
//!
//! A weight is `2 * (sum of the fields) - total`, where `total` is the sum of `2^bits - 1` over the fields. With `F` fields,
//! `total` has the parity of `F`: so the lowest bit of a weight is the constant `F mod 2`, and above it stands
//! `sum of (field - 2^(bits-1)) + floor(F/2)`. A field less half its range is the field with its top bit inverted, read as
//! a signed number, and the ones that are left are carries into the adders. So the offset takes no logic of its own.

use super::shared_pairs::{Terms, share_pairs};
use crate::netlist::expression::Expression;
use crate::netlist::module::Module;
use crate::netlist::pipeline::{Pipeline, signed_bits};
use crate::options::Target;
use seedlm_codec::ChainedCode;
use std::collections::BTreeMap;

/// The first `weights` weights of a word, at `stages` registers after `in_word`: the history, and above it the word.
pub fn chained_weights(
    m: &mut Module,
    code: &ChainedCode,
    weights: usize,
    enable: &Expression,
    in_word: &Expression,
    (stages, target): (usize, Target),
) -> Vec<Expression> {
    let mut lane = Lane::new(m, code, weights, enable, in_word);
    let waits = what_waits(target);
    // A stage more than the additions need is worth most in front of them, where tables of four inputs are two levels deep.
    lane.first_stage = usize::from(waits == Waits::Field && stages > fewest_stages(code));
    lane.hold_back(waits);
    (0..weights).map(|weight| lane.weight(weight, stages)).collect()
}

/// What is held back for a field that is added a stage later than the first two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// The word: its XORs are computed in the table in front of the adder.
    Word,
    /// The field: its XORs are computed at once, in tables whose registers would lie idle otherwise.
    Field,
}

/// A table of six inputs is an adder's bit with the XOR of one operand. One of four inputs is not, so the XOR needs a table
/// of its own, and the register behind that costs nothing, while a register for a bit of the word takes a cell.
fn what_waits(target: Target) -> Waits {
    match target {
        Target::Portable | Target::Xc7 => Waits::Word,
        Target::Ecp5 | Target::Ice40 => Waits::Field,
    }
}

/// A stage for each addition, and one at least.
fn fewest_stages(code: &ChainedCode) -> usize {
    (code.map().fields().len() - 1).max(1)
}

struct Lane<'a> {
    pipeline: Pipeline<'a>,
    code: &'a ChainedCode,
    /// How many weights of the word are wanted.
    weights: usize,
    /// The stage at which the first two fields are added.
    first_stage: usize,
    /// The fields in the order in which they are added.
    order: Vec<usize>,
    /// The lane's word at each stage at which a field is read from it: only at the first where fields are held back.
    words: Vec<Expression>,
    /// How masks share pairs of bits, for tables of four inputs.
    terms: BTreeMap<u32, Terms>,
    /// The pairs there are, by their two places in the word.
    pairs: BTreeMap<(usize, usize), Expression>,
}

/// A number on its way to be a weight, and what it can be.
struct Sum {
    signal: Expression,
    range: (i128, i128),
}

impl<'a> Lane<'a> {
    fn new(
        m: &'a mut Module,
        code: &'a ChainedCode,
        weights: usize,
        enable: &Expression,
        in_word: &Expression,
    ) -> Self {
        // An adder takes one number as it is, and XORs of the other: what has the fewest XORs comes first.
        let taps = |field: &usize| -> u32 { code.map().fields()[*field].iter().map(|mask| mask.count_ones()).sum() };
        let count = code.map().fields().len();
        let first = (0..count).min_by_key(taps).expect("a map has a field");
        let others = (0..count).filter(|&field| field != first);
        Lane {
            order: std::iter::once(first).chain(others).collect(),
            pipeline: Pipeline::new(m, enable, code.weight_bits() as usize),
            code,
            first_stage: 0,
            weights,
            words: vec![in_word.clone()],
            terms: BTreeMap::new(),
            pairs: BTreeMap::new(),
        }
    }

    /// The stage of the field at a place of the order: the first two are added at the input, each further one a stage later.
    fn stage(place: usize) -> usize {
        place.saturating_sub(1)
    }

    /// The masks that are read of the word at a stage.
    fn masks_at(&self, stage: usize) -> impl Iterator<Item = u32> {
        let places = match stage {
            _ if self.words.len() == 1 => 0..self.order.len(),
            0 => 0..self.order.len().min(2),
            _ => stage + 1..stage + 2,
        };
        let fields = self.order[places].iter().map(|&field| &self.code.map().fields()[field]);
        fields.flatten().copied()
    }

    /// The word at the later stages, for all weights together, where it is the word that waits.
    fn hold_back(&mut self, waits: Waits) {
        let last_stage = match waits {
            Waits::Word => Self::stage(self.order.len() - 1),
            Waits::Field => 0,
        };
        if last_stage > 0 {
            self.pipeline
                .module
                .comment("Each field but the first two is read a stage later than the one before it.");
        }
        for stage in 1..=last_stage {
            let word = self.pipeline.hold_back(&self.words[0], 0, stage);
            self.words.push(word);
        }
        if waits == Waits::Field {
            let masks: Vec<u32> = self.code.map().fields().iter().flatten().copied().collect();
            self.terms = share_pairs(&masks, self.code.bits_per_weight());
        }
        let read = self.bits_read(last_stage);
        let word = &self.words[last_stage];
        let idle = (0..word.width()).filter(|bit| read >> bit & 1 == 0);
        let idle: Vec<Expression> = idle.map(|bit| word.bit(bit)).collect();
        if !idle.is_empty() {
            self.pipeline.module.unused(&idle);
        }
    }

    /// Which bits of the word any weight reads at a stage.
    fn bits_read(&self, stage: usize) -> u128 {
        let window = self.masks_at(stage).fold(0, |all, mask| all | mask);
        let places = (0..self.weights).map(|weight| weight * self.code.bits_per_weight() as usize);
        places.fold(0, |all, place| all | u128::from(window) << place)
    }

    /// The name of the field at a place of the order.
    fn name(&self, weight: usize, place: usize) -> String {
        format!("weight_{weight}_field_{}", self.order[place])
    }

    /// The bits of the field at a place of the order, lowest first, of the latest word there is up to the field's stage.
    fn field(&mut self, weight: usize, place: usize) -> Vec<Expression> {
        let stage = Self::stage(place).min(self.words.len() - 1);
        let masks = &self.code.map().fields()[self.order[place]];
        masks.iter().map(|&mask| self.parity(mask, weight, stage)).collect()
    }

    /// The XOR of the bits of a weight's window that a mask names.
    fn parity(&mut self, mask: u32, weight: usize, stage: usize) -> Expression {
        let step = self.code.bits_per_weight() as usize;
        let plain = |mask: u32| (0..u32::BITS).filter(|bit| mask >> bit & 1 == 1).collect();
        let terms = self.terms.get(&mask).cloned().unwrap_or_else(|| Terms {
            bits: plain(mask),
            pairs: Vec::new(),
        });
        let bits = terms.bits.iter().map(|&bit| weight * step + bit as usize);
        let mut parts: Vec<Expression> = bits.map(|bit| self.words[stage].bit(bit)).collect();
        for ((low, high), moved) in terms.pairs {
            let base = (weight + moved as usize) * step;
            parts.push(self.pair(base + low as usize, base + high as usize));
        }
        parts.into_iter().reduce(|a, b| a ^ b).expect("no mask is empty")
    }

    /// The XOR of two bits of the word, for all that share it.
    fn pair(&mut self, low: usize, high: usize) -> Expression {
        let word = &self.words[0];
        let both = word.bit(low) ^ word.bit(high);
        let module = &mut *self.pipeline.module;
        let pair = self.pairs.entry((low, high));
        pair.or_insert_with(|| module.wire(&format!("bits_{low}_and_{high}"), both))
            .clone()
    }

    /// A field as it is, from 0 on, at the stage of the first addition.
    fn plain(&mut self, weight: usize, place: usize) -> Expression {
        let bits = self.field(weight, place);
        let name = self.name(weight, place);
        let field = self.pipeline.module.wire(&name, Expression::join(bits));
        self.pipeline.hold_back(&field, 0, self.first_stage)
    }

    /// A field less half its range: its bits with the top one inverted, as a signed number.
    fn centred(&mut self, weight: usize, place: usize) -> Sum {
        let mut bits = self.field(weight, place);
        let half = 1_i128 << (bits.len() - 1);
        let top = bits.pop().expect("a field has a bit");
        bits.push(!top);
        let name = format!("{}_centred", self.name(weight, place));
        let signal = self.pipeline.module.wire(&name, Expression::join(bits));
        let stage = Self::stage(place);
        Sum {
            signal: self
                .pipeline
                .hold_back(&signal, stage.min(self.words.len() - 1), self.first_stage + stage),
            range: (-half, half - 1),
        }
    }

    /// Two fields of the same width less half the range of each, in a register. The two halves make one bit above both
    /// fields, so nothing has to be inverted: a bit of the sum is one bit of the logic that computes it.
    fn add_plain(&mut self, name: &str, weight: usize, carry: bool) -> Sum {
        let (a, b) = (self.plain(weight, 0), self.plain(weight, 1));
        let whole = 1_i128 << a.width();
        let a = a.zero_extend(a.width() + 1);
        let b = Expression::join([b, Expression::one()]);
        let most = 2 * (whole - 1) - whole + i128::from(carry);
        Sum {
            signal: self.pipeline.register(name, sum_of(a, b, carry)),
            range: (-whole + i128::from(carry), most),
        }
    }

    /// `a + b + carry` in a register.
    fn add(&mut self, name: &str, a: &Sum, b: &Sum, carry: bool) -> Sum {
        let carried = i128::from(carry);
        let range = (a.range.0 + b.range.0 + carried, a.range.1 + b.range.1 + carried);
        let width = signed_bits(range);
        let (a, b) = (a.signal.sign_extend(width), b.signal.sign_extend(width));
        Sum {
            signal: self.pipeline.register(name, sum_of(a, b, carry)),
            range,
        }
    }

    fn weight(&mut self, weight: usize, stages: usize) -> Expression {
        self.pipeline.module.comment(&format!("Weight {weight}."));
        let count = self.order.len();
        // There is at most one for each addition, and they come last.
        let has_carry = |place: usize| place >= count - count / 2;
        let name = |place: usize| match place + 1 == count {
            true => format!("weight_{weight}"),
            false => format!("weight_{weight}_sum_of_{}", place + 1),
        };
        let bits_of = |place: usize| self.code.map().fields()[self.order[place]].len();
        let is_pair = count > 1 && bits_of(0) == bits_of(1);
        let mut sum = if is_pair {
            self.add_plain(&name(1), weight, has_carry(1))
        } else {
            self.centred(weight, 0)
        };
        if count == 1 {
            sum.signal = self.pipeline.register(&name(0), sum.signal);
        }
        for place in if is_pair { 2 } else { 1 }..count {
            let next = self.centred(weight, place);
            sum = self.add(&name(place), &sum, &next, has_carry(place));
        }
        let last = self.first_stage + fewest_stages(self.code);
        let signal = self.pipeline.hold_back(&sum.signal, last, stages);
        let lowest = Expression::constant(1, (count % 2) as u8);
        Expression::join([lowest, signal.sign_extend(self.code.weight_bits() as usize - 1)])
    }
}

/// `a + b`, and one more with `carry`: that is one adder.
fn sum_of(a: Expression, b: Expression, carry: bool) -> Expression {
    if carry { a - !b } else { a + b }
}
