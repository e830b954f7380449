//! The models of a chip's cells that yosys comes with: those that a netlist uses, and nothing else. The files hold memories
//! and multipliers as well, which take yosys most of a minute to read, and include each other twice.

use super::super::yosys::share_folder;
use seedlm_hdl::options::Target;
use std::collections::BTreeMap;
use std::fs;

/// Files with the models of a family, and the first module of the file before which macros stand that the models need.
fn sources(target: Target) -> (&'static [&'static str], Option<&'static str>) {
    match target {
        Target::Xc7 => (&["xilinx/cells_sim.v"], None),
        Target::Ecp5 => (&["ecp5/common_sim.vh", "ecp5/ccu2c_sim.vh", "ecp5/cells_sim.v"], None),
        Target::Ice40 => (&["ice40/cells_sim.v"], Some("module SB_IO ")),
        Target::Portable => panic!("no chip is called portable"),
    }
}

/// The models of all cells that a netlist uses, as the text of one file.
pub fn models(netlist: &str, target: Target) -> String {
    let (files, macros_end) = sources(target);
    let mut text = String::new();
    let mut known = BTreeMap::new();
    for file in files {
        let path = share_folder().join(file);
        let file = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = without_timing(&file);
        if let Some(first) = macros_end {
            // Netlists connect every input. Verilator knows no inputs with defaults.
            text += "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n";
            text += &file[..file.find(first).expect("the file begins with macros")];
        }
        for (name, module) in modules(&file) {
            known.insert(name, module);
        }
    }
    let mut used = BTreeMap::new();
    add_used(netlist, &known, &mut used);
    for module in used.values() {
        text += module;
        text += "\n";
    }
    text
}

/// Adds the modules whose names a text has in it, and those that these name.
fn add_used<'a>(text: &str, known: &'a BTreeMap<String, String>, used: &mut BTreeMap<&'a str, &'a str>) {
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        if let Some((name, module)) = known.get_key_value(word)
            && used.insert(name, module).is_none()
        {
            add_used(module, known, used);
        }
    }
}

/// The text without `specify` blocks: not every simulator reads all of them.
fn without_timing(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let first = line.trim();
        let starts = first == "specify";
        let ends = first == "endspecify";
        inside = (inside || starts) && !ends;
        !inside && !ends
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The modules of a file by name.
fn modules(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("module ") else {
            continue;
        };
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        let mut module = format!("{line}\n");
        // A module may stand on one line.
        let mut ended = line.trim_end().ends_with("endmodule");
        while !ended {
            let line = lines.next().expect("a module ends");
            module += line;
            module += "\n";
            ended = line.starts_with("endmodule");
        }
        found.push((name.expect("a module has a name").to_string(), module));
    }
    found
}
