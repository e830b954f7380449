//! Room for numbers that begins where it is told to.

use std::ops::{Deref, DerefMut};

/// Bytes of a line of the caches.
pub const LINE: usize = 64;

/// Numbers that begin so many bytes after a multiple of [`LINE`].
pub struct Room<T> {
    numbers: Vec<T>,
    start: usize,
    count: usize,
}

impl<T: Copy> Room<T> {
    /// Room for `count` numbers, all of them `number`, `offset_bytes` after a line: a multiple of the number's size.
    pub fn new(number: T, count: usize, offset_bytes: usize) -> Self {
        let [line, offset] = [LINE, offset_bytes].map(|bytes| bytes / size_of::<T>());
        let numbers = vec![number; count + line + offset];
        Room {
            start: numbers.as_ptr().align_offset(LINE) + offset,
            numbers,
            count,
        }
    }
}

impl<T> Deref for Room<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.numbers[self.start..][..self.count]
    }
}

impl<T> DerefMut for Room<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.numbers[self.start..][..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_begins_where_it_should() {
        for offset in (0..LINE).step_by(4) {
            let mut room = Room::new(1_f32, 1000, offset);
            assert_eq!(room.as_ptr().addr() % LINE, offset);
            assert_eq!(*room, [1.0; 1000]);
            room[999] = 2.0;
            assert_eq!(room.last(), Some(&2.0));
        }
    }
}
