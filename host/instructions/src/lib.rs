//! Which vector instructions the fast paths use. The choice changes their speed and never a bit of what they compute.
//!
//! A fast path has one body for every machine ([`Instructions::Scalar`]) and others that are compiled for one of the named
//! sets of features, behind a check of [`Instructions::is_available`]:
//!
//! | instructions | `#[target_feature(enable = "..")]` |
//! |---|---|
//! | [`Instructions::Avx2`] | `avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt` (x86-64-v3) |
//! | [`Instructions::Avx512`] | these and `avx512f,avx512bw,avx512cd,avx512dq,avx512vl` (x86-64-v4) |
//!
//! [`prefetch()`] asks for what will be wanted soon.
#![deny(unsafe_code)]

mod prefetch;

pub use prefetch::prefetch;

use std::fmt;
use thiserror::Error;

/// Defines functions whose plain bodies are compiled for every instruction set: the compiler makes vectors of their loops. The first
/// argument of each says which [`Instructions`] run; it panics where this machine lacks them. Floating-point operations stay those of
/// the body, in its order: nothing is fused, so all sets give the same bits.
///
/// The module that uses it needs `#![allow(unsafe_code)]`, and calls nothing unsafe but what is written here.
#[macro_export]
macro_rules! for_each_set {
    ($($(#[$doc:meta])* $visibility:vis fn $name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)? $body:block)*) => { $(
        $(#[$doc])*
        $visibility fn $name(instructions: $crate::Instructions, $($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $kind),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
            fn avx2($($argument: $kind),*) $(-> $result)? {
                body($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi1,bmi2,f16c,fma,lzcnt,popcnt")]
            fn avx512($($argument: $kind),*) $(-> $result)? {
                body($($argument),*)
            }

            assert!(instructions.is_available(), "this machine lacks the instructions");
            match instructions {
                // SAFETY: the machine has the instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::Instructions::Avx2 => unsafe { avx2($($argument),*) },
                // SAFETY: the machine has the instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::Instructions::Avx512 => unsafe { avx512($($argument),*) },
                _ => body($($argument),*),
            }
        }
    )* };
}

/// The environment variable that forces an instruction set.
pub const VARIABLE: &str = "SEEDLM_SIMD";

/// An instruction set of the fast paths. Every one gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// What every machine has, as the compiler sees fit.
    Scalar,
    /// AVX2 of x86-64, with what comes with it on every machine that has it (x86-64-v3): 256 bits.
    Avx2,
    /// AVX-512 F, BW, CD, DQ and VL of x86-64 (x86-64-v4): 512 bits.
    Avx512,
}

/// The instructions that were asked for are not there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("SEEDLM_SIMD: {name} {reason}")]
pub struct InstructionsError {
    /// What was asked for.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl Instructions {
    /// All that are known, the slowest first.
    pub const ALL: [Instructions; 3] = [Instructions::Scalar, Instructions::Avx2, Instructions::Avx512];

    /// The name by which `SEEDLM_SIMD` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Instructions::Scalar => "scalar",
            Instructions::Avx2 => "avx2",
            Instructions::Avx512 => "avx512",
        }
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            Instructions::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("f16c")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("lzcnt")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => {
                Instructions::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512cd")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The one that the environment variable `SEEDLM_SIMD` names (`scalar`, `avx2` or `avx512`), or the fastest.
    ///
    /// # Errors
    /// When the name is unknown or this machine lacks the instructions.
    pub fn choose() -> Result<Self, InstructionsError> {
        match std::env::var_os(VARIABLE) {
            Some(name) => Instructions::named(&name.to_string_lossy()),
            None => Ok(*Instructions::available().last().expect("every machine has one")),
        }
    }

    /// Those that this machine has, the slowest first.
    pub fn available() -> Vec<Instructions> {
        let all = Instructions::ALL.into_iter();
        all.filter(|instructions| instructions.is_available()).collect()
    }

    /// The one of that name, if this machine has it.
    ///
    /// # Errors
    /// When the name is unknown or this machine lacks the instructions.
    pub fn named(name: &str) -> Result<Self, InstructionsError> {
        let known = Instructions::ALL
            .into_iter()
            .find(|instructions| instructions.name() == name);
        known
            .ok_or_else(|| InstructionsError {
                name: name.into(),
                reason: "must be scalar, avx2 or avx512",
            })?
            .checked()
    }

    /// Itself, if this machine has it.
    ///
    /// # Errors
    /// When it has not.
    pub fn checked(self) -> Result<Self, InstructionsError> {
        if self.is_available() {
            Ok(self)
        } else {
            Err(InstructionsError {
                name: self.name().into(),
                reason: "is not an instruction set that this machine has",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruction_sets_have_names() {
        for instructions in Instructions::available() {
            assert_eq!(Instructions::named(instructions.name()).unwrap(), instructions);
        }
        let error = Instructions::named("mmx").unwrap_err().to_string();
        assert_eq!(error, "SEEDLM_SIMD: mmx must be scalar, avx2 or avx512");
    }
}
