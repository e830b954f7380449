//! From an address to the channel, bank and row that hold it.

use super::organisation::{Field, Organisation};

/// Where one burst lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// Channel.
    pub channel: usize,
    /// Bank of the channel: bank group times banks per group, plus the bank of the group.
    pub bank: usize,
    /// Row of the bank.
    pub row: u32,
    /// Burst within the row.
    pub column: u32,
}

/// Address bits and their meaning.
#[derive(Clone, Debug)]
pub struct AddressMap {
    access_bits: u32,
    /// Shift and mask of each field, after the bytes of a burst are dropped.
    fields: [(u32, u64); 5],
    banks_per_group: u64,
}

impl AddressMap {
    /// The map of an organisation that passes its own check.
    pub fn new(organisation: &Organisation) -> Self {
        let mut fields = [(0, 0); 5];
        let mut shift = 0;
        for field in organisation.address_map {
            let size = organisation.size_of(field);
            fields[field as usize] = (shift, size - 1);
            shift += size.trailing_zeros();
        }
        AddressMap {
            access_bits: organisation.access_bytes().trailing_zeros(),
            fields,
            banks_per_group: organisation.banks_per_group,
        }
    }

    /// Where the burst with the byte of this address lies. Addresses beyond the capacity start again from 0.
    pub fn locate(&self, address: u64) -> Location {
        let burst = address >> self.access_bits;
        let part = |field: Field| {
            let (shift, mask) = self.fields[field as usize];
            burst >> shift & mask
        };
        Location {
            channel: part(Field::Channel) as usize,
            bank: (part(Field::BankGroup) * self.banks_per_group + part(Field::Bank)) as usize,
            row: part(Field::Row) as u32,
            column: part(Field::Column) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DramModel, PRESETS};
    use super::*;
    use std::collections::HashSet;

    /// No two bursts share a place, and none is without one: checked over all bits by their images, since the map is linear.
    #[test]
    fn every_burst_has_a_place_of_its_own() {
        for (name, text) in PRESETS {
            let model = DramModel::parse(name, text).unwrap();
            let organisation = model.organisation();
            let map = AddressMap::new(organisation);
            let bursts = organisation.capacity_bytes() / organisation.access_bytes();
            let places: HashSet<_> = (0..bursts.trailing_zeros())
                .map(|bit| map.locate(organisation.access_bytes() << bit))
                .collect();
            assert_eq!(places.len() as u32, bursts.trailing_zeros(), "{name}");
            assert!(!places.contains(&map.locate(0)), "{name}");
            let last = map.locate(organisation.capacity_bytes() - 1);
            assert_eq!(last.channel as u64 + 1, organisation.channels, "{name}");
            assert_eq!(last.bank as u64 + 1, organisation.banks(), "{name}");
            assert_eq!(u64::from(last.row) + 1, organisation.rows_per_bank, "{name}");
        }
    }

    #[test]
    fn neighbouring_bursts_of_ddr4_lie_in_different_bank_groups() {
        let model = DramModel::parse("x", PRESETS[1].1).unwrap();
        let map = AddressMap::new(model.organisation());
        let banks: Vec<usize> = (0..5).map(|burst| map.locate(64 * burst).bank).collect();
        assert_eq!(banks, [0, 4, 8, 12, 0]);
        assert_eq!(map.locate(256).column, 1);
        assert_eq!(map.locate(4 * 8192).bank, 1);
        assert_eq!(map.locate(16 * 8192).row, 1);
    }
}
