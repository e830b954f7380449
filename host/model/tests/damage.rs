//! Broken containers: `verify` finds every flipped bit, and descriptions that do not fit are refused.
#[allow(dead_code)]
mod common;

use common::{TestTensor, f32_matrix, options, safetensors};
use seedlm_model::{Container, DecompressOptions, Dtype, Model, Silent, Source, compress, decompress, verify};
use serde_json::{Value, json};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A small container: a matrix with partial blocks, kept tensors of odd sizes, an empty one, foreign metadata.
fn small(folder: &Path) -> PathBuf {
    let tensors: [TestTensor; 4] = [
        f32_matrix("a.q.weight", 2, 6),
        ("n.bias".into(), Dtype::F16, vec![3], vec![1, 2, 3, 4, 5, 6]),
        ("flags".into(), Dtype::BOOL, vec![3], vec![0, 1, 1]),
        ("empty.weight".into(), Dtype::F32, vec![0, 4], vec![]),
    ];
    let plain = folder.join("plain.safetensors");
    fs::write(&plain, safetensors(&tensors, &[("note", "x")])).unwrap();
    let packed = folder.join("packed.safetensors");
    compress(&Source::open(&plain).unwrap(), &packed, &options(), &Silent).unwrap();
    packed
}

#[test]
fn verify_finds_every_single_flipped_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = small(folder.path());
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
    let path = small(folder.path());
    let intact = fs::read(&path).unwrap();
    let container = Container::open(&path).unwrap();
    let out = folder.path().join("out.safetensors");
    for name in ["a.q.weight.seedlm_words", "a.q.weight.seedlm_scale", "n.bias", "flags"] {
        let info = container.source().tensor(name).unwrap();
        let tensor = container.source().bytes(info).unwrap();
        let start = intact
            .windows(tensor.len())
            .rposition(|window| window == tensor)
            .unwrap();
        let mut bytes = intact.clone();
        bytes[start] ^= 4;
        let damaged = folder.path().join("damaged.safetensors");
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
    let cases: [(Edit, &str); 22] = [
        (
            |_, doc| doc["version"] = json!(2),
            "container version 2, and this program reads version 1; update seedlm",
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
fn words_that_no_encoder_writes_are_refused_even_with_right_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let packed = small(folder.path());
    let intact = fs::read(&packed).unwrap();
    let container = Container::open(&packed).unwrap();
    let part = |name: &str| {
        container
            .source()
            .bytes(container.source().tensor(name).unwrap())
            .unwrap()
            .to_vec()
    };
    let (words, scale) = (part("a.q.weight.seedlm_words"), part("a.q.weight.seedlm_scale"));
    let mut zero_seed = words.clone();
    zero_seed[0] &= 0xf0;
    let cases = [
        ("words", words.clone(), zero_seed, "row 0, block 0: the seed is zero"),
        ("scale", scale.clone(), 0_f32.to_le_bytes().to_vec(), "scale"),
        ("scale", scale.clone(), f32::NAN.to_le_bytes().to_vec(), "scale"),
    ];
    for (part, before, after, expected) in cases {
        let mut bytes = edited(&intact, |_, doc| {
            let crc = format!("{:08x}", crc32fast::hash(&after));
            doc["compressed"]["a.q.weight"][format!("{part}_crc32")] = json!(crc);
        });
        let start = bytes
            .windows(before.len())
            .rposition(|window| window == before)
            .unwrap();
        bytes[start..start + after.len()].copy_from_slice(&after);
        let path = folder.path().join("legal.safetensors");
        fs::write(&path, bytes).unwrap();
        let problems = verify(&path, &Silent).unwrap().problems;
        assert!(
            problems.len() == 1 && problems[0].contains("tensor \"a.q.weight\""),
            "{problems:?}"
        );
        assert!(problems[0].contains(expected), "{problems:?}");
    }
}

#[test]
fn a_plain_model_is_no_container_and_a_container_is_not_compressed_again() {
    let folder = tempfile::tempdir().unwrap();
    let packed = small(folder.path());
    let error = Container::open(folder.path().join("plain.safetensors"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a SeedLM container"), "{error}");
    let source = Source::open(&packed).unwrap();
    let error = compress(&source, &folder.path().join("out"), &options(), &Silent)
        .unwrap_err()
        .to_string();
    assert!(error.contains("already"), "{error}");
}
