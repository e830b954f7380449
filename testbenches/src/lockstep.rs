//! Clocks a unit of the simulator and its Verilog side by side, and compares every output in every cycle.

use crate::bits::{bit, hexadecimal};
use crate::rtl::Rtl;
use crate::stimulus::{Pattern, Stimulus};
use rand::RngExt;
use seedlm_verilator::{BuildOptions, Direction, Model, PortHandle, Verilator};
use std::fmt;
use std::path::{Path, PathBuf};

/// Values of ports by name, lowest byte first.
pub type Ports<T> = Vec<(&'static str, T)>;

/// A unit of the simulator with what drives it.
pub trait Bench {
    /// Name of the Verilog module.
    fn module(&self) -> &'static str;

    /// Chooses the inputs of this cycle, all but `clk` and `rst`.
    fn choose(&mut self, stimulus: &mut Stimulus) -> Ports<Vec<u8>>;

    /// What every output must show in this cycle; `None` where it means nothing because its `valid` is low.
    fn expected(&self) -> Ports<Option<Vec<u8>>>;

    /// The clock edge, with the inputs chosen.
    fn clock(&mut self);

    /// The clock edge while `rst` is high.
    fn reset(&mut self);

    /// Whether a reset may come in this cycle. A bench that is in the middle of something long may want to get to its end.
    fn may_reset(&self) -> bool {
        true
    }

    /// How much the run has checked so far, in units of the bench (words, groups, results).
    fn checked(&self) -> u64;
}

/// A difference between unit and Verilog.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// The module.
    pub module: String,
    /// What disturbed its links.
    pub pattern: Pattern,
    /// Cycle, counted from the end of the first reset.
    pub cycle: u64,
    /// The port.
    pub port: String,
    /// What the simulator's unit shows, hexadecimal.
    pub expected: String,
    /// What the Verilog shows.
    pub got: String,
    /// Waves of the last cycles, where they were asked for.
    pub waves: Option<PathBuf>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {:?}, cycle {}, port {}: expected {}, got {}",
            self.module, self.pattern, self.cycle, self.port, self.expected, self.got
        )?;
        match &self.waves {
            Some(path) => write!(f, "; waves of the last cycles: {}", path.display()),
            None => Ok(()),
        }
    }
}

/// How long to run.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Cycles at least.
    pub cycles: u64,
    /// What [`Bench::checked`] must reach.
    pub checked: u64,
}

/// Cycles of waves before a difference.
const CYCLES_OF_WAVES: u64 = 64;

/// Seed of every run: a difference that has been seen once is seen again.
const SEED: u64 = 1;

/// One cycle in so many is a reset.
const CYCLES_PER_RESET: u32 = 1500;

/// Runs a bench against a module. Returns the number of cycles compared.
///
/// # Errors
/// The first difference, with waves of the cycles before it.
///
/// # Panics
/// When the module cannot be built, or the bench leaves out a port.
pub fn run(
    make: &dyn Fn() -> Box<dyn Bench>,
    rtl: &Rtl,
    verilator: &Verilator,
    pattern: Pattern,
    length: Length,
) -> Result<u64, Box<Mismatch>> {
    compare(&mut *make(), rtl, verilator, pattern, length, None).map_err(|mut mismatch| {
        // The run is repeated, cycle for cycle, on a model that writes waves.
        let file = tempfile::Builder::new()
            .prefix(&format!("seedlm-{}-{pattern:?}-", mismatch.module))
            .suffix(".vcd")
            .tempfile()
            .expect("a temporary file can be made")
            .into_temp_path();
        let from = mismatch.cycle.saturating_sub(CYCLES_OF_WAVES);
        let again = compare(&mut *make(), rtl, verilator, pattern, length, Some((&file, from)));
        // Whoever reads of the difference will want to look at them.
        mismatch.waves = again.is_err().then(|| file.keep().expect("the file can be kept"));
        mismatch
    })
}

/// Whether a module differs from its unit; no waves are written.
pub fn differs(
    make: &dyn Fn() -> Box<dyn Bench>,
    rtl: &Rtl,
    verilator: &Verilator,
    pattern: Pattern,
    length: Length,
) -> Option<Box<Mismatch>> {
    compare(&mut *make(), rtl, verilator, pattern, length, None).err()
}

fn compare(
    bench: &mut dyn Bench,
    rtl: &Rtl,
    verilator: &Verilator,
    pattern: Pattern,
    length: Length,
    waves: Option<(&Path, u64)>,
) -> Result<u64, Box<Mismatch>> {
    let module = bench.module();
    let options = BuildOptions {
        waves: waves.is_some(),
        ..BuildOptions::default()
    };
    let model = rtl
        .build(verilator, module, &options)
        .unwrap_or_else(|error| panic!("{module}: {error}"));
    let mut dut = Dut::new(model, module);
    let mut stimulus = Stimulus::new(pattern, SEED);
    for _ in 0..2 {
        let inputs = bench.choose(&mut stimulus);
        dut.cycle(&inputs, true);
        bench.reset();
    }
    let mut cycle = 0;
    while cycle < length.cycles || bench.checked() < length.checked {
        if let Some((path, from)) = waves
            && cycle == from
        {
            dut.model.open_waves(path).expect("the wave file can be written");
        }
        stimulus.next_cycle();
        let inputs = bench.choose(&mut stimulus);
        let reset = stimulus.random.random_range(0..CYCLES_PER_RESET) == 0 && bench.may_reset();
        dut.set(&inputs, reset);
        if let Some((port, expected, got)) = dut.difference(&bench.expected()) {
            dut.model.posedge(dut.clk);
            return Err(Box::new(Mismatch {
                module: module.into(),
                pattern,
                cycle,
                port,
                expected,
                got,
                waves: None,
            }));
        }
        dut.model.posedge(dut.clk);
        if reset {
            bench.reset();
        } else {
            bench.clock();
        }
        cycle += 1;
        assert!(
            cycle < length.cycles + 4_000_000,
            "{module}, {pattern:?}: {} of {} checked, and nothing more comes",
            bench.checked(),
            length.checked
        );
    }
    Ok(cycle)
}

/// The Verilog under test.
struct Dut {
    model: Model,
    module: &'static str,
    clk: PortHandle,
    rst: PortHandle,
    inputs: NamedPorts,
    outputs: NamedPorts,
}

impl Dut {
    fn new(model: Model, module: &'static str) -> Self {
        let handle = |name: &str| model.port(name).unwrap_or_else(|error| panic!("{module}: {error}"));
        Dut {
            clk: handle("clk"),
            rst: handle("rst"),
            model,
            module,
            inputs: NamedPorts::default(),
            outputs: NamedPorts::default(),
        }
    }

    /// Sets all inputs, and fails when one is left out.
    fn set(&mut self, inputs: &Ports<Vec<u8>>, reset: bool) {
        self.inputs.find(inputs, &self.model, Direction::Input, self.module);
        for (&handle, (_, value)) in self.inputs.handles.iter().zip(inputs) {
            self.model.set_bytes(handle, value);
        }
        self.model.set_bytes(self.rst, &bit(reset));
        self.model.eval();
    }

    fn cycle(&mut self, inputs: &Ports<Vec<u8>>, reset: bool) {
        self.set(inputs, reset);
        self.model.posedge(self.clk);
    }

    /// The first output that is not as expected: its name, and both values. Fails when an output is left out.
    fn difference(&mut self, expected: &Ports<Option<Vec<u8>>>) -> Option<(String, String, String)> {
        self.outputs.find(expected, &self.model, Direction::Output, self.module);
        for (&handle, (name, value)) in self.outputs.handles.iter().zip(expected) {
            let Some(value) = value else { continue };
            let mut got = vec![0; handle.byte_count()];
            self.model.get_bytes(handle, &mut got);
            if got != *value {
                return Some((name.to_string(), hexadecimal(value), hexadecimal(&got)));
            }
        }
        None
    }
}

/// The ports of one direction, `clk` and `rst` left out, in the order in which the bench names them.
#[derive(Default)]
struct NamedPorts {
    names: Vec<&'static str>,
    handles: Vec<PortHandle>,
}

impl NamedPorts {
    /// Takes over the bench's order. Unless it has changed since the cycle before, there is nothing to do.
    fn find<T>(&mut self, ports: &Ports<T>, model: &Model, direction: Direction, module: &str) {
        if !self.names.is_empty() && ports.iter().map(|(name, _)| *name).eq(self.names.iter().copied()) {
            return;
        }
        self.names = ports.iter().map(|(name, _)| *name).collect();
        let mut named = self.names.clone();
        named.sort_unstable();
        let mut there: Vec<&str> = model
            .ports()
            .iter()
            .filter(|port| port.direction == direction && port.name != "clk" && port.name != "rst")
            .map(|port| port.name.as_str())
            .collect();
        there.sort_unstable();
        assert_eq!(named, there, "{module}: what the bench names, and what the module has");
        let handle = |name: &&str| model.port(name).expect("the module has this port");
        self.handles = self.names.iter().map(handle).collect();
    }
}
