//! Lists of seeds: as one bit for each that could be in it, and as their numbers.

use crate::scan::Lanes;

/// A list for each lane, all of the same things in a row.
#[derive(Default)]
pub(super) struct Lists {
    /// Words of a list, and how far apart they start.
    words: usize,
    stride: usize,
    /// One bit for each thing.
    bits: Vec<u32>,
}

impl Lists {
    /// Turns a set of lanes for each thing into a list of things for each lane. There is a multiple of 32 sets.
    #[inline(always)]
    pub fn turn<V: Lanes>(&mut self, sets: &[u32]) {
        let (sets, _) = sets.as_chunks::<32>();
        self.words = sets.len();
        // Lists a power of two apart would evict each other from the cache.
        self.stride = self.words + 16;
        // All that is read is written over.
        self.bits.resize(V::COUNT * self.stride, 0);
        for (word, lanes) in sets.iter().enumerate() {
            let turned = V::transpose(lanes);
            for (lane, &bits) in turned.iter().skip(V::STRIDE - 1).step_by(V::STRIDE).enumerate() {
                self.bits[lane * self.stride + word] = bits;
            }
        }
    }

    /// The list of a lane.
    #[inline(always)]
    pub fn of(&self, lane: usize) -> &[u32] {
        &self.bits[lane * self.stride..][..self.words]
    }
}

/// The numbers of seeds, one after the other.
#[derive(Default)]
pub(super) struct Numbers {
    /// More than there are: what is beyond them is written over.
    numbers: Vec<u32>,
    count: usize,
}

impl Numbers {
    /// Those of a list of all seeds.
    #[inline(always)]
    pub fn set_to_all_of<V: Lanes>(&mut self, list: &[u32]) {
        let words = (0..).step_by(32);
        let eights =
            words.map(|word: u32| [0, 8, 16, 24].map(|byte| std::array::from_fn(|bit| word + byte + bit as u32)));
        self.set::<V>(list, eights);
    }

    /// Those of `all` that are in a list with a bit for each of them.
    #[inline(always)]
    pub fn set_to_some_of<V: Lanes>(&mut self, all: &Numbers, list: &[u32]) {
        let (eights, _) = all.numbers[..32 * list.len()].as_chunks::<8>();
        self.set::<V>(list, eights.as_chunks::<4>().0.iter().copied());
    }

    /// `numbers`: of the bits of each word of the list, eight by eight.
    #[inline(always)]
    fn set<V: Lanes>(&mut self, list: &[u32], numbers: impl Iterator<Item = [[u32; 8]; 4]>) {
        // Always eight are written, however many are set: a loop over the bits would end unexpectedly every time.
        self.numbers.resize((32 * list.len() + 32).max(self.numbers.len()), 0);
        let mut count = 0;
        for (bits, numbers) in list.iter().zip(numbers) {
            // One check for all four.
            let to: &mut [u32; 32] = (&mut self.numbers[count..][..32]).try_into().expect("32");
            let mut picked = 0;
            for (byte, numbers) in bits.to_le_bytes().into_iter().zip(&numbers) {
                // At most 8 for each byte before.
                let to: &mut [u32; 8] = (&mut to[picked..][..8]).try_into().expect("eight");
                V::pick(numbers, &SET_BITS[usize::from(byte)], to);
                picked += byte.count_ones() as usize;
            }
            count += picked;
        }
        self.count = count;
    }

    #[inline(always)]
    pub fn as_slice(&self) -> &[u32] {
        &self.numbers[..self.count]
    }
}

/// The bits of a byte that are set, lowest first; then zeros.
static SET_BITS: [[u8; 8]; 256] = {
    let mut places = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                places[byte][count] = bit as u8;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    places
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Work, dispatch};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use seedlm_instructions::Instructions;

    /// Lists of some things for each lane, and lists of some of those that the first lane has.
    struct ListTwice<'a>(&'a [u32], &'a [u32]);

    impl Work for ListTwice<'_> {
        type Output = ();

        #[inline(always)]
        fn run<V: Lanes>(self) {
            let ListTwice(sets, sets_of_some) = self;
            let is_in = |set: u32, lane: usize| set & V::bit(lane) != 0;
            let mut lists = Lists::default();
            lists.turn::<V>(sets);
            let (mut all, mut some) = (Numbers::default(), Numbers::default());
            for lane in (0..V::COUNT).rev() {
                all.set_to_all_of::<V>(lists.of(lane));
                let expected = (0..sets.len() as u32).filter(|&number| is_in(sets[number as usize], lane));
                assert!(all.as_slice().iter().copied().eq(expected));
            }
            let sets = &sets_of_some[..all.as_slice().len().next_multiple_of(32)];
            lists.turn::<V>(sets);
            for lane in 0..V::COUNT {
                // There are no things beyond the last.
                let list: Vec<u32> = lists.of(lane).to_vec();
                let count = all.as_slice().len();
                some.set_to_some_of::<V>(&all, &list);
                let all = all.as_slice().iter().enumerate();
                let expected: Vec<u32> = all
                    .filter(|&(k, _)| is_in(sets[k], lane))
                    .map(|(_, &number)| number)
                    .collect();
                let beyond = (count..sets.len()).filter(|&k| is_in(sets[k], lane)).count();
                assert_eq!(some.as_slice()[..some.as_slice().len() - beyond], expected);
            }
        }
    }

    #[test]
    fn lists_have_what_is_in_the_sets() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        // Few, some and nearly all.
        for density in [0.01, 0.3, 0.9] {
            let mut sets = || -> Vec<u32> {
                let set = |random: &mut ChaCha8Rng| {
                    (0..32).fold(0, |set, bit| set | u32::from(random.random_bool(density)) << bit)
                };
                (0..2080).map(|_| set(&mut random)).collect()
            };
            let (all, some) = (sets(), sets());
            for instructions in Instructions::available() {
                dispatch(instructions, ListTwice(&all, &some));
            }
        }
    }
}
