use super::*;

fn control() -> Control {
    let format = WeightFormat::named("paper-4b").unwrap();
    Control::new(&DatapathConfig::reference(&format), &format)
}

fn clock(control: &mut Control, s_axil: AxiLiteInputs) -> AxiLiteOutputs {
    control.clock(ControlInputs {
        s_axil,
        ..ControlInputs::default()
    });
    control.outputs().s_axil
}

/// Lets sequence and activation buffer take the matrix that waits.
fn take(control: &mut Control) {
    control.clock(ControlInputs {
        run_ready: true,
        load_ready: true,
        ..ControlInputs::default()
    });
}

fn end_product(control: &mut Control) {
    control.clock(ControlInputs {
        results_done: true,
        ..ControlInputs::default()
    });
}

/// `STATUS` with so many products under way.
fn status(under_way: u32, others: u32) -> u32 {
    let busy = if under_way > 0 { STATUS_BUSY } else { 0 };
    under_way << STATUS_UNDER_WAY_BIT | busy | others
}

/// Writes with address and data in the same cycle, and returns the response.
fn write(control: &mut Control, awaddr: u8, wdata: u32, wstrb: u8) -> u8 {
    let offered = AxiLiteInputs {
        awaddr,
        awvalid: true,
        wdata,
        wstrb,
        wvalid: true,
        bready: true,
        ..AxiLiteInputs::default()
    };
    assert!(!clock(control, offered).bvalid);
    let answered = clock(control, AxiLiteInputs::default());
    assert!(answered.bvalid);
    let bready = AxiLiteInputs {
        bready: true,
        ..AxiLiteInputs::default()
    };
    assert!(!clock(control, bready).bvalid);
    answered.bresp
}

/// Reads, and returns data and response.
fn read(control: &mut Control, araddr: u8) -> (u32, u8) {
    let asked = AxiLiteInputs {
        araddr,
        arvalid: true,
        ..AxiLiteInputs::default()
    };
    let answered = clock(control, asked);
    assert!(answered.rvalid && !answered.arready);
    let rready = AxiLiteInputs {
        rready: true,
        ..AxiLiteInputs::default()
    };
    assert!(!clock(control, rready).rvalid);
    (answered.rdata, answered.rresp)
}

const TILES: u8 = TILES_ADDRESS as u8;
const STEPS: u8 = STEPS_ADDRESS as u8;
const CONTROL: u8 = CONTROL_ADDRESS as u8;
const STATUS: u8 = STATUS_ADDRESS as u8;
const CYCLES: u8 = CYCLES_ADDRESS as u8;

#[test]
fn every_address_reads_as_documented() {
    let mut control = control();
    let format = WeightFormat::named("paper-4b").unwrap();
    let constants = constant_registers(&DatapathConfig::reference(&format), &format);
    for address in 0..=255_u8 {
        let word = u32::from(address & !3);
        let expected = match constants.iter().find(|register| register.address == word) {
            Some(register) => (register.value, RESPONSE_OKAY),
            None if (CONTROL_ADDRESS..=CYCLES_ADDRESS).contains(&word) => (0, RESPONSE_OKAY),
            None => (0, RESPONSE_SLAVE_ERROR),
        };
        assert_eq!(read(&mut control, address), expected, "{address:#x}");
    }
}

#[test]
fn strobes_choose_bytes_and_only_two_registers_can_be_written() {
    let mut control = control();
    assert_eq!(write(&mut control, TILES, 0x1122_3344, 0b1111), RESPONSE_OKAY);
    assert_eq!(write(&mut control, TILES + 3, 0xaabb_ccdd, 0b0101), RESPONSE_OKAY);
    assert_eq!(write(&mut control, STEPS, 77, 0b1111), RESPONSE_OKAY);
    assert_eq!(write(&mut control, CONTROL, 2, 0b1111), RESPONSE_OKAY);
    assert_eq!(write(&mut control, CONTROL, 1, 0b1110), RESPONSE_OKAY);
    for address in [0, 0x28, 0x2c, STATUS, CYCLES, 0x54, 0xfc] {
        assert_eq!(
            write(&mut control, address, 9, 0b1111),
            RESPONSE_SLAVE_ERROR,
            "{address:#x}"
        );
    }
    assert_eq!(read(&mut control, TILES), (0x11bb_33dd, RESPONSE_OKAY));
    assert_eq!(read(&mut control, STEPS), (77, RESPONSE_OKAY));
    assert_eq!(read(&mut control, STATUS), (0, RESPONSE_OKAY));
}

#[test]
fn illegal_starts_are_refused() {
    let mut control = control();
    let try_start = |control: &mut Control, tiles, steps| {
        write(control, TILES, tiles, 0b1111);
        write(control, STEPS, steps, 0b1111);
        write(control, CONTROL, 1, 0b0001)
    };
    for (tiles, steps) in [(0, 1), (1, 0), (1, 2049)] {
        assert_eq!(try_start(&mut control, tiles, steps), RESPONSE_SLAVE_ERROR);
        assert_eq!(read(&mut control, STATUS).0, 0);
    }
    assert_eq!(try_start(&mut control, 1, 2048), RESPONSE_OKAY);
    assert_eq!(read(&mut control, STATUS).0, status(1, STATUS_FULL));
    assert_eq!(try_start(&mut control, 1, 1), RESPONSE_SLAVE_ERROR);
    assert_eq!(read(&mut control, STATUS).0, status(1, STATUS_FULL));
}

#[test]
fn a_start_waits_until_it_is_taken_and_cycles_are_counted_to_the_last_result() {
    let mut control = control();
    write(&mut control, TILES, 3, 0b1111);
    write(&mut control, STEPS, 4, 0b1111);
    for round in 0..2 {
        let offered = AxiLiteInputs {
            awaddr: CONTROL,
            awvalid: true,
            wdata: 1,
            wstrb: 1,
            wvalid: true,
            bready: true,
            ..AxiLiteInputs::default()
        };
        clock(&mut control, offered);
        assert!(!control.outputs().run_valid && !control.outputs().load_valid);
        let idle = AxiLiteInputs {
            bready: true,
            ..AxiLiteInputs::default()
        };
        clock(&mut control, idle);
        let outputs = control.outputs();
        assert_eq!(
            (outputs.run_valid, outputs.load_valid, outputs.tiles, outputs.steps),
            (true, true, 3, 4)
        );
        control.clock(ControlInputs {
            s_axil: idle,
            run_ready: true,
            load_ready: round == 0,
            ..ControlInputs::default()
        });
        let cycles = 10 + round;
        for cycle in 1..=cycles {
            assert!(!control.outputs().run_valid);
            assert_eq!(control.outputs().load_valid, round == 1);
            control.clock(ControlInputs {
                s_axil: idle,
                results_done: cycle == cycles,
                ..ControlInputs::default()
            });
        }
        let full = if round == 0 { 0 } else { STATUS_FULL };
        assert_eq!(read(&mut control, STATUS).0, STATUS_DONE | full);
        assert_eq!(read(&mut control, CYCLES).0, cycles);
        assert_eq!(write(&mut control, CONTROL, 0, 0b1111), RESPONSE_OKAY);
    }
}

/// A second start waits behind the product that runs, a third one is refused, and cycles go on to the end of the second.
#[test]
fn products_follow_each_other() {
    let mut control = control();
    write(&mut control, TILES, 3, 15);
    write(&mut control, STEPS, 4, 15);
    assert_eq!(write(&mut control, CONTROL, 1, 15), RESPONSE_OKAY);
    take(&mut control);
    let before = read(&mut control, CYCLES).0;
    assert_eq!(write(&mut control, STEPS, 5, 15), RESPONSE_OKAY);
    assert_eq!(write(&mut control, CONTROL, 1, 15), RESPONSE_OKAY);
    assert_eq!(read(&mut control, STATUS).0, status(2, STATUS_FULL));
    assert_eq!(write(&mut control, CONTROL, 1, 15), RESPONSE_SLAVE_ERROR);
    end_product(&mut control);
    assert_eq!(read(&mut control, STATUS).0, status(1, STATUS_FULL | STATUS_DONE));
    take(&mut control);
    assert_eq!(read(&mut control, STATUS).0, status(1, STATUS_DONE));
    assert_eq!(write(&mut control, CONTROL, 1, 15), RESPONSE_OKAY);
    assert_eq!(read(&mut control, STATUS).0, status(2, STATUS_FULL));
    take(&mut control);
    end_product(&mut control);
    end_product(&mut control);
    assert_eq!(read(&mut control, STATUS).0, STATUS_DONE);
    // Clocks from the read above on: 2 for a read, 3 for a write, 1 for all else.
    let clocks = 2 + 3 + 3 + 2 + 3 + 1 + 2 + 1 + 2 + 3 + 2 + 1 + 1 + 1;
    assert_eq!(read(&mut control, CYCLES).0, before + clocks);
}

#[test]
fn address_and_data_may_come_in_any_order_and_responses_wait() {
    let mut control = control();
    let address = AxiLiteInputs {
        awaddr: TILES,
        awvalid: true,
        ..AxiLiteInputs::default()
    };
    let data = AxiLiteInputs {
        wdata: 5,
        wstrb: 15,
        wvalid: true,
        ..AxiLiteInputs::default()
    };
    for (first, second) in [(address, data), (data, address)] {
        clock(&mut control, first);
        clock(&mut control, AxiLiteInputs::default());
        clock(&mut control, second);
        for _ in 0..3 {
            assert!(clock(&mut control, AxiLiteInputs::default()).bvalid);
        }
        // The next write is taken while the response waits, and executed only behind it.
        clock(&mut control, AxiLiteInputs { wdata: 6, ..data });
        let outputs = clock(&mut control, address);
        assert!(outputs.bvalid && !outputs.awready && !outputs.wready);
        assert_eq!(control.outputs().tiles, 5);
        let bready = AxiLiteInputs {
            bready: true,
            ..AxiLiteInputs::default()
        };
        assert!(!clock(&mut control, bready).bvalid);
        assert!(clock(&mut control, AxiLiteInputs::default()).bvalid);
        assert_eq!(control.outputs().tiles, 6);
        clock(&mut control, bready);
    }
}

#[test]
fn the_size_of_a_matrix_stays_while_it_waits() {
    let mut control = control();
    assert_eq!(write(&mut control, TILES, 2, 15), RESPONSE_OKAY);
    assert_eq!(write(&mut control, STEPS, 3, 15), RESPONSE_OKAY);
    assert_eq!(write(&mut control, CONTROL, 1, 15), RESPONSE_OKAY);
    assert_eq!(write(&mut control, TILES, 7, 15), RESPONSE_SLAVE_ERROR);
    assert_eq!(write(&mut control, STEPS, 7, 15), RESPONSE_SLAVE_ERROR);
    assert_eq!((read(&mut control, TILES).0, read(&mut control, STEPS).0), (2, 3));
    take(&mut control);
    assert_eq!(write(&mut control, TILES, 7, 15), RESPONSE_OKAY);
}
