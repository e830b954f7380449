//! Two clocks of a fixed ratio, in whole numbers.

/// Counts the edges of one clock that fall into each cycle of another. Both have an edge at time 0.
#[derive(Clone, Debug)]
pub struct ClockRatio {
    /// Frequencies of the counted clock and of the other one, without common factors.
    counted_hz: u64,
    other_hz: u64,
    /// Time since the last counted edge, in units of 1 / (`counted_hz` x `other_hz`).
    since_edge: u64,
    /// Edges counted, without that at time 0.
    edges: u64,
}

impl ClockRatio {
    /// Two clocks at time 0.
    pub fn new(counted_hz: u64, other_hz: u64) -> Self {
        let common = greatest_common_divisor(counted_hz, other_hz);
        ClockRatio {
            counted_hz: counted_hz / common,
            other_hz: other_hz / common,
            since_edge: 0,
            edges: 0,
        }
    }

    /// Lets one cycle of the other clock pass, and gives the number of the last counted edge that is not after its end.
    pub fn cycle(&mut self) -> u64 {
        self.since_edge += self.counted_hz;
        self.edges += self.since_edge / self.other_hz;
        self.since_edge %= self.other_hz;
        self.edges
    }

    /// The first counted edge that is not before now.
    pub fn next_edge(&self) -> u64 {
        self.edges + u64::from(self.since_edge > 0)
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::ClockRatio;

    #[test]
    fn edges_are_where_exact_arithmetic_puts_them() {
        for (counted, other) in [
            (1_200_000_000, 200_000_000),
            (800_000_000, 333_333_333),
            (3, 7),
            (7, 3),
            (5, 5),
        ] {
            let mut ratio = ClockRatio::new(counted, other);
            for cycle in 1..5000_u128 {
                let (counted, other) = (u128::from(counted), u128::from(other));
                assert_eq!(u128::from(ratio.cycle()), cycle * counted / other);
                assert_eq!(u128::from(ratio.next_edge()), (cycle * counted).div_ceil(other));
            }
        }
    }
}
