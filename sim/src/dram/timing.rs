//! The timing of a memory in whole clocks, by the names of the JEDEC standards.

use super::quantity::Quantity;
use serde::Serialize;
use toml::{Table, Value};

/// Least (for `t_refi`: largest) distances between commands, in clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// Frequency of the clock, in kHz.
    pub clock_khz: u64,
    /// RD to the first transfer of its data (CL, RL).
    pub cl: u64,
    /// ACT to RD.
    pub t_rcd: u64,
    /// PRE to ACT of the same bank.
    pub t_rp: u64,
    /// PRE of all banks to ACT or refresh.
    pub t_rp_ab: u64,
    /// ACT to PRE of the same bank.
    pub t_ras: u64,
    /// ACT to ACT of the same bank.
    pub t_rc: u64,
    /// RD to RD of different bank groups.
    pub t_ccd_s: u64,
    /// RD to RD of the same bank group.
    pub t_ccd_l: u64,
    /// ACT to ACT of different bank groups.
    pub t_rrd_s: u64,
    /// ACT to ACT of the same bank group.
    pub t_rrd_l: u64,
    /// First to fifth ACT of a channel.
    pub t_faw: u64,
    /// RD to PRE of the same bank.
    pub t_rtp: u64,
    /// Between refreshes of all banks, on average.
    pub t_refi: u64,
    /// Refresh of all banks to the next command.
    pub t_rfc: u64,
    /// Per-bank refresh to the next command to the same bank; 0 where there is none.
    pub t_rfc_pb: u64,
    /// Per-bank refresh to the per-bank refresh of another bank.
    pub t_pbr2pbr: u64,
    /// Per-bank refresh to ACT of another bank.
    pub t_pbr2act: u64,
    /// Clocks for which ACT holds the pins for commands.
    pub activate_command: u64,
    /// Clocks for which RD holds the pins for commands.
    pub read_command: u64,
    /// Clocks for which PRE holds the pins for commands.
    pub precharge_command: u64,
    /// Clocks for which a refresh holds the pins for commands.
    pub refresh_command: u64,
}

impl Timing {
    /// Reads the section `[timing]` of a memory.
    ///
    /// # Errors
    /// Names a key that is missing, unknown or no time.
    pub fn from_table(mut table: Table) -> Result<Self, String> {
        let clock_khz = match table.remove("clock_khz") {
            Some(Value::Integer(khz @ 1_000..=10_000_000)) => khz as u64,
            Some(other) => return Err(format!("clock_khz is {other}, and must be 1000 to 10000000")),
            None => return Err("clock_khz is missing".into()),
        };
        let mut optional =
            |name: &str| Quantity::take(&mut table, name).map(|time| time.map(|time| time.clocks_at_least(clock_khz)));
        let mut required = |name: &str| optional(name)?.ok_or_else(|| format!("{name}_ns or {name}_ck is missing"));
        let t_rp = required("t_rp")?;
        let mut timing = Timing {
            clock_khz,
            cl: required("cl")?,
            t_rcd: required("t_rcd")?,
            t_rp,
            t_rp_ab: t_rp,
            t_ras: required("t_ras")?,
            t_rc: required("t_rc")?,
            t_ccd_s: required("t_ccd_s")?,
            t_ccd_l: required("t_ccd_l")?,
            t_rrd_s: required("t_rrd_s")?,
            t_rrd_l: required("t_rrd_l")?,
            t_faw: required("t_faw")?,
            t_rtp: required("t_rtp")?,
            t_refi: 0,
            t_rfc: required("t_rfc")?,
            t_rfc_pb: 0,
            t_pbr2pbr: 0,
            t_pbr2act: 0,
            activate_command: 1,
            read_command: 1,
            precharge_command: 1,
            refresh_command: 1,
        };
        for (name, value) in [
            ("t_rp_ab", &mut timing.t_rp_ab),
            ("t_rfc_pb", &mut timing.t_rfc_pb),
            ("t_pbr2pbr", &mut timing.t_pbr2pbr),
            ("t_pbr2act", &mut timing.t_pbr2act),
            ("activate_command", &mut timing.activate_command),
            ("read_command", &mut timing.read_command),
            ("precharge_command", &mut timing.precharge_command),
            ("refresh_command", &mut timing.refresh_command),
        ] {
            if let Some(clocks) = optional(name)? {
                *value = clocks;
            }
        }
        let t_refi = Quantity::take(&mut table, "t_refi")?.ok_or("t_refi_ns or t_refi_ck is missing")?;
        timing.t_refi = t_refi.clocks_at_most(clock_khz);
        if let Some(key) = table.keys().next() {
            return Err(format!("unknown key {key}"));
        }
        timing.check()?;
        Ok(timing)
    }

    fn check(&self) -> Result<(), String> {
        for (name, clocks) in [
            ("activate_command", self.activate_command),
            ("read_command", self.read_command),
            ("precharge_command", self.precharge_command),
            ("refresh_command", self.refresh_command),
            ("cl", self.cl),
            ("t_rcd", self.t_rcd),
            ("t_rp", self.t_rp),
        ] {
            if clocks == 0 {
                return Err(format!("{name} must be at least one clock"));
            }
        }
        for (shorter, longer, names) in [
            (self.t_ccd_s, self.t_ccd_l, "t_ccd_s is longer than t_ccd_l"),
            (self.t_rrd_s, self.t_rrd_l, "t_rrd_s is longer than t_rrd_l"),
            (self.t_rp, self.t_rp_ab, "t_rp is longer than t_rp_ab"),
        ] {
            if shorter > longer {
                return Err(names.into());
            }
        }
        if 2 * (self.t_rfc + self.t_rp_ab + self.t_rcd + self.t_ras) > self.t_refi {
            return Err("t_rfc leaves less than half of t_refi for work".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DramModel, PRESETS};

    /// Against the clocks that the standards' own tables name.
    #[test]
    fn nanoseconds_become_the_clocks_of_the_speed_bins() {
        let ddr4 = DramModel::parse("x", PRESETS[1].1).unwrap();
        let timing = ddr4.timing();
        assert_eq!((timing.cl, timing.t_rcd, timing.t_rp), (16, 16, 16));
        assert_eq!((timing.t_ras, timing.t_rc, timing.t_faw, timing.t_rtp), (39, 55, 26, 9));
        assert_eq!((timing.t_ccd_l, timing.t_rrd_s, timing.t_rrd_l), (6, 4, 6));
        assert_eq!((timing.t_refi, timing.t_rfc), (9360, 420));
        let ddr3 = DramModel::parse("x", PRESETS[0].1).unwrap();
        let timing = ddr3.timing();
        assert_eq!((timing.t_rcd, timing.t_rp, timing.t_ras, timing.t_rc), (11, 11, 28, 39));
        assert_eq!((timing.t_faw, timing.t_refi, timing.t_rfc), (24, 6240, 208));
    }
}
