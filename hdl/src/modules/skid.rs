//! `seedlm_skid`: a register slice that cuts every path through a link.

use crate::netlist::module::Module;

/// A skid buffer for payloads of `width` bits: a beat per cycle, both directions registered.
pub fn skid(name: &str, width: usize) -> Module {
    let mut m = Module::new(
        name,
        &[
            "Register slice of an AXI4-Stream link: tvalid, tdata and tready are all registered, a beat per cycle passes.",
            "The spare register takes the beat that arrives in the cycle in which the reader stops.",
        ],
    );
    m.parameter("WIDTH", width);
    let s_axis_tvalid = m.input("s_axis_tvalid", 1);
    let s_axis_tdata = m.input("s_axis_tdata", width);
    let m_axis_tready = m.input("m_axis_tready", 1);
    let out_valid = m.register("out_valid", 1);
    let spare_valid = m.register("spare_valid", 1);
    let out_data = m.data_register("out_data", width);
    let spare_data = m.data_register("spare_data", width);
    let accept = m.wire("accept", &s_axis_tvalid & &!&spare_valid);
    let move_on = m.wire("move_on", &!&out_valid | &m_axis_tready);
    m.set_if(&out_valid, &move_on, &spare_valid | &accept);
    let keep_spare = &!&move_on & &(&spare_valid | &accept);
    m.set(&spare_valid, keep_spare);
    m.set_if(&out_data, &move_on, spare_valid.choose(&spare_data, &s_axis_tdata));
    m.set_if(&spare_data, &accept, s_axis_tdata);
    m.output("s_axis_tready", !&spare_valid);
    m.output("m_axis_tvalid", out_valid);
    m.output("m_axis_tdata", out_data);
    m
}
