//! Matrices with scale groups in the machine's arithmetic: the parts of each make up the product of the whole.

use seedlm_codec::{Activations, ColumnGroup, WeightMatrix};
use seedlm_encoder::Quantizer;
use seedlm_llm::{
    DraftingLayers, GoldenMachine, IntegerLayers, IntegerMachine, Linear, LinearLayers, MachineMatrix, Package,
    SoftwareMachine,
};
use seedlm_model::{Encoding, MatrixEncoder, Model, Rotate, Rules, StoredMatrix, preset_layers, rotate_rows};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::LazyLock;

/// The embedded model in two layers of 2 bits, with groups of other sizes, rotated and not.
static STORED: LazyLock<BTreeMap<String, StoredMatrix>> = LazyLock::new(|| {
    let package = Package::embedded().unwrap();
    let Model::Plain(source) = &package.model else {
        panic!("the embedded model is not compressed");
    };
    let layers = preset_layers("progressive-4b-k12").unwrap();
    let encoder = |rotate, scale_group| {
        let encoding = Encoding::new(layers[0].clone(), Quantizer::Exact, rotate);
        let encoding = encoding
            .with_layers(layers.clone())
            .unwrap()
            .with_scale_group(scale_group);
        MatrixEncoder::new(&encoding).unwrap()
    };
    let encoders = [
        encoder(Rotate::Always, Some(64)),
        encoder(Rotate::Never, Some(128)),
        encoder(Rotate::Always, None),
        encoder(Rotate::Always, Some(64)),
    ];
    let chosen = source.compressible(&Rules::default()).unwrap();
    // The first layer of the model will do.
    let chosen = chosen.iter().filter(|info| info.name.contains("layers.0."));
    let encoded = chosen.enumerate().map(|(number, info)| {
        let go_on = &|_| ControlFlow::Continue(());
        let original = |rows| source.rows(info, rows);
        let encoder = &encoders[number % encoders.len()];
        let encoded = encoder.encode(source.matrix(info).unwrap(), &original, None, go_on);
        (info.name.clone(), encoded.unwrap().stored)
    });
    encoded.collect()
});

fn parts() -> (Vec<MachineMatrix>, Vec<WeightMatrix>) {
    let parts = STORED.iter().flat_map(|(name, stored)| {
        let parts = stored.clone().into_parts().unwrap();
        parts.into_iter().map(|part| {
            let described = MachineMatrix::of(name, &part.matrix, stored.rotation()).with_group(part.group);
            (described, part.matrix)
        })
    });
    parts.unzip()
}

fn integer<M: IntegerMachine>(machine: impl FnOnce(Vec<WeightMatrix>) -> M) -> IntegerLayers<M> {
    let package = Package::embedded().unwrap();
    let (described, matrices) = parts();
    IntegerLayers::new(&package.language, &package.model, described, machine(matrices), 16).unwrap()
}

/// The product of the decoded weights of the first layers with the activations as they are rounded, in binary64.
fn expected(stored: &StoredMatrix, layers: usize, input: &[f32]) -> Vec<f64> {
    let columns = stored.columns();
    let mut values = input.to_vec();
    let mut weights = stored.values_of(0..stored.rows(), layers);
    if let Some(rotation) = &stored.rotation() {
        rotate_rows(rotation, columns, &mut values);
        rotate_rows(rotation, columns, &mut weights);
    }
    let activations = Activations::quantise(16, &values).unwrap();
    let rows = weights.chunks(columns);
    rows.map(|row| {
        let pairs = row.iter().zip(activations.values());
        let sum: f64 = pairs.map(|(&weight, &x)| f64::from(weight) * f64::from(x)).sum();
        sum * f64::from(activations.scale())
    })
    .collect()
}

#[test]
fn products_are_those_of_the_decoded_weights() {
    let config = Package::embedded().unwrap().language.config().clone();
    let (mut golden, mut software) = (integer(GoldenMachine::new), integer(SoftwareMachine::new));
    let of_layer: Vec<Linear> = Linear::all(&config)
        .filter(|linear| STORED.contains_key(&linear.tensor_name(&config)))
        .collect();
    assert_eq!(of_layer.len(), 7);
    for layers in [2, 1] {
        for is_draft in [false, true] {
            golden.use_layers(layers);
            software.use_layers(layers);
            golden.use_draft(is_draft);
            software.use_draft(is_draft);
            for columns in [256, 512] {
                // Those that share their inputs are asked for together, whatever their groups are.
                let asked: Vec<Linear> = of_layer
                    .iter()
                    .copied()
                    .filter(|linear| linear.shape(&config)[1] == columns)
                    .collect();
                let inputs: Vec<f32> = (0..2 * columns).map(|index| (index as f32 * 0.37).sin()).collect();
                let products = golden.products(&asked, &inputs, 2).unwrap();
                assert_eq!(products, software.products(&asked, &inputs, 2).unwrap());
                for (linear, product) in asked.iter().zip(products) {
                    let stored = &STORED[&linear.tensor_name(&config)];
                    let used = if is_draft { 1 } else { layers };
                    let expected: Vec<f64> = inputs
                        .chunks(columns)
                        .flat_map(|input| expected(stored, used, input))
                        .collect();
                    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
                    for (product, expected) in product.iter().zip(&expected) {
                        let difference = (f64::from(*product) - expected).abs();
                        assert!(difference <= 1e-5 * largest, "{linear}: {product} {expected}");
                    }
                }
            }
        }
    }
    let weights: u64 = STORED
        .values()
        .map(|stored| (stored.rows() * stored.columns()) as u64)
        .sum();
    assert_eq!(golden.weights_on_machine(), weights);
}

#[test]
fn parts_that_are_missing_or_mixed_up_are_refused() {
    let package = Package::embedded().unwrap();
    let (described, _) = parts();
    let refused = |described: Vec<MachineMatrix>| {
        let machine = GoldenMachine::new(Vec::new());
        match IntegerLayers::new(&package.language, &package.model, described, machine, 8) {
            Ok(_) => panic!("not refused"),
            Err(error) => error.to_string(),
        }
    };
    let with_groups = described.iter().position(|matrix| matrix.group.count > 1).unwrap();
    let name = &described[with_groups].name;
    let mut swapped = described.clone();
    swapped.swap(with_groups, with_groups + 1);
    let mut first_missing = described.clone();
    first_missing.remove(with_groups);
    let mut other_count = described.clone();
    other_count[with_groups + 1].group = ColumnGroup { number: 1, count: 9 };
    for described in [swapped, first_missing, other_count] {
        let error = refused(described);
        assert!(
            error.contains(name.as_str()) && error.contains("not in order"),
            "{error}"
        );
    }
    let last = described.iter().rposition(|matrix| matrix.name == *name).unwrap();
    let mut last_missing = described;
    let name = last_missing.remove(last).name;
    let error = refused(last_missing);
    assert!(error.contains(&name) && error.contains("are missing"), "{error}");
}
