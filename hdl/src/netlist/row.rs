//! Rows of adders: sums of two numbers of which either may be switched off, or be one of two.
//!
//! Every chip's carry chain has a look-up table beside each bit, and some of that table is left when it has added. What goes
//! in there for nothing differs from chip to chip, and synthesis does not see all of it: so for a chip that is known a row
//! is an instance of a module of `hdl/rows`, and an expression for all others.

use super::expression::Expression;
use super::items::{Item, Row};
use super::module::Module;
use crate::options::{Options, Target};

/// What a row adds.
#[derive(Clone, Debug)]
pub enum Addend {
    /// A number.
    Plain(Expression),
    /// A number where a bit is 1, else zero.
    Gated {
        /// The bit.
        gate: Expression,
        /// The number.
        value: Expression,
    },
    /// One of two numbers.
    Chosen {
        /// The bit that chooses.
        choice: Expression,
        /// The number where it is 1.
        yes: Expression,
        /// The number where it is 0.
        no: Expression,
        /// Whether it is subtracted.
        less: bool,
    },
}

impl Addend {
    /// What is added.
    pub(super) fn expression(&self) -> Expression {
        match self {
            Addend::Plain(value) => value.clone(),
            Addend::Gated { gate, value } => gate.gate(value),
            Addend::Chosen {
                choice,
                yes,
                no,
                less: false,
            } => choice.choose(yes, no),
            Addend::Chosen {
                choice,
                yes,
                no,
                less: true,
            } => Expression::zero(yes.width()) - choice.choose(yes, no),
        }
    }

    /// This and what comes before it.
    fn added_to(&self, before: Expression) -> Expression {
        match self {
            Addend::Chosen {
                choice,
                yes,
                no,
                less: true,
            } => before - choice.choose(yes, no),
            _ => before + self.expression(),
        }
    }

    /// Plain numbers come first in a row, and what is subtracted last.
    fn place(&self) -> u8 {
        match self {
            Addend::Plain(_) => 0,
            Addend::Gated { .. } => 1,
            Addend::Chosen { .. } => 2,
        }
    }

    /// The bits as they are, what switches them left out.
    fn parts(&self) -> Vec<Expression> {
        match self {
            Addend::Plain(value) => vec![value.clone()],
            Addend::Gated { gate, value } => vec![value.clone(), gate.clone()],
            Addend::Chosen { choice, yes, no, .. } => vec![choice.clone(), yes.clone(), no.clone()],
        }
    }
}

/// Sums of fewer bits gain nothing by a carry chain.
const FEWEST_BITS: usize = 3;

/// The module for a row of a form, with the names of its inputs, where the target has one.
fn primitive(target: Target, addends: &[Addend]) -> Option<(&'static str, &'static [&'static str])> {
    use Addend::{Chosen, Gated, Plain};
    use Target::{Ecp5, Xc7};
    match (target, addends) {
        (Xc7 | Ecp5, [Gated { .. }, Gated { .. }]) => Some(("seedlm_row_pair", &["a", "a_gate", "b", "b_gate"])),
        (Xc7 | Ecp5, [Plain(_), Gated { .. }]) => Some(("seedlm_row_gated", &["a", "b", "b_gate"])),
        (Xc7, [Plain(_), Chosen { less: true, .. }]) => Some(("seedlm_row_less_chosen", &["a", "choice", "yes", "no"])),
        (Ecp5, [Plain(_), Chosen { less: false, .. }]) => Some(("seedlm_row_chosen", &["a", "choice", "yes", "no"])),
        // On 7-series the tool's own adders of two plain numbers lose nothing.
        (Ecp5, [Plain(_), Plain(_)]) => Some(("seedlm_row_plain", &["a", "b"])),
        (Xc7, [Plain(_), Plain(_), Plain(_)]) => Some(("seedlm_row_three", &["a", "b", "c"])),
        (Xc7, [Plain(_), Plain(_), Gated { .. }]) => Some(("seedlm_row_three_gated", &["a", "b", "c", "c_gate"])),
        _ => None,
    }
}

/// Whether a target's rows can subtract one of two numbers: the tables of ECP5 cannot, beside one that is added.
pub fn subtracts_chosen(target: Target) -> bool {
    target != Target::Ecp5
}

/// Whether a target's rows add three numbers for the price of two: both of them plain, and one that may be gated.
pub fn adds_three(target: Target) -> bool {
    target == Target::Xc7
}

/// The modules of the rows as Verilog; the names of its modules have `suffix`.
pub fn row_modules(options: &Options, suffix: &str) -> Option<String> {
    let text = match options.target {
        Target::Portable | Target::Ice40 => return None,
        _ if options.plain_rows => include_str!("../../rows/plain.v"),
        Target::Xc7 => include_str!("../../rows/xc7.v"),
        Target::Ecp5 => include_str!("../../rows/ecp5.v"),
    };
    let mut text = text.to_string();
    for module in [
        "chain",
        "spread",
        "plain",
        "gated",
        "pair",
        "chosen",
        "less_chosen",
        "three",
        "three_gated",
    ] {
        let name = format!("seedlm_row_{module} ");
        text = text.replace(&name, &format!("seedlm_row_{module}{suffix} "));
    }
    Some(text)
}

impl Module {
    /// The sum of two or three numbers modulo their width, written for a target.
    pub fn row(&mut self, target: Target, name: &str, mut addends: Vec<Addend>) -> Expression {
        addends.sort_by_key(Addend::place);
        let first = addends[0].expression();
        let value = addends[1..].iter().fold(first, |sum, addend| addend.added_to(sum));
        let (module, ports) = match primitive(target, &addends) {
            Some(primitive) if value.width() >= FEWEST_BITS => primitive,
            _ => return value,
        };
        let name = self.free_name(&format!("{name}_sum"));
        let inputs = ports.iter().copied().zip(addends.iter().flat_map(Addend::parts));
        let row = Row {
            name: name.clone(),
            module,
            inputs: inputs.collect(),
            partner: self.partner(target, module, value.width()),
            value,
        };
        self.add_row(row)
    }

    /// An earlier row to share a carry chain with. Cells of ECP5's chains have two bits. A row starts with a half of one, so
    /// that one with an even number of bits leaves half a cell over; two of them leave nothing.
    fn partner(&self, target: Target, module: &str, width: usize) -> Option<String> {
        if target != Target::Ecp5 || width % 2 == 1 {
            return None;
        }
        let rows = || {
            self.items.iter().filter_map(|item| match item {
                Item::Row(row) => Some(row),
                _ => None,
            })
        };
        let is_taken = |name: &String| rows().any(|row| row.partner.as_ref() == Some(name));
        let alike = |row: &&Row| row.module == module && row.value.width() == width && row.partner.is_none();
        let free = rows().filter(alike).find(|row| !is_taken(&row.name));
        free.map(|row| row.name.clone())
    }

    /// Whether any row of the module is an instance.
    pub fn has_rows(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Row(_)))
    }
}
