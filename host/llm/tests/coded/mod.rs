//! Models as they are, encoded, decoded, and as integers in a machine.

use seedlm_codec::WeightMatrix;
use seedlm_llm::{DenseLayers, IntegerLayers, IntegerMachine, Linear, MachineMatrix, Package};
use seedlm_model::{CodedTensor, Model, Rules, Source, encode_tensors, preset_layers};

pub fn source(package: &Package) -> &Source {
    match &package.model {
        Model::Plain(source) => source,
        Model::Container(_) => panic!("{} is compressed", package.name),
    }
}

/// In binary32, nothing encoded.
pub fn dense(package: &Package) -> DenseLayers {
    DenseLayers::new(&package.language, &package.model, None).unwrap()
}

/// In binary32, these matrices decoded.
pub fn decoded(package: &Package, coded: &[CodedTensor]) -> DenseLayers {
    let config = package.language.config();
    let mut decoded = dense(package);
    for coded in coded {
        let linear = Linear::all(config).find(|linear| linear.tensor_name(config) == coded.name);
        let (values, rotation) = (coded.stored.machine_values(), coded.stored.rotation());
        decoded.replace(linear.unwrap(), &values, rotation).unwrap();
    }
    decoded
}

/// In the layers of a preset, or of a code.
pub fn encode(package: &Package, preset: &str) -> Vec<CodedTensor> {
    let source = source(package);
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
