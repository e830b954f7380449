//! Vectors of signed 16-bit integers: the few operations of the scan, for each instruction set.
//!
//! The scan, and all that is done with its results, is written once over [`Lanes`] as a [`Work`]; [`dispatch`] runs it
//! compiled for an instruction set. What is to be compiled for it must be `#[inline(always)]` all the way down.

use super::MOST_LANES;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::each_lane::each_lane;
use crate::sorted::MOST_WEIGHTS;
use seedlm_instructions::Instructions;

/// Pairs of numbers whose products are summed.
pub(crate) const PAIRS: usize = MOST_WEIGHTS / 2;

/// A vector of signed 16-bit integers. Arithmetic wraps around.
pub(crate) trait Lanes: Copy {
    /// What goes with it where numbers need more digits.
    type Floats: Floats;
    /// And where they need more yet.
    type Doubles: Doubles;
    /// Number of lanes.
    const COUNT: usize;
    /// Whether a vector is one register of the machine.
    const IN_REGISTERS: bool;
    /// Bits between those of two lanes in a set of lanes: packing them would take longer than it saves.
    const STRIDE: usize = 32 / Self::COUNT;

    /// What stands for a lane in a set of lanes: its highest bit.
    #[inline(always)]
    fn bit(lane: usize) -> u32 {
        1 << (lane * Self::STRIDE + Self::STRIDE - 1)
    }
    /// Takes the lowest lane out of a set that is not empty.
    #[inline(always)]
    fn take_lane(lanes: &mut u32) -> u32 {
        let bit = lanes.trailing_zeros();
        *lanes &= *lanes - 1;
        bit / Self::STRIDE as u32
    }
    /// The same number in all lanes; it is given twice, as the two halves of a word, because there are instructions that
    /// spread words from memory to all lanes at no cost.
    fn spread(pair: u32) -> Self;
    /// The same number in all lanes. Takes half the memory, and on some machines twice as long.
    fn spread_one(number: i16) -> Self;
    /// The sums of products of [`PAIRS`] pairs of numbers with pairs of entries (the first one low), over 2^16, rounded down. A vector
    /// has a pair for every other lane: the first ones for the even lanes, the second ones for the odd. Sums fit 32 bits.
    fn pair_sums(numbers: &[[Self; 2]; PAIRS], entries: &[u32; PAIRS]) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// `(a + b + 1) / 2` of numbers that are not negative.
    fn average(self, other: Self) -> Self;
    /// `a b / 2^15`, rounded to nearest.
    fn multiply(self, other: Self) -> Self;
    /// `a / 2^SHIFT`, rounded down.
    fn shift_right<const SHIFT: i32>(self) -> Self;
    /// `(a + b) / 2^SHIFT`, rounded down, of numbers of 32 bits, one for each lane; that fits 16 bits.
    fn sum<const SHIFT: i32>(a: &[i32; MOST_LANES], b: &[i32; MOST_LANES]) -> Self;
    /// The lanes whose number is 0 or more, as a set of [`Self::bit`]s.
    fn not_negative(self) -> u32;
    /// The same vector, in a register: what is written before is computed before. Left to itself, the compiler computes
    /// ahead until registers run out, and takes vectors to memory and back.
    fn settle(self) -> Self;
    /// The numbers in the given places, which are below 8.
    fn pick(numbers: &[u32; 8], places: &[u8; 8], picked: &mut [u32; 8]);
    /// Turns 32 words of 32 bits about their diagonal: bit `i` of word `k` becomes bit `k` of word `i`.
    fn transpose(words: &[u32; 32]) -> [u32; 32];
    /// Does a piece of work in a function by itself, compiled for the vector's instruction set.
    fn alone<P: Piece<Self>>(piece: P) -> P::Output;
    /// The lanes of vectors, one vector after the other, to be changed.
    fn words_mut(vectors: &mut [Self]) -> &mut [i16];
}

/// Eight numbers in `f32`. Left to itself, the compiler shuffles them about.
pub(crate) trait Floats: Copy {
    fn spread(number: f32) -> Self;
    fn load(numbers: &[f32; 8]) -> Self;
    fn from_words(words: &[i16; 8]) -> Self;
    /// The sums of the numbers of each, pairwise.
    fn sums(numbers: [Self; 4]) -> [f32; 4];
    fn store(self) -> [f32; 8];
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    /// The smaller one.
    fn min(self, other: Self) -> Self;
    /// `a b + c`, rounded once or twice.
    fn multiply_add(self, other: Self, sum: Self) -> Self;
    /// One bit per lane, lane 0 lowest: whether the number is at least the other one.
    fn at_least(self, other: Self) -> u32;
}

/// Four numbers in `f64`.
pub(crate) trait Doubles: Copy {
    fn spread(number: f64) -> Self;
    fn from_integers(integers: [i32; 4]) -> Self;
    fn store(self) -> [f64; 4];
    fn add(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    fn divide(self, other: Self) -> Self;
    fn square_root(self) -> Self;
    /// `a b + c`, rounded once or twice.
    fn multiply_add(self, other: Self, sum: Self) -> Self;
    /// `c - a b`, rounded once or twice.
    fn subtract_product(self, other: Self, from: Self) -> Self;
    /// One bit per lane, lane 0 lowest: whether the number is greater than the other one.
    fn is_greater(self, other: Self) -> u32;
}

/// A number twice over, as [`Lanes::spread`] wants it.
pub(crate) fn pair(number: i16) -> u32 {
    u32::from(number as u16) * 0x1_0001
}

/// What is to be compiled for an instruction set.
pub(crate) trait Work {
    type Output;
    /// Does it. Must be `#[inline(always)]`.
    fn run<V: Lanes>(self) -> Self::Output;
}

/// A piece of some work that is a function by itself: the compiler shares out registers better for a loop alone than for one in the
/// midst of all the rest.
pub(crate) trait Piece<V: Lanes> {
    type Output;
    /// Does it. Must be `#[inline(always)]`.
    fn run(self) -> Self::Output;
}

/// Does the work with an instruction set, which must be available.
pub(crate) fn dispatch<W: Work>(instructions: Instructions, work: W) -> W::Output {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => avx512::run(work),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => avx2::run(work),
        _ => work.run::<[i16; 32]>(),
    }
}

/// Lanes of the vectors of an instruction set.
pub(crate) fn lanes(instructions: Instructions) -> usize {
    match instructions {
        Instructions::Avx2 => 16,
        Instructions::Scalar | Instructions::Avx512 => 32,
    }
}

/// What every machine has: the compiler makes of it what it can.
impl Lanes for [i16; 32] {
    type Floats = [f32; 8];
    type Doubles = [f64; 4];
    const COUNT: usize = 32;
    const IN_REGISTERS: bool = false;

    #[inline(always)]
    fn spread(pair: u32) -> Self {
        [pair as i16; 32]
    }
    #[inline(always)]
    fn spread_one(number: i16) -> Self {
        [number; 32]
    }
    #[inline(always)]
    fn pair_sums(numbers: &[[Self; 2]; PAIRS], entries: &[u32; PAIRS]) -> Self {
        // Written so that the compiler finds the instruction for pairs that every machine has.
        let mut sums = [[0_i32; 16]; 2];
        for (numbers, &entries) in numbers.iter().zip(entries) {
            let entries: [i16; 32] = std::array::from_fn(|half| (entries >> (half % 2 * 16)) as i16);
            for (sums, numbers) in sums.iter_mut().zip(numbers) {
                for (pair, sum) in sums.iter_mut().enumerate() {
                    let [low, high] =
                        [2 * pair, 2 * pair + 1].map(|half| i32::from(numbers[half]) * i32::from(entries[half]));
                    *sum = sum.wrapping_add(low.wrapping_add(high));
                }
            }
        }
        std::array::from_fn(|lane| (sums[lane % 2][lane / 2] >> 16) as i16)
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a.wrapping_add(b))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a.wrapping_sub(b))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a.max(b))
    }
    #[inline(always)]
    fn average(self, other: Self) -> Self {
        each_lane(self, other, |a, b| ((i32::from(a) + i32::from(b) + 1) >> 1) as i16)
    }
    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        // From the halves of the product: there are instructions for those on every machine.
        each_lane(self, other, |a, b| {
            let high = ((i32::from(a) * i32::from(b)) >> 16) as i16;
            let low = a.wrapping_mul(b) as u16;
            let rounded = (low >> 15) as i16 + (low >> 14 & 1) as i16;
            high.wrapping_add(high).wrapping_add(rounded)
        })
    }
    #[inline(always)]
    fn shift_right<const SHIFT: i32>(self) -> Self {
        each_lane(self, self, |a, _| a >> SHIFT)
    }
    #[inline(always)]
    fn sum<const SHIFT: i32>(a: &[i32; MOST_LANES], b: &[i32; MOST_LANES]) -> Self {
        let mut sums = [0; 32];
        for lane in 0..32 {
            sums[lane] = ((a[lane] + b[lane]) >> SHIFT) as i16;
        }
        sums
    }
    #[inline(always)]
    fn not_negative(self) -> u32 {
        // Nearly never is there one: a quick look first.
        if self.iter().fold(i16::MIN, |most, &value| most.max(value)) < 0 {
            return 0;
        }
        let bits = self.iter().enumerate();
        bits.fold(0, |bits, (lane, &value)| bits | u32::from(value >= 0) << lane)
    }
    #[inline(always)]
    fn settle(self) -> Self {
        self
    }
    #[inline(always)]
    fn pick(numbers: &[u32; 8], places: &[u8; 8], picked: &mut [u32; 8]) {
        *picked = places.map(|place| numbers[usize::from(place % 8)]);
    }
    #[inline(always)]
    fn transpose(words: &[u32; 32]) -> [u32; 32] {
        let mut words = *words;
        let mut width = 16;
        let mut mask = 0x0000_FFFF_u32;
        while width > 0 {
            for start in (0..32).step_by(2 * width) {
                for k in start..start + width {
                    let swapped = (words[k] >> width ^ words[k + width]) & mask;
                    words[k] ^= swapped << width;
                    words[k + width] ^= swapped;
                }
            }
            width /= 2;
            mask ^= mask << width;
        }
        words
    }
    #[inline(never)]
    fn alone<P: Piece<Self>>(piece: P) -> P::Output {
        piece.run()
    }
    #[inline(always)]
    fn words_mut(vectors: &mut [Self]) -> &mut [i16] {
        vectors.as_flattened_mut()
    }
}

impl Floats for [f32; 8] {
    #[inline(always)]
    fn spread(number: f32) -> Self {
        [number; 8]
    }
    #[inline(always)]
    fn load(numbers: &[f32; 8]) -> Self {
        *numbers
    }
    #[inline(always)]
    fn from_words(words: &[i16; 8]) -> Self {
        words.map(f32::from)
    }
    #[inline(always)]
    fn sums(numbers: [Self; 4]) -> [f32; 4] {
        numbers.map(|[a, b, c, d, e, f, g, h]| ((a + b) + (c + d)) + ((e + f) + (g + h)))
    }
    #[inline(always)]
    fn store(self) -> [f32; 8] {
        self
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a - b)
    }
    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a * b)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        each_lane(self, other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn multiply_add(self, other: Self, sum: Self) -> Self {
        self.multiply(other).add(sum)
    }
    #[inline(always)]
    fn at_least(self, other: Self) -> u32 {
        (0..8).fold(0, |bits, lane| bits | u32::from(self[lane] >= other[lane]) << lane)
    }
}

impl Doubles for [f64; 4] {
    #[inline(always)]
    fn spread(number: f64) -> Self {
        [number; 4]
    }
    #[inline(always)]
    fn from_integers(integers: [i32; 4]) -> Self {
        integers.map(f64::from)
    }
    #[inline(always)]
    fn store(self) -> [f64; 4] {
        self
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a + b)
    }
    #[inline(always)]
    fn multiply(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a * b)
    }
    #[inline(always)]
    fn divide(self, other: Self) -> Self {
        each_lane(self, other, |a, b| a / b)
    }
    #[inline(always)]
    fn square_root(self) -> Self {
        each_lane(self, self, |a, _| a.sqrt())
    }
    #[inline(always)]
    fn multiply_add(self, other: Self, sum: Self) -> Self {
        self.multiply(other).add(sum)
    }
    #[inline(always)]
    fn subtract_product(self, other: Self, from: Self) -> Self {
        each_lane(from, self.multiply(other), |a, b| a - b)
    }
    #[inline(always)]
    fn is_greater(self, other: Self) -> u32 {
        (0..4).fold(0, |bits, lane| bits | u32::from(self[lane] > other[lane]) << lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two numbers in a word.
    fn pair_of(low: i16, high: i16) -> u32 {
        u32::from(low as u16) | u32::from(high as u16) << 16
    }

    /// Every operation on the lanes of two vectors.
    struct Operations<'a>(&'a [i16; 32], &'a [i16; 32]);

    impl Work for Operations<'_> {
        type Output = Vec<Vec<i16>>;

        #[inline(always)]
        fn run<V: Lanes>(self) -> Vec<Vec<i16>> {
            let load = |lanes: &[i16]| {
                let mut vectors = [V::spread(0)];
                V::words_mut(&mut vectors).copy_from_slice(lanes);
                vectors[0]
            };
            let mut results = vec![Vec::new(); 12];
            for (a, b) in self.0.chunks(V::COUNT).zip(self.1.chunks(V::COUNT)) {
                let (x, y) = (load(a), load(b));
                let magnitude = |lanes: &[i16]| lanes.iter().map(|lane| lane & i16::MAX).collect::<Vec<i16>>();
                let mut found = [
                    x.add(y),
                    x.sub(y),
                    x.max(y),
                    load(&magnitude(a)).average(load(&magnitude(b))),
                    x.multiply(y),
                    x.shift_right::<1>(),
                    x.shift_right::<2>(),
                    V::spread(pair(self.0[0])),
                    V::spread_one(self.0[1]),
                    // Small enough for sums of 32 bits.
                    V::pair_sums(
                        &[[x, y], [y, x], [x, x], [y, y]].map(|pair| pair.map(|x| x.shift_right::<2>())),
                        &std::array::from_fn(|pair| pair_of(self.0[2 * pair] >> 1, self.1[pair] >> 1)),
                    ),
                ];
                for (result, lanes) in results.iter_mut().zip(V::words_mut(&mut found).chunks(V::COUNT)) {
                    result.extend(lanes);
                }
                let signs = x.not_negative();
                let wide = |lanes: &[i16]| {
                    let mut numbers = [0; MOST_LANES];
                    for (number, lane) in numbers.iter_mut().zip(lanes) {
                        *number = i32::from(*lane) * 100;
                    }
                    numbers
                };
                results[11].extend(V::words_mut(&mut [V::sum::<8>(&wide(a), &wide(b))]).iter());
                results[10].extend((0..V::COUNT).map(|lane| i16::from(signs & V::bit(lane) != 0)));
                let mut rest = signs;
                let lanes: Vec<u32> = std::iter::from_fn(|| (rest != 0).then(|| V::take_lane(&mut rest))).collect();
                assert!(lanes.is_sorted_by(|a, b| a < b), "one bit for each lane");
            }
            results
        }
    }

    /// Numbers in some places.
    struct Pick<'a>(&'a [u32; 8], &'a [u8; 8]);

    impl Work for Pick<'_> {
        type Output = [u32; 8];

        #[inline(always)]
        fn run<V: Lanes>(self) -> [u32; 8] {
            let mut picked = [0; 8];
            V::pick(self.0, self.1, &mut picked);
            picked
        }
    }

    /// Words about their diagonal.
    struct Transpose<'a>(&'a [u32; 32]);

    impl Work for Transpose<'_> {
        type Output = [u32; 32];

        #[inline(always)]
        fn run<V: Lanes>(self) -> [u32; 32] {
            V::transpose(self.0)
        }
    }

    /// Every operation on eight numbers.
    struct FloatOperations<'a>(&'a [f32; 8], &'a [f32; 8]);

    impl Work for FloatOperations<'_> {
        type Output = (Vec<[u32; 8]>, [u32; 4], u32);

        #[inline(always)]
        fn run<V: Lanes>(self) -> Self::Output {
            let (x, y) = (V::Floats::load(self.0), V::Floats::load(self.1));
            let words = self.0.map(|number| number as i16);
            let found = [
                x.add(y),
                x.sub(y),
                x.multiply(y),
                x.min(y),
                V::Floats::spread(self.0[3]),
                V::Floats::from_words(&words),
            ];
            (
                found.map(|found| found.store().map(f32::to_bits)).to_vec(),
                V::Floats::sums([x, y, x.multiply(y), x.add(y)]).map(f32::to_bits),
                x.at_least(y),
            )
        }
    }

    /// Every operation on four numbers, but for those that may be rounded once or twice: these are near enough.
    struct DoubleOperations([i32; 4], [i32; 4]);

    impl Work for DoubleOperations {
        type Output = (Vec<[u64; 4]>, u32);

        #[inline(always)]
        fn run<V: Lanes>(self) -> Self::Output {
            let DoubleOperations(a, b) = self;
            let hundred = V::Doubles::spread(100.0);
            let [x, y] = [a, b].map(|numbers| V::Doubles::from_integers(numbers).divide(hundred));
            let found = [
                x.add(y),
                x.multiply(y),
                x.divide(y),
                x.multiply(x).square_root(),
                V::Doubles::from_integers(a),
            ];
            let products = a.iter().zip(b).map(|(&a, b)| f64::from(a) * f64::from(b) / 1e4);
            let one = V::Doubles::spread(1.0);
            let sums = x.multiply_add(y, one).store();
            let differences = x.subtract_product(y, one).store();
            for (product, (sum, difference)) in products.zip(sums.into_iter().zip(differences)) {
                assert!((1.0 + product - sum).abs() < 1e-9 && (1.0 - product - difference).abs() < 1e-9);
            }
            // Zero divided by itself has a sign of its own on some machines.
            let bits = |numbers: [f64; 4]| numbers.map(|number| if number.is_nan() { 0 } else { number.to_bits() });
            (found.map(|found| bits(found.store())).to_vec(), x.is_greater(y))
        }
    }

    proptest! {
        #[test]
        fn vectors_of_all_instruction_sets_compute_the_same(
            a in prop::array::uniform32(any::<i16>()),
            b in prop::array::uniform32(any::<i16>()),
        ) {
            let expected = dispatch(Instructions::Scalar, Operations(&a, &b));
            for instructions in Instructions::available() {
                prop_assert_eq!(&dispatch(instructions, Operations(&a, &b)), &expected, "{}", instructions);
            }
            let (numbers, places) = (std::array::from_fn(|k| b[k] as u32), std::array::from_fn(|k| (a[k] & 7) as u8));
            let expected = places.map(|place: u8| numbers[usize::from(place)]);
            for instructions in Instructions::available() {
                prop_assert_eq!(dispatch(instructions, Pick(&numbers, &places)), expected, "{}", instructions);
            }
            let words = std::array::from_fn(|k| pair_of(a[k], b[k]));
            let turned = std::array::from_fn(|i| (0..32).fold(0, |word, k: usize| word | (words[k] >> i & 1) << k));
            for instructions in Instructions::available() {
                prop_assert_eq!(dispatch(instructions, Transpose(&words)), turned, "{}", instructions);
            }
            let four = |numbers: &[i16; 32]| std::array::from_fn(|lane| i32::from(numbers[lane]));
            let expected = dispatch(Instructions::Scalar, DoubleOperations(four(&a), four(&b)));
            for instructions in Instructions::available() {
                prop_assert_eq!(&dispatch(instructions, DoubleOperations(four(&a), four(&b))), &expected, "{}", instructions);
            }
            let floats = |numbers: [i16; 32]| std::array::from_fn(|lane| f32::from(numbers[lane]) / 100.0);
            let (a, b) = (&floats(a), &floats(b));
            let expected = dispatch(Instructions::Scalar, FloatOperations(a, b));
            for instructions in Instructions::available() {
                prop_assert_eq!(&dispatch(instructions, FloatOperations(a, b)), &expected, "{}", instructions);
            }
        }
    }
}
