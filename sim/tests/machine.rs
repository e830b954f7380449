//! The machine as a whole: right results under every pressure, and cycles that add up.

mod common;

use common::{format, job, system};
use proptest::prelude::*;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{BlockCode, BlockCodeFields, Lfsr, WeightFormat};
use seedlm_sim::memory_model::{MemoryModel, SimpleMemory};
use seedlm_sim::units::{Matvec, MatvecInputs, MatvecOutputs, MatvecPorts, ProbeBits};
use seedlm_sim::{Activity, Job, Machine, MachineError, State, SystemConfig, Unit};
use std::borrow::Cow;

#[test]
fn another_accelerator_than_configured_is_refused() {
    let format = format("paper-4b");
    let system = system(&format, "ideal");
    let other = DatapathConfig {
        result_fifo_groups: 5,
        ..system.datapath.clone()
    };
    let accelerator = Box::new(Matvec::new(&other, &format));
    let error = Machine::with_accelerator(&format, &system, accelerator).err().unwrap();
    assert!(
        matches!(
            &error,
            MachineError::Register {
                expected: 4,
                got: 5,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("RESULT_FIFO_GROUPS"), "{error}");
}

#[test]
fn a_wrong_result_is_named() {
    let format = format("paper-4b");
    let system = system(&format, "ideal");
    let mut job = job("layer.7", &system, &format, 40, 24, 3);
    job.expected[21] += 1;
    let error = Machine::new(&format, &system)
        .unwrap()
        .run(&job, &mut |_| true, None)
        .unwrap_err();
    assert!(matches!(&error, MachineError::Wrong { row: 21, .. }), "{error}");
    assert!(error.to_string().contains("matrix layer.7, row 21, cycle"), "{error}");
}

#[test]
fn a_reader_that_is_never_ready_is_found() {
    let format = format("paper-4b");
    let system = system(&format, "ideal");
    let job = job("m", &system, &format, 640, 8, 3);
    let error = Machine::new(&format, &system)
        .unwrap()
        .run(&job, &mut |_| false, None)
        .unwrap_err();
    assert!(matches!(error, MachineError::Stuck { .. }), "{error}");
}

/// The model of an accelerator, until a fault in what its ports show.
struct Faulty {
    model: Matvec,
    fault: fn(&mut MatvecOutputs),
}

impl MatvecPorts for Faulty {
    fn outputs(&mut self) -> MatvecOutputs {
        let mut outputs = self.model.outputs();
        // Without it nothing would start.
        if ProbeBits::from(outputs.probe).group_ready {
            (self.fault)(&mut outputs);
        }
        outputs
    }

    fn clock(&mut self, inputs: &MatvecInputs) {
        self.model.clock(inputs);
    }
}

/// Wrong Verilog must end a run with an error that says where to look.
#[test]
fn ports_that_show_what_cannot_be_are_named() {
    type Fault = fn(&mut MatvecOutputs);
    let faults: [(Fault, &str); 7] = [
        (
            |outputs| outputs.s_axis_weights_tready = false,
            "s_axis_weights_tready is 0",
        ),
        (|outputs| outputs.probe &= !1, "probe bit weights_fifo_valid is 0"),
        (
            |outputs| outputs.probe |= 1 << 6,
            "probe bit decoded_valid is 1, and must be 0",
        ),
        (
            |outputs| outputs.probe &= !(1 << 6),
            "probe bit decoded_valid is 0, and must be 1",
        ),
        (
            |outputs| outputs.probe |= 1 << 7,
            "probe bit sums_valid is 1, and must be 0",
        ),
        (
            |outputs| {
                // The results are right, since they are all zero.
                outputs.m_axis_tvalid = true;
                outputs.m_axis_tdata = vec![0; 64];
                outputs.m_axis_tlast = true;
            },
            "m_axis_tlast is 1 before all weights have gone in",
        ),
        (
            |outputs| {
                outputs.m_axis_tvalid = true;
                outputs.m_axis_tdata = vec![0; 64];
                outputs.m_axis_tlast = false;
            },
            "m_axis offers a beat after that of the last results",
        ),
    ];
    let format = format("paper-4b");
    let system = system(&format, "ideal");
    let mut job = job("layer.7", &system, &format, 8, 4096, 3);
    job.streams.activations.fill(0);
    job.expected.fill(0);
    for (fault, message) in faults {
        let accelerator = Box::new(Faulty {
            model: Matvec::new(&system.datapath, &format),
            fault,
        });
        let mut machine = Machine::with_accelerator(&format, &system, accelerator).unwrap();
        let error = machine.run(&job, &mut |_| true, None).unwrap_err();
        let is_of_ports = matches!(&error, MachineError::Ports { name, .. } if name == "layer.7");
        assert!(is_of_ports && error.to_string().contains(message), "{message}: {error}");
    }
}

/// A format, among them codes whose words straddle bytes and beats.
fn any_format() -> impl Strategy<Value = WeightFormat> {
    let code = |block_size, latent_dimension, coefficient_bits, exponent_bits, length| {
        let lfsr = Lfsr::paper(length).unwrap();
        WeightFormat::Block(
            BlockCode::new(BlockCodeFields {
                block_size,
                latent_dimension,
                coefficient_bits,
                exponent_bits,
                lfsr,
            })
            .unwrap(),
        )
    };
    prop::sample::select(vec![
        format("paper-4b"),
        format("paper-3b"),
        format("fp16"),
        format("chained-4b"),
        format("chained-3b-k12"),
        format("chained-2b"),
        code(5, 2, 3, 2, 7),
        code(1, 1, 2, 0, 2),
        code(9, 3, 5, 4, 20),
    ])
}

/// The name of a DRAM; `None` for a memory without banks.
fn any_memory_name() -> impl Strategy<Value = Option<&'static str>> {
    let is_dram = |name: &&str| !["paper", "ideal"].contains(name);
    prop::option::of(prop::sample::select(
        MemoryModel::presets().filter(is_dram).collect::<Vec<_>>(),
    ))
}

fn any_system() -> impl Strategy<Value = (WeightFormat, SystemConfig)> {
    (
        any_format(),
        prop::sample::select(vec![64_u32, 128, 192, 512]),
        (1_u32..5, 1_u32..5, 0_u32..4, 0_u32..4, 1_u32..4),
        (1_u32..9, 1_u32..40, 1_u32..30, 1_u32..4),
        prop::sample::select(vec![8_u32, 16]),
        (
            any_memory_name(),
            prop::sample::select(vec![61.7, 100.0, 200.0, 1333.333]),
        ),
    )
        .prop_map(
            |(
                format,
                beat_bits,
                (tile_rows, words, extra_decode_stages, extra_mac_stages, groups),
                memory,
                activation_bits,
                (preset, clock_mhz),
            )| {
                let (burst_beats, latency_cycles, interval, queue) = memory;
                let datapath = DatapathConfig {
                    beat_bits,
                    gearbox: true,
                    lanes: tile_rows * words,
                    tile_rows,
                    activation_bits,
                    largest_columns: 64,
                    beat_fifo_beats: burst_beats + latency_cycles % 7,
                    result_fifo_groups: groups,
                    extra_decode_stages,
                    extra_mac_stages,
                    pack_products: false,
                };
                let simple = MemoryModel::Simple(SimpleMemory {
                    name: "any".into(),
                    latency_cycles,
                    refresh_interval_cycles: interval + 1,
                    refresh_cycles: interval / 2,
                    refresh_phase_cycles: latency_cycles,
                    request_queue_bursts: queue,
                    burst_beats,
                });
                let memory = match preset {
                    None => simple,
                    Some(name) => MemoryModel::named(name)
                        .and_then(|dram| dram.with_override("burst_beats", burst_beats.into()))
                        .and_then(|dram| dram.with_override("outstanding_bursts", queue.into()))
                        .unwrap(),
                };
                (
                    format,
                    SystemConfig {
                        clock_mhz,
                        datapath,
                        memory,
                    },
                )
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the machine, the memory and the reader of the results: every result equals the golden product (the run
    /// checks each), nothing is lost or repeated, and every cycle of every unit has one state.
    #[test]
    fn any_machine_gives_the_golden_product_under_any_pressure(
        (format, system) in any_system(),
        shapes in prop::collection::vec((1_usize..30, 1_usize..50), 1..4),
        pressure in 1_u64..5,
        seed in any::<u64>(),
    ) {
        let mut machine = Machine::new(&format, &system).unwrap();
        for (rows, columns) in shapes {
            let job = job("m", &system, &format, rows, columns, seed);
            let mut ready = |cycle: u64| (cycle ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 7 >= pressure;
            let run = machine.run(&job, &mut ready, None).unwrap();
            prop_assert_eq!(&run.results, &job.expected);
            for unit in Unit::ALL {
                prop_assert_eq!(run.activity.total(unit), run.cycles, "{}", unit.label());
            }
            let beats = (job.activation_beats() + job.weight_beats()) as u64;
            prop_assert_eq!(run.activity.cycles(Unit::Memory, State::Busy), beats);
            prop_assert_eq!(run.activity.cycles(Unit::BeatFifo, State::Busy), job.weight_beats() as u64);
            prop_assert_eq!(run.activity.cycles(Unit::Unpack, State::Busy), job.order.groups() as u64);
            prop_assert_eq!(run.activity.cycles(Unit::MacArray, State::Busy), job.order.groups() as u64);
        }
    }
    /// The same for products right behind each other, of which the longest are shorter than the pipeline.
    #[test]
    fn any_machine_gives_the_golden_products_of_a_row(
        (format, system) in any_system(),
        shapes in prop::collection::vec((1_usize..30, 1_usize..50), 1..7),
        pressure in 0_u64..5,
        seed in any::<u64>(),
    ) {
        let mut machine = Machine::new(&format, &system).unwrap();
        let jobs: Vec<Job> = (seed..)
            .zip(&shapes)
            .map(|(seed, &(rows, columns))| job("m", &system, &format, rows, columns, seed))
            .collect();
        let mut ready = |cycle: u64| (cycle ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & 7 >= pressure;
        let (mut total, mut cycles, mut ended) = (Activity::default(), 0, 0);
        let mut rest = jobs.iter();
        machine
            .run_back_to_back(&mut || Ok(rest.next().map(Cow::Borrowed)), &mut ready, None, &mut |job, run| {
                assert_eq!(run.results, jobs[ended].expected);
                assert_eq!(job.rows, jobs[ended].rows);
                for unit in Unit::ALL {
                    assert_eq!(run.activity.total(unit), run.cycles, "{}", unit.label());
                }
                total.add(&run.activity);
                cycles += run.cycles;
                ended += 1;
            })
            .unwrap();
        prop_assert_eq!(ended, jobs.len());
        let busy = |unit| total.cycles(unit, State::Busy) as usize;
        let sum = |beats: fn(&Job) -> usize| jobs.iter().map(beats).sum::<usize>();
        prop_assert_eq!(busy(Unit::Memory), sum(|job| job.activation_beats() + job.weight_beats()));
        prop_assert_eq!(busy(Unit::BeatFifo), sum(Job::weight_beats));
        prop_assert_eq!(busy(Unit::Unpack), sum(|job| job.order.groups()));
        prop_assert_eq!(busy(Unit::MacArray), sum(|job| job.order.groups()));

        // One by one they take no less.
        let mut alone = Machine::new(&format, &system).unwrap();
        let mut one_by_one = 0;
        for job in &jobs {
            one_by_one += alone.run(job, &mut ready, None).unwrap().cycles;
        }
        if pressure == 0 && matches!(&system.memory, MemoryModel::Simple(memory) if memory.refresh_cycles == 0) {
            prop_assert!(cycles <= one_by_one, "{cycles} in a row, {one_by_one} one by one");
        }
    }
}
