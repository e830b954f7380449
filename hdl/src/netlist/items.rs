//! What a module is made of.

use super::expression::Expression;
use super::module::Module;
use std::rc::Rc;

/// Direction of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Driven from outside.
    Input,
    /// Driven by the module.
    Output,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name.
    pub name: String,
    /// Width in bits.
    pub width: usize,
    /// Direction.
    pub direction: Direction,
}

/// A clocked register.
#[derive(Clone, Debug)]
pub(super) struct Register {
    pub name: String,
    pub width: usize,
    /// Sets it to zero, whatever `enable` says: `rst`, mostly. Registers without hold data whose meaning a register with it
    /// decides.
    pub clear: Option<Expression>,
    pub enable: Option<Expression>,
    /// What it takes at the clock edge. Empty only while the module is being described.
    pub next: Option<Expression>,
}

/// A memory with one write port and one registered read port.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    pub name: String,
    pub width: usize,
    pub depth: usize,
    pub write: Expression,
    pub write_address: Expression,
    pub write_data: Expression,
    pub read: Option<Expression>,
    pub read_address: Expression,
    /// Name of the register that the read port loads.
    pub read_data: String,
}

/// A value chosen by a signal.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub name: String,
    pub selector: Expression,
    /// Values of the selector, and what is chosen for them.
    pub arms: Vec<(Vec<usize>, Expression)>,
    pub otherwise: Expression,
}

/// A module inside a module.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub name: String,
    pub module: Rc<Module>,
    /// Port name and what drives it, in the order of the module's ports.
    pub inputs: Vec<(String, Expression)>,
    /// Port name and the wire it drives.
    pub outputs: Vec<(String, String)>,
}

/// A sum that a module of the target's adds.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The wire that has the sum.
    pub name: String,
    pub module: &'static str,
    /// Its inputs and what drives them.
    pub inputs: Vec<(&'static str, Expression)>,
    /// What the sum is.
    pub value: Expression,
    /// The row that shares its carry chain, by name: it was described before this one, which has the instance of both.
    pub partner: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Comment(String),
    Constant(String, String),
    Wire(String, Expression),
    Choice(Choice),
    /// A wire driven by an instance.
    Net(String, usize),
    Register(Register),
    Memory(Memory),
    Instance(Instance),
    Row(Row),
    Output(String, Expression),
    /// What drives a wire declared before.
    Drive(String, Expression),
    /// Signals that are left unused on purpose.
    Unused(String, Vec<Expression>),
}
