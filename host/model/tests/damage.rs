//! Broken containers: `verify` finds every flipped bit, and descriptions that do not fit are refused.
#[allow(dead_code)]
mod common;

use common::{TestTensor, f32_matrix, options, options_for, safetensors, small_chained_code};
use seedlm_model::{
    CompressOptions, Container, DecompressOptions, Dtype, Model, Rotate, Silent, Source, compress, decompress, verify,
};
use serde_json::{Value, json};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A small container: a matrix with partial blocks, kept tensors of odd sizes, an empty one, foreign metadata.
fn small(folder: &Path) -> PathBuf {
    small_with(folder, "packed", &options())
}

/// The same in the chained code, rotated.
fn small_chained(folder: &Path) -> PathBuf {
    small_with(
        folder,
        "chained-packed",
        &options_for(small_chained_code(), Rotate::Always),
    )
}

fn small_with(folder: &Path, name: &str, options: &CompressOptions) -> PathBuf {
    let tensors: [TestTensor; 4] = [
        f32_matrix("a.q.weight", 2, 6),
        ("n.bias".into(), Dtype::F16, vec![3], vec![1, 2, 3, 4, 5, 6]),
        ("flags".into(), Dtype::BOOL, vec![3], vec![0, 1, 1]),
        ("empty.weight".into(), Dtype::F32, vec![0, 4], vec![]),
    ];
    let plain = folder.join("plain.safetensors");
    fs::write(&plain, safetensors(&tensors, &[("note", "x")])).unwrap();
    let packed = folder.join(format!("{name}.safetensors"));
    compress(&Source::open(&plain).unwrap(), &packed, options, &Silent).unwrap();
    packed
}

#[test]
fn verify_finds_every_single_flipped_bit() {
    every_single_flipped_bit_is_found(small);
}

#[test]
fn verify_finds_every_single_flipped_bit_of_rotated_chained_matrices() {
    every_single_flipped_bit_is_found(small_chained);
}

fn every_single_flipped_bit_is_found(make: fn(&Path) -> PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = make(folder.path());
    let intact = fs::read(&path).unwrap();
    assert!(verify(&path, &Silent).unwrap().problems.is_empty());
    // The file is changed in place, one byte at a time: 20,000 new files would take longer than all checks.
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let mut set = |position: usize, byte: u8| {
        file.seek(SeekFrom::Start(position as u64)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    for (position, &byte) in intact.iter().enumerate() {
        for bit in 0..8 {
            set(position, byte ^ 1 << bit);
            let report = verify(&path, &Silent).unwrap();
            assert!(!report.problems.is_empty(), "byte {position}, bit {bit}");
            assert!(report.is_container, "byte {position}, bit {bit}");
            assert!(
                report.problems[0].contains("packed.safetensors"),
                "{:?}",
                report.problems
            );
        }
        set(position, byte);
    }
    assert!(verify(&path, &Silent).unwrap().problems.is_empty());
}

#[test]
fn verify_finds_every_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = small(folder.path());
    let intact = fs::read(&path).unwrap();
    for length in 0..intact.len() {
        fs::write(&path, &intact[..length]).unwrap();
        assert_eq!(verify(&path, &Silent).unwrap().problems.len(), 1, "{length}");
    }
}

#[test]
fn a_damaged_tensor_is_named_and_never_decoded() {
    let folder = tempfile::tempdir().unwrap();
    for path in [small(folder.path()), small_chained(folder.path())] {
        a_damaged_tensor_of_is_named(folder.path(), &path);
    }
}

fn a_damaged_tensor_of_is_named(folder: &Path, path: &Path) {
    let intact = fs::read(path).unwrap();
    let container = Container::open(path).unwrap();
    let out = folder.join("out.safetensors");
    for name in ["a.q.weight.seedlm_words", "a.q.weight.seedlm_scale", "n.bias", "flags"] {
        let info = container.source().tensor(name).unwrap();
        let tensor = container.source().bytes(info).unwrap();
        let start = intact
            .windows(tensor.len())
            .rposition(|window| window == tensor)
            .unwrap();
        let mut bytes = intact.clone();
        bytes[start] ^= 4;
        let damaged = folder.join("damaged.safetensors");
        fs::write(&damaged, bytes).unwrap();
        let problems = verify(&damaged, &Silent).unwrap().problems;
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].contains(&format!("damaged.safetensors: tensor {name:?}")),
            "{problems:?}"
        );
        let damaged = Container::open(&damaged).unwrap();
        let error = decompress(&damaged, &out, &DecompressOptions::default(), &Silent).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert!(!out.exists());
    }
}

/// The container with its header changed, and sealed again as if it had been written so.
fn edited(intact: &[u8], edit: impl FnOnce(&mut Value, &mut Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(intact[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&intact[8..8 + length]).unwrap();
    let mut document: Value = serde_json::from_str(header["__metadata__"]["seedlm"].as_str().unwrap()).unwrap();
    edit(&mut header, &mut document);
    sealed(&header, &document.to_string(), &intact[8 + length..])
}

fn sealed(header: &Value, document: &str, data: &[u8]) -> Vec<u8> {
    let mut header = header.clone();
    header["__metadata__"]["seedlm"] = document.into();
    header["__metadata__"]["seedlm_header_crc32"] = "00000000".into();
    let json = header.to_string();
    let mut bytes = common::raw(&json, &[]);
    let digits = format!("\"{:08x}\"", crc32fast::hash(&bytes));
    let json = json.replace(
        "\"seedlm_header_crc32\":\"00000000\"",
        &format!("\"seedlm_header_crc32\":{digits}"),
    );
    bytes = common::raw(&json, data);
    bytes
}

#[test]
fn descriptions_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let intact = fs::read(small(folder.path())).unwrap();
    let path = folder.path().join("edited.safetensors");
    let refusal = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = Model::open(&path).unwrap_err();
        assert!(error.is_damage());
        assert_eq!(verify(&path, &Silent).unwrap().problems, [error.to_string()]);
        assert!(error.to_string().contains("edited.safetensors"));
        error.to_string()
    };
    fs::write(&path, edited(&intact, |_, _| {})).unwrap();
    assert!(verify(&path, &Silent).unwrap().problems.is_empty());

    type Edit = fn(&mut Value, &mut Value);
    let cases: [(Edit, &str); 24] = [
        (
            |_, doc| doc["version"] = json!(5),
            "container version 5, and this program reads versions 1 to 4; update seedlm",
        ),
        (
            |_, doc| doc["version"] = json!(2),
            "tensor \"a.q.weight\": its description says nothing of its rotation, in a container of version 2",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["rotation"] = Value::Null,
            "tensor \"a.q.weight\": its description has the key \"rotation\", in a container of version 1",
        ),
        (|_, doc| doc["version"] = json!(0), "container version 0"),
        (|_, doc| doc["version"] = json!("1"), "description is wrong"),
        (|_, doc| doc["extra"] = json!(1), "unknown field `extra`"),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["extra"] = json!(1),
            "unknown field `extra`",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["code"] = json!("paper-9b"),
            "tensor \"a.q.weight\": its code \"paper-9b\" is not described",
        ),
        (
            |_, doc| doc["codes"]["C=4 P=2 K=4"]["block_size"] = json!(0),
            "block size C is 0",
        ),
        (
            |_, doc| doc["codes"]["C=4 P=2 K=4"]["lfsr"]["taps"] = json!([1, 2]),
            "not maximal",
        ),
        (
            |_, doc| doc["codes"]["C=4 P=2 K=4"]["coefficient_bits"] = json!(4),
            "need U8 [8]",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["shape"] = json!([2, 9]),
            "tensor \"a.q.weight\": its words are U8 [7]",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["shape"] = json!([0, 6]),
            "is empty",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["shape"] = json!([1_u64 << 40, 1_u64 << 40]),
            "too large",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["shape"] = json!([2]),
            "description is wrong",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["source_dtype"] = json!("I8"),
            "unknown variant `I8`",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["words_crc32"] = json!("ABCDEF01"),
            "lowercase",
        ),
        (
            |_, doc| doc["compressed"]["a.q.weight"]["squared_error"] = json!(-1.0),
            "squared_error is -1",
        ),
        (
            |_, doc| doc["compressed"]["b"] = doc["compressed"]["a.q.weight"].clone(),
            "tensor \"b.seedlm_words\": its description names it, and the file does not",
        ),
        (
            |_, doc| doc["kept"]["b"] = json!({"crc32": "00000000"}),
            "tensor \"b\": its description names it",
        ),
        (
            |_, doc| doc["kept"]["a.q.weight"] = json!({"crc32": "00000000"}),
            "both compressed and kept",
        ),
        (
            |_, doc| doc["kept"]["a.q.weight.seedlm_words"] = json!({"crc32": "00000000"}),
            "names it twice",
        ),
        (
            |_, doc| drop(doc["kept"].as_object_mut().unwrap().remove("flags")),
            "tensor \"flags\": its description does not name it",
        ),
        (
            |header, _| {
                let tensors = header.as_object_mut().unwrap();
                let words = tensors.remove("a.q.weight.seedlm_words").unwrap();
                tensors.insert("other".into(), words);
            },
            "tensor \"a.q.weight.seedlm_words\": its description names it, and the file does not",
        ),
    ];
    for (edit, expected) in cases {
        let message = refusal(&edited(&intact, edit));
        assert!(message.contains(expected), "{message} should say {expected}");
    }
    let length = u64::from_le_bytes(intact[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&intact[8..8 + length]).unwrap();
    let document = header["__metadata__"]["seedlm"].as_str().unwrap();
    let twice = document.replacen("\"kept\":{", "\"kept\":{\"flags\":{\"crc32\":\"00000000\"},", 1);
    assert!(refusal(&sealed(&header, &twice, &intact[8 + length..])).contains("\"flags\" appears twice"));
    assert!(refusal(&sealed(&header, "", &intact[8 + length..])).contains("description is wrong"));

    // Another program that writes the tensors again leaves a header that is not sealed.
    let mut unsealed = header.clone();
    unsealed["__metadata__"]["seedlm_header_crc32"] = "12345678".into();
    assert!(refusal(&common::raw(&unsealed.to_string(), &intact[8 + length..])).contains("header's checksum"));
    unsealed["__metadata__"]
        .as_object_mut()
        .unwrap()
        .remove("seedlm_header_crc32");
    assert!(refusal(&common::raw(&unsealed.to_string(), &intact[8 + length..])).contains("no header checksum"));
}

#[test]
fn descriptions_of_chained_matrices_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let intact = fs::read(small_chained(folder.path())).unwrap();
    let path = folder.path().join("edited.safetensors");
    fs::write(&path, edited(&intact, |_, _| {})).unwrap();
    assert!(verify(&path, &Silent).unwrap().problems.is_empty());

    type Edit = fn(&mut Value, &mut Value);
    /// The only code of a document.
    fn code(doc: &mut Value) -> &mut Value {
        doc["codes"].as_object_mut().unwrap().values_mut().next().unwrap()
    }
    fn matrix(doc: &mut Value) -> &mut Value {
        &mut doc["compressed"]["a.q.weight"]
    }
    fn without(value: &mut Value, key: &str) {
        value.as_object_mut().unwrap().remove(key).unwrap();
    }
    let cases: [(Edit, &str); 19] = [
        (
            |_, doc| without(matrix(doc), "rotation"),
            "tensor \"a.q.weight\": its description says nothing of its rotation, in a container of version 2",
        ),
        (
            |_, doc| {
                doc["version"] = json!(1);
                without(matrix(doc), "rotation");
            },
            "is a chained code, and there is none in a container of version 1",
        ),
        (
            |_, doc| doc["version"] = json!(1),
            "has the key \"rotation\", in a container of version 1",
        ),
        (
            |_, doc| matrix(doc)["rotation"] = json!({}),
            "missing field `sign_seed`",
        ),
        (|_, doc| matrix(doc)["rotation"] = json!(true), "description is wrong"),
        (
            |_, doc| matrix(doc)["rotation"] = json!({"sign_seed": 1, "angle": 90}),
            "unknown field `angle`",
        ),
        (
            |_, doc| matrix(doc)["rotation"]["sign_seed"] = json!(0),
            "the sign seed of a rotation is 0, and must be 1 to 16777215",
        ),
        (
            |_, doc| matrix(doc)["rotation"]["sign_seed"] = json!(1 << 24),
            "the sign seed of a rotation is 16777216",
        ),
        (
            |_, doc| matrix(doc)["rotation"]["sign_seed"] = json!(-1),
            "description is wrong",
        ),
        (
            |_, doc| code(doc)["bits_per_weight"] = json!(0),
            "stored bits per weight k is 0",
        ),
        (
            |_, doc| code(doc)["bits_per_weight"] = json!(4),
            "and 2 x 6 weights in k=4 K=6",
        ),
        (|_, doc| code(doc)["colour"] = json!("blue"), "unknown field `colour`"),
        (
            |_, doc| code(doc)["block_size"] = json!(8),
            "of both the block code and the chained code",
        ),
        (|_, doc| without(code(doc), "map"), "missing field `map`"),
        (
            |_, doc| code(doc)["map"]["length"] = json!(5),
            "must name bits of a window of 5 bits",
        ),
        (
            |_, doc| code(doc)["map"]["fields"] = json!([]),
            "0 fields, and there must be 1 to 8",
        ),
        (
            |header, _| header["a.q.weight.seedlm_scale"]["dtype"] = json!("F16"),
            "tensor \"a.q.weight\": its scale is F16 [2], and must be BF16 [2]",
        ),
        (
            |header, _| header["a.q.weight.seedlm_scale"]["shape"] = json!([1, 2]),
            "tensor \"a.q.weight\": its scale is BF16 [1, 2], and must be BF16 [2]",
        ),
        (
            // The four bytes of two scales are one F32 too, as the block code has it.
            |header, _| {
                header["a.q.weight.seedlm_scale"]["dtype"] = json!("F32");
                header["a.q.weight.seedlm_scale"]["shape"] = json!([1]);
            },
            "its scale is F32 [1], and must be BF16 [2]",
        ),
    ];
    for (edit, expected) in cases {
        fs::write(&path, edited(&intact, edit)).unwrap();
        let error = Model::open(&path).unwrap_err();
        assert!(error.is_damage());
        let message = error.to_string();
        assert_eq!(verify(&path, &Silent).unwrap().problems, std::slice::from_ref(&message));
        assert!(
            message.contains("edited.safetensors") && message.contains(expected),
            "{message} should say {expected}"
        );
    }
    let length = u64::from_le_bytes(intact[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&intact[8..8 + length]).unwrap();
    let document = header["__metadata__"]["seedlm"].as_str().unwrap();
    for (key, twice) in [
        ("rotation", "\"rotation\":null,\"rotation\":"),
        ("map", "\"map\":null,\"map\":"),
    ] {
        let twice = document.replacen(&format!("\"{key}\":"), twice, 1);
        fs::write(&path, sealed(&header, &twice, &intact[8 + length..])).unwrap();
        let message = Model::open(&path).unwrap_err().to_string();
        assert!(message.contains("description is wrong"), "{message}");
    }
}

#[test]
fn words_that_no_encoder_writes_are_refused_even_with_right_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let nan = f32::NAN.to_le_bytes().to_vec();
    let zero = 0_f32.to_le_bytes().to_vec();
    // The first seed is its lowest four bits.
    let zero_seed = |words: &mut Vec<u8>| words[0] &= 0xf0;
    let packed = small(folder.path());
    refused_with_right_checksums(&packed, "words", zero_seed, "row 0, block 0: the seed is zero");
    refused_with_right_checksums(&packed, "scale", |scale| *scale = zero.clone(), "scale");
    refused_with_right_checksums(&packed, "scale", |scale| *scale = nan.clone(), "scale");
    // 12 weights of 3 bits leave 4 bits of the last byte; bfloat16 numbers are the upper halves of binary32 numbers.
    let packed = small_chained(folder.path());
    refused_with_right_checksums(
        &packed,
        "words",
        |words| words[4] |= 0x10,
        "unused bits of the last byte",
    );
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40, 3e38_f32] {
        let upper = [scale.to_le_bytes()[2], scale.to_le_bytes()[3]];
        let second = |scales: &mut Vec<u8>| scales[2..].copy_from_slice(&upper);
        refused_with_right_checksums(&packed, "scale", second, "of row 1 must be a bfloat16 number");
    }
}

/// Changes a part of the matrix and its checksum, and holds that it is refused.
fn refused_with_right_checksums(packed: &Path, part_name: &str, change: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let intact = fs::read(packed).unwrap();
    let container = Container::open(packed).unwrap();
    let name = format!("a.q.weight.seedlm_{part_name}");
    let info = container.source().tensor(&name).unwrap();
    let before = container.source().bytes(info).unwrap();
    let mut after = before.to_vec();
    change(&mut after);
    assert_ne!(before, after);
    let mut bytes = edited(&intact, |_, doc| {
        let crc = format!("{:08x}", crc32fast::hash(&after));
        doc["compressed"]["a.q.weight"][format!("{part_name}_crc32")] = json!(crc);
    });
    let start = bytes
        .windows(before.len())
        .rposition(|window| window == before)
        .unwrap();
    bytes[start..start + after.len()].copy_from_slice(&after);
    let path = packed.with_file_name("legal.safetensors");
    fs::write(&path, bytes).unwrap();
    let problems = verify(&path, &Silent).unwrap().problems;
    assert!(
        problems.len() == 1 && problems[0].contains("tensor \"a.q.weight\""),
        "{problems:?}"
    );
    assert!(problems[0].contains(expected), "{problems:?}");
}

#[test]
fn a_plain_model_is_no_container_and_a_container_is_not_compressed_again() {
    let folder = tempfile::tempdir().unwrap();
    let packed = small(folder.path());
    let error = Container::open(folder.path().join("plain.safetensors"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a SeedLM container"), "{error}");
    let report = verify(&folder.path().join("plain.safetensors"), &Silent).unwrap();
    assert!(!report.is_container && report.problems == [error], "{report:?}");
    let source = Source::open(&packed).unwrap();
    let error = compress(&source, &folder.path().join("out"), &options(), &Silent)
        .unwrap_err()
        .to_string();
    assert!(error.contains("already"), "{error}");
}
