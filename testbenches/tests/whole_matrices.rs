//! Whole products on the Verilog and on the model: the same results, which the machine holds against the golden product, in
//! the same number of cycles, with the same account of every cycle.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{Activations, ChainedMatrix, WeightFormat, WeightMatrix};
use seedlm_hdl::generate::presets;
use seedlm_sim::memory_model::{MemoryModel, SimpleMemory};
use seedlm_sim::verilated::VerilatedMatvec;
use seedlm_sim::workload::{
    ModelSource, NamedMatrix, activations_for, compress_model, load_model, model_in_binary16, random_activations,
    random_matrix,
};
use seedlm_sim::{Job, Machine, SystemConfig};
use seedlm_testbenches::machines;
use seedlm_testbenches::nightly::is_nightly;
use seedlm_testbenches::rtl::Rtl;
use seedlm_verilator::{BuildOptions, Verilator};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Asked for its version once, not for every machine.
static VERILATOR: LazyLock<Verilator> = LazyLock::new(|| Verilator::find().unwrap_or_else(|error| panic!("{error}")));

/// One machine twice: with the model of the accelerator, and with its Verilog.
struct Pair {
    model: Machine,
    verilog: Machine,
}

impl Pair {
    fn new(rtl: &Rtl, format: &WeightFormat, system: &SystemConfig) -> Self {
        let built = rtl.build(&VERILATOR, "seedlm_matvec", &BuildOptions::default());
        let accelerator = built
            .and_then(|model| VerilatedMatvec::new(model, &system.datapath))
            .unwrap_or_else(|error| panic!("{}: {error}", format.label()));
        Pair {
            model: Machine::new(format, system).unwrap(),
            verilog: Machine::with_accelerator(format, system, Box::new(accelerator)).unwrap(),
        }
    }

    /// Runs products right behind each other on both, and gives the cycles of each. `ready` says whether the reader of the
    /// results is ready in a cycle.
    fn run(&mut self, jobs: &[Job], ready: &dyn Fn(u64) -> bool, place: &str) -> Vec<u64> {
        let run = |machine: &mut Machine, name: &str| {
            let (mut runs, mut rest) = (Vec::new(), jobs.iter());
            let outcome = machine.run_back_to_back(
                &mut || Ok(rest.next().map(Cow::Borrowed)),
                &mut |cycle| ready(cycle),
                None,
                &mut |_, run| runs.push(run),
            );
            outcome.unwrap_or_else(|error| panic!("{place}, {name}: {error}"));
            assert_eq!(runs.len(), jobs.len(), "{place}, {name}");
            runs
        };
        let model = run(&mut self.model, "model");
        let verilog = run(&mut self.verilog, "Verilog");
        for ((model, verilog), job) in model.iter().zip(&verilog).zip(jobs) {
            let place = format!("{place}, {}", job.name);
            assert_eq!(model.cycles, verilog.cycles, "{place}: cycles of model and Verilog");
            assert_eq!(
                model.activity, verilog.activity,
                "{place}: activity of model and Verilog"
            );
            assert_eq!(model.results, verilog.results, "{place}: results of model and Verilog");
        }
        verilog.iter().map(|run| run.cycles).collect()
    }
}

fn rtl_of(datapath: &DatapathConfig, format: &WeightFormat) -> Rtl {
    Rtl::generate(datapath, format).unwrap_or_else(|error| panic!("{}: {error}", format.label()))
}

/// The memories that are counted in cycles, and one with banks, rows and a clock of its own.
const MEMORIES: [&str; 3] = ["paper", "ideal", "ddr4-2400"];

/// Runs matrices right behind each other on a format's reference machine, behind every kind of memory.
fn run_on_the_reference_machine(format: &WeightFormat, matrices: &[NamedMatrix]) {
    let datapath = DatapathConfig::reference(format);
    let rtl = rtl_of(&datapath, format);
    for memory in MEMORIES {
        let system = SystemConfig {
            clock_mhz: 200.0,
            datapath: datapath.clone(),
            memory: MemoryModel::named(memory).unwrap(),
        };
        let mut pair = Pair::new(&rtl, format, &system);
        let jobs: Vec<Job> = (0..)
            .zip(matrices)
            .map(|(seed, named)| {
                let activations = activations_for(named, datapath.activation_bits, seed).expect("a legal width");
                Job::new(&named.name, &datapath, &named.matrix, &activations).unwrap()
            })
            .collect();
        let place = format!("{}, memory {memory}", format.label());
        pair.run(&jobs, &|_| true, &place);
    }
}

/// The embedded model with its matrices, or only with the first one of each shape: encoding takes longer than the run.
fn embedded_model(all: bool) -> ModelSource {
    let ModelSource::Plain(source, mut chosen) = load_model(None).unwrap() else {
        panic!("the embedded model is not compressed");
    };
    if !all {
        let mut shapes = Vec::new();
        chosen.retain(|info| {
            let is_new = !shapes.contains(&info.shape);
            shapes.push(info.shape.clone());
            is_new
        });
    }
    assert!(chosen.len() >= 3, "several shapes");
    ModelSource::Plain(source, chosen)
}

fn run_compressed(name: &str) {
    let format = WeightFormat::named(name).unwrap();
    let code = format.code().expect("the format is a code");
    let pass = compress_model(&embedded_model(is_nightly()), &code, None, &|_| {}).unwrap();
    run_on_the_reference_machine(&format, &pass.matrices);
}

#[test]
fn tensors_of_the_embedded_model_in_paper_4b() {
    run_compressed("paper-4b");
}

#[test]
fn tensors_of_the_embedded_model_in_paper_3b() {
    run_compressed("paper-3b");
}

#[test]
fn tensors_of_the_embedded_model_in_chained_4b() {
    run_compressed("chained-4b");
}

#[test]
fn all_tensors_of_the_embedded_model_in_fp16() {
    let pass = model_in_binary16(&embedded_model(true)).unwrap();
    run_on_the_reference_machine(&WeightFormat::Binary16, &pass.matrices);
}

/// As many columns as there can be: every place of the activation buffer. The second tile, of one row, takes the steps again.
#[test]
fn rows_as_long_as_the_reference_machines_take() {
    let names = presets();
    names.par_iter().for_each(|name| {
        let format = WeightFormat::named(name).unwrap();
        let datapath = DatapathConfig::reference(&format);
        let (rows, columns) = (datapath.tile_rows as usize + 1, datapath.largest_columns as usize);
        assert_eq!((rows, columns), (17, 16384));
        let system = SystemConfig {
            clock_mhz: 200.0,
            memory: MemoryModel::named("paper").unwrap(),
            datapath,
        };
        let datapath = &system.datapath;
        let mut pair = Pair::new(&rtl_of(datapath, &format), &format, &system);
        let matrix = random_matrix(&format, rows, columns, 1).unwrap();
        let activations = random_activations(datapath.activation_bits, columns, 2).unwrap();
        let job = Job::new("long rows", datapath, &matrix, &activations).unwrap();
        pair.run(&[job], &|_| true, name);
    });
}

/// Any memory that the machine accepts: from one cycle of latency to more than its FIFO can bridge, with and without refresh.
fn any_memory(random: &mut ChaCha8Rng, datapath: &DatapathConfig) -> MemoryModel {
    if random.random_bool(0.5) {
        let presets: Vec<_> = MemoryModel::presets()
            .filter(|name| !["paper", "ideal"].contains(name))
            .collect();
        let preset = MemoryModel::named(presets[random.random_range(0..presets.len())]).unwrap();
        let burst_beats = random.random_range(1..=datapath.beat_fifo_beats.min(256));
        return preset.with_override("burst_beats", burst_beats.into()).unwrap();
    }
    let refresh_interval_cycles = random.random_range(0..60_u32) * random.random_range(0..2_u32);
    MemoryModel::Simple(SimpleMemory {
        name: "any".into(),
        latency_cycles: random.random_range(1..50),
        refresh_interval_cycles,
        refresh_cycles: random.random_range(0..refresh_interval_cycles.max(1)),
        refresh_phase_cycles: random.random_range(0..100),
        request_queue_bursts: random.random_range(1..5),
        burst_beats: random.random_range(1..=datapath.beat_fifo_beats),
    })
}

/// Rows and columns: now and then one, as many as there can be, or a tile or word and one more.
fn any_shape(random: &mut ChaCha8Rng, datapath: &DatapathConfig, format: &WeightFormat) -> (usize, usize) {
    let (tile_rows, word) = (datapath.tile_rows as usize, format.weights_per_word());
    let largest = datapath.largest_columns as usize;
    let rows = match random.random_range(0..8) {
        0 => 1,
        1 => tile_rows,
        2 => tile_rows + 1,
        _ => random.random_range(1..=8 * tile_rows),
    };
    let columns = match random.random_range(0..8) {
        0 => 1,
        1 => word,
        2 => word + 1,
        3 => largest,
        _ => random.random_range(1..=largest / 2),
    };
    (rows, columns)
}

/// When the reader of the results is ready, as one of 64 bits for each cycle: always, mostly, seldom, or not for long times.
fn any_readiness(random: &mut ChaCha8Rng) -> impl Fn(u64) -> bool + use<> {
    let (kind, seed) = (random.random_range(0..4), random.next_u64());
    move |cycle| {
        let mixed = (cycle ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        match kind {
            0 => true,
            1 => mixed % 8 > 1,
            2 => mixed % 8 == 0,
            _ => (cycle ^ seed) >> 6 & 1 == 1,
        }
    }
}

/// The bars of the project, with the Verilog: 512 x 512 alone, and a second one right behind it.
#[test]
fn a_second_matrix_costs_the_verilog_its_memory_time() {
    ["paper-4b", "chained-4b"].par_iter().for_each(|name| {
        let format = WeightFormat::named(name).unwrap();
        let datapath = DatapathConfig::reference(&format);
        let MemoryModel::Simple(memory) = MemoryModel::named("paper").unwrap() else {
            panic!("paper is the simple kind");
        };
        let system = SystemConfig {
            clock_mhz: 200.0,
            datapath: datapath.clone(),
            memory: MemoryModel::Simple(memory.clone()),
        };
        let jobs = [1, 2].map(|seed| {
            let matrix = random_matrix(&format, 512, 512, seed).unwrap();
            let activations = random_activations(datapath.activation_bits, 512, seed).unwrap();
            Job::new("512 x 512", &datapath, &matrix, &activations).unwrap()
        });
        let rtl = rtl_of(&datapath, &format);
        let alone = Pair::new(&rtl, &format, &system).run(&jobs[..1], &|_| true, name)[0];
        let both: u64 = Pair::new(&rtl, &format, &system)
            .run(&jobs, &|_| true, name)
            .iter()
            .sum();
        // A beat in every cycle but those of refresh, from the first beat of the second matrix on.
        let beats = (jobs[1].activation_beats() + jobs[1].weight_beats()) as u64;
        let reads = |cycle: &u64| !memory.refreshes_in(*cycle);
        let mut cycles = (u64::from(memory.latency_cycles)..).filter(reads);
        let (first, last) = (
            cycles.nth(beats as usize - 1).unwrap(),
            cycles.nth(beats as usize - 1).unwrap(),
        );
        println!("{name}: one {alone}, two {both}, memory time {}", last - first);
        assert!(alone <= 2215, "{name}: {alone}");
        assert!(
            both - alone <= last - first + 10,
            "{name}: {both} - {alone}, {}",
            last - first
        );
    });
}

/// Rows that share multipliers, all of their weights at either limit, with activations at either limit. The same machine
/// without shared multipliers takes as many cycles.
#[test]
fn limits_of_rows_that_share_multipliers() {
    let (code, shared) = machines::shared_multipliers_at_the_limits();
    let format = WeightFormat::Chained(code.clone());
    let (rows, columns) = (8, 40);
    let scale = ChainedMatrix::legal_scale(&code, 1.0);
    // Two rows have a multiplier: both of their limits in all ways.
    let of_row = |row: usize| {
        if [0b1100, 0b1010][row % 2] >> (row / 2) & 1 == 1 {
            0xff
        } else {
            0
        }
    };
    let bytes = (0..rows).flat_map(|row| [of_row(row); 20]).collect();
    let matrix = ChainedMatrix::new(&code, rows, columns, vec![scale; rows], bytes).unwrap();
    let matrix = WeightMatrix::Chained(matrix);
    assert!((0..rows).all(|row| matrix.row_integers(row).iter().all(|weight| weight.abs() == 45)));
    let of_activations = [
        vec![-128; columns],
        vec![127; columns],
        (0..columns)
            .map(|column| if column % 3 == 0 { 127 } else { -128 })
            .collect(),
    ];
    for lanes in [4, 8] {
        let cycles = [true, false].map(|pack_products| {
            let datapath = DatapathConfig {
                lanes,
                pack_products,
                // The memory's bursts.
                beat_fifo_beats: 16,
                ..shared.clone()
            };
            let jobs = of_activations.clone().map(|values| {
                let activations = Activations::new(8, 1.0, values).unwrap();
                Job::new("limits", &datapath, &matrix, &activations).unwrap()
            });
            let system = SystemConfig {
                clock_mhz: 200.0,
                memory: MemoryModel::named("ideal").unwrap(),
                datapath,
            };
            let mut pair = Pair::new(&rtl_of(&system.datapath, &format), &format, &system);
            pair.run(&jobs, &|_| true, &format!("{lanes} lanes"))
        });
        assert_eq!(cycles[0], cycles[1], "{lanes} lanes");
    }
}

/// Any product on any machine behind any memory, whatever the reader of its results does; several products on one machine,
/// right behind each other and after each other.
#[test]
fn random_products_on_many_machines_behind_random_memories() {
    let memories = if is_nightly() { 3000 } else { 100 };
    machines::others()
        .par_iter()
        .enumerate()
        .for_each(|(index, (format, datapath))| {
            let rtl = rtl_of(datapath, format);
            let mut random = ChaCha8Rng::seed_from_u64(index as u64);
            for _ in 0..memories {
                let system = SystemConfig {
                    clock_mhz: 200.0,
                    datapath: datapath.clone(),
                    memory: any_memory(&mut random, datapath),
                };
                let mut pair = Pair::new(&rtl, format, &system);
                let mut jobs = Vec::new();
                for number in 0..random.random_range(2..6) {
                    let (rows, columns) = any_shape(&mut random, datapath, format);
                    let matrix: WeightMatrix = random_matrix(format, rows, columns, random.next_u64()).unwrap();
                    let activations = random_activations(datapath.activation_bits, columns, random.next_u64()).unwrap();
                    let name = format!("product {number}, {rows} x {columns}");
                    jobs.push(Job::new(&name, datapath, &matrix, &activations).unwrap());
                }
                // All but the last in a row, then that one on its own.
                let place = format!("{}, {system:?}", format.label());
                let (row, last) = jobs.split_at(jobs.len() - 1);
                for jobs in [row, last] {
                    pair.run(jobs, &any_readiness(&mut random), &place);
                }
            }
        });
}
