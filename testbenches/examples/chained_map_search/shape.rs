//! The shapes of maps that are searched: how many fields, and what their bits are made of.

use rand::RngExt;
use rand::seq::IndexedRandom;
use seedlm_codec::ChainMap;

/// What the bits of a field are made of.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    /// So many bits of the window as they are, the field's top bit being the newest of the window.
    Raw(usize),
    /// So many bits, each the XOR of so many bits of the window.
    Xor(usize, u32),
    /// Twice so many bits, each the XOR of so many bits of the window; the lower half are the upper half as they were four
    /// stored bits before. Where `k` divides four an earlier weight has computed them already.
    Echo(usize, u32),
}

impl Field {
    fn bits(self) -> usize {
        match self {
            Field::Raw(bits) | Field::Xor(bits, _) => bits,
            Field::Echo(bits, _) => 2 * bits,
        }
    }
}

/// A shape with its name.
#[derive(Clone, Debug)]
pub struct Shape {
    /// For the table.
    pub name: String,
    /// The fields.
    pub fields: Vec<Field>,
}

impl Shape {
    /// A name for a map that is not searched.
    pub fn named(name: &str) -> Self {
        Shape {
            name: name.into(),
            fields: Vec::new(),
        }
    }

    fn of(fields: &[Field]) -> Self {
        let name = |field: &Field| match field {
            Field::Raw(bits) => format!("{bits} raw bits"),
            Field::Xor(bits, taps) => format!("{bits} XORs of {taps}"),
            Field::Echo(bits, taps) => format!("{bits} XORs of {taps} and their echoes"),
        };
        let names: Vec<String> = fields.iter().map(name).collect();
        Shape {
            name: names.join(" + "),
            fields: fields.to_vec(),
        }
    }

    /// Masks for all bits, at random.
    pub fn draw(&self, random: &mut impl RngExt, length: u32) -> Vec<u32> {
        let mut masks: Vec<u32> = Vec::new();
        for field in &self.fields {
            match *field {
                Field::Raw(bits) => {
                    for _ in 1..bits {
                        let free: Vec<u32> = (0..length - 1)
                            .map(|bit| 1 << bit)
                            .filter(|mask| !masks.contains(mask))
                            .collect();
                        masks.push(*free.choose(random).expect("a window has more bits than the raw fields"));
                    }
                    let newest = 1 << (length - 1);
                    // A second raw field has to do with an older bit.
                    let older = (0..length).rev().map(|bit| 1 << bit).find(|mask| !masks.contains(mask));
                    masks.push(if masks.contains(&newest) {
                        older.expect("a free bit")
                    } else {
                        newest
                    });
                }
                Field::Xor(bits, taps) => masks.extend((0..bits).map(|_| mask(random, length, taps))),
                Field::Echo(bits, taps) => {
                    let upper: Vec<u32> = (0..bits).map(|_| mask(random, length - 4, taps) << 4).collect();
                    masks.extend(upper.iter().map(|mask| mask >> 4));
                    masks.extend(upper);
                }
            }
        }
        masks
    }

    /// A neighbour of some masks: one bit of one of them moved, one drawn anew, or two exchanged.
    pub fn change(&self, random: &mut impl RngExt, length: u32, masks: &[u32]) -> Vec<u32> {
        let mut changed = masks.to_vec();
        let (one, other) = (random.random_range(0..masks.len()), random.random_range(0..masks.len()));
        let taps = masks[one].count_ones();
        match random.random_range(0..10) {
            0..6 => {
                let set: Vec<u32> = (0..length).filter(|bit| masks[one] >> bit & 1 == 1).collect();
                let clear: Vec<u32> = (0..length).filter(|bit| masks[one] >> bit & 1 == 0).collect();
                if let (Some(from), Some(to)) = (set.choose(random), clear.choose(random)) {
                    changed[one] ^= 1 << from | 1 << to;
                }
            }
            6..8 => changed[one] = mask(random, length, taps),
            _ if masks[other].count_ones() == taps => changed.swap(one, other),
            _ => {}
        }
        self.repeat_echoes(&mut changed);
        changed
    }

    /// Makes the lower half of echoing fields follow the upper one.
    fn repeat_echoes(&self, masks: &mut [u32]) {
        let mut first = 0;
        for field in &self.fields {
            if let Field::Echo(bits, _) = *field {
                for bit in first..first + bits {
                    masks[bit] = masks[bit + bits] >> 4;
                }
            }
            first += field.bits();
        }
    }

    /// The masks as a map, or `None` where two are equal, an echo reaches beyond the window, or its newest bit is not used.
    pub fn map(&self, length: u32, masks: &[u32]) -> Option<ChainMap> {
        if masks
            .iter()
            .enumerate()
            .any(|(index, mask)| masks[..index].contains(mask))
        {
            return None;
        }
        let mut rest = masks.iter().copied();
        let mut fields = Vec::new();
        for field in &self.fields {
            let masks: Vec<u32> = rest.by_ref().take(field.bits()).collect();
            // What an echo drops at the window's end, the earlier weight would have computed with it.
            if matches!(field, Field::Echo(..)) && masks.iter().skip(field.bits() / 2).any(|mask| mask & 15 != 0) {
                return None;
            }
            fields.push(masks);
        }
        ChainMap::new(length, fields).ok()
    }
}

/// A mask of so many bits. One of them is among the window's two newest: so a newly stored bit moves many bits of all
/// fields at once, and maps that are drawn are better from the start.
fn mask(random: &mut impl RngExt, length: u32, taps: u32) -> u32 {
    loop {
        let bits = rand::seq::index::sample(random, length as usize, taps as usize);
        let mask = bits.iter().fold(0, |mask, bit| mask | 1 << bit);
        if mask >> (length - 2) != 0 {
            return mask;
        }
    }
}

/// All shapes, from the smallest logic to the largest.
pub fn shapes() -> Vec<Shape> {
    use Field::{Echo, Raw, Xor};
    [
        &[Raw(5), Xor(5, 5)][..],
        &[Raw(4), Raw(4), Xor(4, 4)],
        &[Raw(3), Xor(3, 5), Xor(3, 5)],
        &[Raw(4), Xor(4, 3), Xor(4, 3)],
        &[Raw(4), Xor(4, 5), Xor(4, 5)],
        &[Echo(2, 5), Xor(4, 5), Xor(4, 5)],
        &[Echo(2, 6), Xor(4, 5), Xor(4, 5)],
        &[Xor(4, 3), Xor(4, 3), Xor(4, 3)],
        &[Xor(4, 5), Xor(4, 5), Xor(4, 5)],
        &[Raw(4), Xor(4, 5), Xor(4, 5), Xor(4, 5)],
    ]
    .into_iter()
    .map(Shape::of)
    .collect()
}
