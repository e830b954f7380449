//! Holds the container reader against the files of `testbenches/vectors`.

mod golden;
#[path = "golden/layers.rs"]
mod layers;

use golden::{Case, cases, expect_all_refused, folder};
use seedlm_codec::WeightMatrix;
use seedlm_model::{CompressedMatrix, Container, ModelError, StoredMatrix};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a container holds, read to the last byte.
struct Contents {
    matrices: BTreeMap<String, (CompressedMatrix, StoredMatrix)>,
    kept: BTreeMap<String, (String, Vec<usize>, Vec<u8>)>,
}

fn read(folder_name: &str, case: &Case) -> Result<Contents, String> {
    let path = folder().join(folder_name).join("containers").join(case.text("file"));
    assert!(path.is_file(), "{}: {} is missing", case.place, path.display());
    // The path is no part of the reason: the names of the files say what is wrong with them.
    let reason = |error: ModelError| error.to_string().replace(&path.display().to_string(), "FILE");
    contents(&Container::open(&path).map_err(reason)?).map_err(reason)
}

fn contents(container: &Container) -> Result<Contents, ModelError> {
    let mut contents = Contents {
        matrices: BTreeMap::new(),
        kept: BTreeMap::new(),
    };
    for info in container.matrices() {
        let matrix = container.matrix(info)?;
        contents.matrices.insert(info.name.clone(), (info.clone(), matrix));
    }
    for info in container.kept() {
        let bytes = container.kept_bytes(info)?.to_vec();
        contents
            .kept
            .insert(info.name.clone(), (info.dtype.to_string(), info.shape.clone(), bytes));
    }
    Ok(contents)
}

fn names(cases: &[Case]) -> BTreeSet<&str> {
    cases.iter().map(|case| case.text("name")).collect()
}

/// Compares a compressed matrix: what is stored, and the weights that it stands for.
fn expect_stored(part: &Case, info: &CompressedMatrix, matrix: &StoredMatrix) {
    let [coded] = matrix.layers() else {
        panic!("{}: it has layers, and containers of its version have none", part.place);
    };
    part.expect_integers(coded);
    part.expect_weights("weights_bits", coded.rows(), |row| matrix.values(row..row + 1));
    expect_scales(part, coded);
    // Containers of version 1 have no rotations, and their vectors do not say so.
    let Some(rotation) = part.optional("rotation") else {
        assert!(matrix.rotation().is_none(), "{}: rotated", part.place);
        return;
    };
    let got = serde_json::to_value(matrix.rotation()).expect("a rotation is JSON");
    assert_eq!(&got, rotation, "{}: rotation", part.place);
    let got = serde_json::to_value(info.only_code()).expect("a code is JSON");
    assert_eq!(&got, part.field("code"), "{}: code", part.place);
}

/// Compares the scales of a coded matrix.
fn expect_scales(part: &Case, coded: &WeightMatrix) {
    let scales: Vec<u32> = match coded {
        WeightMatrix::Chained(_) => part.row_scales().iter().map(|scale| scale.to_bits()).collect(),
        _ => vec![part.binary32("scale_bits").to_bits(); coded.rows()],
    };
    let got: Vec<u32> = (0..coded.rows()).map(|row| coded.scale(row).to_bits()).collect();
    part.expect_list("scale, row", &scales, &got);
}

/// Compares all that a container holds with what its case says; `expect_matrix` compares a compressed matrix.
fn expect_contents(case: &Case, contents: &Contents, expect_matrix: impl Fn(&Case, &CompressedMatrix, &StoredMatrix)) {
    let parts = |key| -> Vec<Case> {
        let parts = case.list(key).iter();
        parts.map(|part| Case::new(&case.place, part.clone())).collect()
    };
    let (matrices, kept) = (parts("compressed"), parts("kept"));
    let got: BTreeSet<&str> = contents.matrices.keys().map(String::as_str).collect();
    assert_eq!(got, names(&matrices), "{}: compressed", case.place);
    for part in &matrices {
        let (info, matrix) = &contents.matrices[part.text("name")];
        expect_matrix(part, info, matrix);
    }
    let got: BTreeSet<&str> = contents.kept.keys().map(String::as_str).collect();
    assert_eq!(got, names(&kept), "{}: kept", case.place);
    for part in &kept {
        let (dtype, shape, bytes) = &contents.kept[part.text("name")];
        assert_eq!(dtype, part.text("dtype"), "{}: dtype", part.place);
        part.expect_list("dimension", &part.integers("shape"), shape);
        part.expect_list("byte", &part.bytes("data"), bytes);
    }
}

#[test]
fn legal_containers_hold_the_stated_tensors() {
    for (folder_name, file) in [
        ("good", "containers.json"),
        ("odd", "containers.json"),
        ("good", "containers_version_2.json"),
        ("odd", "containers_version_2.json"),
    ] {
        for case in cases(&format!("{folder_name}/{file}")) {
            assert_eq!(case.text("expected"), "ok", "{}", case.place);
            let contents = read(folder_name, &case).unwrap_or_else(|error| panic!("{}: refused: {error}", case.place));
            expect_contents(&case, &contents, expect_stored);
        }
    }
}

#[test]
fn bad_containers_are_refused() {
    for file in [
        "bad/containers.json",
        "bad/containers_version_2.json",
        "bad/containers_version_3.json",
        "bad/containers_version_4.json",
    ] {
        expect_all_refused(file, |case| {
            assert_eq!(case.text("expected"), "refused", "{}", case.place);
            read("bad", case)
        });
    }
}

#[test]
fn open_questions_do_not_crash() {
    for case in cases("open/containers.json") {
        assert_eq!(case.text("expected"), "open", "{}", case.place);
        let outcome = read("open", &case).map_or_else(|error| format!("refused: {error}"), |_| "accepted".into());
        println!("{}: {} {outcome}", case.place, case.text("question"));
    }
}
