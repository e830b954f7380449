//! The model that is part of the program can be read, and its linear layers are found.

use seedlm_codec::Code;
use seedlm_encoder::Quantizer;
use seedlm_model::{
    CompressOptions, Container, DecompressOptions, Encoding, Rotate, Rules, Silent, Source, compress, decompress,
    embedded, verify,
};

#[test]
fn the_embedded_model_has_the_matrices_that_its_configuration_says() {
    let source = embedded::shakespeare().unwrap();
    let config: serde_json::Value = serde_json::from_str(embedded::SHAKESPEARE_CONFIG_JSON).unwrap();
    let _tokenizer: serde_json::Value = serde_json::from_str(embedded::SHAKESPEARE_TOKENIZER_JSON).unwrap();
    assert!(embedded::SHAKESPEARE_SAMPLE_TEXT.len() > 1000);
    let matrices = source.compressible(&Rules::default()).unwrap();
    // q, k, v, o, gate, up and down in each layer.
    let layers = config["num_hidden_layers"].as_u64().unwrap() as usize;
    assert_eq!(matrices.len(), 7 * layers);
    for info in &matrices {
        let matrix = source.matrix(info).unwrap();
        assert_eq!(matrix.values.len(), matrix.rows * matrix.columns);
        assert!(info.name.contains(".layers."), "{}", info.name);
    }
}

#[test]
fn the_embedded_model_goes_through_the_chained_code() {
    let folder = tempfile::tempdir().unwrap();
    let [packed, again] = ["packed.safetensors", "again.safetensors"].map(|name| folder.path().join(name));
    let source = embedded::shakespeare().unwrap();
    let options = CompressOptions {
        encoding: Encoding::new(Code::preset("chained-4b-k12").unwrap(), Quantizer::Exact, Rotate::Auto),
        rules: Rules::default(),
        moments: None,
        replace: false,
    };
    let report = compress(&source, &packed, &options, &Silent).unwrap();
    assert_eq!(report.matrices.len(), 21);
    // 4 bits, and 16 for each row of 256 or 512 weights.
    assert!((4.03..4.07).contains(&report.bits_per_compressed_weight));
    // docs/format.md promises less for normal weights; rows here are not quite normal.
    assert!(report.relative_error < 0.08, "{}", report.relative_error);
    assert_eq!(verify(&packed, &Silent).unwrap().problems, [""; 0]);
    let container = Container::open(&packed).unwrap();
    let decoded = decompress(&container, &again, &DecompressOptions::default(), &Silent).unwrap();
    assert_eq!(decoded.decoded_weights, report.compressed_weights);
    assert_eq!(Source::open(&again).unwrap().tensors().len(), source.tensors().len());
}
