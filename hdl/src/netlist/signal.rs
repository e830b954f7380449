//! Signals for rust-hdl whose widths are chosen at run time; its own have them as type parameters.

use num_bigint::BigUint;
use rust_hdl_core::atom::AtomKind;
use rust_hdl_core::prelude::*;
use rust_hdl_core::signal::get_signal_id;
use std::marker::PhantomData;

/// A signal whose width is chosen at run time.
#[derive(Clone, Debug)]
pub struct WideSignal<D: Direction> {
    /// The value it takes at the next update.
    pub next: BigUint,
    value: BigUint,
    width: usize,
    changed: bool,
    connected: bool,
    id: usize,
    direction: PhantomData<D>,
}

impl<D: Direction> WideSignal<D> {
    /// A signal of `width` bits that is zero.
    pub fn new(width: usize) -> Self {
        WideSignal {
            next: BigUint::ZERO,
            value: BigUint::ZERO,
            width,
            changed: false,
            connected: false,
            id: get_signal_id(),
            direction: PhantomData,
        }
    }

    /// Its value.
    pub fn val(&self) -> &BigUint {
        if D::KIND == AtomKind::InputParameter {
            &self.value
        } else {
            &self.next
        }
    }
}

impl<D: Direction> Atom for WideSignal<D> {
    fn bits(&self) -> usize {
        self.width
    }
    fn connected(&self) -> bool {
        self.connected
    }
    fn changed(&self) -> bool {
        self.changed
    }
    fn kind(&self) -> AtomKind {
        D::KIND
    }
    fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor {
            name: format!("WideSignal<{}>", self.width),
            kind: TypeKind::Bits(self.width),
        }
    }
    fn vcd(&self) -> VCDValue {
        VCDValue::Vector(
            (0..self.width as u64)
                .rev()
                .map(|bit| rust_hdl_vcd::Value::from(self.value.bit(bit)))
                .collect(),
        )
    }
    fn id(&self) -> usize {
        self.id
    }
    fn verilog(&self) -> VerilogLiteral {
        // Read for constant atoms only, and this is none.
        0_u32.into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        Vec::new()
    }
}

impl<D: Direction> Logic for WideSignal<D> {
    fn update(&mut self) {}
    fn connect(&mut self) {
        self.connected = true;
    }
}

impl<D: Direction> Block for WideSignal<D> {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {
        assert!(
            self.next.bits() <= self.width as u64,
            "a value is wider than its signal"
        );
        self.changed = self.value != self.next;
        if self.changed {
            self.value = self.next.clone();
        }
    }
    fn has_changed(&self) -> bool {
        self.changed
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_atom(name, self);
    }
}
