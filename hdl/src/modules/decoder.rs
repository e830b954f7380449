//! `seedlm_decoder`: beats in, integer weights out. The piece to drop into a design of one's own.

use super::Parts;
use super::decode_lane::valid_line;
use super::history::lane_words;
use super::skid::skid;
use crate::netlist::expression::Expression;
use crate::netlist::module::Module;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use std::rc::Rc;

/// Gearbox, lanes, and a register slice that lets the lanes stop without a path through them.
pub fn decoder(config: &DatapathConfig, format: &WeightFormat, parts: &Parts) -> Module {
    let mut m = Module::new(
        "seedlm_decoder",
        &[
            "A stream of words in, their integer weights out: a group of one word per lane and cycle.",
            "m_axis_tdata: mantissas, each sign-extended to whole bytes, in the order of words and of weights in a word.",
            "m_axis_tuser: the exponent of each word. Integer weight = mantissa * 2^exponent.",
            "s_axis_tlast ends a stream: what is left behind the last whole group is dropped. The padding of a stream that ends",
            "in whole groups of zeros comes out as weights that are zero.",
        ],
    );
    let lanes = config.lanes as usize;
    let weights = format.weights_per_word();
    if format.history_bits() > 0 {
        m.explain(&[
            "A stream holds the rows of one tile, TILE_ROWS of them, from their beginning: its end is the end of the rows. Of each",
            "row a group has LANES / TILE_ROWS neighbouring words.",
        ]);
    }
    let mantissa_bits = format.mantissa_bits() as usize;
    let exponent_bits = format.exponent_bits() as usize;
    let mantissa_field = mantissa_bits.next_multiple_of(8);
    let stages = config.decode_stages(format) as usize;
    m.parameter("BEAT_BITS", config.beat_bits);
    m.parameter("LANES", lanes);
    if format.history_bits() > 0 {
        m.parameter("TILE_ROWS", config.tile_rows);
    }
    m.parameter("WEIGHTS_PER_WORD", weights);
    m.parameter("MANTISSA_BITS", mantissa_bits);
    m.parameter("MANTISSA_FIELD_BITS", mantissa_field);
    m.parameter("EXPONENT_BITS", exponent_bits);
    let s_axis_tvalid = m.input("s_axis_tvalid", 1);
    let s_axis_tdata = m.input("s_axis_tdata", config.beat_bits as usize);
    let s_axis_tlast = m.input("s_axis_tlast", 1);
    let m_axis_tready = m.input("m_axis_tready", 1);

    m.comment("The lanes move in every cycle in which the register slice behind them has room.");
    let enable = m.net("slice_s_axis_tready", 1);
    let unpack = m.instance(
        "unpack",
        &parts.unpack,
        &[
            ("s_axis_tvalid", s_axis_tvalid),
            ("s_axis_tdata", s_axis_tdata),
            ("s_axis_tlast", s_axis_tlast),
            ("flush", Expression::zero(1)),
            ("m_axis_tready", enable.clone()),
        ],
    );
    let valid = unpack.get("m_axis_tvalid");
    let last = valid_line(&mut m, "last", &enable, &(&valid & &unpack.get("m_axis_tlast")), stages);
    let words = unpack.get("m_axis_tdata");
    let words = match &parts.history {
        None => lane_words(&mut m, config, format, None, &words, (&valid, &valid)),
        history => {
            let take = m.wire("take", &valid & &enable);
            let ends = unpack.get("m_axis_tlast");
            lane_words(&mut m, config, format, history.as_ref(), &words, (&take, &ends))
        }
    };
    let mut mantissas = Vec::new();
    let mut exponents = Vec::new();
    let mut valids = Vec::new();
    for (lane, word) in words.into_iter().enumerate() {
        let outputs = m.instance(
            &format!("lane_{lane}"),
            &parts.decode_lane,
            &[
                ("enable", enable.clone()),
                ("in_valid", valid.clone()),
                ("in_word", word),
            ],
        );
        let packed = outputs.get("out_mantissas");
        for weight in 0..weights {
            let mantissa = packed.slice(weight * mantissa_bits, mantissa_bits);
            mantissas.push(mantissa.sign_extend(mantissa_field));
        }
        if exponent_bits > 0 {
            exponents.push(outputs.get("out_exponent"));
        }
        valids.push(outputs.get("out_valid"));
    }
    if lanes > 1 {
        m.unused(&valids[1..]);
    }
    let data_bits = lanes * weights * mantissa_field;
    let payload = Expression::join(mantissas.into_iter().chain(exponents).chain([last]));
    let slice = Rc::new(skid("seedlm_skid", payload.width()));
    let slice = m.instance(
        "slice",
        &slice,
        &[
            ("s_axis_tvalid", valids[0].clone()),
            ("s_axis_tdata", payload.clone()),
            ("m_axis_tready", m_axis_tready),
        ],
    );
    let out = slice.get("m_axis_tdata");
    m.output("s_axis_tready", unpack.get("s_axis_tready"));
    m.output("m_axis_tvalid", slice.get("m_axis_tvalid"));
    m.output("m_axis_tdata", out.slice(0, data_bits));
    if exponent_bits > 0 {
        m.output("m_axis_tuser", out.slice(data_bits, lanes * exponent_bits));
    }
    m.output("m_axis_tlast", out.bit(payload.width() - 1));
    m
}
