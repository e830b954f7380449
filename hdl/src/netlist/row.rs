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
        let number = self.number();
        match self.is_subtracted() {
            true => Expression::zero(number.width()) - number,
            false => number,
        }
    }

    /// This and what comes before it.
    fn added_to(&self, before: Expression) -> Expression {
        match self.is_subtracted() {
            true => before - self.number(),
            false => before + self.number(),
        }
    }

    /// The number, whether it is added or subtracted.
    fn number(&self) -> Expression {
        match self {
            Addend::Plain(value) => value.clone(),
            Addend::Gated { gate, value } => gate.gate(value),
            Addend::Chosen { choice, yes, no, .. } => choice.choose(yes, no),
        }
    }

    fn is_subtracted(&self) -> bool {
        matches!(self, Addend::Chosen { less: true, .. })
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
    Some(with_suffix(text, suffix))
}

/// How the name of every module of a row begins.
const ROW_MODULE: &str = "seedlm_row_";

/// The text with the suffix behind every name of a module of a row.
fn with_suffix(text: &str, suffix: &str) -> String {
    let mut parts = text.split(ROW_MODULE);
    let before = parts.next().unwrap_or_default().to_string();
    parts.fold(before, |text, part| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, rest) = part.split_at(part.find(|c| !is_name(c)).unwrap_or(part.len()));
        text + ROW_MODULE + name + suffix + rest
    })
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
        let is_taken = |name: &String| self.rows().any(|row| row.partner.as_ref() == Some(name));
        let alike = |row: &&Row| row.module == module && row.value.width() == width && row.partner.is_none();
        let free = self.rows().filter(alike).find(|row| !is_taken(&row.name));
        free.map(|row| row.name.clone())
    }

    /// The rows that are instances, in the order in which they were described.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.items.iter().filter_map(|item| match item {
            Item::Row(row) => Some(row),
            _ => None,
        })
    }

    /// Whether any row of the module is an instance.
    pub fn has_rows(&self) -> bool {
        self.rows().next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_the_rows_gets_the_suffix() {
        for (target, plain_rows) in [(Target::Xc7, true), (Target::Xc7, false), (Target::Ecp5, false)] {
            let options = Options { target, plain_rows };
            let text = row_modules(&options, "_x").unwrap();
            let names: Vec<&str> = text
                .split_whitespace()
                .filter(|word| word.starts_with(ROW_MODULE))
                .collect();
            assert!(names.len() >= 5, "{names:?}");
            assert!(names.iter().all(|name| name.ends_with("_x")), "{names:?}");
            assert_eq!(text.replace("_x ", " "), row_modules(&options, "").unwrap());
        }
    }
}
