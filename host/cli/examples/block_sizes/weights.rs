//! The weights that are measured.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, StudentT};
use seedlm_model::{Rules, embedded};

/// Columns are cut to a multiple of this: whole blocks of all sizes whose rates are equal.
const COLUMNS_STEP: usize = 240;
/// Rows of a tile of the machine, which share their activations: so many neighbours are taken of each matrix.
pub const TILE_ROWS: usize = 16;
/// Shape of the random matrices.
const RANDOM_SHAPE: [usize; 2] = [96, 960];

/// Matrices of whole tiles.
pub struct Weights {
    pub name: &'static str,
    pub matrices: Vec<Matrix>,
}

/// A matrix, row by row.
pub struct Matrix {
    pub columns: usize,
    pub values: Vec<f32>,
}

impl Matrix {
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.columns)
    }
}

impl Weights {
    pub fn count(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.values.len()).sum()
    }
}

fn random(name: &'static str, distribution: impl Distribution<f32>) -> Weights {
    let [rows, columns] = RANDOM_SHAPE;
    let random = ChaCha8Rng::seed_from_u64(1);
    let values = random.sample_iter(distribution).take(rows * columns).collect();
    let matrices = vec![Matrix { columns, values }];
    Weights { name, matrices }
}

pub fn gaussian() -> Weights {
    random("N(0,1)", StandardNormal)
}

/// Weights with heavy tails, where sizes have most to adapt to.
pub fn student_t() -> anyhow::Result<Weights> {
    Ok(random("Student t, 4 degrees of freedom", StudentT::new(4.0)?))
}

/// A tile from the middle of each matrix of the model in the program.
pub fn embedded_model() -> anyhow::Result<Weights> {
    let source = embedded::shakespeare()?;
    let mut matrices = Vec::new();
    for info in source.compressible(&Rules::default())? {
        let matrix = source.matrix(&info)?;
        let columns = matrix.columns / COLUMNS_STEP * COLUMNS_STEP;
        let rows = matrix.values.chunks_exact(matrix.columns).skip(matrix.rows / 2);
        let values = rows.take(TILE_ROWS).flat_map(|row| &row[..columns]).copied().collect();
        matrices.push(Matrix { columns, values });
    }
    let name = embedded::SHAKESPEARE_NAME;
    Ok(Weights { name, matrices })
}
