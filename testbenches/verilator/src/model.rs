//! A model that tests drive: ports, time and waves.

use crate::error::VerilatorError;
use crate::handle::PortHandle;
use crate::library::LoadedLibrary;
use crate::ports::{Direction, Port};
use std::ffi::CString;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// One instance of a design. It may move to another thread.
///
/// # Time
///
/// A cycle is: set the inputs, [`eval`](Self::eval) if outputs that follow from them at once are of interest, then
/// [`posedge`](Self::posedge). Between cycles the clock is 0, and outputs show the registers of the new cycle together
/// with the inputs of the old one.
///
/// # Values
///
/// A value that does not fit its port, a value for an output, and a handle from another design are mistakes in the test;
/// they panic with the name of the port. Bytes and words are ordered from the least significant on.
pub struct Model {
    pub(crate) library: LoadedLibrary,
    ports: Vec<Port>,
    build: u64,
    was_built: bool,
    /// Whether the model knows of every input that was set.
    pub(crate) is_settled: bool,
}

impl Model {
    pub(crate) fn load(path: &Path, was_built: bool) -> Result<Self, VerilatorError> {
        let (library, ports) = LoadedLibrary::load(path)?;
        let mut hasher = DefaultHasher::new();
        path.file_name().hash(&mut hasher);
        let build = hasher.finish();
        let mut model = Self {
            library,
            ports,
            build,
            was_built,
            is_settled: false,
        };
        model.clear_inputs();
        // Outputs are readable from the start, and `initial` blocks have run.
        model.eval();
        Ok(model)
    }

    /// A library gives inputs random values too, even a clock.
    fn clear_inputs(&mut self) {
        for (index, port) in self.ports.iter().enumerate() {
            if port.direction == Direction::Input {
                (0..port.width_bits.div_ceil(32)).for_each(|word| self.library.write_word(index, word, 0));
            }
        }
    }

    /// Whether this call of [`crate::Verilator::build`] had to build, or found the model built.
    pub fn was_built(&self) -> bool {
        self.was_built
    }

    /// All ports of the top module.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// The port of that name.
    pub fn port(&self, name: &str) -> Result<PortHandle, VerilatorError> {
        let index = self.ports.iter().position(|port| port.name == name);
        let index = index.ok_or_else(|| VerilatorError::UnknownPort {
            name: name.to_string(),
            known: self.ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", "),
        })?;
        Ok(PortHandle {
            index: index as u32,
            width_bits: self.ports[index].width_bits as u32,
            build: self.build,
        })
    }

    /// The port of that name, which must have this width and direction.
    pub fn port_like(&self, expected: &Port) -> Result<PortHandle, VerilatorError> {
        let handle = self.port(&expected.name)?;
        let found = self.checked(handle);
        if found != expected {
            return Err(VerilatorError::OtherPort {
                found: found.to_string(),
                expected: expected.to_string(),
            });
        }
        Ok(handle)
    }

    /// Settles everything that follows from the inputs. A clock set by hand makes its edge here.
    pub fn eval(&mut self) {
        self.library.eval();
        self.is_settled = true;
    }

    /// One cycle: the inputs settle, the clock rises, registers take their new values, the clock falls.
    ///
    /// The other inputs stay the same all the while; open waves show them change at the falling edge before.
    #[track_caller]
    pub fn posedge(&mut self, clock: PortHandle) {
        let declared = self.checked(clock);
        let is_clock = declared.direction == Direction::Input && clock.width_bits == 1;
        assert!(is_clock, "{declared} cannot be a clock");
        assert!(
            self.get(clock) == 0,
            "{declared} was left at 1 by hand, so it cannot rise"
        );
        if !self.is_settled {
            self.eval();
        }
        self.library.posedge(clock.index as usize);
    }

    /// Starts to write a VCD file; every [`posedge`](Self::posedge) adds a cycle of 10 ns. A file already open is closed.
    pub fn open_waves(&mut self, path: impl AsRef<Path>) -> Result<(), VerilatorError> {
        let path = path.as_ref();
        let refuse = |reason| VerilatorError::Waves {
            path: path.to_path_buf(),
            reason,
        };
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| refuse("its name has a zero byte"))?;
        if !self.library.has_waves() {
            return Err(refuse("the model was built without BuildOptions::waves"));
        }
        match self.library.open_waves(&name) {
            true => Ok(()),
            false => Err(refuse("the file cannot be created")),
        }
    }

    /// Completes the file. Dropping the model does so too.
    pub fn close_waves(&mut self) {
        self.library.close_waves();
    }

    #[track_caller]
    pub(crate) fn checked(&self, port: PortHandle) -> &Port {
        assert!(
            port.build == self.build,
            "the handle belongs to a model of another design"
        );
        &self.ports[port.index as usize]
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter
            .debug_struct("Model")
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}
