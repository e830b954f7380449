//! Expressions over signals, every one with its width.
//!
//! One tree is printed as Verilog and evaluated in rust-hdl's simulator, so the two cannot be written apart. Operands of an
//! operator have equal widths, checked where the expression is made: Verilog's rules of context widths never apply.

use num_bigint::BigUint;
use std::ops::{Add, BitAnd, BitOr, BitXor, Not, Sub};
use std::rc::Rc;

/// An expression of a fixed width in bits. Values are bit patterns; signed values are two's complement.
#[derive(Clone, Debug)]
pub struct Expression {
    pub(super) width: usize,
    kind: Rc<Kind>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Constant(BigUint),
    Signal(String),
    Slice(String, usize, usize),
    /// Most significant part first.
    Join(Vec<Expression>),
    Repeat(usize, Expression),
    Not(Expression),
    Binary(Operator, Expression, Expression),
    /// Both operands sign-extended to the width of the product.
    SignedProduct(Expression, Expression),
    AnyBit(Expression),
    Parity(Expression),
    Choose(Expression, Expression, Expression),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    And,
    Or,
    Xor,
    Add,
    Subtract,
    Equal,
    Less,
    ShiftLeft,
}

impl Expression {
    fn new(width: usize, kind: Kind) -> Self {
        assert!(width > 0, "an expression has at least one bit: {kind:?}");
        Expression {
            width,
            kind: Rc::new(kind),
        }
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// A signal of the module.
    pub(super) fn signal(name: &str, width: usize) -> Self {
        Expression::new(width, Kind::Signal(name.into()))
    }

    /// A constant.
    pub fn constant(width: usize, value: impl Into<BigUint>) -> Self {
        let value = value.into();
        assert!(value.bits() <= width as u64, "{value} does not fit {width} bits");
        Expression::new(width, Kind::Constant(value))
    }

    /// All bits 0.
    pub fn zero(width: usize) -> Self {
        Expression::constant(width, 0_u8)
    }

    /// The single bit 1.
    pub fn one() -> Self {
        Expression::constant(1, 1_u8)
    }

    /// Width in bits.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether this is a signal, and not something computed from signals.
    pub(super) fn name(&self) -> Option<&str> {
        match &*self.kind {
            Kind::Signal(name) => Some(name),
            _ => None,
        }
    }

    /// `width` bits from bit `low` on. Only of signals: Verilog cannot slice an expression.
    pub fn slice(&self, low: usize, width: usize) -> Self {
        assert!(
            low + width <= self.width,
            "bits {low}..{} of {} bits",
            low + width,
            self.width
        );
        if width == self.width {
            return self.clone();
        }
        match &*self.kind {
            Kind::Signal(name) => Expression::new(width, Kind::Slice(name.clone(), low, width)),
            Kind::Slice(name, first, _) => Expression::new(width, Kind::Slice(name.clone(), first + low, width)),
            Kind::Constant(value) => {
                let mask = (BigUint::from(1_u8) << width) - 1_u8;
                Expression::constant(width, (value >> low) & mask)
            }
            other => panic!("only signals can be sliced, not {other:?}"),
        }
    }

    /// One bit of a signal.
    pub fn bit(&self, index: usize) -> Self {
        self.slice(index, 1)
    }

    /// Parts next to each other, least significant part first.
    pub fn join(parts: impl IntoIterator<Item = Expression>) -> Self {
        let mut parts: Vec<Expression> = parts.into_iter().collect();
        parts.reverse();
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let width = parts.iter().map(Expression::width).sum();
        Expression::new(width, Kind::Join(parts))
    }

    /// The bits `count` times next to each other.
    pub fn repeat(&self, count: usize) -> Self {
        if count == 1 {
            return self.clone();
        }
        Expression::new(self.width * count, Kind::Repeat(count, self.clone()))
    }

    /// Zeros above.
    pub fn zero_extend(&self, width: usize) -> Self {
        if width == self.width {
            return self.clone();
        }
        Expression::join([self.clone(), Expression::zero(width - self.width)])
    }

    /// Copies of the most significant bit above; only of signals.
    pub fn sign_extend(&self, width: usize) -> Self {
        if width == self.width {
            return self.clone();
        }
        Expression::join([self.clone(), self.bit(self.width - 1).repeat(width - self.width)])
    }

    /// Zeros below: the value times `2^places`.
    pub fn shift_left(&self, places: usize) -> Self {
        if places == 0 {
            return self.clone();
        }
        Expression::join([Expression::zero(places), self.clone()])
    }

    fn binary(&self, operator: Operator, other: &Expression, width: usize) -> Self {
        assert_eq!(
            self.width, other.width,
            "{operator:?} of different widths: {self:?} and {other:?}"
        );
        if let Some(simple) = self
            .without_constant(operator, other)
            .or_else(|| other.without_constant(operator, self))
        {
            return simple;
        }
        Expression::new(width, Kind::Binary(operator, self.clone(), other.clone()))
    }

    /// What `self` and `other` make where `self` is a constant bit that decides nothing, or everything.
    fn without_constant(&self, operator: Operator, other: &Expression) -> Option<Expression> {
        let is_one = self.is_one();
        match operator {
            Operator::And if is_one => Some(other.clone()),
            Operator::Or if is_one => Some(self.clone()),
            Operator::And if self.is_zero() => Some(self.clone()),
            Operator::Or if self.is_zero() => Some(other.clone()),
            _ => None,
        }
    }

    /// Whether this is the constant bit 1.
    pub(super) fn is_one(&self) -> bool {
        self.width == 1 && matches!(&*self.kind, Kind::Constant(value) if value.bit(0))
    }

    fn is_zero(&self) -> bool {
        matches!(&*self.kind, Kind::Constant(value) if value.bits() == 0)
    }

    /// Whether both are the same.
    pub fn equals(&self, other: &Expression) -> Self {
        self.binary(Operator::Equal, other, 1)
    }

    /// Whether this has the value of a constant.
    pub fn is(&self, value: usize) -> Self {
        self.equals(&Expression::constant(self.width, value))
    }

    /// Whether this is less than the other, both unsigned.
    pub fn less_than(&self, other: &Expression) -> Self {
        self.binary(Operator::Less, other, 1)
    }

    /// Times two to the power of `amount`, modulo the width.
    pub fn shift_left_by(&self, amount: &Expression) -> Self {
        Expression::new(
            self.width,
            Kind::Binary(Operator::ShiftLeft, self.clone(), amount.clone()),
        )
    }

    /// The product of two signed signals, modulo `width` bits: at least as many as either signal has.
    pub fn signed_product(&self, other: &Expression, width: usize) -> Self {
        Expression::new(width, Kind::SignedProduct(self.clone(), other.clone()))
    }

    /// Whether any bit is 1.
    pub fn any_bit(&self) -> Self {
        Expression::new(1, Kind::AnyBit(self.clone()))
    }

    /// XOR of all bits.
    pub fn parity(&self) -> Self {
        Expression::new(1, Kind::Parity(self.clone()))
    }

    /// `yes` where this bit is 1, else `no`.
    pub fn choose(&self, yes: &Expression, no: &Expression) -> Self {
        assert_eq!(self.width, 1, "a choice needs one bit");
        assert_eq!(yes.width, no.width, "a choice between different widths");
        Expression::new(yes.width, Kind::Choose(self.clone(), yes.clone(), no.clone()))
    }

    /// `value` where this bit is 1, else zero.
    pub fn gate(&self, value: &Expression) -> Self {
        self.repeat(value.width) & value.clone()
    }
}

macro_rules! operator {
    ($trait:ident, $function:ident, $operator:ident) => {
        impl $trait for Expression {
            type Output = Expression;
            fn $function(self, other: Expression) -> Expression {
                let width = self.width;
                self.binary(Operator::$operator, &other, width)
            }
        }
        impl $trait for &Expression {
            type Output = Expression;
            fn $function(self, other: &Expression) -> Expression {
                self.binary(Operator::$operator, other, self.width)
            }
        }
    };
}
operator!(BitAnd, bitand, And);
operator!(BitOr, bitor, Or);
operator!(BitXor, bitxor, Xor);
operator!(Add, add, Add);
operator!(Sub, sub, Subtract);

impl Not for Expression {
    type Output = Expression;
    fn not(self) -> Expression {
        Expression::new(self.width, Kind::Not(self))
    }
}

impl Not for &Expression {
    type Output = Expression;
    fn not(self) -> Expression {
        !self.clone()
    }
}
