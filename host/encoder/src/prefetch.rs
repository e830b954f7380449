//! Asks for what will be wanted soon.

use seedlm_instructions::prefetch;

/// So many slices later, one is wanted that is on its way from memory.
const AHEAD: usize = 16;

/// Has the first and the last of some that lie side by side brought to the caches.
#[inline(always)]
pub(crate) fn prefetch_ends<T>(soon: &[T]) {
    if let [first, .., last] = soon {
        prefetch(first);
        prefetch(last);
    }
}

/// Slices from anywhere in memory, one after the other, each some time after it has been asked for.
pub(crate) fn fetched<T>(slices: Vec<&[T]>) -> impl Iterator<Item = &[T]> {
    (0..slices.len()).map(move |number| {
        if let Some(later) = slices.get(number + AHEAD) {
            prefetch_ends(later);
        }
        slices[number]
    })
}
