//! Holds the container reader against the files of `testbenches/vectors`.

mod golden;

use golden::{Case, cases, expect_all_refused, folder};
use seedlm_codec::CodedMatrix;
use seedlm_model::{Container, ModelError};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a container holds, read to the last byte.
struct Contents {
    matrices: BTreeMap<String, CodedMatrix>,
    kept: BTreeMap<String, (String, Vec<usize>, Vec<u8>)>,
}

fn read(folder_name: &str, case: &Case) -> Result<Contents, String> {
    let path = folder().join(folder_name).join("containers").join(case.text("file"));
    assert!(path.is_file(), "{}: {} is missing", case.place, path.display());
    // The path is no part of the reason: the names of the files say what is wrong with them.
    let reason = |error: ModelError| error.to_string().replace(&path.display().to_string(), "FILE");
    let container = Container::open(&path).map_err(reason)?;
    let mut contents = Contents {
        matrices: BTreeMap::new(),
        kept: BTreeMap::new(),
    };
    for info in container.matrices() {
        let matrix = container.matrix(info).map_err(reason)?;
        contents.matrices.insert(info.name.clone(), matrix);
    }
    for info in container.kept() {
        let bytes = container.kept_bytes(info).map_err(reason)?.to_vec();
        contents
            .kept
            .insert(info.name.clone(), (info.dtype.to_string(), info.shape.clone(), bytes));
    }
    Ok(contents)
}

fn names(cases: &[Case]) -> BTreeSet<&str> {
    cases.iter().map(|case| case.text("name")).collect()
}

#[test]
fn legal_containers_hold_the_stated_tensors() {
    for folder_name in ["good", "odd"] {
        for case in cases(&format!("{folder_name}/containers.json")) {
            assert_eq!(case.text("expected"), "ok", "{}", case.place);
            let contents = read(folder_name, &case).unwrap_or_else(|error| panic!("{}: refused: {error}", case.place));
            let parts = |key| -> Vec<Case> {
                let parts = case.list(key).iter();
                parts.map(|part| Case::new(&case.place, part.clone())).collect()
            };
            let (matrices, kept) = (parts("compressed"), parts("kept"));
            let got: BTreeSet<&str> = contents.matrices.keys().map(String::as_str).collect();
            assert_eq!(got, names(&matrices), "{}: compressed", case.place);
            for part in &matrices {
                let matrix = &contents.matrices[part.text("name")];
                part.expect_matrix(matrix);
                assert_eq!(
                    matrix.scale().to_bits(),
                    part.binary32("scale_bits").to_bits(),
                    "{}: scale",
                    part.place
                );
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
    }
}

#[test]
fn bad_containers_are_refused() {
    expect_all_refused("bad/containers.json", |case| {
        assert_eq!(case.text("expected"), "refused", "{}", case.place);
        read("bad", case)
    });
}

#[test]
fn open_questions_do_not_crash() {
    for case in cases("open/containers.json") {
        assert_eq!(case.text("expected"), "open", "{}", case.place);
        let outcome = read("open", &case).map_or_else(|error| format!("refused: {error}"), |_| "accepted".into());
        println!("{}: {} {outcome}", case.place, case.text("question"));
    }
}
