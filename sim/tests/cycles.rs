//! How many cycles products take, and where they go: the paper's table, and closed forms.

mod common;

use common::{format, job, system};
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::{Cause, Machine, State, Unit};

fn cycles(name: &str, memory: &str, size: usize) -> u64 {
    let format = format(name);
    let system = system(&format, memory);
    let job = job("m", &system, &format, size, size, 1);
    Machine::new(&format, &system)
        .unwrap()
        .run(&job, &mut |_| true, None)
        .unwrap()
        .cycles
}

/// SeedLM paper, Table 5, by one set of memory parameters: fp16 within 2 %, the code below the bars of the project.
#[test]
fn the_papers_table_5() {
    for (size, fp16, bar) in [(512, 8593, 2215), (1024, 34201, 8615), (2048, 136559, 34225)] {
        let reference = cycles("fp16", "paper", size) as f64;
        assert!(
            (reference / f64::from(fp16) - 1.0).abs() < 0.02,
            "fp16 {size}: {reference}"
        );
        let coded = cycles("paper-4b", "paper", size);
        assert!(coded <= bar, "paper-4b {size}: {coded} > {bar}");
    }
}

/// On an ideal memory nothing is lost but the start and the end: beats of weights and activations, one cycle each, plus
/// registers.
#[test]
fn on_an_ideal_memory_every_cycle_but_the_first_and_last_takes_a_beat() {
    let registers = |name: &str| {
        let format = format(name);
        let datapath = DatapathConfig::reference(&format);
        let stages = u64::from(datapath.decode_stages(&format) + datapath.mac_stages(&format));
        // Request to beat; FIFO and unpack; the stages; accumulate; FIFO and two beats of results, the first in the cycle
        // in which it shows.
        1 + 3 + stages + 1 + 2 + 1
    };
    assert_eq!(cycles("paper-4b", "ideal", 512), 2048 + 8 + registers("paper-4b"));
    assert_eq!(cycles("fp16", "ideal", 512), 8192 + 8 + registers("fp16"));
}

/// With rows of one step there is no room for the results of more tiles than `result_fifo_groups`: a tile goes when the one
/// so many before it has left.
#[test]
fn short_rows_wait_for_room_for_their_results() {
    let format = format("paper-4b");
    let system = system(&format, "ideal");
    let datapath = &system.datapath;
    let job = job("m", &system, &format, 16 * 40, 8, 1);
    let run = Machine::new(&format, &system).unwrap().run(&job, &mut |_| true, None);
    let activity = run.unwrap().activity;
    assert_eq!(activity.cycles(Unit::Unpack, State::Busy), 40);
    // Stages; accumulate; FIFO; two beats of results; the count of tiles under way.
    let round_trip = datapath.decode_stages(&format) + datapath.mac_stages(&format) + 1 + 1 + 2 + 1;
    // Ten rounds of four tiles. The tiles of a round follow each other as their results leave, in two cycles each.
    let last_issued = 9 * u64::from(round_trip) + 3 * 2;
    let room = State::Waiting(Cause::NextUnitBusy);
    assert_eq!(activity.cycles(Unit::Unpack, room), last_issued + 1 - 40);
    assert_eq!(activity.cycles(Unit::MacArray, room), last_issued + 1 - 40);
}

/// The causes of the MAC array's idle cycles on the paper's memory, one by one.
#[test]
fn every_cycle_beyond_one_per_beat_has_its_cause() {
    let format = format("paper-4b");
    let system = system(&format, "paper");
    let job = job("m", &system, &format, 512, 512, 1);
    let run = Machine::new(&format, &system).unwrap().run(&job, &mut |_| true, None);
    let run = run.unwrap();
    let stages = system.datapath.decode_stages(&format) + system.datapath.mac_stages(&format);
    let expected = [
        (State::Busy, 2048),
        (State::Waiting(Cause::Refresh), 63),
        (State::Waiting(Cause::MemoryLatency), 30),
        (State::Waiting(Cause::ActivationLoad), 8),
        (State::Waiting(Cause::PipelineFill), u64::from(stages) + 3),
        (State::Waiting(Cause::Drain), 4),
    ];
    for (state, cycles) in expected {
        assert_eq!(run.activity.cycles(Unit::MacArray, state), cycles, "{state:?}");
    }
    assert_eq!(run.cycles, expected.iter().map(|(_, cycles)| cycles).sum::<u64>());
}

#[test]
fn the_refresh_timer_runs_on_and_machines_are_reused() {
    let format = format("paper-4b");
    let system = system(&format, "paper");
    let mut machine = Machine::new(&format, &system).unwrap();
    let mut total = 0;
    for round in 0..20 {
        let job = job("m", &system, &format, 64, 128, round);
        total += machine.run(&job, &mut |_| true, None).unwrap().cycles;
    }
    let mut fresh = Machine::new(&format, &system).unwrap();
    let alone = fresh
        .run(&job("m", &system, &format, 64, 128, 0), &mut |_| true, None)
        .unwrap()
        .cycles;
    assert!(
        total > 20 * alone,
        "20 products take {total} cycles, one alone {alone}: no refresh was met"
    );
}
