//! What a memory is made of: channels, banks, rows, and which address bits choose them.

use serde::Deserialize;

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Channel.
    Channel,
    /// Bank group of a channel.
    BankGroup,
    /// Bank of a bank group.
    Bank,
    /// Row of a bank.
    Row,
    /// Burst within a row.
    Column,
}

/// Channels, banks and rows. All numbers are powers of two; there is one rank.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Independent channels, 1 to 64.
    pub channels: u64,
    /// Data pins of a channel.
    pub channel_bits: u64,
    /// Bank groups of a channel; 1 where the standard has none.
    pub bank_groups: u64,
    /// Banks of a bank group. A channel has at most 64 banks.
    pub banks_per_group: u64,
    /// Rows of a bank.
    pub rows_per_bank: u64,
    /// Bytes of a row over all devices of a channel (the page).
    pub row_bytes: u64,
    /// Transfers of one burst (BL).
    pub burst_transfers: u64,
    /// Transfers in one clock: 2, or more where data have a faster clock of their own.
    pub transfers_per_clock: u64,
    /// Whether row commands and column commands have pins of their own.
    pub separate_row_and_column_commands: bool,
    /// Banks that one per-bank refresh refreshes together.
    pub banks_per_refresh: u64,
    /// Address bits, from the lowest up, above the bytes of one burst; each field once.
    pub address_map: [Field; 5],
}

impl Organisation {
    /// Checks the numbers against each other.
    ///
    /// # Errors
    /// Names the key that is wrong.
    pub fn check(&self) -> Result<(), String> {
        for (key, value, most) in [
            ("channels", self.channels, 64),
            ("channel_bits", self.channel_bits, 1 << 12),
            ("bank_groups", self.bank_groups, 64),
            ("banks_per_group", self.banks_per_group, 64),
            ("rows_per_bank", self.rows_per_bank, 1 << 24),
            ("row_bytes", self.row_bytes, 1 << 20),
            ("burst_transfers", self.burst_transfers, 64),
            ("transfers_per_clock", self.transfers_per_clock, 16),
            ("banks_per_refresh", self.banks_per_refresh, 64),
        ] {
            if !value.is_power_of_two() || value > most {
                return Err(format!("{key} is {value}, and must be a power of two, 1 to {most}"));
            }
        }
        if self.channel_bits < 8 {
            return Err(format!("channel_bits is {}, and must be at least 8", self.channel_bits));
        }
        if self.banks() > 64 {
            return Err(format!(
                "bank_groups x banks_per_group is {}, and must be at most 64",
                self.banks()
            ));
        }
        if self.row_bytes < self.access_bytes() {
            return Err(format!(
                "row_bytes is {}, less than one burst of {} bytes",
                self.row_bytes,
                self.access_bytes()
            ));
        }
        if self.burst_transfers < self.transfers_per_clock {
            return Err("burst_transfers must be at least transfers_per_clock".into());
        }
        if self.banks_per_refresh > self.banks() {
            return Err(format!(
                "banks_per_refresh must be at most the {} banks there are",
                self.banks()
            ));
        }
        for (index, field) in self.address_map.iter().enumerate() {
            if self.address_map[..index].contains(field) {
                return Err(format!("address_map names {field:?} twice"));
            }
        }
        Ok(())
    }

    /// Banks of a channel.
    pub fn banks(&self) -> u64 {
        self.bank_groups * self.banks_per_group
    }

    /// Bytes of one burst of a channel.
    pub fn access_bytes(&self) -> u64 {
        self.channel_bits / 8 * self.burst_transfers
    }

    /// Clocks for which one burst holds a channel's data pins.
    pub fn burst_clocks(&self) -> u64 {
        self.burst_transfers / self.transfers_per_clock
    }

    /// Bytes of the whole memory.
    pub fn capacity_bytes(&self) -> u64 {
        self.channels * self.banks() * self.rows_per_bank * self.row_bytes
    }

    /// Groups of banks that are refreshed together.
    pub fn refresh_units(&self) -> u64 {
        self.banks() / self.banks_per_refresh
    }

    /// Values that a field of the address can have.
    pub fn size_of(&self, field: Field) -> u64 {
        match field {
            Field::Channel => self.channels,
            Field::BankGroup => self.bank_groups,
            Field::Bank => self.banks_per_group,
            Field::Row => self.rows_per_bank,
            Field::Column => self.row_bytes / self.access_bytes(),
        }
    }
}
