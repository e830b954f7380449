//! The decoder of one weight a cycle against the golden model, with stalls on both sides.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use seedlm_codec::{ChainedCode, WeightFormat};
use seedlm_hdl::generate::serial_files;
use seedlm_hdl::options::{Options, Target};
use seedlm_testbenches::machines::chained;
use seedlm_testbenches::rtl::Rtl;
use seedlm_verilator::{BuildOptions, Verilator};
use std::collections::VecDeque;

/// How often a side is ready, of 4 times.
#[derive(Clone, Copy, Debug)]
struct Readiness {
    source: u32,
    reader: u32,
}

/// Weights that a run compares.
const WEIGHTS: usize = 20_000;

/// Runs rows of random words through the decoder, and compares every weight, every end of a row, and that what is offered
/// stays until it is taken.
fn run(
    code: &ChainedCode,
    word_bits: usize,
    target: Target,
    readiness: Readiness,
    fault: Option<(&str, &str)>,
) -> Result<(), String> {
    let place = format!("{}, words of {word_bits} bits, {target}, {readiness:?}", code.label());
    let files = serial_files(
        &WeightFormat::Chained(code.clone()),
        word_bits,
        &Options::written_for(target),
    )
    .unwrap();
    let mut rtl = Rtl { files };
    if let Some((from, to)) = fault {
        rtl.replace("seedlm_decoder_serial", from, to);
    }
    let verilator = Verilator::find().unwrap_or_else(|error| panic!("{error}"));
    let model = rtl.build(&verilator, "seedlm_decoder_serial", &BuildOptions::default());
    let mut model = model.unwrap_or_else(|error| panic!("{place}: {error}"));
    let port = |name: &str| model.port(name).unwrap_or_else(|error| panic!("{error}"));
    let (clk, rst) = (port("clk"), port("rst"));
    let (in_valid, in_data, in_last) = (port("s_axis_tvalid"), port("s_axis_tdata"), port("s_axis_tlast"));
    let (in_ready, out_ready) = (port("s_axis_tready"), port("m_axis_tready"));
    let (out_valid, out_data, out_last) = (port("m_axis_tvalid"), port("m_axis_tdata"), port("m_axis_tlast"));
    let mut random = ChaCha8Rng::seed_from_u64(1);
    model.set(rst, 1);
    model.posedge(clk);
    model.set(rst, 0);

    let stored = code.bits_per_weight() as usize;
    let (mut history, mut words_left) = (0, 0);
    let mut offered: Option<(u128, bool)> = None;
    let mut expected: VecDeque<(i64, bool)> = VecDeque::new();
    let mut held: Option<(u64, u64)> = None;
    let (mut compared, mut cycles) = (0, 0);
    let mut first_taken = None;
    while compared < WEIGHTS {
        cycles += 1;
        if cycles > 100 * WEIGHTS {
            return Err(format!("{place}: nothing more comes"));
        }
        if offered.is_none() && random.random_range(0..4) < readiness.source {
            if words_left == 0 {
                words_left = random.random_range(1..6);
            }
            let word = random.random::<u128>() & ((1 << word_bits) - 1);
            offered = Some((word, words_left == 1));
        }
        let (word, last) = offered.unwrap_or((random.random::<u128>() & ((1 << word_bits) - 1), random.random()));
        let reader = random.random_range(0..4) < readiness.reader;
        model.set(in_valid, offered.is_some().into());
        model.set_bytes(in_data, &word.to_le_bytes()[..word_bits / 8]);
        model.set(in_last, last.into());
        model.set(out_ready, reader.into());
        model.eval();
        let shown = (model.get(out_valid) == 1).then(|| (model.get(out_data), model.get(out_last)));
        if held.is_some() && held != shown {
            return Err(format!("{place}, cycle {cycles}: what was offered has changed"));
        }
        held = shown.filter(|_| !reader);
        if let (Some((data, end)), true) = (shown, reader) {
            let (weight, last) = expected.pop_front().ok_or(format!("{place}: a weight too many"))?;
            let bits = out_data.width_bits();
            let got = (data as i64) << (64 - bits) >> (64 - bits);
            if (got, end == 1) != (weight, last) {
                return Err(format!(
                    "{place}, weight {compared}: {got}, {end} instead of {weight}, {last}"
                ));
            }
            compared += 1;
            first_taken.get_or_insert(cycles);
        }
        if offered.is_some() && model.get(in_ready) == 1 {
            let count = word_bits / stored;
            let weights = code.weights(history, word, count);
            let ends = (1..=count).map(|number| last && number == count);
            expected.extend(weights.into_iter().zip(ends));
            history = ((u128::from(history) | word << code.history_bits()) >> word_bits) as u32;
            words_left -= 1;
            if last {
                history = 0;
            }
            offered = None;
        }
        model.posedge(clk);
    }
    if readiness.source == 4 && readiness.reader == 4 {
        let taken_in = cycles - first_taken.expect("weights were taken") + 1;
        assert_eq!(taken_in, WEIGHTS, "{place}: a weight in every cycle");
    }
    Ok(())
}

const SIDES: [Readiness; 3] = [
    Readiness { source: 4, reader: 4 },
    Readiness { source: 2, reader: 3 },
    Readiness { source: 4, reader: 1 },
];

#[test]
fn every_weight_is_that_of_the_golden_model() {
    let named = |name: &str| ChainedCode::preset(name).unwrap();
    let WeightFormat::Chained(many_fields) = chained(8, 24, &[8, 1, 4, 4, 8, 8, 2, 8]) else {
        panic!("the code is chained");
    };
    let cases = [
        (named("chained-4b"), 32),
        (named("chained-4b"), 8),
        (named("chained-3b"), 24),
        (named("chained-2b"), 16),
        (named("chained-4b-k12"), 32),
        // A word is a weight.
        (many_fields, 8),
    ];
    for (code, word_bits) in cases {
        for target in [Target::Portable, Target::Ice40] {
            for readiness in SIDES {
                run(&code, word_bits, target, readiness, None).unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }
}

#[test]
fn faults_are_found() {
    let code = ChainedCode::preset("chained-4b").unwrap();
    let faults = [
        // The history of the row before it is not cleared.
        ("wire clear = rst | (take & ends_row);", "wire clear = rst;"),
        (
            "wire ready = (~valid) | (enable & is_last_weight);",
            "wire ready = (~valid) | is_last_weight;",
        ),
        ("wire enable = (~out_valid) | m_axis_tready;", "wire enable = 1'b1;"),
        ("history <= window[15:4];", "history <= window[14:3];"),
    ];
    for fault in faults {
        let outcome = run(&code, 32, Target::Portable, SIDES[1], Some(fault));
        assert!(outcome.is_err(), "{fault:?} goes unnoticed");
    }
}

#[test]
fn words_of_other_widths_are_refused() {
    let format = WeightFormat::named("chained-3b").unwrap();
    for word_bits in [0, 12, 32, 1032] {
        let error = serial_files(&format, word_bits, &Options::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("have {word_bits} bits")), "{error}");
    }
    let block = WeightFormat::named("paper-4b").unwrap();
    let error = serial_files(&block, 32, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("no serial decoder for paper-4b"), "{error}");
}
