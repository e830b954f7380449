//! Which chip keeps up with which memory: how many lanes a memory feeds, and what share of a chip they take.

use super::SynthesisError;
use super::measure::Measurement;
use super::report::table;
use serde::Deserialize;

/// The chips.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chips {
    /// Each of them.
    #[serde(rename = "chip")]
    pub chips: Vec<Chip>,
}

/// A chip with its memory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chip {
    /// Name.
    pub name: String,
    /// Its memory.
    pub memory: String,
    /// What the memory delivers at most, in 10^9 bytes per second.
    pub bandwidth_gb_per_s: f64,
    /// Look-up tables, or the packed cells of a row that has been packed.
    pub luts: u64,
    /// Flip-flops.
    pub flip_flops: u64,
    /// Multipliers.
    pub dsps: u64,
    /// Block memories, in the units of the rows' family.
    pub block_rams: f64,
    /// The clock that is assumed where no open placer can measure one, in MHz.
    pub clock_mhz: Option<f64>,
    /// Where these figures are published.
    pub source: String,
    /// Rows that are reckoned on it.
    pub rows: Vec<String>,
}

/// A row on a chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The clock, in MHz.
    pub clock_mhz: f64,
    /// Lanes that take in all that the memory delivers.
    pub lanes: u64,
    /// Each resource, and the share of the chip's that the lanes take: 1 is all of it. A chip without some has a share of 0 as
    /// long as nobody needs any.
    pub shares: [(&'static str, f64); 4],
}

impl Fit {
    /// The resource that is used up first, and its share.
    pub fn limit(&self) -> (&'static str, f64) {
        let shares = self.shares.into_iter();
        shares.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are four")
    }
}

impl Chips {
    /// Reads the chips.
    ///
    /// # Errors
    /// [`SynthesisError::Unreadable`] when it is no such TOML.
    pub fn parse(file: &str, text: &str) -> Result<Self, SynthesisError> {
        toml::from_str(text).map_err(|error| SynthesisError::unreadable(file, error))
    }

    /// The table of all chips, from rows that were measured.
    ///
    /// # Errors
    /// [`SynthesisError::Setting`] when a row is missing, or has no clock.
    pub fn markdown(&self, measured: &[Measurement]) -> Result<String, SynthesisError> {
        let mut rows = Vec::new();
        for chip in &self.chips {
            for name in &chip.rows {
                let row = measured.iter().find(|row| row.name == *name);
                let missing = || SynthesisError::Setting(format!("{}: no row {name} has been measured", chip.name));
                let row = row.ok_or_else(missing)?;
                rows.push(chip.line(row)?);
            }
        }
        let heads = [
            "chip, memory",
            "GB/s",
            "row",
            "clock, MHz",
            "lanes needed",
            "weights/s",
            "LUT",
            "FF",
            "DSP",
            "BRAM",
            "used up first",
        ];
        Ok(table(&heads, &rows))
    }
}

impl Chip {
    /// How a row that was measured fits: lanes to keep up with the memory, each as large as one of the row's.
    ///
    /// # Errors
    /// [`SynthesisError::Setting`] when neither a clock was measured nor one is assumed.
    pub fn fit(&self, row: &Measurement) -> Result<Fit, SynthesisError> {
        let measured = row.placement.as_ref().map(|placement| placement.median_mhz);
        let no_clock =
            || SynthesisError::Setting(format!("{}: {} has no clock, and none is assumed", self.name, row.name));
        let clock_mhz = self.clock_mhz.or(measured).ok_or_else(no_clock)?;
        let of_lane = row.bytes_per_cycle / f64::from(row.lanes) * clock_mhz * 1e6;
        let lanes = (self.bandwidth_gb_per_s * 1e9 / of_lane).ceil();
        let times = lanes / f64::from(row.lanes);
        let share = |used: f64, there: f64| if used == 0.0 { 0.0 } else { used * times / there };
        let luts = row.packed_cells.unwrap_or(row.area.luts);
        Ok(Fit {
            clock_mhz,
            lanes: lanes as u64,
            shares: [
                ("LUT", share(luts as f64, self.luts as f64)),
                ("FF", share(row.area.flip_flops as f64, self.flip_flops as f64)),
                ("DSP", share(row.area.dsps as f64, self.dsps as f64)),
                ("BRAM", share(row.area.block_rams, self.block_rams)),
            ],
        })
    }

    fn line(&self, row: &Measurement) -> Result<Vec<String>, SynthesisError> {
        let fit = self.fit(row)?;
        let percent = |share: f64| match share.is_finite() {
            true => format!("{:.1} %", 100.0 * share),
            false => "has none".into(),
        };
        let clock = match self.clock_mhz {
            Some(clock) => format!("{clock:.0}, assumed"),
            None => format!("{:.0}", fit.clock_mhz),
        };
        let weights = row.weights_per_cycle as f64 / row.bytes_per_cycle * self.bandwidth_gb_per_s;
        let (limit, share) = fit.limit();
        let limit = if share > 1.0 {
            format!("{limit}: does not fit")
        } else {
            limit.into()
        };
        let mut cells = vec![
            format!("{}, {}", self.name, self.memory),
            self.bandwidth_gb_per_s.to_string(),
            format!("`{}`", row.name),
            clock,
            fit.lanes.to_string(),
            format!("{weights:.2} G"),
        ];
        cells.extend(fit.shares.into_iter().map(|(_, share)| percent(share)));
        cells.push(limit);
        Ok(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::measure::sample;

    fn chip() -> Chip {
        Chip {
            name: "chip".into(),
            memory: "memory".into(),
            bandwidth_gb_per_s: 3.2,
            luts: 12000,
            flip_flops: 10000,
            dsps: 0,
            block_rams: 10.0,
            clock_mhz: None,
            source: String::new(),
            rows: vec!["sample".into()],
        }
    }

    /// 2 lanes of 4 bytes at 200 MHz take 1.6 GB/s.
    #[test]
    fn lanes_follow_from_bandwidth_and_clock() {
        let fit = chip().fit(&sample()).unwrap();
        let expected = Fit {
            clock_mhz: 200.0,
            lanes: 4,
            shares: [("LUT", 0.2), ("FF", 0.1), ("DSP", 0.0), ("BRAM", 0.1)],
        };
        assert_eq!(fit, expected);
        assert_eq!(fit.limit(), ("LUT", 0.2));
        let faster = Chip {
            clock_mhz: Some(399.0),
            ..chip()
        };
        assert_eq!(faster.fit(&sample()).unwrap().lanes, 3);
    }

    #[test]
    fn what_a_chip_has_not_does_not_fit() {
        let mut row = sample();
        row.area.dsps = 1;
        let chips = Chips { chips: vec![chip()] };
        let text = chips.markdown(&[row]).unwrap();
        let line = "| chip, memory | 3.2 | `sample` | 200 | 4 | 6.40 G | 20.0 % | 10.0 % | has none | 10.0 % | DSP: does not fit |";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_row_without_clock_is_refused() {
        let mut row = sample();
        row.placement = None;
        let error = chip().fit(&row).unwrap_err().to_string();
        assert_eq!(error, "chip: sample has no clock, and none is assumed");
        let chips = Chips { chips: vec![chip()] };
        let error = chips.markdown(&[]).unwrap_err().to_string();
        assert_eq!(error, "chip: no row sample has been measured");
    }
}
