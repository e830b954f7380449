//! The mantissas of a block without a multiplier: products of one constant with chunks of the register's sequence.
//!
//! With `b` the bit sequence that starts with the seed, row `c` of the block reads the windows of `K` bits that start at
//! `n = 1 + c*P + p`, for `p = 0..P`. So bit `n0 + j` of the sequence, `n0 = 1 + c*P`, counts with
//! `w(j) = sum over p of q[p] * 2^(j-p)`, over the `p` with `0 <= j-p < K`. Where all `P` windows see the bit
//! (`P-1 <= j < K`), `w(j) = T * 2^(j-P+1)` with one constant `T = sum of q[p] * 2^(P-1-p)` of the block. These inner bits of
//! row `c` are the sequence from bit `(c+1)*P` on: whole chunks of `P` bits, which rows share, so `T * chunk` is worked
//! out once for each chunk of the block. The bits at the edges of the windows are added one by one.

use crate::netlist::expression::Expression;
use crate::netlist::module::Module;
use crate::netlist::pipeline::{Pipeline, Term};
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
    _target: Target,
) -> Vec<Expression> {
    let mantissa_bits = code.mantissa_bits() as usize;
    let mut lane = Lane::new(m, code, enable, in_word, mantissa_bits);
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
    /// The sum of all coefficients.
    total: Term,
    /// Sums of `T * chunk`, by first chunk and number of chunks.
    chunk_sums: BTreeMap<(usize, usize), Term>,
}

impl<'a> Lane<'a> {
    fn new(
        m: &'a mut Module,
        code: &BlockCode,
        enable: &Expression,
        in_word: &Expression,
        mantissa_bits: usize,
    ) -> Self {
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
        let mut pipeline = Pipeline::new(m, enable, mantissa_bits);
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
        let total = pipeline.sum("q_total", coefficients.clone());
        Lane {
            pipeline,
            latent_dimension,
            length,
            sequence,
            coefficients,
            sums: BTreeMap::new(),
            total,
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
    fn gated(&mut self, name: &str, term: &Term, index: usize) -> Term {
        let (bit, bit_stage) = self.sequence[index].clone();
        let stage = term.stage.max(bit_stage);
        self.pipeline.gate(name, term, &bit, bit_stage, stage)
    }

    /// `T` times a chunk of `bits` bits that starts at bit `first` of the sequence.
    fn product(&mut self, name: &str, first: usize, bits: usize) -> Vec<Term> {
        let constant = self.coefficient_sum(0, self.latent_dimension - 1);
        (0..bits)
            .map(|bit| self.gated(&format!("{name}_bit_{bit}"), &constant.shifted(bit), first + bit))
            .collect()
    }

    /// `sum over k of T * chunk[first + k] * 2^(k*P)` for `count` chunks, in a tree that rows share.
    fn chunk_sum(&mut self, first: usize, count: usize) -> Term {
        if let Some(known) = self.chunk_sums.get(&(first, count)) {
            return known.clone();
        }
        let width = self.latent_dimension;
        let sum = if count == 1 {
            let name = format!("t_times_chunk_{first}");
            let terms = self.product(&name, first * width, width);
            self.pipeline.sum(&name, terms)
        } else {
            let half = count.next_power_of_two() / 2;
            let low = self.chunk_sum(first, half);
            let high = self.chunk_sum(first + half, count - half).shifted(half * width);
            self.pipeline
                .add(&format!("t_times_chunks_{first}_to_{}", first + count - 1), &low, &high)
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
    fn edges(&mut self, row: usize, places: impl Iterator<Item = usize>) -> Vec<Term> {
        let first = 1 + row * self.latent_dimension;
        places
            .map(|j| {
                let weight = self.bit_weight(j);
                self.gated(&format!("row_{row}_bit_{j}"), &weight, first + j)
            })
            .collect()
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
        let mut high_edges = self.edges(row, above..length + latent - 1);
        // Every window counts from the middle of its range: less 2^(K-1) times the coefficients. The sum takes the sign of
        // its lowest term, which is to be positive, and neighbours are alike in place.
        high_edges.push(self.total.shifted(length - 1).negated());
        high_edges.sort_by_key(|term| (term.shift, term.negative));
        let high_edges = self.pipeline.sum(&format!("row_{row}_high_edges"), high_edges);
        if chunks == 0 {
            return high_edges;
        }
        // The edges are narrow: each is added to the half of the chunks that it lies next to.
        let mut low = self.chunk_sum(row + 1, half);
        if !low_edges.is_empty() {
            let edges = self.pipeline.sum(&format!("row_{row}_low_edges"), low_edges);
            low = self.pipeline.add(&format!("row_{row}_low"), &low, &edges);
        }
        let mut high = high_edges;
        if chunks > half {
            let rest = self.chunk_sum(row + 1 + half, chunks - half).shifted(half * latent);
            high = self.pipeline.add(&format!("row_{row}_high"), &rest, &high);
        }
        self.pipeline.add(&format!("row_{row}"), &low, &high)
    }
}
