//! Holds the directions in which the project's crates may depend on each other.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// For each crate, which crates of the project it may use outside its tests. `docs/architecture.md` says why.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("seedlm-codec", &[]),
    // What the encoder, the software decoder and the language model's host choose by.
    ("seedlm-instructions", &[]),
    ("seedlm-encoder", &["seedlm-codec", "seedlm-instructions"]),
    ("seedlm-decoder", &["seedlm-codec", "seedlm-instructions"]),
    ("seedlm-model", &["seedlm-codec", "seedlm-encoder"]),
    ("seedlm-llm", &["seedlm-codec", "seedlm-instructions", "seedlm-model"]),
    (
        "seedlm",
        &[
            "seedlm-codec",
            "seedlm-decoder",
            "seedlm-encoder",
            "seedlm-instructions",
            "seedlm-llm",
            "seedlm-model",
        ],
    ),
    // The binding knows no hardware: it builds and clocks whatever Verilog it is given.
    ("seedlm-verilator", &[]),
    // Never each other: simulator and generator meet in tests only, or their agreement would be worth nothing.
    (
        "seedlm-sim",
        &[
            "seedlm-codec",
            "seedlm-encoder",
            "seedlm-llm",
            "seedlm-model",
            "seedlm-verilator",
        ],
    ),
    ("seedlm-hdl", &["seedlm-codec"]),
    (
        "seedlm-testbenches",
        &[
            "seedlm-codec",
            "seedlm-encoder",
            "seedlm-hdl",
            "seedlm-model",
            "seedlm-sim",
            "seedlm-verilator",
        ],
    ),
];

/// Crates outside the project that only some crates may use.
const ONLY_IN: [(&str, &[&str]); 3] = [
    ("rust-hdl", &["seedlm-hdl"]),
    ("rust-hdl-core", &["seedlm-hdl"]),
    ("rust-hdl-widgets", &["seedlm-hdl"]),
];

/// Name of each crate of the project with the names of what it depends on, tests left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(["--offline".to_string()])
        .exec()
        .expect("cargo describes the project");
    let used = |package: &cargo_metadata::Package| {
        let kinds = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development);
        kinds.map(|dependency| dependency.name.clone()).collect()
    };
    metadata
        .packages
        .iter()
        .map(|package| (package.name.to_string(), used(package)))
        .collect()
}

#[test]
fn crates_depend_in_one_direction() {
    let dependencies = dependencies();
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let there: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(
        there, known,
        "every crate of the workspace has its rule here, and every rule its crate"
    );
    for (name, allowed) in MAY_USE {
        for used in &dependencies[name] {
            let is_ours = known.contains(used.as_str());
            assert!(
                !is_ours || allowed.contains(&used.as_str()),
                "{name} must not depend on {used}"
            );
        }
    }
}

#[test]
fn heavy_dependencies_stay_where_they_belong() {
    for (name, used) in dependencies() {
        for (heavy, allowed) in ONLY_IN {
            assert!(
                !used.contains(heavy) || allowed.contains(&name.as_str()),
                "{name} must not depend on {heavy}"
            );
        }
    }
}
