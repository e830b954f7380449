//! Asks for what will be wanted soon.

use seedlm_instructions::prefetch;

/// Has the first and the last of some that lie side by side brought to the caches.
#[inline(always)]
pub(crate) fn prefetch_ends<T>(soon: &[T]) {
    if let [first, .., last] = soon {
        prefetch(first);
        prefetch(last);
    }
}
