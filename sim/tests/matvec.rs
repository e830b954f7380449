//! The accelerator driven at its ports, without a machine around it: gaps in every stream, weights that come before their
//! matrix is started, activations that come late or early, and starts while others run.

mod common;

use common::{format, job, system};
use proptest::prelude::*;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::machine::registers::{
    CONTROL_ADDRESS, STATUS_ADDRESS, STATUS_BUSY, STATUS_DONE, STATUS_FULL, STATUS_UNDER_WAY_BIT, STEPS_ADDRESS,
    TILES_ADDRESS,
};
use seedlm_sim::Job;
use seedlm_sim::units::{
    AxiLiteInputs, AxiLiteOutputs, Matvec, MatvecInputs, MatvecPorts, RESPONSE_OKAY, RESPONSE_SLAVE_ERROR,
};

/// Chances in eight of a gap in a cycle.
#[derive(Clone, Copy, Debug)]
struct Gaps {
    weights: u32,
    activations: u32,
    results: u32,
}

/// An accelerator with all streams on its ports.
struct Bench {
    accelerator: Matvec,
    gaps: Gaps,
    random: u64,
    /// Beats of weights of all matrices, and whether they are the last of theirs.
    weights: Vec<(Vec<u8>, bool)>,
    activations: Vec<Vec<u8>>,
    results: Vec<i64>,
    /// Products whose last beat of results had the mark.
    ended: usize,
}

impl Bench {
    fn random_below(&mut self, bound: u32) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20 & 7) < u64::from(bound)
    }

    /// One cycle with these inputs on the bus.
    fn step(&mut self, s_axil: AxiLiteInputs) -> AxiLiteOutputs {
        let outputs = self.accelerator.outputs();
        let (weights_gap, activations_gap) = (
            self.random_below(self.gaps.weights),
            self.random_below(self.gaps.activations),
        );
        let weights = self.weights.first().filter(|_| !weights_gap).cloned();
        let activations = self.activations.first().filter(|_| !activations_gap).cloned();
        let inputs = MatvecInputs {
            s_axil,
            s_axis_weights_tvalid: weights.is_some(),
            s_axis_weights_tlast: weights.as_ref().is_some_and(|(_, last)| *last),
            s_axis_weights_tdata: weights.map(|(bytes, _)| bytes).unwrap_or_default(),
            s_axis_activations_tvalid: activations.is_some(),
            s_axis_activations_tdata: activations.unwrap_or_default(),
            m_axis_tready: !self.random_below(self.gaps.results),
        };
        if inputs.s_axis_weights_tvalid && outputs.s_axis_weights_tready {
            self.weights.remove(0);
        }
        if inputs.s_axis_activations_tvalid && outputs.s_axis_activations_tready {
            self.activations.remove(0);
        }
        if inputs.m_axis_tready && outputs.m_axis_tvalid {
            let results = outputs.m_axis_tdata.chunks(8);
            self.results
                .extend(results.map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap())));
            self.ended += usize::from(outputs.m_axis_tlast);
        }
        self.accelerator.clock(&inputs);
        outputs.s_axil
    }

    fn write(&mut self, address: u32, wdata: u32) {
        assert_eq!(self.try_to_write(address, wdata), RESPONSE_OKAY);
    }

    /// Writes, and returns the response.
    fn try_to_write(&mut self, address: u32, wdata: u32) -> u8 {
        let mut bus = AxiLiteInputs {
            awaddr: address as u8,
            awvalid: true,
            wdata,
            wstrb: 15,
            wvalid: true,
            bready: true,
            ..AxiLiteInputs::default()
        };
        loop {
            let seen = self.step(bus);
            bus.awvalid &= !seen.awready;
            bus.wvalid &= !seen.wready;
            if seen.bvalid {
                return seen.bresp;
            }
        }
    }

    fn read(&mut self, address: u32) -> u32 {
        let mut bus = AxiLiteInputs {
            araddr: address as u8,
            arvalid: true,
            rready: true,
            ..AxiLiteInputs::default()
        };
        loop {
            let seen = self.step(bus);
            bus.arvalid &= !seen.arready;
            if seen.rvalid {
                return seen.rdata;
            }
        }
    }
}

fn beats(bytes: &[u8], beat_bits: u32) -> Vec<Vec<u8>> {
    bytes.chunks(beat_bits as usize / 8).map(<[u8]>::to_vec).collect()
}

/// An accelerator with the weights of all matrices on offer, and nothing else.
fn bench(config: &DatapathConfig, format: &WeightFormat, jobs: &[Job], gaps: Gaps, seed: u64) -> Bench {
    let mut weights = Vec::new();
    for job in jobs {
        let beats = beats(&job.streams.weights, config.beat_bits);
        let count = beats.len();
        weights.extend(
            beats
                .into_iter()
                .enumerate()
                .map(|(index, beat)| (beat, index + 1 == count)),
        );
    }
    Bench {
        accelerator: Matvec::new(config, format),
        gaps,
        random: seed | 1,
        weights,
        activations: Vec::new(),
        results: Vec::new(),
        ended: 0,
    }
}

/// Takes the results of one matrix off the front, without what fills up its tiles.
fn take_results(config: &DatapathConfig, job: &Job, results: &mut Vec<i64>) -> Vec<i64> {
    let places = config.result_beats_per_tile() * config.beat_bits as usize / 64;
    let of_job: Vec<i64> = results.drain(..job.order.tiles() * places).collect();
    of_job
        .chunks(places)
        .flat_map(|tile| tile[..config.tile_rows as usize].to_vec())
        .take(job.rows)
        .collect()
}

/// Runs matrices whose weights follow each other without waiting for a start, and checks all results.
fn run(config: &DatapathConfig, format: &WeightFormat, jobs: &[Job], gaps: Gaps, seed: u64) {
    let mut bench = bench(config, format, jobs, gaps, seed);
    for (index, job) in jobs.iter().enumerate() {
        bench.activations = beats(&job.streams.activations, config.beat_bits);
        bench.write(TILES_ADDRESS, job.order.tiles() as u32);
        bench.write(STEPS_ADDRESS, job.order.steps_per_tile() as u32);
        bench.write(CONTROL_ADDRESS, 1);
        let mut cycles = 0;
        while bench.read(STATUS_ADDRESS) != STATUS_DONE {
            cycles += 1;
            assert!(cycles < 100_000, "it does not end");
        }
        assert!(bench.ended == index + 1 && bench.activations.is_empty());
        assert_eq!(take_results(config, job, &mut bench.results), job.expected);
    }
    assert!(bench.weights.is_empty() && bench.results.is_empty());
}

/// Runs matrices whose weights and activations follow each other without waiting for anything, and starts each as soon as the
/// one before it has been taken; what is tried before that must be refused, and change nothing.
fn run_queued(config: &DatapathConfig, format: &WeightFormat, jobs: &[Job], gaps: Gaps, seed: u64) {
    let mut bench = bench(config, format, jobs, gaps, seed);
    for job in jobs {
        bench
            .activations
            .extend(beats(&job.streams.activations, config.beat_bits));
    }
    for (index, job) in jobs.iter().enumerate() {
        let mut tries = 0;
        while bench.read(STATUS_ADDRESS) & STATUS_FULL != 0 {
            // The answer comes later than the status was read: meanwhile there may be room. What is written stays as it is.
            let refused = bench.try_to_write(TILES_ADDRESS, job.order.tiles() as u32);
            assert!([RESPONSE_OKAY, RESPONSE_SLAVE_ERROR].contains(&refused));
            tries += 1;
            assert!(tries < 100_000, "it does not go on");
        }
        bench.write(TILES_ADDRESS, job.order.tiles() as u32);
        bench.write(STEPS_ADDRESS, job.order.steps_per_tile() as u32);
        bench.write(CONTROL_ADDRESS, 1);
        let status = bench.read(STATUS_ADDRESS);
        let under_way = (status >> STATUS_UNDER_WAY_BIT) as usize;
        assert!(under_way <= index + 1 && (under_way > 0) == (status & STATUS_BUSY != 0));
    }
    let mut cycles = 0;
    while bench.read(STATUS_ADDRESS) & STATUS_BUSY != 0 {
        cycles += 1;
        assert!(cycles < 100_000, "it does not end");
    }
    assert_eq!(bench.ended, jobs.len());
    assert!(bench.activations.is_empty() && bench.weights.is_empty());
    for job in jobs {
        assert_eq!(take_results(config, job, &mut bench.results), job.expected);
    }
    assert!(bench.results.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_gaps_in_any_stream_leave_the_results_as_they_are(
        name in prop::sample::select(vec!["paper-4b", "paper-3b", "fp16", "chained-4b"]),
        beat_bits in prop::sample::select(vec![64_u32, 192]),
        (tile_rows, words, groups) in (1_u32..5, 1_u32..4, 1_u32..4),
        shapes in prop::collection::vec((1_usize..20, 1_usize..40), 1..6),
        (weights, activations, results) in (0_u32..8, 0_u32..8, 0_u32..8),
        seed in any::<u64>(),
    ) {
        let format = format(name);
        let mut system = system(&format, "ideal");
        system.datapath = DatapathConfig {
            beat_bits,
            lanes: tile_rows * words,
            tile_rows,
            largest_columns: 64,
            beat_fifo_beats: 1 + (seed % 5) as u32,
            result_fifo_groups: groups,
            ..system.datapath
        };
        let jobs: Vec<Job> = shapes
            .into_iter()
            .map(|(rows, columns)| job("m", &system, &format, rows, columns, seed))
            .collect();
        let gaps = Gaps { weights, activations, results };
        run(&system.datapath, &format, &jobs, gaps, seed);
        run_queued(&system.datapath, &format, &jobs, gaps, seed);
    }
}
