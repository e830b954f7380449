//! Plain Rust compiled for each instruction set, as a build with `target-cpu=native` would have it.
#![allow(unsafe_code)]

use seedlm_encoder::Instructions;

/// What is to be compiled for an instruction set.
pub trait Work {
    /// What comes of it.
    type Output;
    /// Does it. Must be `#[inline(always)]` all the way down. `FUSED`: whether `mul_add` is one instruction.
    fn run<const FUSED: bool>(self) -> Self::Output;
}

/// Does the work with an instruction set.
///
/// # Panics
/// When this machine lacks the instructions.
pub fn dispatch<W: Work>(instructions: Instructions, work: W) -> W::Output {
    assert!(instructions.is_available(), "this machine lacks the instructions");
    match instructions {
        // SAFETY: the machine has the instructions.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { avx512(work) },
        // SAFETY: the machine has the instructions.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { avx2(work) },
        _ => work.run::<false>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn avx512<W: Work>(work: W) -> W::Output {
    work.run::<true>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
fn avx2<W: Work>(work: W) -> W::Output {
    work.run::<true>()
}

/// `a * b + c`; with one rounding where that is one instruction, since elsewhere it would call a library.
#[inline(always)]
pub fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}
