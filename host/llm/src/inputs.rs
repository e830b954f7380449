//! Which matrices of a layer read the same vectors.

use crate::config::ModelConfig;
use crate::linear::{Linear, Projection};

/// Inputs that some matrices of a layer share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Inputs {
    pub(crate) layer: usize,
    /// Place in [`Inputs::SHARED`].
    place: usize,
}

impl Inputs {
    const SHARED: [&'static [Projection]; 4] = [
        &[Projection::Query, Projection::Key, Projection::Value],
        &[Projection::Output],
        &[Projection::Gate, Projection::Up],
        &[Projection::Down],
    ];

    /// Those of all layers, in the order in which a token uses them.
    pub(crate) fn all(config: &ModelConfig) -> impl Iterator<Item = Inputs> + use<> {
        (0..config.layers).flat_map(|layer| (0..Inputs::SHARED.len()).map(move |place| Inputs { layer, place }))
    }

    /// Those of a matrix; none of the head, which is not compressed.
    pub(crate) fn of(linear: Linear) -> Option<Self> {
        let Linear::Layer(layer, projection) = linear else {
            return None;
        };
        let place = Inputs::SHARED.iter().position(|shared| shared.contains(&projection))?;
        Some(Inputs { layer, place })
    }

    pub(crate) fn projections(self) -> &'static [Projection] {
        Inputs::SHARED[self.place]
    }

    /// The matrices that read them.
    pub(crate) fn matrices(self) -> impl Iterator<Item = Linear> {
        let projections = self.projections().iter();
        projections.map(move |&projection| Linear::Layer(self.layer, projection))
    }

    pub(crate) fn columns(self, config: &ModelConfig) -> usize {
        let [_, columns] = Linear::Layer(self.layer, self.projections()[0]).shape(config);
        columns
    }
}
