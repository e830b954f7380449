//! The stored bits of one row, where they are easy to read.

use crate::prefetch;

/// Zero bytes before a row: more bits than any window reaches back.
pub(crate) const LEAD: usize = 4;
/// Bytes after a row, zeros after a copy: more than any vector reads beyond it.
const TRAIL: usize = 80;

/// A row's bits, least significant first, where they begin at a byte and reading beyond their end is harmless.
#[derive(Default)]
pub(crate) struct RowBits<'a> {
    /// A copy, from the lowest bit of byte [`LEAD`] on, with zeros around it.
    bytes: Vec<u8>,
    /// The row in its stream, and at least [`TRAIL`] bytes after it.
    in_place: Option<&'a [u8]>,
}

impl<'a> RowBits<'a> {
    /// Bits `start .. start + count` of a stream: where they are, if they are fit for that, or else a copy. There are no zeros before them.
    pub(crate) fn find(&mut self, stream: &'a [u8], start: usize, count: usize) {
        let (first, length) = (start / 8, count.div_ceil(8));
        self.in_place = stream
            .get(first..first + length + TRAIL)
            .filter(|_| start.is_multiple_of(8));
        // The machine sees by itself that rows in place are read one after the other: asking for the next one costs time.
        if self.in_place.is_none() {
            self.copy(stream, start, count);
        }
    }

    /// Copies bits `start .. start + count` of a stream. Up to 7 bits after them may come along.
    pub(crate) fn copy(&mut self, stream: &'a [u8], start: usize, count: usize) {
        self.in_place = None;
        let length = count.div_ceil(8);
        self.bytes.resize(LEAD + length + TRAIL, 0);
        let (row, trail) = self.bytes[LEAD..].split_at_mut(length);
        trail.fill(0);
        let stream = &stream[start / 8..];
        // The next row, most likely.
        prefetch::fetch(&stream[length.min(stream.len())..(2 * length).min(stream.len())]);
        let shift = start % 8;
        if shift == 0 {
            row.copy_from_slice(&stream[..length]);
            return;
        }
        // Eight bytes at a time where the stream has a ninth.
        let whole = length.min(stream.len().saturating_sub(1)) / 8;
        let (words, rest) = row.split_at_mut(8 * whole);
        for (index, word) in words.chunks_exact_mut(8).enumerate() {
            let low = u64::from_le_bytes(stream[8 * index..][..8].try_into().expect("8 bytes"));
            let high = u64::from(stream[8 * index + 8]);
            word.copy_from_slice(&(low >> shift | high << (64 - shift)).to_le_bytes());
        }
        for (index, byte) in rest.iter_mut().enumerate() {
            let low = stream[8 * whole + index] >> shift;
            let high = stream.get(8 * whole + index + 1).map_or(0, |next| next << (8 - shift));
            *byte = low | high;
        }
    }

    /// The bytes of the copy, the zeros around them included.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of the row, and some more.
    #[inline(always)]
    fn row(&self) -> &[u8] {
        self.in_place.unwrap_or_else(|| &self.bytes[LEAD..])
    }

    /// The bytes of the row, `N` by `N`: all of them, and some more.
    #[inline(always)]
    pub(crate) fn chunks<const N: usize>(&self) -> &[[u8; N]] {
        self.row().as_chunks().0
    }

    /// The bits from bit `start` of the row on: at least 57 are right, those above are anything.
    #[inline(always)]
    pub(crate) fn from(&self, start: usize) -> u64 {
        bits_from(self.row(), start)
    }

    /// The same of the copy, bits being counted from the first zero before the row.
    #[inline(always)]
    pub(crate) fn field(&self, start: usize) -> u64 {
        bits_from(&self.bytes, start)
    }
}

#[inline(always)]
fn bits_from(bytes: &[u8], start: usize) -> u64 {
    u64::from_le_bytes(bytes[start / 8..][..8].try_into().expect("8 bytes")) >> (start % 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seedlm_codec::bits::read_field;

    proptest! {
        #[test]
        fn rows_begin_at_a_byte(stream in prop::collection::vec(any::<u8>(), 30 + TRAIL), start in 0_usize..200, count in 1_usize..40, beyond in 0..=TRAIL) {
            let stream = &stream[..stream.len() - beyond];
            let mask = (1 << count) - 1;
            let expected = read_field(stream, start, count);
            let mut row = RowBits::default();
            row.copy(&[255; 9], 3, 50);
            row.copy(stream, start, count);
            prop_assert_eq!(u128::from(row.from(0) & mask), expected);
            prop_assert_eq!(row.field(0) as u32, 0);
            prop_assert!(row.bytes()[LEAD + count.div_ceil(8)..].iter().all(|&byte| byte == 0));
            row.find(stream, start, count);
            prop_assert_eq!(u128::from(row.from(0) & mask), expected);
            prop_assert!(row.row().len() >= count.div_ceil(8) + TRAIL);
            prop_assert_eq!(row.in_place.is_some(), start % 8 == 0 && stream.len() - start / 8 >= count.div_ceil(8) + TRAIL);
        }
    }
}
