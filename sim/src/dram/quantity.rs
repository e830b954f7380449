//! Times as data sheets give them: in clocks, in nanoseconds, or the longer of both; and their way to whole clocks.

use toml::{Table, Value};

/// Longest time that a file may give, far above any memory's: 10 ms.
const LONGEST_PS: u64 = 10_000_000_000;

/// A time of a data sheet, such as max(4 nCK, 7.5 ns).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantity {
    /// Clocks.
    clocks: u64,
    /// Picoseconds.
    picoseconds: u64,
}

impl Quantity {
    /// Takes `NAME_ck` and `NAME_ns` out of a table; `None` when neither is there.
    ///
    /// # Errors
    /// Names the key whose value is no time.
    pub fn take(table: &mut Table, name: &str) -> Result<Option<Self>, String> {
        let (clocks_key, nanoseconds_key) = (format!("{name}_ck"), format!("{name}_ns"));
        let (clocks, nanoseconds) = (table.remove(&clocks_key), table.remove(&nanoseconds_key));
        if clocks.is_none() && nanoseconds.is_none() {
            return Ok(None);
        }
        let clocks = match clocks {
            None => 0,
            Some(Value::Integer(clocks @ 0..=10_000_000)) => clocks as u64,
            Some(other) => {
                return Err(format!(
                    "{clocks_key} is {other}, and must be a whole number, 0 to 10000000"
                ));
            }
        };
        let picoseconds = match nanoseconds {
            None => 0,
            Some(value) => picoseconds(&nanoseconds_key, &value)?,
        };
        Ok(Some(Quantity { clocks, picoseconds }))
    }

    /// The least whole number of clocks that is no shorter, as for every least time of a data sheet.
    pub fn clocks_at_least(&self, clock_khz: u64) -> u64 {
        (self.picoseconds * clock_khz).div_ceil(PS_TIMES_KHZ).max(self.clocks)
    }

    /// The largest whole number of clocks that is no longer, as for a time between refreshes.
    pub fn clocks_at_most(&self, clock_khz: u64) -> u64 {
        (self.picoseconds * clock_khz / PS_TIMES_KHZ).max(self.clocks)
    }
}

/// One clock in picoseconds, times the clock in kHz.
const PS_TIMES_KHZ: u64 = 1_000_000_000;

/// Nanoseconds of a TOML file as whole picoseconds.
///
/// # Errors
/// Names the key when the value is no time, or finer than a picosecond.
pub fn picoseconds(key: &str, value: &Value) -> Result<u64, String> {
    let refuse = || format!("{key} is {value}, and must be a time in nanoseconds with at most three decimals");
    let exact = match value {
        Value::Integer(nanoseconds) => nanoseconds.checked_mul(1000).ok_or_else(refuse)?,
        Value::Float(nanoseconds) => {
            let picoseconds = (nanoseconds * 1000.0).round();
            // Decimal fractions are not exact in binary: what is left is far below a thousandth of a picosecond.
            let left = (nanoseconds * 1000.0 - picoseconds).abs();
            if left.is_nan() || left >= 1e-3 {
                return Err(refuse());
            }
            picoseconds as i64
        }
        _ => return Err(refuse()),
    };
    u64::try_from(exact)
        .ok()
        .filter(|&time| time <= LONGEST_PS)
        .ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<Option<Quantity>, String> {
        Quantity::take(&mut text.parse().unwrap(), "t")
    }

    #[test]
    fn the_longer_of_clocks_and_nanoseconds_holds() {
        let both = take("t_ck = 4\nt_ns = 7.5").unwrap().unwrap();
        assert_eq!(
            [400_000, 533_333, 533_334, 1_200_000].map(|khz| both.clocks_at_least(khz)),
            [4, 4, 5, 9]
        );
        let interval = take("t_ns = 7800").unwrap().unwrap();
        assert_eq!(
            (interval.clocks_at_most(1_200_001), interval.clocks_at_least(1_200_001)),
            (9360, 9361)
        );
        assert_eq!(take("s_ns = 1").unwrap(), None);
    }

    #[test]
    fn what_is_no_time_is_named() {
        for text in [
            "t_ns = -1",
            "t_ns = 0.0001",
            "t_ns = nan",
            "t_ns = \"1\"",
            "t_ns = 1e9",
            "t_ns = inf",
        ] {
            let error = take(text).unwrap_err();
            assert!(error.contains("t_ns is ") && error.contains("nanoseconds"), "{error}");
        }
        assert!(take("t_ck = 1.5").unwrap_err().contains("t_ck is 1.5"));
    }
}
