//! The long form of tests.

/// Whether tests are to take their time: the environment variable `SEEDLM_NIGHTLY` is 1.
pub fn is_nightly() -> bool {
    std::env::var("SEEDLM_NIGHTLY").as_deref() == Ok("1")
}
