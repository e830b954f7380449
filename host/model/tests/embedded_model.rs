//! The model that is part of the program can be read, and its linear layers are found.

use seedlm_model::{Rules, embedded};

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
