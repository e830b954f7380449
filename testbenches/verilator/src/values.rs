//! Values of ports, as numbers, words and bytes.

use crate::handle::PortHandle;
use crate::model::Model;
use crate::ports::Direction;

impl Model {
    /// Sets an input; the upper bits of a port of more than 64 bits become 0.
    #[track_caller]
    pub fn set(&mut self, port: PortHandle, value: u64) {
        let fits = port.width_bits >= 64 || value >> port.width_bits == 0;
        assert!(fits, "{value:#x} does not fit {}", self.checked(port));
        self.set_from(port, |index| match index {
            0 => value as u32,
            1 => (value >> 32) as u32,
            _ => 0,
        });
    }

    /// Reads a port of at most 64 bits.
    #[track_caller]
    pub fn get(&self, port: PortHandle) -> u64 {
        let declared = self.checked(port);
        assert!(
            port.width_bits <= 64,
            "{declared} has more than 64 bits: use get_words or get_bytes"
        );
        let word = |index| u64::from(self.library.read_word(port.index as usize, index));
        match port.word_count() {
            1 => word(0),
            _ => word(0) | word(1) << 32,
        }
    }

    /// Sets an input from exactly [`PortHandle::word_count`] words.
    #[track_caller]
    pub fn set_words(&mut self, port: PortHandle, words: &[u32]) {
        self.expect_length(port, words.len(), port.word_count(), "words");
        self.set_from(port, |index| words[index]);
    }

    /// Reads a port into exactly [`PortHandle::word_count`] words.
    #[track_caller]
    pub fn get_words(&self, port: PortHandle, words: &mut [u32]) {
        self.expect_length(port, words.len(), port.word_count(), "words");
        for (index, word) in words.iter_mut().enumerate() {
            *word = self.library.read_word(port.index as usize, index);
        }
    }

    /// Sets an input from exactly [`PortHandle::byte_count`] bytes.
    #[track_caller]
    pub fn set_bytes(&mut self, port: PortHandle, bytes: &[u8]) {
        self.expect_length(port, bytes.len(), port.byte_count(), "bytes");
        self.set_from(port, |index| {
            let end = bytes.len().min(4 * index + 4);
            bytes[4 * index..end]
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u32::from(*byte))
        });
    }

    /// Reads a port into exactly [`PortHandle::byte_count`] bytes.
    #[track_caller]
    pub fn get_bytes(&self, port: PortHandle, bytes: &mut [u8]) {
        self.expect_length(port, bytes.len(), port.byte_count(), "bytes");
        for (index, part) in bytes.chunks_mut(4).enumerate() {
            let word = self.library.read_word(port.index as usize, index).to_le_bytes();
            part.copy_from_slice(&word[..part.len()]);
        }
    }

    #[track_caller]
    fn set_from(&mut self, port: PortHandle, word: impl Fn(usize) -> u32) {
        let declared = self.checked(port);
        assert!(declared.direction == Direction::Input, "{declared} is not an input");
        for index in 0..port.word_count() {
            let value = word(index);
            let surplus = value & !port.word_mask(index);
            assert!(
                surplus == 0,
                "word {index}, {value:#x}, does not fit {}",
                self.checked(port)
            );
            self.library.write_word(port.index as usize, index, value);
        }
        self.is_settled = false;
    }

    #[track_caller]
    fn expect_length(&self, port: PortHandle, length: usize, expected: usize, unit: &str) {
        let declared = self.checked(port);
        assert!(length == expected, "{declared} has {expected} {unit}, not {length}");
    }
}
