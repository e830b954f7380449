//! Waves of the machine's links as a VCD file, for GTKWave and Surfer.

use std::collections::BTreeMap;
use std::io::{self, Write};
use vcd::{IdCode, SimulationCommand, TimescaleUnit, Value, VarType};

/// One signal in one cycle.
struct Sample {
    unit: &'static str,
    name: String,
    bits: Vec<Value>,
}

/// Collects the signals of one cycle, unit by unit.
#[derive(Default)]
pub struct Probe {
    unit: &'static str,
    samples: Vec<Sample>,
}

impl Probe {
    /// The signals that follow belong to this unit.
    pub fn unit(&mut self, unit: &'static str) {
        self.unit = unit;
    }

    fn push(&mut self, name: String, bits: Vec<Value>) {
        self.samples.push(Sample {
            unit: self.unit,
            name,
            bits,
        });
    }

    /// A single bit.
    pub fn bit(&mut self, name: &str, value: bool) {
        self.push(name.into(), vec![value.into()]);
    }

    /// A handshake: `<prefix>valid` and `<prefix>ready`. The prefix ends in `_t` for a stream, in the channel for AXI.
    pub fn link(&mut self, prefix: &str, valid: bool, ready: bool) {
        self.bit(&format!("{prefix}valid"), valid);
        self.bit(&format!("{prefix}ready"), ready);
    }

    /// The low `width` bits of a number.
    pub fn number(&mut self, name: &str, width: u32, value: u64) {
        self.push(
            name.into(),
            (0..width).rev().map(|bit| (value >> bit & 1 == 1).into()).collect(),
        );
    }

    /// A vector of `length` bytes, lowest first; unknown when there are none.
    pub fn bytes(&mut self, name: &str, bytes: Option<&[u8]>, length: usize) {
        let bit = |index: usize| match bytes {
            Some(bytes) => Value::from(bytes[index / 8] >> (index % 8) & 1 == 1),
            None => Value::X,
        };
        self.push(name.into(), (0..8 * length).rev().map(bit).collect());
    }
}

/// A wave file that is being written: a clock, and every signal when it changes.
pub struct Waves {
    writer: vcd::Writer<Box<dyn Write>>,
    period_ps: u64,
    clock: Option<IdCode>,
    signals: BTreeMap<(&'static str, String), (IdCode, Vec<Value>)>,
}

impl Waves {
    /// Starts a file with a clock of that frequency.
    pub fn new(output: Box<dyn Write>, clock_mhz: f64) -> Self {
        Waves {
            writer: vcd::Writer::new(output),
            period_ps: (1e6 / clock_mhz).round().max(2.0) as u64,
            clock: None,
            signals: BTreeMap::new(),
        }
    }

    /// Writes the signals of a cycle. The first call declares them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn sample(&mut self, cycle: u64, show: impl FnOnce(&mut Probe)) -> io::Result<()> {
        let mut probe = Probe::default();
        show(&mut probe);
        let clock = match self.clock {
            Some(clock) => clock,
            None => self.declare(&probe)?,
        };
        let start = cycle * self.period_ps;
        self.writer.timestamp(start)?;
        self.writer.change_scalar(clock, true)?;
        for sample in probe.samples {
            let (id, last) = self
                .signals
                .get_mut(&(sample.unit, sample.name))
                .expect("every cycle shows the signals of the first");
            if *last != sample.bits {
                if sample.bits.len() == 1 {
                    self.writer.change_scalar(*id, sample.bits[0])?;
                } else {
                    self.writer.change_vector(*id, sample.bits.iter().copied())?;
                }
                *last = sample.bits;
            }
        }
        self.writer.timestamp(start + self.period_ps / 2)?;
        self.writer.change_scalar(clock, false)
    }

    fn declare(&mut self, probe: &Probe) -> io::Result<IdCode> {
        self.writer
            .comment(&format!("seedlm-sim {}", env!("CARGO_PKG_VERSION")))?;
        self.writer.timescale(1, TimescaleUnit::PS)?;
        self.writer.add_module("machine")?;
        let clock = self.writer.add_var(VarType::Wire, 1, "clk", None)?;
        self.clock = Some(clock);
        let mut unit = "";
        for sample in &probe.samples {
            if sample.unit != unit {
                if !unit.is_empty() {
                    self.writer.upscope()?;
                }
                self.writer.add_module(sample.unit)?;
                unit = sample.unit;
            }
            let id = self
                .writer
                .add_var(VarType::Wire, sample.bits.len() as u32, &sample.name, None)?;
            // An empty last value differs from any sample, so the first cycle writes all of them.
            self.signals
                .insert((sample.unit, sample.name.clone()), (id, Vec::new()));
        }
        self.writer.upscope()?;
        self.writer.upscope()?;
        self.writer.enddefinitions()?;
        self.writer.begin(SimulationCommand::Dumpvars)?;
        self.writer.change_scalar(clock, false)?;
        self.writer.end()?;
        Ok(clock)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
