//! Modules as rust-hdl blocks: for its simulator, its waves and its checks.
//!
//! Its simulator is a first look at a module and no proof: what counts is Verilator on the text.

use super::expression::Expression;
use super::items::{Direction as PortDirection, Item, Register};
use super::module::Module;
use super::signal::WideSignal;
use num_bigint::BigUint;
use rust_hdl_core::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// A [`Module`] that rust-hdl can run.
pub struct HdlBlock {
    module: Rc<Module>,
    /// The clock.
    pub clk: Signal<In, Clock>,
    inputs: Vec<(String, WideSignal<In>)>,
    outputs: Vec<(String, WideSignal<Out>)>,
    inside: Vec<(String, HdlBlock)>,
    /// Registers, read ports of memories and words of memories (by name and address) that are not zero.
    registers: HashMap<String, BigUint>,
    words: BTreeMap<(String, BigUint), BigUint>,
}

impl HdlBlock {
    /// The module and everything inside it, all registers zero.
    pub fn new(module: &Rc<Module>) -> Self {
        let ports = |direction| {
            let ports = module.ports().iter();
            ports.filter(move |port| port.direction == direction && port.name != "clk")
        };
        HdlBlock {
            module: module.clone(),
            clk: Default::default(),
            inputs: ports(PortDirection::Input)
                .map(|port| (port.name.clone(), WideSignal::new(port.width)))
                .collect(),
            outputs: ports(PortDirection::Output)
                .map(|port| (port.name.clone(), WideSignal::new(port.width)))
                .collect(),
            inside: module
                .items
                .iter()
                .filter_map(|item| match item {
                    Item::Instance(instance) => Some((instance.name.clone(), HdlBlock::new(&instance.module))),
                    _ => None,
                })
                .collect(),
            registers: HashMap::new(),
            words: BTreeMap::new(),
        }
    }

    /// Drives an input.
    pub fn set(&mut self, name: &str, value: impl Into<BigUint>) {
        let input = self.inputs.iter_mut().find(|(input, _)| input == name);
        input.unwrap_or_else(|| panic!("there is no input {name}")).1.next = value.into();
    }

    /// Reads an output.
    pub fn get(&self, name: &str) -> &BigUint {
        let output = self.outputs.iter().find(|(output, _)| output == name);
        output.unwrap_or_else(|| panic!("there is no output {name}")).1.val()
    }

    /// Every signal of the module by name.
    fn signals(&self) -> HashMap<String, BigUint> {
        let mut signals = self.registers.clone();
        for (name, input) in &self.inputs {
            signals.insert(name.clone(), input.val().clone());
        }
        for (instance, block) in &self.inside {
            for (port, output) in &block.outputs {
                signals.insert(format!("{instance}_{port}"), output.val().clone());
            }
        }
        for item in &self.module.items {
            let (name, value) = match item {
                Item::Wire(name, value) | Item::Drive(name, value) => (name, value),
                Item::Row(row) => (&row.name, &row.value),
                Item::Choice(choice) => {
                    let selected = evaluate(&choice.selector, &signals);
                    let arm = choice
                        .arms
                        .iter()
                        .find(|(labels, _)| labels.iter().any(|&label| BigUint::from(label) == selected));
                    (&choice.name, arm.map_or(&choice.otherwise, |(_, value)| value))
                }
                _ => continue,
            };
            let value = evaluate(value, &signals);
            signals.insert(name.clone(), value);
        }
        signals
    }

    fn clock_edge(&mut self) {
        let signals = self.signals();
        let is_on = |condition: &Option<Expression>| {
            condition
                .as_ref()
                .is_none_or(|condition| evaluate(condition, &signals).bit(0))
        };
        let is_cleared = |register: &Register| {
            let clear = register.clear.as_ref();
            clear.is_some_and(|clear| evaluate(clear, &signals).bit(0))
        };
        for item in &self.module.items {
            match item {
                Item::Register(register) if is_cleared(register) => {
                    self.registers.remove(&register.name);
                }
                Item::Register(register) if is_on(&register.enable) => {
                    let next = register.next.as_ref().expect("every register is set");
                    self.registers.insert(register.name.clone(), evaluate(next, &signals));
                }
                Item::Memory(memory) => {
                    if is_on(&memory.read) {
                        let key = (memory.name.clone(), evaluate(&memory.read_address, &signals));
                        let word = self.words.get(&key).cloned().unwrap_or_default();
                        self.registers.insert(memory.read_data.clone(), word);
                    }
                    if evaluate(&memory.write, &signals).bit(0) {
                        let key = (memory.name.clone(), evaluate(&memory.write_address, &signals));
                        self.words.insert(key, evaluate(&memory.write_data, &signals));
                    }
                }
                _ => {}
            }
        }
    }
}

fn evaluate(value: &Expression, signals: &HashMap<String, BigUint>) -> BigUint {
    value.evaluate(&|name| signals.get(name).cloned().unwrap_or_default())
}

impl Logic for HdlBlock {
    fn update(&mut self) {
        if self.clk.pos_edge() {
            self.clock_edge();
        }
        let signals = self.signals();
        let module = self.module.clone();
        for item in &module.items {
            match item {
                Item::Output(name, value) => {
                    let output = self.outputs.iter_mut().find(|(output, _)| output == name);
                    output.expect("every output is a port").1.next = evaluate(value, &signals);
                }
                Item::Instance(instance) => {
                    let inside = self.inside.iter_mut().find(|(name, _)| *name == instance.name);
                    let block = &mut inside.expect("every instance is a block").1;
                    block.clk.next = self.clk.val();
                    for (port, driver) in &instance.inputs {
                        if port != "clk" {
                            block.set(port, evaluate(driver, &signals));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn connect(&mut self) {
        for (_, output) in &mut self.outputs {
            output.connect();
        }
        for (_, block) in &mut self.inside {
            block.clk.connect();
            for (_, input) in &mut block.inputs {
                input.connect();
            }
        }
    }

    /// Empty: rust-hdl's generator would put a text of ours inside a module of its own. [`super::print`] writes Verilog.
    fn hdl(&self) -> Verilog {
        Verilog::Empty
    }
}

impl Block for HdlBlock {
    fn connect_all(&mut self) {
        self.connect();
        for (_, block) in &mut self.inside {
            block.connect_all();
        }
    }

    fn update_all(&mut self) {
        self.clk.update_all();
        for (_, input) in &mut self.inputs {
            input.update_all();
        }
        for (_, block) in &mut self.inside {
            block.update_all();
        }
        self.update();
        for (_, output) in &mut self.outputs {
            output.update_all();
        }
    }

    fn has_changed(&self) -> bool {
        self.clk.has_changed()
            || self.inputs.iter().any(|(_, input)| input.has_changed())
            || self.outputs.iter().any(|(_, output)| output.has_changed())
            || self.inside.iter().any(|(_, block)| block.has_changed())
    }

    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        self.clk.accept("clk", probe);
        for (name, input) in &self.inputs {
            input.accept(name, probe);
        }
        for (name, output) in &self.outputs {
            output.accept(name, probe);
        }
        for (name, block) in &self.inside {
            block.accept(name, probe);
        }
        probe.visit_end_scope(name, self);
    }
}
