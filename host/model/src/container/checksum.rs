//! Checksums: CRC-32 as in zlib, written as 8 lowercase hexadecimal digits.
//!
//! A CRC-32 finds every single flipped bit of what it covers. Each tensor has one, and the header has one that covers
//! the length field and the whole JSON text, so no bit of a container is without.

use crate::container::HEADER_CRC_KEY;
use crate::error::ModelError;
use seedlm_codec::Crc32;
use std::path::Path;

/// Digits of a checksum.
const DIGITS: usize = 8;

/// What stands in the digits' place while the header's checksum is computed.
pub(crate) const NO_DIGITS: &str = "00000000";

/// Where the digits of the header's checksum stand in `header` (length field and JSON), if they stand there once.
///
/// The text before them cannot be part of a name or a value, where quotes are escaped.
fn digits_position(header: &[u8]) -> Option<usize> {
    let before = format!("\"{HEADER_CRC_KEY}\":\"");
    let mut found = header
        .windows(before.len())
        .enumerate()
        .filter(|(_, window)| *window == before.as_bytes());
    let (position, _) = found.next()?;
    let start = position + before.len();
    let ends_well = header.get(start + DIGITS) == Some(&b'"');
    (found.next().is_none() && ends_well).then_some(start)
}

/// Writes the header's checksum into it. The digits must be there, as zeros.
pub(crate) fn seal_header(header: &mut [u8]) -> Option<()> {
    let start = digits_position(header)?;
    let crc = Crc32::of(header).to_string();
    header[start..start + DIGITS].copy_from_slice(crc.as_bytes());
    Some(())
}

/// Checks the checksum of a header (length field and JSON).
pub(crate) fn check_header(path: &Path, header: &[u8]) -> Result<(), ModelError> {
    let Some(start) = digits_position(header) else {
        return Err(ModelError::Container {
            path: path.to_path_buf(),
            reason: format!(
                "no header checksum {HEADER_CRC_KEY:?} as this program writes it; another program may have rewritten the file"
            ),
        });
    };
    let (before, rest) = header.split_at(start);
    let (digits, after) = rest.split_at(DIGITS);
    let mut hasher = crc32fast::Hasher::new();
    for part in [before, NO_DIGITS.as_bytes(), after] {
        hasher.update(part);
    }
    let computed = Crc32(hasher.finalize()).to_string();
    if computed.as_bytes() == digits {
        return Ok(());
    }
    Err(ModelError::Damaged {
        path: path.to_path_buf(),
        reason: format!(
            "the header's checksum is {computed}, and the file says {:?}",
            String::from_utf8_lossy(digits)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_header_is_intact_and_any_flipped_bit_breaks_it() {
        let mut header =
            br#"12345678{"__metadata__":{"seedlm_header_crc32":"00000000"},"a\"seedlm_header_crc32\":\"":1} "#.to_vec();
        seal_header(&mut header).unwrap();
        let path = Path::new("x");
        check_header(path, &header).unwrap();
        for bit in 0..8 * header.len() {
            header[bit / 8] ^= 1 << (bit % 8);
            assert!(check_header(path, &header).is_err(), "bit {bit}");
            header[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
