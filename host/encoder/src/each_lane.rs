//! Vector arithmetic that every machine has.

/// The operation on each lane of two vectors: a loop, which the compiler turns into vector instructions. Not
/// `std::array::from_fn`: what that calls need not be compiled in place, nor for the instruction set of its caller.
#[inline(always)]
pub(crate) fn each_lane<T: Copy, const N: usize>(mut a: [T; N], b: [T; N], operation: impl Fn(T, T) -> T) -> [T; N] {
    for lane in 0..N {
        a[lane] = operation(a[lane], b[lane]);
    }
    a
}
