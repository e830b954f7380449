//! One channel's DRAM: which rows are open, and from when on each command is legal. It chooses nothing.

use super::command::{Command, CommandKind};
use super::gates::{Gate, Scope, gates};
use super::model::DramModel;

/// For each command, the first clock in which it is legal.
type Earliest = [u64; CommandKind::COUNT];

/// Activates that may fall into one window of tFAW.
const ACTIVATES_PER_WINDOW: usize = 4;

/// Banks, bank groups and channel with what was done to them last.
#[derive(Clone, Debug)]
pub struct Device {
    /// For each command, the gates that it closes.
    gates: [Vec<Gate>; CommandKind::COUNT],
    open_rows: Vec<Option<u32>>,
    open_banks: usize,
    banks: Vec<Earliest>,
    groups: Vec<Earliest>,
    channel: Earliest,
    banks_per_group: usize,
    refresh_units: usize,
    /// Clocks from which the window has room again, one for each of the last four activates: the oldest is at `oldest`.
    windows: [u64; ACTIVATES_PER_WINDOW],
    oldest: usize,
    t_faw: u64,
    /// Pins for commands: row commands, column commands. Without pins of their own both count as row commands.
    pins_free: [u64; 2],
    pin_clocks: Earliest,
    separate_pins: bool,
}

impl Device {
    /// A device whose rows are all closed, with nothing behind it.
    pub fn new(model: &DramModel) -> Self {
        let (organisation, timing) = (model.organisation(), model.timing());
        let mut by_command: [Vec<Gate>; CommandKind::COUNT] = Default::default();
        for gate in gates(timing, organisation) {
            by_command[gate.from as usize].push(gate);
        }
        let mut pin_clocks = [timing.refresh_command; CommandKind::COUNT];
        pin_clocks[CommandKind::Activate as usize] = timing.activate_command;
        pin_clocks[CommandKind::Read as usize] = timing.read_command;
        pin_clocks[CommandKind::Precharge as usize] = timing.precharge_command;
        pin_clocks[CommandKind::PrechargeAll as usize] = timing.precharge_command;
        let nothing = [0; CommandKind::COUNT];
        Device {
            gates: by_command,
            open_rows: vec![None; organisation.banks() as usize],
            open_banks: 0,
            banks: vec![nothing; organisation.banks() as usize],
            groups: vec![nothing; organisation.bank_groups as usize],
            channel: nothing,
            banks_per_group: organisation.banks_per_group as usize,
            refresh_units: organisation.refresh_units() as usize,
            windows: [0; ACTIVATES_PER_WINDOW],
            oldest: 0,
            t_faw: timing.t_faw,
            pins_free: [0; 2],
            pin_clocks,
            separate_pins: organisation.separate_row_and_column_commands,
        }
    }

    /// The open row of a bank.
    pub fn open_row(&self, bank: usize) -> Option<u32> {
        self.open_rows[bank]
    }

    /// Banks with an open row.
    pub fn open_banks(&self) -> usize {
        self.open_banks
    }

    /// The first clock in which a command is legal; `None` while rows are open that must be closed for it, or closed that
    /// must be open.
    pub fn earliest(&self, command: Command) -> Option<u64> {
        let is_legal = match command {
            Command::Activate { bank, .. } => self.open_rows[bank].is_none(),
            Command::Read { bank, .. } | Command::Precharge { bank } => self.open_rows[bank].is_some(),
            Command::PrechargeAll => true,
            Command::RefreshAll => self.open_banks == 0,
            Command::RefreshBanks { unit } => self.banks_of(unit).all(|bank| self.open_rows[bank].is_none()),
        };
        is_legal.then(|| self.earliest_by_gates(command))
    }

    fn earliest_by_gates(&self, command: Command) -> u64 {
        let kind = command.kind() as usize;
        let everywhere = self.channel[kind].max(self.pins_free[self.pins(command.kind())]);
        let of_bank = |bank: usize| self.banks[bank][kind].max(self.groups[bank / self.banks_per_group][kind]);
        match command {
            Command::Read { bank, .. } | Command::Precharge { bank } => everywhere.max(of_bank(bank)),
            Command::Activate { bank, .. } => everywhere.max(of_bank(bank)).max(self.windows[self.oldest]),
            Command::PrechargeAll | Command::RefreshAll => everywhere,
            Command::RefreshBanks { unit } => {
                let banks = self.banks_of(unit).map(of_bank).max().unwrap_or(0);
                everywhere.max(banks).max(self.windows[self.oldest])
            }
        }
    }

    /// Gives a command in a clock. It must be legal.
    pub fn issue(&mut self, command: Command, clock: u64) {
        debug_assert!(self.earliest(command).is_some_and(|earliest| earliest <= clock));
        let kind = command.kind();
        self.pins_free[self.pins(kind)] = clock + self.pin_clocks[kind as usize];
        match command {
            Command::Activate { bank, row } => {
                self.open_rows[bank] = Some(row);
                self.open_banks += 1;
                self.open_window(clock);
                self.close_gates(kind, Some(bank), clock);
            }
            Command::Read { bank, .. } => self.close_gates(kind, Some(bank), clock),
            Command::Precharge { bank } => {
                self.open_rows[bank] = None;
                self.open_banks -= 1;
                self.close_gates(kind, Some(bank), clock);
            }
            Command::PrechargeAll => {
                self.open_rows.fill(None);
                self.open_banks = 0;
                self.close_gates(kind, None, clock);
            }
            Command::RefreshAll => self.close_gates(kind, None, clock),
            Command::RefreshBanks { unit } => {
                self.open_window(clock);
                for bank in (unit..self.banks.len()).step_by(self.refresh_units) {
                    self.close_gates(kind, Some(bank), clock);
                }
            }
        }
    }

    /// Banks that one per-bank refresh refreshes.
    pub fn banks_of(&self, unit: usize) -> impl Iterator<Item = usize> + use<> {
        (unit..self.banks.len()).step_by(self.refresh_units)
    }

    fn open_window(&mut self, clock: u64) {
        self.windows[self.oldest] = clock + self.t_faw;
        self.oldest = (self.oldest + 1) % ACTIVATES_PER_WINDOW;
    }

    fn pins(&self, kind: CommandKind) -> usize {
        usize::from(self.separate_pins && kind == CommandKind::Read)
    }

    fn close_gates(&mut self, kind: CommandKind, bank: Option<usize>, clock: u64) {
        for gate in &self.gates[kind as usize] {
            let earliest = match (gate.scope, bank) {
                (Scope::Bank, Some(bank)) => &mut self.banks[bank],
                (Scope::Group, Some(bank)) => &mut self.groups[bank / self.banks_per_group],
                _ => &mut self.channel,
            };
            let earliest = &mut earliest[gate.to as usize];
            *earliest = (*earliest).max(clock + gate.clocks);
        }
    }
}
