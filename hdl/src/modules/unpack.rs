//! `seedlm_unpack`: beats in, groups of words out.

use crate::netlist::expression::Expression;
use crate::netlist::module::{Module, bits_for};

/// A gearbox from beats of `beat_bits` to groups of `group_bits`.
pub fn unpack(group_bits: usize, beat_bits: usize) -> Module {
    let mut m = Module::new(
        "seedlm_unpack",
        &[
            "Gearbox: beats in, groups of one word per lane out, least significant bit first, without gaps. After the group that",
            "tlast or flush ends, what is left of the stream is dropped. A stream whose last beat completes no group ends without",
            "m_axis_tlast.",
        ],
    );
    let unit = greatest_common_divisor(group_bits, beat_bits);
    // Just short of a group, plus the beat that completes it, plus one that arrives while the group waits.
    let capacity = group_bits - unit + 2 * beat_bits;
    m.parameter("GROUP_BITS", group_bits);
    m.parameter("BEAT_BITS", beat_bits);
    m.parameter("CAPACITY_BITS", capacity);
    m.parameter("UNIT_BITS", unit);
    let fill_width = bits_for(capacity / unit);
    let units = |bits: usize| Expression::constant(fill_width, bits / unit);
    let s_axis_tvalid = m.input("s_axis_tvalid", 1);
    let s_axis_tdata = m.input("s_axis_tdata", beat_bits);
    let s_axis_tlast = m.input("s_axis_tlast", 1);
    let flush = m.input("flush", 1);
    let m_axis_tready = m.input("m_axis_tready", 1);

    if group_bits == beat_bits {
        let (head, last) = pass(
            &mut m,
            [&s_axis_tvalid, &s_axis_tdata, &s_axis_tlast, &flush, &m_axis_tready],
        );
        m.output("m_axis_tdata", head);
        m.output("m_axis_tlast", last);
        return m;
    }
    m.comment("Bits held, in units of UNIT_BITS; above them, held is zero.");
    let fill = m.register("fill", fill_width);
    let held = m.register("held", capacity);
    let ending = m.register("ending", 1);
    let room = !units(capacity - beat_bits).less_than(&fill);
    let ready = m.wire("ready", room & !&ending);
    let valid = m.wire("valid", !fill.less_than(&units(group_bits)));
    // With little more room than a group there is never another group behind the one at the output.
    let no_other = if 2 * group_bits > capacity {
        Expression::one()
    } else {
        fill.less_than(&units(2 * group_bits))
    };
    // A beat as wide as a group always completes one; a narrower one may end its stream without.
    let completed = if beat_bits >= group_bits {
        Expression::one()
    } else {
        m.register("completed", 1)
    };
    let last = m.wire("last", &(&ending & &completed) & &no_other);
    let taken = m.wire("taken", &valid & &m_axis_tready);
    let accept = m.wire("accept", &s_axis_tvalid & &ready);
    let clear = m.wire("clear", (&taken & &(&last | &flush)) | (&ending & &!&valid));

    m.comment(
        "What is left when a group has been taken; a beat is put above it, moved there in powers of two of the unit.",
    );
    let fill_left = m.wire("fill_left", &fill - &taken.gate(&units(group_bits)));
    let held_above = held.slice(group_bits, capacity - group_bits).zero_extend(capacity);
    let held_left = m.wire("held_left", taken.choose(&held_above, &held));
    let mut moved = m.wire("moved_0", accept.gate(&s_axis_tdata).zero_extend(capacity));
    let largest_move = (capacity - beat_bits) / unit;
    for level in 0..bits_for(largest_move) {
        let places = unit << level;
        let further = if places < capacity {
            moved.slice(0, capacity - places).shift_left(places)
        } else {
            Expression::zero(capacity)
        };
        let name = format!("moved_{}", level + 1);
        moved = m.wire(&name, fill_left.bit(level).choose(&further, &moved));
    }
    let fill_next = &fill_left + &accept.gate(&units(beat_bits));
    m.set(&fill, (!&clear).gate(&fill_next));
    let held_next = &held_left | &moved;
    m.set(&held, (!&clear).gate(&held_next));
    let ends = m.wire("ends", &accept & &s_axis_tlast);
    m.set(&ending, !&clear & (&ending | &ends));
    if beat_bits < group_bits {
        m.comment("Whether the beat with tlast completes a group: without, no group is marked, so tlast never changes in waiting.");
        let fill_after = m.wire("fill_after", fill_next.clone());
        let crossings: Vec<Expression> = (1..=capacity / group_bits)
            .map(|groups| {
                let whole = units(groups * group_bits);
                &fill_left.less_than(&whole) & &!fill_after.less_than(&whole)
            })
            .collect();
        let completes = crossings
            .into_iter()
            .reduce(|a, b| a | b)
            .expect("there is room for a group");
        let completes = m.wire("completes", completes);
        m.set_if(&completed, &ends, completes);
    }
    m.output("s_axis_tready", ready);
    m.output("m_axis_tvalid", valid);
    m.output("m_axis_tdata", held.slice(0, group_bits));
    m.output("m_axis_tlast", last);
    m
}

/// The gearbox where a beat is a group: two registers, of which the second fills while the first waits. Gives the group and
/// whether it is the last.
fn pass(
    m: &mut Module,
    [s_axis_tvalid, s_axis_tdata, s_axis_tlast, flush, m_axis_tready]: [&Expression; 5],
) -> (Expression, Expression) {
    m.comment("Every beat is a group: the one at the output, and one behind it.");
    let head_valid = m.register("head_valid", 1);
    let behind_valid = m.register("behind_valid", 1);
    let ending = m.register("ending", 1);
    let head = m.data_register("head", s_axis_tdata.width());
    let behind = m.data_register("behind", s_axis_tdata.width());
    let ready = m.wire("ready", !&behind_valid & !&ending);
    let last = m.wire("last", &ending & &!&behind_valid);
    let taken = m.wire("taken", &head_valid & m_axis_tready);
    let accept = m.wire("accept", s_axis_tvalid & &ready);
    let clear = m.wire("clear", (&taken & &(&last | flush)) | (&ending & &!&head_valid));
    let moves = m.wire("moves", m_axis_tready | &!&head_valid);
    m.set_if(&head, &moves, behind_valid.choose(&behind, s_axis_tdata));
    m.set_if(&behind, &!&behind_valid, s_axis_tdata.clone());
    let stays = m.wire("stays", &head_valid & &!m_axis_tready);
    let kept = !&clear & (&(&stays | &behind_valid) | &accept);
    m.set(&head_valid, kept);
    m.set(&behind_valid, !&clear & (&stays & &(&behind_valid | &accept)));
    m.set(&ending, !&clear & (&ending | &(&accept & s_axis_tlast)));
    m.output("s_axis_tready", ready);
    m.output("m_axis_tvalid", head_valid);
    (head, last)
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
