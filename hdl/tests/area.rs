//! `hdl area` with codes of one's own, one family, and a cache. Needs yosys.

use assert_cmd::Command;
use serde_json::Value;

/// The report of a run, with the yosys that is named, if one is.
fn area(yosys: Option<&str>, arguments: &[&str]) -> Result<Value, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hdl"));
    if let Some(yosys) = yosys {
        command.env("SEEDLM_YOSYS", yosys);
    }
    let output = command.args(["area", "--json", "-"]).args(arguments).output().unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn counts_are_kept_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let cache = cache.to_str().unwrap();
    let some = [
        "--code",
        "C=4,P=1,K=5",
        "--family",
        "xc7",
        "--weights-per-cycle",
        "8",
        "--cache",
        cache,
    ];
    let cached_only = [&some[..], &["--cached-only"]].concat();
    assert_eq!(area(None, &cached_only).unwrap()["areas"], serde_json::json!([]));
    let counted = area(None, &some).unwrap();
    let [found] = &counted["areas"].as_array().unwrap()[..] else {
        panic!("{counted}");
    };
    assert_eq!(found["format"], "C=4 P=1 K=5");
    assert_eq!(
        (&found["family"], &found["weights_per_cycle"]),
        (&"xc7".into(), &8.into())
    );
    assert!(found["luts"].as_u64().unwrap() > 8, "{found}");
    assert_eq!(area(None, &cached_only).unwrap(), counted);
    // Another family, another width and another code are others.
    for other in [
        ["--family", "ecp5", "--weights-per-cycle", "8", "--code", "C=4,P=1,K=5"],
        ["--family", "xc7", "--weights-per-cycle", "9", "--code", "C=4,P=1,K=5"],
        ["--family", "xc7", "--weights-per-cycle", "8", "--code", "C=4,P=1,K=6"],
    ] {
        let arguments = [&other[..], &["--cache", cache, "--cached-only"]].concat();
        assert_eq!(
            area(None, &arguments).unwrap()["areas"],
            serde_json::json!([]),
            "{other:?}"
        );
    }
}

#[test]
fn what_cannot_be_counted_is_refused_with_the_reason() {
    let refusal = |yosys, arguments: &[&str]| area(yosys, arguments).unwrap_err();
    assert!(refusal(None, &["--code", "C=4,P=9,K=5"]).contains("latent dimension P is 9"));
    assert!(refusal(None, &["--family", "ice40"]).contains("xc7"));
    assert!(refusal(None, &["--cached-only"]).contains("--cache"));
    let missing = refusal(Some("/nowhere/yosys"), &["--weights", "chained-4b"]);
    assert!(
        missing.contains("yosys is not installed, or not on PATH: run bash testbenches/tools.sh"),
        "{missing}"
    );
}
