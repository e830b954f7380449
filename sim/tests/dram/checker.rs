//! Checks a trace of commands against the protocol, each command against all before it. It shares neither state nor gates
//! with the device: the rules are written out again.

use seedlm_sim::dram::{Command, DramModel, RefreshMode};

/// The first command that breaks a rule: which, when, and the rule.
pub fn check(model: &DramModel, trace: &[(u64, Command)]) -> Result<(), String> {
    let organisation = model.organisation();
    let mut open: Vec<Option<u32>> = vec![None; organisation.banks() as usize];
    // No rule reaches further back than this many clocks.
    let t = model.timing();
    let horizon = t.t_rfc + t.t_rc + t.t_faw + t.t_rfc_pb + t.t_pbr2pbr + t.t_ras + 100;
    let mut first = 0;
    for (index, &(clock, command)) in trace.iter().enumerate() {
        let fail = |rule: &str| Err(format!("{command:?} in clock {clock}: {rule}"));
        while trace[first].0 + horizon < clock {
            first += 1;
        }
        for &(earlier, before) in &trace[first..index] {
            let distance = clock.checked_sub(earlier).ok_or("the trace goes back in time")?;
            for (rule, least) in rules(model, before, command) {
                if distance < least {
                    return fail(&format!("{rule} = {least} after {before:?} in clock {earlier}"));
                }
            }
        }
        if opens_row(command) {
            let earlier = trace[first..index]
                .iter()
                .rev()
                .filter(|(_, before)| opens_row(*before));
            if let Some((fourth, _)) = earlier.take(4).nth(3)
                && clock - fourth < t.t_faw
            {
                return fail(&format!(
                    "tFAW = {} after the fourth activate before it in clock {fourth}",
                    t.t_faw
                ));
            }
        }
        match command {
            Command::Activate { bank, row } => {
                if open[bank].replace(row).is_some() {
                    return fail("the bank has an open row");
                }
            }
            Command::Read { bank, .. } if open[bank].is_none() => return fail("no row is open"),
            Command::Read { .. } => {}
            Command::Precharge { bank } => {
                if open[bank].take().is_none() {
                    return fail("no row is open");
                }
            }
            Command::PrechargeAll => open.fill(None),
            Command::RefreshAll if open.iter().any(Option::is_some) => return fail("a row is open"),
            Command::RefreshAll => {}
            Command::RefreshBanks { unit } => {
                if banks_of(model, unit).any(|bank| open[bank].is_some()) {
                    return fail("a row of a refreshed bank is open");
                }
            }
        }
    }
    Ok(())
}

/// Refreshes come as often as they must: by no more than eight intervals late, and in each round every bank once.
pub fn check_refreshes(model: &DramModel, trace: &[(u64, Command)], until: u64) -> Result<(), String> {
    let t_refi = model.timing().t_refi;
    let units = model.organisation().refresh_units();
    let (interval, slack) = match model.policy().refresh {
        RefreshMode::Off => return Ok(()),
        // One access may be on its way when the refresh is due.
        RefreshMode::AllBank => (t_refi, model.timing().t_rc + model.timing().t_rp_ab + 100),
        RefreshMode::PerBank => (
            t_refi / units,
            8 * t_refi + model.timing().t_rc + model.timing().t_rfc_pb + 100,
        ),
    };
    let refreshes: Vec<(u64, Command)> = trace
        .iter()
        .copied()
        .filter(|(_, command)| matches!(command, Command::RefreshAll | Command::RefreshBanks { .. }))
        .collect();
    for (index, (clock, _)) in refreshes.iter().enumerate() {
        let due = (index as u64 + 1) * interval;
        if *clock < due || *clock > due + slack {
            return Err(format!("refresh {index} is due in clock {due} and comes in {clock}"));
        }
    }
    let due = until.saturating_sub(slack) / interval;
    if (refreshes.len() as u64) < due {
        return Err(format!(
            "{} refreshes in {until} clocks, and {due} were due",
            refreshes.len()
        ));
    }
    for round in refreshes.chunks(units as usize) {
        let mut seen = 0_u64;
        for (clock, command) in round {
            if let Command::RefreshBanks { unit } = command {
                if seen >> unit & 1 == 1 {
                    return Err(format!("unit {unit} is refreshed twice in a round, in clock {clock}"));
                }
                seen |= 1 << unit;
            }
        }
    }
    Ok(())
}

fn opens_row(command: Command) -> bool {
    matches!(command, Command::Activate { .. } | Command::RefreshBanks { .. })
}

fn banks_of(model: &DramModel, unit: usize) -> impl Iterator<Item = usize> + use<> {
    let (banks, units) = (
        model.organisation().banks() as usize,
        model.organisation().refresh_units() as usize,
    );
    (0..banks).filter(move |bank| bank % units == unit)
}

/// Least distances between two commands, with the names of the standard.
fn rules(model: &DramModel, before: Command, after: Command) -> Vec<(&'static str, u64)> {
    use Command::{Activate, Precharge, PrechargeAll, Read, RefreshAll, RefreshBanks};
    let (t, organisation) = (model.timing(), model.organisation());
    let in_unit = |bank: usize, unit: usize| bank % organisation.refresh_units() as usize == unit;
    let group = |bank: usize| bank / organisation.banks_per_group as usize;
    let mut rules = match (before, after) {
        (Activate { bank: a, .. }, Activate { bank: b, .. }) if a == b => vec![("tRC", t.t_rc)],
        (Activate { bank: a, .. }, Activate { bank: b, .. }) if group(a) == group(b) => vec![("tRRD_L", t.t_rrd_l)],
        (Activate { .. }, Activate { .. }) => vec![("tRRD_S", t.t_rrd_s)],
        (Activate { bank: a, .. }, Read { bank: b, .. }) if a == b => vec![("tRCD", t.t_rcd)],
        (Activate { bank: a, .. }, Precharge { bank: b }) if a == b => vec![("tRAS", t.t_ras)],
        (Activate { .. }, PrechargeAll) => vec![("tRAS", t.t_ras)],
        (Activate { .. }, RefreshAll) => vec![("tRC", t.t_rc)],
        (Activate { bank, .. }, RefreshBanks { unit }) if in_unit(bank, unit) => vec![("tRC", t.t_rc)],
        (Activate { .. }, RefreshBanks { .. }) => vec![("tRRD_S", t.t_rrd_s)],
        (Read { bank: a, .. }, Read { bank: b, .. }) => {
            let same_group = group(a) == group(b);
            let t_ccd = if same_group {
                ("tCCD_L", t.t_ccd_l)
            } else {
                ("tCCD_S", t.t_ccd_s)
            };
            vec![
                t_ccd,
                ("BL", organisation.burst_transfers / organisation.transfers_per_clock),
            ]
        }
        (Read { bank: a, .. }, Precharge { bank: b }) if a == b => vec![("tRTP", t.t_rtp)],
        (Read { .. }, PrechargeAll) => vec![("tRTP", t.t_rtp)],
        (Precharge { bank: a }, Activate { bank: b, .. }) if a == b => vec![("tRP", t.t_rp)],
        (Precharge { .. }, RefreshAll) => vec![("tRP", t.t_rp)],
        (Precharge { bank }, RefreshBanks { unit }) if in_unit(bank, unit) => vec![("tRP", t.t_rp)],
        (PrechargeAll, Activate { .. } | RefreshAll | RefreshBanks { .. }) => vec![("tRPab", t.t_rp_ab)],
        (RefreshAll, Activate { .. } | RefreshAll | RefreshBanks { .. }) => vec![("tRFC", t.t_rfc)],
        (RefreshBanks { unit }, Activate { bank, .. }) if in_unit(bank, unit) => vec![("tRFCpb", t.t_rfc_pb)],
        (RefreshBanks { .. }, Activate { .. }) => vec![("tpbR2act", t.t_pbr2act)],
        (RefreshBanks { unit: a }, RefreshBanks { unit: b }) if a == b => vec![("tRFCpb", t.t_rfc_pb)],
        (RefreshBanks { .. }, RefreshBanks { .. }) => vec![("tpbR2pbR", t.t_pbr2pbr)],
        (RefreshBanks { .. }, RefreshAll) => vec![("tRFCpb", t.t_rfc_pb)],
        _ => vec![],
    };
    let of_columns = |command: Command| matches!(command, Read { .. });
    if !organisation.separate_row_and_column_commands || of_columns(before) == of_columns(after) {
        let pins = match before {
            Activate { .. } => t.activate_command,
            Read { .. } => t.read_command,
            Precharge { .. } | PrechargeAll => t.precharge_command,
            RefreshAll | RefreshBanks { .. } => t.refresh_command,
        };
        rules.push(("pins for commands", pins));
    }
    rules
}
