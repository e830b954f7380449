//! `seedlm_sequence`: where in the matrix the next group of words stands, and whether it may go.

/// Inputs of a cycle.
#[derive(Clone, Copy, Debug, Default)]
pub struct SequenceInputs {
    /// Whether a matrix is offered.
    pub next_valid: bool,
    /// Its tiles.
    pub tiles: u32,
    /// Steps of a tile of it.
    pub steps: u32,
    /// Steps whose activations are there.
    pub loaded: u32,
    /// Whether a group waits.
    pub group_valid: bool,
    /// Whether the last beat of a tile's results leaves.
    pub tile_left: bool,
}

/// Outputs of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceOutputs {
    /// Whether the group that waits goes. It depends on the input `loaded`, which comes straight from a register.
    pub group_ready: bool,
    /// First step of its tile.
    pub first: bool,
    /// Last step of its tile.
    pub last: bool,
    /// A step of the last tile of its matrix.
    pub last_tile: bool,
    /// Last step of its matrix.
    pub flush: bool,
    /// Whether groups of a matrix are still to go.
    pub running: bool,
    /// Whether a matrix is taken: while no group of another is still to go. Its tiles may be under way.
    pub next_ready: bool,
}

/// Counts tiles and steps, and keeps no more tiles under way than the result FIFO has room for: so nothing behind it ever
/// stalls.
#[derive(Clone, Debug)]
pub struct Sequence {
    result_fifo_groups: u32,
    tiles_left: u32,
    steps: u32,
    step: u32,
    in_flight: u32,
}

impl Sequence {
    /// A sequence without a matrix, in front of a result FIFO of that depth.
    pub fn new(result_fifo_groups: u32) -> Self {
        Sequence {
            result_fifo_groups,
            tiles_left: 0,
            steps: 0,
            step: 0,
            in_flight: 0,
        }
    }

    /// Whether the activations of the next step are there, with `loaded` steps loaded.
    pub fn step_loaded(&self, loaded: u32) -> bool {
        self.step < loaded
    }

    /// What the ports show in this cycle, with `loaded` steps loaded.
    pub fn outputs(&self, loaded: u32) -> SequenceOutputs {
        let running = self.tiles_left != 0;
        let last = self.step == self.steps.wrapping_sub(1);
        let last_tile = self.tiles_left == 1;
        let room = self.in_flight < self.result_fifo_groups;
        SequenceOutputs {
            group_ready: running && self.step_loaded(loaded) && (!last || room),
            first: self.step == 0,
            last,
            last_tile,
            flush: last && last_tile,
            running,
            next_ready: !running,
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: SequenceInputs) {
        let outputs = self.outputs(inputs.loaded);
        if inputs.next_valid && outputs.next_ready {
            (self.tiles_left, self.steps) = (inputs.tiles, inputs.steps);
        }
        let issue = inputs.group_valid && outputs.group_ready;
        if issue {
            self.step = if outputs.last { 0 } else { self.step + 1 };
            self.tiles_left -= u32::from(outputs.last);
        }
        let issued_tiles = u32::from(issue && outputs.last);
        self.in_flight = self
            .in_flight
            .wrapping_add(issued_tiles)
            .wrapping_sub(u32::from(inputs.tile_left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_steps_and_tiles_and_waits_for_room() {
        let mut sequence = Sequence::new(1);
        let idle = SequenceInputs {
            loaded: 2,
            group_valid: true,
            ..SequenceInputs::default()
        };
        assert!(!sequence.outputs(2).running);
        sequence.clock(SequenceInputs {
            next_valid: true,
            tiles: 2,
            steps: 2,
            ..idle
        });
        assert!(!sequence.outputs(0).group_ready, "no activations");
        for (first, last, last_tile) in [(true, false, false), (false, true, false), (true, false, true)] {
            let outputs = sequence.outputs(2);
            assert!(outputs.group_ready && !outputs.flush);
            assert_eq!(
                (outputs.first, outputs.last, outputs.last_tile),
                (first, last, last_tile)
            );
            sequence.clock(idle);
        }
        let outputs = sequence.outputs(2);
        assert!(
            outputs.flush && !outputs.group_ready,
            "no room for the second tile's results"
        );
        sequence.clock(SequenceInputs {
            tile_left: true,
            ..idle
        });
        assert!(sequence.outputs(2).group_ready);
        sequence.clock(idle);
        assert!(!sequence.outputs(2).running);
    }

    #[test]
    fn the_next_matrix_is_taken_behind_the_last_group_while_tiles_are_under_way() {
        let mut sequence = Sequence::new(1);
        let one_tile = SequenceInputs {
            next_valid: true,
            tiles: 1,
            steps: 1,
            loaded: 1,
            group_valid: true,
            tile_left: false,
        };
        for _ in 0..2 {
            assert!(sequence.outputs(1).next_ready && !sequence.outputs(1).group_ready);
            sequence.clock(one_tile);
            assert!(!sequence.outputs(1).next_ready);
            if !sequence.outputs(1).group_ready {
                // The tile of the first matrix is counted in the second.
                sequence.clock(SequenceInputs {
                    tile_left: true,
                    ..one_tile
                });
            }
            assert!(sequence.outputs(1).group_ready);
            sequence.clock(one_tile);
        }
    }
}
