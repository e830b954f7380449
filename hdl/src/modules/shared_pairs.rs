//! XORs of more bits than a table has inputs: pairs of bits that many of them share get tables of their own.

use std::collections::{BTreeMap, BTreeSet};

/// Inputs of a table.
const INPUTS: usize = 4;

/// Two bits, the first of which stands among the first weight's stored bits, if all is moved down by whole weights.
type Pair = (u32, u32);

/// What a mask is the XOR of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Bits of the window that stand alone.
    pub bits: BTreeSet<u32>,
    /// Shared pairs, each with the number of weights by which it is moved up.
    pub pairs: Vec<(Pair, u32)>,
}

impl Terms {
    fn count(&self) -> usize {
        self.bits.len() + self.pairs.len()
    }
}

/// Splits masks so that each is the XOR of no more terms than a table has inputs. All weights read the same masks, each
/// `step` bits further on than the one before it, so a pair may be shared between weights. Pairs are chosen one by one, the
/// one that the most masks can use first.
pub fn share_pairs(masks: &[u32], step: u32) -> BTreeMap<u32, Terms> {
    let terms = |mask: u32| Terms {
        bits: (0..u32::BITS).filter(|bit| mask >> bit & 1 == 1).collect(),
        pairs: Vec::new(),
    };
    let mut plan: BTreeMap<u32, Terms> = masks.iter().map(|&mask| (mask, terms(mask))).collect();
    loop {
        let mut users: BTreeMap<Pair, BTreeMap<u32, u32>> = BTreeMap::new();
        for (&mask, terms) in plan.iter().filter(|(_, terms)| terms.count() > INPUTS) {
            for &low in &terms.bits {
                for &high in terms.bits.range(low + 1..) {
                    let moved = low / step;
                    let pair = (low - moved * step, high - moved * step);
                    users.entry(pair).or_default().entry(mask).or_insert(moved);
                }
            }
        }
        // A mask that is nothing but pairs is left to the tools.
        let Some((pair, users)) = users.into_iter().max_by_key(|(_, users)| users.len()) else {
            return plan;
        };
        for (mask, moved) in users {
            let terms = plan.get_mut(&mask).expect("every mask is in the plan");
            for bit in [pair.0, pair.1] {
                terms.bits.remove(&(bit + moved * step));
            }
            terms.pairs.push((pair, moved));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seedlm_codec::ChainedCode;

    #[test]
    fn every_mask_is_the_xor_of_its_terms_and_fits_a_table() {
        for name in ChainedCode::PRESETS {
            let code = ChainedCode::preset(name).unwrap();
            let step = code.bits_per_weight();
            let masks: Vec<u32> = code.map().fields().iter().flatten().copied().collect();
            let plan = share_pairs(&masks, step);
            for mask in masks {
                let terms = &plan[&mask];
                assert!(terms.count() <= INPUTS, "{name}: {mask:#x}: {terms:?}");
                let bits = terms.bits.iter().fold(0, |all, bit| all ^ 1 << bit);
                let pairs = terms
                    .pairs
                    .iter()
                    .map(|((low, high), moved)| (1 << low ^ 1 << high) << (moved * step));
                assert_eq!(pairs.fold(bits, |all: u32, pair: u32| all ^ pair), mask, "{name}");
            }
        }
    }

    #[test]
    fn three_pairs_are_enough_for_chained_4b() {
        let code = ChainedCode::preset("chained-4b").unwrap();
        let masks: Vec<u32> = code.map().fields().iter().flatten().copied().collect();
        let plan = share_pairs(&masks, 4);
        let pairs: BTreeSet<Pair> = plan
            .values()
            .flat_map(|terms| terms.pairs.iter().map(|(pair, _)| *pair))
            .collect();
        assert_eq!(pairs.len(), 3);
        // Three bits need no pair, and more bits than two tables take get several.
        assert!(share_pairs(&[0b1011], 4)[&0b1011].pairs.is_empty());
        assert_eq!(share_pairs(&[0x1ff], 4)[&0x1ff].pairs.len(), 4);
    }
}
