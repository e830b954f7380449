//! The law of the generator: an expression prints what it evaluates to. Verilog's rules of widths and signs are where the
//! two could part, and where rust-hdl's own generator and simulator do.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use seedlm_hdl::netlist::expression::Expression;
use seedlm_hdl::netlist::module::Module;
use seedlm_hdl::netlist::print::verilog;
use seedlm_testbenches::bits::hexadecimal;
use seedlm_verilator::{BuildOptions, Design, Verilator};
use std::collections::BTreeMap;

const EXPRESSIONS: usize = 600;
const INPUTS: usize = 300;

/// Input widths: single bits, around the widths of machine words, and wide ones.
const WIDTHS: [usize; 9] = [1, 2, 7, 16, 31, 32, 33, 64, 100];

struct Soup {
    random: ChaCha8Rng,
    signals: Vec<Expression>,
}

impl Soup {
    fn signal(&mut self) -> Expression {
        let index = self.random.random_range(0..self.signals.len());
        self.signals[index].clone()
    }

    /// Bits of a signal, brought to a width.
    fn leaf(&mut self, width: usize) -> Expression {
        if self.random.random_range(0..8) == 0 {
            let value = (0..width).fold(0_u128, |value, _| value << 1 | u128::from(self.random.random::<bool>()));
            return Expression::constant(width, value & (u128::MAX >> (128 - width.min(128))));
        }
        let signal = self.signal();
        if signal.width() > width {
            let low = self.random.random_range(0..=signal.width() - width);
            signal.slice(low, width)
        } else if self.random.random() {
            signal.sign_extend(width)
        } else {
            signal.zero_extend(width)
        }
    }

    fn expression(&mut self, width: usize, depth: usize) -> Expression {
        if depth == 0 {
            return self.leaf(width);
        }
        let below = depth - 1;
        match self.random.random_range(0..12) {
            0 => self.leaf(width),
            1 => !self.expression(width, below),
            2 => self.expression(width, below) & self.expression(width, below),
            3 => self.expression(width, below) | self.expression(width, below),
            4 => self.expression(width, below) ^ self.expression(width, below),
            5 => self.expression(width, below) + self.expression(width, below),
            6 => self.expression(width, below) - self.expression(width, below),
            7 => {
                let condition = self.bit(below);
                condition.choose(&self.expression(width, below), &self.expression(width, below))
            }
            8 if width > 1 => {
                let low = self.random.random_range(1..width);
                Expression::join([self.expression(low, below), self.expression(width - low, below)])
            }
            9 => self.bit(below).gate(&self.expression(width, below)),
            10 => {
                let amount = self.leaf(4);
                self.expression(width, below).shift_left_by(&amount)
            }
            _ => {
                let (a, b) = (self.signal(), self.signal());
                if a.width().max(b.width()) <= width && a.width() + b.width() <= 100 {
                    a.signed_product(&b, width)
                } else {
                    self.leaf(width)
                }
            }
        }
    }

    fn bit(&mut self, depth: usize) -> Expression {
        let width = WIDTHS[self.random.random_range(0..WIDTHS.len())];
        match self.random.random_range(0..4) {
            0 => self.expression(width, depth).any_bit(),
            1 => self.expression(width, depth).parity(),
            2 => self.expression(width, depth).equals(&self.expression(width, depth)),
            _ => self.expression(width, depth).less_than(&self.expression(width, depth)),
        }
    }
}

#[test]
fn an_expression_prints_what_it_evaluates_to() {
    let mut module = Module::new("soup", &["Random expressions."]);
    let names: Vec<String> = WIDTHS.iter().map(|width| format!("in_{width}")).collect();
    let signals = WIDTHS
        .iter()
        .zip(&names)
        .map(|(&width, name)| module.input(name, width))
        .collect();
    let mut soup = Soup {
        random: ChaCha8Rng::seed_from_u64(1),
        signals,
    };
    let outputs: Vec<Expression> = (0..EXPRESSIONS)
        .map(|_| {
            let width = WIDTHS[soup.random.random_range(0..WIDTHS.len())];
            soup.expression(width, 3)
        })
        .collect();
    // Two signed products next to each other: left alone, Verilog would compare and extend them as signed numbers.
    let products: Vec<Expression> = [(1, 2), (2, 3), (3, 4)]
        .map(|(a, b)| soup.signals[a].signed_product(&soup.signals[b], 64))
        .into();
    let mut outputs = outputs;
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        let (a, b) = (&products[a], &products[b]);
        outputs.push(a.less_than(b));
        outputs.push((a + b).less_than(&(a - b)));
        outputs.push(soup.signals[0].choose(a, b).less_than(b));
    }
    for (index, output) in outputs.iter().enumerate() {
        module.output(&format!("out_{index}"), output.clone());
    }
    let design = Design::new("soup").with_source("soup.v", verilog(&module, ""));
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    let mut model = verilator.build(&design, &BuildOptions::default()).unwrap();
    for _ in 0..INPUTS {
        let mut values = BTreeMap::new();
        for (&width, name) in WIDTHS.iter().zip(&names) {
            let mut bytes = vec![0; width.div_ceil(8)];
            match soup.random.random_range(0..4) {
                0 => bytes.fill(0),
                1 => bytes.fill(255),
                _ => soup.random.fill_bytes(&mut bytes),
            }
            if !width.is_multiple_of(8) {
                *bytes.last_mut().unwrap() &= (1 << (width % 8)) - 1;
            }
            model.set_bytes(model.port(name).unwrap(), &bytes);
            values.insert(name.clone(), bytes);
        }
        model.eval();
        for (index, output) in outputs.iter().enumerate() {
            let port = model.port(&format!("out_{index}")).unwrap();
            let mut got = vec![0; port.byte_count()];
            model.get_bytes(port, &mut got);
            let evaluated = output.evaluate(&|name| num_bigint::BigUint::from_bytes_le(&values[name]));
            let mut expected = evaluated.to_bytes_le();
            expected.resize(port.byte_count(), 0);
            assert!(
                got == expected,
                "{output:?}\nwith {values:?}\nevaluates to {}, and Verilator gives {}",
                hexadecimal(&expected),
                hexadecimal(&got)
            );
        }
    }
}
