//! Grids: which codes and which machines are looked at.

use super::code_point::{CodePoint, stores_exactly};
use super::machine_point::MachinePoint;
use super::numbers::Numbers;
use seedlm_codec::{ChainMap, CodecError};
use serde::Deserialize;
use serde::de::Error;
use std::path::Path;
use thiserror::Error;

/// Most codes, and most machines, of a grid.
pub const LARGEST_GRID: usize = 10_000;

/// The longest windows that the encoder of the chained codes searches, in bits.
const LONGEST_WINDOW: u32 = 20;

/// Codes and machines to look at, each of the one with each of the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    codes: Vec<CodePoint>,
    machines: Vec<MachinePoint>,
}

/// Why a grid is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GridError {
    /// A file cannot be read.
    #[error("{file}: cannot read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such grid.
    #[error("--grid {name}: it is no built-in grid ({}) and no readable file: {source}", Grid::NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Why it is no file.
        source: std::io::Error,
    },
    /// What the grid or an option says is wrong.
    #[error("{place}: {reason}")]
    Refused {
        /// File or option.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

/// A grid file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    block: Vec<WrittenBlock>,
    #[serde(default)]
    chained: Vec<WrittenChained>,
    machine: Option<WrittenMachine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)] // The names of the paper.
struct WrittenBlock {
    C: Numbers,
    P: Numbers,
    K: Numbers,
    /// Only codes that store exactly that many bits per weight.
    stored_bits: Option<Numbers>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case)]
struct WrittenChained {
    k: Numbers,
    K: Option<Numbers>,
    /// A file with a map, in place of the standard ones.
    map: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMachine {
    #[serde(default)]
    memory: Vec<String>,
    #[serde(default)]
    beat_bytes: Vec<OrAuto>,
    #[serde(default)]
    lanes: Vec<OrAuto>,
    clock_mhz: Option<f64>,
}

/// A number, or `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OrAuto(Option<u32>);

impl<'de> Deserialize<'de> for OrAuto {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a whole number or \"auto\"")]
        enum Either {
            Number(u32),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(OrAuto(Some(number))),
            Either::Text(text) if text == "auto" => Ok(OrAuto(None)),
            Either::Text(text) => Err(D::Error::custom(format!("{text:?} is neither a number nor \"auto\""))),
        }
    }
}

impl Grid {
    /// Names of the built-in grids.
    pub const NAMES: [&'static str; 3] = ["default", "paper", "quick"];

    /// The built-in grid of that name, or the TOML file at that path.
    ///
    /// # Errors
    /// Names the file and what is wrong in it; unknown keys are refused.
    pub fn named(name: &str) -> Result<Self, GridError> {
        match name {
            "default" => Grid::parse(name, include_str!("grids/default.toml"), Path::new("")),
            "paper" => Grid::parse(name, include_str!("grids/paper.toml"), Path::new("")),
            "quick" => Grid::parse(name, include_str!("grids/quick.toml"), Path::new("")),
            _ => {
                let text = std::fs::read_to_string(name).map_err(|source| GridError::Unknown {
                    name: name.into(),
                    source,
                })?;
                let folder = Path::new(name).parent().unwrap_or(Path::new(""));
                Grid::parse(name, &text, folder)
            }
        }
    }

    /// Reads a grid from TOML. Maps are looked for in `folder`.
    ///
    /// # Errors
    /// As [`Grid::named`].
    pub fn parse(place: &str, text: &str, folder: &Path) -> Result<Self, GridError> {
        let refuse = |reason: String| refused(place, reason);
        let written: Written = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let mut grid = Grid::default();
        for block in &written.block {
            grid.add_block_codes(place, &block.C, &block.P, &block.K, block.stored_bits.as_ref())?;
        }
        for chained in &written.chained {
            match (&chained.map, &chained.K) {
                (Some(_), Some(_)) => return Err(refuse("[[chained]] has K or map, not both".into())),
                (Some(map), None) => grid.add_map(&folder.join(map), &chained.k)?,
                (None, Some(lengths)) => grid.add_chained_codes(place, &chained.k, lengths)?,
                (None, None) => return Err(refuse("[[chained]] needs K or map".into())),
            }
        }
        if grid.codes.is_empty() {
            return Err(refuse("it names no code: add [[block]] or [[chained]]".into()));
        }
        if let Some(machine) = written.machine {
            let numbers = |list: &[OrAuto]| list.iter().map(|number| number.0).collect::<Vec<_>>();
            let (beat_bytes, lanes) = (numbers(&machine.beat_bytes), numbers(&machine.lanes));
            grid.set_machines(place, &machine.memory, &beat_bytes, &lanes, machine.clock_mhz)?;
        }
        Ok(grid)
    }

    /// The codes, in the order in which they were named, each once.
    pub fn codes(&self) -> &[CodePoint] {
        &self.codes
    }

    /// The machines; the reference machine where none was named.
    pub fn machines(&self) -> &[MachinePoint] {
        &self.machines
    }

    /// Adds all block codes of these numbers; with `stored_bits` only those that store exactly so many bits per weight.
    /// Combinations with `P > C` are none.
    ///
    /// # Errors
    /// When a code is out of the format's range, or there are too many, or none.
    pub fn add_block_codes(
        &mut self,
        place: &str,
        block_sizes: &Numbers,
        latent_dimensions: &Numbers,
        lengths: &Numbers,
        stored_bits: Option<&Numbers>,
    ) -> Result<(), GridError> {
        let counts = [block_sizes, latent_dimensions, lengths].map(|numbers| numbers.as_slice().len());
        if counts.iter().product::<usize>() > 100 * LARGEST_GRID {
            let [c, p, k] = counts;
            return Err(refused(
                place,
                format!("{c} x {p} x {k} block codes are too many to go through"),
            ));
        }
        let before = self.codes.len();
        for &length in lengths.as_slice() {
            for &latent in latent_dimensions.as_slice() {
                for &size in block_sizes.as_slice().iter().filter(|&&size| size >= latent) {
                    let is_wanted = stored_bits.is_none_or(|bits| {
                        let mut bits = bits.as_slice().iter();
                        bits.any(|&bits| stores_exactly(bits, size, latent, length))
                    });
                    if is_wanted {
                        self.add(place, CodePoint::block(size, latent, length))?;
                    }
                }
            }
        }
        if self.codes.len() == before {
            let why = "no block code of these numbers is new, has P <= C and stores what is asked for";
            return Err(refused(place, why.into()));
        }
        Ok(())
    }

    /// Adds the chained codes with the standard maps.
    ///
    /// # Errors
    /// When there is no standard map of a length, or the bits do not fit.
    pub fn add_chained_codes(&mut self, place: &str, bits: &Numbers, lengths: &Numbers) -> Result<(), GridError> {
        for &length in lengths.as_slice() {
            for &stored in bits.as_slice() {
                let code = ChainMap::standard(length).and_then(|map| CodePoint::chained(stored, map));
                self.add(place, code)?;
            }
        }
        Ok(())
    }

    /// Adds the chained codes with the map in a file.
    ///
    /// # Errors
    /// Names the file when it cannot be read or is no map.
    pub fn add_map(&mut self, file: &Path, bits: &Numbers) -> Result<(), GridError> {
        let place = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|source| GridError::Read {
            file: place.clone(),
            source,
        })?;
        let map: ChainMap = serde_json::from_str(&text).map_err(|error| refused(&place, error.to_string()))?;
        for &stored in bits.as_slice() {
            self.add(&place, CodePoint::chained(stored, map.clone()))?;
        }
        Ok(())
    }

    fn add(&mut self, place: &str, code: Result<CodePoint, CodecError>) -> Result<(), GridError> {
        let code = code.map_err(|error| refused(place, error.to_string()))?;
        if matches!(code.code(), seedlm_codec::Code::Chained(_)) && code.length() > LONGEST_WINDOW {
            let why = format!(
                "{}: the encoder searches windows of up to {LONGEST_WINDOW} bits",
                code.label()
            );
            return Err(refused(place, why));
        }
        if !self.codes.contains(&code) {
            self.codes.push(code);
        }
        if self.codes.len() > LARGEST_GRID {
            return Err(refused(
                place,
                format!("more than {LARGEST_GRID} codes; split the grid"),
            ));
        }
        Ok(())
    }

    /// Sets the machines: each memory with each port and each number of lanes. What is empty is left open.
    ///
    /// # Errors
    /// When there are too many, or the clock is none.
    pub fn set_machines(
        &mut self,
        place: &str,
        memories: &[String],
        beat_bytes: &[Option<u32>],
        lanes: &[Option<u32>],
        clock_mhz: Option<f64>,
    ) -> Result<(), GridError> {
        let paper = ["paper".to_string()];
        let memories = if memories.is_empty() { &paper[..] } else { memories };
        let open = [None];
        let beat_bytes = if beat_bytes.is_empty() { &open[..] } else { beat_bytes };
        let lanes = if lanes.is_empty() { &open[..] } else { lanes };
        let count = memories
            .len()
            .saturating_mul(beat_bytes.len())
            .saturating_mul(lanes.len());
        if count > LARGEST_GRID {
            return Err(refused(place, format!("{count} machines; at most {LARGEST_GRID}")));
        }
        let clock_mhz = clock_mhz.unwrap_or(200.0);
        if !(1e-3..=1e5).contains(&clock_mhz) {
            let why = format!("clock_mhz is {clock_mhz}, and must be 0.001 to 100000");
            return Err(refused(place, why));
        }
        self.machines.clear();
        for memory in memories {
            for &beat_bytes in beat_bytes {
                for &lanes in lanes {
                    let machine = MachinePoint {
                        memory: memory.clone(),
                        beat_bytes,
                        lanes,
                        clock_mhz,
                    };
                    if !self.machines.contains(&machine) {
                        self.machines.push(machine);
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks every machine, and gives a grid without one the reference machine.
    ///
    /// # Errors
    /// When a machine cannot be built for any of the codes, with the reason that the first of them has.
    pub fn complete(mut self) -> Result<Self, GridError> {
        if self.machines.is_empty() {
            self.set_machines("grid", &[], &[], &[], None)?;
        }
        for machine in &self.machines {
            let mut refusals = self
                .codes
                .iter()
                .map(|code| machine.system(&code.code().clone().into()).err());
            if let Some(Some(reason)) = refusals.next()
                && refusals.all(|refusal| refusal.is_some())
            {
                return Err(refused(&machine.label(), reason.to_string()));
            }
        }
        Ok(self)
    }
}

fn refused(place: &str, reason: String) -> GridError {
    GridError::Refused {
        place: place.into(),
        reason: reason.trim_end().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_grids_are_legal_and_hold_the_papers_choice() {
        for name in Grid::NAMES {
            let grid = Grid::named(name).unwrap().complete().unwrap();
            assert!(!grid.machines().is_empty());
            let labels: Vec<String> = grid.codes().iter().map(CodePoint::label).collect();
            if name != "quick" {
                assert!(
                    labels.contains(&"paper-4b".into()) && labels.contains(&"paper-3b".into()),
                    "{labels:?}"
                );
            }
        }
        // By counting: K = 4 (C - P - 1) for four bits, K = 3C - 4P - 4 for three.
        let lengths = |bits: i32, p: i32| {
            (p..=64)
                .map(move |c| bits * c - 4 * p - 4)
                .filter(|k| (2..=16).contains(k))
        };
        let of_latent = |p: i32| [3, 4].into_iter().flat_map(move |bits| lengths(bits, p));
        let expected = (1..=8)
            .flat_map(|p| of_latent(p).filter(move |&k| p <= 4 || k >= 10))
            .count();
        assert_eq!(Grid::named("paper").unwrap().codes().len(), expected);
    }

    #[test]
    fn a_grid_file_says_what_it_means() {
        let text = "[[block]]\nC = 8\nP = \"2:3\"\nK = [8, 16]\n[[chained]]\nk = 3\nK = 12\n[machine]\nmemory = [\"ideal\", \"hbm2\"]\n\
                    lanes = [\"auto\", 32]\nclock_mhz = 250.0";
        let grid = Grid::parse("x.toml", text, Path::new("")).unwrap();
        let labels: Vec<String> = grid.codes().iter().map(CodePoint::label).collect();
        assert_eq!(
            labels,
            [
                "C=8 P=2 K=8",
                "C=8 P=3 K=8",
                "C=8 P=2 K=16",
                "paper-4b",
                "chained-3b-k12"
            ]
        );
        assert_eq!(grid.machines().len(), 4);
        assert_eq!(grid.machines()[3].label(), "hbm2, 32 lanes");
        assert_eq!(grid.machines()[3].clock_mhz, 250.0);
    }

    #[test]
    fn hostile_grids_are_refused_with_the_reason() {
        let block = "[[block]]\nC = 8\nP = 3\nK = 16\n";
        for (text, reason) in [
            ("".to_string(), "names no code"),
            ("[[block]]\nC = 8\nP = 3".into(), "missing field `K`"),
            (format!("{block}Q = 1"), "unknown field `Q`"),
            (format!("{block}[colour]\n"), "unknown field `colour`"),
            (block.replace("16", "\"16:8\""), "goes down"),
            (block.replace("16", "25"), "2 to 24"),
            (block.replace("16", "-1"), "a whole number, a list"),
            (block.replace("16", "[]"), "names no number"),
            (
                block.replace("16", "\"1:60000\"").replace("= 8", "\"1:60000\""),
                "x.toml",
            ),
            (
                block.replace("= 8", "= \"1:60000\"").replace("= 16", "= \"1:60000\""),
                "too many",
            ),
            (block.replace("= 3", "= 9"), "no block code of these numbers"),
            (format!("{block}stored_bits = 5"), "no block code of these numbers"),
            ("[[chained]]\nk = 3".into(), "needs K or map"),
            ("[[chained]]\nk = 3\nK = 13".into(), "no standard chain map"),
            ("[[chained]]\nk = 9\nK = 12".into(), "must be 1 to 8"),
            (
                "[[chained]]\nk = 3\nmap = \"none.json\"".into(),
                "none.json: cannot read",
            ),
            (format!("{block}[machine]\nclock_mhz = 0.0"), "clock_mhz is 0"),
            (
                format!("{block}[machine]\nlanes = [\"many\"]"),
                "neither a number nor \"auto\"",
            ),
            ("\u{0}".into(), "x.toml"),
        ] {
            let error = Grid::parse("x.toml", &text, Path::new("")).unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
        let error = Grid::named("nowhere").unwrap_err().to_string();
        assert!(error.contains("no built-in grid (default, paper, quick)"), "{error}");
        let unknown = format!("{block}[machine]\nmemory = [\"nowhere\"]");
        let grid = Grid::parse("x.toml", &unknown, Path::new("")).unwrap();
        assert!(grid.complete().unwrap_err().to_string().contains("it is no preset"));
    }
}
