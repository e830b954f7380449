//! Products right behind each other: what the second one costs, and that nothing is lost where they meet.

mod common;

use common::{format, job, system};
use seedlm_sim::memory_model::MemoryModel;
use seedlm_sim::{Cause, Job, Machine, Run, State, SystemConfig, Unit};
use std::borrow::Cow;

/// Runs products in a row.
fn run_row(machine: &mut Machine, jobs: &[Job]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut rest = jobs.iter();
    machine
        .run_back_to_back(
            &mut || Ok(rest.next().map(Cow::Borrowed)),
            &mut |_| true,
            None,
            &mut |job, run| {
                assert_eq!(run.results, job.expected);
                runs.push(run);
            },
        )
        .unwrap();
    runs
}

/// The cycles that the memory itself needs for beats at its own rate, from a cycle on: one each, and those of refresh.
fn memory_cycles(system: &SystemConfig, from: u64, beats: u64) -> u64 {
    let MemoryModel::Simple(memory) = &system.memory else {
        panic!("the memory is counted in cycles");
    };
    let mut cycle = from;
    let mut delivered = 0;
    while delivered < beats {
        delivered += u64::from(!memory.refreshes_in(cycle));
        cycle += 1;
    }
    cycle - from
}

/// The bars of the project: 512 x 512 alone, and a second one right behind it, at most 10 cycles more than the memory needs for
/// its weights and activations.
#[test]
fn a_second_matrix_costs_its_memory_time() {
    for name in ["paper-4b", "chained-4b", "fp16", "paper-3b"] {
        let format = format(name);
        let system = system(&format, "paper");
        let jobs = [1, 2].map(|seed| job("m", &system, &format, 512, 512, seed));
        let one = run_row(&mut Machine::new(&format, &system).unwrap(), &jobs[..1]);
        let two = run_row(&mut Machine::new(&format, &system).unwrap(), &jobs);
        let [alone, both] = [&one, &two].map(|runs| runs.iter().map(|run| run.cycles).sum::<u64>());
        let beats = (jobs[1].activation_beats() + jobs[1].weight_beats()) as u64;
        // From the cycle behind the last beat of the first matrix, which comes a pipeline before its last result.
        let first_beats = memory_cycles(&system, 30, beats);
        let memory = memory_cycles(&system, 30 + first_beats, beats);
        println!("{name}: one {alone}, two {both}; the second's memory time is {memory}");
        assert!(both - alone <= memory + 10, "{name}: {both} - {alone} > {memory} + 10");
        if ["paper-4b", "chained-4b"].contains(&name) {
            assert!(alone <= 2215, "{name}: {alone}");
        }
    }
}

/// On an ideal memory the second matrix costs its beats, and the one cycle in which the gearbox drops what is left of the first.
#[test]
fn where_two_matrices_meet_one_cycle_is_empty() {
    for name in ["paper-4b", "chained-4b", "fp16"] {
        let format = format(name);
        let system = system(&format, "ideal");
        let jobs = [1, 2, 3].map(|seed| job("m", &system, &format, 512, 512, seed));
        let runs = run_row(&mut Machine::new(&format, &system).unwrap(), &jobs);
        for (run, job) in runs.iter().zip(&jobs).skip(1) {
            let beats = (job.activation_beats() + job.weight_beats()) as u64;
            let change = run.activity.cycles(Unit::MacArray, State::Waiting(Cause::MatrixChange));
            let activations = run
                .activity
                .cycles(Unit::MacArray, State::Waiting(Cause::ActivationLoad));
            println!(
                "{name}: {} cycles for {beats} beats, {change} of change, {activations} of activations",
                run.cycles
            );
            assert!(run.cycles <= beats + 1, "{name}: {} {beats}", run.cycles);
            assert!(change <= 1, "{name}: {change}");
        }
    }
}

/// Products much shorter than the latencies: the machine waits, and loses nothing.
#[test]
fn tiny_matrices_follow_each_other_too() {
    let format = format("paper-4b");
    let system = system(&format, "paper");
    let jobs: Vec<Job> = (0..40)
        .map(|seed| {
            job(
                "m",
                &system,
                &format,
                1 + seed as usize % 33,
                1 + 7 * seed as usize % 90,
                seed,
            )
        })
        .collect();
    let mut machine = Machine::new(&format, &system).unwrap();
    let row: u64 = run_row(&mut machine, &jobs).iter().map(|run| run.cycles).sum();
    let mut alone = Machine::new(&format, &system).unwrap();
    let one_by_one: u64 = jobs
        .iter()
        .map(|job| alone.run(job, &mut |_| true, None).unwrap().cycles)
        .sum();
    println!("40 tiny products: {row} cycles in a row, {one_by_one} one by one");
    assert!(row < one_by_one);
}
