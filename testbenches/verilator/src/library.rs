//! The loaded library of a model: the only file with `unsafe`. `shim.cpp` is the other side.

use crate::error::VerilatorError;
use crate::ports::{self, Port};
use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::NonNull;

/// How Verilator stores a value, by its width.
#[derive(Clone, Copy)]
enum Storage {
    Bits8(NonNull<u8>),
    Bits16(NonNull<u16>),
    Bits32(NonNull<u32>),
    Bits64(NonNull<u64>),
    /// So many 32-bit words, least significant first.
    Words(NonNull<u32>, usize),
}

type Instance = *mut c_void;
type Call = unsafe extern "C" fn(Instance);

/// An instance of a design, and the functions of its library.
///
/// Every value in `storage` points into the instance, which lives until this is dropped.
pub(crate) struct LoadedLibrary {
    instance: Instance,
    storage: Vec<Storage>,
    eval: Call,
    posedge: unsafe extern "C" fn(Instance, *mut u8),
    open_waves: unsafe extern "C" fn(Instance, *const c_char) -> bool,
    close_waves: Call,
    delete: Call,
    has_waves: bool,
    // Last, because fields are dropped in order: nothing above may outlive the code.
    _library: Library,
}

// SAFETY: an instance has its own context, nothing but this value refers to it, and no method keeps anything for the
// thread that calls it. What Verilator's runtime keeps for all instances of a library is behind its own locks.
unsafe impl Send for LoadedLibrary {}

impl LoadedLibrary {
    /// Loads a library that `compile.rs` has built, and makes an instance of its design.
    pub(crate) fn load(path: &Path) -> Result<(Self, Vec<Port>), VerilatorError> {
        let refuse = |reason: String| VerilatorError::Library {
            path: path.to_path_buf(),
            reason,
        };
        // SAFETY: the file comes from the cache, which only we fill; its initialisers are those of Verilator's runtime.
        // The types of the symbols are those of `shim.cpp`, whose text is part of the file's name.
        unsafe {
            let library = Library::new(path).map_err(|error| refuse(error.to_string()))?;
            macro_rules! function {
                ($name:literal as $type:ty) => {
                    *library
                        .get::<$type>($name)
                        .map_err(|error| refuse(error.to_string()))?
                };
            }
            let list = function!(b"seedlm_ports" as unsafe extern "C" fn() -> *const c_char);
            let new = function!(b"seedlm_new" as unsafe extern "C" fn() -> Instance);
            let port = function!(b"seedlm_port" as unsafe extern "C" fn(Instance, u32, *mut usize) -> *mut c_void);
            let text = CStr::from_ptr(list()).to_string_lossy();
            let ports = ports::from_text(&text).ok_or_else(|| refuse(format!("its list of ports is {text:?}")))?;
            // The instance belongs to `loaded` from the start, so that every return below deletes it.
            let mut loaded = Self {
                storage: Vec::with_capacity(ports.len()),
                eval: function!(b"seedlm_eval" as Call),
                posedge: function!(b"seedlm_posedge" as unsafe extern "C" fn(Instance, *mut u8)),
                open_waves: function!(b"seedlm_open_waves" as unsafe extern "C" fn(Instance, *const c_char) -> bool),
                close_waves: function!(b"seedlm_close_waves" as Call),
                delete: function!(b"seedlm_delete" as Call),
                has_waves: function!(b"seedlm_has_waves" as unsafe extern "C" fn() -> bool)(),
                instance: new(),
                _library: library,
            };
            for (index, declared) in ports.iter().enumerate() {
                let mut size = 0;
                let address = port(loaded.instance, index as u32, &mut size);
                let storage = Storage::of(address, size, declared.width_bits)
                    .ok_or_else(|| refuse(format!("it keeps {declared} in {size} bytes")))?;
                loaded.storage.push(storage);
            }
            Ok((loaded, ports))
        }
    }

    /// Settles everything that follows from the inputs.
    pub(crate) fn eval(&mut self) {
        // SAFETY: the instance lives, and `&mut self` keeps others away.
        unsafe { (self.eval)(self.instance) }
    }

    /// One cycle of the clock at `port`, which must be a port of one bit.
    pub(crate) fn posedge(&mut self, port: usize) {
        let Storage::Bits8(clock) = self.storage[port] else {
            panic!("a clock has one bit");
        };
        // SAFETY: as in `eval`; the pointer is one into the instance.
        unsafe { (self.posedge)(self.instance, clock.as_ptr()) }
    }

    /// Sets 32 bits of a port's value. Bits beyond its width must be 0, since Verilator relies on that.
    pub(crate) fn write_word(&mut self, port: usize, index: usize, word: u32) {
        let storage = self.storage[port];
        assert!(index < storage.words(), "word {index} of {}", storage.words());
        // SAFETY: the pointer leads into the living instance, has the size that `Storage::of` has compared, and the index
        // is within it.
        unsafe {
            match storage {
                Storage::Bits8(value) => value.write(word as u8),
                Storage::Bits16(value) => value.write(word as u16),
                Storage::Bits32(value) => value.write(word),
                Storage::Bits64(value) => {
                    let shift = 32 * index;
                    value.write(value.read() & !(0xffff_ffff << shift) | u64::from(word) << shift);
                }
                Storage::Words(first, _) => first.add(index).write(word),
            }
        }
    }

    /// Reads 32 bits of a port's value.
    pub(crate) fn read_word(&self, port: usize, index: usize) -> u32 {
        let storage = self.storage[port];
        assert!(index < storage.words(), "word {index} of {}", storage.words());
        // SAFETY: as in `write_word`.
        unsafe {
            match storage {
                Storage::Bits8(value) => u32::from(value.read()),
                Storage::Bits16(value) => u32::from(value.read()),
                Storage::Bits32(value) => value.read(),
                Storage::Bits64(value) => (value.read() >> (32 * index)) as u32,
                Storage::Words(first, _) => first.add(index).read(),
            }
        }
    }

    /// Whether `open_waves` can succeed at all.
    pub(crate) fn has_waves(&self) -> bool {
        self.has_waves
    }

    /// Whether the file could be opened.
    pub(crate) fn open_waves(&mut self, path: &CString) -> bool {
        // SAFETY: as in `eval`; the text ends with a zero and is not kept.
        unsafe { (self.open_waves)(self.instance, path.as_ptr()) }
    }

    pub(crate) fn close_waves(&mut self) {
        // SAFETY: as in `eval`; the shim does nothing when no file is open.
        unsafe { (self.close_waves)(self.instance) }
    }
}

impl Drop for LoadedLibrary {
    fn drop(&mut self) {
        // SAFETY: the instance came from this library, and nobody uses it after this.
        unsafe { (self.delete)(self.instance) }
    }
}

impl Storage {
    /// `None` if the size is not the one that Verilator uses for the width.
    fn of(address: *mut c_void, size: usize, width_bits: usize) -> Option<Self> {
        let address = NonNull::new(address)?;
        let words = width_bits.div_ceil(32);
        let (expected, storage) = match width_bits {
            0 => return None,
            1..=8 => (1, Self::Bits8(address.cast())),
            9..=16 => (2, Self::Bits16(address.cast())),
            17..=32 => (4, Self::Bits32(address.cast())),
            33..=64 => (8, Self::Bits64(address.cast())),
            _ => (4 * words, Self::Words(address.cast(), words)),
        };
        (size == expected).then_some(storage)
    }

    fn words(self) -> usize {
        match self {
            Self::Bits8(_) | Self::Bits16(_) | Self::Bits32(_) => 1,
            Self::Bits64(_) => 2,
            Self::Words(_, words) => words,
        }
    }
}
