//! The machine beside a DRAM: it waits for refresh, the first latency and the data pins, and for nothing else.

mod common;

use common::{format, job, system};
use seedlm_codec::WeightFormat;
use seedlm_sim::dram::{ClosedForms, DramModel, PRESETS};
use seedlm_sim::memory_model::MemoryModel;
use seedlm_sim::settings::Settings;
use seedlm_sim::shape::{ModelShape, check};
use seedlm_sim::{Cause, Machine, Run, State, SystemConfig, Unit};

/// A machine sized to a memory, with changes.
fn sized(format: &WeightFormat, memory: &str, clock_mhz: f64, changes: &[&str]) -> SystemConfig {
    let mut settings = Settings::new(clock_mhz, MemoryModel::named(memory).unwrap()).unwrap();
    for change in changes {
        settings.override_with(change).unwrap();
    }
    settings.system(format)
}

fn run(format: &WeightFormat, system: &SystemConfig, rows: usize, columns: usize) -> Run {
    let job = job("m", system, format, rows, columns, 1);
    Machine::new(format, system)
        .unwrap()
        .run(&job, &mut |_| true, None)
        .unwrap()
}

fn dram(name: &str) -> DramModel {
    let (_, text) = PRESETS.iter().find(|(preset, _)| *preset == name).unwrap();
    DramModel::parse(name, text).unwrap()
}

/// Bytes read per second, from the first request to the last result.
fn read_gb_per_s(system: &SystemConfig, run: &Run) -> f64 {
    let beats = run.activity.cycles(Unit::Memory, State::Busy);
    let bytes = beats * u64::from(system.datapath.beat_bits) / 8;
    bytes as f64 * system.clock_mhz / run.cycles as f64 / 1e3
}

/// The bar of the project, with a port that is exactly as fast as the data pins and with a wider one.
#[test]
fn ddr4_is_used_to_97_percent_of_what_refresh_leaves() {
    let format = format("chained-4b");
    for clock_mhz in [200.0, 300.0] {
        let system = sized(&format, "ddr4-2400", clock_mhz, &[]);
        let run = run(&format, &system, 2048, 2048);
        let share = read_gb_per_s(&system, &run) / system.refresh_limited_gb_per_s();
        println!(
            "2048x2048 at {clock_mhz} MHz: {:.2} % of the refresh-limited bandwidth",
            100.0 * share
        );
        assert!((0.97..1.0).contains(&share), "{clock_mhz}: {share}");
    }
}

/// The bars of the project: the chained code over fp16 on the same memory, for one matrix and for a whole model.
#[test]
fn four_bits_are_nearly_four_times_as_fast_on_ddr4() {
    let cycles = |name: &str, shape: &ModelShape| {
        let format = format(name);
        let system = sized(&format, "ddr4-2400", 200.0, &[]);
        check(shape, &format, &system).unwrap().simulated_cycles as f64
    };
    let matrix =
        "name = \"matrix\"\nsource = \"a test\"\n[[matrix]]\nname = \"m\"\nrows = 1536\ncolumns = 2048\ncount = 1\n";
    for (shape, bar) in [
        (ModelShape::parse("matrix", matrix).unwrap(), 3.95),
        (ModelShape::named("smollm2-4-layers").unwrap(), 3.98),
        // Its matrices are so small that the starts of a token and of its matrices show.
        (ModelShape::named("embedded").unwrap(), 3.97),
    ] {
        let speedup = cycles("fp16", &shape) / cycles("chained-4b", &shape);
        println!("{}: {speedup:.3}", shape.name);
        assert!(speedup >= bar, "{}: {speedup}", shape.name);
    }
}

#[test]
fn the_machine_waits_for_nothing_but_refresh_the_first_latency_and_the_pins() {
    let format = format("paper-4b");
    for (name, _) in PRESETS {
        let system = sized(&format, name, 400.0, &[]);
        let run = run(&format, &system, 512, 1024);
        let waits = |cause| run.activity.cycles(Unit::Memory, State::Waiting(cause));
        // Until the first transfer; the burst itself holds the pins. There and back it meets an edge of each clock.
        let model = dram(name);
        let clocks = ClosedForms::of(&model).unloaded_clocks - model.organisation().burst_clocks();
        let latency = clocks as f64 / model.timing().clock_khz as f64 * 400e3;
        let first = waits(Cause::MemoryLatency);
        println!("{name:<12} first latency {first} cycles, closed form {latency:.1}");
        assert!(
            (first as f64) >= latency && (first as f64) < latency + 4.0,
            "{name}: {first}"
        );
        assert_eq!(waits(Cause::FifoRoomReserved), 0, "{name}");
        assert!((waits(Cause::RowMiss) as f64) < 0.01 * run.cycles as f64, "{name}");
    }
}

/// Too few bursts under way, or too small a FIFO, and the latency shows again and again.
#[test]
fn less_under_way_than_latency_times_bandwidth_costs_time() {
    let format = format("paper-4b");
    let cycles = |changes: &[&str]| run(&format, &sized(&format, "ddr4-2400", 300.0, changes), 512, 512).cycles;
    let sized = cycles(&[]);
    let deeper = cycles(&["beat_fifo_beats=1024", "memory.outstanding_bursts=64"]);
    assert!(sized <= deeper + deeper / 200, "{sized} {deeper}");
    for changes in [["memory.outstanding_bursts=1"], ["beat_fifo_beats=16"]] {
        let short = cycles(&changes);
        assert!(short > sized + sized / 3, "{changes:?}: {short} {sized}");
    }
}

#[test]
fn refresh_and_row_misses_have_their_causes() {
    let format = format("paper-4b");
    let waits = |changes: &[&str], cause| {
        let system = sized(&format, "ddr4-2400", 300.0, changes);
        let run = run(&format, &system, 512, 1024);
        for unit in Unit::ALL {
            assert_eq!(run.activity.total(unit), run.cycles);
        }
        run.activity.cycles(Unit::Memory, State::Waiting(cause))
    };
    // 4,100 beats in 4,270 cycles or so: one refresh in every 2,340 cycles, each of 114 or so.
    let refresh = waits(&[], Cause::Refresh);
    assert!((105..125).contains(&refresh), "{refresh}");
    assert_eq!(waits(&["memory.refresh=off"], Cause::Refresh), 0);
    // In order, each of the 16 x 2 rows of the walk makes the port wait.
    let misses = waits(&["memory.scheduler=in_order", "memory.refresh=off"], Cause::RowMiss);
    assert!(misses > 100, "{misses}");
    assert_eq!(waits(&["memory.refresh=off"], Cause::RowMiss), 0);
}

/// Rows stay open from one matrix to the next, and matrices lie one behind the other.
#[test]
fn a_second_matrix_goes_on_where_the_first_one_ended() {
    let format = format("paper-4b");
    let system = system(&format, "ddr4-2400");
    let mut machine = Machine::new(&format, &system).unwrap();
    let job = job("m", &system, &format, 64, 64, 1);
    let mut opened = || {
        let run = machine.run(&job, &mut |_| true, None).unwrap();
        run.dram_commands.unwrap().activates
    };
    // 4 KiB lie in one row of each of the four bank groups.
    assert_eq!([opened(), opened()], [4, 0]);
}
