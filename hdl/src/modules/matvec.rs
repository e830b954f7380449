//! `seedlm_matvec`: weights and activations in, results out.

use super::Parts;
use super::decode_lane::valid_line;
use super::history::lane_words;
use crate::netlist::expression::Expression;
use crate::netlist::items::Direction;
use crate::netlist::module::{Module, Outputs, bits_for};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::{DatapathConfig, RESULT_BITS};

/// The whole datapath behind AXI4-Lite registers.
pub fn matvec(config: &DatapathConfig, format: &WeightFormat, parts: &Parts) -> Module {
    let mut m = Module::new(
        "seedlm_matvec",
        &[
            "A matrix-vector product: beats of weights and of activations in, results of 64 bits out, started over AXI4-Lite.",
            "s_axis_weights_tlast must be 1 on the last beat of every matrix. weights_level counts the beats that the FIFO",
            "holds. probe shows, for a logic analyser: 0 weights wait, 1 the gearbox takes them, 2 a group is whole, 3 running,",
            "4 its activations are there, 5 it may enter, 6 weights leave the decode lanes, 7 sums leave the MACs.",
        ],
    );
    let beat_bits = config.beat_bits as usize;
    for (name, value) in [
        ("BEAT_BITS", config.beat_bits),
        ("LANES", config.lanes),
        ("TILE_ROWS", config.tile_rows),
        ("ACTIVATION_BITS", config.activation_bits),
        ("LARGEST_COLUMNS", config.largest_columns),
        ("BEAT_FIFO_BEATS", config.beat_fifo_beats),
        ("RESULT_FIFO_GROUPS", config.result_fifo_groups),
        ("ACCUMULATOR_BITS", config.accumulator_bits(format)),
    ] {
        m.parameter(name, value);
    }
    let tile_left = m.net("tile_left", 1);
    let results_done = m.net("results_done", 1);
    let run_ready = m.net("sequencer_next_ready", 1);
    let load_ready = m.net("activation_buffer_next_ready", 1);
    let control = control_port(
        &mut m,
        parts,
        &[
            ("run_ready", run_ready),
            ("load_ready", load_ready),
            ("results_done", results_done.clone()),
        ],
    );
    let weights_tvalid = m.input("s_axis_weights_tvalid", 1);
    let weights_tdata = m.input("s_axis_weights_tdata", beat_bits);
    let weights_tlast = m.input("s_axis_weights_tlast", 1);
    let activations_tvalid = m.input("s_axis_activations_tvalid", 1);
    let activations_tdata = m.input("s_axis_activations_tdata", beat_bits);
    let m_axis_tready = m.input("m_axis_tready", 1);
    let one = Expression::one();

    m.comment("Weights: FIFO and gearbox.");
    let unpack_ready = m.net("unpack_s_axis_tready", 1);
    let weights = m.instance(
        "weight_fifo",
        &parts.weight_fifo,
        &[
            ("s_axis_tvalid", weights_tvalid),
            ("s_axis_tdata", Expression::join([weights_tdata, weights_tlast])),
            ("m_axis_tready", unpack_ready.clone()),
        ],
    );
    let sequence_flush = m.net("sequencer_flush", 1);
    let group_ready = m.net("sequencer_group_ready", 1);
    let beat = weights.get("m_axis_tdata");
    let unpack = m.instance(
        "unpack",
        &parts.unpack,
        &[
            ("s_axis_tvalid", weights.get("m_axis_tvalid")),
            ("s_axis_tdata", beat.slice(0, beat_bits)),
            ("s_axis_tlast", beat.bit(beat_bits)),
            ("flush", sequence_flush),
            ("m_axis_tready", group_ready.clone()),
        ],
    );
    m.unused(&[unpack.get("m_axis_tlast")]);

    m.comment("Order: which group enters, and when.");
    let loaded = m.net("activation_buffer_loaded", 32);
    let group_valid = unpack.get("m_axis_tvalid");
    let sequence = m.instance(
        "sequencer",
        &parts.sequence,
        &[
            ("next_valid", control.get("run_valid")),
            ("tiles", control.get("tiles")),
            ("steps", control.get("steps")),
            ("loaded", loaded.clone()),
            ("group_valid", group_valid.clone()),
            ("tile_left", tile_left.clone()),
        ],
    );
    let issue = m.wire("issue", &group_valid & &group_ready);
    let free = m.net("matrix_decoded", 1);
    let activations = m.instance(
        "activation_buffer",
        &parts.activation_buffer,
        &[
            ("next_valid", control.get("load_valid")),
            ("steps", control.get("steps")),
            ("s_axis_tvalid", activations_tvalid),
            ("s_axis_tdata", activations_tdata),
            ("read", issue.clone()),
            ("read_restart", sequence.get("last")),
            ("read_next", sequence.get("flush")),
            ("free", free.clone()),
        ],
    );

    m.comment("Decode lanes, and what travels beside them.");
    let decode_stages = config.decode_stages(format) as usize;
    let tags = ["first", "last", "last_tile"].map(|tag| {
        let name = format!("group_{tag}");
        valid_line(&mut m, &name, &one, &sequence.get(tag), decode_stages)
    });
    let [first, last, last_tile] = tags;
    let words = unpack.get("m_axis_tdata");
    let ends_row = sequence.get("last");
    let words = lane_words(
        &mut m,
        config,
        format,
        parts.history.as_ref(),
        &words,
        (&issue, &ends_row),
    );
    let lanes: Vec<Outputs> = words
        .into_iter()
        .enumerate()
        .map(|(lane, word)| {
            m.instance(
                &format!("lane_{lane}"),
                &parts.decode_lane,
                &[("enable", one.clone()), ("in_valid", issue.clone()), ("in_word", word)],
            )
        })
        .collect();
    let decoded = lanes[0].get("out_valid");
    m.drive(&free, &(&decoded & &last) & &last_tile);

    let rows_per_mac = config.rows_per_mac();
    m.comment(match rows_per_mac {
        1 => "One MAC and one accumulator for each row of the tile.",
        _ => "One MAC for two rows of the tile, and one accumulator for each row.",
    });
    let sum_bits = config.sum_bits(format) as usize;
    let mut rows: Vec<(Outputs, Outputs)> = Vec::new();
    for (number, lanes) in lanes.chunks(config.words_per_tile_row() * rows_per_mac).enumerate() {
        let joined = |port: &str| Expression::join(lanes.iter().map(|lane| lane.get(port)));
        let mut inputs = vec![
            ("enable", one.clone()),
            ("in_valid", decoded.clone()),
            ("in_first", first.clone()),
            ("in_last", last.clone()),
            ("in_mantissas", joined("out_mantissas")),
            ("in_activations", activations.get("activations")),
        ];
        if format.exponent_bits() > 0 {
            inputs.push(("in_exponents", joined("out_exponent")));
        }
        let mac = m.instance(&format!("mac_{number}"), &parts.mac, &inputs);
        for row in 0..rows_per_mac {
            let accumulate = m.instance(
                &format!("accumulate_{}", number * rows_per_mac + row),
                &parts.accumulate,
                &[
                    ("enable", one.clone()),
                    ("in_valid", mac.get("out_valid")),
                    ("in_first", mac.get("out_first")),
                    ("in_last", mac.get("out_last")),
                    ("in_sum", mac.get("out_sum").slice(row * sum_bits, sum_bits)),
                ],
            );
            rows.push((mac.clone(), accumulate));
        }
    }
    let mac_stages = config.mac_stages(format) as usize;
    let last_tile = valid_line(&mut m, "sums_last_tile", &one, &last_tile, mac_stages + 1);
    let sums = Expression::join(rows.iter().map(|(_, row)| row.get("out_sum")).chain([last_tile]));

    m.comment(
        "Results: a tile at a time into the FIFO, a beat at a time out. There is always room: sequence sees to it.",
    );
    let results = m.instance(
        "result_fifo",
        &parts.result_fifo,
        &[
            ("s_axis_tvalid", rows[0].1.get("out_valid")),
            ("s_axis_tdata", sums),
            ("m_axis_tready", tile_left.clone()),
        ],
    );
    let lane_valids = lanes[1..].iter().map(|lane| lane.get("out_valid"));
    let row_valids = rows[1..].iter().map(|(_, row)| row.get("out_valid"));
    let mut unused = vec![results.get("s_axis_tready"), results.get("level")];
    unused.extend(lane_valids.chain(row_valids));
    m.unused(&unused);
    let (data, last) = result_beats(&mut m, config, format, &results, &m_axis_tready, &tile_left);
    m.drive(&results_done, &tile_left & &last.1);

    m.output("s_axis_weights_tready", weights.get("s_axis_tready"));
    m.output("s_axis_activations_tready", activations.get("s_axis_tready"));
    m.output("m_axis_tvalid", results.get("m_axis_tvalid"));
    m.output("m_axis_tdata", data);
    m.output("m_axis_tlast", last.0);
    m.output("weights_level", weights.get("level"));
    let probe = [
        weights.get("m_axis_tvalid"),
        unpack_ready,
        group_valid,
        sequence.get("running"),
        sequence.get("step_loaded"),
        group_ready,
        decoded,
        rows[0].0.get("out_valid"),
    ];
    m.output("probe", Expression::join(probe));
    m
}

/// The AXI4-Lite port, wired through to the control registers, with what these see of the datapath.
fn control_port(m: &mut Module, parts: &Parts, datapath: &[(&str, Expression)]) -> Outputs {
    let names = parts
        .control
        .ports()
        .iter()
        .filter(|port| port.name.starts_with("s_axil_"));
    let (inputs, outputs): (Vec<_>, Vec<_>) = names.partition(|port| port.direction == Direction::Input);
    let protection = ["s_axil_awprot", "s_axil_arprot"].map(|name| m.input(name, 3));
    let mut connected: Vec<(&str, Expression)> = inputs
        .iter()
        .map(|port| (port.name.as_str(), m.input(&port.name, port.width)))
        .collect();
    connected.extend(datapath.iter().cloned());
    let control = m.instance("control", &parts.control, &connected);
    for port in outputs {
        m.output(&port.name, control.get(&port.name));
    }
    m.unused(&protection);
    control
}

/// Cuts the tile at the output of the result FIFO into beats. Gives the beat, and whether it is the last of the matrix and
/// whether its tile is the last one.
fn result_beats(
    m: &mut Module,
    config: &DatapathConfig,
    format: &WeightFormat,
    results: &Outputs,
    m_axis_tready: &Expression,
    tile_left: &Expression,
) -> (Expression, (Expression, Expression)) {
    let rows = config.tile_rows as usize;
    let width = config.accumulator_bits(format) as usize;
    let result_bits = RESULT_BITS as usize;
    let per_beat = config.beat_bits as usize / result_bits;
    let beats = config.result_beats_per_tile();
    let tile = results.get("m_axis_tdata");
    let last_tile = tile.bit(rows * width);
    let beat_taken = m.wire("beat_taken", &results.get("m_axis_tvalid") & m_axis_tready);
    let beat_of = |beat: usize| {
        Expression::join((0..per_beat).map(|place| {
            let row = beat * per_beat + place;
            if row < rows {
                tile.slice(row * width, width).sign_extend(result_bits)
            } else {
                Expression::zero(result_bits)
            }
        }))
    };
    let (data, ends_tile) = if beats > 1 {
        let index_bits = bits_for(beats - 1);
        let index = m.register("beat_index", index_bits);
        let ends_tile = m.wire("ends_tile", index.is(beats - 1));
        let next = (!&ends_tile).gate(&(&index + &Expression::constant(index_bits, 1_u8)));
        m.set_if(&index, &beat_taken, next);
        let data = (1..beats).fold(beat_of(0), |data, beat| index.is(beat).choose(&beat_of(beat), &data));
        (data, ends_tile)
    } else {
        (beat_of(0), Expression::one())
    };
    m.drive(tile_left, &beat_taken & &ends_tile);
    let last = m.wire("last_beat", &ends_tile & &last_tile);
    (data, (last, last_tile))
}
