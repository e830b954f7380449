//! The files of a board: Verilog, pins, and the script that makes its bitstream.

use super::self_test::{Timing, self_test};
use super::tensor::TestTensor;
use crate::generate::{GeneratedFile, sources_below};
use crate::options::{Options, Target};
use crate::synthesis::tools::Program;
use seedlm_codec::{CodecError, Crc32, WeightFormat};

/// Bits a second on the UART's line.
pub const BAUD: usize = 115_200;

/// A board that a self-test can be built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Name, which is that of the top module, too.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Frequency of its clock, in Hz.
    pub clock_hz: usize,
    /// Name of the bitstream.
    pub bitstream: &'static str,
    /// The programs that place and route, and that pack the bitstream.
    pub tools: [Program; 2],
    /// Its name for openFPGALoader.
    pub loader_name: &'static str,
    target: Target,
    /// Names of the files that are the board's own, and their texts.
    own_files: [(&'static str, &'static str); 3],
}

/// All of them.
pub const BOARDS: [Board; 2] = [
    Board {
        name: "icebreaker",
        title: "iCEBreaker v1.0 (iCE40 UP5K)",
        clock_hz: 12_000_000,
        bitstream: "icebreaker.bin",
        tools: [Program::NextpnrIce40, Program::Icepack],
        loader_name: "ice40_generic",
        target: Target::Ice40,
        own_files: [
            ("icebreaker.v", include_str!("../../boards/icebreaker/top.v")),
            ("icebreaker.pcf", include_str!("../../boards/icebreaker/icebreaker.pcf")),
            ("build.sh", include_str!("../../boards/icebreaker/build.sh")),
        ],
    },
    Board {
        name: "ulx3s",
        title: "ULX3S (ECP5 LFE5U-85F)",
        clock_hz: 25_000_000,
        bitstream: "ulx3s.bit",
        tools: [Program::NextpnrEcp5, Program::Ecppack],
        loader_name: "ulx3s",
        target: Target::Ecp5,
        own_files: [
            ("ulx3s.v", include_str!("../../boards/ulx3s/top.v")),
            ("ulx3s.lpf", include_str!("../../boards/ulx3s/ulx3s.lpf")),
            ("build.sh", include_str!("../../boards/ulx3s/build.sh")),
        ],
    },
];

/// A board's files, and what its test does.
#[derive(Clone, Debug)]
pub struct Project {
    /// All files.
    pub files: Vec<GeneratedFile>,
    /// The checksum that the test must find.
    pub expected: Crc32,
    /// Weights that a test regenerates.
    pub weights: usize,
    /// Bits of the ROM.
    pub rom_bits: usize,
}

impl Board {
    /// The board of that name.
    pub fn named(name: &str) -> Option<Board> {
        BOARDS.into_iter().find(|board| board.name == name)
    }

    /// The UART's bits by the board's clock, and a pause of a second.
    pub fn timing(&self) -> Timing {
        Timing {
            cycles_per_bit: (self.clock_hz + BAUD / 2) / BAUD,
            pause_cycles: self.clock_hz,
        }
    }

    /// The files with the tensor in the code of that name.
    ///
    /// # Errors
    /// [`CodecError::UnknownPreset`] when there is no tensor in that code.
    pub fn project(&self, weights: &str, timing: Timing) -> Result<Project, CodecError> {
        let tensor = TestTensor::named(weights)?;
        let format = WeightFormat::Chained(tensor.code()?);
        let options = Options::written_for(self.target);
        let test = self_test(&tensor, timing, &options)?;
        let config = super::self_test::decoder_config(&format);
        let mut files = sources_below(&test.module, &config, &format, &options);
        let own = |(name, text): (&str, &str)| GeneratedFile {
            name: name.into(),
            text: text.into(),
        };
        files.extend(self.own_files.map(own));
        let names = files.iter().filter(|file| file.name.ends_with(".v"));
        let list = names.map(|file| format!("{}\n", file.name)).collect();
        files.push(GeneratedFile {
            name: "sources.f".into(),
            text: list,
        });
        Ok(Project {
            files,
            expected: test.expected,
            weights: test.weights,
            rom_bits: test.rom_bits,
        })
    }
}
