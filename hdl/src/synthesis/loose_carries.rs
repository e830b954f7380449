//! Ends of carry chains that lead nowhere.
//!
//! yosys puts a net on the carry output of the last cell of every chain, and nextpnr-ecp5 makes two look-up tables to lead that
//! net out of the chain, though nobody reads it. In the netlist such outputs are taken off their nets: `x`, not connected. So is
//! a constant at the carry input of a cell whose first half ignores it, as rows of adders begin (`hdl/rows/ecp5.v`): the
//! constant would take two tables more.

use super::SynthesisError;
use serde_json::Value;
use std::collections::BTreeSet;

/// The netlist without those nets, in all of its modules, and how many there were.
///
/// # Errors
/// [`SynthesisError::Unreadable`] when the text is no netlist as yosys writes it.
pub fn take_off(netlist: &str) -> Result<(String, usize), SynthesisError> {
    let wrong = |reason: &str| SynthesisError::unreadable("the netlist of yosys", reason);
    let mut all: Value = serde_json::from_str(netlist).map_err(|error| wrong(&error.to_string()))?;
    let modules = all.get_mut("modules").and_then(Value::as_object_mut);
    let modules = modules.ok_or_else(|| wrong("it has no modules"))?;
    let taken = modules.values_mut().map(take_off_module).sum();
    Ok((all.to_string(), taken))
}

fn take_off_module(module: &mut Value) -> usize {
    let mut read = BTreeSet::new();
    let mut reads = |bits: &Value| read.extend(bits.as_array().into_iter().flatten().filter_map(Value::as_u64));
    for port in objects(&module["ports"]) {
        reads(&port["bits"]);
    }
    for cell in objects(&module["cells"]) {
        for (port, bits) in cell["connections"].as_object().into_iter().flatten() {
            if cell["port_directions"][port] != "output" {
                reads(bits);
            }
        }
    }
    let mut taken = 0;
    let cells = module.get_mut("cells").and_then(Value::as_object_mut).into_iter();
    for cell in cells
        .flat_map(|cells| cells.values_mut())
        .filter(|cell| cell["type"] == "CCU2C")
    {
        let bit = &mut cell["connections"]["COUT"][0];
        if bit.as_u64().is_some_and(|net| !read.contains(&net)) {
            *bit = "x".into();
            taken += 1;
        }
        if ignores_carry(cell, &read) {
            cell["connections"]["CIN"][0] = "x".into();
            taken += 1;
        }
    }
    taken
}

/// Whether a constant comes in as carry that changes nothing: the first table is 0 throughout, so the carry out of its half is
/// 0 too, and nobody reads the sum.
fn ignores_carry(cell: &Value, read: &BTreeSet<u64>) -> bool {
    let table = cell["parameters"]["INIT0"].as_str();
    let is_zero = table.is_some_and(|table| !table.is_empty() && table.bytes().all(|digit| digit == b'0'));
    let is_constant = matches!(cell["connections"]["CIN"][0].as_str(), Some("0" | "1"));
    let sum = cell["connections"]["S0"][0].as_u64();
    is_zero && is_constant && !sum.is_some_and(|net| read.contains(&net))
}

fn objects(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_object().into_iter().flat_map(|members| members.values())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_carries_that_nobody_reads_are_taken_off() {
        let cell = |kind: &str, carry: u64, input: u64| {
            json!({
                "type": kind,
                "port_directions": {"CIN": "input", "COUT": "output"},
                "connections": {"CIN": [input], "COUT": [carry]},
            })
        };
        let netlist = json!({"modules": {"top": {
            "ports": {"out": {"direction": "output", "bits": [5]}},
            "cells": {
                "read by a cell": cell("CCU2C", 3, 2),
                "read by nobody": cell("CCU2C", 4, 3),
                "read by a port": cell("CCU2C", 5, 2),
                "no carry": cell("LUT4", 6, 2),
            },
        }}});
        let (text, taken) = take_off(&netlist.to_string()).unwrap();
        let mut expected = netlist;
        expected["modules"]["top"]["cells"]["read by nobody"]["connections"]["COUT"][0] = "x".into();
        assert_eq!((serde_json::from_str::<Value>(&text).unwrap(), taken), (expected, 1));
    }

    #[test]
    fn a_constant_carry_is_taken_off_where_nothing_depends_on_it() {
        let cell = |carry: Value, table: &str, sum: u64| {
            json!({
                "type": "CCU2C",
                "parameters": {"INIT0": table},
                "port_directions": {"CIN": "input", "S0": "output", "COUT": "output"},
                "connections": {"CIN": [carry], "S0": [sum], "COUT": [5]},
            })
        };
        let zero = "0000000000000000";
        let netlist = json!({"modules": {"top": {
            "ports": {"out": {"direction": "output", "bits": [5, 7]}},
            "cells": {
                "begins a row": cell("0".into(), zero, 6),
                "adds": cell("0".into(), "1001011010101010", 6),
                "shows its carry": cell("0".into(), zero, 7),
                "goes on": cell(3.into(), zero, 6),
            },
        }}});
        let (text, taken) = take_off(&netlist.to_string()).unwrap();
        let mut expected = netlist;
        expected["modules"]["top"]["cells"]["begins a row"]["connections"]["CIN"][0] = "x".into();
        assert_eq!((serde_json::from_str::<Value>(&text).unwrap(), taken), (expected, 1));
    }

    #[test]
    fn what_is_no_netlist_is_refused() {
        for text in ["", "{}", r#"{"modules": []}"#] {
            let error = take_off(text).unwrap_err().to_string();
            assert!(error.starts_with("the netlist of yosys: "), "{error}");
        }
    }
}
