//! The mantissas of a block without a multiplier: products of one constant with chunks of the register's sequence.
//!
//! With `b` the bit sequence that starts with the seed, row `c` of the block reads the windows of `K` bits that start at
//! `n = 1 + c*P + p`, for `p = 0..P`. So bit `n0 + j` of the sequence, `n0 = 1 + c*P`, counts with
//! `w(j) = sum over p of q[p] * 2^(j-p)`, over the `p` with `0 <= j-p < K`. Where all `P` windows see the bit
//! (`P-1 <= j < K`), `w(j) = T * 2^(j-P+1)` with one constant `T = sum of q[p] * 2^(P-1-p)` of the block. These inner bits of
//! row `c` are the sequence from bit `(c+1)*P` on: whole chunks of `P` bits, which rows share, so `T * chunk` is worked
//! out once for each chunk of the block. The bits at the edges of the windows are added one by one.

use crate::netlist::expression::Expression;
use crate::netlist::leaf::{Condition, Leaf};
use crate::netlist::module::Module;
use crate::netlist::pipeline::{Pipeline, Term};
use crate::netlist::row::{adds_three, subtracts_chosen};
use crate::options::Target;
use seedlm_codec::BlockCode;
use std::collections::BTreeMap;

/// The `C` mantissas of the word, at `stages` registers after `in_word`.
pub fn block_mantissas(
    m: &mut Module,
    code: &BlockCode,
    enable: &Expression,
    in_word: &Expression,
    stages: usize,
    target: Target,
) -> Vec<Expression> {
    let mantissa_bits = code.mantissa_bits() as usize;
    let mut lane = Lane::new(m, code, enable, in_word, target);
    lane.share(code.block_size());
    (0..code.block_size())
        .map(|row| {
            let term = lane.mantissa(row);
            lane.pipeline.finish(&term, mantissa_bits, stages)
        })
        .collect()
}

struct Lane<'a> {
    pipeline: Pipeline<'a>,
    latent_dimension: usize,
    /// `K`.
    length: usize,
    /// The bit sequence and the stage at which each bit is there.
    sequence: Vec<(Expression, usize)>,
    coefficients: Vec<Term>,
    /// Sums of coefficients, by the first and last of them: `sum of q[p] * 2^(last-p)`.
    sums: BTreeMap<(usize, usize), Term>,
    target: Target,
    /// The sum of all coefficients, or less it: see `highest`.
    total: Term,
    /// The same of all coefficients but the last; with one coefficient less the total.
    total_but_last: Term,
    /// Sums of `T * chunk`, by first chunk and number of chunks.
    chunk_sums: BTreeMap<(usize, usize), Leaf>,
}

impl<'a> Lane<'a> {
    fn new(m: &'a mut Module, code: &BlockCode, enable: &Expression, in_word: &Expression, target: Target) -> Self {
        let length = code.lfsr().length() as usize;
        let latent_dimension = code.latent_dimension();
        let coefficient_bits = code.coefficient_bits() as usize;
        let first = length + code.exponent_bits() as usize;
        m.comment("The word: seed, exponent, coefficients, from the lowest bit.");
        let seed = m.wire("seed", in_word.slice(0, length));
        let coefficients: Vec<Term> = (0..latent_dimension)
            .map(|p| {
                let field = in_word.slice(first + p * coefficient_bits, coefficient_bits);
                Term::new(m.wire(&format!("q{p}"), field), 0)
            })
            .collect();
        m.comment("Each further bit of the register's sequence is the parity of a subset of the seed: nothing shifts.");
        let last_bit = code.block_size() * latent_dimension + length - 1;
        let masks = code.lfsr().sequence_masks(last_bit + 1);
        let mut pipeline = Pipeline::new(m, enable, code.mantissa_bits() as usize).with_rows_for(target);
        let mut sequence: Vec<(Expression, usize)> = (0..length).map(|bit| (seed.bit(bit), 0)).collect();
        for mask in &masks[length..] {
            let index = sequence.len();
            let bits = (0..length).filter(|bit| mask >> bit & 1 == 1).map(|bit| seed.bit(bit));
            let parity = bits.reduce(|a, b| a ^ b).expect("no bit of the sequence is constant");
            sequence.push((pipeline.register(&format!("b{index}"), parity), 1));
        }
        // Bits of the seed become signals of their own, so that they can be held back one by one. No window has bit 0.
        for (bit, (signal, _)) in sequence.iter_mut().enumerate().take(length).skip(1) {
            *signal = pipeline.module.wire(&format!("b{bit}"), signal.clone());
        }
        pipeline.module.comment("Sums of coefficients that edges need.");
        let but_last = coefficients[..latent_dimension - 1].to_vec();
        let mut total = pipeline.sum("q_total", coefficients.clone());
        let mut total_but_last = match but_last.is_empty() {
            true => pipeline.negated("q_total_negated", &total),
            false => pipeline.sum("q_total_but_last", but_last),
        };
        if !subtracts_chosen(target) && latent_dimension > 1 {
            total = pipeline.negated("q_total_negated", &total);
            total_but_last = pipeline.negated("q_total_but_last_negated", &total_but_last);
        }
        Lane {
            pipeline,
            target,
            latent_dimension,
            length,
            sequence,
            coefficients,
            sums: BTreeMap::new(),
            total,
            total_but_last,
            chunk_sums: BTreeMap::new(),
        }
    }

    /// `sum of q[p] * 2^(last-p)` for `p = first..=last`.
    fn coefficient_sum(&mut self, first: usize, last: usize) -> Term {
        if let Some(known) = self.sums.get(&(first, last)) {
            return known.clone();
        }
        let terms = (first..=last)
            .rev()
            .map(|p| self.coefficients[p].shifted(last - p))
            .collect();
        let name = if last - first + 1 == self.latent_dimension {
            "t".into()
        } else {
            format!("q{first}_to_q{last}")
        };
        let sum = self.pipeline.sum(&name, terms);
        self.sums.insert((first, last), sum.clone());
        sum
    }

    /// The term where bit `index` of the sequence is 1.
    fn gated(&self, term: Term, index: usize) -> Leaf {
        let (bit, bit_stage) = self.sequence[index].clone();
        Leaf {
            term,
            condition: Condition::If { bit, bit_stage },
        }
    }

    /// `T` times a chunk of `bits` bits that starts at bit `first` of the sequence.
    fn product(&mut self, first: usize, bits: usize) -> Vec<Leaf> {
        let constant = self.coefficient_sum(0, self.latent_dimension - 1);
        (0..bits)
            .map(|bit| self.gated(constant.shifted(bit), first + bit))
            .collect()
    }

    /// `sum over k of T * chunk[first + k] * 2^(k*P)` for `count` chunks, in a tree that rows share.
    fn chunk_sum(&mut self, first: usize, count: usize) -> Leaf {
        if let Some(known) = self.chunk_sums.get(&(first, count)) {
            return known.clone();
        }
        let width = self.latent_dimension;
        let sum = if count == 1 {
            let name = format!("t_times_chunk_{first}");
            let terms = self.product(first * width, width);
            self.pipeline.sum_of_leaves(&name, terms)
        } else {
            let half = count.next_power_of_two() / 2;
            let low = self.chunk_sum(first, half);
            let high = self.chunk_sum(first + half, count - half).shifted(half * width);
            let name = format!("t_times_chunks_{first}_to_{}", first + count - 1);
            self.pipeline.add(&name, low, high).into()
        };
        self.chunk_sums.insert((first, count), sum.clone());
        sum
    }

    /// What bit `j` of the row counts with, as a term: `w(j)`.
    fn bit_weight(&mut self, j: usize) -> Term {
        let first = (j + 1).saturating_sub(self.length);
        let last = j.min(self.latent_dimension - 1);
        self.coefficient_sum(first, last).shifted(j - last)
    }

    /// How many whole chunks a row has, and how many of them are added up first, with the edges below them.
    fn halves(&self) -> (usize, usize) {
        let chunks = (self.length + 1).saturating_sub(self.latent_dimension) / self.latent_dimension;
        (chunks, chunks.div_ceil(2).next_power_of_two().min(chunks))
    }

    /// Describes what several rows use, ahead of them: the reader finds it in one place.
    fn share(&mut self, rows: usize) {
        let (chunks, half) = self.halves();
        if chunks == 0 {
            return;
        }
        let width = self.latent_dimension;
        self.pipeline.module.comment(&format!(
            "The products of T with the chunks of the sequence, {width} bits each: chunk k is b[{width}k +: {width}]."
        ));
        self.coefficient_sum(0, width - 1);
        for first in 1..rows + chunks {
            self.chunk_sum(first, 1);
        }
        if half > 1 {
            self.pipeline
                .module
                .comment("Neighbouring products, each at its place.");
            for row in 0..rows {
                self.chunk_sum(row + 1, half);
                if chunks > half {
                    self.chunk_sum(row + 1 + half, chunks - half);
                }
            }
        }
    }

    /// The bits of a row at the edges of its windows, each with its weight, in the order of their places.
    fn edges(&mut self, row: usize, places: impl Iterator<Item = usize>) -> Vec<Leaf> {
        let first = 1 + row * self.latent_dimension;
        places
            .map(|j| {
                let weight = self.bit_weight(j);
                self.gated(weight, first + j)
            })
            .collect()
    }

    /// What the highest bit of a row counts with, and the middle of its windows' range: every window counts from there,
    /// less `2^(K-1)` times the coefficients. The bit itself counts with the last coefficient, so it takes that out again. With
    /// one coefficient no bit is at an edge, and there is the middle alone.
    fn highest(&self, row: usize) -> Leaf {
        let but_last = self.total_but_last.shifted(self.length - 1);
        if self.latent_dimension == 1 {
            return but_last.into();
        }
        let (bit, bit_stage) = self.sequence[1 + (row + 1) * self.latent_dimension + self.length - 2].clone();
        Leaf {
            term: but_last,
            condition: Condition::Else {
                bit,
                bit_stage,
                other: self.total.shifted(self.length - 1),
                less: subtracts_chosen(self.target),
            },
        }
    }

    /// The mantissa of row `row`.
    fn mantissa(&mut self, row: usize) -> Term {
        let (latent, length) = (self.latent_dimension, self.length);
        let (chunks, half) = self.halves();
        self.pipeline.module.comment(&match chunks {
            0 => format!("Weight {row}."),
            _ => format!(
                "Weight {row}: chunks {} to {}, and the bits at the edges of its windows.",
                row + 1,
                row + chunks
            ),
        });
        let above = if chunks > 0 { latent - 1 + chunks * latent } else { 0 };
        let below = if chunks > 0 { latent - 1 } else { 0 };
        let low_edges = self.edges(row, 0..below);
        let mut high_edges = self.edges(row, above..length + latent - 2);
        high_edges.push(self.highest(row));
        let name = format!("row_{row}_high_edges");
        if chunks == 0 {
            // Without chunks there are two coefficients or more, so there are edges, and this is a sum that always counts.
            return self.pipeline.sum_of_leaves(&name, high_edges).term;
        }
        // The edges are narrow: each is added to the half of the chunks that it lies next to.
        let mut high = if chunks > half {
            let rest = self.chunk_sum(row + 1 + half, chunks - half).shifted(half * latent);
            self.joined(&format!("row_{row}_high"), rest, &name, high_edges)
        } else {
            vec![self.pipeline.sum_of_leaves(&name, high_edges)]
        };
        let low = self.chunk_sum(row + 1, half);
        if low_edges.is_empty() {
            high.push(low);
        } else {
            // As late as they can be: what they are made of is narrower than they are, or shared by all rows.
            let levels = low_edges.len().next_power_of_two().ilog2() as usize;
            let from = low.stage().saturating_sub(levels);
            let late = |edge: &Leaf| self.pipeline.leaf_at(edge, from.max(edge.stage()));
            let low_edges: Vec<Leaf> = low_edges.iter().map(late).collect();
            let edges = self.pipeline.sum_of_leaves(&format!("row_{row}_low_edges"), low_edges);
            if adds_three(self.target) {
                high.extend([low, edges]);
            } else {
                high.push(self.pipeline.add(&format!("row_{row}_low"), low, edges).into());
            }
        }
        self.pipeline.add_all(&format!("row_{row}"), high)
    }

    /// A sum of chunks and the edges next to it, in a register.
    fn joined(&mut self, name: &str, chunks: Leaf, edges_name: &str, edges: Vec<Leaf>) -> Vec<Leaf> {
        let mut all = self.pipeline.sum_to(edges_name, edges, 2);
        // A row that adds three has none of two numbers to choose from.
        if !adds_three(self.target) || all.iter().any(Leaf::is_chosen) {
            all = self.pipeline.sum_to(edges_name, all, 1);
        }
        all.push(chunks);
        vec![self.pipeline.add_all(name, all).into()]
    }
}
