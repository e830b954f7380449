//! Every timing gate: legal at t, illegal one clock earlier, in the device and in the checker.

use super::checker;
use super::support::model;
use seedlm_sim::dram::{Command, Device, gates};
use std::collections::BTreeSet;

const ROW: u32 = 7;

/// Bank 0 and bank 1 share a bank group, bank 4 is of another one.
fn activate(bank: usize) -> Command {
    Command::Activate { bank, row: ROW }
}

fn read(bank: usize) -> Command {
    Command::Read { bank, column: 0 }
}

fn precharge(bank: usize) -> Command {
    Command::Precharge { bank }
}

fn refresh(unit: usize) -> Command {
    Command::RefreshBanks { unit }
}

/// One gate: commands that lead up to it with their clocks, and the command that it stops until clock 10,000 plus its length. The gate's
/// own first command comes in clock 10,000.
struct Case {
    gate: &'static str,
    /// The key that is made so long that no other gate decides.
    key: &'static str,
    before: Vec<(u64, Command)>,
    after: Command,
}

fn case(gate: &'static str, key: &'static str, before: &[(u64, Command)], after: Command) -> Case {
    Case {
        gate,
        key,
        before: before.to_vec(),
        after,
    }
}

/// The clock of the command that closes the gate.
const START: u64 = 10_000;
/// How long the gate under test is made, in clocks; no other one is as long.
const LENGTH: u64 = 450;

fn cases() -> Vec<Case> {
    let (all, ref_all) = (Command::PrechargeAll, Command::RefreshAll);
    vec![
        case("tRCD", "t_rcd_ck", &[(START, activate(0))], read(0)),
        case("tRAS", "t_ras_ck", &[(START, activate(0))], precharge(0)),
        case("tRAS", "t_ras_ck", &[(START, activate(0))], all),
        case(
            "tRC",
            "t_rc_ck",
            &[(START, activate(0)), (START + 100, precharge(0))],
            activate(0),
        ),
        case(
            "tRC",
            "t_rc_ck",
            &[(START, activate(0)), (START + 100, precharge(0))],
            refresh(0),
        ),
        case(
            "tRC",
            "t_rc_ck",
            &[(START, activate(0)), (START + 100, precharge(0))],
            ref_all,
        ),
        case(
            "tRP",
            "t_rp_ck",
            &[(5000, activate(0)), (START, precharge(0))],
            activate(0),
        ),
        case(
            "tRP",
            "t_rp_ck",
            &[(5000, activate(0)), (START, precharge(0))],
            refresh(0),
        ),
        case("tRP", "t_rp_ck", &[(5000, activate(0)), (START, precharge(0))], ref_all),
        case("tRPab", "t_rp_ab_ck", &[(5000, activate(0)), (START, all)], activate(0)),
        case("tRPab", "t_rp_ab_ck", &[(5000, activate(0)), (START, all)], refresh(0)),
        case("tRPab", "t_rp_ab_ck", &[(5000, activate(0)), (START, all)], ref_all),
        case(
            "tRTP",
            "t_rtp_ck",
            &[(5000, activate(0)), (START, read(0))],
            precharge(0),
        ),
        case("tRTP", "t_rtp_ck", &[(5000, activate(0)), (START, read(0))], all),
        case(
            "tCCD_S",
            "t_ccd_s_ck",
            &[(5000, activate(0)), (6000, activate(4)), (START, read(0))],
            read(4),
        ),
        case(
            "tCCD_L",
            "t_ccd_l_ck",
            &[(5000, activate(0)), (6000, activate(1)), (START, read(0))],
            read(1),
        ),
        case("tRRD_S", "t_rrd_s_ck", &[(START, activate(0))], activate(4)),
        case("tRRD_S", "t_rrd_s_ck", &[(START, activate(0))], refresh(4)),
        case("tRRD_L", "t_rrd_l_ck", &[(START, activate(0))], activate(1)),
        case("tRFC", "t_rfc_ck", &[(START, ref_all)], activate(0)),
        case("tRFC", "t_rfc_ck", &[(START, ref_all)], ref_all),
        case("tRFC", "t_rfc_ck", &[(START, ref_all)], refresh(0)),
        case("tRFCpb", "t_rfc_pb_ck", &[(START, refresh(0))], activate(0)),
        case("tRFCpb", "t_rfc_pb_ck", &[(START, refresh(0))], refresh(0)),
        case("tRFCpb", "t_rfc_pb_ck", &[(START, refresh(0))], ref_all),
        case("tpbR2pbR", "t_pbr2pbr_ck", &[(START, refresh(0))], refresh(1)),
        case("tpbR2act", "t_pbr2act_ck", &[(START, refresh(0))], activate(1)),
        case(
            "tFAW",
            "t_faw_ck",
            &[
                (START, activate(0)),
                (START + 50, activate(4)),
                (START + 100, refresh(8)),
                (START + 150, activate(12)),
            ],
            activate(1),
        ),
        case(
            "pins for commands",
            "read_command_ck",
            &[(5000, activate(0)), (START, read(0))],
            activate(1),
        ),
        case(
            "pins for commands",
            "activate_command_ck",
            &[(5000, activate(0)), (START, activate(1))],
            read(0),
        ),
        case(
            "pins for commands",
            "precharge_command_ck",
            &[(5000, activate(1)), (START, all)],
            ref_all,
        ),
        case("pins for commands", "refresh_command_ck", &[(START, ref_all)], ref_all),
    ]
}

/// DDR4 with per-bank refresh added, so that one memory has every gate; one of them far longer than it is.
fn with_long(key: &str) -> seedlm_sim::dram::DramModel {
    let mut changes = vec![
        ("t_refi_ck", "10000"),
        ("t_rfc_ns", "100"),
        ("t_rfc_pb_ns", "90"),
        ("t_pbr2pbr_ns", "20"),
        ("t_pbr2act_ns", "10"),
    ];
    let length = LENGTH.to_string();
    // The longer of two that are ordered goes with it.
    match key {
        "t_ccd_s_ck" => changes.push(("t_ccd_l_ck", &length)),
        "t_rrd_s_ck" => changes.push(("t_rrd_l_ck", &length)),
        "t_rp_ck" => changes.push(("t_rp_ab_ck", &length)),
        _ => {}
    }
    changes.push((key, &length));
    model("ddr4-2400", &changes)
}

#[test]
fn every_gate_is_legal_at_t_and_illegal_one_clock_earlier() {
    for Case {
        gate,
        key,
        before,
        after,
    } in cases()
    {
        let model = with_long(key);
        let mut device = Device::new(&model);
        for &(clock, command) in &before {
            assert!(
                device.earliest(command).is_some_and(|earliest| earliest <= clock),
                "{gate}: {command:?}"
            );
            device.issue(command, clock);
        }
        assert_eq!(device.earliest(after), Some(START + LENGTH), "{gate}, {after:?}");
        let trace = |clock| [&before[..], &[(clock, after)]].concat();
        checker::check(&model, &trace(START + LENGTH)).unwrap();
        let error = checker::check(&model, &trace(START + LENGTH - 1)).unwrap_err();
        assert!(error.contains(gate), "{gate}: {error}");
    }
}

/// The burst itself, which no key but its length sets: 64 transfers, 32 clocks.
#[test]
fn a_burst_holds_the_data_pins() {
    let model = model("ddr4-2400", &[("burst_transfers", "64")]);
    let mut device = Device::new(&model);
    let before = [(100, activate(0)), (200, activate(4)), (300, read(0))];
    for (clock, command) in before {
        device.issue(command, clock);
    }
    assert_eq!(device.earliest(read(4)), Some(332));
    let trace = |clock| [&before[..], &[(clock, read(4))]].concat();
    checker::check(&model, &trace(332)).unwrap();
    assert!(checker::check(&model, &trace(331)).unwrap_err().contains("BL = 32"));
}

#[test]
fn no_gate_is_left_out() {
    let tested: BTreeSet<&str> = cases().iter().map(|case| case.gate).chain(["BL"]).collect();
    let model = with_long("t_rcd_ck");
    let there: BTreeSet<&str> = gates(model.timing(), model.organisation())
        .iter()
        .map(|gate| gate.name)
        .collect();
    let beyond: Vec<_> = tested.difference(&there).collect();
    assert_eq!(beyond, [&"pins for commands", &"tFAW"]);
    assert!(there.is_subset(&tested), "{there:?}");
    // Each pair of commands of each gate, too.
    let pairs = gates(model.timing(), model.organisation()).len();
    let tested_pairs = cases().len() + 1 - beyond.len() - 3;
    assert_eq!(tested_pairs, pairs, "a gate has no case of its own");
}

#[test]
fn rows_must_be_open_or_closed() {
    let model = with_long("t_rcd_ck");
    let mut device = Device::new(&model);
    assert_eq!(device.earliest(read(0)), None);
    assert_eq!(device.earliest(precharge(0)), None);
    device.issue(activate(0), 5);
    assert_eq!(device.earliest(activate(0)), None);
    assert_eq!(device.earliest(Command::RefreshAll), None);
    assert_eq!(device.earliest(refresh(0)), None);
    assert!(device.earliest(refresh(1)).is_some());
    for (command, rule) in [(read(1), "no row is open"), (Command::RefreshAll, "a row is open")] {
        let error = checker::check(&model, &[(5, activate(0)), (5000, command)]).unwrap_err();
        assert!(error.contains(rule), "{error}");
    }
}
