//! Modules as text: Verilog as IEEE 1364-2005 has it.

use super::expression::{Expression, Kind, Operator};
use super::items::{Choice, Direction, Item, Memory, Register, Row};
use super::module::Module;
use std::fmt::Write;

/// The text of a module; every module name gets `suffix`.
pub fn verilog(module: &Module, suffix: &str) -> String {
    let mut text = String::new();
    for line in module.summary() {
        writeln!(text, "// {line}").expect("text grows");
    }
    writeln!(text, "module {}{suffix} (", module.name()).expect("text grows");
    let ports: Vec<String> = module
        .ports()
        .iter()
        .map(|port| {
            let direction = match port.direction {
                Direction::Input => "input ",
                Direction::Output => "output",
            };
            format!("    {direction} wire {}{}", range(port.width), port.name)
        })
        .collect();
    text += &ports.join(",\n");
    text += "\n);\n";
    let mut body = Body {
        text: String::new(),
        suffix,
        groups: Vec::new(),
        rows: module.rows().collect(),
    };
    body.parameters(module);
    for item in &module.items {
        body.declare(item);
    }
    for item in &module.items {
        body.describe(item);
    }
    body.flush_registers();
    text + &body.text + "\nendmodule\n"
}

fn range(width: usize) -> String {
    if width == 1 {
        String::new()
    } else {
        format!("[{}:0] ", width - 1)
    }
}

struct Body<'a> {
    text: String,
    suffix: &'a str,
    /// Registers to be written, those with the same reset and enable together.
    groups: Vec<Vec<&'a Register>>,
    /// All rows of the module.
    rows: Vec<&'a Row>,
}

impl<'a> Body<'a> {
    fn line(&mut self, line: &str) {
        self.text += "    ";
        self.text += line;
        self.text.push('\n');
    }

    /// What the module was generated with, for the reader: nothing computes with it, so the lint rule that wants every
    /// parameter used is waived here.
    fn parameters(&mut self, module: &Module) {
        let mut parameters = module.items.iter().filter_map(|item| match item {
            Item::Constant(name, value) => Some(format!("localparam {name} = {value};")),
            _ => None,
        });
        let Some(first) = parameters.next() else { return };
        self.line("// What this module was generated with. Nothing computes with it: hence the waiver.");
        self.line("/* verilator lint_off UNUSEDPARAM */");
        self.line(&first);
        for parameter in parameters {
            self.line(&parameter);
        }
        self.line("/* verilator lint_on UNUSEDPARAM */");
        self.text.push('\n');
    }

    /// Registers and nets are declared at the top: they may be used before they are described.
    fn declare(&mut self, item: &Item) {
        match item {
            Item::Register(register) => self.line(&format!("reg {}{};", range(register.width), register.name)),
            Item::Choice(choice) => {
                let width = choice.otherwise.width();
                self.line(&format!("reg {}{};", range(width), choice.name));
            }
            Item::Net(name, width) => self.line(&format!("wire {}{name};", range(*width))),
            Item::Memory(memory) => {
                let depth = memory.depth.max(2) - 1;
                // No word is read at the edge that writes it, or what is read is not used: no logic is needed for that.
                self.line("(* no_rw_check *)");
                self.line(&format!("reg {}{} [0:{depth}];", range(memory.width), memory.name));
                self.line(&format!("reg {}{};", range(memory.width), memory.read_data));
            }
            _ => {}
        }
    }

    fn describe(&mut self, item: &'a Item) {
        if let Item::Register(register) = item {
            let kind = |register: &Register| {
                (
                    register.clear.as_ref().map(expression),
                    register.enable.as_ref().map(expression),
                )
            };
            match self.groups.iter_mut().find(|group| kind(group[0]) == kind(register)) {
                Some(group) => group.push(register),
                None => self.groups.push(vec![register]),
            }
            return;
        }
        match item {
            Item::Net(..) | Item::Constant(..) => return,
            // Wires stand together ahead of the registers of their section.
            Item::Wire(..) | Item::Row(_) | Item::Choice(_) | Item::Drive(..) | Item::Unused(..) => {}
            _ => self.flush_registers(),
        }
        match item {
            Item::Comment(comment) => {
                self.text.push('\n');
                for line in comment.lines() {
                    self.line(&format!("// {line}"));
                }
            }
            Item::Wire(name, value) => self.line(&format!("wire {}{name} = {};", range(value.width()), bare(value))),
            Item::Output(name, value) | Item::Drive(name, value) => {
                self.line(&format!("assign {name} = {};", bare(value)))
            }
            Item::Choice(choice) => self.choice(choice),
            Item::Memory(memory) => self.memory(memory),
            Item::Instance(instance) => {
                let mut pins: Vec<String> = Vec::new();
                for port in instance.module.ports() {
                    let input = instance.inputs.iter().find(|(name, _)| *name == port.name);
                    let net = match input {
                        Some((_, driver)) => bare(driver),
                        None => {
                            let output = instance.outputs.iter().find(|(name, _)| *name == port.name);
                            output.expect("every port is connected").1.clone()
                        }
                    };
                    pins.push(format!("        .{}({net})", port.name));
                }
                let (module, suffix, name) = (instance.module.name(), self.suffix, &instance.name);
                self.line(&format!("{module}{suffix} {name} ("));
                self.text += &pins.join(",\n");
                self.text += "\n    );\n";
            }
            Item::Row(row) => self.row(row),
            Item::Unused(name, signals) => {
                let zero = Expression::zero(1);
                let all = Expression::join(signals.iter().cloned().chain([zero]));
                self.line(&format!("wire {name} = &{};", expression(&all)));
            }
            Item::Register(_) | Item::Net(..) | Item::Constant(..) => unreachable!("handled above"),
        }
    }

    fn row(&mut self, row: &Row) {
        let (name, width) = (&row.name, row.value.width());
        self.line(&format!("wire {}{name};", range(width)));
        if self.rows.iter().any(|other| other.partner.as_ref() == Some(name)) {
            // The instance stands where the partner is described.
            return;
        }
        let partner = self.rows.iter().find(|other| Some(&other.name) == row.partner.as_ref());
        let pin = |(port, driver): &(&str, Expression)| {
            let other = partner.and_then(|other| other.inputs.iter().find(|(name, _)| name == port));
            match other {
                Some((_, other)) => format!(".{port}({{{}, {}}})", bare(driver), bare(other)),
                None => format!(".{port}({})", bare(driver)),
            }
        };
        let mut pins: Vec<String> = row.inputs.iter().map(pin).collect();
        let (sum, rows) = match partner {
            Some(other) => (format!("{{{name}, {}}}", other.name), ", .ROWS(2)"),
            None => (name.clone(), ""),
        };
        pins.push(format!(".sum({sum})"));
        let (module, suffix) = (row.module, self.suffix);
        let parameters = format!(".WIDTH({width}){rows}");
        self.line(&format!("{module}{suffix} #({parameters}) {name}_row ("));
        self.line(&format!("    {}", pins.join(", ")));
        self.line(");");
    }

    fn choice(&mut self, choice: &Choice) {
        let Choice {
            name,
            selector,
            arms,
            otherwise,
        } = choice;
        self.line("always @(*) begin");
        self.line(&format!("    case ({})", bare(selector)));
        for (labels, value) in arms {
            let labels = labels
                .iter()
                .map(|&label| Expression::constant(selector.width(), label));
            let labels: Vec<String> = labels.map(|label| expression(&label)).collect();
            self.line(&format!("        {}: {name} = {};", labels.join(", "), bare(value)));
        }
        self.line(&format!("        default: {name} = {};", bare(otherwise)));
        self.line("    endcase");
        self.line("end");
    }

    fn flush_registers(&mut self) {
        for group in std::mem::take(&mut self.groups) {
            self.registers(&group);
        }
    }

    fn registers(&mut self, group: &[&Register]) {
        let first = group[0];
        self.line("always @(posedge clk) begin");
        let mut indent = "    ";
        if let Some(clear) = &first.clear {
            self.line(&format!("    if ({}) begin", bare(clear)));
            for register in group {
                self.line(&format!("        {} <= {}'d0;", register.name, register.width));
            }
            match &first.enable {
                Some(enable) => self.line(&format!("    end else if ({}) begin", bare(enable))),
                None => self.line("    end else begin"),
            }
            indent = "        ";
        } else if let Some(enable) = &first.enable {
            self.line(&format!("    if ({}) begin", bare(enable)));
            indent = "        ";
        }
        for register in group {
            let next = register.next.as_ref();
            let next = next.unwrap_or_else(|| panic!("register {} is never set", register.name));
            self.line(&format!("{indent}{} <= {};", register.name, bare(next)));
        }
        if indent.len() == 8 {
            self.line("    end");
        }
        self.line("end");
    }

    fn memory(&mut self, memory: &Memory) {
        let Memory {
            name,
            write,
            write_address,
            write_data,
            read,
            read_address,
            read_data,
            ..
        } = memory;
        self.line("always @(posedge clk) begin");
        self.line(&format!("    if ({}) begin", bare(write)));
        self.line(&format!(
            "        {name}[{}] <= {};",
            expression(write_address),
            expression(write_data)
        ));
        self.line("    end");
        let load = format!("{read_data} <= {name}[{}];", expression(read_address));
        match read {
            Some(read) => {
                self.line(&format!("    if ({}) begin", bare(read)));
                self.line(&format!("        {load}"));
                self.line("    end");
            }
            None => self.line(&format!("    {load}")),
        }
        self.line("end");
    }
}

/// Lists that are longer than this are broken into lines.
const LONGEST_LIST: usize = 100;

/// How a line of an expression begins.
const CONTINUED: &str = "\n            ";

/// An expression that stands alone: the parentheses around all of it say nothing.
fn bare(value: &Expression) -> String {
    let text = expression(value);
    let is_whole = matches!(
        value.kind(),
        Kind::Not(_) | Kind::Binary(..) | Kind::AnyBit(_) | Kind::Parity(_) | Kind::Choose(..)
    );
    if is_whole {
        text[1..text.len() - 1].to_string()
    } else {
        text
    }
}

/// An expression with all parentheses that can matter.
fn expression(value: &Expression) -> String {
    match value.kind() {
        Kind::Constant(number) if value.width() == 1 => format!("1'b{number}"),
        Kind::Constant(number) => format!("{}'h{number:x}", value.width()),
        Kind::Signal(name) => name.clone(),
        Kind::Slice(name, low, 1) => format!("{name}[{low}]"),
        Kind::Slice(name, low, width) => format!("{name}[{}:{low}]", low + width - 1),
        Kind::Join(parts) => {
            let parts: Vec<String> = parts.iter().map(bare).collect();
            let line = parts.join(", ");
            if line.len() <= LONGEST_LIST {
                format!("{{{line}}}")
            } else {
                format!(
                    "{{{CONTINUED}    {}{CONTINUED}}}",
                    parts.join(&format!(",{CONTINUED}    "))
                )
            }
        }
        Kind::Repeat(count, part) => format!("{{{count}{{{}}}}}", bare(part)),
        Kind::Not(inner) => format!("(~{})", expression(inner)),
        Kind::Binary(operator, left, right) => {
            let symbol = match operator {
                Operator::And => "&",
                Operator::Or => "|",
                Operator::Xor => "^",
                Operator::Add => "+",
                Operator::Subtract => "-",
                Operator::Equal => "==",
                Operator::Less => "<",
                Operator::ShiftLeft => "<<",
            };
            // A chain of one bitwise operator needs no parentheses inside.
            let is_bitwise = matches!(operator, Operator::And | Operator::Or | Operator::Xor);
            let is_chain = matches!(left.kind(), Kind::Binary(inner, ..) if inner == operator);
            let left = if is_bitwise && is_chain {
                bare(left)
            } else {
                expression(left)
            };
            let last_line = left.len() - left.rfind('\n').unwrap_or(0);
            let space = if last_line <= LONGEST_LIST { " " } else { CONTINUED };
            format!("({left} {symbol}{space}{})", expression(right))
        }
        Kind::SignedProduct(left, right) => {
            let extended = |operand: &Expression| expression(&operand.sign_extend(value.width()));
            // Unsigned again: next to another product it would change the meaning of operators around it.
            format!("$unsigned($signed({}) * $signed({}))", extended(left), extended(right))
        }
        Kind::AnyBit(inner) => format!("(|{})", expression(inner)),
        Kind::Parity(inner) => format!("(^{})", expression(inner)),
        Kind::Choose(condition, yes, no) => {
            let (condition, yes, no) = (expression(condition), expression(yes), expression(no));
            let space = if no.len() <= LONGEST_LIST { " " } else { CONTINUED };
            format!("({condition} ? {yes} :{space}{no})")
        }
    }
}
