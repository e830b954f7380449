//! Random requests to random memories: every access is answered once, and every trace keeps the protocol.

use super::checker::{check, check_refreshes};
use super::support::{model, sequential_walk};
use proptest::prelude::*;
use seedlm_sim::dram::{Command, Controller, DramModel, PRESETS};

fn any_model() -> impl Strategy<Value = DramModel> {
    (
        prop::sample::select(PRESETS.map(|(name, _)| name).to_vec()),
        prop::sample::select(vec!["in_order", "fr_fcfs"]),
        prop::sample::select(vec!["all_bank", "per_bank", "off"]),
        1_u32..40,
        prop::sample::select(vec!["0", "100", "100000"]),
        prop::sample::select(vec![1_u32, 2, 4]),
    )
        .prop_map(|(name, scheduler, refresh, queue, starvation, often)| {
            let preset = model(name, &[]);
            let refresh = match refresh {
                "per_bank" if preset.timing().t_rfc_pb == 0 => "all_bank",
                other => other,
            };
            let timing = preset.timing();
            let nanoseconds = |clocks: u64| (clocks * 1_000_000 / timing.clock_khz).to_string();
            let t_refi = timing.t_refi / u64::from(often);
            let t_rfc = (t_refi / 4).min(timing.t_rfc);
            let mut changes = vec![
                ("scheduler", format!("{scheduler:?}")),
                ("refresh", format!("{refresh:?}")),
                ("queue_accesses", queue.to_string()),
                ("starvation_ns", starvation.to_string()),
            ];
            if often > 1 && refresh == "all_bank" {
                changes.push(("t_rfc_ns", nanoseconds(t_rfc)));
                changes.push(("t_refi_ns", nanoseconds(t_refi)));
            }
            let changes: Vec<(&str, &str)> = changes.iter().map(|(key, value)| (*key, value.as_str())).collect();
            model(name, &changes)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Requests anywhere in a few rows of a few banks, or in a row, with pauses of any length.
    #[test]
    fn any_requests_keep_the_protocol(
        model in any_model(),
        requests in prop::collection::vec((0_u64..4, any::<u32>(), 1_u64..600, 0_u64..200), 1..200),
    ) {
        let mut controller = Controller::new(&model);
        controller.keep_traces();
        let capacity = model.organisation().capacity_bytes();
        let access = model.organisation().access_bytes();
        let (mut clock, mut next, mut accesses) = (0, 0, 0);
        for (kind, random, bytes, pause) in requests {
            let random = u64::from(random);
            let address = match kind {
                // Far away, near, and right behind the last one.
                0 => random.wrapping_mul(0x9e37_79b9_7f4a_7c15) % capacity,
                1 => random % (4 * model.organisation().row_bytes * model.organisation().banks()),
                _ => next,
            };
            clock += if pause == 0 { 5000 } else { pause / 10 };
            controller.advance(clock);
            prop_assert_eq!(controller.request(clock, address, bytes), accesses);
            accesses += (address + bytes - 1) / access - address / access + 1;
            next = address + bytes;
        }
        let until = clock + 40 * model.timing().t_refi + accesses * 200;
        controller.advance(until);
        let reads: u64 = controller.counts().reads;
        prop_assert_eq!(reads, accesses);
        for number in 0..accesses {
            prop_assert!(controller.ready_clock(number).is_some_and(|ready| ready <= until));
        }
        for trace in controller.traces() {
            check(&model, trace).map_err(TestCaseError::fail)?;
            check_refreshes(&model, trace, until).map_err(TestCaseError::fail)?;
        }
    }
}

#[test]
fn sequential_walks_keep_the_protocol() {
    for (name, _) in PRESETS {
        for scheduler in ["\"in_order\"", "\"fr_fcfs\""] {
            let model = model(name, &[("scheduler", scheduler)]);
            let (until, controller) = sequential_walk(&model, 0, 1 << 20, true);
            for trace in controller.traces() {
                check(&model, trace).unwrap();
                check_refreshes(&model, trace, until).unwrap();
            }
        }
    }
}

/// Two reads of one row with one of another row between them: only FR-FCFS changes the order.
#[test]
fn row_hits_go_first_unless_in_order() {
    for (scheduler, activates) in [("\"in_order\"", 3), ("\"fr_fcfs\"", 2)] {
        let model = model("ddr4-2400", &[("scheduler", scheduler), ("refresh", "\"off\"")]);
        let mut controller = Controller::new(&model);
        controller.keep_traces();
        let other_row = model.organisation().capacity_bytes() / 2;
        for address in [0, other_row, 256] {
            controller.request(0, address, 64);
        }
        controller.advance(1000);
        assert_eq!(controller.counts().activates, activates, "{scheduler}");
        let reads = controller.traces().next().unwrap().iter();
        let reads = reads.filter(|(_, command)| matches!(command, Command::Read { .. }));
        assert_eq!(reads.count(), 3);
        let ready: Vec<u64> = (0..3).map(|number| controller.ready_clock(number).unwrap()).collect();
        assert_eq!(ready[2] < ready[1], activates == 2, "{ready:?}");
    }
}

/// An access that row hits always go before is served once it is old.
#[test]
fn no_access_starves() {
    let wait = |starvation: &str| {
        let model = model("ddr4-2400", &[("starvation_ns", starvation), ("refresh", "\"off\"")]);
        let mut controller = Controller::new(&model);
        let other_row = model.organisation().capacity_bytes() / 2;
        controller.request(0, 0, 64);
        let number = controller.request(0, other_row, 64);
        for clock in 1..8000 {
            // Hits of the open row, as many as the channel can read.
            if clock % 6 == 0 {
                controller.request(clock, 256 * (clock / 6 % 128), 64);
            }
            controller.advance(clock);
        }
        controller.ready_clock(number)
    };
    let patient = wait("3000").unwrap();
    let impatient = wait("500").unwrap();
    assert!(
        impatient < patient && (600..800).contains(&impatient),
        "{impatient} {patient}"
    );
}
