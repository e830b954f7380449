//! What will be wanted soon, on its way from memory.
#![allow(unsafe_code)]

/// Brings what is there nearer, where the machine has an instruction for that: the part of it that is in the first line of the cache.
#[inline(always)]
pub(crate) fn prefetch<T>(soon: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every machine of this kind has the instruction, and it reads nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(soon).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = soon;
}

/// The same for the first and the last of some that lie side by side.
#[inline(always)]
pub(crate) fn prefetch_ends<T>(soon: &[T]) {
    if let [first, .., last] = soon {
        prefetch(first);
        prefetch(last);
    }
}
