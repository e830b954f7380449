//! `seedlm_decoder_serial`: words in, one weight a cycle out. For small chips, in a few dozen logic cells.

use super::chained_weights::chained_weights;
use super::decode_lane::valid_line;
use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, bits_for};
use crate::options::Options;
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{ChainedCode, CodecError, WeightFormat};

/// The widest word, in bits.
const MOST_WORD_BITS: usize = 1024;

/// A decoder of one weight a cycle from words of `word_bits` bits: a multiple of 8, as AXI4-Stream wants it, and of the code's
/// bits per weight.
///
/// # Errors
/// [`CodecError::Machine`] when words have another width, or more than 1024 bits.
pub fn decoder_serial(code: &ChainedCode, word_bits: usize, options: &Options) -> Result<Module, CodecError> {
    let stored = code.bits_per_weight() as usize;
    let fits = word_bits.is_multiple_of(8) && word_bits.is_multiple_of(stored);
    if word_bits == 0 || word_bits > MOST_WORD_BITS || !fits {
        return Err(CodecError::Machine(format!(
            "words of a serial decoder have {word_bits} bits, and must have a multiple of 8 and of the {stored} of a weight, at most \
             {MOST_WORD_BITS}"
        )));
    }
    let format = WeightFormat::Chained(code.clone());
    let stages = DatapathConfig::reference(&format).decode_stages(&format) as usize;
    let per_word = word_bits / stored;
    let history_bits = code.history_bits() as usize;
    let weight_bits = code.weight_bits() as usize;
    let field_bits = weight_bits.next_multiple_of(8);
    let mut m = Module::new(
        "seedlm_decoder_serial",
        &[
            "A stream of words in, their integer weights out, one a cycle, each sign-extended to whole bytes. A stream is a row:",
            "s_axis_tlast marks its last word, and m_axis_tlast the last weight of that. All bits of a word are weights: what a row",
            "does not fill comes out as weights to be dropped. s_axis_tready depends on m_axis_tready in the same cycle.",
        ],
    );
    m.parameter("WORD_BITS", word_bits);
    m.parameter("HISTORY_BITS", history_bits);
    m.parameter("WEIGHTS_PER_WORD", per_word);
    m.parameter("WEIGHT_BITS", weight_bits);
    m.parameter("STAGES", stages);
    let s_axis_tvalid = m.input("s_axis_tvalid", 1);
    let s_axis_tdata = m.input("s_axis_tdata", word_bits);
    let s_axis_tlast = m.input("s_axis_tlast", 1);
    let m_axis_tready = m.input("m_axis_tready", 1);

    m.comment("All moves on when the weight at the end is taken, or there is none.");
    let out_valid = m.net("out_valid", 1);
    let enable = m.wire("enable", &!&out_valid | &m_axis_tready);

    m.comment("The rest of a word, its next weight lowest, and the bits that were stored before it.");
    let weights_left = m.register("weights_left", bits_for(per_word));
    let is_last_word = m.data_register("is_last_word", 1);
    let word = m.data_register("word", word_bits);
    let valid = m.wire("valid", weights_left.any_bit());
    let take = m.wire("take", &valid & &enable);
    let is_last_weight = m.wire("is_last_weight", weights_left.is(1));
    let ready = m.wire("ready", &!&valid | &(&enable & &is_last_weight));
    let load = m.wire("load", &s_axis_tvalid & &ready);
    let ends_row = m.wire("ends_row", &is_last_weight & &is_last_word);
    let clear = m.wire("clear", m.reset() | (&take & &ends_row));
    let history = m.register_cleared_by("history", history_bits, &clear);
    let window = m.wire("window", Expression::join([history.clone(), word.slice(0, stored)]));
    let rest = match word_bits - stored {
        0 => Expression::zero(word_bits),
        more => word.slice(stored, more).zero_extend(word_bits),
    };
    let moves = m.wire("moves", &load | &take);
    let all = Expression::constant(weights_left.width(), per_word);
    let one = Expression::constant(weights_left.width(), 1_u8);
    m.set_if(&weights_left, &moves, load.choose(&all, &(&weights_left - &one)));
    m.set_if(&word, &moves, load.choose(&s_axis_tdata, &rest));
    m.set_if(&is_last_word, &load, s_axis_tlast);
    m.set_if(&history, &take, window.slice(stored, history_bits));

    let weights = chained_weights(&mut m, code, 1, &enable, &window, (stages, options.target));
    let weight = m.wire("weight", Expression::join(weights));
    let arrived = valid_line(&mut m, "valid", &enable, &valid, stages);
    let last = valid_line(&mut m, "last", &enable, &(&valid & &ends_row), stages);
    m.drive(&out_valid, arrived);
    m.output("s_axis_tready", ready);
    m.output("m_axis_tvalid", out_valid);
    m.output("m_axis_tdata", weight.sign_extend(field_bits));
    m.output("m_axis_tlast", last);
    Ok(m)
}
