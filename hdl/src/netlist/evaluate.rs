//! What an expression is worth: for rust-hdl's simulator.

use super::expression::{Expression, Kind, Operator};
use num_bigint::BigUint;

impl Expression {
    /// The value for given values of the signals.
    pub fn evaluate(&self, signal: &dyn Fn(&str) -> BigUint) -> BigUint {
        let mask = || (BigUint::from(1_u8) << self.width) - 1_u8;
        let bit = BigUint::from;
        match self.kind() {
            Kind::Constant(value) => value.clone(),
            Kind::Signal(name) => signal(name),
            Kind::Slice(name, low, _) => (signal(name) >> low) & mask(),
            Kind::Join(parts) => parts.iter().fold(BigUint::ZERO, |value, part| {
                (value << part.width) | part.evaluate(signal)
            }),
            Kind::Repeat(count, part) => {
                let value = part.evaluate(signal);
                (0..*count).fold(BigUint::ZERO, |all, _| (all << part.width) | &value)
            }
            Kind::Not(inner) => mask() - inner.evaluate(signal),
            Kind::Binary(operator, left, right) => {
                let (a, b) = (left.evaluate(signal), right.evaluate(signal));
                match operator {
                    Operator::And => a & b,
                    Operator::Or => a | b,
                    Operator::Xor => a ^ b,
                    Operator::Add => (a + b) & mask(),
                    Operator::Subtract => (a + mask() + 1_u8 - b) & mask(),
                    Operator::Equal => bit(u8::from(a == b)),
                    Operator::Less => bit(u8::from(a < b)),
                    Operator::ShiftLeft => (a << usize::try_from(b).expect("shifts are short")) & mask(),
                }
            }
            Kind::SignedProduct(left, right) => {
                let extend = |operand: &Expression| {
                    let value = operand.evaluate(signal);
                    if value.bit(operand.width as u64 - 1) {
                        value + mask() + 1_u8 - (BigUint::from(1_u8) << operand.width)
                    } else {
                        value
                    }
                };
                (extend(left) * extend(right)) & mask()
            }
            Kind::AnyBit(inner) => bit(u8::from(inner.evaluate(signal).bits() > 0)),
            Kind::Parity(inner) => bit((inner.evaluate(signal).count_ones() & 1) as u8),
            Kind::Choose(condition, yes, no) => {
                if condition.evaluate(signal).bit(0) {
                    yes.evaluate(signal)
                } else {
                    no.evaluate(signal)
                }
            }
        }
    }
}
