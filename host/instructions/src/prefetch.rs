//! What will be wanted soon, on its way from memory.
#![allow(unsafe_code)]

/// Brings what is there nearer, where the machine has an instruction for that: the part of it that is in the first line of the caches.
/// It changes nothing else.
#[inline(always)]
pub fn prefetch<T>(soon: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has SSE, and a prefetch changes nothing but the caches.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(soon).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = soon;
}
