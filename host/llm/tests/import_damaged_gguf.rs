//! GGUF files that are damaged or lie: an error that names file and tensor, never a panic.
#[allow(dead_code)]
mod import_common;

use candle_core::quantized::GgmlDType;
use import_common::Gguf;
use proptest::prelude::*;
use seedlm_llm::ImportedModel;
use std::fs;

/// The bytes of a whole file.
fn whole_file() -> Vec<u8> {
    let (_folder, path) = Gguf::sentence_piece(GgmlDType::Q4_0).written();
    fs::read(path).unwrap()
}

fn import_bytes(bytes: &[u8]) -> Result<ImportedModel, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.gguf");
    fs::write(&path, bytes).unwrap();
    ImportedModel::from_gguf(&path).map_err(|error| {
        let error = error.to_string();
        assert!(error.contains("hostile.gguf"), "{error}");
        error
    })
}

/// A header of version 3 with so many tensors and entries of metadata, then these bytes.
fn header(tensors: u64, entries: u64, rest: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(entries.to_le_bytes());
    bytes.extend(rest.concat());
    // What follows is never asked for.
    bytes.resize(bytes.len() + 4096, 0);
    bytes
}

fn named(name: &str) -> Vec<u8> {
    [&(name.len() as u64).to_le_bytes()[..], name.as_bytes()].concat()
}

/// A tensor's description: dimensions, type, place.
fn described(name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = named(name);
    bytes.extend((dimensions.len() as u32).to_le_bytes());
    bytes.extend(dimensions.iter().flat_map(|size| size.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

#[test]
fn headers_that_lie_are_refused() {
    let refused = |bytes: Vec<u8>, expected: &str| {
        let error = import_bytes(&bytes).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    let number = |number: u32| number.to_le_bytes();
    let many = u64::MAX.to_le_bytes();
    refused(b"".to_vec(), "truncated");
    refused(b"PK\x03\x04 and more".to_vec(), "not a GGUF file");
    refused(b"GGUF\x01\0\0\0".to_vec(), "version 1");
    refused(b"GGUF\0\0\0\x03".to_vec(), "big-endian");
    refused(header(u64::MAX, 0, &[]), "more than a model has");
    refused(header(0, u64::MAX, &[]), "more than a model has");
    refused(header(0, 1, &[&many]), "a key has 18446744073709551615 bytes");
    let alignment = named("general.alignment");
    refused(
        header(0, 1, &[&alignment, &number(4), &number(0)]),
        "general.alignment is 0",
    );
    refused(header(0, 1, &[&named("a"), &number(99)]), "unknown type 99");
    refused(header(0, 1, &[&named("a"), &number(8), &many]), "a text of \"a\" has");
    refused(
        header(0, 1, &[&named("a"), &number(9), &number(0), &many]),
        "more than a model has",
    );
    refused(
        header(0, 1, &[&named("a"), &number(9), &number(0), &99_999_u64.to_le_bytes()]),
        "truncated",
    );
    refused(
        header(0, 1, &[&named("a"), &number(9), &number(9), &[1; 8]]),
        "more than a model has",
    );
    refused(
        header(0, 1, &[&named("a"), &number(9), &number(9), &1_u64.to_le_bytes()]),
        "array of arrays",
    );
    refused(
        header(0, 2, &[&named("a"), &number(0), &[1], &named("a"), &number(0), &[1]]),
        "the key \"a\" twice",
    );
    refused(header(0, 1, &[&named("a\0"), &number(0), &[1]]), "a key is no text");
    let tensor = |dimensions: &[u64], kind, offset| header(1, 0, &[&described("t", dimensions, kind, offset)]);
    refused(tensor(&[], 0, 0), "tensor \"t\": 0 dimensions");
    refused(tensor(&[1; 5], 0, 0), "tensor \"t\": 5 dimensions");
    refused(tensor(&[0, 4], 0, 0), "tensor \"t\": its dimensions are no countable");
    refused(
        tensor(&[1 << 40, 1 << 40], 0, 0),
        "tensor \"t\": its dimensions are no countable",
    );
    refused(tensor(&[1 << 40], 0, 0), "tensor \"t\": 4398046511104 bytes at byte");
    refused(tensor(&[32], 0, u64::MAX), "tensor \"t\": 128 bytes at byte");
    refused(tensor(&[32], 16, 0), "tensor \"t\": its type has the number 16");
    refused(
        tensor(&[33], 2, 0),
        "tensor \"t\": rows of 33 values are no whole number of Q4_0 blocks",
    );
    let twice = [described("t", &[32], 0, 0), described("t", &[32], 0, 128)].concat();
    refused(
        header(2, 0, &[&twice]),
        "tensor \"t\": there are two tensors of this name",
    );
    let shared = [described("t", &[32], 0, 0), described("u", &[32], 0, 64)].concat();
    refused(
        header(2, 0, &[&shared]),
        "tensor \"u\": it shares bytes with the tensor \"t\"",
    );
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = whole_file();
    import_bytes(&whole).unwrap();
    // The last bytes may be padding.
    let lengths = (0..whole.len() - 64).step_by(97).chain(0..200);
    for length in lengths {
        import_bytes(&whole[..length]).unwrap_err();
    }
}

proptest! {
    /// Whatever a byte of the header or of the tensors becomes, there is an answer; a model that is read is finite.
    #[test]
    fn damaged_bytes_never_panic(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), near in any::<bool>()) {
        let mut bytes = whole_file();
        let length = if near { 900 } else { bytes.len() };
        for (place, value) in places {
            bytes[place.index(length)] = value;
        }
        if let Ok(model) = import_bytes(&bytes) {
            prop_assert!(model.tensors.iter().flat_map(|tensor| &tensor.values).all(|value| value.is_finite()));
        }
    }
}
