//! The embedded model encoded, and as integers in a machine.

use seedlm_codec::WeightMatrix;
use seedlm_llm::{IntegerLayers, IntegerMachine, MachineMatrix, Package};
use seedlm_model::{CodedTensor, Model, Rules, encode_tensors, preset_layers};

/// In the layers of a preset, or of a code.
pub fn encode(package: &Package, preset: &str) -> Vec<CodedTensor> {
    let Model::Plain(source) = &package.model else {
        panic!("the embedded model is not compressed");
    };
    let chosen = source.compressible(&Rules::default()).unwrap();
    encode_tensors(source, &chosen, &preset_layers(preset).unwrap(), None, &|_| ()).unwrap()
}

pub fn integer<M: IntegerMachine>(
    package: &Package,
    coded: &[CodedTensor],
    machine: impl FnOnce(Vec<WeightMatrix>) -> M,
    activation_bits: u32,
) -> IntegerLayers<M> {
    let layers = coded.iter().flat_map(|coded| {
        let layers = coded.stored.layers().iter();
        layers.map(|layer| {
            (
                MachineMatrix::of(&coded.name, layer, coded.stored.rotation()),
                layer.clone(),
            )
        })
    });
    let (matrices, layers): (Vec<_>, Vec<_>) = layers.unzip();
    let machine = machine(layers);
    IntegerLayers::new(&package.language, &package.model, matrices, machine, activation_bits).unwrap()
}
