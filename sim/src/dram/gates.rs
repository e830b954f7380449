//! The timing gates: which command may follow which after how many clocks.

use super::command::CommandKind::{self, Activate, Precharge, PrechargeAll, Read, RefreshAll, RefreshBanks};
use super::organisation::Organisation;
use super::timing::Timing;

/// Which commands a gate stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those to the same bank.
    Bank,
    /// Those to the same bank group.
    Group,
    /// All of the channel.
    Channel,
}

/// `to` must come no earlier than `clocks` after `from`.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// The standard's name.
    pub name: &'static str,
    /// The earlier command.
    pub from: CommandKind,
    /// The later command.
    pub to: CommandKind,
    /// Where both are.
    pub scope: Scope,
    /// Least distance.
    pub clocks: u64,
}

/// All gates between two commands. The four-activate window (tFAW) and the pins for commands are not among them: they are
/// no matter of two commands.
pub fn gates(timing: &Timing, organisation: &Organisation) -> Vec<Gate> {
    let gate = |name, from, to, scope, clocks| Gate {
        name,
        from,
        to,
        scope,
        clocks,
    };
    use Scope::{Bank, Channel, Group};
    let t = timing;
    vec![
        gate("tRCD", Activate, Read, Bank, t.t_rcd),
        gate("tRAS", Activate, Precharge, Bank, t.t_ras),
        gate("tRC", Activate, Activate, Bank, t.t_rc),
        gate("tRP", Precharge, Activate, Bank, t.t_rp),
        gate("tRTP", Read, Precharge, Bank, t.t_rtp),
        gate("tCCD_S", Read, Read, Channel, t.t_ccd_s),
        gate("tCCD_L", Read, Read, Group, t.t_ccd_l),
        gate("BL", Read, Read, Channel, organisation.burst_clocks()),
        gate("tRRD_S", Activate, Activate, Channel, t.t_rrd_s),
        gate("tRRD_L", Activate, Activate, Group, t.t_rrd_l),
        // All rows are closed together once each may be closed.
        gate("tRAS", Activate, PrechargeAll, Channel, t.t_ras),
        gate("tRTP", Read, PrechargeAll, Channel, t.t_rtp),
        gate("tRPab", PrechargeAll, Activate, Channel, t.t_rp_ab),
        gate("tRPab", PrechargeAll, RefreshAll, Channel, t.t_rp_ab),
        gate("tRPab", PrechargeAll, RefreshBanks, Channel, t.t_rp_ab),
        gate("tRP", Precharge, RefreshAll, Channel, t.t_rp),
        gate("tRC", Activate, RefreshAll, Channel, t.t_rc),
        gate("tRFC", RefreshAll, Activate, Channel, t.t_rfc),
        gate("tRFC", RefreshAll, RefreshAll, Channel, t.t_rfc),
        gate("tRFC", RefreshAll, RefreshBanks, Channel, t.t_rfc),
        // A per-bank refresh opens and closes rows inside: what holds for ACT holds for it.
        gate("tRP", Precharge, RefreshBanks, Bank, t.t_rp),
        gate("tRC", Activate, RefreshBanks, Bank, t.t_rc),
        gate("tRRD_S", Activate, RefreshBanks, Channel, t.t_rrd_s),
        gate("tRFCpb", RefreshBanks, Activate, Bank, t.t_rfc_pb),
        gate("tRFCpb", RefreshBanks, RefreshBanks, Bank, t.t_rfc_pb),
        gate("tRFCpb", RefreshBanks, RefreshAll, Channel, t.t_rfc_pb),
        gate("tpbR2pbR", RefreshBanks, RefreshBanks, Channel, t.t_pbr2pbr),
        gate("tpbR2act", RefreshBanks, Activate, Channel, t.t_pbr2act),
    ]
}
