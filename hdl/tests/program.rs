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
    let cases: [(&[&str], &str); 14] = [
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
        (&["--set", "colour=1"], "no parameter is called \"colour\"; there are:"),
        (&["--set", "lanes=many"], "\"many\" is no whole number"),
        (&["--suffix", "a b"], "cannot be part of a Verilog name"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (arguments, reason) in cases {
        let mut all = vec!["generate", "--out", out.to_str().unwrap()];
        all.extend(arguments);
        let (is_success, text) = hdl(&all);
        assert!(!is_success && text.contains(reason), "{arguments:?}: {text}");
        assert!(!out.exists(), "{arguments:?}");
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
