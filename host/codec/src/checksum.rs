//! Checksums: CRC-32 as in zlib, written as 8 lowercase hexadecimal digits.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A CRC-32 (IEEE 802.3, as in zlib).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Crc32(pub u32);

impl Crc32 {
    /// The checksum of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Crc32(crc32fast::hash(bytes))
    }
}

impl fmt::Display for Crc32 {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

impl From<Crc32> for String {
    fn from(crc: Crc32) -> String {
        crc.to_string()
    }
}

impl TryFrom<String> for Crc32 {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        // Parsing alone would take upper case, fewer digits and a plus sign too.
        u32::from_str_radix(&text, 16)
            .ok()
            .map(Crc32)
            .filter(|crc| crc.to_string() == text)
            .ok_or_else(|| format!("{text:?} is not a checksum of 8 lowercase hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_zlibs_and_their_text_is_exact() {
        assert_eq!(Crc32::of(b"123456789").to_string(), "cbf43926");
        let parse = |text: &str| Crc32::try_from(text.to_string());
        assert_eq!(parse("0000000a"), Ok(Crc32(10)));
        for wrong in ["0000000A", "a", "+000000a", "", "0000000g", "00000000a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
