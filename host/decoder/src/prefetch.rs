//! Asks for bytes before they are needed.
#![allow(unsafe_code)]

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// Has the bytes brought to the caches, where the machine can. Rows are short: left to itself, the machine begins to fetch ahead only
/// when half of a row has been read.
pub(crate) fn fetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has SSE, and a prefetch changes nothing but the caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, LINE);
}
