//! Matrices that are the sum of layers: where the columns of a layer stand.

use crate::product::Activations;
use std::borrow::Cow;

/// The most layers of a matrix.
pub const MOST_LAYERS: usize = 8;

/// By how many columns the rows of a layer are turned to the left before they are encoded; the base is layer 1 and is not turned.
/// Place `j` of a row of the layer holds the weight of column `(j + turn) mod columns`.
///
/// In the chained code the first weights of a row have few windows to choose from, and what they leave has to be made up for by
/// the next layer: elsewhere in its own row, where it has the choice (`docs/format.md`, section 12).
pub fn layer_turn(layer: usize, columns: usize) -> usize {
    layer.saturating_sub(1) % MOST_LAYERS * (columns / MOST_LAYERS)
}

impl Activations {
    /// The activations of a layer: turned to the left as the layer's rows are. Those of the base are the same ones.
    pub fn of_layer(&self, layer: usize) -> Cow<'_, Self> {
        match layer_turn(layer, self.values().len()) {
            0 => Cow::Borrowed(self),
            turn => {
                let mut turned = self.clone();
                turned.turn_left(turn);
                Cow::Owned(turned)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_begin_in_different_places() {
        let turns =
            |columns: usize| -> Vec<usize> { (1..=MOST_LAYERS).map(|layer| layer_turn(layer, columns)).collect() };
        assert_eq!(turns(256), [0, 32, 64, 96, 128, 160, 192, 224]);
        assert_eq!(turns(17), [0, 2, 4, 6, 8, 10, 12, 14]);
        assert_eq!(turns(7), [0; 8]);
        assert_eq!(turns(0), [0; 8]);
    }

    #[test]
    fn activations_turn_with_the_rows() {
        let activations = Activations::new(8, 0.5, (0..16).collect()).unwrap();
        assert_eq!(*activations.of_layer(1), activations);
        let third = activations.of_layer(3);
        assert_eq!((third.values()[0], third.values()[15]), (4, 3));
        assert_eq!((third.bits(), third.scale()), (8, 0.5));
    }
}
