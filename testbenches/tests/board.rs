//! The boards' self-test at the pins: what the UART's line says, bit by bit, and what the lights show.

use seedlm_hdl::board::project::{BOARDS, Board};
use seedlm_hdl::board::self_test::Timing;
use seedlm_testbenches::rtl::Rtl;
use seedlm_verilator::{BuildOptions, Model, PortHandle, Verilator};

/// A board while it runs.
struct Running {
    model: Model,
    clock: PortHandle,
    line: PortHandle,
    cycles_per_bit: usize,
}

/// The pins of a board by what they are for.
struct Pins {
    clock: &'static str,
    button: &'static str,
    button_pressed: u64,
    line: &'static str,
}

fn pins(board: &Board) -> Pins {
    match board.name {
        "icebreaker" => Pins {
            clock: "CLK",
            button: "BTN_N",
            button_pressed: 0,
            line: "TX",
        },
        "ulx3s" => Pins {
            clock: "clk_25mhz",
            button: "fire1",
            button_pressed: 1,
            line: "ftdi_rxd",
        },
        other => panic!("{other}: which pins has it?"),
    }
}

/// The UART as on the board, and a pause that is shorter than a test.
fn timing(board: &Board) -> Timing {
    Timing {
        pause_cycles: 3000,
        ..board.timing()
    }
}

fn rtl(board: &Board, weights: &str) -> (Rtl, String) {
    let project = board.project(weights, timing(board)).unwrap();
    let crc = format!("{:08X}", project.expected.0);
    (Rtl { files: project.files }, crc)
}

impl Running {
    /// Builds the board's top. The button is not pressed: a board comes up by itself.
    fn start(board: &Board, rtl: &Rtl) -> Self {
        let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
        let design = rtl.design(board.name);
        let mut model = verilator
            .build(&design, &BuildOptions::default())
            .unwrap_or_else(|error| panic!("{}: {error}", board.name));
        let pins = pins(board);
        let port = |name: &str| {
            model
                .port(name)
                .unwrap_or_else(|error| panic!("{}: {error}", board.name))
        };
        let (clock, button, line) = (port(pins.clock), port(pins.button), port(pins.line));
        model.set(button, 1 - pins.button_pressed);
        // The top's own reset, before which the registers hold anything.
        for _ in 0..5 {
            model.posedge(clock);
        }
        Running {
            model,
            clock,
            line,
            cycles_per_bit: timing(board).cycles_per_bit,
        }
    }

    /// Presses the button for some cycles.
    fn press(&mut self, board: &Board) {
        let pins = pins(board);
        let button = self.model.port(pins.button).unwrap_or_else(|error| panic!("{error}"));
        for (level, cycles) in [(pins.button_pressed, 10), (1 - pins.button_pressed, 10)] {
            self.model.set(button, level);
            self.clock(cycles);
        }
    }

    fn clock(&mut self, cycles: usize) {
        for _ in 0..cycles {
            self.model.posedge(self.clock);
        }
    }

    /// What a pin shows.
    fn pin(&self, name: &str) -> u64 {
        let port = self.model.port(name).unwrap_or_else(|error| panic!("{error}"));
        self.model.get(port)
    }

    /// Waits for a start bit, and reads the byte behind it in the middle of each bit.
    fn byte(&mut self) -> u8 {
        let mut waited = 0;
        while self.model.get(self.line) == 1 {
            self.clock(1);
            waited += 1;
            assert!(waited < 100_000, "the line stays idle");
        }
        self.clock(self.cycles_per_bit / 2);
        assert_eq!(self.model.get(self.line), 0, "the start bit is as long as a bit");
        let mut byte = 0;
        for bit in 0..8 {
            self.clock(self.cycles_per_bit);
            byte |= (self.model.get(self.line) as u8) << bit;
        }
        self.clock(self.cycles_per_bit);
        assert_eq!(self.model.get(self.line), 1, "a byte ends with a 1");
        byte
    }

    /// A line with its end.
    fn line(&mut self) -> String {
        let mut bytes = Vec::new();
        while bytes.last() != Some(&b'\n') {
            bytes.push(self.byte());
            assert!(bytes.len() < 100, "no end of line: {bytes:?}");
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Whether the lights say that the test has passed, and that it has failed.
    fn lights(&self, board: &Board) -> (bool, bool) {
        match board.name {
            "icebreaker" => (self.pin("LEDG_N") == 0, self.pin("LEDR_N") == 0),
            _ => (self.pin("led") & 1 == 1, self.pin("led") & 2 == 2),
        }
    }

    /// The light that changes with every test.
    fn turn(&self, board: &Board) -> u64 {
        match board.name {
            "icebreaker" => self.pin("LED1"),
            _ => self.pin("led") >> 7,
        }
    }
}

#[test]
fn boards_regenerate_the_tensor_and_say_so() {
    for board in BOARDS {
        let (rtl, crc) = rtl(&board, "chained-4b");
        let mut running = Running::start(&board, &rtl);
        running.clock(10);
        assert_eq!(
            running.lights(&board),
            (false, false),
            "{}: before the first test",
            board.name
        );
        // The test begins anew by itself, from the state that the one before it has left.
        for turn in [1, 0, 1] {
            assert_eq!(
                running.line(),
                format!("SEEDLM chained-4b CRC {crc} PASS\r\n"),
                "{}",
                board.name
            );
            assert_eq!(running.lights(&board), (true, false), "{}", board.name);
            assert_eq!(running.turn(&board), turn, "{}", board.name);
        }
        // Pressed in the middle of a line, the button ends the line and the lights; then all is as in the beginning.
        running.clock(60_000);
        running.press(&board);
        assert_eq!(running.lights(&board), (false, false), "{}: the button", board.name);
        assert_eq!(running.model.get(running.line), 1, "{}: the line is idle", board.name);
        assert_eq!(
            running.line(),
            format!("SEEDLM chained-4b CRC {crc} PASS\r\n"),
            "{}",
            board.name
        );
    }
}

/// Words that straddle beats, and rows that do not end with one.
#[test]
fn another_code_passes_too() {
    let board = BOARDS[0];
    let (rtl, crc) = rtl(&board, "chained-3b");
    let mut running = Running::start(&board, &rtl);
    assert_eq!(running.line(), format!("SEEDLM chained-3b CRC {crc} PASS\r\n"));
}

/// A bit of the ROM is wrong on one board, and of the decoder on the other: the checksum is another, and lights and line say so.
#[test]
fn a_fault_is_shown() {
    let tensor_fault = |rtl: &mut Rtl| {
        let file = rtl
            .files
            .iter_mut()
            .find(|file| file.name == "seedlm_self_test.v")
            .unwrap();
        let start = file
            .text
            .find("8'h64: rom = 65'h")
            .expect("the ROM has a hundredth beat");
        let digit = start + file.text[start..].find(';').unwrap() - 1;
        let changed = if &file.text[digit..=digit] == "0" { "1" } else { "0" };
        file.text.replace_range(digit..=digit, changed);
    };
    let decoder_fault = |rtl: &mut Rtl| {
        let from = "weight_3_sum_of_2 <= {1'b0, weight_3_field_0}";
        rtl.replace(
            "seedlm_decode_lane",
            from,
            "weight_3_sum_of_2 <= {1'b1, weight_3_field_0}",
        );
    };
    let faults: [&dyn Fn(&mut Rtl); 2] = [&tensor_fault, &decoder_fault];
    for (board, fault) in BOARDS.iter().zip(faults) {
        let (mut rtl, crc) = rtl(board, "chained-4b");
        fault(&mut rtl);
        let mut running = Running::start(board, &rtl);
        let line = running.line();
        let is_failure = line.starts_with("SEEDLM chained-4b CRC ") && line.ends_with(" FAIL\r\n");
        assert!(is_failure && !line.contains(&crc), "{}: {line}", board.name);
        assert_eq!(running.lights(board), (false, true), "{}", board.name);
    }
}
