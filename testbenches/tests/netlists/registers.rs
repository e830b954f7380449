//! Which register of a netlist is which of the lane it was made of.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A wire of one bit: a number, or the constant 0, 1 or x.
type Bit = String;

/// A register of one bit.
struct Register {
    takes: Bit,
    holds: Bit,
}

/// A design as yosys writes it.
pub struct Registers {
    registers: BTreeMap<String, Register>,
    /// Names that a bit has, each with its index: `name[3]`.
    names: HashMap<Bit, Vec<String>>,
}

fn bits(value: &Value) -> Vec<Bit> {
    let array = value.as_array().expect("bits are an array");
    array
        .iter()
        .map(|bit| bit.as_str().map_or_else(|| bit.to_string(), str::to_string))
        .collect()
}

fn single(value: &Value) -> Bit {
    let [bit] = bits(value).try_into().expect("a port of one bit");
    bit
}

impl Registers {
    /// Reads what `write_json` has written.
    pub fn read(text: &str, module: &str) -> Self {
        let design: Value = serde_json::from_str(text).expect("yosys writes JSON");
        let module = &design["modules"][module];
        let cells = module["cells"].as_object().expect("a module has cells");
        let registers = cells
            .iter()
            .filter(|(_, cell)| cell["type"].as_str().expect("a type").starts_with("$_DFF"));
        let registers = registers.map(|(name, cell)| {
            let port = |name: &str| single(&cell["connections"][name]);
            let register = Register {
                takes: port("D"),
                holds: port("Q"),
            };
            (name.clone(), register)
        });
        let mut names: HashMap<Bit, Vec<String>> = HashMap::new();
        for (name, net) in module["netnames"].as_object().expect("a module has names") {
            if net["hide_name"] != 0 {
                continue;
            }
            for (index, bit) in bits(&net["bits"]).into_iter().enumerate() {
                names.entry(bit).or_default().push(format!("{name}[{index}]"));
            }
        }
        Registers {
            registers: registers.collect(),
            names,
        }
    }

    /// The registers' names, in an order that stays.
    pub fn cells(&self) -> Vec<&str> {
        self.registers.keys().map(String::as_str).collect()
    }

    /// What a register is called in the Verilog.
    pub fn called(&self, cell: &str) -> String {
        self.names
            .get(&self.registers[cell].holds)
            .map_or_else(|| cell.to_string(), |names| names.join(" = "))
    }

    fn bits_by_name(&self) -> HashMap<&str, &Bit> {
        let names = self.names.iter();
        names
            .flat_map(|(bit, names)| names.iter().map(move |name| (name.as_str(), bit)))
            .collect()
    }

    fn registers_by_bit(&self) -> HashMap<&Bit, &str> {
        self.registers
            .iter()
            .map(|(cell, register)| (&register.holds, cell.as_str()))
            .collect()
    }
}

/// What an input of a row of adders may be called in a netlist: a chip's rows have a carry chain inside, and where a wire has
/// several names, the tool keeps one. In ECP5's chains half a cell comes before the first bit; of two rows in one chain this is
/// about the first.
fn inner_names(name: &str) -> Vec<String> {
    let inner = [("a", "a"), ("b", "c"), ("yes", "b"), ("no", "c")];
    let renamed = inner.iter().filter_map(|(port, of_chain)| {
        let (row, index) = name.split_once(&format!("_row.{port}["))?;
        Some(format!("{row}_row.chain.{of_chain}[{index}"))
    });
    let of_cell = name.split_once("_row.a[").and_then(|(row, index)| {
        let place = index.strip_suffix(']')?.parse::<usize>().ok()? + 1;
        Some(format!("{row}_row.chain.cells[{}].pair.A{}[0]", place / 2, place % 2))
    });
    renamed.chain(of_cell).collect()
}

/// For the lane's registers, the one of the netlist that holds the same: several may have become one. A pair found here is
/// no more than a guess that a proof confirms.
///
/// First by name; then, along the copies that are held back and lie in a shift register without names, by what they take:
/// a copy that takes what a pair of registers holds is a pair with the other's copy, and so is what a pair of copies takes.
pub fn pairs(lane: &Registers, netlist: &Registers) -> BTreeMap<String, String> {
    let (bit_of_name, register_of_bit) = (netlist.bits_by_name(), netlist.registers_by_bit());
    let counterpart = |bit: &Bit| {
        let names = lane.names.get(bit)?;
        let inside = |name: &String| inner_names(name);
        let mut spelled = names.iter().cloned().chain(names.iter().flat_map(inside));
        spelled.find_map(|name| bit_of_name.get(name.as_str()).copied())
    };
    let mut pairs = BTreeMap::new();
    for (cell, register) in &lane.registers {
        if let Some(other) = counterpart(&register.holds).and_then(|bit| register_of_bit.get(bit)) {
            pairs.insert(cell.clone(), other.to_string());
        }
    }
    let lane_register_of_bit = lane.registers_by_bit();
    loop {
        let mut found = Vec::new();
        let paired: BTreeSet<&str> = pairs.values().map(String::as_str).collect();
        // The netlist's wire for a wire of the lane: that of a pair, or an input.
        let same = |bit: &Bit| match lane_register_of_bit.get(bit) {
            Some(&cell) => pairs.get(cell).map(|other| &netlist.registers[other].holds),
            None => counterpart(bit),
        };
        for (cell, register) in &lane.registers {
            match pairs.get(cell) {
                None => {
                    let takes = same(&register.takes);
                    let other = netlist
                        .registers
                        .iter()
                        .find(|(other, copy)| Some(&copy.takes) == takes && !paired.contains(other.as_str()));
                    found.extend(other.map(|(other, _)| (cell.clone(), other.clone())));
                }
                Some(other) => {
                    let before = lane_register_of_bit.get(&register.takes);
                    let other_before = register_of_bit.get(&netlist.registers[other].takes);
                    if let (Some(&before), Some(&other_before)) = (before, other_before)
                        && !pairs.contains_key(before)
                        && !paired.contains(other_before)
                    {
                        found.push((before.to_string(), other_before.to_string()));
                    }
                }
            }
        }
        if found.is_empty() {
            return pairs;
        }
        pairs.extend(found);
    }
}

/// The registers of the netlist that are in no pair, and hold what a paired one of the lane does: a tool may make copies of a register
/// that the lane has once. By name; a guess as well.
pub fn copies(lane: &Registers, netlist: &Registers, pairs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let (bit_of_name, register_of_bit) = (lane.bits_by_name(), lane.registers_by_bit());
    let paired: BTreeSet<&str> = pairs.values().map(String::as_str).collect();
    let unpaired = netlist
        .registers
        .iter()
        .filter(|(cell, _)| !paired.contains(cell.as_str()));
    let copies = unpaired.filter_map(|(cell, register)| {
        let names = netlist.names.get(&register.holds)?;
        let mut originals = names
            .iter()
            .filter_map(|name| register_of_bit.get(*bit_of_name.get(name.as_str())?));
        let original = originals.find(|original| pairs.contains_key(**original))?;
        Some((cell.clone(), original.to_string()))
    });
    copies.collect()
}
