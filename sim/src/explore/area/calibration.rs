//! The codes whose areas the formula is fitted to.

use super::super::code_point::CodePoint;
use super::super::grid::Grid;
use super::super::numbers::Numbers;
use seedlm_codec::{ChainMap, ChainedCode, Code, Lfsr};

/// Lengths of windows of the maps that are made for the fit, in bits.
const LENGTHS: [u32; 3] = [12, 16, 20];
/// Their fields, in bits each.
const FIELDS: [&[usize]; 4] = [&[4, 4], &[3, 3, 3], &[4, 4, 4], &[4, 4, 4, 4]];

/// All block codes that store 3 or 4 bits per weight with registers of up to 16 bits, some others, all presets, and chained codes whose maps are jumps of the register.
pub fn calibration_codes() -> Vec<Code> {
    let mut codes: Vec<Code> = Vec::new();
    let mut add = |code: Code| {
        if !codes.contains(&code) {
            codes.push(code);
        }
    };
    let [sizes, latent, lengths, bits] =
        ["1:64", "1:8", "2:16", "3:4"].map(|text| text.parse::<Numbers>().expect("they are numbers"));
    let mut grid = Grid::default();
    grid.add_block_codes("calibration", &sizes, &latent, &lengths, Some(&bits))
        .expect("they are in range");
    grid.codes().iter().for_each(|point| add(point.code().clone()));
    for length in [12, 16] {
        for latent in 2..=4 {
            for size in [6, 8, 10, 12, 16] {
                let point = CodePoint::block(size, latent, length).expect("it is in range");
                add(point.code().clone());
            }
        }
    }
    for name in Code::presets() {
        add(Code::preset(name).expect("it is a preset"));
    }
    for length in LENGTHS {
        let register = Lfsr::paper(length).expect("it is in range");
        for (jump, fields) in FIELDS.iter().enumerate() {
            let map = ChainMap::from_lfsr(&register, 8 * jump, fields);
            let code = map.and_then(|map| ChainedCode::new(4, map));
            // A jump may leave out the newest bit: then there is no such code.
            if let Ok(code) = code {
                add(Code::Chained(code));
            }
        }
    }
    codes
}
