//! Cells of a netlist, in the units in which a family of chips is sold.

use super::SynthesisError;
use crate::options::Target;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many cells of each type a netlist has.
pub type Cells = BTreeMap<String, u64>;

/// What a netlist takes of a chip.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Look-up tables: 6-input ones of 7-series, else 4-input ones. Those that hold data and, on ECP5, those that are the carry
    /// cells are among them.
    pub luts: u64,
    /// Those of them that are memories or shift registers.
    pub memory_luts: u64,
    /// Flip-flops.
    pub flip_flops: u64,
    /// Carry cells: CARRY4 of 4 bits, CCU2C of 2 bits, SB_CARRY of 1 bit.
    pub carries: u64,
    /// Block memories: 36 kbit on 7-series, where half a one can be used, 18 kbit on ECP5, 4 kbit on iCE40.
    pub block_rams: f64,
    /// Multipliers: DSP48E1, MULT18X18D, SB_MAC16.
    pub dsps: u64,
}

/// Look-up tables that are taken by memories of look-up tables. Xilinx UG474 and UG953; Lattice FPGA-TN-02204 for DPR16X4,
/// which takes four tables and the write port of two more.
const MEMORIES: [(&str, u64); 17] = [
    ("SRL16E", 1),
    ("SRLC16E", 1),
    ("SRLC32E", 1),
    ("RAM32X1S", 1),
    ("RAM64X1S", 1),
    ("RAM32X1D", 2),
    ("RAM64X1D", 2),
    ("RAM128X1S", 2),
    ("RAM128X1D", 4),
    ("RAM256X1S", 4),
    ("RAM32M", 4),
    ("RAM64M", 4),
    ("RAM32X2S", 2),
    ("RAM16X1D", 2),
    ("RAM32M16", 8),
    ("RAM64M8", 8),
    ("TRELLIS_DPR16X4", 6),
];

/// Cells that take none of what is counted: names of scopes, wider multiplexers and buffers of clocks.
const FREE: [&str; 10] = [
    "$scopeinfo",
    "BUFG",
    "MUXF7",
    "MUXF8",
    "MUXF9",
    "PFUMX",
    "L6MUX21",
    "VCC",
    "GND",
    "SB_GB",
];

impl Area {
    /// The area of a netlist for a target.
    ///
    /// # Errors
    /// [`SynthesisError::Unreadable`] when there is a cell whose area is not known: leaving it out would be too little.
    pub fn of(target: Target, cells: &Cells) -> Result<Area, SynthesisError> {
        let mut area = Area::default();
        for (name, &count) in cells {
            let name = name.as_str();
            if let Some((_, luts)) = MEMORIES.iter().find(|(memory, _)| *memory == name) {
                area.memory_luts += luts * count;
                area.luts += luts * count;
                continue;
            }
            match (target, name) {
                (Target::Xc7, "LUT1" | "LUT2" | "LUT3" | "LUT4" | "LUT5" | "LUT6" | "LUT6_2" | "INV") => {
                    area.luts += count;
                }
                (Target::Xc7, "FDRE" | "FDSE" | "FDCE" | "FDPE") => area.flip_flops += count,
                (Target::Xc7, "CARRY4") => area.carries += count,
                (Target::Xc7, "RAMB18E1") => area.block_rams += count as f64 / 2.0,
                (Target::Xc7, "RAMB36E1") => area.block_rams += count as f64,
                (Target::Xc7, "DSP48E1") => area.dsps += count,
                (Target::Ecp5, "LUT4") => area.luts += count,
                (Target::Ecp5, "CCU2C") => {
                    area.carries += count;
                    area.luts += 2 * count;
                }
                (Target::Ecp5, "TRELLIS_FF") => area.flip_flops += count,
                (Target::Ecp5, "DP16KD") => area.block_rams += count as f64,
                (Target::Ecp5, "MULT18X18D") => area.dsps += count,
                (Target::Ice40, "SB_LUT4") => area.luts += count,
                (Target::Ice40, "SB_CARRY") => area.carries += count,
                (Target::Ice40, "SB_MAC16") => area.dsps += count,
                (Target::Ice40, name) if name.starts_with("SB_DFF") => area.flip_flops += count,
                (Target::Ice40, name) if name.starts_with("SB_RAM40_4K") => area.block_rams += count as f64,
                (_, name) if FREE.contains(&name) => {}
                _ => {
                    let reason = format!("nobody has said what a cell {name} takes of {target}");
                    return Err(SynthesisError::unreadable("what yosys has counted", reason));
                }
            }
        }
        Ok(area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(cells: &[(&str, u64)]) -> Cells {
        cells.iter().map(|(name, count)| (name.to_string(), *count)).collect()
    }

    #[test]
    fn each_cell_counts_as_what_it_takes() {
        let xilinx = [
            ("$scopeinfo", 40),
            ("BUFG", 1),
            ("CARRY4", 10),
            ("DSP48E1", 3),
            ("FDRE", 70),
            ("FDSE", 7),
            ("INV", 1),
            ("LUT1", 1),
            ("LUT6", 20),
            ("LUT6_2", 30),
            ("MUXF7", 9),
            ("RAM32M", 2),
            ("RAM64X1D", 1),
            ("RAMB18E1", 3),
            ("SRL16E", 5),
        ];
        let expected = Area {
            luts: 52 + 8 + 2 + 5,
            memory_luts: 15,
            flip_flops: 77,
            carries: 10,
            block_rams: 1.5,
            dsps: 3,
        };
        assert_eq!(Area::of(Target::Xc7, &cells(&xilinx)).unwrap(), expected);
        let lattice = [("CCU2C", 10), ("LUT4", 5), ("TRELLIS_DPR16X4", 1), ("TRELLIS_FF", 8)];
        let area = Area::of(Target::Ecp5, &cells(&lattice)).unwrap();
        assert_eq!((area.luts, area.memory_luts, area.carries), (31, 6, 10));
        let small = [
            ("SB_CARRY", 3),
            ("SB_DFFESR", 4),
            ("SB_DFF", 2),
            ("SB_LUT4", 9),
            ("SB_MAC16", 1),
        ];
        let area = Area::of(Target::Ice40, &cells(&small)).unwrap();
        assert_eq!((area.luts, area.flip_flops, area.dsps), (9, 6, 1));
    }

    #[test]
    fn a_cell_of_another_family_is_not_left_out() {
        let error = Area::of(Target::Ecp5, &cells(&[("LUT6", 1)])).unwrap_err().to_string();
        assert!(error.contains("a cell LUT6 takes of ecp5"), "{error}");
    }
}
