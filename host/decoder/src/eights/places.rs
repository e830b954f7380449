//! Where the next weights belong.
#![allow(unsafe_code)]

use std::marker::PhantomData;

/// An output that is written from front to back.
pub(super) struct Places<'a, T> {
    start: *mut T,
    next: *mut T,
    length: usize,
    output: PhantomData<&'a mut [T]>,
}

impl<'a, T> Places<'a, T> {
    /// Nothing written yet.
    #[inline(always)]
    pub(super) fn new(output: &'a mut [T]) -> Self {
        let start = output.as_mut_ptr();
        Places {
            start,
            next: start,
            length: output.len(),
            output: PhantomData,
        }
    }

    /// Whether nothing has been passed.
    #[inline(always)]
    pub(super) fn is_at_start(&self) -> bool {
        self.next == self.start
    }

    /// The next place.
    #[inline(always)]
    pub(super) fn next(&self) -> *mut T {
        self.next
    }

    /// Goes on to the place after some that have been written, or will be.
    ///
    /// # Safety
    /// There are so many places.
    #[inline(always)]
    pub(super) unsafe fn pass(&mut self, count: usize) {
        // SAFETY: the caller's: at most behind the last one.
        self.next = unsafe { self.next.add(count) };
    }

    /// The places that are left.
    #[inline(always)]
    pub(super) fn rest(self) -> &'a mut [T] {
        // SAFETY: both are within the output, which was borrowed for as long.
        unsafe {
            let passed = self.next.offset_from_unsigned(self.start);
            std::slice::from_raw_parts_mut(self.next, self.length - passed)
        }
    }
}
