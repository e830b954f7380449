//! Writes beats, as bytes or as text that `$readmemh` reads.

use crate::error::ModelError;
use crate::output::write_bytes;
use crate::progress::Progress;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

/// Bytes of zeros written at a time; more only for a wider beat.
const ZEROS_AT_A_TIME: u64 = 1 << 16;

/// Writes an image from address 0 on.
pub(super) struct BeatWriter<'a> {
    pub path: &'a Path,
    pub writer: &'a mut dyn Write,
    pub progress: &'a dyn Progress,
    /// Bytes of a beat.
    pub beat_bytes: usize,
    /// As text, a beat in a line.
    pub hex: bool,
    /// The address of the next byte.
    pub address: u64,
}

impl BeatWriter<'_> {
    /// Writes whole beats.
    pub fn put(&mut self, beats: &[u8]) -> Result<(), ModelError> {
        self.address += beats.len() as u64;
        if self.hex {
            let text = hex_lines(beats, self.beat_bytes);
            write_bytes(self.path, self.writer, text.as_bytes(), self.progress)
        } else {
            write_bytes(self.path, self.writer, beats, self.progress)
        }
    }

    /// Writes zeros up to an address, a whole number of beats.
    pub fn pad_to(&mut self, address: u64) -> Result<(), ModelError> {
        let beat_bytes = self.beat_bytes as u64;
        let most = ZEROS_AT_A_TIME.next_multiple_of(beat_bytes);
        while self.address < address {
            let count = most.min(address - self.address);
            self.put(&vec![0; count as usize])?;
        }
        Ok(())
    }
}

/// A line for each beat: a number in hexadecimal, so the beat's last byte comes first.
fn hex_lines(beats: &[u8], beat_bytes: usize) -> String {
    let mut text = String::with_capacity(2 * beats.len() + beats.len() / beat_bytes);
    for beat in beats.chunks(beat_bytes) {
        for byte in beat.iter().rev() {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_is_a_number_in_a_line() {
        let beats: Vec<u8> = (0..16).map(|byte| byte * 16 + 1).collect();
        assert_eq!(hex_lines(&beats, 8), "7161514131211101\nf1e1d1c1b1a19181\n");
    }
}
