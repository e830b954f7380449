//! Searches maps of the chained code: error against area, for fields, masks and taps of several shapes.
//!
//!     cargo run --release -p seedlm-testbenches --example chained_map_search -- --length 16 --evaluations 120
//!
//! It prints docs/chained-map.md's table as Markdown, and with `--picture FILE` draws it; `--shape TEXT` searches only shapes
//! whose names contain the text, and `--start N` begins elsewhere. Every random number comes from the
//! shape's name, so the same maps come out on every machine. It needs yosys, and at K = 16 takes some ten minutes
//! on two cores. The encoder is the real one; samples are rows of normal numbers.

mod area;
mod climb;
mod picture;
mod sample;
mod shape;

use climb::{Candidate, climb};
use sample::Sample;
use seedlm_codec::{ChainMap, ChainedCode, Lfsr};
use shape::{Shape, shapes};
use std::time::Instant;

/// Stored bits per weight that one map has to serve.
pub const STORED_BITS: [u32; 3] = [4, 3, 2];

/// What is known of a shape's best map.
pub struct Finding {
    /// What its fields are.
    pub shape: String,
    /// XOR gates of two inputs in a weight, shared by nothing.
    pub xors: u32,
    /// Relative error at 4, 3 and 2 stored bits on rows that the search has not seen.
    pub errors: [f64; 3],
    /// LUTs per weight at 4 stored bits, 128 weights per cycle.
    pub lut_per_weight: f64,
    /// The map.
    pub map: ChainMap,
}

struct Options {
    length: u32,
    evaluations: usize,
    /// A part of the names of the shapes to search; empty for all.
    shape: String,
    /// Which start; 0 for that of the table.
    start: u32,
    picture: Option<String>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        length: 16,
        evaluations: 120,
        shape: String::new(),
        start: 0,
        picture: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let number = || value.parse::<u32>().map_err(|error| format!("{name} {value}: {error}"));
        match name.as_str() {
            "--length" => options.length = number()?,
            "--evaluations" => options.evaluations = number()? as usize,
            "--start" => options.start = number()?,
            "--shape" => options.shape = value,
            "--picture" => options.picture = Some(value),
            _ => {
                return Err(format!(
                    "{name}: there are --length, --evaluations, --shape, --start and --picture"
                ));
            }
        }
    }
    Ok(options)
}

fn main() {
    let options = options().unwrap_or_else(|reason| {
        eprintln!("chained_map_search: {reason}");
        std::process::exit(2);
    });
    let began = Instant::now();
    // Rows that differ between search and judgement, so that a map is not praised for fitting the sample.
    let (training, unseen) = (Sample::new("training", 32, 512), Sample::new("unseen", 32, 4096));
    println!(
        "seedlm-testbenches {}, {}",
        env!("CARGO_PKG_VERSION"),
        area::yosys_version()
    );
    println!(
        "K = {}, {} evaluations a shape on 32 rows of 512 normal numbers; the errors below are of 32 unseen rows of 4096",
        options.length, options.evaluations
    );
    println!();
    let mut findings = Vec::new();
    for shape in shapes().into_iter().filter(|shape| shape.name.contains(&options.shape)) {
        let Candidate { map, .. } = climb(&shape, options.length, (options.start, options.evaluations), &training);
        findings.push(finding(&shape, map, &unseen));
        progress(&findings, began);
    }
    if options.length == 16 && options.shape.is_empty() {
        let lfsr = Lfsr::paper(16).expect("in the paper's table");
        let map = ChainMap::from_lfsr(&lfsr, 8, &[4, 4, 4]).expect("a legal map");
        let shape = Shape::named("LFSR jump: the paper's register, 24 steps on");
        findings.push(finding(&shape, map, &unseen));
        progress(&findings, began);
    }
    println!("| fields | XORs | 4 bits | 3 bits | 2 bits | LUT per weight |");
    println!("|---|---|---|---|---|---|");
    for finding in &findings {
        let [four, three, two] = finding.errors;
        println!(
            "| {} | {} | {four:.4} | {three:.4} | {two:.4} | {:.1} |",
            finding.shape, finding.xors, finding.lut_per_weight
        );
    }
    println!();
    println!("Masks, bit 0 of each field first:");
    println!();
    for finding in &findings {
        println!("* {}: {}", finding.shape, masks(&finding.map));
    }
    if let Some(path) = &options.picture {
        std::fs::write(path, picture::draw(&findings)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    eprintln!("{:.0} s", began.elapsed().as_secs_f64());
}

fn finding(shape: &Shape, map: ChainMap, unseen: &Sample) -> Finding {
    let four = ChainedCode::new(4, map.clone()).expect("4 bits are fewer than the window has");
    Finding {
        shape: shape.name.clone(),
        xors: map.fields().iter().flatten().map(|mask| mask.count_ones() - 1).sum(),
        errors: STORED_BITS.map(|bits| unseen.error(&map, bits)),
        lut_per_weight: area::lut_per_weight(&four),
        map,
    }
}

fn progress(findings: &[Finding], began: Instant) {
    if let Some(last) = findings.last() {
        eprintln!(
            "{:.0} s: {}: {:.4?}, {:.1} LUT, {}",
            began.elapsed().as_secs_f64(),
            last.shape,
            last.errors,
            last.lut_per_weight,
            masks(&last.map)
        );
    }
}

fn masks(map: &ChainMap) -> String {
    let field = |masks: &Vec<u32>| {
        let masks: Vec<String> = masks.iter().map(|mask| format!("{mask:x}")).collect();
        masks.join(" ")
    };
    let fields: Vec<String> = map.fields().iter().map(field).collect();
    fields.join(" + ")
}
