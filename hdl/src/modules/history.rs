//! `seedlm_history`: the end of what a row has stored so far, for formats whose weights see it.

use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, Outputs};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use std::rc::Rc;

/// The last bits of one row of the tile; none for formats whose words stand for themselves.
pub fn history(format: &WeightFormat) -> Option<Module> {
    let width = format.history_bits() as usize;
    if width == 0 {
        return None;
    }
    let mut m = Module::new(
        "seedlm_history",
        &[
            "The last bits that a row has stored before its next words: its windows reach back to them. Before a row stand",
            "zeros, so they are there after reset, and again after a group that was the last of its row.",
        ],
    );
    m.parameter("HISTORY_BITS", width);
    let take = m.input("take", 1);
    let last = m.input("last", 1);
    let in_end = m.input("in_end", width);
    // Flip-flops have a reset of their own: so no bit needs logic to be cleared.
    let clear = m.wire("clear", &m.reset() | &(&take & &last));
    let kept = m.register_cleared_by("kept", width, &clear);
    m.set_if(&kept, &take, in_end);
    m.output("out_history", kept);
    Some(m)
}

/// What each lane is given: its word, and below it the end of what its row has stored before. Of several words of a row in
/// one group, each has the end of the one before it; so that is wiring.
pub fn lane_words(
    m: &mut Module,
    config: &DatapathConfig,
    format: &WeightFormat,
    history: Option<&Rc<Module>>,
    words: &Expression,
    (take, last): (&Expression, &Expression),
) -> Vec<Expression> {
    let word_bits = format.word_bits() as usize;
    let word = |lane: usize| words.slice(lane * word_bits, word_bits);
    let lanes = 0..config.lanes as usize;
    let Some(history) = history else {
        return lanes.map(word).collect();
    };
    // No word is shorter than a history: a word has at least 32 bits.
    let width = format.history_bits() as usize;
    let end = |lane: usize| words.slice((lane + 1) * word_bits - width, width);
    let per_row = config.words_per_tile_row();
    let rows: Vec<Outputs> = (0..config.tile_rows as usize)
        .map(|row| {
            let inputs = [
                ("take", take.clone()),
                ("last", last.clone()),
                ("in_end", end((row + 1) * per_row - 1)),
            ];
            m.instance(&format!("history_{row}"), history, &inputs)
        })
        .collect();
    lanes
        .map(|lane| {
            let before = match lane % per_row {
                0 => rows[lane / per_row].get("out_history"),
                _ => end(lane - 1),
            };
            Expression::join([before, word(lane)])
        })
        .collect()
}
