//! Room for numbers, as libraries for tensors have it.

use std::ops::{Deref, DerefMut};

/// Where room begins: at a multiple of so many bytes, a line of the caches. A large `Vec` often begins 16 bytes after one, which costs
/// decoding about a tenth of its speed.
const LINE: usize = 64;

/// Numbers that begin at a multiple of [`LINE`].
pub struct Room<T> {
    numbers: Vec<T>,
    start: usize,
    count: usize,
}

impl<T: Copy> Room<T> {
    /// Room for `count` numbers, all of them `number`.
    pub fn new(number: T, count: usize) -> Self {
        let numbers = vec![number; count + LINE / size_of::<T>()];
        Room {
            start: numbers.as_ptr().align_offset(LINE),
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
    fn room_begins_at_a_line() {
        let mut room = Room::new(1_i8, 1000);
        assert!(room.as_ptr().addr().is_multiple_of(LINE));
        assert_eq!(*room, [1; 1000]);
        room[999] = 2;
        assert_eq!(room.last(), Some(&2));
    }
}
