//! `sim run --image`: a memory image runs as the model that it was written from, from the addresses of its map.

use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::machine::image::{DEFAULT_ALIGNMENT_BYTES, RegionKind};
use seedlm_codec::{Code, WeightFormat};
use seedlm_encoder::Quantizer;
use seedlm_model::{
    CompressOptions, Container, Encoding, ImageOptions, MemoryImage, Rotate, Rules, Silent, compress, write_image,
};
use seedlm_sim::workload::{ModelSource, compress_model, load_image, map_of_image};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The embedded model, compressed, and its image.
struct Files {
    folder: TempDir,
    model: PathBuf,
    image: PathBuf,
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary names are plain")
}

fn embedded(name: &str) -> Files {
    let folder = TempDir::new().unwrap();
    let (model, image) = (folder.path().join("model.safetensors"), folder.path().join("model.img"));
    let source = seedlm_model::embedded::shakespeare().unwrap();
    let code = Code::preset(name).unwrap();
    let options = CompressOptions {
        encoding: Encoding::new(code.clone(), Quantizer::Exact, Rotate::Auto),
        rules: Rules::default(),
        moments: None,
        replace: false,
    };
    compress(&source, &model, &options, &Silent).unwrap();
    write(&model, &image, &DatapathConfig::reference(&code.into()));
    Files { folder, model, image }
}

fn write(model: &Path, image: &Path, machine: &DatapathConfig) {
    let options = ImageOptions {
        machine: machine.clone(),
        alignment_bytes: DEFAULT_ALIGNMENT_BYTES,
        hex: false,
        replace: true,
    };
    let container = Container::open(model).unwrap();
    write_image(&container, image, &map_of_image(image), &options, &Silent).unwrap();
}

fn sim(arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("sim"))
        .args(["run", "--quiet"])
        .args(arguments)
        .output()
        .unwrap()
}

/// The report of the format at this place.
fn report(arguments: &[&str], place: usize) -> Value {
    let output = sim(&[&["--json", "-"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["formats"][place].take()
}

fn refused(arguments: &[&str]) -> String {
    let output = sim(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// What does not depend on where the matrices lie.
fn of_any_place(format: &Value) -> Vec<Value> {
    let keys = [
        "format",
        "weights",
        "read_bytes",
        "rotated_matrices",
        "results_checked",
        "machine",
    ];
    let mut values: Vec<Value> = keys.iter().map(|key| format[key].clone()).collect();
    for matrix in format["matrices"].as_array().unwrap() {
        let keys = ["name", "rows", "columns", "rotated", "activation_beats", "weight_beats"];
        values.extend(keys.iter().map(|key| matrix[key].clone()));
    }
    values
}

/// Every result is held against the golden product of the words in the image, and these are the model's.
#[test]
fn the_image_of_the_embedded_model_runs_as_the_model_does() {
    for name in ["paper-4b", "chained-4b"] {
        let files = embedded(name);
        let from_image = load_image(&files.image, &map_of_image(&files.image)).unwrap();
        let container = Container::open(&files.model).unwrap();
        let from_model = compress_model(
            &ModelSource::Compressed(container),
            &Code::preset(name).unwrap(),
            None,
            &|_| {},
        );
        let (from_image, from_model) = (from_image.pass().unwrap(), from_model.unwrap());
        assert_eq!(from_image.matrices.len(), 21);
        for (image, model) in from_image.matrices.iter().zip(&from_model.matrices) {
            assert_eq!((&image.name, &image.rotation), (&model.name, &model.rotation));
            assert_eq!(image.matrix, model.matrix, "{}", image.name);
        }
        for memory in ["paper", "ddr4-2400"] {
            let set = ["--memory", memory, "--set", "beat_bits=512"];
            let model = report(&[&[text(&files.model), "--weights", name], &set[..]].concat(), 0);
            let image = report(&[&["--image", text(&files.image)], &set[..]].concat(), 0);
            assert_eq!(of_any_place(&image), of_any_place(&model), "{name}, {memory}");
            let [image, model] = [image, model].map(|format| format["cycles"].as_u64().unwrap());
            println!("{name}, {memory}: {model} cycles from the model, {image} from its image");
            assert!(
                image.abs_diff(model) <= model / 100,
                "{name}, {memory}: {image} {model}"
            );
        }
    }
}

/// Requests go to the addresses of the map: the wave file shows them in beats.
#[test]
fn the_memory_is_asked_for_the_addresses_of_the_map() {
    let files = embedded("paper-4b");
    let waves = files.folder.path().join("waves.vcd");
    report(&["--image", text(&files.image), "--vcd", text(&waves)], 0);
    let waves = std::fs::read_to_string(waves).unwrap();
    let declaration = waves.lines().find(|line| line.contains("m_axi_araddr_beat")).unwrap();
    let identifier = declaration.split_whitespace().nth(3).unwrap();
    let mut asked: Vec<u64> = waves
        .lines()
        .filter_map(|line| line.strip_prefix('b')?.strip_suffix(identifier)?.strip_suffix(' '))
        .map(|bits| u64::from_str_radix(bits, 2).unwrap() * 64)
        .collect();
    asked.dedup();
    let image = MemoryImage::open(&files.image, &map_of_image(&files.image)).unwrap();
    let activations = &image.map().regions;
    let activations = activations
        .iter()
        .find(|region| region.kind == RegionKind::Activations)
        .unwrap();
    let mut starts = Vec::new();
    for (weights, _) in image.map().matrices() {
        starts.extend([activations.address, weights.address]);
    }
    // Between them stand the bursts of each stream, and 0 where nothing is asked for.
    let mut rest = asked.iter();
    for start in starts {
        assert!(
            rest.any(|address| *address == start),
            "{start:#x} is not asked for in its turn"
        );
    }
}

#[test]
fn what_does_not_fit_the_image_is_refused_with_the_next_step() {
    let files = embedded("paper-4b");
    let image = text(&files.image);
    for (arguments, parts) in [
        (
            &["--set", "lanes=8", "--set", "tile_rows=8"][..],
            &[
                image,
                "lanes = 16",
                "lanes = 8",
                "seedlm image MODEL",
                "--config lanes=8",
            ][..],
        ),
        (
            &["--set", "largest_columns=128"],
            &[image, "tensor \"", "largest_columns = 128", "--set largest_columns="],
        ),
        (
            &["--weights", "fp16"],
            &[
                image,
                "words of paper-4b",
                "cannot be run as fp16",
                "leave --weights out",
            ],
        ),
        (&["--weights", "fp16,paper-4b"], &["cannot be run as fp16"]),
        (&["--workload", "matvec:8x8"], &["cannot be used with"]),
        (&["--image-map", "nowhere.json"], &["nowhere.json"]),
    ] {
        let error = refused(&[&["--image", image], arguments].concat());
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    // A parameter that does not change the layout may be another one.
    report(&["--image", image, "--set", "beat_fifo_beats=32"], 0);

    // One bit of the last matrix.
    let mut bytes = std::fs::read(&files.image).unwrap();
    let map = MemoryImage::open(&files.image, &map_of_image(&files.image)).unwrap();
    let (last, _) = map.map().matrices().last().unwrap();
    bytes[last.address as usize + 5] ^= 4;
    std::fs::write(&files.image, bytes).unwrap();
    let error = refused(&["--image", image]);
    for part in [
        image,
        last.tensor.as_deref().unwrap(),
        "damaged",
        "write the image again",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// The machine of the run is the image's, without a word about it.
#[test]
fn an_image_for_another_machine_brings_it_along() {
    let files = embedded("paper-4b");
    let format = WeightFormat::named("paper-4b").unwrap();
    let machine = DatapathConfig {
        beat_bits: 128,
        lanes: 4,
        tile_rows: 4,
        beat_fifo_beats: 20,
        ..DatapathConfig::reference(&format)
    };
    let image = files.folder.path().join("small.img");
    write(&files.model, &image, &machine);
    let run = report(&["--image", text(&image)], 0);
    assert_eq!(run["machine"], serde_json::to_value(&machine).unwrap());
    assert_eq!(run["results_checked"], 5_760);
}
