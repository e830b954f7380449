//! The line that a board sends, as characters chosen by their place.

use crate::netlist::expression::Expression;
use crate::netlist::module::Module;

/// Hexadecimal digits of a checksum.
const DIGITS: usize = 8;

/// Places in a line from 0 on.
pub struct Message {
    before: String,
    after: [String; 2],
}

impl Message {
    /// The line for weights of that format. What it says of a failure is as long as what it says of a success.
    pub fn new(weights: &str) -> Self {
        Message {
            before: format!("SEEDLM {weights} CRC "),
            after: [" FAIL\r\n".into(), " PASS\r\n".into()],
        }
    }

    /// Characters of the line.
    pub fn length(&self) -> usize {
        self.before.len() + DIGITS + self.after[0].len()
    }

    /// The character at a place of the line, with the checksum found and whether it is the right one.
    pub fn character(
        &self,
        m: &mut Module,
        place: &Expression,
        checksum: &Expression,
        passed: &Expression,
    ) -> Expression {
        let first_digit = self.before.len();
        let digits = (0..DIGITS).map(|digit| {
            let nibble = checksum.slice(4 * (DIGITS - 1 - digit), 4);
            (vec![first_digit + digit], nibble)
        });
        let nibble = m.choice("nibble", place, digits.collect(), Expression::zero(4));
        let hexadecimal = b"0123456789ABCDEF".iter().enumerate();
        let hexadecimal = hexadecimal.map(|(value, &character)| (vec![value], Expression::constant(8, character)));
        let digit = m.choice("digit", &nibble, hexadecimal.collect(), Expression::zero(8));
        let text = |m: &mut Module, name: &str, after: &str| {
            let before = self.before.bytes().enumerate();
            let after = after
                .bytes()
                .enumerate()
                .map(|(index, byte)| (first_digit + DIGITS + index, byte));
            let fixed = before
                .chain(after)
                .map(|(place, byte)| (vec![place], Expression::constant(8, byte)));
            m.choice(name, place, fixed.collect(), digit.clone())
        };
        let [failure, success] = &self.after;
        let (failure, success) = (text(m, "failure", failure), text(m, "success", success));
        m.wire("character", passed.choose(&success, &failure))
    }
}
