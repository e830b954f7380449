//! The `hdl` program from outside.

use assert_cmd::Command;
use std::path::Path;

fn hdl(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hdl"))
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

/// Every configuration that cannot be is refused with the reason, and nothing is written.
#[test]
fn what_cannot_be_built_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let map = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let broken = map("broken.json", r#"{"length": 8, "fields": [[256]]}"#);
    let good = map("good.json", r#"{"length": 8, "fields": [[128]]}"#);
    let cases: [(&[&str], &str); 21] = [
        (&["--code", "C=8,P=3,K=25"], "the length must be 2 to 24 bits"),
        (&["--code", "C=8,P=3,K=16,taps=0:1"], "not maximal"),
        (
            &["--code", "C=8,P=9,K=16"],
            "latent dimension P is 9, and must be 1 to 8",
        ),
        (&["--code", "C=8,K=16"], "P is missing"),
        (&["--code", "C=8,P=3,K=16,Q=1"], "\"Q\" is not one of"),
        (&["--weights", "paper-5b"], "paper-4b"),
        (&["--set", "lanes=0"], "lanes is 0"),
        (&["--set", "lanes=15"], "15 lanes do not divide into tiles of 16 rows"),
        (
            &["--weights", "paper-3b", "--set", "gearbox=false"],
            "a beat of 512 bits is no whole number of groups of 16 words of 36 bits: this needs gearbox = true",
        ),
        (
            &["--set", "activation_bits=16", "--set", "largest_columns=32768"],
            "can need 66 bits, and results have 64",
        ),
        (&["--set", "beat_bits=100"], "must be a multiple of 64"),
        (
            &["--weights", "fp16", "--set", "pack_products=true"],
            "pack_products is true, and words of fp16 have exponents",
        ),
        (
            &[
                "--weights",
                "chained-4b",
                "--set",
                "pack_products=true",
                "--set",
                "activation_bits=16",
            ],
            "set activation_bits=8, or pack_products=false",
        ),
        (&["--set", "colour=1"], "no parameter is called \"colour\"; there are:"),
        (&["--set", "lanes=many"], "\"many\" is no whole number"),
        (&["--suffix", "a b"], "cannot be part of a Verilog name"),
        (&["--code", "paper-5b"], "there are: paper-4b, paper-3b, chained-4b"),
        (
            &["--map", &broken, "--bits-per-weight", "2"],
            "broken.json: code parameters refused: chain map: the mask 0x100",
        ),
        (
            &["--map", "none.json", "--bits-per-weight", "2"],
            "none.json: cannot read",
        ),
        (
            &["--map", &good, "--bits-per-weight", "8"],
            "--bits-per-weight 8: code parameters refused",
        ),
        (&["--map", &good], "--bits-per-weight <K>"),
    ];
    let out = folder.path().join("out");
    for (arguments, reason) in cases {
        let mut all = vec!["generate", "--out", out.to_str().unwrap()];
        all.extend(arguments);
        let (is_success, text) = hdl(&all);
        assert!(!is_success && text.contains(reason), "{arguments:?}: {text}");
        assert!(!out.exists(), "{arguments:?}");
    }
}

/// A map as data makes the machine that its numbers say, and a preset's name is understood in both places.
#[test]
fn codes_are_taken_by_name_and_as_a_map() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let map = serde_json::to_string(&seedlm_codec::ChainMap::standard(12).unwrap()).unwrap();
    std::fs::write(path("map.json"), map).unwrap();
    let generate = |arguments: &[&str], out: &str| {
        let small = ["--set", "lanes=1", "--set", "tile_rows=1", "--out", out];
        let (is_success, text) = hdl(&[&["generate"], arguments, &small].concat());
        assert!(is_success, "{text}");
        std::fs::read_to_string(Path::new(out).join("seedlm_matvec.v")).unwrap()
    };
    let by_weights = generate(&["--weights", "chained-3b-k12"], &path("weights"));
    assert_eq!(generate(&["--code", "chained-3b-k12"], &path("code")), by_weights);
    let by_map = generate(&["--map", &path("map.json"), "--bits-per-weight", "3"], &path("map"));
    assert_eq!(by_map, by_weights);
}

/// A weight that is one bit of the window takes no look-up table but those of the valid bits' reset and of the histories.
#[test]
fn area_is_counted_as_a_table_and_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("map.json"), r#"{"length": 2, "fields": [[2]]}"#).unwrap();
    let json = path("area.json");
    let (is_success, text) = hdl(&[
        "area",
        "--map",
        &path("map.json"),
        "--bits-per-weight",
        "1",
        "--json",
        &json,
    ]);
    assert!(is_success && text.contains("| k=1 K=2 map=2 | 128 | "), "{text}");
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert!(report["tool"].as_str().unwrap().starts_with("Yosys "), "{report}");
    for (family, area) in ["xc7", "ecp5"].iter().zip(report["areas"].as_array().unwrap()) {
        assert_eq!(area["family"], *family);
        assert_eq!(area["weights_per_cycle"], 128);
        // One inverted bit for each weight, its register, a valid bit for each lane, the histories of four rows.
        let (tables, flip_flops) = (area["luts"].as_u64().unwrap(), area["flip_flops"].as_u64().unwrap());
        assert!((128..150).contains(&tables) && flip_flops < 150, "{area}");
    }
}

#[test]
fn a_suffix_renames_every_module_and_a_list_names_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let (is_success, text) = hdl(&[
        "generate",
        "--suffix",
        "_a",
        "--set",
        "lanes=2",
        "--set",
        "tile_rows=2",
        "--out",
        out,
    ]);
    assert!(is_success, "{text}");
    let list = std::fs::read_to_string(folder.path().join("seedlm_a.f")).unwrap();
    let core = std::fs::read_to_string(folder.path().join("seedlm_a.core")).unwrap();
    assert!(core.starts_with("CAPI=2:\n") && core.contains("toplevel: seedlm_matvec_a\n"));
    for file in list.lines() {
        let module = file.strip_suffix("_a.v").unwrap_or_else(|| panic!("{file}"));
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains(&format!("\nmodule {module}_a (")), "{file}");
        assert!(core.contains(&format!("      - {file}\n")));
    }
}

#[test]
fn the_check_of_the_presets_names_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(hdl(&["presets", "--out", out]).0);
    assert!(hdl(&["presets", "--check", "--out", out]).0);
    let path = |name: &str| Path::new(out).join("paper-4b").join(name);
    std::fs::write(path("seedlm_mac.v"), "// changed\n").unwrap();
    std::fs::write(path("old.v"), "").unwrap();
    std::fs::remove_file(path("seedlm_skid.v")).unwrap();
    let (is_success, text) = hdl(&["presets", "--check", "--out", out]);
    assert!(!is_success);
    for part in [
        "seedlm_mac.v: out of date",
        "old.v: is not generated",
        "seedlm_skid.v: ",
        "cargo run --bin hdl -- presets",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
