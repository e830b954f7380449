//! What a module computes in a cycle, counted in bits from its description: the same that is printed as Verilog.

use super::expression::{Expression, Kind, Operator};
use super::items::Item;
use super::module::Module;
use serde::Serialize;
use std::ops::{AddAssign, Mul};

/// Operations of one cycle, as they stand in the Verilog, before any tool simplifies them. Wires, joins and constants cost nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// Two-input XORs of one bit; the parity of `n` bits is `n - 1` of them.
    pub xor_bits: u64,
    /// Other gates with two inputs: AND, OR; a comparison of `n` bits with a value is `2n - 1` of them.
    pub gate_bits: u64,
    /// Bits of adders, subtractors and comparators of magnitude: one full adder each.
    pub adder_bits: u64,
    /// Choices between two bits; a shifter has one for each bit and level.
    pub multiplexer_bits: u64,
    /// Products of two bits in multipliers: 8 x 8 bits are 64.
    pub multiplier_bit_products: u64,
    /// Bits of registers.
    pub register_bits: u64,
}

impl AddAssign for Operations {
    fn add_assign(&mut self, other: Self) {
        self.xor_bits += other.xor_bits;
        self.gate_bits += other.gate_bits;
        self.adder_bits += other.adder_bits;
        self.multiplexer_bits += other.multiplexer_bits;
        self.multiplier_bit_products += other.multiplier_bit_products;
        self.register_bits += other.register_bits;
    }
}

impl Mul<u64> for Operations {
    type Output = Self;

    fn mul(self, count: u64) -> Self {
        Operations {
            xor_bits: self.xor_bits * count,
            gate_bits: self.gate_bits * count,
            adder_bits: self.adder_bits * count,
            multiplexer_bits: self.multiplexer_bits * count,
            multiplier_bit_products: self.multiplier_bit_products * count,
            register_bits: self.register_bits * count,
        }
    }
}

impl Module {
    /// What the module and all modules inside it compute in a cycle. Memories are left out: how often they are read and written
    /// is not in the description.
    pub fn operations(&self) -> Operations {
        let mut sum = Operations::default();
        for item in &self.items {
            match item {
                Item::Wire(_, value) | Item::Output(_, value) | Item::Drive(_, value) => sum.count(value),
                Item::Row(row) => sum.count(&row.value),
                Item::Choice(choice) => {
                    sum.count(&choice.selector);
                    for (_, value) in &choice.arms {
                        sum.count(value);
                    }
                    sum.count(&choice.otherwise);
                    sum.multiplexer_bits += (choice.arms.len() * choice.otherwise.width()) as u64;
                }
                Item::Register(register) => {
                    sum.register_bits += register.width as u64;
                    // Clear and enable are pins of the flip-flops.
                    for value in [&register.clear, &register.enable, &register.next]
                        .into_iter()
                        .flatten()
                    {
                        sum.count(value);
                    }
                }
                Item::Memory(memory) => {
                    for value in [
                        &memory.write,
                        &memory.write_address,
                        &memory.write_data,
                        &memory.read_address,
                    ] {
                        sum.count(value);
                    }
                    if let Some(read) = &memory.read {
                        sum.count(read);
                    }
                }
                Item::Instance(instance) => {
                    for (_, value) in &instance.inputs {
                        sum.count(value);
                    }
                    sum += instance.module.operations();
                }
                Item::Comment(_) | Item::Constant(..) | Item::Net(..) | Item::Unused(..) => {}
            }
        }
        sum
    }
}

impl Operations {
    /// Adds an expression and what it is made of.
    fn count(&mut self, expression: &Expression) {
        let width = expression.width() as u64;
        match expression.kind() {
            Kind::Constant(_) | Kind::Signal(_) | Kind::Slice(..) => {}
            Kind::Join(parts) => parts.iter().for_each(|part| self.count(part)),
            // An inverter goes into what it feeds.
            Kind::Repeat(_, inner) | Kind::Not(inner) => self.count(inner),
            Kind::AnyBit(inner) => {
                self.count(inner);
                self.gate_bits += inner.width() as u64 - 1;
            }
            Kind::Parity(inner) => {
                self.count(inner);
                self.xor_bits += inner.width() as u64 - 1;
            }
            Kind::SignedProduct(left, right) => {
                self.count(left);
                self.count(right);
                self.multiplier_bit_products += (left.width() * right.width()) as u64;
            }
            Kind::Choose(condition, yes, no) => {
                for part in [condition, yes, no] {
                    self.count(part);
                }
                self.multiplexer_bits += width;
            }
            Kind::Binary(operator, left, right) => {
                self.count(left);
                self.count(right);
                let operand_bits = left.width() as u64;
                match operator {
                    Operator::And | Operator::Or => self.gate_bits += width,
                    Operator::Xor => self.xor_bits += width,
                    Operator::Add | Operator::Subtract | Operator::Less => self.adder_bits += operand_bits,
                    Operator::Equal => self.gate_bits += 2 * operand_bits - 1,
                    Operator::ShiftLeft => self.multiplexer_bits += width * right.width() as u64,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn operations_of_a_small_module_are_those_in_it() {
        let mut inner = Module::new("inner", &[]);
        let (a, b) = (inner.input("a", 8), inner.input("b", 8));
        inner.output("sum", &a + &b);
        inner.output("product", a.signed_product(&b, 16));
        inner.output("odd", (&a ^ &b).parity());
        let inner = Rc::new(inner);
        let mut m = Module::new("m", &[]);
        let (a, b) = (m.input("a", 8), m.input("b", 8));
        let first = m.instance("first", &inner, &[("a", a.clone()), ("b", b.clone())]);
        m.instance("second", &inner, &[("a", b.clone()), ("b", a.clone())]);
        let register = m.data_register("kept", 8);
        m.set(&register, first.get("odd").choose(&a, &!&b));
        m.output("same", register.equals(&b));
        assert_eq!(
            m.operations(),
            Operations {
                xor_bits: 2 * (8 + 7),
                gate_bits: 15,
                adder_bits: 2 * 8,
                multiplexer_bits: 8,
                multiplier_bit_products: 2 * 64,
                register_bits: 8,
            }
        );
    }
}
