//! Small matrices over GF(2): the algebra behind "everything after the seed is linear".

/// A square matrix over GF(2) of at most 32 rows; row `i` is the mask of input bits whose XOR is output bit `i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitMatrix {
    rows: Vec<u32>,
}

impl BitMatrix {
    /// The matrix with the given row masks; its size is the number of rows.
    ///
    /// # Panics
    /// When there are no rows, more than 32, or a mask names a column beyond the size.
    pub fn from_rows(rows: Vec<u32>) -> Self {
        assert!((1..=32).contains(&rows.len()), "a bit matrix has 1 to 32 rows");
        let beyond = !0_u64 << rows.len();
        assert!(
            rows.iter().all(|&row| u64::from(row) & beyond == 0),
            "a row mask names a column that the matrix does not have"
        );
        BitMatrix { rows }
    }

    /// The identity of the given size.
    pub fn identity(size: usize) -> Self {
        BitMatrix::from_rows((0..size).map(|bit| 1 << bit).collect())
    }

    /// The row masks, output bit 0 first.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The product of the matrix with a bit vector.
    pub fn apply(&self, vector: u32) -> u32 {
        self.rows
            .iter()
            .enumerate()
            .fold(0, |out, (bit, row)| out | ((row & vector).count_ones() & 1) << bit)
    }

    /// The matrix that applies `first`, then `self`.
    pub fn after(&self, first: &BitMatrix) -> BitMatrix {
        let rows = self
            .rows
            .iter()
            .map(|row| {
                (0..first.rows.len())
                    .filter(|bit| row >> bit & 1 == 1)
                    .fold(0, |mask, bit| mask ^ first.rows[bit])
            })
            .collect();
        BitMatrix { rows }
    }

    /// The matrix applied `exponent` times.
    pub fn power(&self, exponent: u64) -> BitMatrix {
        let mut result = BitMatrix::identity(self.rows.len());
        let mut square = self.clone();
        let mut rest = exponent;
        while rest > 0 {
            if rest & 1 == 1 {
                result = square.after(&result);
            }
            square = square.after(&square);
            rest >>= 1;
        }
        result
    }

    /// Whether the smallest power that gives the identity is `2^size - 1`, that is, whether the matrix runs through
    /// every non-zero vector before it repeats.
    pub fn has_full_period(&self) -> bool {
        let size = self.rows.len();
        let period = (1_u64 << size) - 1;
        let identity = BitMatrix::identity(size);
        self.power(period) == identity
            && prime_factors(period)
                .into_iter()
                .all(|prime| self.power(period / prime) != identity)
    }
}

/// The distinct prime factors of `number`, ascending.
fn prime_factors(mut number: u64) -> Vec<u64> {
    let mut factors = Vec::new();
    let mut candidate = 2;
    while candidate * candidate <= number {
        if number.is_multiple_of(candidate) {
            factors.push(candidate);
            while number.is_multiple_of(candidate) {
                number /= candidate;
            }
        }
        candidate += 1;
    }
    if number > 1 {
        factors.push(number);
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_the_periods() {
        assert_eq!(prime_factors(65535), [3, 5, 17, 257]);
        assert_eq!(prime_factors(8191), [8191]);
        assert_eq!(prime_factors((1 << 24) - 1), [3, 5, 7, 13, 17, 241]);
    }

    #[test]
    fn powers_compose() {
        let matrix = BitMatrix::from_rows(vec![0b010, 0b100, 0b011]);
        let twice = matrix.after(&matrix);
        assert_eq!(matrix.power(2), twice);
        for vector in 0..8 {
            assert_eq!(twice.apply(vector), matrix.apply(matrix.apply(vector)));
        }
        assert_eq!(matrix.power(7), BitMatrix::identity(3));
        assert!(matrix.has_full_period());
    }
}
