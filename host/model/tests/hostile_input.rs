//! Broken models: each is refused with a message that names file and tensor, and nothing panics.
#[allow(dead_code)]
mod common;

use common::{f32_matrix, listing, options, raw, safetensors};
use proptest::prelude::*;
use seedlm_model::{Dtype, ModelError, Silent, Source, compress};
use std::fs;
use std::path::{Path, PathBuf};

fn open(folder: &Path, bytes: &[u8]) -> Result<Source, ModelError> {
    let path = folder.join("broken.safetensors");
    fs::write(&path, bytes).unwrap();
    Source::open(path)
}

fn refusal(folder: &Path, bytes: &[u8]) -> String {
    let message = open(folder, bytes).unwrap_err().to_string();
    assert!(message.contains("broken.safetensors"), "{message}");
    message
}

#[test]
fn a_file_cut_anywhere_is_refused_with_both_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = safetensors(&[f32_matrix("a.weight", 3, 5)], &[("k", "v")]);
    assert!(open(folder.path(), &whole).is_ok());
    for length in 0..whole.len() {
        let message = refusal(folder.path(), &whole[..length]);
        assert!(
            message.contains("truncated") && message.contains(&format!("{length} bytes found")),
            "{message}"
        );
    }
    let message = refusal(folder.path(), &whole[..whole.len() - 3]);
    assert!(
        message.contains(&format!("{} bytes expected", whole.len())) && message.contains("again"),
        "{message}"
    );
    assert!(refusal(folder.path(), &[&whole[..], &[0; 3]].concat()).contains("3 bytes follow the last tensor"));
}

#[test]
fn a_header_that_lies_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let u8s = |entries: &str| raw(&format!("{{{entries}}}"), &[0; 8]);
    let entry = |name: &str, size: u64, start: u64, end: u64| {
        format!(r#""{name}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{start},{end}]}}"#)
    };
    let huge = (1_u64 << 61) - 1;
    let many: Vec<String> = (0..9)
        .map(|i| entry(&format!("t{i}"), huge, i * huge, (i * huge).wrapping_add(huge)))
        .collect();
    let cases = [
        (raw("[1,2]", &[]), "does not start with '{'"),
        (raw("{\"a\":", &[]), "not valid JSON"),
        (raw(&"{\"a\":".repeat(3000), &[]), "not valid JSON"),
        (raw("{\"a\u{0}\":1}", &[]), "not valid JSON"),
        (raw("{\"a\":7}", &[]), "tensor \"a\": its header entry is wrong"),
        (raw("{\"__metadata__\":{\"a\":1}}", &[]), "__metadata__"),
        (u8s(&entry("a", 8, 1, 9)), "tensor \"a\": a hole before it"),
        (
            u8s(&[entry("a", 4, 0, 4), entry("b", 3, 5, 8)].join(",")),
            "tensor \"b\": a hole before it",
        ),
        (
            u8s(&[entry("a", 5, 0, 5), entry("b", 4, 4, 8)].join(",")),
            "tensor \"b\": an overlap",
        ),
        (
            u8s(&[entry("a", 4, 0, 4), entry("a", 4, 4, 8)].join(",")),
            "\"a\" appears twice",
        ),
        (u8s(&entry("a", 7, 0, 8)), "tensor \"a\": its data spans bytes 0 to 8"),
        (u8s(&entry("a", 8, 8, 0)), "tensor \"a\""),
        (u8s(&entry("a", 9, 0, 9)), "truncated"),
        (u8s(&entry("a", u64::MAX, 0, u64::MAX)), "tensor \"a\": shape"),
        (u8s(&many[..8].join(",")), "truncated"),
        (u8s(&many.join(",")), "tensor"),
        (
            raw(r#"{"a":{"dtype":"F4_E9","shape":[1],"data_offsets":[0,1]}}"#, &[0]),
            "tensor \"a\": dtype \"F4_E9\" is unknown",
        ),
        (
            raw(r#"{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}"#, &[0]),
            "tensor \"a\": shape",
        ),
        (
            raw(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,1]}}"#, &[0]),
            "tensor \"a\"",
        ),
        (
            raw(
                r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,1]}}"#,
                &[0],
            ),
            "tensor \"a\": shape",
        ),
    ];
    for (bytes, expected) in cases {
        let message = refusal(folder.path(), &bytes);
        assert!(message.contains(expected), "{message} should say {expected}");
    }
    let whole = safetensors(&[f32_matrix("a.weight", 3, 5)], &[]);
    let length = u64::from_le_bytes(whole[..8].try_into().unwrap());
    for lie in [
        0,
        1,
        length - 1,
        length + 1,
        length + 60,
        100_000_000,
        100_000_001,
        u64::MAX,
    ] {
        let mut bytes = whole.clone();
        bytes[..8].copy_from_slice(&lie.to_le_bytes());
        refusal(folder.path(), &bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// One changed byte anywhere in the header: this reader and the safetensors library accept the same files.
    #[test]
    fn both_readers_agree(position in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = safetensors(&[f32_matrix("a.weight", 1, 2), ("b".into(), Dtype::U8, vec![3], vec![1, 2, 3])], &[("k", "v")]);
        let position = position % bytes.len();
        bytes[position] = byte;
        let folder = tempfile::tempdir().unwrap();
        let ours = open(folder.path(), &bytes);
        let theirs = safetensors::SafeTensors::read_metadata(&bytes);
        let stricter = ours.as_ref().is_err_and(|error| error.to_string().contains("appears twice"));
        prop_assert!(ours.is_ok() == theirs.is_ok() || stricter, "{:?} {:?}", ours.err(), theirs.err());
    }
}

#[test]
fn weights_that_are_not_finite_are_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let nan = [0x00, 0x7e];
    let infinity = [0x80, 0xff];
    let mut f32s = f32_matrix("f.q.weight", 2, 3).3;
    f32s[4 * 5..].copy_from_slice(&f32::NEG_INFINITY.to_le_bytes());
    for (dtype, bytes, place) in [
        (
            Dtype::F16,
            [[0; 2], [0; 2], nan, nan, nan, nan].concat(),
            "row 0, column 2: the weight is NaN",
        ),
        (
            Dtype::BF16,
            [[0; 2], [0; 2], [0; 2], [0; 2], infinity, nan].concat(),
            "row 1, column 1: the weight is -inf",
        ),
        (Dtype::F32, f32s, "row 1, column 2: the weight is -inf"),
    ] {
        let file = safetensors(&[("f.q.weight".into(), dtype, vec![2, 3], bytes)], &[]);
        let source = open(folder.path(), &file).unwrap();
        let output = folder.path().join("out.safetensors");
        let error = compress(&source, &output, &options(), &Silent).unwrap_err();
        assert!(matches!(error, ModelError::NotFinite { .. }));
        let message = error.to_string();
        assert!(
            message.contains("broken.safetensors: tensor \"f.q.weight\"") && message.contains(place),
            "{message}"
        );
        assert_eq!(listing(folder.path()), ["broken.safetensors"]);
    }
}

#[test]
fn a_wrong_index_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    let shard = |name: &str, tensor: &str| {
        fs::write(folder.join(name), safetensors(&[f32_matrix(tensor, 2, 2)], &[])).unwrap();
    };
    shard("one.safetensors", "a.q.weight");
    shard("two.safetensors", "b.q.weight");
    let refused = |map: &str| {
        fs::write(
            folder.join("model.safetensors.index.json"),
            format!(r#"{{"weight_map":{{{map}}}}}"#),
        )
        .unwrap();
        Source::open(folder).unwrap_err().to_string()
    };
    for (map, expected) in [
        (
            r#""a.q.weight":"one.safetensors","b.q.weight":"gone.safetensors""#,
            "gone.safetensors: this shard is named",
        ),
        (
            r#""a.q.weight":"two.safetensors","b.q.weight":"one.safetensors""#,
            "tensor \"a.q.weight\" is not in two.safetensors, but in one.safetensors",
        ),
        (
            r#""a.q.weight":"one.safetensors","c":"two.safetensors","b.q.weight":"two.safetensors""#,
            "tensor \"c\" is not in two.safetensors, nor",
        ),
        (
            r#""a.q.weight":"../one.safetensors""#,
            "\"../one.safetensors\", which is no safetensors file of this folder",
        ),
        (
            r#""a.q.weight":"/one.safetensors""#,
            "no safetensors file of this folder",
        ),
        (
            r#""a.q.weight":"one.safetensors","a.q.weight":"two.safetensors""#,
            "appears twice",
        ),
        (r#""a.q.weight":7"#, "not a valid index"),
        ("", "names no tensor"),
    ] {
        let message = refused(map);
        assert!(message.contains(expected), "{message} should say {expected}");
    }
    shard("two.safetensors", "a.q.weight");
    assert!(
        refused(r#""a.q.weight":"one.safetensors","b":"two.safetensors""#)
            .contains("is in both one.safetensors and two.safetensors")
    );
    fs::write(folder.join("model.safetensors.index.json"), "{").unwrap();
    assert!(
        Source::open(folder)
            .unwrap_err()
            .to_string()
            .contains("not a valid index")
    );
}

#[test]
fn folders_without_a_model_and_missing_files_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let message = |path: PathBuf| Source::open(path).unwrap_err().to_string();
    assert!(message(root.path().into()).contains("no model here"));
    assert!(message(root.path().join("gone.safetensors")).contains("gone.safetensors: cannot open"));
    for name in ["a.safetensors", "b.safetensors"] {
        fs::write(root.path().join(name), safetensors(&[f32_matrix("a", 1, 1)], &[])).unwrap();
    }
    assert!(message(root.path().into()).contains("several other safetensors files"));
    fs::remove_file(root.path().join("b.safetensors")).unwrap();
    assert!(Source::open(root.path()).is_ok());
}

#[test]
fn names_that_the_container_needs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = safetensors(
        &[
            f32_matrix("a.weight", 2, 2),
            ("a.weight.seedlm_scale".into(), Dtype::U8, vec![1], vec![0]),
        ],
        &[],
    );
    let source = open(folder.path(), &file).unwrap();
    let error = compress(&source, &folder.path().join("out"), &options(), &Silent).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("tensor \"a.weight.seedlm_scale\": its name is needed"),
        "{error}"
    );
}
