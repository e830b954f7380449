//! The windows of a code: their integer values, and what each algorithm wants to know of their arrangement.

use crate::error::EncodeError;
use seedlm_codec::ChainedCode;

/// Windows longer than this are not searched.
pub(crate) const LONGEST_WINDOW: u32 = 20;

/// A code as the search sees it: a window is `state << k | dropped` and follows the state `window mod 2^(K-k)`.
///
/// A *state* is the upper `K - k` bits of a window. The weight before it had the window's lower `K - k` bits as its state.
pub(crate) struct Trellis {
    /// Stored bits per weight `k`.
    pub stored: u32,
    /// Length `K` of a window.
    pub length: u32,
    /// The largest sum of the fields.
    pub total: i32,
    /// The sum of the fields of every window.
    pub sums: Vec<u16>,
    /// For [`Trellis::is_regular`] codes: the sums in the order in which a step wants them, that is by the `K - 2k` bits in
    /// the middle of a window, then its newest `k` bits, then its oldest `k` bits.
    pub arranged: Vec<u8>,
}

impl Trellis {
    pub fn new(code: &ChainedCode) -> Result<Self, EncodeError> {
        let (stored, length) = (code.bits_per_weight(), code.map().length());
        if length > LONGEST_WINDOW {
            return Err(EncodeError::Window { length });
        }
        let total = code.map().largest_weight();
        let sum = |window: u32| ((code.map().weight(window) + total) / 2) as u16;
        let mut trellis = Trellis {
            stored,
            length,
            total: total as i32,
            sums: (0..1 << length).map(sum).collect(),
            arranged: Vec::new(),
        };
        if trellis.is_regular() {
            let symbols = 1_usize << stored;
            let windows = (0..trellis.middles()).flat_map(|middle| {
                (0..symbols).flat_map(move |new| {
                    (0..symbols).map(move |dropped| ((new << (length - 2 * stored) | middle) << stored) | dropped)
                })
            });
            trellis.arranged = windows.map(|window| trellis.sums[window] as u8).collect();
        }
        Ok(trellis)
    }

    /// Whether the vector search takes this code: not too many predecessors, and sums that fit a byte.
    pub fn is_regular(&self) -> bool {
        self.stored <= 5 && self.length >= 2 * self.stored + 4 && self.total <= 255
    }

    /// Number of states, `2^(K-k)`.
    pub fn states(&self) -> usize {
        1 << (self.length - self.stored)
    }

    /// Number of patterns of the bits between a window's newest and oldest `k` bits.
    pub fn middles(&self) -> usize {
        1 << (self.length - 2 * self.stored)
    }

    /// The state of a row behind some symbols.
    pub fn state_behind(&self, state: u32, symbols: &[u8]) -> u32 {
        let newest = self.length - self.stored;
        symbols.iter().fold(state, |state, &symbol| {
            (state | u32::from(symbol) << newest) >> self.stored
        })
    }

    /// After so many weights nothing is left of an old window: `ceil(K / k)`.
    pub fn memory(&self) -> usize {
        self.length.div_ceil(self.stored) as usize
    }

    /// The sums of the fields that symbols stand for, in a row that is in this state before the first of them.
    pub fn row_sums<'a>(&'a self, state: u32, symbols: &'a [u8]) -> impl Iterator<Item = u16> + 'a {
        let mut window = (state as usize) << self.stored;
        symbols.iter().map(move |&symbol| {
            window = window >> self.stored | usize::from(symbol) << (self.length - self.stored);
            self.sums[window]
        })
    }
}
