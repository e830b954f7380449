//! Ports of the top module, read from the header that Verilator writes.
//!
//! The header is better to read than the Verilog: whatever the tool accepts (parameters, old port lists, types) has become
//! a number there, and the number is the one that the model uses.

use std::fmt;

/// Which way a port goes, seen from the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The test drives it.
    Input,
    /// The model drives it.
    Output,
}

/// A port of the top module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the Verilog.
    pub name: String,
    /// Its width in bits.
    pub width_bits: usize,
    /// Which way it goes.
    pub direction: Direction,
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let direction = match self.direction {
            Direction::Input => "input",
            Direction::Output => "output",
        };
        match self.width_bits {
            1 => write!(formatter, "{direction} {}", self.name),
            width => write!(formatter, "{direction} [{}:0] {}", width - 1, self.name),
        }
    }
}

/// A line of the header, such as `VL_INW(&data,275,0,9);`: the port, and what it is called in C++.
pub(crate) fn read_header(header: &str) -> Result<Vec<(Port, String)>, String> {
    let lines = header.lines().map(str::trim);
    lines
        .filter(|line| ["VL_IN", "VL_OUT"].iter().any(|start| line.starts_with(start)))
        .map(|line| {
            read_declaration(line).ok_or_else(|| format!("cannot use a port that Verilator declares as {line}"))
        })
        .collect()
}

/// `None` for ports in both directions, arrays and numbering that does not end at 0: nobody needs them.
fn read_declaration(line: &str) -> Option<(Port, String)> {
    let (kind, rest) = line.split_once("(&")?;
    let mut arguments = rest.strip_suffix(");")?.split(',');
    let (cpp_name, most_significant, least_significant) = (arguments.next()?, arguments.next()?, arguments.next()?);
    if kind.starts_with("VL_INOUT") || least_significant != "0" || !cpp_name.chars().all(is_word) {
        return None;
    }
    let port = Port {
        name: verilog_name(cpp_name)?,
        width_bits: most_significant.parse::<usize>().ok()? + 1,
        direction: match kind.starts_with("VL_IN") {
            true => Direction::Input,
            false => Direction::Output,
        },
    };
    Some((port, cpp_name.to_string()))
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Undoes Verilator's spelling for C++: `$` and the second of two `_` become `__0` and two hexadecimal digits, and words of
/// C++ get a prefix.
fn verilog_name(cpp_name: &str) -> Option<String> {
    let mut rest = cpp_name.strip_prefix("__SYM__").unwrap_or(cpp_name);
    let mut name = String::new();
    while let Some(start) = rest.find("__0") {
        let code = u8::from_str_radix(rest.get(start + 3..start + 5)?, 16).ok()?;
        name.push_str(&rest[..start]);
        name.push(char::from(code));
        rest = &rest[start + 5..];
    }
    name.push_str(rest);
    let is_plain = name.chars().all(|character| is_word(character) || character == '$');
    is_plain.then_some(name)
}

/// The list as it is kept in a built library: one port a line, and back.
pub(crate) fn to_text(ports: impl Iterator<Item = Port>) -> String {
    let direction = |port: &Port| match port.direction {
        Direction::Input => "input",
        Direction::Output => "output",
    };
    let line = |port: Port| format!("{} {} {}\n", direction(&port), port.width_bits, port.name);
    ports.map(line).collect()
}

/// `None` when it is not a list that [`to_text`] made.
pub(crate) fn from_text(text: &str) -> Option<Vec<Port>> {
    let port = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let direction = match words.next()? {
            "input" => Direction::Input,
            "output" => Direction::Output,
            _ => return None,
        };
        Some(Port {
            direction,
            width_bits: words.next()?.parse().ok().filter(|width| *width > 0)?,
            name: words.next()?.to_string(),
        })
    };
    text.lines().map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_gives_names_widths_and_directions() {
        let header = "class Design {\n    VL_IN8(&clk,0,0);\n    VL_OUT16(&q,11,0);\n    VL_INW(&data,275,0,9);\n\
                      VL_IN8(&a___05Fb,0,0);\n VL_IN64(&n__024x,32,0);\n VL_OUT(&__SYM__template,31,0);\n};\n";
        let ports: Vec<Port> = read_header(header).unwrap().into_iter().map(|(port, _)| port).collect();
        let shown: Vec<String> = ports.iter().map(Port::to_string).collect();
        let expected = [
            "input clk",
            "output [11:0] q",
            "input [275:0] data",
            "input a__b",
            "input [32:0] n$x",
            "output [31:0] template",
        ];
        assert_eq!(shown, expected);
        assert_eq!(from_text(&to_text(ports.clone().into_iter())), Some(ports));
    }

    #[test]
    fn ports_that_cannot_be_used_are_named() {
        for line in ["VL_INOUT8(&pad,0,0);", "VL_IN8((&rows)[4],7,0);", "VL_IN8(&high,8,1);"] {
            assert!(read_header(line).unwrap_err().contains(line));
        }
    }

    #[test]
    fn a_damaged_list_is_refused() {
        for text in ["input", "input 0 a", "input x a", "in 1 a"] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
