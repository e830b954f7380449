//! Clocks units of the simulator with small fixed inputs and writes what their ports show as WaveJSON, one file a picture:
//! `cargo run -p seedlm-testbenches --example timing_pictures -- FOLDER`. `docs/timing.sh` makes pictures of them.
//!
//! The units show what the Verilog shows, in every cycle; `testbenches/tests/lockstep.rs` holds them to that. What a picture
//! says about latencies is checked here: a picture that is no longer true cannot be made.

use seedlm_codec::machine::registers::{CONTROL_ADDRESS, CYCLES_ADDRESS, STEPS_ADDRESS, TILES_ADDRESS};
use seedlm_codec::machine::{DatapathConfig, MachineStreams, TileOrder};
use seedlm_codec::{Activations, BlockWord, CodedMatrix, WeightFormat, WeightMatrix, product};
use seedlm_sim::units::{
    AxiLiteInputs, Decoder, DecoderInputs, Matvec, MatvecInputs, MatvecPorts, ProbeBits, Skid, SkidInputs,
};
use serde_json::{Value, json};
use std::path::Path;

fn main() {
    let folder = std::env::args_os().nth(1).expect("the folder to write to");
    for (name, picture) in [
        ("timing-skid", skid()),
        ("timing-decoder", decoder()),
        ("timing-matvec", matvec()),
        ("timing-products", products()),
    ] {
        let path = Path::new(&folder).join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&picture).expect("plain data");
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// A line of a picture: a bit, or data with a label where they mean something.
struct Signal {
    name: &'static str,
    wave: String,
    data: Vec<String>,
    nodes: String,
    before: Option<Option<String>>,
}

impl Signal {
    fn new(name: &'static str) -> Self {
        Signal {
            name,
            wave: String::new(),
            data: Vec::new(),
            nodes: String::new(),
            before: None,
        }
    }

    fn bit(&mut self, value: bool) {
        let value = Some(u8::from(value).to_string());
        let symbol = value.clone().unwrap_or_default();
        self.show(value, &symbol, false);
    }

    /// Data beside a `valid`: nothing is drawn where that is low.
    fn data(&mut self, label: Option<String>, colour: &str) {
        match label {
            Some(label) => self.show(Some(label), colour, true),
            None => self.show(None, "x", false),
        }
    }

    fn show(&mut self, value: Option<String>, symbol: &str, with_label: bool) {
        if self.before.as_ref() == Some(&value) {
            self.wave.push('.');
        } else {
            self.wave.push_str(symbol);
            if with_label {
                self.data.extend(value.clone());
            }
        }
        self.before = Some(value);
        self.nodes.push('.');
    }

    /// Names the cycle just shown, so that an arrow can start or end there.
    fn node(&mut self, name: char) {
        self.nodes.pop();
        self.nodes.push(name);
    }

    fn json(&self) -> Value {
        let mut lane = json!({"name": self.name, "wave": self.wave});
        if !self.data.is_empty() {
            lane["data"] = json!(self.data);
        }
        if self.nodes.contains(|c| c != '.') {
            lane["node"] = json!(self.nodes);
        }
        lane
    }
}

fn clock_signal(cycles: usize) -> Value {
    json!({"name": "clk", "wave": format!("p{}", ".".repeat(cycles - 1))})
}

fn picture(cycles: usize, groups: &[(&str, &[Signal])], arrows: &[&str], title: &str) -> Value {
    let mut lanes = vec![clock_signal(cycles)];
    for (name, signals) in groups {
        let mut group = vec![json!(name)];
        group.extend(signals.iter().map(Signal::json));
        lanes.push(json!({}));
        lanes.push(json!(group));
    }
    json!({
        "signal": lanes,
        "edge": arrows,
        "head": {"text": title, "tick": 0},
        "config": {"hscale": 1},
    })
}

/// The register slice: a gap in what comes, and a reader that stops for three cycles and for one.
fn skid() -> Value {
    const CYCLES: usize = 14;
    let mut skid = Skid::<usize>::default();
    let names = ["s_axis_tvalid", "s_axis_tready", "s_axis_tdata"];
    let [mut in_valid, mut in_ready, mut in_data] = names.map(Signal::new);
    let names = ["m_axis_tvalid", "m_axis_tready", "m_axis_tdata"];
    let [mut out_valid, mut out_ready, mut out_data] = names.map(Signal::new);
    let label = |value: usize| format!("d{value}");
    let (mut next, mut expected) = (0, 0);
    for cycle in 0..CYCLES {
        // The gap lies in front of datum 4.
        let offers = cycle >= 1 && !(next == 4 && cycle < 9);
        let ready = !matches!(cycle, 3..=5 | 11);
        let outputs = skid.outputs();
        in_valid.bit(offers);
        in_ready.bit(outputs.s_axis_tready);
        in_data.data(offers.then(|| label(next)), "3");
        out_valid.bit(outputs.m_axis_tvalid);
        out_ready.bit(ready);
        out_data.data(outputs.m_axis_tdata.copied().map(label), "4");
        if ready && let Some(&data) = outputs.m_axis_tdata {
            assert_eq!(data, expected, "nothing is lost, repeated or out of order");
            expected += 1;
        }
        let accepted = offers && outputs.s_axis_tready;
        skid.clock(SkidInputs {
            s_axis_tvalid: offers,
            s_axis_tdata: next,
            m_axis_tready: ready,
        });
        next += usize::from(accepted);
    }
    picture(
        CYCLES,
        &[
            ("in", &[in_valid, in_ready, in_data]),
            ("out", &[out_valid, out_ready, out_data]),
        ],
        &[],
        "seedlm_skid: one cycle from in to out",
    )
}

/// A legal word of `paper-4b` that depends on its number.
fn word(format: &WeightFormat, number: u32) -> u128 {
    let WeightFormat::Block(code) = format else {
        panic!("a block code is wanted");
    };
    let word = BlockWord {
        seed: 1 + number * 2027 % 65535,
        exponent: number % 16,
        coefficients: vec![(number % 15) as i32 - 7, 3, -8],
    };
    word.pack(code)
}

/// Words next to each other, 32 bits each.
fn beat(words: &[u128]) -> Vec<u8> {
    words.iter().flat_map(|&word| (word as u32).to_le_bytes()).collect()
}

/// `seedlm_decoder`: a stream of eleven beats with a gap of two cycles, and a reader that stops for five.
fn decoder() -> Value {
    const BEATS: usize = 11;
    const CYCLES: usize = 29;
    let format = WeightFormat::named("paper-4b").expect("the preset is there");
    let config = DatapathConfig::reference(&format);
    let lanes = config.lanes as usize;
    let words: Vec<Vec<u128>> = (0..BEATS)
        .map(|beat| {
            (0..lanes)
                .map(|lane| word(&format, (beat * lanes + lane) as u32))
                .collect()
        })
        .collect();
    let decoded: Vec<Vec<i64>> = words
        .iter()
        .map(|group| group.iter().flat_map(|&word| format.split_word(word).0).collect())
        .collect();
    let mut decoder = Decoder::new(&config, &format);
    let names = ["s_axis_tvalid", "s_axis_tready", "s_axis_tdata", "s_axis_tlast"];
    let [mut in_valid, mut in_ready, mut in_data, mut in_last] = names.map(Signal::new);
    let names = ["m_axis_tvalid", "m_axis_tready", "m_axis_tdata", "m_axis_tlast"];
    let [mut out_valid, mut out_ready, mut out_data, mut out_last] = names.map(Signal::new);
    let mut next = 0;
    let (mut entered, mut left) = (None, None);
    for cycle in 0..CYCLES {
        // The gap lies in front of beat 2.
        let offers = cycle >= 1 && next < BEATS && !(next == 2 && cycle < 5);
        let ready = !(10..15).contains(&cycle);
        let outputs = decoder.outputs();
        let last = next + 1 == BEATS;
        in_valid.bit(offers);
        in_ready.bit(outputs.s_axis_tready);
        in_data.data(offers.then(|| format!("b{next}")), "3");
        in_last.bit(offers && last);
        let group = outputs.m_axis_tvalid.then(|| {
            let found = decoded.iter().position(|group| group == outputs.m_axis_tdata);
            found.expect("a group of weights that went in as words")
        });
        out_valid.bit(outputs.m_axis_tvalid);
        out_ready.bit(ready);
        out_data.data(group.map(|group| format!("g{group}")), "4");
        out_last.bit(outputs.m_axis_tlast);
        assert_eq!(outputs.m_axis_tlast, group == Some(BEATS - 1));
        let accepted = offers && outputs.s_axis_tready;
        if accepted && next == 0 {
            entered = Some(cycle);
            in_data.node('A');
        }
        if group == Some(0) && left.is_none() {
            left = Some(cycle);
            out_data.node('B');
        }
        let data = beat(words.get(next).map_or(&[], Vec::as_slice));
        decoder.clock(DecoderInputs {
            s_axis_tvalid: offers,
            s_axis_tdata: &data,
            s_axis_tlast: last,
            m_axis_tready: ready,
        });
        next += usize::from(accepted);
    }
    let latency = left.expect("a group has come out") - entered.expect("a beat has gone in");
    // The gearbox, the lanes, the register slice.
    assert_eq!(latency, 1 + config.decode_stages(&format) as usize + 1);
    picture(
        CYCLES,
        &[
            ("words", &[in_valid, in_ready, in_data, in_last]),
            ("weights", &[out_valid, out_ready, out_data, out_last]),
        ],
        &["A~>B"],
        &format!("seedlm_decoder of paper-4b: {latency} cycles from a beat to its group of weights"),
    )
}

/// Writes a register, and waits for the answer. Nothing else moves.
fn write_register(matvec: &mut Matvec, address: u32, data: u32) {
    for cycle in 0.. {
        let answered = matvec.outputs().s_axil.bvalid;
        matvec.clock(&MatvecInputs {
            s_axil: write_access(address, data, cycle == 0),
            ..MatvecInputs::default()
        });
        if answered {
            return;
        }
    }
}

/// Reads a register. Nothing else moves.
fn read_register(matvec: &mut Matvec, address: u32) -> u32 {
    matvec.clock(&MatvecInputs {
        s_axil: AxiLiteInputs {
            araddr: address as u8,
            arvalid: true,
            ..AxiLiteInputs::default()
        },
        ..MatvecInputs::default()
    });
    let outputs = matvec.outputs().s_axil;
    assert!(outputs.rvalid, "data come a cycle after their address");
    outputs.rdata
}

fn write_access(address: u32, data: u32, valid: bool) -> AxiLiteInputs {
    AxiLiteInputs {
        awaddr: address as u8,
        awvalid: valid,
        wdata: data,
        wstrb: 15,
        wvalid: valid,
        bready: true,
        ..AxiLiteInputs::default()
    }
}

/// `seedlm_matvec`: a product of 16 rows and 32 columns, one tile of four steps, from the write that starts it.
fn matvec() -> Value {
    const CYCLES: usize = 28;
    const COLUMNS: usize = 32;
    let format = WeightFormat::named("paper-4b").expect("the preset is there");
    let config = DatapathConfig::reference(&format);
    let rows = config.tile_rows as usize;
    let WeightFormat::Block(code) = &format else {
        panic!("paper-4b is a block code");
    };
    let words: Vec<u128> = (0..rows * COLUMNS / 8)
        .map(|number| word(&format, number as u32))
        .collect();
    let matrix = CodedMatrix::new(code, rows, COLUMNS, 1.0, beat(&words)).expect("a legal matrix");
    let matrix = WeightMatrix::Block(matrix);
    let values = (0..COLUMNS as i32).map(|column| 7 * column - 100).collect();
    let activations = Activations::new(8, 1.0, values).expect("8-bit activations");
    let streams = MachineStreams::new(&config, &matrix, &activations).expect("a product that fits");
    let expected = product(&matrix, &activations).expect("a product that fits");
    let order = TileOrder::new(&config, &format, rows, COLUMNS);
    let beat_bytes = config.beat_bits as usize / 8;
    let weights: Vec<&[u8]> = streams.weights.chunks(beat_bytes).collect();

    let mut matvec = Matvec::new(&config, &format);
    write_register(&mut matvec, TILES_ADDRESS, order.tiles() as u32);
    write_register(&mut matvec, STEPS_ADDRESS, order.steps_per_tile() as u32);
    let names = ["awvalid, wvalid", "awready, wready", "awaddr", "wdata", "bvalid"];
    let [mut aw_valid, mut aw_ready, mut aw_address, mut w_data, mut b_valid] = names.map(Signal::new);
    let names = ["tvalid", "tready", "tdata"];
    let [mut x_valid, mut x_ready, mut x_data] = names.map(Signal::new);
    let names = ["tvalid", "tready", "tdata", "tlast", "weights_level"];
    let [mut w_valid, mut w_ready, mut w_beat, mut w_last, mut level] = names.map(Signal::new);
    let names = ["tvalid", "tready", "tdata, rows", "tlast"];
    let [mut y_valid, mut y_ready, mut y_data, mut y_last] = names.map(Signal::new);
    let shown = [3, 4, 0, 2, 5, 6, 7];
    let mut probe = shown.map(|bit| Signal::new(ProbeBits::NAMES[bit]));
    let (mut next_weights, mut next_activations, mut results) = (0, 0, Vec::new());
    let (mut entered, mut left) = (None, None);
    let (mut runs_from, mut done_in) = (None, None);
    for cycle in 0..CYCLES {
        let outputs = matvec.outputs();
        let bits = ProbeBits::from(outputs.probe);
        let starts = cycle == 1;
        let offers_weights = cycle >= 4 && next_weights < weights.len();
        let last = next_weights + 1 == weights.len();
        let offers_activations = cycle >= 2 && next_activations == 0;
        let inputs = MatvecInputs {
            s_axil: write_access(CONTROL_ADDRESS, 1, starts),
            s_axis_weights_tvalid: offers_weights,
            s_axis_weights_tdata: weights.get(next_weights).map_or_else(Vec::new, |beat| beat.to_vec()),
            s_axis_weights_tlast: offers_weights && last,
            s_axis_activations_tvalid: offers_activations,
            s_axis_activations_tdata: streams.activations.clone(),
            m_axis_tready: true,
        };
        aw_valid.bit(starts);
        aw_ready.bit(outputs.s_axil.awready && outputs.s_axil.wready);
        aw_address.data(starts.then(|| format!("{CONTROL_ADDRESS:02X}")), "5");
        w_data.data(starts.then(|| "1".into()), "5");
        b_valid.bit(outputs.s_axil.bvalid);
        x_valid.bit(offers_activations);
        x_ready.bit(outputs.s_axis_activations_tready);
        x_data.data(offers_activations.then(|| "x0".into()), "3");
        w_valid.bit(offers_weights);
        w_ready.bit(outputs.s_axis_weights_tready);
        w_beat.data(offers_weights.then(|| format!("w{next_weights}")), "3");
        w_last.bit(inputs.s_axis_weights_tlast);
        level.data(Some(outputs.weights_level.to_string()), "2");
        for (signal, bit) in probe.iter_mut().zip(shown) {
            signal.bit(outputs.probe >> bit & 1 == 1);
        }
        y_valid.bit(outputs.m_axis_tvalid);
        y_ready.bit(true);
        y_data.data(
            outputs
                .m_axis_tvalid
                .then(|| format!("{}-{}", results.len(), results.len() + 7)),
            "4",
        );
        y_last.bit(outputs.m_axis_tlast);
        if inputs.s_axis_weights_tlast {
            entered = Some(cycle);
            w_beat.node('A');
        }
        if outputs.m_axis_tvalid {
            if left.is_none() {
                left = Some(cycle);
                y_data.node('B');
            }
            let beat = outputs.m_axis_tdata.chunks_exact(8);
            results.extend(beat.map(|bytes| i64::from_le_bytes(bytes.try_into().expect("8 bytes"))));
            assert_eq!(outputs.m_axis_tlast, results.len() == rows);
            done_in = Some(cycle);
        }
        if bits.running && runs_from.is_none() {
            runs_from = Some(cycle);
        }
        next_weights += usize::from(offers_weights && outputs.s_axis_weights_tready);
        next_activations += usize::from(offers_activations && outputs.s_axis_activations_tready);
        assert_eq!(
            bits.running && bits.group_valid,
            bits.issue(),
            "no group waits in this run"
        );
        matvec.clock(&inputs);
    }
    assert_eq!(results, expected, "the golden product");
    let cycles = 1 + done_in.expect("results have left") - runs_from.expect("the machine has run");
    assert_eq!(read_register(&mut matvec, CYCLES_ADDRESS) as usize, cycles);
    eprintln!("CYCLES reads {cycles}");
    let latency = left.expect("results have come out") - entered.expect("weights have gone in");
    // FIFO, gearbox, lanes, MACs, accumulators, result FIFO.
    let stages = config.decode_stages(&format) + config.mac_stages(&format);
    assert_eq!(latency, 2 + 1 + stages as usize + 1 + 2);
    picture(
        CYCLES,
        &[
            ("s_axil", &[aw_valid, aw_ready, aw_address, w_data, b_valid]),
            ("activations", &[x_valid, x_ready, x_data]),
            ("weights", &[w_valid, w_ready, w_beat, w_last, level]),
            ("probe", &probe),
            ("results", &[y_valid, y_ready, y_data, y_last]),
        ],
        &["A~>B"],
        &format!(
            "seedlm_matvec of paper-4b, {rows} rows and {COLUMNS} columns: {latency} cycles from a tile's last weights to its results"
        ),
    )
}

/// A product of 16 rows and so many columns: the beats of its two streams, and its results.
struct Product {
    activations: Vec<Vec<u8>>,
    weights: Vec<Vec<u8>>,
    results: Vec<i64>,
    steps: u32,
}

impl Product {
    fn new(config: &DatapathConfig, format: &WeightFormat, columns: usize, first_word: u32) -> Self {
        let rows = config.tile_rows as usize;
        let WeightFormat::Block(code) = format else {
            panic!("a block code is wanted");
        };
        let numbers = first_word..first_word + (rows * columns / 8) as u32;
        let words: Vec<u128> = numbers.map(|number| word(format, number)).collect();
        let matrix = CodedMatrix::new(code, rows, columns, 1.0, beat(&words)).expect("a legal matrix");
        let matrix = WeightMatrix::Block(matrix);
        let values = (0..columns as i32).map(|column| 7 * column - 100).collect();
        let activations = Activations::new(8, 1.0, values).expect("8-bit activations");
        let streams = MachineStreams::new(config, &matrix, &activations).expect("a product that fits");
        let beats = |bytes: &[u8]| {
            bytes
                .chunks(config.beat_bits as usize / 8)
                .map(<[u8]>::to_vec)
                .collect()
        };
        Product {
            activations: beats(&streams.activations),
            weights: beats(&streams.weights),
            results: product(&matrix, &activations).expect("a product that fits"),
            steps: TileOrder::new(config, format, rows, columns).steps_per_tile() as u32,
        }
    }
}

/// `seedlm_matvec`: two products of one tile and four steps, right behind each other. The second is started while the first
/// one's activations come; a third start is refused.
fn products() -> Value {
    const CYCLES: usize = 32;
    let format = WeightFormat::named("paper-4b").expect("the preset is there");
    let config = DatapathConfig::reference(&format);
    let products = [0, 1].map(|number| Product::new(&config, &format, 32, 100 * number));
    let beats_of = |stream: fn(&Product) -> &Vec<Vec<u8>>| -> Vec<(Vec<u8>, String, bool)> {
        let of_product = |(number, product): (usize, &Product)| {
            let beats = stream(product);
            let labelled = beats.iter().enumerate();
            let label = move |(index, beat): (usize, &Vec<u8>)| {
                (
                    beat.clone(),
                    format!("{}{index}", ["a", "b"][number]),
                    index + 1 == beats.len(),
                )
            };
            labelled.map(label).collect::<Vec<_>>()
        };
        products.iter().enumerate().flat_map(of_product).collect()
    };
    let activations = beats_of(|product| &product.activations);
    let weights = beats_of(|product| &product.weights);

    let mut matvec = Matvec::new(&config, &format);
    write_register(&mut matvec, TILES_ADDRESS, 1);
    write_register(&mut matvec, STEPS_ADDRESS, products[0].steps);
    let names = ["awvalid, wvalid", "bvalid", "bresp"];
    let [mut aw_valid, mut b_valid, mut b_response] = names.map(Signal::new);
    let names = ["tvalid", "tready", "tdata"];
    let [mut x_valid, mut x_ready, mut x_data] = names.map(Signal::new);
    let names = ["tvalid", "tready", "tdata", "tlast"];
    let [mut w_valid, mut w_ready, mut w_data, mut w_last] = names.map(Signal::new);
    let names = ["tvalid", "tdata", "tlast"];
    let [mut y_valid, mut y_data, mut y_last] = names.map(Signal::new);
    let shown = [3, 4, 2, 5];
    let mut probe = shown.map(|bit| Signal::new(ProbeBits::NAMES[bit]));
    // Both have one shape: only the start is written.
    let starts_in = [1, 4, 7];
    let (mut next_x, mut next_w, mut results, mut issues) = (0, 0, Vec::new(), Vec::new());
    for cycle in 0..CYCLES {
        let outputs = matvec.outputs();
        let bits = ProbeBits::from(outputs.probe);
        let starts = starts_in.contains(&cycle);
        let x = activations.get(next_x).filter(|_| cycle >= 2);
        let w = weights.get(next_w).filter(|_| cycle >= 4);
        let inputs = MatvecInputs {
            s_axil: write_access(CONTROL_ADDRESS, 1, starts),
            s_axis_weights_tvalid: w.is_some(),
            s_axis_weights_tdata: w.map(|(beat, ..)| beat.clone()).unwrap_or_default(),
            s_axis_weights_tlast: w.is_some_and(|(.., last)| *last),
            s_axis_activations_tvalid: x.is_some(),
            s_axis_activations_tdata: x.map(|(beat, ..)| beat.clone()).unwrap_or_default(),
            m_axis_tready: true,
        };
        aw_valid.bit(starts);
        b_valid.bit(outputs.s_axil.bvalid);
        let response = outputs.s_axil.bvalid.then(|| match outputs.s_axil.bresp {
            0 => "ok".to_string(),
            _ => "err".to_string(),
        });
        b_response.data(response, "5");
        x_valid.bit(x.is_some());
        x_ready.bit(outputs.s_axis_activations_tready);
        x_data.data(x.map(|(_, label, _)| label.clone()), "3");
        w_valid.bit(w.is_some());
        w_ready.bit(outputs.s_axis_weights_tready);
        w_data.data(w.map(|(_, label, _)| label.clone()), "3");
        w_last.bit(inputs.s_axis_weights_tlast);
        for (signal, bit) in probe.iter_mut().zip(shown) {
            signal.bit(outputs.probe >> bit & 1 == 1);
        }
        if bits.issue() {
            issues.push(cycle);
        }
        y_valid.bit(outputs.m_axis_tvalid);
        y_data.data(outputs.m_axis_tvalid.then(|| format!("{}", results.len() / 8)), "4");
        y_last.bit(outputs.m_axis_tlast);
        let beat = outputs.m_axis_tdata.chunks_exact(8);
        results.extend(beat.map(|bytes| i64::from_le_bytes(bytes.try_into().expect("8 bytes"))));
        next_x += usize::from(x.is_some() && outputs.s_axis_activations_tready);
        next_w += usize::from(w.is_some() && outputs.s_axis_weights_tready);
        matvec.clock(&inputs);
    }
    let expected: Vec<i64> = products.iter().flat_map(|product| product.results.clone()).collect();
    assert_eq!(results, expected, "the golden products");
    // Four groups of each, and one empty cycle between them.
    assert_eq!(issues, [7, 8, 9, 10, 12, 13, 14, 15]);
    assert_eq!(b_response.data, ["ok", "ok", "err"]);
    picture(
        CYCLES,
        &[
            ("s_axil", &[aw_valid, b_valid, b_response]),
            ("activations", &[x_valid, x_ready, x_data]),
            ("weights", &[w_valid, w_ready, w_data, w_last]),
            ("probe", &probe),
            ("results", &[y_valid, y_data, y_last]),
        ],
        &[],
        "seedlm_matvec of paper-4b, two products right behind each other: one empty cycle between them",
    )
}
