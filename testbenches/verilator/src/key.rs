//! A name for everything that a built file depends on.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Gathers parts, and gives the same name for the same parts only.
#[derive(Clone, Default)]
pub(crate) struct Key(Sha256);

impl Key {
    /// Lengths are hashed too: otherwise text could move from one part to its neighbour without a new name.
    pub(crate) fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// 128 bits are enough to never meet by chance, and keep file names short.
    pub(crate) fn name(self) -> String {
        self.0.finalize()[..16].iter().fold(String::new(), |mut name, byte| {
            write!(name, "{byte:02x}").expect("writing to a string does not fail");
            name
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borders_of_parts_count() {
        let name = |parts: &[&str]| parts.iter().fold(Key::default(), Key::part).name();
        assert_eq!(name(&["ab", "c"]), name(&["ab", "c"]));
        assert_ne!(name(&["ab", "c"]), name(&["a", "bc"]));
        assert_ne!(name(&["ab"]), name(&["ab", ""]));
        assert_eq!(name(&[]).len(), 32);
    }
}
