//! Memory images: what is written where, what a check finds, and what is refused.
#[allow(dead_code)]
mod common;

use common::{listing, numbers, run, write_model, write_small_model};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A folder with the small model, compressed.
struct Workplace {
    folder: tempfile::TempDir,
    packed: String,
    image: String,
    map: String,
}

impl Workplace {
    fn new(code: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
        let plain = path("plain.safetensors");
        write_small_model(plain.as_ref());
        let packed = path("packed.safetensors");
        let options = match code.starts_with("paper") {
            true => ["--quantizer", "printed"],
            false => ["--rotate", "always"],
        };
        let compress = ["compress", &plain, "-o", &packed, "-q", "--code", code];
        assert_eq!(run(&[&compress[..], &options].concat()).0, 0);
        let (image, map) = (path("out.img"), path("out.img.json"));
        Workplace {
            packed,
            image,
            map,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the image and returns stdout and stderr.
    fn write(&self, more: &[&str]) -> (String, String) {
        let (code, out, err) = run(&[&["image", &self.packed, "-o", &self.image, "-f"], more].concat());
        assert_eq!(code, 0, "{err}");
        (out, err)
    }

    fn map(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(&self.map).unwrap()).unwrap()
    }

    /// Checks the image, against the model; returns exit code and stdout.
    fn check(&self) -> (i32, String) {
        let (code, out, _) = run(&["image", &self.packed, "--check", &self.image]);
        (code, out)
    }
}

#[test]
fn an_image_is_written_and_checked() {
    for code in ["paper-4b", "paper-3b", "chained-4b-k12", "chained-2b-k12"] {
        let place = Workplace::new(code);
        let (out, err) = place.write(&[]);
        assert!(
            out.contains("out.img: 2 matrices, ") && out.contains(&format!("; {code}")),
            "{out}"
        );
        assert!(
            err.contains("not compressed (the host computes with them): embed_tokens.weight, layers.0.q_proj.bias"),
            "{err}"
        );
        assert_eq!(
            listing(place.folder.path()),
            ["out.img", "out.img.json", "packed.safetensors", "plain.safetensors"]
        );
        let map = place.map();
        assert_eq!(
            (&map["version"], &map["beat_bytes"], &map["alignment_bytes"]),
            (&1.into(), &64.into(), &8192.into())
        );
        let kinds: Vec<&str> = map["regions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|region| region["kind"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "weights",
                "row_scales",
                "weights",
                "row_scales",
                "activations",
                "results"
            ]
        );
        assert_eq!(map["regions"][0]["tensor"], "layers.0.k_proj.weight");
        assert_eq!(map["regions"][2]["rotation"].is_null(), code.starts_with("paper"));
        assert_eq!(
            fs::metadata(&place.image).unwrap().len(),
            map["stored_bytes"].as_u64().unwrap()
        );
        let (code, out) = place.check();
        assert!(
            code == 0 && out.contains("intact: 2 matrices") && out.contains("the same as in"),
            "{out}"
        );
        let (code, out, _) = run(&["image", "--check", &place.image, "--map", &place.map, "--json"]);
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            (code, &report["intact"], &report["compared"]),
            (0, &true.into(), &false.into())
        );
    }
}

#[test]
fn text_for_readmemh_has_the_same_beats() {
    let place = Workplace::new("paper-4b");
    place.write(&["--alignment", "128", "--config", "beat_bits=256"]);
    let bytes = fs::read(&place.image).unwrap();
    let map = place.map();
    let (_, err) = place.write(&["--alignment", "128", "--set", "beat_bits=256", "--hex"]);
    assert!(!err.contains("error"), "{err}");
    let text = fs::read_to_string(&place.image).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(32 * lines.len(), bytes.len());
    for (line, beat) in lines.iter().zip(bytes.chunks(32)) {
        let expected: String = beat.iter().rev().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(*line, expected);
    }
    assert_eq!((&map["beat_bytes"], place.map() == map), (&32.into(), true));
    let (code, out) = place.check();
    assert!(code == 1 && out.contains("or text written with --hex"), "{out}");
}

#[test]
fn every_flipped_bit_is_found() {
    let place = Workplace::new("chained-4b-k12");
    place.write(&["--alignment", "64"]);
    let bytes = fs::read(&place.image).unwrap();
    // A sample of bits, so that the test takes no time, in all regions and between them.
    for bit in (0..8 * bytes.len()).step_by(997) {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&place.image, damaged).unwrap();
        let (code, out) = place.check();
        assert!(
            code == 1 && out.contains("DAMAGED") && out.contains("write the image again"),
            "bit {bit}: {out}"
        );
    }
    fs::write(&place.image, &bytes[1..]).unwrap();
    let (code, out) = place.check();
    assert!(code == 1 && out.contains("the file is truncated"), "{out}");
}

#[test]
fn padding_between_regions_must_be_zero() {
    let place = Workplace::new("paper-4b");
    place.write(&[]);
    let mut bytes = fs::read(&place.image).unwrap();
    bytes[8191] = 1;
    fs::write(&place.image, bytes).unwrap();
    let (code, out) = place.check();
    assert!(
        code == 1
            && out.contains("row_scales of \"layers.0.k_proj.weight\": the padding before it is not zero at 0x1fff"),
        "{out}"
    );
}

#[test]
fn hostile_maps_and_other_models_are_refused() {
    let place = Workplace::new("paper-4b");
    place.write(&[]);
    let good = place.map();
    let refused = |change: &dyn Fn(&mut Value), expected: &str| {
        let mut map = good.clone();
        change(&mut map);
        fs::write(&place.map, map.to_string()).unwrap();
        let (code, out) = place.check();
        assert!(code == 1 && out.contains(expected), "{expected}: {out}");
    };
    refused(
        &|map| map["regions"][1]["address"] = 0.into(),
        "out.img.json: memory image refused: region 1 (row_scales of \"layers.0.k_proj.weight\") at 0x0 overlaps",
    );
    refused(
        &|map| map["regions"][5]["bytes"] = u64::MAX.into(),
        "overflow 64-bit addresses",
    );
    refused(
        &|map| map["regions"][2]["bytes"] = (1_u64 << 50).into(),
        "is out of range",
    );
    refused(
        &|map| map["regions"][0]["rows"] = u64::MAX.into(),
        "does not fit 64 bits",
    );
    refused(&|map| map["regions"][0]["rows"] = (-1).into(), "not an address map");
    refused(&|map| map["version"] = 9.into(), "map version 9");
    refused(&|map| map["machine"]["lanes"] = 0.into(), "lanes is 0");
    refused(&|map| map["x"] = 0.into(), "unknown field `x`");
    refused(
        &|map| {
            for region in [0, 1] {
                map["regions"][region]["tensor"] = "other".into();
            }
        },
        "tensor \"other\" is not compressed in the model",
    );
    fs::write(&place.map, good.to_string()).unwrap();
    // The same shapes with other weights.
    let other = place.path("other.safetensors");
    let plain = place.path("plain2.safetensors");
    let tensors: [(&str, &[usize], Vec<u8>); 2] = [
        ("layers.0.q_proj.weight", &[16, 40], numbers(641).split_off(4)),
        ("layers.0.k_proj.weight", &[4, 13], numbers(52)),
    ];
    write_model(&plain, &tensors);
    let (plain, other) = (plain.to_str().unwrap(), other.to_str().unwrap());
    assert_eq!(
        run(&["compress", plain, "-o", other, "-q", "--quantizer", "printed"]).0,
        0
    );
    let (code, out, _) = run(&["image", other, "--check", &place.image]);
    assert!(
        code == 1 && out.contains("tensor \"layers.0.q_proj.weight\" has other words or scales than in the model"),
        "{out}"
    );
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let place = Workplace::new("paper-4b");
    let before = listing(place.folder.path());
    let refused = |arguments: &[&str], expected: &str| {
        let (code, out, err) = run(&[&["image", &place.packed, "-o", &place.image], arguments].concat());
        assert!(
            code == 2 && out.is_empty() && err.contains(expected),
            "{arguments:?}: {err}"
        );
        assert_eq!(listing(place.folder.path()), before);
    };
    refused(&["--config", "lanes"], "it must be key=value");
    refused(&["--config", "lane=3"], "no parameter is called \"lane\"; there are: [");
    refused(
        &["--config", "lanes=many"],
        "--config lanes=many: the value must be a whole number",
    );
    refused(&["--config", "lanes=-1"], "--config lanes=-1: invalid value");
    refused(
        &["--config", "lanes=15"],
        "15 lanes do not divide into tiles of 16 rows",
    );
    refused(
        &["--config", "largest_columns=39"],
        "tensor \"layers.0.q_proj.weight\": its 40 columns do not fit a machine with largest_columns = 39; give --config",
    );
    refused(&["--alignment", "100"], "must be a multiple of the 64 bytes of a beat");
    refused(
        &["--map", &place.image],
        "is the image; choose another name for the map",
    );
    refused(&["--map", &place.packed, "-f"], "is the input");
    refused(&["--map", "no/where"], "does not exist; create it first");
    let plain = place.path("plain.safetensors");
    let (code, _, err) = run(&["image", plain.to_str().unwrap(), "-o", &place.image]);
    assert!(code == 2 && err.contains("not a SeedLM container"), "{err}");
    fs::write(&place.map, "old").unwrap();
    let (code, _, err) = run(&["image", &place.packed, "-o", &place.image]);
    assert!(
        code == 2 && err.contains("out.img.json: exists already; -f (--force) replaces it"),
        "{err}"
    );
    assert!(!place.path("out.img").exists());
    assert_eq!(fs::read_to_string(&place.map).unwrap(), "old");
    for wrong in [
        &["image"][..],
        &["image", &place.packed],
        &["image", "--check", "a", "-o", "b"],
        &["image", "--check", "a", "--hex"],
    ] {
        assert_eq!(run(wrong).0, 2, "{wrong:?}");
    }
}
