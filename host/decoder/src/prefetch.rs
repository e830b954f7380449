//! Asks for bytes before they are needed.

use seedlm_instructions::prefetch;

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// Has the bytes brought to the caches, where the machine can. Rows are short: left to itself, the machine begins to fetch ahead only
/// when half of a row has been read.
pub(crate) fn fetch(bytes: &[u8]) {
    bytes.iter().step_by(LINE).for_each(prefetch);
}
