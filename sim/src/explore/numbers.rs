//! Lists of whole numbers as people write them.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// Numbers to go through, ascending, each once: `8:12` is all from 8 to 12, `12+16` two numbers, and both can be joined.
///
/// In a TOML file it may also be one number, or a list of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers(Vec<u32>);

/// The largest number that is taken: none of the parameters comes near it.
const LARGEST: u32 = 65_536;

impl Numbers {
    /// The numbers, sorted, each once.
    ///
    /// # Errors
    /// When there are none, or one is above 65,536.
    pub fn new(mut numbers: Vec<u32>) -> Result<Self, String> {
        numbers.sort_unstable();
        numbers.dedup();
        match numbers.last() {
            None => Err("it names no number".into()),
            Some(&last) if last > LARGEST => Err(format!("{last} is too large: at most {LARGEST}")),
            Some(_) => Ok(Numbers(numbers)),
        }
    }

    /// The numbers, ascending.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let parsed = part.trim().parse::<u32>().ok().filter(|&number| number <= LARGEST);
            parsed.ok_or_else(|| format!("{part:?} is no whole number from 0 to {LARGEST}; write 8, 8:12 or 12+16"))
        };
        let mut numbers = Vec::new();
        for part in text.split('+') {
            match part.split_once(':') {
                None => numbers.push(number(part)?),
                Some((first, last)) => {
                    let (first, last) = (number(first)?, number(last)?);
                    if first > last {
                        return Err(format!("{part:?} goes down: write {last}:{first}"));
                    }
                    numbers.extend(first..=last);
                }
            }
        }
        Numbers::new(numbers)
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a whole number, a list of them, or a text such as \"8:12\" or \"12+16\""
        )]
        enum Written {
            One(u32),
            Many(Vec<u32>),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::One(number) => Numbers::new(vec![number]),
            Written::Many(numbers) => Numbers::new(numbers),
            Written::Text(text) => text.parse(),
        }
        .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists_are_read_in_any_order() {
        let read = |text: &str| text.parse::<Numbers>().unwrap().0;
        assert_eq!(read("16"), [16]);
        assert_eq!(read("8:10"), [8, 9, 10]);
        assert_eq!(read("16+8:9+9"), [8, 9, 16]);
    }

    #[test]
    fn nonsense_is_refused_with_the_part_that_is_wrong() {
        for (text, reason) in [
            ("", "\"\" is no whole number"),
            ("8:", "\"\" is no whole number"),
            ("-3", "\"-3\" is no whole number"),
            ("1:4000000000", "\"4000000000\" is no whole number"),
            ("12:8", "\"12:8\" goes down: write 8:12"),
            ("8,9", "\"8,9\" is no whole number"),
        ] {
            let error = text.parse::<Numbers>().unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(Numbers::new(vec![]).is_err());
        assert!(Numbers::new(vec![70_000]).is_err());
    }
}
