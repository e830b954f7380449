//! A hardware module while it is being described: ports, wires, registers, memories, instances.

use super::expression::Expression;
use super::items::{Choice, Direction, Instance, Item, Memory, Port, Register, Row};
use std::collections::BTreeSet;
use std::rc::Rc;

/// A module. `clk` and `rst` (synchronous, active high) are ports of every module.
#[derive(Clone, Debug)]
pub struct Module {
    name: String,
    summary: Vec<String>,
    ports: Vec<Port>,
    pub(super) items: Vec<Item>,
    names: BTreeSet<String>,
}

impl Module {
    /// A module with the ports `clk` and `rst`. `summary` stands above it as a comment, a line each.
    pub fn new(name: &str, summary: &[&str]) -> Self {
        let mut module = Module {
            name: name.into(),
            summary: summary.iter().map(|line| line.to_string()).collect(),
            ports: Vec::new(),
            items: Vec::new(),
            names: BTreeSet::new(),
        };
        module.input("clk", 1);
        module.input("rst", 1);
        module
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, a line each.
    pub fn summary(&self) -> &[String] {
        &self.summary
    }

    /// Adds lines to what it is.
    pub fn explain(&mut self, lines: &[&str]) {
        self.summary.extend(lines.iter().map(|line| line.to_string()));
    }

    /// Its ports, `clk` and `rst` first.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// The port `rst`.
    pub fn reset(&self) -> Expression {
        Expression::signal("rst", 1)
    }

    /// The modules inside, each once for every instance.
    pub fn instances(&self) -> impl Iterator<Item = &Rc<Module>> {
        self.items.iter().filter_map(|item| match item {
            Item::Instance(instance) => Some(&instance.module),
            _ => None,
        })
    }

    fn take_name(&mut self, name: &str) {
        assert!(
            self.names.insert(name.into()),
            "module {} has two signals called {name}",
            self.name
        );
    }

    /// A name that is free: `name`, or `name` with a number.
    pub(super) fn free_name(&self, name: &str) -> String {
        let taken = |candidate: &str| self.names.contains(candidate);
        if !taken(name) {
            return name.into();
        }
        (2..)
            .map(|number| format!("{name}_{number}"))
            .find(|candidate| !taken(candidate))
            .expect("numbers do not end")
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, width: usize) -> Expression {
        self.take_name(name);
        self.ports.push(Port {
            name: name.into(),
            width,
            direction: Direction::Input,
        });
        Expression::signal(name, width)
    }

    /// Adds an output that shows `value`.
    pub fn output(&mut self, name: &str, value: Expression) {
        self.take_name(name);
        self.ports.push(Port {
            name: name.into(),
            width: value.width(),
            direction: Direction::Output,
        });
        self.items.push(Item::Output(name.into(), value));
    }

    /// A comment before what follows.
    pub fn comment(&mut self, text: &str) {
        self.items.push(Item::Comment(text.into()));
    }

    /// A parameter shown for the reader.
    pub fn parameter(&mut self, name: &str, value: impl ToString) {
        self.items.push(Item::Constant(name.into(), value.to_string()));
    }

    /// A named wire.
    pub fn wire(&mut self, name: &str, value: Expression) -> Expression {
        self.take_name(name);
        let width = value.width();
        self.items.push(Item::Wire(name.into(), value));
        Expression::signal(name, width)
    }

    /// A named value chosen by a signal: the value of the arm that names the signal's value, or `otherwise`.
    pub fn choice(
        &mut self,
        name: &str,
        selector: &Expression,
        arms: Vec<(Vec<usize>, Expression)>,
        otherwise: Expression,
    ) -> Expression {
        self.take_name(name);
        let width = otherwise.width();
        for (labels, value) in &arms {
            assert_eq!(value.width(), width, "width of an arm of {name}");
            assert!(
                labels.iter().all(|&label| label >> selector.width() == 0),
                "an arm of {name}"
            );
        }
        self.items.push(Item::Choice(Choice {
            name: name.into(),
            selector: selector.clone(),
            arms,
            otherwise,
        }));
        Expression::signal(name, width)
    }

    /// A register that `rst` sets to zero. What it takes is said later with [`Module::set`].
    pub fn register(&mut self, name: &str, width: usize) -> Expression {
        self.add_register(name, width, Some(self.reset()))
    }

    /// A register without reset, for data that mean nothing until a register with reset says so.
    pub fn data_register(&mut self, name: &str, width: usize) -> Expression {
        self.add_register(name, width, None)
    }

    /// A register that `clear`, which must contain `rst`, sets to zero whether it is enabled or not.
    pub fn register_cleared_by(&mut self, name: &str, width: usize, clear: &Expression) -> Expression {
        self.add_register(name, width, Some(clear.clone()))
    }

    fn add_register(&mut self, name: &str, width: usize, clear: Option<Expression>) -> Expression {
        self.take_name(name);
        self.items.push(Item::Register(Register {
            name: name.into(),
            width,
            clear,
            enable: None,
            next: None,
        }));
        Expression::signal(name, width)
    }

    /// Says what a register takes at every clock edge.
    pub fn set(&mut self, register: &Expression, next: Expression) {
        self.set_register(register, None, next);
    }

    /// Says what a register takes at clock edges at which `enable` is 1.
    pub fn set_if(&mut self, register: &Expression, enable: &Expression, next: Expression) {
        self.set_register(register, (!enable.is_one()).then(|| enable.clone()), next);
    }

    fn set_register(&mut self, register: &Expression, enable: Option<Expression>, next: Expression) {
        assert_eq!(register.width(), next.width(), "width of register {register:?}");
        let name = register.name().expect("a register is a signal");
        let position = self
            .items
            .iter()
            .position(|item| matches!(item, Item::Register(register) if register.name == name))
            .unwrap_or_else(|| panic!("{name} is no register"));
        // The register moves to where it is set, so that everything it uses stands above it.
        let Item::Register(mut found) = self.items.remove(position) else {
            unreachable!("the position is a register's")
        };
        assert!(found.next.is_none(), "register {name} is set twice");
        (found.next, found.enable) = (Some(next), enable);
        self.items.push(Item::Register(found));
    }

    /// A memory of `depth` words with one write port and one read port. The read port is a register: what is read at an
    /// edge shows after it. Reading the word being written gives nothing defined; the describer rules that out.
    pub fn memory(
        &mut self,
        name: &str,
        depth: usize,
        (write, write_address, write_data): (&Expression, &Expression, &Expression),
        (read, read_address, read_data): (Option<&Expression>, &Expression, &str),
    ) -> Expression {
        let width = write_data.width();
        assert_eq!(write_address.width(), address_bits(depth), "write address of {name}");
        assert_eq!(read_address.width(), address_bits(depth), "read address of {name}");
        self.take_name(name);
        self.take_name(read_data);
        self.items.push(Item::Memory(Memory {
            name: name.into(),
            width,
            depth,
            write: write.clone(),
            write_address: write_address.clone(),
            write_data: write_data.clone(),
            read: read.cloned(),
            read_address: read_address.clone(),
            read_data: read_data.into(),
        }));
        Expression::signal(read_data, width)
    }

    /// Adds a row, and gives its sum.
    pub(super) fn add_row(&mut self, row: Row) -> Expression {
        self.take_name(&row.name);
        let sum = Expression::signal(&row.name, row.value.width());
        self.items.push(Item::Row(row));
        sum
    }

    /// Declares a wire that an instance will drive: for signals used before the instance is described.
    pub fn net(&mut self, name: &str, width: usize) -> Expression {
        self.take_name(name);
        self.items.push(Item::Net(name.into(), width));
        Expression::signal(name, width)
    }

    /// Puts a module inside. `inputs` names every input but `clk` and `rst`; each output drives the net called
    /// `<instance>_<port>`, which is returned in the order of the ports, unless `nets` gives another.
    pub fn instance(&mut self, name: &str, module: &Rc<Module>, inputs: &[(&str, Expression)]) -> Outputs {
        self.take_name(name);
        let mut connected = vec![];
        let mut outputs = vec![];
        let mut nets = vec![];
        for port in module.ports() {
            match port.direction {
                Direction::Input => {
                    let driver = match port.name.as_str() {
                        "clk" | "rst" => Expression::signal(&port.name, 1),
                        port_name => inputs
                            .iter()
                            .find(|(input, _)| *input == port_name)
                            .unwrap_or_else(|| panic!("{name}: input {port_name} is not connected"))
                            .1
                            .clone(),
                    };
                    assert_eq!(driver.width(), port.width, "width of {name}.{}", port.name);
                    connected.push((port.name.clone(), driver));
                }
                Direction::Output => {
                    let net = format!("{name}_{}", port.name);
                    if !self.names.contains(&net) {
                        self.net(&net, port.width);
                    }
                    outputs.push((port.name.clone(), net.clone()));
                    nets.push((port.name.clone(), Expression::signal(&net, port.width)));
                }
            }
        }
        for (input, _) in inputs {
            assert!(
                connected.iter().any(|(port, _)| port == input),
                "{name}: {} has no input {input}",
                module.name()
            );
        }
        self.items.push(Item::Instance(Instance {
            name: name.into(),
            module: module.clone(),
            inputs: connected,
            outputs,
        }));
        Outputs(nets)
    }

    /// Drives a wire declared with [`Module::net`].
    pub fn drive(&mut self, net: &Expression, value: Expression) {
        assert_eq!(net.width(), value.width(), "width of {net:?}");
        let name = net.name().expect("a net is a signal");
        self.items.push(Item::Drive(name.into(), value));
    }

    /// Says that signals are not used, and that this is meant.
    pub fn unused(&mut self, signals: &[Expression]) {
        let name = self.free_name("unused_signals");
        self.take_name(&name);
        self.items.push(Item::Unused(name, signals.to_vec()));
    }
}

/// What the outputs of an instance drive.
#[derive(Clone, Debug)]
pub struct Outputs(Vec<(String, Expression)>);

impl Outputs {
    /// The net that a port drives.
    pub fn get(&self, port: &str) -> Expression {
        let found = self.0.iter().find(|(name, _)| name == port);
        found.unwrap_or_else(|| panic!("there is no output {port}")).1.clone()
    }
}

/// Bits that hold every number from 0 to `largest`, at least 1.
pub fn bits_for(largest: usize) -> usize {
    (usize::BITS - largest.leading_zeros()).max(1) as usize
}

/// Bits of the address of a memory of `depth` words, at least 1.
pub fn address_bits(depth: usize) -> usize {
    bits_for(depth.max(2) - 1)
}
